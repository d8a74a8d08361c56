/* SPDX-License-Identifier: Apache-2.0 */
#include "predictor_peers.h"

#include <math.h>
#include <stdlib.h>

#define ROLES 2

struct peers {
	double *sorted; /* [role][metric][endpoint] */
	size_t room; /* doubles */
	size_t metrics, endpoints;
	size_t count[ROLES][METRICS_MAX];
};

struct peers *
peers_create(void)
{
	return calloc(1, sizeof(struct peers));
}

void
peers_free(struct peers *p)
{
	if (p)
		free(p->sorted);
	free(p);
}

static double *
column(const struct peers *p, bool standby, size_t metric)
{
	return p->sorted + ((standby ? p->metrics : 0) + metric) * p->endpoints;
}

bool
peers_begin(struct peers *p, size_t metrics, size_t endpoints)
{
	size_t i, want = ROLES * metrics * endpoints;
	double *grown;

	p->metrics = p->endpoints = 0;
	if (want > p->room) {
		grown = realloc(p->sorted, want * sizeof(*grown));
		if (!grown)
			return false;
		p->sorted = grown;
		p->room = want;
	}
	p->metrics = metrics;
	p->endpoints = endpoints;
	for (i = 0; i < metrics; i++)
		p->count[0][i] = p->count[1][i] = 0;
	return true;
}

void
peers_add(struct peers *p, const double *value, bool standby)
{
	size_t i;

	for (i = 0; i < p->metrics; i++) {
		if (isfinite(value[i]) && p->count[standby][i] < p->endpoints)
			column(p, standby, i)[p->count[standby][i]++] = value[i];
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
peers_sort(struct peers *p)
{
	size_t i;

	for (i = 0; i < p->metrics; i++) {
		if (p->count[0][i] > 1)
			qsort(column(p, false, i), p->count[0][i], sizeof(double), by_value);
		if (p->count[1][i] > 1)
			qsort(column(p, true, i), p->count[1][i], sizeof(double), by_value);
	}
}

/* Where `value` stands among n, or n if it does not. */
static size_t
rank_of(const double *sorted, size_t n, double value)
{
	size_t low = 0, high = n, middle;

	if (!isfinite(value))
		return n;
	while (low < high) {
		middle = (low + high) / 2;
		if (sorted[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && sorted[low] <= value ? low : n;
}

static double
median_without(const double *sorted, size_t n, double value)
{
	size_t own = rank_of(sorted, n, value), rest = own < n ? n - 1 : n;
	size_t low, high;

	if (rest == 0)
		return NAN;
	low = (rest - 1) / 2;
	high = rest / 2;
	return (sorted[low + (low >= own)] + sorted[high + (high >= own)]) / 2;
}

void
peers_medians(const struct peers *p, const double *value, bool standby, double *out)
{
	size_t i;

	for (i = 0; i < p->metrics; i++)
		out[i] = median_without(column(p, standby, i), p->count[standby][i], value[i]);
}
