/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tick walks the services twice: first every pair takes in what was measured and says whether it wants to shift; then
 * the service's share in migration is given out, the most important first; then every pair decides and is carried out.
 */
#include "steering.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "evidence.h"
#include "load_forecast.h"
#include "measure.h"
#include "predictor.h"
#include "steering_record.h"
#include "steering_rules.h"

struct pair {
	uint32_t sid; /* whose it is: an eid may get a new owner */
	const struct endpoint *owner;
	char name[64];
	struct policy policy;
	struct policy_memory
			remembered; /* as it is in the endpoint's settings, on the monotonic clock */
	struct policy_input input;
	struct evidence evidence;
	uint32_t shadow_eid;
	bool has_shadow;
	bool told; /* the endpoint's settings were looked at */
	uint64_t asked;
	enum policy_rung rung;
	uint32_t decisions[POLICY_RUNGS][POLICY_OUTCOMES];
	struct steering_rules rules;
};

struct steering {
	struct gateway *g;
	struct steering_record *record;
	uint32_t limit;
	struct pair **pair; /* by eid; NULL: none yet */
	struct policy_bid *bid; /* of one service */
	size_t bid_room;
	bool changed;
};

/* One that was not checked yet is not known to be down. */
static bool
is_steered(const struct endpoint *e)
{
	if (e->weight == 0 || (e->shadow_count == 0 && e->shift == 0))
		return false;
	if (e->health == HEALTH_UNKNOWN && e->config->check.kind != CHECK_NONE)
		return false;
	return e->shadow_count > 0 || e->shift > e->config->shift;
}

static bool
owns(const struct pair *p, const struct endpoint *e)
{
	return p->owner == e && p->sid == e->service->sid && !strcmp(p->name, e->config->name);
}

static struct pair *
pair_or_null(const struct steering *s, const struct endpoint *e)
{
	struct pair *p = e->eid < s->limit ? s->pair[e->eid] : NULL;

	return p && owns(p, e) ? p : NULL;
}

static struct pair *
pair_make_or_null(struct steering *s, const struct endpoint *e)
{
	struct pair *p = e->eid < s->limit ? s->pair[e->eid] : NULL;

	if (p && owns(p, e))
		return p;
	if (e->eid >= s->limit)
		return NULL;
	if (!p)
		p = s->pair[e->eid] = malloc(sizeof(*p));
	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->owner = e;
	p->sid = e->service->sid;
	snprintf(p->name, sizeof(p->name), "%s", e->config->name);
	p->remembered.state = POLICY_STATES; /* none yet */
	evidence_restart(&p->evidence, e->service->config);
	return p;
}

/*
 * What was measured
 */

static double
risk_at(const struct steering *s, const struct endpoint *e, uint32_t horizon)
{
	const struct risk *risk = predictor_risk_or_null(s->g->predictor, e);

	return risk ? risk->probability[horizon] : NAN;
}

static double
metric_value(const struct steering *s, const struct endpoint *e, enum measure_side side,
		const char *name)
{
	size_t i, count;
	const struct metric *m = measurements_metrics(s->g->measurements, e->service, &count);

	for (i = 0; i < count; i++) {
		if (!strcmp(m[i].name, name))
			return measurements_values(s->g->measurements, e, side)[i];
	}
	return NAN;
}

static void
gather_rules(const struct steering *s, const struct endpoint *e,
		const struct endpoint *shadow_or_null, struct policy_input *in)
{
	const struct policy_config *c = &e->service->config->policy;
	enum measure_side side = registry_gets_copies(e) ? MEASURE_COPIES : MEASURE_SERVING;
	size_t i;

	for (i = 0; i < POLICY_RULES_MAX; i++) {
		in->rule_value[i] = in->shadow_rule_value[i] = NAN;
		if (i >= c->rule_count)
			continue;
		in->rule_value[i] = metric_value(s, e, side, c->rule[i].metric);
		if (shadow_or_null)
			in->shadow_rule_value[i] = metric_value(
					s, shadow_or_null, MEASURE_SERVING, c->rule[i].metric);
	}
}

