/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence.h"

#include "registry.h"

#include <math.h>
#include <netinet/in.h>
#include <string.h>

#define WINDOW_S 5.0
#define PAST_MIN 50.0 /* requests that make a past */
#define LATENCY_QUANTILE 0.9 /* whose multiple is slow, where no objective says what is */
#define LATENCY_MARGIN \
	0.1 /* so many more replies over that are worse: the past has a tenth over its quantile */
#define SLOW_MIN_US \
	5000 /* sooner is not slow, where no objective says so: a machine's own hiccups are as long */
#define ERRORS_DEFAULT 0.01 /* expected of a primary without a past and without an objective */
#define MARGIN_MIN 0.001 /* no test tells less apart */
#define CHECK_AGAIN_S 60 /* old evidence on the primary must not hide a change */

static void
leg_read_times(struct evidence_leg *leg, const struct collector *c, uint32_t eid, enum leg which,
		uint64_t delta[HISTOGRAM_BUCKETS])
{
	struct histogram_total now;
	uint32_t b;

	collector_histogram(c, eid, which, HISTOGRAM_REPLY, &now);
	if (!leg->begun || leg->eid != eid)
		leg->seen = now;
	for (b = 0; b < HISTOGRAM_BUCKETS; b++)
		/* Less than before: the id has a new owner. */
		delta[b] = now.count[b] >= leg->seen.count[b] ? now.count[b] - leg->seen.count[b]
							      : 0;
	leg->begun = true;
	leg->eid = eid;
	leg->seen = now;
}

static double
count_slow(const uint64_t delta[HISTOGRAM_BUCKETS], uint32_t limit_us)
{
	double n = 0;
	uint32_t b;

	for (b = 0; b < HISTOGRAM_BUCKETS && limit_us; b++) {
		if (histogram_lower(b) >= limit_us)
			n += (double)delta[b];
	}
	return n;
}

static void
sample_counts(struct evidence_sample *s, const struct leg_interval *in)
{
	const struct leg_counters *d = &in->delta;

	s->failed = (double)in->failed;
	/* A failed reply is a reply too. */
	s->tried = (double)(d->replies + d->connects_refused + d->connects_unanswered +
			d->unanswered);
	s->compared = (double)(d->answers_same + d->answers_different);
	s->different = (double)d->answers_different;
}

static struct evidence_sample
sample_times(const uint64_t delta[HISTOGRAM_BUCKETS], uint32_t slow_us, uint32_t objective_us)
{
	struct evidence_sample s = {0};
	uint32_t b;

	for (b = 0; b < HISTOGRAM_BUCKETS; b++)
		s.timed += (double)delta[b];
	s.slow = count_slow(delta, slow_us);
	s.slow_objective = count_slow(delta, objective_us);
	return s;
}

static void
remember(struct evidence *ev, const uint64_t delta[HISTOGRAM_BUCKETS],
		const struct evidence_sample *s)
{
	const double keep = 1 - 1 / EVIDENCE_PAST_S;
	uint32_t b;

	for (b = 0; b < HISTOGRAM_BUCKETS; b++)
		ev->bucket[b] = ev->bucket[b] * keep + (double)delta[b];
	ev->timed = ev->timed * keep + s->timed;
	ev->tried = ev->tried * keep + s->tried;
	ev->failed = ev->failed * keep + s->failed;
}

static void
look_at_window(struct evidence *ev, const struct evidence_sample *s)
{
	const double keep = 1 - 1 / WINDOW_S;

	ev->window_requests = ev->window_requests * keep + fmax(s->timed, s->tried);
	ev->window_slow = ev->window_slow * keep + s->slow_objective;
	ev->window_errors = ev->window_errors * keep + s->failed;
}

static void
compare(struct comparison *c, const struct evidence_sample *s)
{
	comparison_requests(c, s->tried);
	comparison_add(c, COMPARE_LATENCY, s->timed, s->slow);
	comparison_add(c, COMPARE_ERRORS, s->tried, s->failed);
	comparison_add(c, COMPARE_ANSWERS, s->compared, s->different);
}

static struct evidence_sample
shadow_sample(struct evidence *ev, const struct collector *c, const struct evidence_pair *pair,
		enum leg which)
{
	struct evidence_leg *leg = which == LEG_SHADOW ? &ev->copies : &ev->shadow;
	uint64_t delta[HISTOGRAM_BUCKETS];
	struct evidence_sample s;
	struct leg_interval in;

	leg_read_times(leg, c, pair->shadow_or_null->eid, which, delta);
	collector_interval(c, pair->shadow_or_null->eid, which, &in);
	s = sample_times(delta, ev->slow_us, 0);
	sample_counts(&s, &in);
	return s;
}

static void
tick_shadow(struct evidence *ev, const struct collector *c, const struct evidence_pair *pair)
{
	struct evidence_sample s;
	struct leg_interval in;

	s = shadow_sample(ev, c, pair, LEG_SERVER);
	if (!pair->returning)
		compare(&ev->candidate, &s);
	s = shadow_sample(ev, c, pair, LEG_SHADOW);
	if (!pair->returning)
		compare(&ev->candidate, &s);
	collector_interval(c, pair->shadow_or_null->eid, LEG_SERVER, &in);
	if (pair->carrying && in.seconds > 0)
		ev->requests += pair->shadow_part * (double)in.delta.requests / in.seconds;
}

static void
check_primary(struct evidence *ev, const struct evidence_sample *s)
{
	if (++ev->check_age_s >= CHECK_AGAIN_S) {
		comparison_restart(&ev->check);
		ev->check_age_s = 0;
	}
	compare(&ev->check, s);
}

