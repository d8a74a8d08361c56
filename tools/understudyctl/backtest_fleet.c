/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_fleet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
no_memory(struct backtest_error *error)
{
	snprintf(error->text, sizeof(error->text), "out of memory");
	return -ENOMEM;
}

/* No cell is a number, and not because all are empty. */
static bool
is_words(const struct backtest_table *t, size_t column)
{
	bool words = false;
	size_t i;
	double value;

	for (i = 0; i < backtest_table_rows(t); i++) {
		if (!backtest_number(backtest_table_text(t, i, column), &value))
			words = true;
		else if (!isnan(value))
			return false;
	}
	return words;
}

static int
needs_sensors(const struct backtest_table *t, struct backtest_error *error)
{
	snprintf(error->text, sizeof(error->text),
			"%s: needs a unit, a time and 1 to %d other columns with numbers, has %zu "
			"columns",
			backtest_table_path(t), LIFE_COLUMNS_MAX, backtest_table_columns(t));
	return -EINVAL;
}

int
backtest_fleet_columns_take(struct backtest_fleet_columns *c, const struct backtest_table *t,
		struct backtest_error *error)
{
	size_t n = backtest_table_columns(t), unit, time, i;

	if (backtest_table_find(t, c->unit, &unit, error) ||
			backtest_table_find(t, c->time, &time, error))
		return -EINVAL;
	if (unit == time || n < 3)
		return needs_sensors(t, error);
	c->name = calloc(n, sizeof(*c->name));
	if (!c->name)
		return no_memory(error);
	for (i = 0; i < n; i++) {
		if (i == unit || i == time)
			continue;
		if (is_words(t, i)) {
			c->words++;
			continue;
		}
		c->name[c->count] = strdup(backtest_table_name(t, i));
		if (!c->name[c->count++])
			return no_memory(error);
	}
	return c->count && c->count <= LIFE_COLUMNS_MAX ? 0 : needs_sensors(t, error);
}

void
backtest_fleet_columns_fini(struct backtest_fleet_columns *c)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		free(c->name[i]);
	free(c->name);
	c->name = NULL;
	c->count = 0;
}

/* A row of the table, to be sorted. */
struct row {
	const char *unit;
	size_t first; /* row in which the unit appears first: units keep their order */
	size_t row;
	double time;
};

struct reading {
	const struct backtest_table *table;
	const struct backtest_fleet_columns *columns;
	struct backtest_error *error;
	struct row *row; /* [rows] */
	struct backtest_fleet *fleet;
};

static int
by_name(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->unit, y->unit);

	return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int
by_unit_and_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->first != y->first)
		return x->first > y->first ? 1 : -1;
	if (x->time != y->time)
		return x->time > y->time ? 1 : -1;
	return (x->row > y->row) - (x->row < y->row);
}

static int
row_refused(const struct reading *r, size_t row, const char *what)
{
	snprintf(r->error->text, sizeof(r->error->text), "%s: line %u: %s",
			backtest_table_path(r->table), backtest_table_line(r->table, row), what);
	return -EINVAL;
}

/* Numbers, or where they are none, dates as seconds. */
static int
read_times(struct reading *r, double *time)
{
	size_t column;

	if (backtest_table_find(r->table, r->columns->time, &column, r->error))
		return -EINVAL;
	if (!backtest_table_numbers(r->table, column, time, r->error))
		return 0;
	return backtest_table_seconds(r->table, column, time, r->error) ? -EINVAL : 0;
}

static int
read_keys(struct reading *r, const double *time)
{
	size_t n = backtest_table_rows(r->table), column, i;

	if (backtest_table_find(r->table, r->columns->unit, &column, r->error))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		r->row[i] = (struct row){backtest_table_text(r->table, i, column), 0, i, time[i]};
		if (!*r->row[i].unit)
			return row_refused(r, i, "no unit");
		if (!isfinite(time[i]))
			return row_refused(r, i, "no time");
	}
	qsort(r->row, n, sizeof(*r->row), by_name);
	for (i = 0; i < n; i++)
		r->row[i].first = i && !strcmp(r->row[i].unit, r->row[i - 1].unit)
				? r->row[i - 1].first
				: r->row[i].row;
	qsort(r->row, n, sizeof(*r->row), by_unit_and_time);
	return 0;
}

