/* SPDX-License-Identifier: Apache-2.0 */
#include "life_feature.h"

#include <errno.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares of the scale; for C-MAPSS, with a cap of 125 cycles, 10 and 40, and 20, 40 and 80 cycles. */
static const double level_span[LIFE_LEVELS] = {0.08, 0.32};
static const double slope_span[LIFE_SLOPES] = {0.16, 0.32, 0.64};
#define FIT_SPAN 0.16 /* of the smoothing before components are found */

#define CONSTANT \
	1e-8 /* standard deviation of a column that is constant, against its mean's magnitude */
#define NOISE_SHARE \
	0.1 /* least noise of a column, against its standard deviation: a step is no precise sensor */
#define SIGNAL 4.0 /* variance of a component against what smoothed noise would leave */
#define SHRINK 0.02 /* slopes over less than a few rows are pulled to zero */

/* Walks over a unit, holding the last known values. */
struct walk {
	double value[LIFE_COLUMNS_MAX]; /* scaled; 0, the mean, as long as nothing is known */
};

static void
walk_row(struct walk *w, const struct life_lens *lens, const double *raw)
{
	double room[LIFE_COLUMNS_MAX];
	const double *row = life_condition_apply(&lens->condition, raw, room);
	size_t j;

	for (j = 0; j < lens->used; j++) {
		double value = row[lens->column[j]];

		if (isfinite(value))
			w->value[j] = (value - lens->mean[j]) / lens->noise[j];
	}
}

/* Weighted level and slope of the channels over one span. */
struct trace {
	double span;
	double age[3]; /* sums of weight, weight x age, weight x age^2 */
	double sum[LIFE_CHANNELS_MAX],
			moment[LIFE_CHANNELS_MAX]; /* of weight x value, weight x age x value */
};

/* All rows get older by `step`, then the new one joins. */
static void
trace_add(struct trace *t, const double *value, size_t channels, double step)
{
	double keep = exp(-2 * step / t->span);
	size_t c;

	t->age[2] = keep * (t->age[2] + 2 * step * t->age[1] + step * step * t->age[0]);
	t->age[1] = keep * (t->age[1] + step * t->age[0]);
	t->age[0] = keep * t->age[0] + 1;
	for (c = 0; c < channels; c++) {
		t->moment[c] = keep * (t->moment[c] + step * t->sum[c]);
		t->sum[c] = keep * t->sum[c] + value[c];
	}
}

static double
trace_level(const struct trace *t, size_t c)
{
	return t->sum[c] / t->age[0];
}

/* Change per span. */
static double
trace_slope(const struct trace *t, size_t c)
{
	double spread = t->age[0] * t->age[2] - t->age[1] * t->age[1];
	double shrink = SHRINK * t->span * t->span * t->age[0] * t->age[0];

	return t->span * (t->age[1] * t->sum[c] - t->age[0] * t->moment[c]) / (spread + shrink);
}

static double
step_to(const struct life_unit *u, size_t row)
{
	return row ? u->time[row] - u->time[row - 1] : 0;
}

/* Sums over a column. */
struct column {
	double n, mean, squares, pairs, jumps;
	double last; /* of the unit, NAN: not known yet */
};

static void
column_add(struct column *c, double value)
{
	double d = value - c->mean;

	if (!isfinite(value))
		return;
	c->mean += d / ++c->n;
	c->squares += d * (value - c->mean);
	if (!isnan(c->last)) {
		c->jumps += (value - c->last) * (value - c->last);
		c->pairs++;
	}
	c->last = value;
}

/* False if it is constant. */
static bool
column_measure(const struct column *c, double *mean, double *noise)
{
	double sd = c->n > 1 ? sqrt(c->squares / (c->n - 1)) : 0;

	if (!(sd > CONSTANT * (fabs(c->mean) + CONSTANT)) || !isfinite(sd))
		return false;
	*mean = c->mean;
	*noise = fmax(c->pairs > 0 ? sqrt(c->jumps / c->pairs / 2) : 0, NOISE_SHARE * sd);
	return true;
}

static void
add_unit(struct column *column, const struct life_lens *lens, const struct life_unit *unit)
{
	double room[LIFE_COLUMNS_MAX];
	size_t i, j;

	for (j = 0; j < lens->columns; j++)
		column[j].last = NAN;
	for (i = 0; i < unit->rows; i++) {
		const double *row = life_condition_apply(
				&lens->condition, unit->value + i * lens->columns, room);

		for (j = 0; j < lens->columns; j++)
			column_add(&column[j], row[j]);
	}
}

static void
fit_columns(struct life_lens *lens, const struct life_fleet *fleet)
{
	struct column column[LIFE_COLUMNS_MAX] = {{0}};
	size_t u, j;

	for (u = 0; u < fleet->count; u++)
		add_unit(column, lens, &fleet->unit[u]);
	for (j = 0; j < lens->columns; j++)
		if (column_measure(&column[j], &lens->mean[lens->used], &lens->noise[lens->used]))
			lens->column[lens->used++] = (uint16_t)j;
}

