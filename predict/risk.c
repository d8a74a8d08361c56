/* SPDX-License-Identifier: Apache-2.0 */
#include "risk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "risk_state.h"

#define SEEN_MIN 10 /* intervals measured before anything is said */
#define FAILING_PROBABILITY \
	0.98 /* what is failing now does so within the horizon, unless the limit is wrong */
#define MAP_PRIOR_SD 0.3 /* the starting weights are trusted more than a handful of outcomes */
#define MAP_MEMORY 1000
#define MAP_DOWN 4.5 /* factors of the odds: e^1.5, e^0.4 */
#define MAP_UP 1.5
#define ALARM_THRESHOLD 0.5
#define HOLD_PER_S 0.945 /* half in 12 s: from 1 to under a fifth, which is calm, in 29 s */
#define WEIGHT_MIN 0.05 /* log odds; less is no reason */

void
risk_model_init(struct risk_model *m)
{
	unsigned k;

	memset(m, 0, sizeof(*m));
	hazard_init(&m->hazard);
	m->threshold = ALARM_THRESHOLD;
	for (k = 0; k < RISK_HORIZONS; k++)
		calibration_map_init(&m->map[k], MAP_PRIOR_SD, MAP_MEMORY);
	risk_model_scores_clear(m);
}

void
risk_model_scores_clear(struct risk_model *m)
{
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++) {
		calibration_score_init(&m->score[k], m->threshold);
		calibration_score_init(&m->raw_score[k], m->threshold);
	}
	m->failures = m->failures_seen = m->alarms = m->alarms_true = m->censored = 0;
	m->lead_next = 0;
}

bool
risk_model_valid(const struct risk_model *m)
{
	unsigned k;

	if (!hazard_valid(&m->hazard) || !(m->threshold > 0 && m->threshold < 1))
		return false;
	for (k = 0; k < RISK_HORIZONS; k++) {
		if (!calibration_map_valid(&m->map[k]))
			return false;
	}
	return true;
}

static int
by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

double
risk_model_lead_median(const struct risk_model *m)
{
	uint32_t n = m->lead_next < RISK_LEADS ? m->lead_next : RISK_LEADS;
	float sorted[RISK_LEADS];

	if (n == 0)
		return NAN;
	memcpy(sorted, m->lead_s, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_value);
	return ((double)sorted[(n - 1) / 2] + (double)sorted[n / 2]) / 2;
}

size_t
risk_endpoint_size(size_t metric_count)
{
	return sizeof(struct risk_endpoint) + metric_count * sizeof(struct risk_metric);
}

#define FNV_PRIME 0x100000001b3u

/* FNV-1a over the names, and the scale on which each is remembered. */
static uint64_t
layout_of(const struct metric *metric, size_t count)
{
	uint64_t hash = 0xcbf29ce484222325u, floor;
	const char *p;
	size_t i;

	for (i = 0; i < count; i++) {
		for (p = metric[i].name; *p; p++)
			hash = (hash ^ (uint8_t)*p) * FNV_PRIME;
		memcpy(&floor, &metric[i].floor, sizeof(floor));
		hash = (hash ^ floor ^ floor >> 32) * FNV_PRIME;
		hash = (hash ^ (uint64_t)metric[i].shape << 8 ^ (uint8_t)metric[i].worse) *
				FNV_PRIME;
	}
	return hash;
}

struct risk_endpoint *
risk_endpoint_create(const struct metric *metric, size_t count)
{
	struct risk_endpoint *e = calloc(1, risk_endpoint_size(count));

	if (!e)
		return NULL;
	e->version = RISK_VERSION;
	e->metric_count = (uint32_t)count;
	e->layout = layout_of(metric, count);
	return e;
}

bool
risk_endpoint_fits(const struct risk_endpoint *e, const struct metric *metric, size_t count)
{
	return e->metric_count == count && e->layout == layout_of(metric, count);
}

void
risk_endpoint_free(struct risk_endpoint *e)
{
	free(e);
}

