/* SPDX-License-Identifier: Apache-2.0 */
#include "calibration.h"

#include <math.h>
#include <string.h>

#define CLIP 1e-4 /* of raw probabilities: a model's 0 must not weigh like a proof */
#define SLOPE_MIN 0.05 /* of a and b: keeps the map monotone and the logit's order visible */

double
calibration_weight(double step, double horizon)
{
	if (!(step > 0) || !(horizon > 0))
		return 1;
	return step < horizon ? step / horizon : 1;
}

static bool
usable(double probability, double weight)
{
	return probability >= 0 && probability <= 1 && weight > 0 && isfinite(weight);
}

void
calibration_score_init(struct calibration_score *s, double threshold)
{
	memset(s, 0, sizeof(*s));
	s->threshold = threshold;
}

void
calibration_score_add(
		struct calibration_score *s, double probability, bool came_true, double weight)
{
	struct calibration_bin *bin;
	double error = came_true - probability;
	unsigned i;

	if (!usable(probability, weight)) {
		s->ignored++;
		return;
	}
	i = (unsigned)(probability * CALIBRATION_BINS);
	bin = &s->bin[i < CALIBRATION_BINS ? i : CALIBRATION_BINS - 1];
	bin->weight += weight;
	bin->probability += weight * probability;
	bin->outcome += weight * came_true;
	s->statements++;
	s->came_true += came_true;
	s->weight += weight;
	s->squared_error += weight * error * error;
	if (probability >= s->threshold)
		*(came_true ? &s->alarm_true : &s->alarm_false) += weight;
	else if (came_true)
		s->missed += weight;
}

static double
ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

void
calibration_report(const struct calibration_score *s, struct calibration_report *out)
{
	double gap = 0, events = 0;
	size_t i;

	for (i = 0; i < CALIBRATION_BINS; i++) {
		gap += fabs(s->bin[i].probability - s->bin[i].outcome);
		events += s->bin[i].outcome;
	}
	*out = (struct calibration_report){
			.statements = s->statements,
			.came_true = s->came_true,
			.independent = s->weight,
			.base_rate = ratio(events, s->weight),
			.brier = ratio(s->squared_error, s->weight),
			.calibration_error = ratio(gap, s->weight),
			.precision = ratio(s->alarm_true, s->alarm_true + s->alarm_false),
			.recall = ratio(s->alarm_true, s->alarm_true + s->missed),
	};
	out->skill = 1 - ratio(out->brier, out->base_rate * (1 - out->base_rate));
}

void
calibration_map_init(struct calibration_map *m, double prior_sd, double memory)
{
	size_t i;

	memset(m, 0, sizeof(*m));
	m->mean[0] = m->mean[1] = 1;
	m->prior = 1 / (prior_sd * prior_sd);
	m->memory = memory;
	for (i = 0; i < 3; i++)
		m->precision[i][i] = m->prior;
}

static void
features(double raw, double x[3])
{
	double p = fmin(fmax(raw, CLIP), 1 - CLIP);

	x[0] = log(p);
	x[1] = -log1p(-p);
	x[2] = 1;
}

static double
dot(const double a[3], const double b[3])
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

double
calibration_map_apply(const struct calibration_map *m, double raw)
{
	double x[3];

	if (!(raw >= 0 && raw <= 1))
		return NAN;
	features(raw, x);
	return 1 / (1 + exp(-dot(m->mean, x)));
}

/* precision * out = x, by Cholesky: the precision is symmetric and positive definite. */
static void
solve(double precision[3][3], const double x[3], double out[3])
{
	double l00 = sqrt(precision[0][0]);
	double l10 = precision[1][0] / l00, l20 = precision[2][0] / l00;
	double l11 = sqrt(precision[1][1] - l10 * l10);
	double l21 = (precision[2][1] - l20 * l10) / l11;
	double l22 = sqrt(precision[2][2] - l20 * l20 - l21 * l21);
	double y[3];

	y[0] = x[0] / l00;
	y[1] = (x[1] - l10 * y[0]) / l11;
	y[2] = (x[2] - l20 * y[0] - l21 * y[1]) / l22;
	out[2] = y[2] / l22;
	out[1] = (y[1] - l21 * out[2]) / l11;
	out[0] = (y[0] - l10 * out[1] - l20 * out[2]) / l00;
}

/* The belief fades to the start at the same rate in mean and precision. */
static void
fade(struct calibration_map *m, double weight)
{
	static const double identity[3] = {1, 1, 0};
	double keep = exp(-weight / m->memory), pull[3], move[3];
	size_t i, j;

	for (i = 0; i < 3; i++) {
		pull[i] = (1 - keep) * m->prior * (identity[i] - m->mean[i]);
		for (j = 0; j < 3; j++)
			m->precision[i][j] *= keep;
		m->precision[i][i] += (1 - keep) * m->prior;
	}
	solve(m->precision, pull, move);
	for (i = 0; i < 3; i++)
		m->mean[i] += move[i];
}

/* The most likely belief under a slope of at least SLOPE_MIN: the others follow by their correlation with it. */
static void
keep_monotone(struct calibration_map *m)
{
	double unit[3], column[3];
	size_t i, slope;

	for (slope = 0; slope < 2; slope++) {
		if (m->mean[slope] >= SLOPE_MIN)
			continue;
		memset(unit, 0, sizeof(unit));
		unit[slope] = 1;
		solve(m->precision, unit, column);
		unit[slope] = (SLOPE_MIN - m->mean[slope]) / column[slope];
		for (i = 0; i < 3; i++)
			m->mean[i] += unit[slope] * column[i];
	}
	/* Lifting the second can push the first below again: then both rest at the edge. */
	m->mean[0] = fmax(m->mean[0], SLOPE_MIN);
	m->mean[1] = fmax(m->mean[1], SLOPE_MIN);
}

void
calibration_map_learn(struct calibration_map *m, double raw, bool came_true, double weight)
{
	double x[3], step[3], q, certainty;
	size_t i, j;

	if (!usable(raw, weight))
		return;
	fade(m, weight);
	features(raw, x);
	q = calibration_map_apply(m, raw);
	/* The curvature at the middle of the step bounds it where the model was sure and wrong. */
	certainty = weight * fmax(q * (1 - q), 0.25 * fabs(came_true - q));
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 3; j++)
			m->precision[i][j] += certainty * x[i] * x[j];
	}
	solve(m->precision, x, step);
	for (i = 0; i < 3; i++)
		m->mean[i] += step[i] * weight * (came_true - q);
	m->learnt += weight;
	keep_monotone(m);
}

bool
calibration_map_valid(const struct calibration_map *m)
{
	double e[3] = {1, 1, 1}, out[3], copy[3][3];
	size_t i;

	memcpy(copy, m->precision, sizeof(copy));
	solve(copy, e, out);
	for (i = 0; i < 3; i++) {
		if (!isfinite(m->mean[i]) || !isfinite(out[i]))
			return false;
	}
	return m->mean[0] >= SLOPE_MIN && m->mean[1] >= SLOPE_MIN && m->prior > 0 &&
			m->memory > 0 && m->learnt >= 0 && isfinite(m->prior);
}

bool
calibration_score_valid(const struct calibration_score *s)
{
	size_t i;

	for (i = 0; i < CALIBRATION_BINS; i++) {
		if (!(s->bin[i].weight >= 0 && s->bin[i].probability >= 0 &&
				    s->bin[i].outcome >= 0))
			return false;
	}
	return s->weight >= 0 && s->squared_error >= 0 && s->alarm_true >= 0 &&
			s->alarm_false >= 0 && s->missed >= 0 && s->came_true <= s->statements;
}
