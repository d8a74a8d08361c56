/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "risk_state.h"

#define PAST_RATE (1.0 / 600) /* own past: about ten minutes */
#define PEER_RATE (1.0 / 300)
#define SMOOTH 0.4 /* of the newest in z and peer: about three seconds */
#define SEEN_MIN 60 /* samples before the past says anything */
#define CLIP_SD 3.0
#define Z_FREE 3.0 /* standard deviations that are nothing to speak of */
#define WILSON_Z 1.645 /* one-sided 95 % */
#define FAILED_ALLOWED_DEFAULT 0.1 /* without an objective: one request in ten fails */
#define REACH_FREE 3.9 /* log odds of 2 %: less is not counted */

/* Lower bound of a share of which `part` of `whole` were seen (Wilson, JASA 22, 1927). */
static double
wilson_lower(double part, double whole)
{
	double p = part / whole, z2 = WILSON_Z * WILSON_Z;

	if (!(whole > 0))
		return 0;
	return (p + z2 / (2 * whole) -
			       WILSON_Z * sqrt(p * (1 - p) / whole + z2 / (4 * whole * whole))) /
			(1 + z2 / whole);
}

/* The smallest standard deviation that is worth the name: a change of the metric's floor. */
static double
floor_sd(const struct metric *m, double value)
{
	if (m->shape != METRIC_LOG)
		return m->floor;
	return fmax(metric_scale(m, value + m->floor) - metric_scale(m, value), 0.02);
}

static double
towards(float *mean, double value, double rate)
{
	double d = value - (double)*mean;

	*mean += (float)(rate * d);
	return d;
}

/* Against its own past, which then takes it in: clipped, so that what is strange stays strange for a while. */
static void
past_update(struct risk_metric *s, const struct metric *m, double value)
{
	double x = metric_scale(m, value), d = x - (double)s->mean, sd, rate;

	sd = fmax(sqrt((double)s->var), floor_sd(m, value));
	s->z_now = (float)(s->seen >= SEEN_MIN ? d / sd * m->worse : 0);
	towards(&s->z, fmin(fmax((double)s->z_now, -20), 20), SMOOTH);
	rate = fmax(PAST_RATE, 1.0 / (s->seen + 1));
	if (s->seen >= SEEN_MIN)
		d = fmin(fmax(d, -CLIP_SD * sd), CLIP_SD * sd);
	s->mean += (float)(rate * d);
	s->var = (float)((1 - rate) * ((double)s->var + rate * d * d));
	s->seen += s->seen < UINT32_MAX;
}

static void
peer_update(struct risk_metric *s, const struct metric *m, double value, double peer)
{
	double d, rate = fmax(PEER_RATE, 1.0 / (s->peers_seen + 1));

	if (!isfinite(peer) || peer < 0) {
		s->peer = 0;
		return;
	}
	d = metric_scale(m, value) - metric_scale(m, peer);
	if (m->shape != METRIC_LOG) /* as a log ratio too */
		d = log((value + m->floor) / (peer + m->floor));
	towards(&s->peer, s->peers_seen >= SEEN_MIN ? (d - (double)s->peer_mean) * m->worse : 0,
			SMOOTH);
	towards(&s->peer_mean,
			fmin(fmax(d, (double)s->peer_mean - 0.5), (double)s->peer_mean + 0.5),
			rate);
	s->peers_seen += s->peers_seen < UINT32_MAX;
}

/* How much of its way to the limit the metric has come: what is strange far below it is no failure. */
static double
closeness(const struct metric *m, double value)
{
	if (!isfinite(m->limit) || !(m->limit > 0) || m->worse <= 0)
		return 0.5;
	return fmin(fmax(2 * value / m->limit, 0.1), 1);
}

struct best {
	double first, second;
	uint16_t metric;
};

static void
best_take(struct best *b, double x, uint16_t metric)
{
	if (!(x > b->first)) {
		b->second = fmax(b->second, x);
		return;
	}
	b->second = b->first;
	b->first = x;
	b->metric = metric;
}

struct gathering {
	struct best own, peer, near;
	struct best reach[2][HAZARD_INTERVALS]; /* packet metrics, scraped ones */
};

/* P in each interval, given that it was survived up to then, as log odds beyond 2 %. */
static void
reach_take(struct gathering *g, const struct risk_metric *s, const struct metric *m, uint16_t i)
{
	struct trend_limit limit = {m->limit, m->worse};
	double before = 0, within, p;
	unsigned k;

	if (!isfinite(m->limit) || m->worse == 0)
		return;
	for (k = 0; k < HAZARD_INTERVALS; k++) {
		within = fmax(before, trend_reach(&s->trend, &limit, m->scraped, hazard_end_s[k]));
		p = before < 0.999 ? (within - before) / (1 - before) : within;
		before = within;
		if (p > 0.02)
			best_take(&g->reach[m->scraped][k], log(p / fmax(1 - p, 1e-4)) + REACH_FREE,
					i);
	}
}

/* Most of a metric's rise that its peers share is no sign of its own failing. */
static void
strange_take(struct gathering *g, const struct risk_metric *s, const struct metric *m, uint16_t i,
		double value) /* five: the closeness needs the value */
{
	double close = closeness(m, value), z = (double)s->z, alone = 1;

	if (m->worse == 0 || !(z > Z_FREE))
		return;
	if (s->peers_seen >= SEEN_MIN)
		alone = fmin(fmax((double)s->peer / 0.4, 0.25), 1); /* 0.4: half as much again */
	best_take(&g->own, (z - Z_FREE) * close * alone, i);
	best_take(&g->peer, (double)s->peer * close, i);
}

