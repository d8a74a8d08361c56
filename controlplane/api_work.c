/* SPDX-License-Identifier: Apache-2.0 */
#include "api_work.h"

/* Each takes a turn of every millisecond, so they are few. */
#define WORKS_MAX 4

static unsigned works; /* going on */

static void
release(struct api_request *rq)
{
	rq->work.free_state(rq->work.state);
	rq->work.state = NULL;
	works--;
}

static void
turn(void *arg)
{
	struct api_request *rq = arg;

	if (!rq->work.run(rq, rq->work.state))
		return;
	release(rq);
	api_request_finish(rq);
}

static void
refuse(struct api_request *rq)
{
	api_reply_fault(rq,
			&(struct api_fault){.status = 503,
					.message = "too many long answers at the same time",
					.hint = "try again in a moment"});
}

void
api_work_start(struct api_request *rq, bool (*run)(struct api_request *rq, void *state),
		void (*free_state)(void *state), void *state)
{
	if (run(rq, state)) {
		free_state(state);
		return;
	}
	rq->timer = works < WORKS_MAX ? loop_timer(rq->g->loop, 1, 1, turn, rq) : NULL;
	if (!rq->timer) {
		free_state(state);
		refuse(rq);
		return;
	}
	works++;
	rq->work.run = run;
	rq->work.free_state = free_state;
	rq->work.state = state;
	rq->waiting = true;
	rq->cancel = release;
}
