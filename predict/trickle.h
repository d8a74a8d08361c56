/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single failures add up: each alone may be chance, some of them within a while where there were none are not. Counts of the
 * newest TRICKLE_SPAN intervals against those of some ten minutes before them. Pure; fixed size; all zero is the beginning.
 */
#pragma once

#include <stdint.h>

#define TRICKLE_SPAN 24

struct trickle {
	float part[TRICKLE_SPAN], whole[TRICKLE_SPAN]; /* what failed, of how much; newest first */
	float past_part, past_whole; /* of what came before them, fading */
};

/* An interval: `part` of `whole` failed. NAN and what is below 0 count as 0. */
void trickle_update(struct trickle *t, double part, double whole);

/*
 * Standard deviations by which the failures of the span exceed what their past lets expect: the signed root of the deviance
 * of a Poisson count (McCullagh & Nelder, Generalized Linear Models, 1989, 2.3). The past is known as well as it was
 * watched: half a failure at a share of `anywhere` is added to it. 0 for an outage of a moment (failures in fewer than three
 * intervals, or without a pause between them), and for a share below `least`.
 */
double trickle_sd(const struct trickle *t, double anywhere, double least);

/* Failures in the span. */
double trickle_count(const struct trickle *t);