bool
risk_endpoint_restore(struct risk_endpoint *e, const void *saved, size_t size)
{
	struct risk_endpoint head;

	if (size != risk_endpoint_size(e->metric_count))
		return false;
	memcpy(&head, saved, sizeof(head));
	if (head.version != RISK_VERSION || head.metric_count != e->metric_count ||
			head.layout != e->layout)
		return false;
	memcpy(e, saved, size);
	/* Monotonic times mean nothing after a restart, and who knows what happened meanwhile. */
	memset(e->pending, 0, sizeof(e->pending));
	e->now_ms = e->statement_ms = e->alarm_ms = 0;
	e->failing = e->observed = e->watched = e->alarmed = false;
	e->bad_s = e->good_s = e->pending_next = 0;
	memset(e->held, 0, sizeof(e->held));
	e->silence.quiet_s = 0;
	return true;
}

const struct hazard_input *
risk_endpoint_features(const struct risk_endpoint *e)
{
	return &e->x;
}

/*
 * Reasons
 */

static void
reason_init(struct risk_reason *r, enum risk_reason_kind kind, uint16_t metric, double value)
{
	*r = (struct risk_reason){
			.kind = kind, .metric = metric, .value = value, .low = NAN, .high = NAN};
}

static void
reason_limit(const struct risk_endpoint *e, const struct risk_input *in, uint16_t i,
		struct risk_reason *r)
{
	const struct metric *m = &in->metric[i];
	const struct risk_metric *s = &e->metric[i];
	struct trend_limit limit = risk_trend_limit(s, m);
	unsigned first = risk_first_scale(m, &s->trend);
	struct trend_time t = {NAN, NAN, NAN};
	struct onset_climb climb;

	/* By the one that says more. */
	risk_onset(e, in, i, &climb);
	if (climb.reach[1] > trend_reach(&s->trend, &limit, first, hazard_end_s[1]))
		t = (struct trend_time){climb.median_s, climb.low_s, climb.high_s};
	else
		trend_time_to_limit(&s->trend, &limit, first, &t);
	reason_init(r, RISK_LIMIT, i, t.median);
	r->low = t.low;
	r->high = t.high;
}

static void
reason_of(const struct risk_endpoint *e, const struct risk_input *in, enum hazard_feature f,
		struct risk_reason *r)
{
	switch (f) {
	case HAZARD_own:
		reason_init(r, RISK_OWN_PAST, e->own_metric, (double)e->metric[e->own_metric].z);
		return;
	case HAZARD_peers:
		reason_init(r, RISK_PEERS, e->peer_metric,
				(in->value[e->peer_metric] + in->metric[e->peer_metric].floor) /
						(in->peer[e->peer_metric] +
								in->metric[e->peer_metric].floor));
		return;
	case HAZARD_limit:
		reason_limit(e, in, e->limit_metric, r);
		return;
	case HAZARD_resource:
		reason_limit(e, in, e->resource_metric, r);
		return;
	case HAZARD_level:
		reason_init(r, RISK_LEVEL, e->level_metric, e->level_share);
		return;
	case HAZARD_near:
		reason_init(r, RISK_LEVEL, e->near_metric,
				in->value[e->near_metric] / in->metric[e->near_metric].limit);
		return;
	case HAZARD_trickle:
		reason_init(r, RISK_TRICKLE, e->trickle_metric,
				trickle_count(e->trickle_metric == METRIC_loss ? &e->losses
									       : &e->failures));
		return;
	case HAZARD_full:
		reason_init(r, RISK_LEVEL, e->full_metric,
				in->value[e->full_metric] / in->metric[e->full_metric].limit);
		return;
	case HAZARD_silence:
		reason_init(r, RISK_SILENCE, RISK_NO_METRIC, e->phi);
		return;
	case HAZARD_health:
		reason_init(r, RISK_HEALTH, RISK_NO_METRIC, in->facts->checks_failing);
		return;
	case HAZARD_load:
		reason_init(r, RISK_LOAD, RISK_NO_METRIC, in->facts->load[1]);
		return;
	case HAZARD_outside:
		reason_init(r, RISK_OUTSIDE, RISK_NO_METRIC, in->facts->outside);
		return;
	case HAZARD_FEATURES:
		break;
	}
	memset(r, 0, sizeof(*r));
}