/* Sums of smoothed rows and of their products: the covariance's makings. */
struct spread {
	double count, kept; /* rows; sum of what smoothing leaves of a noise of 1 */
	double *sum;
	gsl_matrix *product;
};

static void
spread_row(struct spread *s, const double *smooth, size_t n)
{
	size_t a, b;

	s->count++;
	for (a = 0; a < n; a++) {
		s->sum[a] += smooth[a];
		for (b = 0; b <= a; b++)
			*gsl_matrix_ptr(s->product, a, b) += smooth[a] * smooth[b];
	}
}

static void
spread_unit(struct spread *s, const struct life_lens *lens, const struct life_unit *unit)
{
	struct walk w = {{0}};
	double total[LIFE_COLUMNS_MAX] = {0}, smooth[LIFE_COLUMNS_MAX], weight = 0, squares = 0;
	size_t i, j;

	for (i = 0; i < unit->rows; i++) {
		double keep = exp(-2 * step_to(unit, i) / (FIT_SPAN * lens->scale));

		walk_row(&w, lens, unit->value + i * lens->columns);
		weight = keep * weight + 1;
		squares = keep * keep * squares + 1;
		for (j = 0; j < lens->used; j++) {
			total[j] = keep * total[j] + w.value[j];
			smooth[j] = total[j] / weight;
		}
		s->kept += squares / (weight * weight);
		spread_row(s, smooth, lens->used);
	}
}

static void
spread_finish(struct spread *s, size_t n)
{
	size_t a, b;

	for (a = 0; a < n; a++) {
		for (b = 0; b <= a; b++) {
			double c = gsl_matrix_get(s->product, a, b) / s->count -
					s->sum[a] / s->count * (s->sum[b] / s->count);

			gsl_matrix_set(s->product, a, b, c);
			gsl_matrix_set(s->product, b, a, c);
		}
	}
}

/* Loads from the largest variances down; the first one always, so that a fleet of pure noise is seen as such. */
static void
take_components(struct life_lens *lens, const gsl_vector *variance, const gsl_matrix *vector,
		double noise)
{
	size_t k, j;

	for (k = 0; k < lens->used && k < LIFE_COMPONENTS_MAX; k++) {
		if (k && !(gsl_vector_get(variance, k) > SIGNAL * noise))
			break;
		for (j = 0; j < lens->used; j++)
			lens->load[k][j] = gsl_matrix_get(vector, j, k);
	}
	lens->components = lens->channels = k;
}

static int
fit_components(struct life_lens *lens, const struct life_fleet *fleet)
{
	struct spread s = {.sum = calloc(lens->used, sizeof(double)),
			.product = gsl_matrix_calloc(lens->used, lens->used)};
	gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(lens->used);
	gsl_vector *variance = gsl_vector_alloc(lens->used);
	gsl_matrix *vector = gsl_matrix_alloc(lens->used, lens->used);
	int rc = -ENOMEM;
	size_t u;

	if (!s.sum || !s.product || !work || !variance || !vector)
		goto done;
	for (u = 0; u < fleet->count; u++)
		spread_unit(&s, lens, &fleet->unit[u]);
	spread_finish(&s, lens->used);
	gsl_eigen_symmv(s.product, variance, vector, work);
	gsl_eigen_symmv_sort(variance, vector, GSL_EIGEN_SORT_VAL_DESC);
	take_components(lens, variance, vector, s.kept / s.count);
	rc = 0;
done:
	free(s.sum);
	gsl_matrix_free(s.product);
	gsl_eigen_symmv_free(work);
	gsl_vector_free(variance);
	gsl_matrix_free(vector);
	return rc;
}

/* Levels of the components at a unit's first rows (as far as the shortest span) and at its last. */
static void
ends_of(const struct life_lens *lens, const struct life_unit *unit, double *begin, double *end)
{
	struct walk w = {{0}};
	struct trace t = {.span = level_span[0] * lens->scale};
	size_t i, j, c;

	for (i = 0; i < unit->rows; i++) {
		double value[LIFE_CHANNELS_MAX] = {0};

		walk_row(&w, lens, unit->value + i * lens->columns);
		for (c = 0; c < lens->components; c++)
			for (j = 0; j < lens->used; j++)
				value[c] += lens->load[c][j] * w.value[j];
		trace_add(&t, value, lens->components, step_to(unit, i));
		for (c = 0; c < lens->components; c++) {
			end[c] = trace_level(&t, c);
			if (!i || unit->time[i] - unit->time[0] <= t.span)
				begin[c] = end[c];
		}
	}
}

/* What the units' ends have in common: how far they have come, and how they differ. */
struct ends {
	double way[LIFE_COMPONENTS_MAX]; /* mean of end less begin */
	double spread[LIFE_COMPONENTS_MAX *
			LIFE_COMPONENTS_MAX]; /* covariance of the ends, and noise */
};

