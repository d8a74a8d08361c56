/* SPDX-License-Identifier: Apache-2.0 */
#include "sequential.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

/* A boundary at 0 or 1 would make one request decide; nobody promises that much. For `worse` one near 1 is none at all:
 * a lower one would call worse what is as bad as the reference. */
#define BOUNDARY_MIN 0.002
#define BOUNDARY_MAX 0.998

/* Where between the boundary and the far end the alternatives lie: near ones find small differences with many
 * requests, far ones large differences with few. */
static const double alternatives[] = {0.05, 0.15, 0.35, 0.65, 0.95};
#define ALTERNATIVES (sizeof(alternatives) / sizeof(alternatives[0]))

static double
clamp(double x)
{
	return fmin(fmax(x, BOUNDARY_MIN), BOUNDARY_MAX);
}

void
sequential_init(struct sequential_share *s, double reference, double margin)
{
	*s = (struct sequential_share){.reference = reference, .margin = margin};
}

void
sequential_add(struct sequential_share *s, double trials, double hits)
{
	double weight;

	if (!(trials > 0) || !(hits >= 0) || !(hits <= trials) || !isfinite(trials))
		return;
	weight = trials > SEQUENTIAL_BATCH ? SEQUENTIAL_BATCH / trials : 1;
	s->trials += trials * weight;
	s->hits += hits * weight;
}

/* log of the mean of exp(x). */
static double
log_mean_exp(const double *x, size_t n)
{
	double top = x[0], sum = 0;
	size_t i;

	for (i = 1; i < n; i++)
		top = fmax(top, x[i]);
	for (i = 0; i < n; i++)
		sum += exp(x[i] - top);
	return top + log(sum / (double)n);
}

/* Against the boundary b, with alternatives between it and `end`. */
static double
log_mixture(const struct sequential_share *s, double b, double end)
{
	double x[ALTERNATIVES], q;
	size_t i;

	for (i = 0; i < ALTERNATIVES; i++) {
		q = b + (end - b) * alternatives[i];
		x[i] = s->hits * log(q / b) + (s->trials - s->hits) * log((1 - q) / (1 - b));
	}
	return log_mean_exp(x, ALTERNATIVES);
}

double
sequential_allowed(const struct sequential_share *s)
{
	return s->reference + s->margin / 2;
}

double
sequential_log_worse(const struct sequential_share *s)
{
	double b = sequential_allowed(s);

	return b > BOUNDARY_MAX ? 0 : log_mixture(s, clamp(b), 1);
}

double
sequential_log_not_worse(const struct sequential_share *s)
{
	return log_mixture(s, clamp(s->reference + s->margin), 0);
}

enum sequential_verdict
sequential_verdict(const struct sequential_share *s, double alpha)
{
	if (!(s->reference >= 0) || !(s->margin > 0) || !(alpha > 0))
		return SEQUENTIAL_UNSURE;
	if (sequential_log_worse(s) >= -log(alpha))
		return SEQUENTIAL_WORSE;
	if (sequential_log_not_worse(s) >= -log(alpha))
		return SEQUENTIAL_NOT_WORSE;
	return SEQUENTIAL_UNSURE;
}

void
comparison_init(struct comparison *c, double confidence, double min_requests)
{
	int i;

	*c = (struct comparison){.confidence = confidence, .min_requests = min_requests};
	for (i = 0; i < COMPARE_KINDS; i++)
		sequential_init(&c->share[i], NAN, NAN);
}

void
comparison_reference(
		struct comparison *c, enum comparison_kind kind, double reference, double margin)
{
	sequential_init(&c->share[kind], reference, margin);
}

void
comparison_restart(struct comparison *c)
{
	int i;

	c->requests = 0;
	for (i = 0; i < COMPARE_KINDS; i++)
		sequential_init(&c->share[i], c->share[i].reference, c->share[i].margin);
}

void
comparison_requests(struct comparison *c, double requests)
{
	if (requests > 0 && isfinite(requests))
		c->requests += requests;
}

void
comparison_add(struct comparison *c, enum comparison_kind kind, double trials, double hits)
{
	sequential_add(&c->share[kind], trials, hits);
}