static void
reason_insert(struct risk *out, const struct risk_reason *r)
{
	uint32_t i, n = out->reason_count;

	if (n == RISK_REASONS_MAX && !(r->weight > out->reason[n - 1].weight))
		return;
	i = n < RISK_REASONS_MAX ? out->reason_count++ : n - 1;
	for (; i > 0 && out->reason[i - 1].weight < r->weight; i--)
		out->reason[i] = out->reason[i - 1];
	out->reason[i] = *r;
}

/* What is down is so whatever else is seen. */
static void
reason_down(struct risk *out)
{
	struct risk_reason r;

	reason_init(&r, RISK_HEALTH, RISK_NO_METRIC, 1);
	r.weight = 10;
	reason_insert(out, &r);
}

static void
reasons(const struct risk_model *m, const struct risk_endpoint *e, const struct risk_input *in,
		struct risk *out)
{
	struct risk_reason r;
	double weight;
	int f;

	for (f = 0; f < HAZARD_FEATURES; f++) {
		if (!(e->x.x[0][f] > 0) && !(e->x.x[1][f] > 0) && !(e->x.x[2][f] > 0))
			continue;
		weight = hazard_contribution(&m->hazard, &e->x, f, 1);
		if (!(weight >= WEIGHT_MIN))
			weight = hazard_contribution(&m->hazard, &e->x, f, 2);
		if (!(weight >= WEIGHT_MIN))
			continue;
		reason_of(e, in, f, &r);
		r.weight = weight;
		reason_insert(out, &r);
	}
	if (in->facts->down)
		reason_down(out);
}

/*
 * Probability
 */

/* Nobody got well by not being looked at: what was said last fades, while nothing is seen. */
static void
hold(struct risk_endpoint *e)
{
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++)
		e->held[k] = e->held[k] > 0 ? e->held[k] * HOLD_PER_S : 0;
}

/* A run of failures that nobody could foresee must not make an alarm of no evidence at all: the map moves the log odds
 * by so much at most, as the hazard's bias. Both bounds rise with `raw`, so the result does. */
static double
calibrated(const struct calibration_map *map, double raw)
{
	double odds = raw / fmax(1 - raw, 1e-12), p = calibration_map_apply(map, raw);
	double low = odds / MAP_DOWN, high = odds * MAP_UP;

	return fmin(fmax(p, low / (1 + low)), high / (1 + high));
}

static void
probabilities(const struct risk_model *m, const struct risk_endpoint *e, struct risk *out)
{
	double p, least = 0;
	unsigned k;

	hazard_probability(&m->hazard, &e->x, out->raw);
	for (k = 0; k < RISK_HORIZONS; k++) {
		p = calibrated(&m->map[k], out->raw[k]);
		if (e->failing)
			p = fmax(p, FAILING_PROBABILITY);
		/* The maps are fitted apart; a longer horizon holds the shorter one. */
		least = fmax(least, fmax(p, e->observed ? 0 : e->held[k]));
		out->probability[k] = least;
		if (e->seen < SEEN_MIN && !e->failing)
			out->probability[k] = NAN;
	}
}

static bool
anything(const struct risk_input *in)
{
	size_t i;

	for (i = 0; i < in->count; i++) {
		if (isfinite(in->value[i]))
			return true;
	}
	return false;
}

void
risk_of_unknown(const struct risk_model *m, struct risk *out)
{
	static const struct hazard_input nothing;
	unsigned k;

	memset(out, 0, sizeof(*out));
	hazard_probability(&m->hazard, &nothing, out->raw);
	for (k = 0; k < RISK_HORIZONS; k++)
		out->probability[k] = NAN;
}

void
risk_observe(struct risk_model *m, struct risk_endpoint *e, const struct risk_input *in,
		struct risk *out)
{
	e->seen += e->seen < UINT32_MAX && anything(in);
	risk_feature_update(e, in);
	risk_outcome_update(m, e, in);
	memset(out, 0, sizeof(*out));
	hold(e);
	probabilities(m, e, out);
	memcpy(e->held, out->probability, sizeof(e->held));
	out->failing = e->failing;
	out->observed = e->observed;
	reasons(m, e, in, out);
	risk_outcome_say(m, e, out);
}
