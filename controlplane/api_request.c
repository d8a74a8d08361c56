/* SPDX-License-Identifier: Apache-2.0 */
#include "api_request.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void
api_request_fini(struct api_request *rq)
{
	if (rq->waiting && rq->cancel)
		rq->cancel(rq);
	rq->waiting = false;
	loop_unwatch(rq->timer);
	rq->timer = NULL;
	json_decref(rq->body);
	json_decref(rq->draft);
	json_decref(rq->reply.body);
	free(rq->reply.text);
	rq->body = rq->draft = rq->reply.body = NULL;
	rq->reply.text = NULL;
}

void
api_request_finish(struct api_request *rq)
{
	if (!rq->waiting)
		return;
	rq->waiting = false;
	loop_unwatch(rq->timer);
	rq->timer = NULL;
	if (rq->finished)
		rq->finished(rq->finished_arg);
}

void
api_reply_json(struct api_request *rq, json_t *body)
{
	if (!body) {
		api_reply_fault(rq, &(struct api_fault){.status = 500, .message = "out of memory"});
		return;
	}
	json_decref(rq->reply.body);
	rq->reply.status = 200;
	rq->reply.body = body;
}

void
api_reply_text(struct api_request *rq, char *text, const char *content_type)
{
	if (!text) {
		api_reply_fault(rq, &(struct api_fault){.status = 500, .message = "out of memory"});
		return;
	}
	free(rq->reply.text);
	rq->reply.status = 200;
	rq->reply.text = text;
	rq->reply.content_type = content_type;
}

/* What a client sent may be any bytes; what is not UTF-8 is not shown. */
static json_t *
text_or_null(const char *text)
{
	json_t *out = text ? json_string(text) : NULL;

	return out ? out : json_null();
}

void
api_reply_fault(struct api_request *rq, const struct api_fault *fault)
{
	json_decref(rq->reply.body);
	rq->reply.status = fault->status;
	rq->reply.body = json_pack("{s:{s:o s:o s:o s:o}}", "error", "message",
			text_or_null(fault->message), "field", text_or_null(fault->field), "value",
			text_or_null(fault->value), "hint", text_or_null(fault->hint));
}

static bool
is_known(const char *key, const char *const *known)
{
	for (; *known; known++) {
		if (!strcmp(key, *known))
			return true;
	}
	return false;
}

/* "message, service, endpoint", for the hint. */
static void
list_known(const char *const *known, char *out, size_t size)
{
	size_t used;

	snprintf(out, size, "%s", known[0] ? "known: " : "none is known here");
	for (; *known; known++) {
		used = strlen(out);
		snprintf(out + used, size - used, "%s%s", *known, known[1] ? ", " : "");
	}
}

static int
refuse_unknown(struct api_request *rq, const char *key, const char *const *known)
{
	char hint[256];

	list_known(known, hint, sizeof(hint));
	api_reply_fault(rq,
			&(struct api_fault){.status = 400,
					.message = "unknown field",
					.field = key,
					.hint = hint});
	return -1;
}

static int
refuse_value(struct api_request *rq, const char *key, const char *value, const char *hint)
{
	api_reply_fault(rq,
			&(struct api_fault){.status = 400,
					.message = "bad value",
					.field = key,
					.value = value,
					.hint = hint});
	return -1;
}

static int
refuse_json(struct api_request *rq, const char *key, const json_t *value, const char *hint)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	if (text && strlen(text) > 100)
		strcpy(text + 97, "...");
	refuse_value(rq, key, text, hint);
	free(text);
	return -1;
}

int
api_args_known(struct api_request *rq, const char *const *known)
{
	size_t i;

	for (i = 0; i < rq->arg_count; i++) {
		if (!is_known(rq->arg[i].key, known))
			return refuse_unknown(rq, rq->arg[i].key, known);
	}
	return 0;
}

const char *
api_arg_or_null(const struct api_request *rq, const char *key)
{
	size_t i;

	for (i = 0; i < rq->arg_count; i++) {
		if (!strcmp(rq->arg[i].key, key))
			return rq->arg[i].value;
	}
	return NULL;
}

