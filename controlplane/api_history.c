/* SPDX-License-Identifier: Apache-2.0 */
#include "api_history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

#define POINTS_MAX 400000 /* of one answer: some 10 MB */
#define POINTS_USUAL 600 /* of a series, if no step is asked for */
#define RECORDS_MAX 10000
#define STEP_MAX_S 86400

static const char *
arg_or_empty(const struct api_request *rq, const char *key)
{
	const char *value = api_arg_or_null(rq, key);

	return value ? value : "";
}

static void
cancel(struct api_request *rq)
{
	history_cancel(rq->ticket);
}

void
api_history_wait(struct api_request *rq, struct history_ticket *ticket)
{
	if (!rq->g->history)
		api_reply_fault(rq,
				&(struct api_fault){.status = 409,
						.message = "no history is kept",
						.hint = "name a file in history.file of the "
							"configuration and restart"});
	else if (!ticket)
		api_reply_fault(rq,
				&(struct api_fault){.status = 503,
						.message = "too many questions to the history at "
							   "the same time",
						.hint = "try again in a moment"});
	rq->ticket = ticket;
	rq->waiting = ticket != NULL;
	rq->cancel = cancel;
}

static void
reply_error(struct api_request *rq, int error, const char *list)
{
	struct api_fault fault = {.status = 503,
			.message = "the history cannot be read",
			.value = strerror(-error),
			.hint = "see `understudyctl events`"};

	if (error == -ENOENT)
		fault = (struct api_fault){.status = 404,
				.message = "nothing of that name is kept",
				.hint = list};
	if (error == -E2BIG)
		fault = (struct api_fault){.status = 400,
				.message = "too many points",
				.field = "step",
				.hint = "ask for longer steps, less time, or one metric"};
	api_reply_fault(rq, &fault);
}

static void
on_text(void *arg, int error, char *text)
{
	struct api_request *rq = arg;

	if (error)
		reply_error(rq, error, "GET /v1/history lists them");
	else
		api_reply_text(rq, text, "application/json");
	api_request_finish(rq);
}

static json_t *
stats_json(const struct history *h)
{
	struct history_stats s;

	history_stats(h, &s);
	return json_pack("{s:b s:I s:I s:I s:I s:I s:I s:I}", "usable", s.usable, "samples",
			(json_int_t)s.samples, "records", (json_int_t)s.records, "models",
			(json_int_t)s.models, "dropped", (json_int_t)s.dropped, "lost",
			(json_int_t)s.lost, "bytes_on_disk", (json_int_t)s.bytes_on_disk, "series",
			(json_int_t)s.series);
}

static void
reply_rows(struct api_request *rq, int error, const char *key, json_t *rows)
{
	if (error)
		reply_error(rq, error, NULL);
	else
		api_reply_json(rq, json_pack("{s:O}", key, rows));
}

static void
on_list(void *arg, int error, json_t *rows)
{
	struct api_request *rq = arg;

	reply_rows(rq, error, "series", rows);
	if (!error)
		json_object_set_new(rq->reply.body, "history", stats_json(rq->g->history));
	api_request_finish(rq);
}

static uint64_t
usual_step_s(uint64_t from_ms, uint64_t to_ms)
{
	uint64_t step = (to_ms - from_ms) / 1000 / POINTS_USUAL;

	return step < 1 ? 1 : step > STEP_MAX_S ? STEP_MAX_S : step;
}

void
api_history_show(struct api_request *rq)
{
	static const char *const known[] = {
			"service", "endpoint", "metric", "from", "to", "step", NULL};
	uint64_t from = 0, to = loop_wall_ms() + 1000, step = 0;
	struct history_query q = {.points_max = POINTS_MAX};

	if (api_args_known(rq, known) < 0 || api_arg_number(rq, "from", INT64_MAX, &from) < 0 ||
			api_arg_number(rq, "to", INT64_MAX, &to) < 0 ||
			api_arg_number(rq, "step", STEP_MAX_S, &step) < 0)
		return;
	q.service = arg_or_empty(rq, "service");
	q.endpoint = arg_or_empty(rq, "endpoint");
	q.metric = arg_or_empty(rq, "metric");
	if (!api_arg_or_null(rq, "from")) {
		api_history_wait(rq,
				history_list(rq->g->history, q.service, q.endpoint, on_list, rq));
		return;
	}
	if (from > to) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 400,
						.message = "begins after its end",
						.field = "from"});
		return;
	}
	q.from_ms = from;
	q.to_ms = to;
	q.step_ms = (uint32_t)(step ? step : usual_step_s(from, to)) * 1000;
	api_history_wait(rq, history_query_text(rq->g->history, &q, on_text, rq));
}