/* Of the new flows of its service, in weight, those that the shadow gets for `e`. */
static double
handed_over(const struct endpoint *e)
{
	return (double)e->weight * (registry_endpoint_is_up(e) ? e->shift : SHARE_ONE);
}

/* Of what the shadow serves, the part that is the pair's: it may stand in for other primaries too, and have a weight of
 * its own. 0 where nothing was moved to it. */
static double
part_of(const struct endpoint *shadow, const struct endpoint *primary)
{
	const struct service *service = shadow->service;
	double all = (double)shadow->weight * SHARE_ONE, handed;
	size_t i;

	if (primary->shift <= primary->config->shift)
		return 0;
	for (i = 0; i < service->endpoint_count; i++) {
		handed = handed_over(service->endpoint[i]);
		if (handed > 0 && registry_standby_or_null(service->endpoint[i]) == shadow)
			all += handed;
	}
	return all > 0 ? handed_over(primary) / all : 1;
}

/* Of its capacity, what is left beside its own load; what it serves for the primary is counted there. */
static double
room_of(const struct steering *s, const struct endpoint *shadow, double part)
{
	double own = measurements_values(
			s->g->measurements, shadow, MEASURE_SERVING)[METRIC_requests];
	double capacity = shadow->service->config->forecast.capacity;

	if (!(capacity > 0) || shadow->service->config->forecast.load != LOAD_REQUESTS)
		return NAN;
	return capacity - (isnan(own) ? 0 : own * (1 - part));
}

static void
gather_shadow(const struct steering *s, const struct endpoint *shadow, double part,
		struct policy_input *in)
{
	const struct policy_config *c = &shadow->service->config->policy;

	in->shadow = true;
	in->shadow_up = registry_endpoint_is_up(shadow) && !shadow->drain;
	in->shadow_suspect = shadow->suspect;
	in->shadow_risk = risk_at(s, shadow, c->horizon);
	in->shadow_room = room_of(s, shadow, part);
}

static bool
can_mirror(const struct steering *s, const struct endpoint *e)
{
	const struct config_service *c = e->service->config;

	return c->protocol == IPPROTO_UDP && e->shadow_count > 0 &&
			registry_local_count(s->g->registry,
					ip_is_v4(&c->addr) ? AF_INET : AF_INET6) > 0;
}

static bool
has_canary(const struct config_service *c)
{
	size_t i;

	for (i = 0; i < c->cohort_count; i++) {
		if (c->cohort[i].side == COHORT_CANARY)
			return true;
	}
	return false;
}

static enum policy_mode
mode_of(const struct endpoint *e)
{
	return e->policy.has_mode ? e->policy.mode : e->service->config->policy.mode;
}

static void
gather(struct steering *s, struct endpoint *e, struct pair *p, uint64_t now_ms)
{
	const struct config_service *service = e->service->config;
	const struct endpoint *shadow = registry_standby_or_null(e);
	struct evidence *ev = &p->evidence;

	p->input = (struct policy_input){
			.now_ms = now_ms,
			.load_coming = load_forecast_holds_or_null(
						       s->g->load_forecasts, e->service) != NULL,
			.mode = mode_of(e),
			.held = e->policy.hold || e->drain,
			.objective = service->objective,
			.base_shift = e->config->shift,
			.primary_up = registry_endpoint_is_up(e),
			.risk = risk_at(s, e, service->policy.horizon),
			.risk_soon = risk_at(s, e, 0),
			.window_requests = ev->window_requests,
			.window_slow = ev->window_slow,
			.window_errors = ev->window_errors,
			.primary_verdict = comparison_verdict(&ev->check, NULL),
			.requests = ev->requests,
			.shadow_risk = NAN,
			.shadow_room = NAN,
			.can_mirror = can_mirror(s, e),
			.has_canary = has_canary(service),
			.verdict = comparison_verdict(&ev->candidate, NULL),
			.compared = ev->candidate.requests,
			.worse_now = !policy_compares_primary(&p->policy) &&
					comparison_is_worse_than(&ev->candidate, &ev->check),
	};
	if (shadow)
		gather_shadow(s, shadow, part_of(shadow, e), &p->input);
	gather_rules(s, e, shadow, &p->input);
	steering_rules_tick(&p->rules, s->g, e, &p->input);
}

