/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of guesses: the distribution of the remaining life given a guess, by a kernel over guesses of similar rank.
 * A pair counts for a knot with its life moved by the distance of its guess to the knot, so that the kernel's width does
 * not widen the distribution; lives at the cap stay there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "life.h"

struct life_pair {
	double guess, life, weight; /* life 0 to the cap, weight > 0 */
	double worth; /* of the pair in figures of quality */
	uint32_t unit;
};

struct life_outcome {
	double cap;
	size_t knots;
	double *knot; /* [knots] guesses, ascending */
	double (*below)[LIFE_STEPS + 1]; /* [knots] as in struct life_forecast */
};

/* Sorts by guess. */
void life_pairs_sort(struct life_pair *pair, size_t count);

/* From sorted pairs of units but those with unit % folds == without (folds 0: all). 0, -ENOMEM. */
struct life_selection {
	const struct life_pair *pair;
	size_t count;
	uint32_t folds, without;
	double doubt; /* 0 to 1: share of an even chance over all lives up to the cap */
};
int life_outcome_build(struct life_outcome *o, const struct life_selection *from, double cap);
void life_outcome_fini(struct life_outcome *o);

/* Distribution, median, and the shortest interval that holds `share`. */
void life_outcome_tell(const struct life_outcome *o, double guess, double share,
		struct life_forecast *out);

/* The interval of another share from a distribution that was told. */
void life_interval(struct life_forecast *f, double share);
