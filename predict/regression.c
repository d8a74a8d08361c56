/* SPDX-License-Identifier: Apache-2.0 */
#include "regression.h"

#include <math.h>
#include <string.h>

#define INPUTS REGRESSION_INPUTS_MAX

void
regression_init(struct regression *r, size_t inputs, const double *prior, double prior_sd)
{
	size_t i;

	memset(r, 0, sizeof(*r));
	r->inputs = (uint32_t)inputs;
	r->prior_precision = 1 / (prior_sd * prior_sd);
	r->memory = 1000;
	for (i = 0; i < inputs; i++) {
		r->prior[i] = r->mean[i] = prior[i];
		r->precision[i][i] = r->prior_precision;
	}
}

double
regression_sum(const struct regression *r, const double *x)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < r->inputs; i++)
		sum += r->mean[i] * x[i];
	return sum;
}

double
regression_probability(const struct regression *r, const double *x)
{
	return 1 / (1 + exp(-regression_sum(r, x)));
}

/* The lower factor of the precision: it is symmetric and positive definite. */
static void
factor(const struct regression *r, double l[INPUTS][INPUTS])
{
	size_t i, j, k;
	double sum;

	for (i = 0; i < r->inputs; i++) {
		for (j = 0; j <= i; j++) {
			sum = r->precision[i][j];
			for (k = 0; k < j; k++)
				sum -= l[i][k] * l[j][k];
			l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
		}
	}
}

/* precision * out = x */
static void
solve(const struct regression *r, const double *x, double *out)
{
	double l[INPUTS][INPUTS];
	size_t i, k, n = r->inputs;

	factor(r, l);
	for (i = 0; i < n; i++) {
		out[i] = x[i];
		for (k = 0; k < i; k++)
			out[i] -= l[i][k] * out[k];
		out[i] /= l[i][i];
	}
	for (i = n; i-- > 0;) {
		for (k = i + 1; k < n; k++)
			out[i] -= l[k][i] * out[k];
		out[i] /= l[i][i];
	}
}

/* The belief fades to the start at the same rate in mean and precision; then `certainty` of x is added. `pull`
 * collects what moves the mean. */
static void
fade(struct regression *r, const double *x, double certainty, double weight, double *pull)
{
	double keep = exp(-weight / r->memory);
	size_t i, j;

	for (i = 0; i < r->inputs; i++) {
		pull[i] = (1 - keep) * r->prior_precision * (r->prior[i] - r->mean[i]);
		for (j = 0; j < r->inputs; j++)
			r->precision[i][j] = keep * r->precision[i][j] + certainty * x[i] * x[j];
		r->precision[i][i] += (1 - keep) * r->prior_precision;
	}
}

static bool
usable(const struct regression *r, const double *x, double y, double weight)
{
	double sum = y;
	size_t i;

	for (i = 0; i < r->inputs; i++)
		sum += fabs(x[i]);
	return isfinite(sum) && weight > 0 && isfinite(weight);
}

static void
step(struct regression *r, const double *x, double certainty, double surprise, double weight)
{
	double pull[INPUTS] = {0}, move[INPUTS];
	size_t i;

	fade(r, x, certainty, weight, pull);
	for (i = 0; i < r->inputs; i++)
		pull[i] += weight * surprise * x[i];
	solve(r, pull, move);
	for (i = 0; i < r->inputs; i++)
		r->mean[i] += move[i];
	r->learnt += weight;
}

void
regression_learn(struct regression *r, const double *x, double y, double weight)
{
	if (usable(r, x, y, weight))
		step(r, x, weight, y - regression_sum(r, x), weight);
}

void
regression_learn_outcome(struct regression *r, const double *x, bool outcome, double weight)
{
	double q;

	if (!usable(r, x, 0, weight))
		return;
	q = regression_probability(r, x);
	/* The surprise bounds the step where the model was sure and wrong. */
	step(r, x, weight * fmax(q * (1 - q), 0.25 * fabs(outcome - q)), outcome - q, weight);
}

void
regression_lift(struct regression *r, size_t input, double least)
{
	double unit[INPUTS] = {0}, column[INPUTS], by;
	size_t i;

	if (r->mean[input] >= least)
		return;
	unit[input] = 1;
	solve(r, unit, column);
	by = (least - r->mean[input]) / column[input];
	for (i = 0; i < r->inputs; i++)
		r->mean[i] += by * column[i];
}

bool
regression_valid(const struct regression *r)
{
	double unit[INPUTS], out[INPUTS];
	size_t i;

	if (r->inputs == 0 || r->inputs > INPUTS)
		return false;
	for (i = 0; i < INPUTS; i++)
		unit[i] = 1;
	solve(r, unit, out);
	for (i = 0; i < r->inputs; i++) {
		if (!isfinite(r->mean[i]) || !isfinite(r->prior[i]) || !isfinite(out[i]))
			return false;
	}
	return r->prior_precision > 0 && isfinite(r->prior_precision) && r->memory > 0 &&
			r->learnt >= 0;
}
