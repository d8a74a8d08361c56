/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distribution of a stream of numbers of about unit scale, as quantiles at fixed levels that follow it: each moves
 * up by its level when the number was at or above it and down by the rest when below, so that in the long run it has
 * the share of numbers below it that it claims, whatever the stream does (adaptive conformal inference: Gibbs and
 * Candes 2021; quantile tracking: Angelopoulos, Candes, Tibshirani 2023). Starts as the standard normal. Between and
 * beyond the levels it is interpolated on the normal's scale. Plain memory. Pure.
 */
#pragma once

#include <stdbool.h>

#define QUANTILE_LEVELS 15

struct quantile_track {
	double value[QUANTILE_LEVELS]; /* each follows its level alone: sorted when read */
	double seen; /* weight of the numbers */
};

void quantile_track_init(struct quantile_track *t);

/* NAN is ignored. `weight` (at most 1) is what the number is worth: less than 1 where numbers overlap. */
void quantile_track_add(struct quantile_track *t, double u, double weight);

/* The q-quantile, q in (0, 1), else NAN; and the share below u. */
double quantile_track_value(const struct quantile_track *t, double q);
double quantile_track_share_below(const struct quantile_track *t, double u);

bool quantile_track_valid(const struct quantile_track *t);

/* The standard normal's quantile (Acklam's approximation, error below 1.2e-9) and share below. */
double normal_quantile(double q);
double normal_share_below(double z);
