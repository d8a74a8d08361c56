/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_forecast.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What moves together in one run. */
struct run {
	const struct backtest_forecast_options *o;
	const struct backtest_series *s;
	struct backtest_forecasts *out;
	struct forecast *model;
	struct load_watch *watch; /* NULL: no statement */
};

/* Of the rows to learn from: load has no negative values and varies in proportion, so it is seen on a logarithmic
 * scale; anything else as it is. */
static double
floor_of(const struct backtest_series *s)
{
	double sum = 0, n = 0;
	size_t i;

	for (i = 0; i < s->first; i++) {
		if (s->value[i] < 0)
			return 0;
		if (!isnan(s->value[i])) {
			sum += s->value[i];
			n++;
		}
	}
	return n > 0 ? FORECAST_FLOOR_SHARE * sum / n : 0;
}

static double
naive_of(const struct run *r, size_t row, size_t origin)
{
	uint32_t season = r->o->seasons > 0 ? r->o->season[r->o->seasons - 1] : 1;
	size_t back = (row - origin + season - 1) / season * season;

	return back <= row ? r->s->value[row - back] : NAN;
}

static void
forecast_row(const struct run *r, size_t row, size_t origin)
{
	struct backtest_row *out = &r->out->row[r->out->rows++];
	int64_t ahead = r->s->index[row] - r->s->index[origin];
	uint32_t i;

	/* Where rows are missing the last of them lie beyond the horizon that was asked for. */
	if (ahead > r->o->horizon)
		ahead = r->o->horizon;
	*out = (struct backtest_row){.row = row,
			.origin = origin,
			.horizon = (uint32_t)(row - origin),
			.naive = naive_of(r, row, origin)};
	out->median = forecast_quantile(r->model, (uint32_t)ahead, 0, 0.5);
	for (i = 0; i < r->o->quantiles; i++)
		out->quantile[i] =
				forecast_quantile(r->model, (uint32_t)ahead, 0, r->o->quantile[i]);
}

/* 1 or 0 when the window after the row has passed within the series, -1 else. */
static signed char
outcome_of(const struct run *r, size_t row)
{
	const struct backtest_series *s = r->s;
	const struct load_watch *w = r->watch;
	double limit = s->value[row] * (w->less ? 1 - w->change : 1 + w->change);
	size_t i, seen = 0;

	if (isnan(limit) || s->index[s->rows - 1] < s->index[row] + w->window)
		return -1;
	for (i = row + 1; i < s->rows && s->index[i] <= s->index[row] + w->window; i++) {
		if (w->less ? s->value[i] <= limit && limit > 0
			    : s->value[i] >= limit && s->value[i] > 0)
			return 1;
		seen += !isnan(s->value[i]);
	}
	return 2 * seen >= w->window ? 0 : -1;
}

static void
walk(const struct run *r)
{
	const struct backtest_series *s = r->s;
	size_t i, k, origin = s->first - 1;

	for (i = 0; i < s->rows; i++) {
		forecast_update(r->model, s->index[i], s->value[i], 0);
		if (r->watch) {
			load_watch_update(r->watch, r->model, NULL);
			r->out->said[i] = r->watch->probability;
			r->out->came_true[i] = outcome_of(r, i);
		}
		if (i < origin || (i - origin) % r->o->every != 0)
			continue;
		for (k = i + 1; k <= i + r->o->horizon && k < s->rows; k++)
			forecast_row(r, k, i);
	}
}

static int
no_memory(struct backtest_error *error)
{
	snprintf(error->text, sizeof(error->text), "no memory for the forecasts");
	return -ENOMEM;
}

static int
watch_of(struct run *r, struct backtest_error *error)
{
	uint32_t i;

	if (!r->o->has_statement)
		return 0;
	r->watch = calloc(1, sizeof(*r->watch));
	r->out->said = calloc(r->s->rows, sizeof(*r->out->said));
	r->out->came_true = calloc(r->s->rows, sizeof(*r->out->came_true));
	if (!r->watch || !r->out->said || !r->out->came_true)
		return no_memory(error);
	for (i = 0; i < r->s->rows; i++)
		r->out->said[i] = NAN;
	if (load_watch_init(r->watch, &r->o->statement, r->s->step_s, r->model) == 0)
		return 0;
	snprintf(error->text, sizeof(error->text), "--statement: its window has too many rows");
	return -ERANGE;
}

static int
model_of(struct run *r, struct backtest_error *error)
{
	struct forecast_settings settings = {.seasons = r->o->seasons,
			.horizon = r->o->horizon,
			.floor = floor_of(r->s)};
	double window = 0;

	if (r->o->has_statement && isnan(r->s->step_s)) {
		snprintf(error->text, sizeof(error->text),
				"--statement: no timestamps; give --step SECONDS");
		return -EINVAL;
	}
	if (r->o->has_statement)
		window = ceil(r->o->statement.window_s / r->s->step_s - 1e-9);
	if (window > settings.horizon)
		settings.horizon = (uint32_t)fmin(window, 1 << 20);
	memcpy(settings.season, r->o->season, sizeof(settings.season));
	r->model = forecast_create(&settings);
	return r->model ? 0 : no_memory(error);
}

int
backtest_forecasts_run(const struct backtest_forecast_options *o, const struct backtest_series *s,
		struct backtest_forecasts *out, struct backtest_error *error)
{
	size_t origins = (s->rows - s->first) / o->every + 1;
	struct run r = {o, s, out, NULL, NULL};
	int rc;

	out->row = calloc(origins * o->horizon, sizeof(*out->row));
	if (!out->row)
		return no_memory(error);
	rc = model_of(&r, error);
	if (rc == 0)
		rc = watch_of(&r, error);
	if (rc == 0)
		walk(&r);
	forecast_free(r.model);
	free(r.watch);
	return rc;
}

void
backtest_forecasts_free(struct backtest_forecasts *f)
{
	free(f->row);
	free(f->said);
	free(f->came_true);
}
