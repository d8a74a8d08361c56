/* SPDX-License-Identifier: Apache-2.0 */
#include "api_events.h"

#define EVENTS_MAX 1000
/* Long enough that waiting costs nothing, short enough that a client that hung up is soon forgotten. */
#define WAIT_MAX_S 60

static void
answer(struct api_request *rq)
{
	struct journal *j = rq->g->journal;

	api_reply_json(rq,
			json_pack("{s:o s:o}", "events", journal_since(j, rq->after, EVENTS_MAX),
					"last", api_count(journal_last(j))));
}

static void
forget(struct api_request *rq)
{
	LIST_REMOVE(rq, link);
}

static void
finish(struct api_request *rq)
{
	forget(rq);
	answer(rq);
	api_request_finish(rq);
}

static void
timed_out(void *arg)
{
	finish(arg);
}

static void
wait_for_news(struct api_request *rq, uint64_t seconds)
{
	rq->timer = loop_timer(rq->g->loop, (uint32_t)seconds * 1000, 0, timed_out, rq);
	if (!rq->timer) {
		answer(rq);
		return;
	}
	rq->waiting = true;
	rq->cancel = forget;
	LIST_INSERT_HEAD(rq->event_waiters, rq, link);
}

void
api_events_list(struct api_request *rq)
{
	static const char *const known[] = {"after", "wait", NULL};
	uint64_t wait_s = 0;

	rq->after = 0;
	if (api_args_known(rq, known) < 0 ||
			api_arg_number(rq, "after", INT64_MAX, &rq->after) < 0 ||
			api_arg_number(rq, "wait", WAIT_MAX_S, &wait_s) < 0)
		return;
	if (wait_s == 0 || journal_last(rq->g->journal) != rq->after)
		answer(rq);
	else
		wait_for_news(rq, wait_s);
}

void
api_events_wake(struct api_request_list *waiters)
{
	struct api_request *rq, *next;

	for (rq = LIST_FIRST(waiters); rq; rq = next) {
		next = LIST_NEXT(rq, link);
		finish(rq);
	}
}
