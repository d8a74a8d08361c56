/* SPDX-License-Identifier: Apache-2.0 */
#include "life_condition.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE 20000 /* rows, about, to choose columns by */
#define RARE 0.005 /* share of the rows: a condition met so seldom is none */
#define RARE_ROWS 20
#define KNOWN 0.75 /* least share of rows that are in some condition */
#define RETURNS 0.5 /* least share of changes that lead back to where the unit has been */
#define STEP 0.3 /* of what is left that a further column must explain */
#define MOSTLY 0.5 /* of the jumps that all of them must explain */
#define ABOUT 0.05 /* difference of what two columns leave that says little */
#define CLEARLY 0.01 /* and of two whose groups are as narrow, the first */

struct search {
	size_t columns;
	struct life_row *row; /* [rows] */
	int8_t *group; /* [rows] */
	int8_t *before; /* [rows] group by the axes so far; 0 without axes */
	struct life_groups groups; /* a view of them */
	double *value; /* room for a column's sample */
	struct life_axis *axis; /* [columns] */
	struct life_condition *trial;
	double share[LIFE_COLUMNS_MAX]; /* [columns] of the jumps that the axes so far explain */
};

static int
search_open(struct search *s, const struct life_fleet *fleet)
{
	size_t u, i, n = 0;

	s->columns = fleet->columns;
	for (u = 0; u < fleet->count; u++)
		s->groups.rows += fleet->unit[u].rows;
	s->groups.stride = s->groups.rows / SAMPLE + 1;
	s->row = malloc(s->groups.rows * sizeof(*s->row));
	s->group = malloc(s->groups.rows * sizeof(*s->group));
	s->before = calloc(s->groups.rows, sizeof(*s->before));
	s->value = malloc((s->groups.rows / s->groups.stride + 1) * sizeof(*s->value));
	s->axis = calloc(s->columns, sizeof(*s->axis));
	s->trial = calloc(1, sizeof(*s->trial));
	if (!s->row || !s->group || !s->before || !s->value || !s->axis || !s->trial)
		return -ENOMEM;
	s->groups.row = s->row;
	s->groups.group = s->group;
	for (u = 0; u < fleet->count; u++)
		for (i = 0; i < fleet->unit[u].rows; i++)
			s->row[n++] = (struct life_row){
					fleet->unit[u].value + i * s->columns, i == 0};
	return 0;
}