static bool
is_well(const struct pair *p, const struct endpoint *e)
{
	const struct policy_config *c = &e->service->config->policy;

	return registry_endpoint_is_up(e) && !e->suspect && !(p->input.risk >= c->leave) &&
			!p->policy.in.breached && !p->policy.in.rule;
}

/* Well, and with all its traffic, so that its numbers are what is usual. */
static bool
is_healthy(const struct pair *p, const struct endpoint *e)
{
	return p->policy.state == POLICY_STATE_watch && is_well(p, e) &&
			e->shift == e->config->shift;
}

static void
watch_packets(struct steering *s, const struct endpoint *e, struct pair *p, uint64_t now_ms)
{
	const struct endpoint *shadow = registry_standby_or_null(e);
	const struct evidence_pair pair = {
			.primary = e,
			.shadow_or_null = shadow,
			.carrying = e->shift > e->config->shift,
			.shadow_part = shadow ? part_of(shadow, e) : 0,
			.returning = policy_compares_primary(&p->policy),
			.healthy = is_healthy(p, e),
			.copied_home = registry_gets_copies(e),
			.primary_well = is_well(p, e),
	};

	if (p->has_shadow != (shadow != NULL) || (shadow && shadow->eid != p->shadow_eid)) {
		evidence_restart(&p->evidence, e->service->config);
		policy_compare_anew(&p->policy, now_ms);
		p->has_shadow = shadow != NULL;
		p->shadow_eid = shadow ? shadow->eid : 0;
	}
	evidence_tick(&p->evidence, s->g->collector, &pair);
}

/*
 * Operators
 */

static void
set_setting(struct steering *s, struct endpoint *e, const struct policy_setting *now)
{
	if (memcmp(&e->policy, now, sizeof(*now)) == 0)
		return;
	registry_set_policy(e, now);
	s->changed = true;
}

/* Found at start: what the policy had set goes on, what somebody else had set is theirs. */
static void
take_over(struct steering *s, struct endpoint *e, struct pair *p, uint64_t now_ms)
{
	int64_t since_boot_ms = (int64_t)(now_ms - loop_wall_ms());
	struct policy_memory memory = policy_memory_moved(&e->policy.memory, since_boot_ms);

	p->told = true;
	if (e->shift != e->config->shift && !e->policy.steers) {
		steering_hold(s, e, true);
		return;
	}
	if (e->shift != e->config->shift) {
		p->policy.mirror = e->policy.mirrors;
		policy_adopt(&p->policy, e->shift, e->config->shift, now_ms);
	}
	policy_resume(&p->policy, &e->service->config->policy, &memory, now_ms);
}

/* The two clocks drift apart: written only when something changed. */
static void
remember(struct pair *p, struct policy_setting *now)
{
	int64_t boot_ms = (int64_t)(loop_wall_ms() - p->input.now_ms);
	struct policy_memory memory;

	policy_remember(&p->policy, &memory);
	if (memcmp(&memory, &p->remembered, sizeof(memory)) == 0)
		return;
	p->remembered = memory;
	now->memory = policy_memory_moved(&memory, boot_ms);
}

/* Somebody else moved the shift since: it is theirs. */
static void
notice_hands(struct steering *s, struct endpoint *e, struct pair *p)
{
	bool home = !e->policy.steers && e->shift == e->config->shift;

	/* The file took it back, or has another base. */
	if (home && p->policy.shift != e->shift)
		policy_adopt(&p->policy, e->shift, e->shift, p->input.now_ms);
	if (e->policy.hold || home || (e->policy.steers && e->shift == p->policy.shift))
		return;
	steering_hold(s, e, true);
	journal_add(s->g->journal, JOURNAL_NOTICE, "decision", e->service->config->name,
			e->config->name,
			"the shift was set by hand: the policy keeps its hands off until "
			"`understudyctl policy %s %s release`",
			e->service->config->name, e->config->name);
}