static void
on_records(void *arg, int error, json_t *rows)
{
	struct api_request *rq = arg;

	reply_rows(rq, error, "records", rows);
	api_request_finish(rq);
}

void
api_history_records(struct api_request *rq)
{
	static const char *const known[] = {"kind", "since", "limit", NULL};
	struct history_record_query q = {
			.kind = arg_or_empty(rq, "kind"), .service = "", .endpoint = ""};
	uint64_t limit = 100;

	if (api_args_known(rq, known) < 0 ||
			api_arg_number(rq, "since", INT64_MAX, &q.since_ms) < 0 ||
			api_arg_number(rq, "limit", RECORDS_MAX, &limit) < 0)
		return;
	q.max = (uint32_t)limit;
	api_history_wait(rq, history_records(rq->g->history, &q, on_records, rq));
}

static void
on_models(void *arg, int error, json_t *rows)
{
	struct api_request *rq = arg;

	reply_rows(rq, error, "models", rows);
	api_request_finish(rq);
}

void
api_history_models(struct api_request *rq)
{
	static const char *const known[] = {"prefix", NULL};

	if (api_args_known(rq, known) < 0)
		return;
	api_history_wait(rq,
			history_model_list(
					rq->g->history, arg_or_empty(rq, "prefix"), on_models, rq));
}

static char *
hex_or_null(const uint8_t *bytes, size_t size)
{
	static const char digit[] = "0123456789abcdef";
	char *text = malloc(2 * size + 1);
	size_t i;

	for (i = 0; text && i < size; i++) {
		text[2 * i] = digit[bytes[i] >> 4];
		text[2 * i + 1] = digit[bytes[i] & 15];
	}
	if (text)
		text[2 * size] = '\0';
	return text;
}

static void
on_model(void *arg, int error, uint32_t version, const void *state, size_t size)
{
	struct api_request *rq = arg;
	char *hex = error ? NULL : hex_or_null(state, size);

	if (error)
		reply_error(rq, error, "GET /v1/models lists them");
	else
		api_reply_json(rq,
				hex ? json_pack("{s:s s:I s:I s:s}", "name",
						      arg_or_empty(rq, "name"), "version",
						      (json_int_t)version, "bytes",
						      (json_int_t)size, "state", hex)
				    : NULL);
	free(hex);
	api_request_finish(rq);
}

void
api_history_model(struct api_request *rq)
{
	static const char *const known[] = {"name", NULL};

	if (api_args_known(rq, known) < 0)
		return;
	api_history_wait(rq,
			history_model_read(rq->g->history, arg_or_empty(rq, "name"), on_model, rq));
}

void
api_history_models_reset(struct api_request *rq)
{
	static const char *const known[] = {"prefix", NULL};
	const json_t *prefix = json_object_get(rq->body, "prefix");

	if (api_body_known(rq, known) < 0 || api_body_required(rq, "prefix") < 0)
		return;
	if (!json_is_string(prefix)) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 400,
						.message = "bad value",
						.field = "prefix",
						.hint = "a string: what the names begin with"});
		return;
	}
	if (!rq->g->history) {
		api_history_wait(rq, NULL);
		return;
	}
	history_model_forget(rq->g->history, json_string_value(prefix));
	journal_add(rq->g->journal, JOURNAL_NOTICE, "models", NULL, NULL,
			"models whose names begin with \"%s\" begin anew",
			json_string_value(prefix));
	api_reply_json(rq, json_pack("{s:s}", "reset", json_string_value(prefix)));
}
