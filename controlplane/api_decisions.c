/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions of before the start are in the history, the newest in memory as well. A page goes through the history in
 * the order that it was written, up to the oldest decision that is in memory, and on from there:
 *
 *   history   |─── other runs ───|─── this run ────────|··· not written yet
 *   memory                               |──────────────────────────── last
 *   page      id ───────────────────────>| number ───────────────────> |
 *
 * So each is told once, also those that the history has not got yet, or lost. `page` names the place: ID.NUMBER.
 */
#include "api_decisions.h"

#include <inttypes.h>
#include <stdio.h>

#include "api_history.h"
#include "history.h"
#include "steering.h"
#include "steering_record.h"

#define DECISIONS_DEFAULT 200
#define DECISIONS_MAX 2000
#define PAGE_TEXT 44

enum wanted {
	NEWEST, /* the newest of all */
	PAGE, /* from a time or a page on */
	NEWER, /* than one of this run */
};

struct question {
	enum wanted wanted;
	struct history_record_query old;
	struct steering_query now;
	bool more; /* another page */
};

static int
page_read(struct api_request *rq, const char *page, struct question *q)
{
	char rest;

	if (*page >= '0' && *page <= '9' &&
			sscanf(page, "%" SCNu64 ".%" SCNu64 "%c", &q->old.after, &q->now.after,
					&rest) == 2)
		return 0;
	api_reply_fault(rq,
			&(struct api_fault){.status = 400,
					.message = "no page",
					.field = "page",
					.value = page,
					.hint = "what `next` of the page before says"});
	return -1;
}

static const char *
name_or_empty(const char *name_or_null)
{
	return name_or_null ? name_or_null : "";
}

static int
question_read(struct api_request *rq, struct question *q)
{
	static const char *const known[] = {
			"after", "since", "page", "limit", "service", "endpoint", NULL};
	const char *page = api_arg_or_null(rq, "page");
	uint64_t max = DECISIONS_DEFAULT;

	*q = (struct question){.now = {.service = api_arg_or_null(rq, "service"),
					       .endpoint = api_arg_or_null(rq, "endpoint")}};
	if (api_args_known(rq, known) < 0 ||
			api_arg_number(rq, "after", INT64_MAX, &q->now.after) < 0 ||
			api_arg_number(rq, "since", INT64_MAX, &q->now.since_ms) < 0 ||
			api_arg_number(rq, "limit", DECISIONS_MAX, &max) < 0)
		return -1;
	if (api_arg_or_null(rq, "after"))
		q->wanted = NEWER;
	else if (page || api_arg_or_null(rq, "since"))
		q->wanted = PAGE;
	q->now.max = (uint32_t)max;
	q->old = (struct history_record_query){.kind = "decision",
			.service = name_or_empty(q->now.service),
			.endpoint = name_or_empty(q->now.endpoint),
			.since_ms = q->now.since_ms,
			.max = q->now.max};
	return page ? page_read(rq, page, q) : 0;
}

static void
reply(struct api_request *rq, const struct question *q, json_t *decisions, const char *history)
{
	const struct steering_record *r = steering_record_of(rq->g->steering);
	char next[PAGE_TEXT];

	snprintf(next, sizeof(next), "%" PRIu64 ".%" PRIu64, q->old.after, q->now.after);
	api_reply_json(rq,
			json_pack("{s:o s:o s:s s:o}", "decisions", decisions, "last",
					api_count(steering_record_last(r)), "history", history,
					"next", q->more ? json_string(next) : json_null()));
}

static void
append_new(json_t *out, json_t *more)
{
	json_array_extend(out, more);
	json_decref(more);
}

/* What memory has of the page, after what there is of it. */
static void
add_page(const struct steering_record *r, struct question *q, json_t *out)
{
	const json_t *newest;

	q->now.max = q->old.max - (uint32_t)json_array_size(out);
	append_new(out, steering_record_next(r, &q->now));
	q->more = q->old.max > 0 && json_array_size(out) == q->old.max;
	newest = json_array_get(out, json_array_size(out) - 1);
	if (steering_record_number(r, newest) > q->now.after)
		q->now.after = steering_record_number(r, newest);
}

/* True if memory goes on from here. */
static bool
add_page_of_old(const struct steering_record *r, struct question *q, const json_t *rows,
		json_t *out)
{
	json_t *row, *decision;
	uint64_t number;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		decision = json_object_get(row, "record");
		number = steering_record_number(r, decision);
		if (number && steering_record_keeps(r, number))
			return true;
		q->old.after = (uint64_t)json_integer_value(json_object_get(row, "id"));
		if (number && number <= q->now.after)
			continue;
		if (number)
			q->now.after = number;
		json_array_append(out, decision);
	}
	return json_array_size(rows) < q->old.max;
}

static void
add_newest(const struct steering_record *r, const struct question *q, const json_t *rows,
		json_t *out)
{
	json_t *row, *decision;
	uint64_t number;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		decision = json_object_get(row, "record");
		number = steering_record_number(r, decision);
		if (!number || !steering_record_keeps(r, number))
			json_array_append(out, decision);
	}
	append_new(out, steering_record_list(r, &q->now));
	while (json_array_size(out) > q->now.max)
		json_array_remove(out, 0);
}

static void
join(struct api_request *rq, struct question *q, const json_t *rows, const char *history)
{
	const struct steering_record *r = steering_record_of(rq->g->steering);
	json_t *out = json_array();

	if (q->wanted != PAGE)
		add_newest(r, q, rows, out);
	else if (add_page_of_old(r, q, rows, out))
		add_page(r, q, out);
	else
		q->more = q->old.max > 0;
	reply(rq, q, out, history);
}

static void
on_rows(void *arg, int error, json_t *rows)
{
	struct api_request *rq = arg;
	json_t *none = json_array();
	struct question q;

	if (question_read(rq, &q) == 0)
		join(rq, &q, error ? none : rows, error ? "unreadable" : "read");
	json_decref(none);
	api_request_finish(rq);
}

void
api_decisions_list(struct api_request *rq)
{
	const struct steering_record *r = steering_record_of(rq->g->steering);
	struct question q;

	if (question_read(rq, &q) < 0)
		return;
	if (!rq->g->history)
		join(rq, &q, NULL, "off");
	else if (q.wanted == NEWER || steering_record_keeps(r, q.now.after))
		join(rq, &q, NULL, "read");
	else if (q.wanted == PAGE)
		api_history_wait(rq, history_records_after(rq->g->history, &q.old, on_rows, rq));
	else
		api_history_wait(rq, history_records(rq->g->history, &q.old, on_rows, rq));
}
