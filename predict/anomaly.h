/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming detector of what is strange in one series: eight views of it, each turned into a surprise (-ln of its
 * probability, in nats) against that view's own past, averaged with weights. Causal, one pass, fixed memory, no knowledge
 * of the range. Pure: no clock, I/O or allocation; the same samples give the same bits. docs/prediction-anomaly.md has
 * the method, where its constants come from and what it scores.
 *
 * A state is plain data of its caller's, one per metric; settings are shared by all metrics of one cadence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anomaly_alarm.h"
#include "anomaly_histogram.h"
#include "anomaly_level.h"
#include "anomaly_mix.h"
#include "anomaly_pattern.h"
#include "anomaly_season.h"
#include "anomaly_window.h"

/* The views: X(name, weight, text). */
#define ANOMALY_VIEW_LIST(X)                                      \
	X(mix, 1, "other values than usual")                      \
	X(rough, 1, "it varies more than before")                 \
	X(still, 1, "it varies less than before")                 \
	X(steps, 1, "it jumps more from sample to sample")        \
	X(day, 1, "it is unlike other days at this time")         \
	X(week, 1, "it is unlike other weeks at this hour")       \
	X(drift, 1, "it has left its daily course for some time") \
	X(course, 2, "its course is new")

enum anomaly_view {
#define X(name, weight, text) ANOMALY_##name,
	ANOMALY_VIEW_LIST(X)
#undef X
	ANOMALY_VIEWS
};

#define ANOMALY_SAMPLE_MAX 1e30 /* what is not smaller is not learnt */

struct anomaly_settings {
	uint32_t learn; /* samples before the first alarm; the unit of its other times */
	uint32_t memory; /* a view's past is halved when it holds so many samples */
	bool fast; /* more than one sample a minute */
	struct anomaly_alarm_rule alarm;
};

struct anomaly {
	struct anomaly_histogram past[ANOMALY_VIEWS];
	struct anomaly_pattern pattern;
	struct anomaly_season season;
	struct anomaly_window window;
	struct anomaly_level level;
	struct anomaly_mix mix;
	double last, steps,
			drift; /* the newest sample; weighted means of |change| and of the way off the day's course */
	struct anomaly_alarm alarm;
	float course; /* surprise of the last finished segment: holds until the next */
	uint32_t n; /* samples learnt */
};

_Static_assert(sizeof(struct anomaly) <= 6144, "10,000 metrics in 64 MB");

struct anomaly_result {
	float score; /* mean surprise, nats, 0 to 20; 0 while too little was seen */
	float threshold; /* nats; what the score had to reach for an alarm */
	bool alarm;
	enum anomaly_view cause; /* of the largest surprise; ANOMALY_VIEWS while score is 0 */
	float surprise[ANOMALY_VIEWS]; /* nats */
	float sd; /* how far the newest values' mean is from the long-run mean, in long-run standard deviations, with its sign */
};

/*
 * The one rule by which settings follow from the seconds between samples (> 0) and the learning length in samples:
 * - all times but the day are shares of the learning length;
 * - the threshold is 2.3 nats;
 * - an alarm raises it by .3, which falls off over 6 learning lengths, and not faster than over a day;
 * - with more than one sample a minute the threshold is at least what the metric's own score reaches by chance once a
 *   day, and the score must reach it in two samples in a row: a second's peak is no news, that of five minutes is;
 *   and a quarter of an hour in progress does not say what is usual in it.
 */
void anomaly_settings_init(struct anomaly_settings *s, double cadence_s, uint32_t learn);

void anomaly_init(struct anomaly *a, const struct anomaly_settings *s);

/* One sample at `seconds` (UTC since the epoch, for time of day). A sample that is NAN, infinite or beyond ANOMALY_SAMPLE_MAX has no verdict (all of the result 0) and is not learnt. */
struct anomaly_result anomaly_update(
		struct anomaly *a, const struct anomaly_settings *s, double x, int64_t seconds);

/* Begins to load a state that is updated next but one: states lie cold in memory. */
void anomaly_prefetch(const struct anomaly *a);

/* "its level left its long-run level" */
const char *anomaly_view_text(enum anomaly_view view);

/* To keep a state over a restart of the same version on the same machine. */
#define ANOMALY_SAVED_SIZE (sizeof(struct anomaly) + 16)
void anomaly_save(const struct anomaly *a, uint8_t out[ANOMALY_SAVED_SIZE]);
/* -EINVAL: damaged; -EPROTO: of another version or of other settings. Nothing is changed then. */
int anomaly_restore(
		struct anomaly *a, const struct anomaly_settings *s, const void *in, size_t size);