/*
 * What is decided
 */

static void
apply_mirror(struct steering *s, struct endpoint *e, bool wanted, struct policy_setting *now)
{
	struct config_mirror mirror = e->mirror;

	if (wanted && e->mirror.share == 0) {
		mirror.share = SHARE_ONE;
		mirror.shadows = mirror.shadows ? mirror.shadows : 1;
		now->mirrors = registry_set_mirror(s->g->registry, e, &mirror, SETTING_RUNTIME) ==
				0;
		s->changed = true;
	} else if (!wanted && now->mirrors) {
		(void)registry_set_mirror(s->g->registry, e, &e->config->mirror, SETTING_RUNTIME);
		now->mirrors = false;
		s->changed = true;
	}
}

static void
apply(struct steering *s, struct endpoint *e, struct pair *p, const struct policy_decision *d)
{
	struct policy_setting now = e->policy;

	if (d->shift != e->shift &&
			registry_set_shift(s->g->registry, e, d->shift, SETTING_RUNTIME) == 0) {
		s->changed = true;
		journal_add(s->g->journal, JOURNAL_NOTICE, "shift", e->service->config->name,
				e->config->name,
				"share of new flows to the shadow %.4g %% (was %.4g %%), by the "
				"policy",
				d->shift * 100.0 / SHARE_ONE, d->shift_was * 100.0 / SHARE_ONE);
	}
	now.steers = e->shift != e->config->shift;
	apply_mirror(s, e, d->mirror, &now);
	remember(p, &now);
	set_setting(s, e, &now);
}

static void
tell(struct steering *s, struct endpoint *e, struct pair *p, const struct policy_decision *d)
{
	const struct steering_case c = {.endpoint = e,
			.shadow_or_null = registry_standby_or_null(e),
			.policy = &p->policy,
			.input = &p->input,
			.comparison = &p->evidence.candidate,
			.decision = d};
	uint64_t number = steering_record_add(s->record, &c);

	p->decisions[d->rung][d->outcome]++;

	/* What stands in the way for a while takes no question back. */
	if (d->outcome != POLICY_STAYED)
		p->asked = d->outcome == POLICY_ASKED ? number : 0;
}

static void
decide(struct steering *s, struct endpoint *e, struct pair *p)
{
	const struct config_service *service = e->service->config;
	struct policy_decision d = policy_run(&p->policy, &service->policy, &p->input);

	p->rung = d.rung;
	if (!p->input.held)
		apply(s, e, p, &d);
	if (d.note)
		tell(s, e, p, &d);
	if (p->asked && (p->policy.approved || p->policy.noted == RUNG_calm))
		p->asked = 0;
	if (d.compare_anew)
		evidence_restart(&p->evidence, service);
}

/*
 * Services
 */

static bool
bids_grow(struct steering *s, size_t count)
{
	struct policy_bid *grown;

	if (count <= s->bid_room)
		return true;
	grown = realloc(s->bid, count * sizeof(*grown));
	if (!grown)
		return false;
	s->bid = grown;
	s->bid_room = count;
	return true;
}

/* Who may not needs no place among those that move, and takes none: it says what it would do. */
static bool
may_move(const struct pair *p)
{
	return p->input.mode == POLICY_ACT ||
			(p->input.mode == POLICY_ADVISE && p->policy.approved);
}

static void
look(struct steering *s, struct endpoint *e, struct policy_bid *bid, uint64_t now_ms)
{
	const struct policy_config *c = &e->service->config->policy;
	struct pair *p = is_steered(e) ? pair_make_or_null(s, e) : NULL;

	*bid = (struct policy_bid){.weight = e->weight};
	if (!p)
		return;
	if (!p->told)
		take_over(s, e, p, now_ms);
	notice_hands(s, e, p);
	watch_packets(s, e, p, now_ms);
	gather(s, e, p, now_ms);
	bid->wants = policy_look(&p->policy, c, &p->input) && may_move(p);
	bid->migrating = policy_is_migrating(&p->policy) && !p->policy.in.held;
	bid->priority = c->impact * (isnan(p->input.risk) ? 1 : p->input.risk);
}

