/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "risk_state.h"

#define PAST_RATE (1.0 / 600) /* own past: about ten minutes */
#define PEER_RATE (1.0 / 300)
#define SMOOTH 0.4 /* of the newest in z and peer: about three seconds */
#define SEEN_MIN 20 /* samples before the past says anything */
#define YOUNG_SD 6.0 /* a standard deviation of n samples is taken 6 / n wider */
#define Z_MAX 20.0
#define RECENT 5 /* a period of 4 s, and one */
#define STEADY_S 4 /* of growth without a break */
#define SEGMENTS_PER_REPLY 4
#define CLIP_SD 3.0
#define Z_FREE 3.0 /* standard deviations that are nothing to speak of */
#define WILSON_Z 1.645 /* one-sided 95 % */
#define FAILED_ALLOWED_DEFAULT 0.1 /* without an objective: one request in ten fails */
#define FAILED_ANYWHERE 0.0002 /* share of requests that fail now and then */
#define FAILED_WORTH 10 /* of the allowed failures: less is not worth it */
#define LOST_ANYWHERE 0.0001 /* of segments that are lost */
#define LOST_WORTH 0.0005
#define TRICKLE_FREE 2.0 /* standard deviations that are nothing to speak of */
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

/* Of the noise that counting alone makes in a share. */
static double
counting_var(const struct metric *m, double mean, double count)
{
	if (m->shape != METRIC_SHARE || m->scraped || !(count > 0))
		return 0;
	return fmax(mean, m->floor) / count;
}

/* Two values that agree count at once, one alone only in part. */
static void
z_take(struct risk_metric *s, double z)
{
	double before = (double)s->z_now;

	s->z_now = (float)fmin(fmax(z, -Z_MAX), Z_MAX);
	towards(&s->z_mean, (double)s->z_now, SMOOTH);
	s->z = fmaxf(s->z_mean, fminf(s->z_now, (float)before));
}

