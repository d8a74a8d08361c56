/* SPDX-License-Identifier: Apache-2.0 */
#include "calibration.h"

#include <math.h>
#include <string.h>

#define CLIP 1e-4 /* of raw probabilities: a model's 0 must not weigh like a proof */
#define KNOT_PRIOR 30 /* weight of outcomes that a knot's start is worth */
#define KNOT_SHARE 4 /* of all knots' outcomes that the memory holds, those next to one */
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
	static const double identity[3] = {1, 1, 0};
	size_t i;

	regression_init(&m->logistic, 3, identity, prior_sd);
	m->logistic.memory = memory;
	for (i = 0; i <= CALIBRATION_BINS; i++) {
		m->knot[i] = (double)i / CALIBRATION_BINS;
		m->knot_seen[i] = 0;
	}
}

static void
inputs(double raw, double x[3])
{
	double p = fmin(fmax(raw, CLIP), 1 - CLIP);

	x[0] = log(p);
	x[1] = -log1p(-p);
	x[2] = 1;
}

static size_t
knot_below(double q)
{
	size_t i = (size_t)(q * CALIBRATION_BINS);

	return i < CALIBRATION_BINS ? i : CALIBRATION_BINS - 1;
}

/* `part`: how far q is from the knot below to the one above. */
static double
between_knots(const struct calibration_map *m, double q, double *part)
{
	size_t i = knot_below(q);

	*part = q * CALIBRATION_BINS - (double)i;
	return fmin((1 - *part) * m->knot[i] + *part * m->knot[i + 1], 1);
}

double
calibration_map_apply(const struct calibration_map *m, double raw)
{
	double x[3], part;

	if (!(raw >= 0 && raw <= 1))
		return NAN;
	inputs(raw, x);
	return between_knots(m, regression_probability(&m->logistic, x), &part);
}

/* The outcome moves the two knots around the statement, each by its part; the others are pushed where they would
 * cross. The ends stay: what is rare keeps its scale. */
static void
learn_knots(struct calibration_map *m, double q, bool came_true, double weight)
{
	double part, part_of, rate, error;
	size_t i = knot_below(q), k;

	error = came_true - between_knots(m, q, &part);
	for (k = i; k <= i + 1; k++) {
		part_of = k == i ? 1 - part : part;
		m->knot_seen[k] += part_of * weight;
		rate = fmin(weight * part_of / (m->knot_seen[k] + KNOT_PRIOR), 0.5);
		rate = fmax(rate, fmin(weight * part_of / m->logistic.memory * KNOT_SHARE, 0.5));
		m->knot[k] += rate * error;
	}
	m->knot[0] = 0;
	m->knot[CALIBRATION_BINS] = 1;
	for (k = i + 1; k-- > 1;)
		m->knot[k] = fmax(fmin(m->knot[k], m->knot[k + 1]), 0);
	for (k = i + 1; k < CALIBRATION_BINS; k++)
		m->knot[k] = fmin(fmax(m->knot[k], m->knot[k - 1]), 1);
}

/* Lifting the second slope can push the first below again: then both rest at the edge. */
static void
keep_monotone(struct regression *r)
{
	regression_lift(r, 0, SLOPE_MIN);
	regression_lift(r, 1, SLOPE_MIN);
	r->mean[0] = fmax(r->mean[0], SLOPE_MIN);
	r->mean[1] = fmax(r->mean[1], SLOPE_MIN);
}

void
calibration_map_learn(struct calibration_map *m, double raw, bool came_true, double weight)
{
	double x[3];

	if (!usable(raw, weight))
		return;
	inputs(raw, x);
	learn_knots(m, regression_probability(&m->logistic, x), came_true, weight);
	regression_learn_outcome(&m->logistic, x, came_true, weight);
	keep_monotone(&m->logistic);
}

bool
calibration_map_valid(const struct calibration_map *m)
{
	const struct regression *r = &m->logistic;
	size_t i;

	for (i = 0; i <= CALIBRATION_BINS; i++) {
		if (!(m->knot[i] >= 0 && m->knot[i] <= 1 && m->knot_seen[i] >= 0) ||
				(i > 0 && m->knot[i] < m->knot[i - 1]))
			return false;
	}
	return regression_valid(r) && r->inputs == 3 && r->mean[0] >= SLOPE_MIN &&
			r->mean[1] >= SLOPE_MIN;
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
