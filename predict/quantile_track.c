/* SPDX-License-Identifier: Apache-2.0 */
#include "quantile_track.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define FIRST_STEPS 20 /* numbers that the start as a normal is worth */
#define RATE_MIN 0.004 /* of the last 250 numbers or so */
#define SLOPE_MAX 20 /* bound of 1 / density: a tail's step stays below 0.1 at the lowest rate */

struct level {
	double share, z, step; /* step: 1 / the normal's density there, which makes it Newton's */
};

#define LEVEL(share, z, density)                                                \
	{                                                                       \
		share, z, 1 / (density) < SLOPE_MAX ? 1 / (density) : SLOPE_MAX \
	}
static const struct level levels[QUANTILE_LEVELS] = {
		LEVEL(0.005, -2.5758293035489, 0.01446),
		LEVEL(0.02, -2.0537489106318, 0.04842),
		LEVEL(0.05, -1.6448536269515, 0.10314),
		LEVEL(0.1, -1.2815515655446, 0.17550),
		LEVEL(0.2, -0.8416212335729, 0.27996),
		LEVEL(0.3, -0.5244005127080, 0.34769),
		LEVEL(0.4, -0.2533471031358, 0.38634),
		LEVEL(0.5, 0, 0.39894),
		LEVEL(0.6, 0.2533471031358, 0.38634),
		LEVEL(0.7, 0.5244005127080, 0.34769),
		LEVEL(0.8, 0.8416212335729, 0.27996),
		LEVEL(0.9, 1.2815515655446, 0.17550),
		LEVEL(0.95, 1.6448536269515, 0.10314),
		LEVEL(0.98, 2.0537489106318, 0.04842),
		LEVEL(0.995, 2.5758293035489, 0.01446),
};

double
normal_share_below(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

static double
normal_tail(double q)
{
	static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
			-2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00,
			2.938163982698783e+00};
	static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01,
			2.445134137142996e+00, 3.754408661907416e+00};
	double r = sqrt(-2 * log(q));

	return (((((c[0] * r + c[1]) * r + c[2]) * r + c[3]) * r + c[4]) * r + c[5]) /
			((((d[0] * r + d[1]) * r + d[2]) * r + d[3]) * r + 1);
}

double
normal_quantile(double q)
{
	static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
			-2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01,
			2.506628277459239e+00};
	static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
			-1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01};
	double r, s;

	if (!(q > 0 && q < 1))
		return NAN;
	if (q < 0.02425)
		return normal_tail(q);
	if (q > 1 - 0.02425)
		return -normal_tail(1 - q);
	r = q - 0.5;
	s = r * r;
	return (((((a[0] * s + a[1]) * s + a[2]) * s + a[3]) * s + a[4]) * s + a[5]) * r /
			(((((b[0] * s + b[1]) * s + b[2]) * s + b[3]) * s + b[4]) * s + 1);
}

void
quantile_track_init(struct quantile_track *t)
{
	size_t i;

	t->seen = 0;
	for (i = 0; i < QUANTILE_LEVELS; i++)
		t->value[i] = levels[i].z;
}

void
quantile_track_add(struct quantile_track *t, double u, double weight)
{
	double rate;
	size_t i;

	if (isnan(u) || !(weight > 0))
		return;
	rate = weight * fmax(1 / (t->seen + FIRST_STEPS), RATE_MIN);
	for (i = 0; i < QUANTILE_LEVELS; i++)
		t->value[i] += rate * levels[i].step * (levels[i].share - (u < t->value[i]));
	t->seen += weight;
}

static void
sorted(const struct quantile_track *t, double out[QUANTILE_LEVELS])
{
	size_t i, k;
	double v;

	for (i = 0; i < QUANTILE_LEVELS; i++) {
		v = t->value[i];
		for (k = i; k > 0 && out[k - 1] > v; k--)
			out[k] = out[k - 1];
		out[k] = v;
	}
}

/* The piece of the line through the points (from, to) that x falls on, prolonged at both ends. */
static double
interpolate(const double from[], const double to[], double x)
{
	double width;
	size_t i;

	for (i = 1; i < QUANTILE_LEVELS - 1 && x > from[i]; i++)
		;
	width = fmax(from[i] - from[i - 1], 1e-9);
	return to[i - 1] + (to[i] - to[i - 1]) * (x - from[i - 1]) / width;
}

double
quantile_track_value(const struct quantile_track *t, double q)
{
	double z[QUANTILE_LEVELS], value[QUANTILE_LEVELS];
	size_t i;

	if (!(q > 0 && q < 1))
		return NAN;
	for (i = 0; i < QUANTILE_LEVELS; i++)
		z[i] = levels[i].z;
	sorted(t, value);
	return interpolate(z, value, normal_quantile(q));
}

double
quantile_track_share_below(const struct quantile_track *t, double u)
{
	double z[QUANTILE_LEVELS], value[QUANTILE_LEVELS];
	size_t i;

	if (isnan(u))
		return NAN;
	for (i = 0; i < QUANTILE_LEVELS; i++)
		z[i] = levels[i].z;
	sorted(t, value);
	return normal_share_below(interpolate(value, z, u));
}

bool
quantile_track_valid(const struct quantile_track *t)
{
	size_t i;

	for (i = 0; i < QUANTILE_LEVELS; i++) {
		if (!isfinite(t->value[i]))
			return false;
	}
	return t->seen >= 0;
}