/* Against its own past, which then takes it in: clipped, so that what is strange stays strange for a while. */
static void
past_update(struct risk_metric *s, const struct metric *m, double value, double count)
{
	double x = metric_scale(m, value), d = x - (double)s->mean, sd, rate;

	sd = fmax(sqrt((double)s->var), floor_sd(m, value)) * (1 + YOUNG_SD / (s->seen + 1));
	sd = sqrt(sd * sd + counting_var(m, (double)s->mean, count));
	z_take(s, s->seen >= SEEN_MIN ? d / sd * m->worse : 0);
	rate = fmax(PAST_RATE, 1.0 / (s->seen + 1));
	if (s->seen >= SEEN_MIN)
		d = fmin(fmax(d, -CLIP_SD * sd), CLIP_SD * sd);
	s->mean += (float)(rate * d);
	s->var = (float)((1 - rate) * ((double)s->var + rate * d * d));
	s->seen += s->seen < UINT32_MAX;
	towards(&s->now, x, s->seen > 1 ? 0.5 : 1);
	s->newest[s->seen % RISK_NEWEST] = (float)x;
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

/* The second highest of the newest values: one alone is an outlier; two are what a server that stalls now and then has
 * come to. But no more than the highest of the last RECENT: what has gone back is not held on to. */
static double
again(const struct risk_metric *s)
{
	float first = -1, second = -1, recent = -1, x;
	unsigned i;

	for (i = 0; i < RISK_NEWEST && i < s->seen; i++) {
		x = s->newest[(s->seen - i) % RISK_NEWEST];
		recent = i < RECENT ? fmaxf(recent, x) : recent;
		second = fmaxf(second, fminf(first, x));
		first = fmaxf(first, x);
	}
	return (double)fmaxf(fminf(second, recent), 0);
}

static bool
is_time(const struct metric *m)
{
	return !m->scraped && !strcmp(m->unit, "us");
}

/* What the value was counted from. */
static double
count_of(const struct risk_input *in, uint16_t i)
{
	if (i == METRIC_loss)
		return in->facts->replies * SEGMENTS_PER_REPLY;
	return i == METRIC_errors ? in->facts->tried : in->facts->replies;
}

/* Times without a limit of their own are held against that of the replies. NAN if there is none. */
static double
limit_of(const struct risk_input *in, uint16_t i)
{
	double limit = in->metric[i].limit;

	if (!(limit > 0) && is_time(&in->metric[i]))
		limit = in->metric[METRIC_reply_p99].limit;
	return limit > 0 ? limit : NAN;
}

/* How much of the way from its own past to its limit the metric has gone, on its scale: what is strange far below the
 * limit is no failure. NAN if there is no limit. */
static double
progress(const struct risk_metric *s, const struct risk_input *in, uint16_t i)
{
	const struct metric *m = &in->metric[i];
	double limit = limit_of(in, i), now = (double)s->now, way;

	if (isnan(limit) || m->worse <= 0)
		return NAN;
	way = metric_scale(m, limit) - (double)s->mean;
	if (!(way > 0))
		return 1;
	if (is_time(m))
		now = fmax(now, again(s));
	return fmin(fmax((now - (double)s->mean) / way, 0), 1.5);
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
	struct best own, peer, near, full;
	struct best reach[2][HAZARD_INTERVALS]; /* packet metrics, scraped ones */
};

/* Load moves what a machine uses up and down in seconds: there a short span only counts in steady growth. */
unsigned
risk_first_scale(const struct metric *m, const struct trend *t)
{
	uint32_t run = m->worse > 0 ? t->rising_s : t->falling_s;

	return m->scraped && run < STEADY_S;
}

/* The second highest of some varies less from one sample to the next than they do. */
struct trend_limit
risk_trend_limit(const struct risk_metric *s, const struct metric *m)
{
	return (struct trend_limit){.limit = metric_scale(m, m->limit),
			.worse = m->worse,
			.sd = is_time(m) ? sqrt((double)s->var) : 0};
}

/* Where it fails, on its scale. When all replies take longer, the slowest are at the objective first: the median has as
 * far to go as they have. */
static double
onset_limit(const struct risk_endpoint *e, const struct risk_input *in, uint16_t i)
{
	const struct onset *slowest = &e->metric[METRIC_reply_p99].onset;
	double limit = metric_scale(&in->metric[i], limit_of(in, i));

	if (i != METRIC_reply_p50)
		return limit;
	return limit - fmax((double)slowest->mean - (double)e->metric[i].onset.mean, 0);
}

void
risk_onset(const struct risk_endpoint *e, const struct risk_input *in, uint16_t i,
		struct onset_climb *out)
{
	const struct risk_metric *s = &e->metric[i];
	const struct metric *m = &in->metric[i];
	struct onset_limit limit = {.limit = onset_limit(e, in, i),
			.worse = m->worse,
			.sd_min = floor_sd(m, in->value[i]),
			.more_var = counting_var(m, (double)s->mean, count_of(in, i))};

	onset_look(&s->onset, &limit, hazard_end_s, out);
}

/* P in each interval, given that it was survived up to then, as log odds beyond 2 %. */
static void
reach_take(struct gathering *g, const struct risk_endpoint *e, const struct risk_input *in,
		uint16_t i)
{
	const struct risk_metric *s = &e->metric[i];
	const struct metric *m = &in->metric[i];
	struct trend_limit limit = risk_trend_limit(s, m);
	unsigned first = risk_first_scale(m, &s->trend);
	struct onset_climb climb;
	double before = 0, within, trust, p;
	unsigned k;

	if (m->worse == 0)
		return;
	risk_onset(e, in, i, &climb);
	/* A jump looks like a trend when smoothed. Times are smoothed otherwise, and jump all the time. */
	trust = m->scraped ? 1 - climb.jumped : 1;
	for (k = 0; k < HAZARD_INTERVALS; k++) {
		within = trust * trend_reach(&s->trend, &limit, first, hazard_end_s[k]);
		within = fmax(before, fmax(within, climb.reach[k]));
		p = before < 0.999 ? (within - before) / (1 - before) : within;
		before = within;
		if (p > 0.02)
			best_take(&g->reach[m->scraped][k], log(p / fmax(1 - p, 1e-4)) + REACH_FREE,
					i);
	}
}

/* Most of a metric's rise that its peers share is no sign of its own failing. */
static void
strange_take(struct gathering *g, const struct risk_metric *s, const struct risk_input *in,
		uint16_t i)
{
	double way = progress(s, in, i), z = (double)s->z, alone = 1, close;

	if (in->metric[i].worse == 0 || !(z > Z_FREE))
		return;
	if (s->peers_seen >= SEEN_MIN)
		alone = fmin(fmax((double)s->peer / 0.4, 0.25), 1); /* 0.4: half as much again */
	close = isnan(way) ? 0.3 : fmin(fmax(way, 0.05), 1);
	best_take(&g->own, (z - Z_FREE) * close * alone, i);
	best_take(&g->peer, (double)s->peer * close, i);
	if (!in->metric[i].scraped && in->metric[i].limit > 0 && way > 0)
		best_take(&g->near, way * fmin((z - Z_FREE) / 2, 1), i);
}

static void
metric_update(struct gathering *g, struct risk_endpoint *e, const struct risk_input *in, uint16_t i)
{
	struct risk_metric *s = &e->metric[i];
	const struct metric *m = &in->metric[i];
	double value = in->value[i];

	if (isfinite(value) && value >= 0 && value < 1e30) {
		past_update(s, m, value, count_of(in, i));
		peer_update(s, m, value, in->peer ? in->peer[i] : NAN);
		strange_take(g, s, in, i);
	}
	if (is_time(m)) /* its highest would rise while the ring fills */
		trend_update(&s->trend, isfinite(value) && s->seen >= RISK_NEWEST ? again(s) : NAN);
	else
		trend_update(&s->trend, metric_scale(m, value));
	onset_update(&s->onset, metric_scale(m, value));
	reach_take(g, e, in, i);
	if (m->scraped && m->limit > 0 && m->worse > 0 && s->seen > 2)
		best_take(&g->full, (value / m->limit - 0.8) * 5, i);
}

static void
shift_in(float *window, unsigned length, double value)
{
	memmove(window + 1, window, (length - 1) * sizeof(*window));
	window[0] = (float)(value > 0 ? value : 0);
}

/* A restart is bad for one interval, or two next to each other, and over; what comes again lasts. */
static bool
comes_again(const float part[RISK_WINDOW])
{
	int i, first = -1, last = -1;

	for (i = 0; i < RISK_WINDOW; i++) {
		if (!(part[i] > 0))
			continue;
		first = first < 0 ? i : first;
		last = i;
	}
	return last - first >= 2;
}

/* Octaves beyond a quarter of the allowed share, by one interval or some together, as requests are few or many. Slow
 * handshakes are among the parts alone: what is bad was tried. */
static double
beyond(const float part[RISK_WINDOW], const float whole[RISK_WINDOW], double allowed)
{
	double parts = 0, wholes = 0, most = 0;
	int i;

	if (!(allowed > 0) || (!(part[0] > 0) && !comes_again(part)))
		return 0;
	for (i = 0; i < RISK_WINDOW; i++) {
		parts += (double)part[i];
		wholes += (double)fmaxf(part[i], whole[i]);
		if (parts >= 2) /* one alone may be anything */
			most = fmax(most, wilson_lower(parts, wholes));
	}
	return fmin(fmax(log2(most / allowed) + RISK_LEVEL_FREE, 0), HAZARD_FEATURE_MAX);
}

/* Failures of which each may be chance, together. */
static void
trickle_take(struct risk_endpoint *e, const struct risk_input *in, double allowed)
{
	double segments = count_of(in, METRIC_loss), failing, losing;

	trickle_update(&e->failures, in->facts->failed, in->facts->tried);
	trickle_update(&e->losses, in->value[METRIC_loss] * segments, segments);
	failing = trickle_sd(&e->failures, FAILED_ANYWHERE, allowed / FAILED_WORTH);
	losing = trickle_sd(&e->losses, LOST_ANYWHERE, LOST_WORTH);
	e->trickle = fmax(failing, losing) - TRICKLE_FREE;
	e->trickle_metric = losing > failing ? METRIC_loss : METRIC_errors;
}

static void
level_update(struct risk_endpoint *e, const struct risk_input *in)
{
	const struct risk_facts *f = in->facts;
	double allowed = f->failed_allowed > 0 ? f->failed_allowed : FAILED_ALLOWED_DEFAULT;
	double slow, failed;

	shift_in(e->slow, RISK_WINDOW, f->slow);
	shift_in(e->replies, RISK_WINDOW, f->replies);
	shift_in(e->failed, RISK_WINDOW, f->failed);
	shift_in(e->tried, RISK_WINDOW, f->tried);
	if (e->metric_count >= METRIC_PASSIVE_COUNT)
		trickle_take(e, in, allowed);
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
		e->x.x[k][HAZARD_trickle] = e->trickle;
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
		e->x.x[k][HAZARD_near] = g->near.first;
		e->x.x[k][HAZARD_full] = fmin(g->full.first, 1);
		e->x.x[k][HAZARD_limit] = g->reach[0][k].first;
		e->x.x[k][HAZARD_resource] = g->reach[1][k].first;
	}
	e->own_metric = g->own.metric;
	e->peer_metric = g->peer.metric;
	e->near_metric = g->near.metric;
	e->full_metric = g->full.metric;
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
		metric_update(&g, e, in, i);
	e->phi = silence_update(&e->silence,
			&(struct silence_sample){.seconds = f->seconds,
					.requests = f->requests,
					.replies = f->replies,
					.waiting = f->waiting});
	level_update(e, in);
	strangeness_take(e, &g);
	facts_take(e, f);
	bound(&e->x);
}
