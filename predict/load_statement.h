/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences about the load to come: "80% chance of 20% more load within 5m". A watch says, after every sample, how
 * probable it is that the load reaches the change within the window, and learns from what came:
 *
 *   forecast -> highest expected load in the window -> how the highest of the past windows missed theirs (quantiles)
 *            -> chance that it passes (1 + change) x the load now -> logistic regression on it and on how restless
 *               the load is -> beta calibration -> probability -> outcome -> all of these, and the score
 *
 * The chance is that of the window's extreme, learnt as such: the samples of a window miss together, so no formula over
 * them one by one would do. Pure; no allocation; a state without pointers (LOAD_WATCH_VERSION).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calibration.h"
#include "forecast.h"
#include "quantile_track.h"
#include "regression.h"

#define LOAD_WATCH_VERSION 1
#define LOAD_WATCH_PENDING 64
#define LOAD_WATCH_INPUTS 8
#define LOAD_STATEMENT_TEXT_MAX 80

struct load_statement {
	double probability; /* 0 to 1: it holds at or above */
	double change; /* share of the load now: 0.2, above 0 */
	bool less;
	uint32_t window_s;
};

/* NUMBER% chance of NUMBER% more|less load within NUMBER s|m|h, words apart by spaces. 0, or -EINVAL with what is wrong
 * and what to write in `error`. */
int load_statement_parse(
		const char *text, struct load_statement *out, char *error, size_t error_size);

/* As parse reads it back to the same; returns the length as snprintf does. */
int load_statement_format(const struct load_statement *s, char *out, size_t size);

/* Of one statement that waits for its window to pass. */
struct load_pending {
	int64_t begun; /* sample's number */
	double limit; /* load that must be reached; NAN: none pending */
	double extreme; /* so far; NAN: none */
	double center, spread; /* expected extreme on the model's scale */
	double raw, probability;
	double input[LOAD_WATCH_INPUTS];
	uint32_t seen, spare; /* samples */
};

struct load_watch {
	double change;
	uint32_t less;
	uint32_t window; /* samples */
	uint32_t stride; /* statements that are scored and learnt from: every stride-th */
	uint32_t spare;
	double probability; /* now; NAN if nothing can be said */
	double extreme_error,
			extremes; /* mean absolute error of the expected extreme in spreads; how many */
	struct quantile_track error; /* divided by extreme_error */
	struct regression weights;
	struct calibration_map map;
	struct calibration_score score;
	struct load_pending pending[LOAD_WATCH_PENDING];
};

/* `sample_s`: the forecast's cadence. The window is rounded up to whole samples; the forecast's horizon must cover it:
 * else -ERANGE. */
int load_watch_init(struct load_watch *w, const struct load_statement *s, double sample_s,
		const struct forecast *f);

/* After each forecast_update(): takes the sample in and says what comes. `events`: at the samples 1 to window ahead, or
 * NULL for none. */
void load_watch_update(struct load_watch *w, const struct forecast *f, const uint32_t *events);

/* After a restore from the same version: sound, and of this statement? */
bool load_watch_valid(const struct load_watch *w, const struct load_statement *s, double sample_s);
