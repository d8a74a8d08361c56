/* SPDX-License-Identifier: Apache-2.0 */
/* What is usual at this time of day, and of the week: a mean per quarter of an hour and per hour. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ANOMALY_DAY_BINS 96
#define ANOMALY_WEEK_BINS 168

struct anomaly_visit {
	double sum;
	uint32_t n;
	int16_t bin; /* -1: none yet */
	uint16_t reserved;
};

struct anomaly_season {
	struct anomaly_visit day_now,
			week_now; /* bins in progress: they count when they are left */
	float day[ANOMALY_DAY_BINS], week[ANOMALY_WEEK_BINS];
	uint8_t day_visits[ANOMALY_DAY_BINS], week_visits[ANOMALY_WEEK_BINS];
	bool trusts_visit; /* a visit in progress may say what is usual */
};

struct anomaly_expected {
	double day, week;
};

/* `trusts_visit` suits few samples per bin; with many a change would hide behind itself. */
void anomaly_season_init(struct anomaly_season *s, bool trusts_visit);

/*
 * What was expected of `x` at `seconds` (UTC since the epoch), then learns it: the bin's mean over earlier visits (the
 * newest weighs a fifth); before there are any this visit's mean so far, if that is trusted; else `otherwise`. Without an hour of the
 * week as of the day.
 */
struct anomaly_expected anomaly_season_expect(
		struct anomaly_season *s, double x, int64_t seconds, double otherwise);