static int
check_times(const struct reading *r)
{
	char what[128];
	size_t i;

	for (i = 1; i < backtest_table_rows(r->table); i++) {
		if (r->row[i].first != r->row[i - 1].first || r->row[i].time > r->row[i - 1].time)
			continue;
		snprintf(what, sizeof(what), "unit \"%.32s\" has the time %g twice", r->row[i].unit,
				r->row[i].time);
		return row_refused(r, r->row[i].row, what);
	}
	return 0;
}

/* Where units begin, and their names. */
static void
set_units(struct reading *r, struct life_unit *unit)
{
	struct backtest_fleet *f = r->fleet;
	size_t columns = r->columns->count, i, n = 0;

	for (i = 0; i < f->rows; i++) {
		if (!i || r->row[i].first != r->row[i - 1].first) {
			f->name[n] = r->row[i].unit;
			unit[n++] = (struct life_unit){0, f->time + i, f->value + i * columns};
		}
		unit[n - 1].rows++;
		f->time[i] = r->row[i].time;
	}
	f->fleet = (struct life_fleet){columns, n, unit};
}

/* A unit whose column has no value at all would be judged by the fleet's mean: refused. */
static int
check_gaps(const struct reading *r, size_t column)
{
	const struct life_fleet *f = &r->fleet->fleet;
	size_t u, i, empty = f->count;

	for (u = 0; u < f->count; u++) {
		size_t known = 0;

		for (i = 0; i < f->unit[u].rows; i++)
			known += isfinite(f->unit[u].value[i * f->columns + column]) != 0;
		r->fleet->gaps += f->unit[u].rows - known;
		if (!known && empty == f->count)
			empty = u;
	}
	if (empty == f->count)
		return 0;
	snprintf(r->error->text, sizeof(r->error->text),
			"%s: unit \"%.64s\" has no value in column \"%.64s\"",
			backtest_table_path(r->table), r->fleet->name[empty],
			r->columns->name[column]);
	return -EINVAL;
}

static int
read_column(struct reading *r, size_t index, double *number)
{
	struct backtest_fleet *f = r->fleet;
	size_t column, i;

	if (backtest_table_find(r->table, r->columns->name[index], &column, r->error) ||
			backtest_table_numbers(r->table, column, number, r->error))
		return -EINVAL;
	for (i = 0; i < f->rows; i++)
		f->value[i * r->columns->count + index] = number[r->row[i].row];
	return check_gaps(r, index);
}

static int
read_all(struct reading *r, double *number)
{
	size_t c;
	int rc = read_times(r, number);

	if (!rc)
		rc = read_keys(r, number);
	if (!rc)
		rc = check_times(r);
	if (rc)
		return rc;
	set_units(r, (struct life_unit *)r->fleet->fleet.unit);
	for (c = 0; c < r->columns->count && !rc; c++)
		rc = read_column(r, c, number);
	return rc;
}

int
backtest_fleet_read(struct backtest_fleet *f, const struct backtest_table *t,
		const struct backtest_fleet_columns *columns, struct backtest_error *error)
{
	size_t n = backtest_table_rows(t);
	double *number = malloc((n + 1) * sizeof(*number));
	struct reading r = {t, columns, error, malloc((n + 1) * sizeof(*r.row)), f};
	int rc;

	*f = (struct backtest_fleet){.rows = n};
	f->fleet.unit = malloc((n + 1) * sizeof(*f->fleet.unit));
	f->name = malloc((n + 1) * sizeof(*f->name));
	f->time = malloc((n + 1) * sizeof(*f->time));
	f->value = malloc((n * columns->count + 1) * sizeof(*f->value));
	rc = number && r.row && f->fleet.unit && f->name && f->time && f->value
			? read_all(&r, number)
			: no_memory(error);
	free(number);
	free(r.row);
	if (rc)
		backtest_fleet_fini(f);
	return rc;
}

void
backtest_fleet_fini(struct backtest_fleet *f)
{
	free((void *)f->fleet.unit);
	free(f->name);
	free(f->time);
	free(f->value);
	*f = (struct backtest_fleet){0};
}
