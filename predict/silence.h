/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspicion that an endpoint went silent: phi accrual (Hayashibara, Defago, Yared, Katayama: The phi accrual failure
 * detector, SRDS 2004), over the gaps between replies while requests wait. phi = -log10 P(a gap is longer than the
 * present one), gaps taken as normal with the mean and variance of the past ones: phi 1 is wrong one time in ten, 3
 * one in a thousand. Pure; fixed size.
 */
#pragma once

#include <stdint.h>

#define SILENCE_PHI_MAX 30.0

struct silence {
	float mean_s, var; /* of gaps, exponentially weighted */
	float quiet_s; /* requests waited so long without any reply */
	uint32_t seen; /* gaps */
};

/* Counts of an interval; NAN: not known, which says nothing. */
struct silence_sample {
	double seconds;
	double requests, replies;
	double waiting; /* at its end */
};

void silence_init(struct silence *s);

/* Returns phi, 0 to SILENCE_PHI_MAX; 0 until 20 gaps were seen. */
double silence_update(struct silence *s, const struct silence_sample *in);
