/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "table.h"
#include "units.h"

/* As the configuration allows. */
#define WEIGHT_MAX 65535

/* Takes SERVICE ENDPOINT or SERVICE/ENDPOINT, and then `more` further arguments, into the body. NULL if it is neither.
 * `rest` points to the first of the further ones. */
static json_t *
endpoint_body(const struct request *rq, int more, const char *const **rest)
{
	const char *slash = rq->arg_count ? strchr(rq->arg[0], '/') : NULL;
	int names = rq->arg_count - more;

	*rest = &rq->arg[names > 0 ? names : 0];
	if (names == 1 && slash)
		return json_pack("{s:s%, s:s}", "service", rq->arg[0], (size_t)(slash - rq->arg[0]),
				"endpoint", slash + 1);
	if (names == 2)
		return json_pack("{s:s, s:s}", "service", rq->arg[0], "endpoint", rq->arg[1]);
	command_misused("name the endpoint as SERVICE ENDPOINT or SERVICE/ENDPOINT");
	return NULL;
}

static void
print_changed(const json_t *reply)
{
	const json_t *e = json_object_get(reply, "endpoint");
	char shift[UNIT_TEXT], mirror[UNIT_TEXT];

	printf("%s/%s: %s, weight %.0f, shift %s, mirror %s%s (view %.0f)\n",
			command_text(e, "service"), command_text(e, "endpoint"),
			command_text(e, "state"), command_number(e, "weight"),
			unit_share(command_number(e, "shift"), shift),
			unit_share(command_number(json_object_get(e, "mirror"), "share"), mirror),
			json_is_true(json_object_get(e, "drain")) ? ", drains" : "",
			command_number(reply, "generation"));
}

/* What a failover did, and how it ends. */
static void
print_failover(const json_t *reply)
{
	const json_t *e = json_object_get(reply, "endpoint");
	const char *service = command_text(e, "service"), *endpoint = command_text(e, "endpoint");

	if (!strcmp(command_text(reply, "by"), "drain"))
		printf("Its flows moved to other endpoints; it takes none until\n"
		       "  understudyctl drain %s %s --undo\n",
				service, endpoint);
	else
		printf("Its flows moved to its shadow, which takes the new ones too until\n"
		       "  understudyctl shift %s %s 0%%\n",
				service, endpoint);
	printf("Its live TCP connections, if any, were reset.\n");
}

/* Takes the body's reference. */
static enum client_result
change(struct request *rq, const char *path, json_t *body)
{
	enum client_result rc;
	json_t *reply;
	bool done;

	rc = command_post(rq, path, body, &reply, &done);
	if (rc != CLIENT_OK || done)
		return rc;
	print_changed(reply);
	if (json_object_get(reply, "by"))
		print_failover(reply);
	json_decref(reply);
	return CLIENT_OK;
}

static enum client_result
misused_share(json_t *body, const char *text)
{
	json_decref(body);
	return command_misused("\"%s\" is not a share; write 0 to 100 with a percent sign, as in "
			       "25%%, or 0.25",
			text);
}

enum client_result
change_shift(struct request *rq)
{
	const char *const *rest;
	json_t *body = endpoint_body(rq, 1, &rest);
	double share;

	if (!body)
		return CLIENT_USAGE;
	if (unit_parse_share(rest[0], &share) < 0)
		return misused_share(body, rest[0]);
	json_object_set_new(body, "share", json_real(share));
	return change(rq, "/v1/shift", body);
}

static bool
add_count(json_t *body, const char *key, const char *text)
{
	uint64_t n;

	if (!text)
		return true;
	if (unit_parse_count(text, &n) < 0) {
		command_misused("\"%s\" is not a number for %s; write 1000, 100k or 1G", text, key);
		return false;
	}
	json_object_set_new(body, key, json_integer((json_int_t)n));
	return true;
}

enum client_result
change_mirror(struct request *rq)
{
	const char *const *rest;
	json_t *body = endpoint_body(rq, 1, &rest);
	double share;

	if (!body)
		return CLIENT_USAGE;
	if (unit_parse_share(rest[0], &share) < 0)
		return misused_share(body, rest[0]);
	json_object_set_new(body, "share", json_real(share));
	if (!add_count(body, "shadows", rq->shadows) ||
			!add_count(body, "packets_per_second", rq->pps) ||
			!add_count(body, "bits_per_second", rq->bps)) {
		json_decref(body);
		return CLIENT_USAGE;
	}
	return change(rq, "/v1/mirror", body);
}

enum client_result
change_drain(struct request *rq)
{
	const char *const *rest;
	json_t *body = endpoint_body(rq, 0, &rest);

	if (!body)
		return CLIENT_USAGE;
	json_object_set_new(body, "drain", json_boolean(!rq->undo));
	return change(rq, "/v1/drain", body);
}

enum client_result
change_failover(struct request *rq)
{
	const char *const *rest;
	json_t *body = endpoint_body(rq, 0, &rest);

	return body ? change(rq, "/v1/failover", body) : CLIENT_USAGE;
}

enum client_result
change_weight(struct request *rq)
{
	const char *const *rest;
	json_t *body = endpoint_body(rq, 1, &rest);

	if (!body)
		return CLIENT_USAGE;
	if (!add_count(body, "weight", rest[0])) {
		json_decref(body);
		return CLIENT_USAGE;
	}
	if (command_number(body, "weight") > WEIGHT_MAX) {
		json_decref(body);
		return command_misused(
				"\"%s\" is not a weight; write 0 to %d", rest[0], WEIGHT_MAX);
	}
	return change(rq, "/v1/weight", body);
}

enum client_result
change_reload(struct request *rq)
{
	enum client_result rc;
	json_t *reply, *text;
	bool done;
	size_t i;

	rc = command_post(rq, "/v1/reload", json_object(), &reply, &done);
	if (rc != CLIENT_OK || done)
		return rc;
	json_array_foreach(json_object_get(reply, "warnings"), i, text)
			fprintf(stderr, "warning: %s\n", json_string_value(text));
	printf("reloaded (view %.0f)\n", command_number(reply, "generation"));
	json_decref(reply);
	return CLIENT_OK;
}
