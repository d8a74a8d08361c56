/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remaining life: learnt from units that ran until they failed, told for a unit that still runs.
 *
 * The last row of a training unit is its failure; the remaining life of a row is the time from it to that one, at most
 * the cap, beyond which a young unit's rows say nothing. Where rows are of several operating conditions, found in the
 * fleet, each is put on its condition's scale (life_condition.h). Rows are seen through a few channels in which the fleet moves
 * more than its noise (life_feature.h); boosted regression trees (life_tree.h) learn the remaining life from levels,
 * slopes and age. They are trained several times without a share of the units, so that every training row has a guess by
 * trees that never saw its unit; what came of those guesses is the distribution that a guess stands for
 * (life_outcome.h). Median, interval and probabilities all come from that one distribution.
 *
 * Pure and deterministic: the same fleet gives the same bits. Training takes seconds and memory of about rows x
 * (9 x features + 112) bytes (features: LIFE_FEATURES_MAX at most) beside the fleet itself: a thread for slow work, not
 * a tick. What is kept is below 3 MB. Following a unit costs some 0.1 ms per forecast and allocates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIFE_UNITS_MIN 4 /* fewer do not tell how far lives differ */
#define LIFE_COLUMNS_MAX 256
#define LIFE_AXES_MAX 2 /* columns that make an operating condition together */
#define LIFE_ROWS_MAX 4000000u /* of a fleet: 1.8 GB at most, 1 GB for 16 features */
#define LIFE_STEPS 250 /* of the distribution from 0 to the cap */
#define LIFE_INTERVAL 0.8 /* share of lives that end within the interval */

/* One unit, rows in order of time. Belongs to the caller. */
struct life_unit {
	size_t rows; /* at least 1 */
	const double *time; /* [rows], ascending */
	const double *value; /* [rows][columns]; NAN or infinite: not measured, the last known value holds */
};

struct life_fleet {
	size_t columns; /* of every unit, in the same order */
	size_t count;
	const struct life_unit *unit;
};

struct life; /* what was learnt; belongs to its caller, any number of threads may read it */

/* `cap` as above, in the unit of time, > 0. 0, -ENOMEM, or -EINVAL: fewer than LIFE_UNITS_MIN units, no or too many
 * columns or rows, a unit without rows, time that does not ascend or is not finite, a cap that is not above 0. */
int life_train(const struct life_fleet *fleet, double cap, struct life **out);
void life_free(struct life *life);

struct life_forecast {
	double cap; /* at the cap: "this or more" */
	double median;
	double low, high; /* the shortest interval that holds LIFE_INTERVAL */
	double below[LIFE_STEPS +
			1]; /* probability of a life <= i x cap / LIFE_STEPS; the last one: < cap */
};

/* From rows first to last of the unit, one forecast each into out[rows - first]. 0, -ENOMEM or -EINVAL as above. */
int life_follow(const struct life *life, const struct life_unit *unit, size_t first,
		struct life_forecast *out);

/* Probability of failure within the horizon (unit of time). 0 below a horizon of 0, NAN beyond the cap. Monotone. */
double life_probability(const struct life_forecast *forecast, double horizon);

/* How many of the unit's rows are in none of the operating conditions that were learnt, and say nothing. 0 where no conditions
 * were found. */
size_t life_strangers(const struct life *life, const struct life_unit *unit);

/* What the held-out guesses came to: each unit counts alike, its rows evenly. */
struct life_quality {
	size_t units, rows, channels;
	size_t columns_used; /* that are not constant */
	size_t conditions; /* operating conditions found by life_condition.h, 0: none */
	size_t axes, axis[LIFE_AXES_MAX]; /* the columns that make them */
	double typical_life; /* median of the units' */
	double rmse, coverage,
			width; /* of the median; of the interval; its mean, in the unit of time */
	double aim; /* coverage that intervals aim at where a unit is not sure to reach the cap: a little less */
};
void life_quality(const struct life *life, struct life_quality *out);

/* A training row's remaining life and its median by trees that never saw its unit, in the order of the fleet. */
struct life_trial {
	double truth, median; /* both capped */
};
const struct life_trial *life_trials(const struct life *life, size_t *count);