static void
ends_fit(struct ends *e, const struct life_lens *lens, const struct life_fleet *fleet)
{
	size_t n = lens->components, u, a, b;
	double sum[LIFE_COMPONENTS_MAX] = {0}, count = (double)fleet->count;

	*e = (struct ends){{0}, {0}};
	for (u = 0; u < fleet->count; u++) {
		double begin[LIFE_COMPONENTS_MAX], end[LIFE_COMPONENTS_MAX];

		ends_of(lens, &fleet->unit[u], begin, end);
		for (a = 0; a < n; a++) {
			e->way[a] += (end[a] - begin[a]) / count;
			sum[a] += end[a];
			for (b = 0; b < n; b++)
				e->spread[a * n + b] += end[a] * end[b] / count;
		}
	}
	for (a = 0; a < n; a++)
		for (b = 0; b < n; b++)
			e->spread[a * n + b] -= sum[a] * sum[b] / (count * count);
	/* the noise of a level of about ten rows, so that chance agreement is no direction */
	for (a = 0; a < n; a++)
		e->spread[a * n + a] += 0.1;
}

static void
add_failure_channel(struct life_lens *lens, const double *weight)
{
	double *load = lens->load[lens->channels], length = 0;
	size_t c, j;

	for (j = 0; j < lens->used; j++) {
		for (c = 0; c < lens->components; c++)
			load[j] += weight[c] * lens->load[c][j];
		length += load[j] * load[j];
	}
	if (!(length > 0) || !isfinite(length))
		return;
	for (j = 0; j < lens->used; j++)
		load[j] /= sqrt(length);
	lens->channels++;
}

/* Fisher: the inverse of the ends' covariance times the way. */
static void
fit_failure(struct life_lens *lens, const struct life_fleet *fleet)
{
	struct ends e;
	double weight[LIFE_COMPONENTS_MAX];
	size_t n = lens->components;
	gsl_matrix_view spread = gsl_matrix_view_array(e.spread, n, n);
	gsl_vector_view way = gsl_vector_view_array(e.way, n);
	gsl_vector_view out = gsl_vector_view_array(weight, n);

	ends_fit(&e, lens, fleet);
	/* GSL's decomposition aborts if this is not positive definite by rounding; the diagonal above makes it so */
	gsl_linalg_cholesky_decomp1(&spread.matrix);
	gsl_linalg_cholesky_solve(&spread.matrix, &way.vector, &out.vector);
	add_failure_channel(lens, weight);
}

int
life_lens_fit(struct life_lens *lens, const struct life_fleet *fleet, double scale)
{
	memset(lens, 0, sizeof(*lens));
	lens->columns = fleet->columns;
	lens->scale = scale;
	if (life_condition_fit(&lens->condition, fleet))
		return -ENOMEM;
	fit_columns(lens, fleet);
	if (lens->used && fit_components(lens, fleet))
		return -ENOMEM;
	if (lens->components > 1)
		fit_failure(lens, fleet);
	lens->features = lens->channels * (LIFE_LEVELS + LIFE_SLOPES) + 1;
	return 0;
}

struct look {
	struct walk walk;
	struct trace level[LIFE_LEVELS], slope[LIFE_SLOPES];
};

static void
look_row(struct look *l, const struct life_lens *lens, const double *row, double step)
{
	double value[LIFE_CHANNELS_MAX] = {0};
	size_t c, j, s;

	walk_row(&l->walk, lens, row);
	for (c = 0; c < lens->channels; c++)
		for (j = 0; j < lens->used; j++)
			value[c] += lens->load[c][j] * l->walk.value[j];
	for (s = 0; s < LIFE_LEVELS; s++)
		trace_add(&l->level[s], value, lens->channels, step);
	for (s = 0; s < LIFE_SLOPES; s++)
		trace_add(&l->slope[s], value, lens->channels, step);
}

static void
features_of(const struct look *l, const struct life_lens *lens, double age, double *x)
{
	size_t c, s, f = 0;

	x[f++] = age;
	for (c = 0; c < lens->channels; c++) {
		for (s = 0; s < LIFE_LEVELS; s++)
			x[f++] = trace_level(&l->level[s], c);
		for (s = 0; s < LIFE_SLOPES; s++)
			x[f++] = trace_slope(&l->slope[s], c);
	}
}

int
life_lens_look(const struct life_lens *lens, const struct life_unit *unit, size_t first, double *x)
{
	struct look *l = calloc(1, sizeof(*l));
	size_t i, s;

	if (!l)
		return -ENOMEM;
	for (s = 0; s < LIFE_LEVELS; s++)
		l->level[s].span = level_span[s] * lens->scale;
	for (s = 0; s < LIFE_SLOPES; s++)
		l->slope[s].span = slope_span[s] * lens->scale;
	for (i = 0; i < unit->rows; i++) {
		look_row(l, lens, unit->value + i * lens->columns, step_to(unit, i));
		if (i >= first)
			features_of(l, lens, unit->time[i] - unit->time[0],
					x + (i - first) * lens->features);
	}
	free(l);
	return 0;
}
