/* SPDX-License-Identifier: Apache-2.0 */
#include "predictor_peers.h"

#include <math.h>
#include <stdlib.h>

#define ROLES 2

struct peers {
	double *value; /* [role][metric][endpoint] */
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
		free(p->value);
	free(p);
}

static double *
column(const struct peers *p, bool standby, size_t metric)
{
	return p->value + ((standby ? p->metrics : 0) + metric) * p->endpoints;
}

bool
peers_begin(struct peers *p, size_t metrics, size_t endpoints)
{
	size_t i, want = ROLES * metrics * endpoints;
	double *grown;

	p->metrics = p->endpoints = 0;
	if (want > p->room) {
		grown = realloc(p->value, want * sizeof(*grown));
		if (!grown)
			return false;
		p->value = grown;
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

static void
swap(double *a, double *b)
{
	double was = *a;

	*a = *b;
	*b = was;
}

/* Of the first, the middle and the last: a column that is sorted already, either way, is halved by it. */
static double
pivot_of(const double *v, size_t low, size_t high)
{
	double a = v[low], b = v[low + (high - low) / 2], c = v[high];

	return a < b ? (b < c ? b : fmax(a, c)) : (a < c ? a : fmax(b, c));
}

/* Hoare's FIND (Algorithm 65, CACM 4(7), 1961): v[k] becomes what it were if all n were sorted, with none that is greater
 * before it and none that is less behind it. Linear in the mean; equal values do not slow it. */
static void
select_kth(double *v, size_t n, size_t k)
{
	size_t low = 0, high = n - 1, i, j;
	double pivot;

	while (low < high) {
		pivot = pivot_of(v, low, high);
		for (i = low, j = high;; i++, j--) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap(&v[i], &v[j]);
		}
		/* Up to j none is greater than those behind it. */
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
}

/* A median without one of the n asks for the middle and its two neighbours. */
static void
order_middle(double *v, size_t n)
{
	size_t middle = n / 2, i, best;

	if (n < 2)
		return;
	select_kth(v, n, middle);
	for (best = i = 0; i < middle; i++)
		best = v[i] > v[best] ? i : best;
	swap(&v[best], &v[middle - 1]);
	if (middle + 1 == n)
		return;
	for (best = i = middle + 1; i < n; i++)
		best = v[i] < v[best] ? i : best;
	swap(&v[best], &v[middle + 1]);
}

void
peers_order(struct peers *p)
{
	size_t i;

	for (i = 0; i < p->metrics; i++) {
		order_middle(column(p, false, i), p->count[0][i]);
		order_middle(column(p, true, i), p->count[1][i]);
	}
}

/* Of n whose middle is in order. One's own, if there is one, is among them: those behind it move up. */
static double
median_without(const double *v, size_t n, double own)
{
	bool among = isfinite(own) && n > 0;
	size_t rest = n - among, low, high;

	if (rest == 0)
		return NAN;
	low = (rest - 1) / 2;
	high = rest / 2;
	return (v[low + (among && v[low] >= own)] + v[high + (among && v[high] >= own)]) / 2;
}

void
peers_medians(const struct peers *p, const double *value, bool standby, double *out)
{
	size_t i;

	for (i = 0; i < p->metrics; i++)
		out[i] = median_without(column(p, standby, i), p->count[standby][i], value[i]);
}
