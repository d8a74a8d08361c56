/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of the statements. An endpoint is failing once it is down, or silent or beyond its objective for two
 * intervals; it is well again after five good ones. While it is well and watched, a statement is kept every 5 s:
 *
 *   said --- 30 s --- 60 s ------------------- 300 s
 *      |  survived: outcome of the horizon that ended is "no", the interval is learnt as survived
 *      |  failure: all open horizons are "yes", the interval it fell into is learnt, later ones never began
 *      |  not watched any more: open horizons are censored, nothing is learnt of them
 *
 * An endpoint that a shift relieved of traffic is not watched: that it survived then speaks for the shift, not against
 * what was said.
 */
#include <math.h>
#include <string.h>

#include "risk_state.h"

#define FAILING_S 2 /* a breach shorter than that is none */
#define WELL_S 5
#define SILENCE_PHI 3.0 /* wrong one time in a thousand */
#define QUANTUM 25.0 /* of a kept feature: steps of 0.04 up to 10 */
#define ALARM_TRUE_S 60

static double
worth(unsigned horizon)
{
	return calibration_weight(RISK_STATEMENT_S, risk_horizon_s[horizon]);
}

static bool
bad_now(const struct risk_endpoint *e)
{
	return (e->level > RISK_LEVEL_FREE && e->level_share >= 1) || e->phi >= SILENCE_PHI;
}

static void
unpack(const struct risk_pending *p, unsigned interval, double x[HAZARD_FEATURES])
{
	unsigned f;

	for (f = 0; f < HAZARD_FEATURES; f++)
		x[f] = p->x[interval][f] / QUANTUM;
}

/* The outcome of one horizon, and of the interval that ends it. `began`: it was alive when the interval began. */
static void
resolve(struct risk_model *m, struct risk_pending *p, unsigned k, bool failed)
{
	calibration_score_add(&m->score[k], (double)p->said[k], failed, worth(k));
	calibration_score_add(&m->raw_score[k], (double)p->raw[k], failed, worth(k));
	calibration_map_learn(&m->map[k], (double)p->raw[k], failed, worth(k));
	p->known |= (uint8_t)(1u << k);
}

static void
learn_interval(struct risk_model *m, const struct risk_pending *p, unsigned k, bool failed)
{
	double x[HAZARD_FEATURES];

	unpack(p, k, x);
	hazard_learn(&m->hazard, k, x, failed, worth(k));
}

static void
survived(struct risk_model *m, struct risk_pending *p, uint64_t age_ms)
{
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++) {
		if ((p->known & 1u << k) || age_ms < risk_horizon_s[k] * 1000)
			continue;
		learn_interval(m, p, k, false);
		resolve(m, p, k, false);
	}
	p->used = p->known != (1u << RISK_HORIZONS) - 1;
}

static void
failed_after(struct risk_model *m, struct risk_pending *p, uint64_t age_ms)
{
	bool first = true;
	unsigned k;

	survived(m, p, age_ms);
	for (k = 0; k < RISK_HORIZONS; k++) {
		if (p->known & 1u << k)
			continue;
		if (first)
			learn_interval(m, p, k, true);
		first = false;
		resolve(m, p, k, true);
	}
	p->used = 0;
}

static void
each_pending(struct risk_model *m, struct risk_endpoint *e, uint64_t at_ms,
		void (*fn)(struct risk_model *m, struct risk_pending *p, uint64_t age_ms))
{
	struct risk_pending *p;

	for (p = e->pending; p < e->pending + RISK_PENDING; p++) {
		if (p->used)
			fn(m, p, at_ms > p->made_ms ? at_ms - p->made_ms : 0);
	}
}

static void
censored(struct risk_model *m, struct risk_pending *p, uint64_t age_ms)
{
	survived(m, p, age_ms);
	m->censored += p->used;
	p->used = 0;
}

/* Statements made since the first bad interval spoke of what was there already. */
static void
forget_since(struct risk_endpoint *e, uint64_t ms)
{
	struct risk_pending *p;

	for (p = e->pending; p < e->pending + RISK_PENDING; p++)
		p->used = p->used && p->made_ms < ms;
}

static void
count_failure(struct risk_model *m, struct risk_endpoint *e, uint64_t at_ms)
{
	m->failures++;
	if (!e->alarmed || e->alarm_ms >= at_ms)
		return;
	m->failures_seen++;
	m->alarms_true += at_ms - e->alarm_ms <= ALARM_TRUE_S * 1000;
	m->lead_s[m->lead_next++ % RISK_LEADS] = (float)(at_ms - e->alarm_ms) / 1000;
}

static void
begin_failing(struct risk_model *m, struct risk_endpoint *e, const struct risk_input *in)
{
	uint64_t ago = e->bad_s > 0 ? (e->bad_s - 1) * 1000u : 0;
	uint64_t at_ms = in->now_ms > ago ? in->now_ms - ago : 0;

	e->failing = true;
	if (!e->watched)
		return;
	forget_since(e, at_ms);
	each_pending(m, e, at_ms, failed_after);
	count_failure(m, e, at_ms);
}

void
risk_outcome_update(struct risk_model *m, struct risk_endpoint *e, const struct risk_input *in)
{
	bool bad = bad_now(e) || in->facts->down;
	bool watched = in->facts->observed && !in->facts->relieved;

	e->bad_s = bad ? e->bad_s + 1 : 0;
	e->good_s = bad ? 0 : e->good_s + 1;
	e->now_ms = in->now_ms;
	if (!watched && e->watched) {
		each_pending(m, e, in->now_ms, censored);
		m->alarms -= e->alarmed && m->alarms > 0; /* what it would have been is not known */
	}
	e->observed = in->facts->observed;
	e->watched = watched;
	if (!e->failing && (in->facts->down || e->bad_s >= FAILING_S))
		begin_failing(m, e, in);
	else if (e->failing && e->good_s >= WELL_S)
		e->failing = false;
	each_pending(m, e, in->now_ms, survived);
}

static void
alarm_update(struct risk_model *m, struct risk_endpoint *e, double probability)
{
	bool alarm = probability >= m->threshold && !e->failing;

	if (alarm && !e->alarmed) {
		e->alarm_ms = e->now_ms;
		m->alarms += e->watched;
	}
	/* It is over when the risk is well below: one alarm, not one for each crossing. */
	e->alarmed = alarm || (e->alarmed && !e->failing && probability >= m->threshold / 2);
}

static void
pack(const struct hazard_input *in, struct risk_pending *p)
{
	unsigned k, f;

	for (k = 0; k < HAZARD_INTERVALS; k++) {
		for (f = 0; f < HAZARD_FEATURES; f++)
			p->x[k][f] = (uint8_t)lround(in->x[k][f] * QUANTUM);
	}
}

void
risk_outcome_say(struct risk_model *m, struct risk_endpoint *e, const struct risk *r)
{
	struct risk_pending *p = &e->pending[e->pending_next];
	unsigned k;

	alarm_update(m, e, r->probability[1]);
	if (e->failing || !e->watched || isnan(r->probability[0]) ||
			e->now_ms < e->statement_ms + RISK_STATEMENT_S * 1000)
		return;
	e->statement_ms = e->now_ms;
	e->pending_next = (e->pending_next + 1) % RISK_PENDING;
	*p = (struct risk_pending){.made_ms = e->now_ms, .used = 1};
	for (k = 0; k < RISK_HORIZONS; k++) {
		p->said[k] = (float)r->probability[k];
		p->raw[k] = (float)r->raw[k];
	}
	pack(&e->x, p);
}
