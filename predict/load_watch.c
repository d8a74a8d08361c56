/* SPDX-License-Identifier: Apache-2.0 */
#include "load_statement.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define FIRST_EXTREMES 30 /* are averaged; then the latest EXTREME_MEMORY */
#define EXTREME_MEMORY 500
#define INPUT_MAX 5 /* of an input, either way */
#define WEIGHTS_MEMORY 1500
#define SEEN_LEAST 0.5 /* share of a window's samples without which nothing is said of it */

static uint32_t
window_samples(const struct load_statement *s, double sample_s)
{
	return (uint32_t)fmax(ceil(s->window_s / sample_s - 1e-9), 1);
}

int
load_watch_init(struct load_watch *w, const struct load_statement *s, double sample_s,
		const struct forecast *f)
{
	static const double prior[LOAD_WATCH_INPUTS] = {1};
	uint32_t window = window_samples(s, sample_s), i;

	if (window > forecast_settings_of(f)->horizon)
		return -ERANGE;
	memset(w, 0, sizeof(*w));
	w->change = s->change;
	w->less = s->less;
	w->window = window;
	w->stride = (window + LOAD_WATCH_PENDING - 2) / (LOAD_WATCH_PENDING - 1);
	w->probability = NAN;
	quantile_track_init(&w->error);
	regression_init(&w->weights, LOAD_WATCH_INPUTS, prior, 0.3);
	w->weights.memory = WEIGHTS_MEMORY;
	calibration_map_init(&w->map, 0.2, WEIGHTS_MEMORY);
	calibration_score_init(&w->score, s->probability);
	for (i = 0; i < LOAD_WATCH_PENDING; i++)
		w->pending[i].limit = NAN;
	return 0;
}

static double
further(const struct load_watch *w, double a, double b)
{
	return w->less ? fmin(a, b) : fmax(a, b); /* of NAN and a number: the number */
}

/* What the window's extreme is expected to be. */
static bool
expect_extreme(const struct load_watch *w, const struct forecast *f, const uint32_t *events,
		struct load_pending *out)
{
	struct forecast_point point;
	double extreme = NAN;
	uint32_t ahead;

	for (ahead = 1; ahead <= w->window; ahead++) {
		if (!forecast_point(f, ahead, events ? events[ahead - 1] : 0, &point))
			return false;
		extreme = further(w, extreme, point.center);
	}
	out->center = extreme;
	out->spread = point.spread; /* of the window's end: the widest */
	return true;
}

static double
bounded(double x)
{
	return fmin(fmax(x, -INPUT_MAX), INPUT_MAX);
}

/* How probable by the forecast alone, and all that the regression sees. */
static void
weigh(const struct load_watch *w, const struct forecast *f, struct load_pending *p)
{
	double margin = (forecast_to_scale(f, p->limit) - p->center) / p->spread;
	double usual = w->extreme_error > 0 ? w->extreme_error : 1, below;

	below = quantile_track_share_below(&w->error, margin / usual);
	p->raw = fmin(fmax(w->less ? below : 1 - below, 1e-4), 1 - 1e-4);
	p->input[0] = log(p->raw / (1 - p->raw));
	p->input[1] = bounded(margin);
	p->input[2] = bounded(forecast_surprise(f));
	p->input[3] = bounded(log(fmax(forecast_unrest(f), 1e-3)));
	p->input[4] = bounded((p->center - forecast_to_scale(f, forecast_last(f))) / p->spread);
	p->input[5] = 1;
	p->input[6] = !(p->limit > 0);
	p->input[7] = bounded(-log(p->spread));
	p->probability = calibration_map_apply(
			&w->map, regression_probability(&w->weights, p->input));
}

/* No load at all is no change of no load. */
static bool
reached(const struct load_watch *w, const struct load_pending *p)
{
	return w->less ? p->extreme <= p->limit && p->limit > 0
		       : p->extreme >= p->limit && p->extreme > 0;
}

static void
learn(struct load_watch *w, const struct load_pending *p, double scaled_extreme)
{
	bool came_true = reached(w, p);
	double worth = calibration_weight(w->stride, w->window);
	double error = (scaled_extreme - p->center) / p->spread, usual = w->extreme_error;

	calibration_score_add(&w->score, p->probability, came_true, worth);
	calibration_map_learn(
			&w->map, regression_probability(&w->weights, p->input), came_true, worth);
	regression_learn_outcome(&w->weights, p->input, came_true, fmax(worth, 0.2));
	if (w->extremes > 0 && usual > 0)
		quantile_track_add(&w->error, error / usual, 1);
	w->extremes++;
	error = fabs(error);
	if (w->extremes > FIRST_EXTREMES)
		error = fmin(error, 10 * usual);
	w->extreme_error += (error - usual) /
			fmin(w->extremes,
					w->extremes < FIRST_EXTREMES ? FIRST_EXTREMES
								     : EXTREME_MEMORY);
}

static void
follow(struct load_watch *w, const struct forecast *f, struct load_pending *p)
{
	double load = forecast_last(f);
	int64_t age = forecast_index(f) - p->begun;

	if (isnan(p->limit))
		return;
	if (age <= w->window && !isnan(load)) {
		p->extreme = further(w, p->extreme, load);
		p->seen++;
	}
	if (age < w->window)
		return;
	if (p->seen >= SEEN_LEAST * w->window)
		learn(w, p, forecast_to_scale(f, p->extreme));
	p->limit = NAN;
}

void
load_watch_update(struct load_watch *w, const struct forecast *f, const uint32_t *events)
{
	int64_t index = forecast_index(f);
	struct load_pending now = {.begun = index, .extreme = NAN};
	double load = forecast_last(f);
	uint32_t i;

	for (i = 0; i < LOAD_WATCH_PENDING; i++)
		follow(w, f, &w->pending[i]);
	w->probability = NAN;
	now.limit = load * (w->less ? 1 - w->change : 1 + w->change);
	if (!(load >= 0) || !expect_extreme(w, f, events, &now))
		return;
	weigh(w, f, &now);
	w->probability = now.probability;
	if (index % w->stride == 0)
		w->pending[(uint64_t)(index / w->stride) % LOAD_WATCH_PENDING] = now;
}

bool
load_watch_valid(const struct load_watch *w, const struct load_statement *s, double sample_s)
{
	return w->change == s->change && w->less == s->less &&
			w->window == window_samples(s, sample_s) && w->stride > 0 &&
			w->extreme_error >= 0 && w->extremes >= 0 &&
			quantile_track_valid(&w->error) && regression_valid(&w->weights) &&
			w->weights.inputs == LOAD_WATCH_INPUTS && calibration_map_valid(&w->map) &&
			calibration_score_valid(&w->score);
}