static void
steer_service(struct steering *s, struct service *service, uint64_t now_ms)
{
	double total = 0;
	struct pair *p;
	size_t i;

	if (!bids_grow(s, service->endpoint_count))
		return;
	for (i = 0; i < service->endpoint_count; i++) {
		look(s, service->endpoint[i], &s->bid[i], now_ms);
		total += service->endpoint[i]->weight;
	}
	policy_grant(s->bid, service->endpoint_count, total,
			service->config->policy.max_in_migration / (double)SHARE_ONE);
	for (i = 0; i < service->endpoint_count; i++) {
		p = is_steered(service->endpoint[i]) ? pair_or_null(s, service->endpoint[i]) : NULL;
		if (!p)
			continue;
		p->policy.in.granted = p->input.granted = s->bid[i].granted || !may_move(p);
		decide(s, service->endpoint[i], p);
	}
}

void
steering_tick_at(struct steering *s, uint64_t now_ms)
{
	size_t i;

	s->changed = false;
	for (i = 0; i < registry_service_count(s->g->registry); i++)
		steer_service(s, registry_service_at(s->g->registry, i), now_ms);
	if (s->changed)
		gateway_apply(s->g);
}

void
steering_tick(struct steering *s)
{
	steering_tick_at(s, loop_now_ms());
}

struct steering *
steering_create(struct gateway *g)
{
	struct steering *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->g = g;
	s->limit = registry_endpoint_limit(g->registry);
	s->pair = calloc(s->limit, sizeof(*s->pair));
	s->record = steering_record_create(g);
	if (s->pair && s->record)
		return s;
	steering_free(s);
	return NULL;
}

void
steering_free(struct steering *s)
{
	uint32_t i;

	if (!s)
		return;
	for (i = 0; s->pair && i < s->limit; i++)
		free(s->pair[i]);
	free(s->pair);
	free(s->bid);
	steering_record_free(s->record);
	free(s);
}

bool
steering_view(const struct steering *s, const struct endpoint *e, struct steering_view *out)
{
	const struct pair *p = pair_or_null(s, e);

	if (!p || !is_steered(e))
		return false;
	*out = (struct steering_view){.policy = &p->policy,
			.input = &p->input,
			.comparison = &p->evidence.candidate,
			.mode = mode_of(e),
			.mode_set = e->policy.has_mode,
			.rung = p->rung,
			.asked = p->asked,
			.rules = &p->rules,
			.decisions = (const uint32_t(*)[POLICY_OUTCOMES])p->decisions};
	return true;
}

void
steering_set_mode(struct steering *s, struct endpoint *e, const enum policy_mode *mode_or_null)
{
	struct policy_setting now = e->policy;

	now.has_mode = mode_or_null != NULL;
	now.mode = mode_or_null ? *mode_or_null : POLICY_OBSERVE;
	set_setting(s, e, &now);
}

/* A shift that stands when the endpoint is released is led to an end as if it were the policy's. */
void
steering_hold(struct steering *s, struct endpoint *e, bool hold)
{
	struct policy_setting now = e->policy;
	struct pair *p = pair_or_null(s, e);

	if (now.hold && !hold) {
		now.steers = e->shift != e->config->shift;
		if (p)
			policy_adopt(&p->policy, e->shift, e->config->shift, loop_now_ms());
	}
	now.hold = hold;
	set_setting(s, e, &now);
}

int
steering_approve(struct steering *s, struct endpoint *e)
{
	struct pair *p = pair_or_null(s, e);

	if (!p || !p->asked)
		return -ENOENT;
	policy_approve(&p->policy);
	p->asked = 0;
	return 0;
}

struct endpoint *
steering_asked_or_null(struct steering *s, uint64_t number)
{
	uint32_t i;

	for (i = 0; i < s->limit; i++) {
		if (s->pair[i] && number && s->pair[i]->asked == number)
			return registry_endpoint_by_id(s->g->registry, i);
	}
	return NULL;
}

struct steering_record *
steering_record_of(struct steering *s)
{
	return s->record;
}
