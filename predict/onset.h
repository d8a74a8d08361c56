/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a metric just begun to climb, and if it goes on so, when does it reach its limit? The newest ONSET_SPAN samples are
 * explained in three ways: nothing happened (the metric's own past goes on), it jumped to another level, or it left its
 * past at some second and rises along a straight line since. Each second of change is a hypothesis of its own; all are
 * weighted by how well they explain the samples, and how likely such a thing is at all (Bayesian model averaging over
 * change points: Barry & Hartigan, JASA 88, 1993; Hoeting et al., Statistical Science 14, 1999). So a jump, a spike or a
 * wave is not taken for a climb, and a climb is known after a few samples, when trend.h still smooths. Pure; fixed size.
 *
 *     flat  ------------      jump        ______      climb        /
 *                                   _____|                   _____/
 */
#pragma once

#include <stdint.h>

#define ONSET_SPAN 24 /* samples; what climbs longer is trend.h's */
#define ONSET_HORIZONS 3

struct onset {
	float value[ONSET_SPAN]; /* a ring, NAN where a sample is missing */
	float mean, var; /* of the past: some ten minutes, but for the newest ONSET_LAG samples */
	uint32_t seen, known; /* samples; of the past */
};

/* A sample a second after the last; NAN is a gap. All zero is the beginning. */
void onset_update(struct onset *o, double value);

/* Where the metric fails, on the scale of the samples, and what is known of its noise besides its past. */
struct onset_limit {
	double limit;
	int worse; /* +1: the limit is above, -1: below */
	double sd_min; /* > 0: smaller changes never matter */
	double more_var; /* on top of the past's, such as that of counting; 0: none */
};

/* What the samples say of a climb. */
struct onset_climb {
	/* P(the limit is reached within each of `seconds`), rising: that it climbs, times that it goes on until then. */
	double reach[ONSET_HORIZONS];
	double jumped; /* P(it jumped to where it is within the span, instead) */
	/* Seconds until the limit, if it goes on: with the 80 % interval; NAN without a climb. */
	double median_s, low_s, high_s;
};

/* All reaches are 0 with a past of fewer than 10 samples, and at or beyond the limit (then it is no forecast). */
void onset_look(const struct onset *o, const struct onset_limit *limit,
		const uint16_t seconds[ONSET_HORIZONS], struct onset_climb *out);
