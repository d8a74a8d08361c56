/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the named events of a calendar last. Times are civil: seconds since 1970 as the clock on the wall shows them,
 * without time zones. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum calendar_repeat {
	CALENDAR_ONCE,
	CALENDAR_DAILY,
	CALENDAR_WEEKLY,
	CALENDAR_YEARLY, /* on the same date: February 29 becomes March 1 */
};

struct calendar_event {
	int64_t from_s, to_s; /* to_s is not in it */
	enum calendar_repeat repeat;
};

/* "2026-11-27", "2026-11-27 08:30" or "2026-11-27 08:30:15". 0, or -EINVAL; then nothing in `out`. */
int calendar_time_parse(const char *text, int64_t *out);

bool calendar_lasts(const struct calendar_event *e, int64_t civil_s);

/* How long the event lasts at most before it would meet itself, in seconds: a day, a week, a year; INT64_MAX. */
int64_t calendar_period(enum calendar_repeat repeat);
