/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded noise for tests of models. */
#pragma once

#include <math.h>
#include <stdint.h>

struct series_random {
	uint64_t state;
	double last; /* of the autoregressive noise */
};

/* Over 0 and under 1. splitmix64. */
static inline double
series_uniform(struct series_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return ((double)((z ^ (z >> 31)) >> 11) + .5) * 0x1p-53;
}

static inline double
series_gauss(struct series_random *r)
{
	return sqrt(-2 * log(series_uniform(r))) * cos(2 * M_PI * series_uniform(r));
}

/* AR(1) with coefficient .95 and variance 1. */
static inline double
series_ar(struct series_random *r)
{
	r->last = .95 * r->last + sqrt(1 - .95 * .95) * series_gauss(r);
	return r->last;
}

static inline double
series_lognormal(struct series_random *r)
{
	return exp(series_gauss(r));
}

/* Mean 1.5. */
static inline double
series_poisson(struct series_random *r)
{
	double least = exp(-1.5), product = series_uniform(r);
	int n = 0;

	for (; product > least; n++)
		product *= series_uniform(r);
	return n;
}