static void
search_close(struct search *s)
{
	free(s->row);
	free(s->group);
	free(s->before);
	free(s->value);
	free(s->axis);
	free(s->trial);
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Known values of every stride-th row, sorted. */
static size_t
sample_column(struct search *s, size_t column)
{
	size_t i, n = 0;

	for (i = 0; i < s->groups.rows; i += s->groups.stride)
		if (isfinite(s->row[i].value[column]))
			s->value[n++] = s->row[i].value[column];
	qsort(s->value, n, sizeof(*s->value), ascending);
	return n;
}

/* The row's groups on all axes as one number; -1: in none. */
static int
code_of(const struct life_condition *c, const double *row)
{
	int code = 0;
	size_t k;

	for (k = 0; k < c->axes; k++) {
		int g = life_axis_group(&c->axis[k], row[c->axis[k].column]);

		if (g < 0)
			return -1;
		code = code * LIFE_AXIS_GROUPS_MAX + g;
	}
	return code;
}

int
life_condition_of(const struct life_condition *c, const double *row)
{
	int code = code_of(c, row);
	size_t g;

	for (g = 0; g < c->count && code >= 0; g++)
		if (c->code[g] == (uint32_t)code)
			return (int)g;
	return -1;
}

/* The conditions that the axes make, without rare ones, and that of each row. False if they are too many, or leave too many
 * rows out. */
static bool
divide(struct search *s, struct life_condition *c)
{
	uint32_t count[LIFE_AXIS_GROUPS_MAX * LIFE_AXIS_GROUPS_MAX] = {0}, code;
	double rare = fmax(RARE * (double)s->groups.rows, RARE_ROWS);
	size_t i, known = 0;

	_Static_assert(LIFE_AXES_MAX == 2, "count has a cell for each pair of groups");
	c->count = 0;
	for (i = 0; i < s->groups.rows; i++) {
		int at = code_of(c, s->row[i].value);

		if (at >= 0)
			count[at]++;
	}
	for (code = 0; code < sizeof(count) / sizeof(count[0]); code++) {
		if (count[code] < rare)
			continue;
		if (c->count == LIFE_GROUPS_MAX)
			return false;
		c->code[c->count++] = code;
		known += count[code];
	}
	for (i = 0; i < s->groups.rows; i++)
		s->group[i] = (int8_t)life_condition_of(c, s->row[i].value);
	s->groups.count = c->count;
	return c->count > 1 && (double)known >= KNOWN * (double)s->groups.rows;
}

/* Whether units come back: of the changes since the last row of the same condition by the axes so far, at most half lead to
 * one that is new to the unit. */
static bool
returns(const struct search *s)
{
	size_t i, g, changes = 0, returned = 0;
	uint32_t seen = 0;
	int last[LIFE_GROUPS_MAX];

	for (i = 0; i < s->groups.rows; i++) {
		int now = s->group[i], *before = s->before[i] < 0 ? NULL : &last[s->before[i]];

		for (g = 0; s->row[i].first && g < LIFE_GROUPS_MAX; g++)
			last[g] = -1;
		seen = s->row[i].first ? 0 : seen;
		if (now < 0 || !before)
			continue;
		if (*before >= 0 && now != *before) {
			changes++;
			returned += seen >> now & 1;
		}
		seen |= 1u << now;
		*before = now;
	}
	return changes && (double)returned >= RETURNS * (double)changes;
}

static bool
is_axis(const struct life_condition *c, size_t column)
{
	size_t k;

	for (k = 0; k < c->axes; k++)
		if (c->axis[k].column == column)
			return true;
	return false;
}

static void
explain(const struct search *s, double *share)
{
	size_t j;

	for (j = 0; j < s->columns; j++)
		share[j] = life_groups_explain(&s->groups, j);
}

/* What more than half of the columns that are no axes have explained at least. */
static double
typical(const double *share, const struct life_condition *c)
{
	double other[LIFE_COLUMNS_MAX];
	size_t j, n = 0;

	for (j = 0; j < c->columns; j++)
		if (!isnan(share[j]) && !is_axis(c, j))
			other[n++] = share[j];
	qsort(other, n, sizeof(*other), ascending);
	return n ? other[(n - 1) / 2] : 0;
}

/* How much of what the axes so far leave is still left with another; of the same columns. */
static double
left_with(struct search *s, struct life_condition *trial)
{
	double share[LIFE_COLUMNS_MAX];

	if (!divide(s, trial) || !returns(s))
		return 1;
	explain(s, share);
	return (1 - typical(share, trial)) / (1 - typical(s->share, trial));
}

/* Of columns that leave about as little, the one with the narrowest groups: sensors may fall into groups too, but wear
 * moves them; of those alike, the first. */
static bool
better(const struct life_axis *a, double left, const struct life_axis *best, double best_left)
{
	if (fabs(left - best_left) > ABOUT)
		return left < best_left;
	if (a->widest != best->widest)
		return a->widest < best->widest;
	return left < best_left - CLEARLY;
}

/* The column that explains most of what is left, if it explains enough; whether there is one. */
static bool
add_axis(struct search *s, struct life_condition *c)
{
	size_t j, best = s->columns;
	double best_left = 1;

	for (j = 0; j < s->columns; j++) {
		double left;

		if (!s->axis[j].groups || is_axis(c, j))
			continue;
		memcpy(s->trial, c, offsetof(struct life_condition, level));
		s->trial->axis[s->trial->axes++] = s->axis[j];
		left = left_with(s, s->trial);
		if (!(left < 1 - STEP))
			continue;
		if (best < s->columns && !better(&s->axis[j], left, &s->axis[best], best_left))
			continue;
		best = j;
		best_left = left;
	}
	if (best == s->columns)
		return false;
	c->axis[c->axes++] = s->axis[best];
	divide(s, c);
	memcpy(s->before, s->group, s->groups.rows * sizeof(*s->before));
	explain(s, s->share);
	c->explained = typical(s->share, c);
	return true;
}

static void
fit_column(struct life_condition *c, const struct search *s, size_t column)
{
	double level[LIFE_GROUPS_MAX], scale[LIFE_GROUPS_MAX];
	size_t g;

	life_groups_fit(&s->groups, column, level, scale);
	for (g = 0; g < c->count; g++) {
		c->level[g][column] = level[g];
		c->scale[g][column] = scale[g];
	}
}

static void
find(struct search *s, struct life_condition *c)
{
	size_t j;

	for (j = 0; j < s->columns; j++) {
		s->axis[j].column = j;
		life_axis_fit(&s->axis[j], s->value, sample_column(s, j));
	}
	while (c->axes < LIFE_AXES_MAX && add_axis(s, c))
		;
	if (c->explained < MOSTLY || !divide(s, c)) {
		c->axes = c->count = 0;
		c->explained = 0;
		return;
	}
	for (j = 0; j < s->columns; j++)
		fit_column(c, s, j);
}

int
life_condition_fit(struct life_condition *c, const struct life_fleet *fleet)
{
	struct search s = {0};
	int rc = search_open(&s, fleet);

	memset(c, 0, sizeof(*c));
	c->columns = fleet->columns;
	if (!rc)
		find(&s, c);
	search_close(&s);
	return rc;
}

const double *
life_condition_apply(const struct life_condition *c, const double *row, double *room)
{
	int g;
	size_t j;

	if (!c->count)
		return row;
	g = life_condition_of(c, row);
	for (j = 0; j < c->columns; j++)
		room[j] = g < 0 ? NAN : (row[j] - c->level[g][j]) / c->scale[g][j];
	return room;
}
