/* SPDX-License-Identifier: Apache-2.0 */
#include "life_outcome.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KNOTS_MAX 129
#define KNOTS_MIN 3
#define PAIRS_PER_KNOT 12 /* in small tables */
#define REACH 4.0 /* of the kernel, in knots to either side */

static int
by_guess(const void *a, const void *b)
{
	const struct life_pair *x = a, *y = b;

	if (x->guess != y->guess)
		return x->guess > y->guess ? 1 : -1;
	if (x->life != y->life)
		return x->life > y->life ? 1 : -1;
	return (x->unit > y->unit) - (x->unit < y->unit);
}

void
life_pairs_sort(struct life_pair *pair, size_t count)
{
	qsort(pair, count, sizeof(*pair), by_guess);
}

static bool
selected(const struct life_selection *s, size_t i)
{
	return !s->folds || s->pair[i].unit % s->folds != s->without;
}

static double
weight_of(const struct life_selection *s, size_t *count)
{
	double sum = 0;
	size_t i;

	for (i = 0, *count = 0; i < s->count; i++) {
		if (!selected(s, i))
			continue;
		sum += s->pair[i].weight;
		(*count)++;
	}
	return sum;
}

/* The weighted quantiles of the guesses, evenly. */
static void
set_knots(struct life_outcome *o, const struct life_selection *s, double total)
{
	double sum = 0, last = 0;
	size_t i, k = 0;

	for (i = 0; i < s->count; i++) {
		if (!selected(s, i))
			continue;
		sum += s->pair[i].weight;
		last = s->pair[i].guess;
		while (k < o->knots && sum > total * (double)k / (double)(o->knots - 1))
			o->knot[k++] = last;
	}
	while (k < o->knots)
		o->knot[k++] = last;
}

static void
add_pair(struct life_outcome *o, const struct life_pair *p, double position)
{
	double step = o->cap / LIFE_STEPS;
	double from = fmax(ceil(position - REACH), 0);
	size_t k;

	for (k = (size_t)from; k < o->knots && (double)k < position + REACH; k++) {
		double weight = p->weight * (1 - fabs((double)k - position) / REACH);
		double life = fmax(p->life + o->knot[k] - p->guess, 0);
		size_t i = (size_t)ceil(fmin(life / step, LIFE_STEPS));

		if (p->life < o->cap)
			o->below[k][i] += weight;
	}
}

/* The kernels' full weight at each knot, to divide by. */
static void
add_weight(double *weight, const struct life_outcome *o, const struct life_pair *p, double position)
{
	double from = fmax(ceil(position - REACH), 0);
	size_t k;

	for (k = (size_t)from; k < o->knots && (double)k < position + REACH; k++)
		weight[k] += p->weight * (1 - fabs((double)k - position) / REACH);
}

static void
cumulate(double *below, double weight, double doubt)
{
	double sum = 0;
	size_t i;

	for (i = 0; i <= LIFE_STEPS; i++) {
		sum += weight > 0 ? below[i] / weight : 0;
		below[i] = (1 - doubt) * fmin(sum, 1) + doubt * (double)i / (LIFE_STEPS + 1);
	}
}

int
life_outcome_build(struct life_outcome *o, const struct life_selection *from, double cap)
{
	double weight[KNOTS_MAX] = {0}, sum = 0, total;
	size_t count, i, k;

	total = weight_of(from, &count);
	k = count / PAIRS_PER_KNOT;
	*o = (struct life_outcome){.cap = cap,
			.knots = k < KNOTS_MIN		? KNOTS_MIN
					: k > KNOTS_MAX ? KNOTS_MAX
							: k};
	o->knot = calloc(o->knots, sizeof(*o->knot));
	o->below = calloc(o->knots, sizeof(*o->below));
	if (!o->knot || !o->below) {
		life_outcome_fini(o);
		return -ENOMEM;
	}
	set_knots(o, from, total);
	for (i = 0; i < from->count; i++) {
		const struct life_pair *p = &from->pair[i];
		double position = (sum + p->weight / 2) / total * (double)(o->knots - 1);

		if (!selected(from, i))
			continue;
		sum += p->weight;
		add_pair(o, p, position);
		add_weight(weight, o, p, position);
	}
	for (k = 0; k < o->knots; k++)
		cumulate(o->below[k], weight[k], from->doubt);
	return 0;
}

void
life_outcome_fini(struct life_outcome *o)
{
	free(o->knot);
	free(o->below);
	*o = (struct life_outcome){0};
}

/* The last knot that is not above the guess, and how far the guess is from it to the next. */
static size_t
place(const struct life_outcome *o, double guess, double *share)
{
	size_t low = 0, high = o->knots - 1;

	*share = 0;
	if (!(guess > o->knot[0]))
		return 0;
	if (guess >= o->knot[high])
		return high;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (o->knot[middle] <= guess)
			low = middle;
		else
			high = middle;
	}
	*share = (guess - o->knot[low]) / (o->knot[high] - o->knot[low]);
	return low;
}

static double
quantile(const struct life_forecast *f, double p)
{
	double step = f->cap / LIFE_STEPS, before, after;
	size_t i;

	for (i = 0; i <= LIFE_STEPS; i++)
		if (f->below[i] >= p)
			break;
	if (i > LIFE_STEPS)
		return f->cap;
	if (!i)
		return 0;
	before = f->below[i - 1];
	after = f->below[i];
	return step * ((double)(i - 1) + (p - before) / (after - before));
}

/* Two ends that walk up together; of intervals of one length the first, the sooner failure. */
void
life_interval(struct life_forecast *f, double share)
{
	size_t low = 0, high = 0, best = LIFE_STEPS + 1, at = 0;
	double step = f->cap / LIFE_STEPS;

	/* high LIFE_STEPS: with all that reach the cap */
	for (low = 0; low <= LIFE_STEPS; low++) {
		double under = low ? f->below[low] : 0;

		if (high < low)
			high = low;
		while (high < LIFE_STEPS && f->below[high] - under < share)
			high++;
		if (high == LIFE_STEPS && 1 - under < share)
			break;
		if (high - low < best) {
			best = high - low;
			at = low;
		}
	}
	f->low = step * (double)at;
	f->high = step * (double)(at + best);
}

void
life_outcome_tell(
		const struct life_outcome *o, double guess, double share, struct life_forecast *out)
{
	double part;
	size_t k = place(o, guess, &part), next = k + 1 < o->knots ? k + 1 : k, i;

	out->cap = o->cap;
	for (i = 0; i <= LIFE_STEPS; i++)
		out->below[i] = (1 - part) * o->below[k][i] + part * o->below[next][i];
	out->median = quantile(out, 0.5);
	life_interval(out, share);
}
