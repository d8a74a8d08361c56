/* SPDX-License-Identifier: Apache-2.0 */
#include "life_group.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

#define PRIOR_ROWS 20 /* weight of all groups' scale in that of one */
#define SCALE_LEAST 0.1 /* of a group, against that of all */
#define CONSTANT \
	1e-8 /* scale of a column that is constant within groups, against its level's magnitude */
#define AROUND 10 /* rows to either side that a row is compared with */
#define ANCHOR \
	1.0 /* rows: weight of a group's mean as its level, for groups that no unit changes between */

/* A column's values within each group. */
struct moments {
	double n[LIFE_GROUPS_MAX], mean[LIFE_GROUPS_MAX], squares[LIFE_GROUPS_MAX];
};

static void
moments_fit(struct moments *m, const struct life_groups *s, size_t column, size_t stride)
{
	size_t i;

	*m = (struct moments){{0}, {0}, {0}};
	for (i = 0; i < s->rows; i += stride) {
		double value = s->row[i].value[column], d;
		int g = s->group[i];

		if (g < 0 || !isfinite(value))
			continue;
		d = value - m->mean[g];
		m->mean[g] += d / ++m->n[g];
		m->squares[g] += d * (value - m->mean[g]);
	}
}

/* Whether row i is in another group than the one before, and by how much its column jumps. */
static bool
jump(const struct life_groups *s, size_t i, size_t column, double *by)
{
	if (s->row[i].first || s->group[i] == s->group[i - 1] || s->group[i] < 0 ||
			s->group[i - 1] < 0)
		return false;
	*by = s->row[i].value[column] - s->row[i - 1].value[column];
	return isfinite(*by);
}

double
life_groups_explain(const struct life_groups *s, size_t column)
{
	struct moments m;
	double total = 0, left = 0, by;
	size_t i;

	moments_fit(&m, s, column, s->stride);
	for (i = 0; i < s->rows; i += s->stride) {
		if (!jump(s, i, column, &by))
			continue;
		total += by * by;
		by -= m.mean[s->group[i]] - m.mean[s->group[i - 1]];
		left += by * by;
	}
	return total > 0 ? 1 - left / total : NAN;
}

/* Of the rows around one: how far it is from their mean, in a column and in the share of each group. */
struct contrast {
	double by, share[LIFE_GROUPS_MAX];
};

static void
contrast_add(struct contrast *c, const struct life_groups *s, size_t i, size_t column, double *n)
{
	if (s->group[i] < 0 || !isfinite(s->row[i].value[column]))
		return;
	c->by -= s->row[i].value[column];
	c->share[s->group[i]]--;
	++*n;
}

static bool
contrast_fit(struct contrast *c, const struct life_groups *s, size_t i, size_t column)
{
	double value = s->row[i].value[column], n = 0;
	size_t k, g;

	*c = (struct contrast){0, {0}};
	if (s->group[i] < 0 || !isfinite(value))
		return false;
	contrast_add(c, s, i, column, &n);
	for (k = 1; k <= AROUND && !s->row[i - k + 1].first; k++)
		contrast_add(c, s, i - k, column, &n);
	for (k = 1; k <= AROUND && i + k < s->rows && !s->row[i + k].first; k++)
		contrast_add(c, s, i + k, column, &n);
	c->by = value + c->by / n;
	for (g = 0; g < LIFE_GROUPS_MAX; g++)
		c->share[g] /= n;
	c->share[s->group[i]]++;
	return true;
}

/* Moves `level` such that differences of levels fit the contrasts best. */
static void
fit_levels(const struct life_groups *s, size_t column, double *level)
{
	double normal[LIFE_GROUPS_MAX * LIFE_GROUPS_MAX] = {0};
	double right[LIFE_GROUPS_MAX] = {0};
	size_t count = s->count, i, g, h;
	gsl_matrix_view n = gsl_matrix_view_array(normal, count, count);
	gsl_vector_view r = gsl_vector_view_array(right, count);
	struct contrast c;

	for (i = 0; i < s->rows; i += s->stride) {
		if (!contrast_fit(&c, s, i, column))
			continue;
		for (g = 0; g < count; g++)
			c.by -= level[g] * c.share[g];
		for (g = 0; g < count; g++) {
			right[g] += c.share[g] * c.by;
			for (h = 0; h < count; h++)
				normal[g * count + h] += c.share[g] * c.share[h];
		}
	}
	for (g = 0; g < count; g++)
		normal[g * count + g] += ANCHOR;
	gsl_linalg_cholesky_decomp1(&n.matrix);
	gsl_linalg_cholesky_svx(&n.matrix, &r.vector);
	for (g = 0; g < count; g++)
		level[g] += right[g];
}

/* Within each group, half of the squared difference to the unit's last value in the same group: its noise. */
static void
noises_fit(struct moments *m, const struct life_groups *s, size_t column)
{
	double last[LIFE_GROUPS_MAX];
	size_t i, g;

	*m = (struct moments){{0}, {0}, {0}};
	for (i = 0; i < s->rows; i++) {
		double value = s->row[i].value[column];

		for (g = 0; s->row[i].first && g < LIFE_GROUPS_MAX; g++)
			last[g] = NAN;
		if (s->group[i] < 0 || !isfinite(value))
			continue;
		g = (size_t)s->group[i];
		if (!isnan(last[g])) {
			m->squares[g] += (value - last[g]) * (value - last[g]) / 2;
			m->n[g]++;
		}
		last[g] = value;
	}
}

/* Variance of all groups together. */
static double
pooled(const struct moments *m)
{
	double n = 0, squares = 0;
	size_t g;

	for (g = 0; g < LIFE_GROUPS_MAX; g++) {
		n += m->n[g];
		squares += m->squares[g];
	}
	return n > 0 ? squares / n : 0;
}

/* Of a group, against that of all groups, to which it is drawn where it has few rows; 1 if all are 0. */
static double
ratio(const struct moments *m, size_t g, double all)
{
	double own = (m->squares[g] + PRIOR_ROWS * all) / (m->n[g] + PRIOR_ROWS);

	return all > 0 ? fmax(own / all, SCALE_LEAST * SCALE_LEAST) : 1;
}

/* The standard deviation is the right scale if all groups see the same wear, the noise if it grows as wear's effect does;
 * neither is sure, and the geometric mean has half of either's error. */
static void
fit_scales(const struct life_groups *s, size_t column, const struct moments *values, double *scale)
{
	struct moments noises;
	double variance = pooled(values), noise, most = 0;
	size_t g;

	noises_fit(&noises, s, column);
	noise = pooled(&noises);
	for (g = 0; g < s->count; g++)
		most = fmax(most, fabs(values->mean[g]));
	for (g = 0; g < s->count; g++)
		scale[g] = sqrt(variance) > CONSTANT * (most + CONSTANT)
				? sqrt(variance *
						  sqrt(ratio(values, g, variance) *
								  ratio(&noises, g, noise)))
				: INFINITY;
}

void
life_groups_fit(const struct life_groups *s, size_t column, double *level, double *scale)
{
	struct moments m;

	moments_fit(&m, s, column, 1);
	fit_scales(s, column, &m, scale);
	memcpy(level, m.mean, s->count * sizeof(*level));
	fit_levels(s, column, level);
}