static void
metric_update(struct gathering *g, struct risk_metric *s, const struct risk_input *in, uint16_t i)
{
	const struct metric *m = &in->metric[i];
	double value = in->value[i];

	trend_update(&s->trend, value);
	if (isfinite(value) && value >= 0 && value < 1e30) {
		past_update(s, m, value);
		peer_update(s, m, value, in->peer ? in->peer[i] : NAN);
		strange_take(g, s, m, i, value);
	}
	reach_take(g, s, m, i);
	if (m->scraped && m->limit > 0 && m->worse > 0 && s->trend.seen > 2)
		best_take(&g->near, (s->trend.scale[0].level / m->limit - 0.9) * 10, i);
}

/* The newest two intervals together, so that few requests a second are not judged one by one. */
static void
shift_in(float pair[2], double value)
{
	pair[1] = pair[0];
	pair[0] = (float)(value > 0 ? value : 0);
}

static double
beyond(const float part[2], const float whole[2], double allowed)
{
	double now = wilson_lower((double)part[0], (double)whole[0]);
	double both = wilson_lower((double)(part[0] + part[1]), (double)(whole[0] + whole[1]));

	/* One alone may be anything. */
	if (!(allowed > 0) || part[0] + part[1] < 2)
		return 0;
	return fmin(fmax(log2(fmax(now, part[0] > 0 ? both : 0) / allowed), 0), 6);
}

static void
level_update(struct risk_endpoint *e, const struct risk_facts *f)
{
	double allowed = f->failed_allowed > 0 ? f->failed_allowed : FAILED_ALLOWED_DEFAULT;
	double slow, failed;

	shift_in(e->slow, f->slow);
	shift_in(e->replies, f->replies);
	shift_in(e->failed, f->failed);
	shift_in(e->tried, f->tried);
	slow = beyond(e->slow, e->replies, f->slow_allowed);
	failed = beyond(e->failed, e->tried, allowed);
	e->level = fmax(slow, failed);
	e->level_metric = failed >= slow ? METRIC_errors : METRIC_reply_p99;
	if (failed >= slow)
		e->level_share = (double)e->failed[0] / fmax((double)e->tried[0], 1) / allowed;
	else
		e->level_share = (double)e->slow[0] / fmax((double)e->replies[0], 1) /
				f->slow_allowed;
}

static void
facts_take(struct risk_endpoint *e, const struct risk_facts *f)
{
	unsigned k;

	for (k = 0; k < HAZARD_INTERVALS; k++) {
		e->x.x[k][HAZARD_level] = e->level;
		e->x.x[k][HAZARD_silence] = fmax(e->phi - 1, 0);
		e->x.x[k][HAZARD_health] = (f->suspect ? 0.5 : 0) +
				(f->checks_failing > 0 ? fmin(f->checks_failing, 1) : 0);
		e->x.x[k][HAZARD_load] = (f->load[k] - 0.8) * 10;
		e->x.x[k][HAZARD_outside] = f->outside;
	}
}

static void
strangeness_take(struct risk_endpoint *e, const struct gathering *g)
{
	unsigned k;

	for (k = 0; k < HAZARD_INTERVALS; k++) {
		e->x.x[k][HAZARD_own] = g->own.first + g->own.second / 2;
		e->x.x[k][HAZARD_peers] = g->peer.first;
		e->x.x[k][HAZARD_near] = fmin(g->near.first, 1);
		e->x.x[k][HAZARD_limit] = g->reach[0][k].first;
		e->x.x[k][HAZARD_resource] = g->reach[1][k].first;
	}
	e->own_metric = g->own.metric;
	e->peer_metric = g->peer.metric;
	e->near_metric = g->near.metric;
	/* The metric whose limit is reached first is the one to name. */
	for (k = HAZARD_INTERVALS; k-- > 0;) {
		if (g->reach[0][k].first > 0)
			e->limit_metric = g->reach[0][k].metric;
		if (g->reach[1][k].first > 0)
			e->resource_metric = g->reach[1][k].metric;
	}
}

static void
bound(struct hazard_input *x)
{
	unsigned k, f;

	for (k = 0; k < HAZARD_INTERVALS; k++) {
		for (f = 0; f < HAZARD_FEATURES; f++)
			x->x[k][f] = x->x[k][f] > 0 ? fmin(x->x[k][f], HAZARD_FEATURE_MAX) : 0;
	}
}

void
risk_feature_update(struct risk_endpoint *e, const struct risk_input *in)
{
	const struct risk_facts *f = in->facts;
	struct gathering g = {0};
	uint16_t i;

	for (i = 0; i < e->metric_count; i++)
		metric_update(&g, &e->metric[i], in, i);
	e->phi = silence_update(&e->silence,
			&(struct silence_sample){.seconds = f->seconds,
					.requests = f->requests,
					.replies = f->replies,
					.waiting = f->waiting});
	level_update(e, f);
	strangeness_take(e, &g);
	facts_take(e, f);
	bound(&e->x);
}
