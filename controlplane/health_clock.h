/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as deadlines of checks count it: it stands still while the loop does. Answers that came during a stall wait
 * unread, so a check must not fail for what its own reader missed. A loop that is late all the time still ends checks:
 * some of its time counts. Pure: time is an argument.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct health_clock {
	uint64_t ms; /* as of the last tick */
	uint64_t tick_ms; /* when that was; 0: never */
	bool late; /* it was */
};

/* To be called every `period_ms`. A tick that comes more than two periods late does not count at all, so that what waits
 * is read before the next one; one that follows it as late counts as three periods. */
void health_clock_tick(struct health_clock *c, uint64_t now_ms, uint32_t period_ms);