static int
kinds_compared(const struct comparison *c)
{
	int i, n = 0;

	for (i = 0; i < COMPARE_KINDS; i++)
		n += c->share[i].reference >= 0;
	return n;
}

static enum sequential_verdict
share_verdict(const struct comparison *c, int kind, int compared)
{
	double alpha = 1 - c->confidence;
	const struct sequential_share *s = &c->share[kind];

	if (sequential_verdict(s, alpha / compared) == SEQUENTIAL_WORSE)
		return SEQUENTIAL_WORSE;
	/* That all of them must agree makes it no less sure, so alpha is not divided. */
	if (sequential_log_not_worse(s) >= -log(alpha))
		return SEQUENTIAL_NOT_WORSE;
	return SEQUENTIAL_UNSURE;
}

/* Few answers can accuse, but not acquit: with the last step of a shift the copies end, and what they left behind would
 * keep the verdict unsure for ever. */
static bool
must_agree(const struct comparison *c, int kind)
{
	return kind != COMPARE_ANSWERS ||
			c->share[kind].trials * 2 >= c->share[COMPARE_ERRORS].trials;
}

enum sequential_verdict
comparison_verdict(const struct comparison *c, enum comparison_kind *kind_or_null)
{
	enum sequential_verdict verdict = SEQUENTIAL_NOT_WORSE, one;
	enum comparison_kind kind = COMPARE_ERRORS;
	int i, compared = kinds_compared(c);

	for (i = 0; i < COMPARE_KINDS && verdict != SEQUENTIAL_WORSE; i++) {
		if (!(c->share[i].reference >= 0))
			continue;
		one = share_verdict(c, i, compared);
		if (one == SEQUENTIAL_NOT_WORSE || (one == SEQUENTIAL_UNSURE && !must_agree(c, i)))
			continue;
		verdict = one;
		kind = (enum comparison_kind)i;
	}
	if (kind_or_null)
		*kind_or_null = kind;
	if (verdict == SEQUENTIAL_NOT_WORSE && (compared == 0 || !(c->requests >= c->min_requests)))
		return SEQUENTIAL_UNSURE;
	return verdict;
}

bool
comparison_is_worse_than(const struct comparison *c, const struct comparison *other)
{
	const struct sequential_share *a, *b;
	int i;

	for (i = 0; i < COMPARE_KINDS; i++) {
		a = &c->share[i];
		b = &other->share[i];
		if (a->trials > 0 && b->trials > 0 &&
				a->hits / a->trials > b->hits / b->trials + a->margin)
			return true;
	}
	return share_verdict(c, COMPARE_ANSWERS, kinds_compared(c)) == SEQUENTIAL_WORSE;
}

static const char *
kind_text(enum comparison_kind kind)
{
	switch (kind) {
	case COMPARE_LATENCY:
		return "replies too slow";
	case COMPARE_ERRORS:
		return "errors";
	case COMPARE_ANSWERS:
		return "answers differ";
	case COMPARE_KINDS:
		break;
	}
	return "";
}

void
comparison_text(const struct comparison *c, char text[COMPARISON_TEXT_SIZE])
{
	const struct sequential_share *s;
	enum comparison_kind kind;

	text[0] = '\0';
	if (comparison_verdict(c, &kind) != SEQUENTIAL_WORSE)
		return;
	s = &c->share[kind];
	snprintf(text, COMPARISON_TEXT_SIZE, "%s: %.3g %% of %.0f, allowed %.3g %%",
			kind_text(kind), s->hits / s->trials * 100, s->trials,
			sequential_allowed(s) * 100);
}

const char *
comparison_kind_name(enum comparison_kind kind)
{
	switch (kind) {
	case COMPARE_LATENCY:
		return "latency";
	case COMPARE_ERRORS:
		return "errors";
	case COMPARE_ANSWERS:
		return "answers";
	case COMPARE_KINDS:
		break;
	}
	return "";
}

const char *
sequential_verdict_name(enum sequential_verdict verdict)
{
	switch (verdict) {
	case SEQUENTIAL_UNSURE:
		return "unsure";
	case SEQUENTIAL_NOT_WORSE:
		return "not worse";
	case SEQUENTIAL_WORSE:
		return "worse";
	}
	return "";
}
