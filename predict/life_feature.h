/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the trees see of a row. Operating conditions are taken out (life_condition.h). Columns that are constant in the fleet are dropped; the others are scaled by their noise
 * (from the differences of consecutive rows) and combined into channels: the principal components along which smoothed
 * rows vary more than noise would, and the direction in which units differ least when they fail against the way they
 * have come (Fisher's discriminant of failure): the closest to a common limit. Of each channel: exponentially weighted
 * levels and slopes over several spans, from the unit's past alone; and the unit's age.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "life.h"
#include "life_condition.h"

#define LIFE_COMPONENTS_MAX 6
#define LIFE_CHANNELS_MAX (LIFE_COMPONENTS_MAX + 1)
#define LIFE_LEVELS 2
#define LIFE_SLOPES 3
#define LIFE_FEATURES_MAX (LIFE_CHANNELS_MAX * (LIFE_LEVELS + LIFE_SLOPES) + 1)

struct life_lens {
	size_t columns; /* of the table */
	size_t used; /* that are not constant */
	size_t components, channels, features;
	double scale; /* unit of time: the cap or the typical life, whichever is shorter; the spans are shares of it */
	uint16_t column[LIFE_COLUMNS_MAX]; /* [used] */
	double mean[LIFE_COLUMNS_MAX], noise[LIFE_COLUMNS_MAX]; /* [used] */
	double load[LIFE_CHANNELS_MAX][LIFE_COLUMNS_MAX]; /* [channels][used], of scaled columns */
	struct life_condition condition;
};

/* From a valid fleet. 0 or -ENOMEM. */
int life_lens_fit(struct life_lens *lens, const struct life_fleet *fleet, double scale);

/* Of rows first to last into x[rows - first][features], all finite. 0 or -ENOMEM. */
int life_lens_look(const struct life_lens *lens, const struct life_unit *unit, size_t first,
		double *x);