/* Adds the copies that the primary gets after a shift: they tell how its clients would fare. The shadow's answers, which
 * those clients got, are held against the primary's where nothing else speaks against it. */
static void
add_home(struct evidence *ev, const struct collector *c, const struct evidence_pair *pair,
		struct evidence_sample *sum)
{
	const struct config_service *config = pair->primary->service->config;
	uint64_t delta[HISTOGRAM_BUCKETS];
	struct evidence_sample s;
	struct leg_interval in;

	leg_read_times(&ev->home, c, pair->primary->eid, LEG_SHADOW, delta);
	if (!pair->copied_home)
		return;
	collector_interval(c, pair->primary->eid, LEG_SHADOW, &in);
	s = sample_times(delta, ev->slow_us, config->objective.latency_us);
	sample_counts(&s, &in);
	sum->timed += s.timed;
	sum->slow += s.slow;
	sum->slow_objective += s.slow_objective;
	sum->tried += s.tried;
	sum->failed += s.failed;
	if (pair->primary_well && !pair->returning)
		comparison_add(&ev->candidate, COMPARE_ANSWERS, s.compared, s.different);
}

static void
tick_primary(struct evidence *ev, const struct collector *c, const struct evidence_pair *pair)
{
	const struct config_service *config = pair->primary->service->config;
	uint64_t delta[HISTOGRAM_BUCKETS];
	struct evidence_sample s;
	struct leg_interval in;

	leg_read_times(&ev->primary, c, pair->primary->eid, LEG_SERVER, delta);
	collector_interval(c, pair->primary->eid, LEG_SERVER, &in);
	s = sample_times(delta, ev->slow_us, config->objective.latency_us);
	sample_counts(&s, &in);
	ev->requests = in.seconds > 0 ? (double)in.delta.requests / in.seconds : 0;
	add_home(ev, c, pair, &s);
	look_at_window(ev, &s);
	check_primary(ev, &s);
	if (pair->returning)
		compare(&ev->candidate, &s);
	if (pair->healthy)
		remember(ev, delta, &s);
}

void
evidence_tick(struct evidence *ev, const struct collector *c, const struct evidence_pair *pair)
{
	tick_primary(ev, c, pair);
	if (pair->shadow_or_null)
		tick_shadow(ev, c, pair);
}

/* The time under which LATENCY_QUANTILE of the past was. */
static double
usual_us(const struct evidence *ev)
{
	double below = 0;
	uint32_t b;

	for (b = 0; b + 1 < HISTOGRAM_BUCKETS; b++) {
		below += ev->bucket[b];
		if (below >= LATENCY_QUANTILE * ev->timed)
			break;
	}
	return (double)histogram_lower(b + 1 < HISTOGRAM_BUCKETS ? b + 1 : b);
}

static double
past_over(const struct evidence *ev, uint32_t limit_us)
{
	double over = 0;
	uint32_t b;

	for (b = 0; b < HISTOGRAM_BUCKETS; b++) {
		if (histogram_lower(b) >= limit_us)
			over += ev->bucket[b];
	}
	return ev->timed > 0 ? over / ev->timed : 0;
}

struct reference {
	double share, margin; /* NAN: none */
};

static struct reference
latency_reference(struct evidence *ev, const struct config_service *config)
{
	const struct policy_objective *o = &config->objective;
	bool past = ev->timed >= PAST_MIN;

	if (o->latency_us) {
		ev->slow_us = o->latency_us;
		return (struct reference){fmax(past ? past_over(ev, ev->slow_us) : 0,
							  1 - o->quantile_permille / 1000.0),
				fmax(config->policy.verify.errors, MARGIN_MIN)};
	}
	ev->slow_us = past ? (uint32_t)fmin(fmax(usual_us(ev) * config->policy.verify.latency_ratio,
							    SLOW_MIN_US),
					     (double)UINT32_MAX)
			   : 0;
	return past ? (struct reference){past_over(ev, ev->slow_us), LATENCY_MARGIN}
		    : (struct reference){NAN, NAN};
}

static struct reference
error_reference(const struct evidence *ev, const struct config_service *config)
{
	double expected = config->objective.errors > 0 ? config->objective.errors : ERRORS_DEFAULT;
	double margin = fmax(config->policy.verify.errors, MARGIN_MIN);

	if (ev->tried >= PAST_MIN)
		expected = ev->failed / ev->tried;
	return (struct reference){expected, margin};
}

/* Not the past: a shadow that has always been wrong would be its own excuse. Clearly over `answers` is worse, clearly
 * under half more is not. */
static struct reference
answer_reference(const struct config_service *config)
{
	double allowed = config->policy.verify.answers;

	if (allowed >= 1 || config->protocol != IPPROTO_UDP)
		return (struct reference){NAN, NAN};
	allowed = fmax(allowed, MARGIN_MIN);
	return (struct reference){allowed / 2, allowed};
}

static void
refer(struct comparison *c, enum comparison_kind kind, struct reference r)
{
	comparison_reference(c, kind, r.share, r.margin);
}

void
evidence_restart(struct evidence *ev, const struct config_service *config)
{
	const struct policy_verify *v = &config->policy.verify;
	struct reference latency = latency_reference(ev, config);
	struct reference errors = error_reference(ev, config);

	comparison_init(&ev->candidate, v->confidence, v->min_requests);
	comparison_init(&ev->check, v->confidence, v->min_requests);
	refer(&ev->candidate, COMPARE_LATENCY, latency);
	refer(&ev->candidate, COMPARE_ERRORS, errors);
	refer(&ev->candidate, COMPARE_ANSWERS, answer_reference(config));
	refer(&ev->check, COMPARE_LATENCY, latency);
	refer(&ev->check, COMPARE_ERRORS, errors);
	ev->check_age_s = 0;
}
