/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_forecast.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP_LEAST 8 /* rows */
#define SAMPLE_MAX \
	1e30 /* what is not smaller is no load but a mistake, and would swamp every sum: a gap */
#define GAP_MAX 1000000 /* steps between two rows: what is longer is no gap but another series */

static int
allocate(struct backtest_series *s, struct backtest_error *error)
{
	s->value = calloc(s->rows, sizeof(*s->value));
	s->index = calloc(s->rows, sizeof(*s->index));
	s->seconds = calloc(s->rows, sizeof(*s->seconds));
	s->stamp = calloc(s->rows, sizeof(*s->stamp));
	if (s->value && s->index && s->seconds && s->stamp)
		return 0;
	snprintf(error->text, sizeof(error->text), "no memory for %zu rows", s->rows);
	return -ENOMEM;
}

/* Which column has timestamps; `out` is SIZE_MAX for none. Asked for by name, it must be there. */
static int
find_time(const struct backtest_forecast_options *o, const struct backtest_table *t, size_t *out,
		struct backtest_error *error)
{
	size_t i;

	*out = SIZE_MAX;
	if (o->time)
		return backtest_table_find(t, o->time, out, error);
	for (i = 0; i < backtest_table_columns(t); i++) {
		if (!strcmp(backtest_table_name(t, i), "timestamp"))
			*out = i;
	}
	return 0;
}

static int
take_times(struct backtest_series *s, const struct backtest_table *t, size_t column, size_t at,
		struct backtest_error *error)
{
	size_t i;

	for (i = 0; i < backtest_table_rows(t); i++)
		s->stamp[at + i] = backtest_table_text(t, i, column);
	return backtest_table_seconds(t, column, s->seconds + at, error);
}

static int
take_table(const struct backtest_forecast_options *o, struct backtest_series *s,
		const struct backtest_table *t, size_t at, struct backtest_error *error)
{
	size_t value, time, i;
	int rc = backtest_table_find(t, o->value, &value, error);

	if (rc == 0)
		rc = find_time(o, t, &time, error);
	if (rc == 0)
		rc = backtest_table_numbers(t, value, s->value + at, error);
	if (rc < 0)
		return rc;
	if (time != SIZE_MAX)
		rc = take_times(s, t, time, at, error);
	if (at == 0)
		s->has_time = time != SIZE_MAX;
	else if (s->has_time != (time != SIZE_MAX))
		s->has_time = false;
	for (i = 0; i < backtest_table_rows(t); i++) {
		if (!(fabs(s->value[at + i]) < SAMPLE_MAX))
			s->value[at + i] = NAN;
	}
	return rc;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median time between rows. */
static double
usual_step(const struct backtest_series *s)
{
	double *step = calloc(s->rows, sizeof(*step)), median = NAN;
	size_t i, n = 0;

	for (i = 1; step && i < s->rows; i++) {
		if (s->seconds[i] > s->seconds[i - 1])
			step[n++] = s->seconds[i] - s->seconds[i - 1];
	}
	if (n > 0) {
		qsort(step, n, sizeof(*step), compare);
		median = step[n / 2];
	}
	free(step);
	return median;
}

static void
number_samples(const struct backtest_forecast_options *o, struct backtest_series *s)
{
	double step = s->has_time ? usual_step(s) : NAN, steps;
	size_t i;

	s->step_s = o->step_s > 0 ? o->step_s : step;
	for (i = 1; i < s->rows; i++) {
		steps = s->has_time ? round((s->seconds[i] - s->seconds[i - 1]) / step) : 1;
		if (!(steps >= 1 && steps <= GAP_MAX))
			steps = 1;
		s->index[i] = s->index[i - 1] + (int64_t)steps;
	}
	for (i = 0; i < s->rows && !s->has_time; i++) {
		s->seconds[i] = (double)i;
		s->stamp[i] = NULL;
	}
}

static size_t
warm_up(const struct backtest_forecast_options *o, size_t rows)
{
	size_t rows_needed = o->seasons > 0 ? 2 * (size_t)o->season[o->seasons - 1] : 0;

	if (rows_needed < rows / 10 + WARM_UP_LEAST)
		rows_needed = rows / 10 + WARM_UP_LEAST;
	return rows_needed < rows / 2 ? rows_needed : rows / 2;
}

int
backtest_series_read(const struct backtest_forecast_options *o, struct backtest_series *s,
		struct backtest_error *error)
{
	size_t input = 0;
	int rc = backtest_table_read(o->input, BACKTEST_CSV, &s->table[0], error);

	if (rc == 0 && o->test)
		rc = backtest_table_read(o->test, BACKTEST_CSV, &s->table[1], error);
	if (rc < 0)
		return rc;
	input = backtest_table_rows(s->table[0]);
	s->rows = input + (o->test ? backtest_table_rows(s->table[1]) : 0);
	if (input < 2 || s->rows == input - (o->test ? 0 : input)) {
		snprintf(error->text, sizeof(error->text),
				"\"%s\": too few rows to learn from and to forecast",
				input < 2 ? o->input : o->test);
		return -EINVAL;
	}
	rc = allocate(s, error);
	if (rc == 0)
		rc = take_table(o, s, s->table[0], 0, error);
	if (rc == 0 && o->test)
		rc = take_table(o, s, s->table[1], input, error);
	if (rc < 0)
		return rc;
	s->first = o->test ? input : warm_up(o, s->rows);
	number_samples(o, s);
	return 0;
}

void
backtest_series_free(struct backtest_series *s)
{
	free(s->value);
	free(s->index);
	free(s->seconds);
	free(s->stamp);
	backtest_table_free(s->table[0]);
	backtest_table_free(s->table[1]);
}
