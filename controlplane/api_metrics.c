/* SPDX-License-Identifier: Apache-2.0 */
#include "api_show.h"
#include "api_work.h"
#include "metrics.h"

static bool
metrics_turn(struct api_request *rq, void *state)
{
	struct metrics *m = state;

	if (!metrics_run(m, API_TURN_MS))
		return false;
	api_reply_text(rq, metrics_take(m), METRICS_CONTENT_TYPE);
	return true;
}

static void
metrics_release(void *state)
{
	metrics_free(state);
}

void
api_show_metrics(struct api_request *rq)
{
	static const char *const known[] = {"idle", NULL};
	struct metrics *m;
	uint64_t idle = 0;

	if (api_args_known(rq, known) < 0 || api_arg_number(rq, "idle", 1, &idle) < 0)
		return;
	m = metrics_create(rq->g, idle);
	if (m)
		api_work_start(rq, metrics_turn, metrics_release, m);
	else
		api_reply_text(rq, NULL, METRICS_CONTENT_TYPE);
}
