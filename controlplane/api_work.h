/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that take longer than the loop may stand still: made in turns of API_TURN_MS, in between of which everything
 * else goes on. Control thread.
 */
#pragma once

#include "api_request.h"

/* Checks, timers and punted packets wait for as long. */
#define API_TURN_MS 2

/* Takes `state`, which free_state releases in the end. `run` is called at once, then each millisecond until it returns
 * true, having made the reply. */
void api_work_start(struct api_request *rq, bool (*run)(struct api_request *rq, void *state),
		void (*free_state)(void *state), void *state);
