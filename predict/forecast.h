/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A streaming forecast of one series: level, damped trend, several seasons, named events, and for every horizon its
 * own regression on how far the series is from those now, lately, and a season ago, with quantiles of what it missed.
 *
 *   sample -> errors of the forecasts that were made for it -> quantiles, spread and weights by horizon
 *          -> level, trend, seasons, events -> forecasts for 1, 2, 3, 4, 6, 8, 12 .. H samples ahead
 *
 * Pure: no clock, no allocation after create, and a state without pointers that is kept by copying it. Samples are
 * numbered; a number that is skipped, or NAN, is a gap. Nothing reads ahead: a forecast learns from its own errors
 * when their samples have come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORECAST_VERSION 1
#define FORECAST_SEASONS_MAX 3
#define FORECAST_EVENTS_MAX 16
#define FORECAST_SLOTS_MAX 4096
#define FORECAST_FLOOR_SHARE 0.05 /* of the usual value: a floor that suits loads */

struct forecast_settings {
	uint32_t season[FORECAST_SEASONS_MAX]; /* periods in samples, rising, at least 2 */
	uint32_t seasons;
	uint32_t horizon; /* the longest, at least 1 */
	uint32_t slots; /* of a season at most: longer ones share; 0: FORECAST_SLOTS_MAX */
	uint32_t spare;
	double floor; /* above 0: the model sees log(value + floor); 0: it sees the value */
};

struct forecast;

/* NULL if a setting is out of its range or when out of memory. free(NULL) is fine. */
struct forecast *forecast_create(const struct forecast_settings *settings);
void forecast_free(struct forecast *f);

/* The state, to be kept with FORECAST_VERSION. Restored only if it was of the same settings and is sound: else false,
 * and nothing changed. */
const void *forecast_state(const struct forecast *f, size_t *size);
bool forecast_restore(struct forecast *f, uint32_t version, const void *state, size_t size);

/* Where the seasons stand: added to the sample's number (a change of the clock to summer time, say). */
void forecast_set_phase(struct forecast *f, int64_t phase);

/* The next sample. `index` rises; one that does not is ignored. `events`: bit n is set while the event n lasts. */
void forecast_update(struct forecast *f, int64_t index, double value, uint32_t events);

/* Samples that were no gaps. Quantiles are NAN before the first few, and rough before each season was seen twice. */
uint64_t forecast_samples(const struct forecast *f);
int64_t forecast_index(const struct forecast *f); /* of the last sample or gap */
double forecast_last(const struct forecast *f); /* value of the last sample, NAN after a gap */

/* The q-quantile, q in (0, 1), of the sample `ahead` (1 to horizon) after the last; NAN if out of range. `events`: at
 * that time. */
double forecast_quantile(const struct forecast *f, uint32_t ahead, uint32_t events, double q);

/* The same on the model's scale, for what is computed from it (load_statement.h): the expected value and the spread
 * that errors are measured in. false if there is none yet. */
struct forecast_point {
	double center, spread;
};
bool forecast_point(const struct forecast *f, uint32_t ahead, uint32_t events,
		struct forecast_point *out);
double forecast_to_scale(const struct forecast *f, double value);
double forecast_from_scale(const struct forecast *f, double scaled);

/* How far the last sample was from what was expected of it, in spreads, and how much more the errors vary lately than
 * usual (1: as usual). 0 and 1 if not known. */
double forecast_surprise(const struct forecast *f);
double forecast_unrest(const struct forecast *f);
const struct forecast_settings *forecast_settings_of(const struct forecast *f);
