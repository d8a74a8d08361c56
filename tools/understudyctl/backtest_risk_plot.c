/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_risk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

#define PANEL_WIDTH 640
#define PANEL_HEIGHT 400
#define TRIALS_MAX 4000 /* dots */

static int
by_median(const void *a, const void *b)
{
	const struct life_forecast *const *x = a, *const *y = b;

	if ((*x)->median != (*y)->median)
		return (*x)->median > (*y)->median ? 1 : -1;
	return (*x > *y) - (*x < *y);
}

/* All units, the soonest first. */
static int
add_units(struct plot *p, const struct life_forecast **order, size_t n)
{
	struct plot_panel panel = {.title = "Units, soonest first",
			.x_label = "rank",
			.y_label = "remaining life: median, 80 %",
			.y_max = order[0]->cap * 1.04};
	double *v = malloc(4 * n * sizeof(*v));
	struct plot_series bars = {.kind = PLOT_INTERVALS,
			.colour = PLOT_BLUE,
			.count = n,
			.x = v,
			.y = v + n,
			.low = v + 2 * n,
			.high = v + 3 * n};
	size_t i;
	int rc;

	if (!v)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		v[i] = (double)(i + 1);
		v[n + i] = order[i]->median;
		v[2 * n + i] = order[i]->low;
		v[3 * n + i] = order[i]->high;
	}
	rc = plot_panel_add(p, &panel);
	if (!rc)
		rc = plot_series_add(p, &bars);
	free(v);
	return rc;
}

/* Training rows by trees that did not see their unit. */
static int
add_trials(struct plot *p, const struct life *life, double cap)
{
	struct plot_panel panel = {.title = "Training units, each told without itself",
			.x_label = "true remaining life",
			.y_label = "median told",
			.y_max = cap * 1.04};
	double diagonal[] = {0, cap};
	size_t count, stride, n = 0, i;
	const struct life_trial *trial = life_trials(life, &count);
	double *v = malloc(2 * TRIALS_MAX * sizeof(*v));
	struct plot_series dots = {.kind = PLOT_POINTS,
			.colour = PLOT_BLUE,
			.opacity = 0.3,
			.x = v,
			.y = v + TRIALS_MAX};
	struct plot_series exact = {.kind = PLOT_LINE,
			.colour = PLOT_BLACK,
			.label = "exact",
			.count = 2,
			.x = diagonal,
			.y = diagonal};
	int rc;

	if (!v)
		return -ENOMEM;
	stride = count / TRIALS_MAX + 1;
	for (i = 0; i < count; i += stride) {
		v[n] = trial[i].truth;
		v[TRIALS_MAX + n++] = trial[i].median;
	}
	dots.count = n;
	rc = plot_panel_add(p, &panel);
	if (!rc)
		rc = plot_series_add(p, &dots);
	if (!rc)
		rc = plot_series_add(p, &exact);
	free(v);
	return rc;
}

/* Lows, highs and medians over a unit's rows, one after the other. A line of one row would not be seen. */
static int
add_told(struct plot *p, const struct life_unit *u, const double *v)
{
	struct plot_series band = {.kind = PLOT_BAND,
			.colour = PLOT_BLUE,
			.count = u->rows,
			.x = u->time,
			.low = v,
			.high = v + u->rows};
	struct plot_series line = {.kind = PLOT_LINE,
			.colour = PLOT_BLUE,
			.count = u->rows,
			.x = u->time,
			.y = v + 2 * u->rows};
	int rc;

	if (u->rows == 1) {
		band.kind = PLOT_INTERVALS;
		line.kind = PLOT_POINTS;
	}
	rc = plot_series_add(p, &band);
	return rc ? rc : plot_series_add(p, &line);
}

/* What would have been told of a unit all its way. */
static int
add_course(struct plot *p, const struct backtest_risk *r, size_t index)
{
	const struct life_unit *u = &r->test->fleet.unit[index];
	char title[128];
	struct plot_panel panel = {.title = title,
			.x_label = r->time,
			.y_label = "remaining life: median, 80 %",
			.y_max = r->forecast[index].cap * 1.04};
	struct life_forecast *f = malloc(u->rows * sizeof(*f));
	double *v = malloc(3 * u->rows * sizeof(*v));
	size_t i;
	int rc = f && v ? life_follow(r->life, u, 0, f) : -ENOMEM;

	snprintf(title, sizeof(title), "Unit %.64s on its way", r->test->name[index]);
	for (i = 0; i < u->rows && !rc; i++) {
		v[i] = f[i].low;
		v[u->rows + i] = f[i].high;
		v[2 * u->rows + i] = f[i].median;
	}
	if (!rc)
		rc = plot_panel_add(p, &panel);
	if (!rc)
		rc = add_told(p, u, v);
	free(f);
	free(v);
	return rc;
}

static int
draw(struct plot *p, const struct backtest_risk *r, const struct life_forecast **order)
{
	size_t n = r->test->fleet.count, i;
	int rc;

	for (i = 0; i < n; i++)
		order[i] = &r->forecast[i];
	qsort(order, n, sizeof(*order), by_median);
	rc = plot_title(p, "Remaining life");
	if (!rc)
		rc = add_units(p, order, n);
	if (!rc)
		rc = add_trials(p, r->life, order[0]->cap);
	if (!rc)
		rc = add_course(p, r, (size_t)(order[0] - r->forecast));
	if (!rc && n > 1)
		rc = add_course(p, r, (size_t)(order[n / 2] - r->forecast));
	return rc;
}

int
backtest_risk_plot(const struct backtest_risk *r, const char *path, struct backtest_error *error)
{
	const struct life_forecast **order = malloc(r->test->fleet.count * sizeof(*order));
	struct plot *p = plot_create(2, PANEL_WIDTH, PANEL_HEIGHT);
	int rc = order && p ? draw(p, r, order) : -ENOMEM;

	if (!rc)
		rc = plot_write(p, path);
	if (rc)
		snprintf(error->text, sizeof(error->text), "%s: cannot draw: %s", path,
				strerror(-rc));
	plot_free(p);
	free(order);
	return rc;
}
