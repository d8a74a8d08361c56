/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_forecast.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

#define WIDTH 1200
#define HEIGHT 320
#define CLOSE_ROWS 400 /* of the panel that shows the end from close by, or four horizons */

/* Columns of the picture: by forecast row, in the order of its origins. */
struct columns {
	size_t rows;
	double *time, *actual, *median, *low, *high, *said;
	double *true_time; /* when a statement came true */
	size_t true_count;
};

static void
free_columns(struct columns *c)
{
	free(c->time);
	free(c->actual);
	free(c->median);
	free(c->low);
	free(c->high);
	free(c->said);
	free(c->true_time);
}

static bool
allocate(struct columns *c, size_t rows)
{
	size_t room = rows > 0 ? rows : 1;

	*c = (struct columns){.rows = rows};
	c->time = calloc(room, sizeof(double));
	c->actual = calloc(room, sizeof(double));
	c->median = calloc(room, sizeof(double));
	c->low = calloc(room, sizeof(double));
	c->high = calloc(room, sizeof(double));
	c->said = calloc(room, sizeof(double));
	c->true_time = calloc(room, sizeof(double));
	return c->time && c->actual && c->median && c->low && c->high && c->said && c->true_time;
}

static void
fill(const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct backtest_forecasts *f, struct columns *c)
{
	const struct backtest_row *row;
	size_t i;

	for (i = 0; i < f->rows; i++) {
		row = &f->row[i];
		c->time[i] = s->seconds[row->row];
		c->actual[i] = s->value[row->row];
		c->median[i] = row->median;
		c->low[i] = row->quantile[0];
		c->high[i] = row->quantile[o->quantiles - 1];
		c->said[i] = f->said ? 100 * f->said[row->row] : NAN;
		if (f->said && f->came_true[row->row] == 1)
			c->true_time[c->true_count++] = c->time[i];
	}
}

static int
add_panel(struct plot *p, const struct backtest_series *s, const char *title, const char *y_label)
{
	struct plot_panel panel = {.title = title,
			.y_label = y_label,
			.x_label = s->has_time ? NULL : "row",
			.x_time = s->has_time};

	return plot_panel_add(p, &panel);
}

static int
draw_forecasts(struct plot *p, const struct backtest_forecast_options *o, const struct columns *c,
		size_t from)
{
	char band[64];
	size_t n = c->rows - from;
	struct plot_series series[] = {
			{PLOT_BAND, PLOT_BLUE, 0, band, n, c->time + from, NULL, c->low + from,
					c->high + from},
			{PLOT_LINE, PLOT_BLACK, 0, "actual", n, c->time + from, c->actual + from,
					NULL, NULL},
			{PLOT_LINE, PLOT_BLUE, 0, "median forecast", n, c->time + from,
					c->median + from, NULL, NULL},
	};
	size_t i;
	int rc = 0;

	snprintf(band, sizeof(band), "%g to %g quantile", o->quantile[0],
			o->quantile[o->quantiles - 1]);
	for (i = 0; i < 3 && rc == 0; i++)
		rc = plot_series_add(p, &series[i]);
	return rc;
}

static int
draw_statement(struct plot *p, const struct backtest_forecast_options *o, const struct columns *c)
{
	const double threshold = 100 * o->statement.probability;
	const struct plot_series series[] = {
			{PLOT_MARKS, PLOT_ORANGE, 0.15, "came true", c->true_count, c->true_time,
					NULL, NULL, NULL},
			{PLOT_LINE, PLOT_PURPLE, 0, "chance", c->rows, c->time, c->said, NULL,
					NULL},
			{PLOT_LEVEL, PLOT_GREY, 0, "holds", 1, NULL, &threshold, NULL, NULL},
	};
	size_t i;
	int rc = 0;

	for (i = 0; i < 3 && rc == 0; i++)
		rc = plot_series_add(p, &series[i]);
	return rc;
}

static int
draw(struct plot *p, const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct columns *c)
{
	size_t close = 4 * (size_t)o->horizon > CLOSE_ROWS ? 4 * (size_t)o->horizon : CLOSE_ROWS;
	char text[LOAD_STATEMENT_TEXT_MAX], title[64];
	int rc;

	snprintf(title, sizeof(title), "Forecast up to %u rows ahead", o->horizon);
	rc = add_panel(p, s, title, o->value);
	if (rc == 0)
		rc = draw_forecasts(p, o, c, 0);
	if (rc == 0 && c->rows > 2 * close)
		rc = add_panel(p, s, "The last rows", o->value);
	if (rc == 0 && c->rows > 2 * close)
		rc = draw_forecasts(p, o, c, c->rows - close);
	if (rc < 0 || !o->has_statement)
		return rc;
	load_statement_format(&o->statement, text, sizeof(text));
	rc = add_panel(p, s, text, "chance (%)");
	return rc < 0 ? rc : draw_statement(p, o, c);
}

int
backtest_forecasts_plot(const struct backtest_forecast_options *o, const struct backtest_series *s,
		const struct backtest_forecasts *f, struct backtest_error *error)
{
	struct plot *p = plot_create(1, WIDTH, HEIGHT);
	struct columns c = {0};
	int rc = -ENOMEM;

	if (p && allocate(&c, f->rows)) {
		fill(o, s, f, &c);
		rc = draw(p, o, s, &c);
	}
	if (rc == 0)
		rc = plot_write(p, o->plot);
	if (rc < 0)
		snprintf(error->text, sizeof(error->text), "%s: %s", o->plot, strerror(-rc));
	free_columns(&c);
	plot_free(p);
	return rc;
}