int
api_arg_number(struct api_request *rq, const char *key, uint64_t max, uint64_t *out)
{
	const char *text = api_arg_or_null(rq, key);
	unsigned long long n;
	char hint[64];
	char *end;

	if (!text)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > max) {
		snprintf(hint, sizeof(hint), "a whole number from 0 to %llu",
				(unsigned long long)max);
		return refuse_value(rq, key, text, hint);
	}
	*out = n;
	return 0;
}

int
api_body_known(struct api_request *rq, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach(rq->body, key, value)
	{
		if (!is_known(key, known))
			return refuse_unknown(rq, key, known);
	}
	return 0;
}

int
api_body_required(struct api_request *rq, const char *key)
{
	if (json_object_get(rq->body, key))
		return 0;
	api_reply_fault(rq,
			&(struct api_fault){
					.status = 400, .message = "missing field", .field = key});
	return -1;
}

int
api_body_share(struct api_request *rq, const char *key, uint32_t *out)
{
	const json_t *value = json_object_get(rq->body, key);
	double share;

	if (!value)
		return 0;
	share = json_number_value(value);
	if (!json_is_number(value) || !(share >= 0 && share <= 1))
		return refuse_json(rq, key, value, "a number from 0 to 1");
	*out = (uint32_t)lround(share * SHARE_ONE);
	return 0;
}

int
api_body_number(struct api_request *rq, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *value = json_object_get(rq->body, key);
	char hint[64];

	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
			(uint64_t)json_integer_value(value) > max) {
		snprintf(hint, sizeof(hint), "a whole number from 0 to %llu",
				(unsigned long long)max);
		return refuse_json(rq, key, value, hint);
	}
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

int
api_body_bool(struct api_request *rq, const char *key, bool *out)
{
	const json_t *value = json_object_get(rq->body, key);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return refuse_json(rq, key, value, "true or false");
	*out = json_is_true(value);
	return 0;
}

static const char *
body_text_or_null(struct api_request *rq, const char *key)
{
	const json_t *value = json_object_get(rq->body, key);

	if (api_body_required(rq, key) < 0)
		return NULL;
	if (!json_is_string(value))
		refuse_json(rq, key, value, "a string");
	return json_string_value(value);
}

struct endpoint *
api_body_endpoint_or_null(struct api_request *rq)
{
	const char *service = body_text_or_null(rq, "service");
	const char *endpoint = service ? body_text_or_null(rq, "endpoint") : NULL;

	return endpoint ? api_endpoint_or_null(rq, service, endpoint) : NULL;
}

struct service *
api_service_or_null(struct api_request *rq, const char *service)
{
	struct service *s = registry_service_by_name(rq->g->registry, service);

	if (!s)
		api_reply_fault(rq,
				&(struct api_fault){.status = 404,
						.message = "no such service",
						.field = "service",
						.value = service,
						.hint = "GET /v1/services lists them"});
	return s;
}

struct endpoint *
api_endpoint_or_null(struct api_request *rq, const char *service, const char *endpoint)
{
	struct endpoint *e;

	if (!api_service_or_null(rq, service))
		return NULL;
	e = registry_endpoint_by_name(rq->g->registry, service, endpoint);
	if (!e)
		api_reply_fault(rq,
				&(struct api_fault){.status = 404,
						.message = "the service has no such endpoint",
						.field = "endpoint",
						.value = endpoint,
						.hint = "GET /v1/endpoints lists them"});
	return e;
}

json_t *
api_real(double value)
{
	json_t *out = json_real(value); /* NULL for NAN and infinity */

	return out ? out : json_null();
}

json_t *
api_count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *
api_rate(uint64_t delta, double seconds)
{
	return seconds > 0 ? api_real((double)delta / seconds) : json_null();
}

json_t *
api_share(uint32_t share)
{
	return json_real((double)share / SHARE_ONE);
}

json_t *
api_address(const struct ip_addr *a)
{
	char text[IP_TEXT_SIZE];

	return ip_is_none(a) ? json_null() : json_string(ip_format(a, text));
}
