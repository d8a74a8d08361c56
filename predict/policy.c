/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include "policy_step.h"

#include <math.h>
#include <string.h>

#define CALM_FACTOR \
	10 /* cool-downs at home without a shift, until one step of backoff is forgiven */
#define UNKNOWN_FACTOR \
	4 /* dwells after which a primary without traffic, of which nothing is known, is tried again */
#define WORSE_AGAIN_MS 15000 /* at home, of a shadow that was called worse */
#define SHARED_MS 15000 /* a queue that half the load leaves behind is gone by then */
#define COMPARE_AGAIN_MS 60000 /* at the last step: old evidence must not hide a change */

/* One call of policy_run(). */
struct turn {
	struct policy *p;
	const struct policy_config *c;
	const struct policy_input *in;
	struct policy_decision d;
};

static bool
at_home(const struct policy *p)
{
	return p->state == POLICY_STATE_watch || p->state == POLICY_STATE_prepare;
}

static uint64_t
stretched(const struct policy *p, uint32_t ms)
{
	return (uint64_t)ms << p->backoff;
}

/* The same obstacle each second is one decision, and so are two that alternate. */
static void
note(struct turn *t, enum policy_rung rung, enum policy_outcome outcome)
{
	uint32_t *told = t->p->told;

	t->d.rung = rung;
	t->d.outcome = outcome;
	if (outcome == POLICY_DONE)
		memset(told, 0, sizeof(t->p->told));
	if (outcome == POLICY_DONE || !(told[outcome] & 1u << rung))
		t->d.note = true;
	told[outcome] |= 1u << rung;
	t->p->noted = rung;
}

static void
quiet(struct turn *t, enum policy_rung rung)
{
	t->d.rung = rung;
}

static void
enter(struct turn *t, enum policy_state state, enum policy_rung rung)
{
	t->p->state = state;
	note(t, rung, POLICY_DONE);
}

static void
move(struct turn *t, uint32_t shift)
{
	t->p->shift = shift;
	t->p->step_since_ms = t->in->now_ms;
	t->d.compare_anew = true;
}

/* `failed`: the shadow was not fit, so that the next try waits longer. */
static void
go_home(struct turn *t, enum policy_rung rung, bool failed)
{
	struct policy *p = t->p;

	if (failed && p->backoff < POLICY_BACKOFF_MAX)
		p->backoff++;
	move(t, p->base);
	p->mirror = p->beyond = false;
	p->approved = false;
	p->home_since_ms = t->in->now_ms;
	p->cooling_until_ms = t->in->now_ms + stretched(p, t->c->cooldown_ms);
	p->cooling_facts_until_ms =
			failed ? p->cooling_until_ms : t->in->now_ms + t->c->cooldown_ms;
	p->hot = p->cool = p->breached = 0;
	enter(t, POLICY_STATE_watch, rung);
}

static bool
is_urgent(const struct turn *t)
{
	return ladder_rung_is_fact(t->d.rung) || t->p->in.rule || t->p->in.breached ||
			t->in->risk_soon >= t->c->enter;
}

static bool
overdue(const struct turn *t)
{
	return t->in->verdict == SEQUENTIAL_UNSURE &&
			t->in->now_ms - t->p->step_since_ms >= t->c->deadline_ms;
}

/* Of an unusual load half stays with the primary. */
static uint32_t
most_of(const struct turn *t)
{
	const struct policy *p = t->p;

	if (p->beyond || !policy_load_is_unusual(&p->load))
		return POLICY_SHARE_ONE;
	return p->base + (POLICY_SHARE_ONE - p->base) / 2;
}

static struct policy_pace
pace_of(const struct turn *t)
{
	return (struct policy_pace){
			.base = t->p->base,
			.share = t->p->shift,
			.requests = t->in->requests,
			.risk = t->p->in.rule || t->p->in.breached ? 1 : t->in->risk,
			.urgent = is_urgent(t),
			.cohorts = t->c->cohorts_first && t->in->has_canary,
	};
}

static void
take_all(struct turn *t, enum policy_rung rung)
{
	move(t, POLICY_SHARE_ONE);
	enter(t, POLICY_STATE_shifted, rung);
}

static void
first_share(struct turn *t, enum policy_state state, enum policy_rung rung)
{
	struct policy_pace pace = pace_of(t);
	uint32_t share = policy_first_share(t->c, &pace), most = most_of(t);

	move(t, share < most ? share : most);
	enter(t, state, rung);
}

/* A shift soon after the last one came home is the same trouble again. */
static void
depart(struct turn *t, enum policy_rung rung)
{
	struct policy *p = t->p;

	if (p->cooling_until_ms && p->backoff < POLICY_BACKOFF_MAX &&
			t->in->now_ms - p->home_since_ms <
					CALM_FACTOR * stretched(p, t->c->cooldown_ms))
		p->backoff++;
	t->d.rung = rung;
	p->mirror = t->in->can_mirror;
	if (rung == RUNG_primary_down) {
		take_all(t, rung);
	} else if (t->in->verdict == SEQUENTIAL_NOT_WORSE) {
		first_share(t, POLICY_STATE_shift, rung);
	} else if (t->in->can_mirror && !is_urgent(t)) {
		move(t, p->base);
		enter(t, POLICY_STATE_mirror, rung);
	} else {
		first_share(t, POLICY_STATE_verify, rung);
	}
}

static void
prepare(struct turn *t, enum policy_rung rung)
{
	if (t->p->state == POLICY_STATE_prepare)
		return;
	if (t->in->mode == POLICY_OBSERVE) {
		note(t, rung, POLICY_WOULD);
		return;
	}
	t->p->mirror = t->in->can_mirror;
	enter(t, POLICY_STATE_prepare, rung);
}

static void
rest(struct turn *t, enum policy_rung rung)
{
	struct policy *p = t->p;

	if (rung != RUNG_calm) {
		note(t, rung, POLICY_STAYED);
		return;
	}
	if (p->in.cool) {
		p->noted = RUNG_calm;
		memset(p->told, 0, sizeof(p->told));
		p->approved = false;
	}
	if (p->state == POLICY_STATE_prepare && !p->in.load_coming) {
		p->mirror = false;
		enter(t, POLICY_STATE_watch, RUNG_calm);
	}
}

/* What the shadow's last flows left behind must not speak against it for ever. */
static void
renew_comparison(struct turn *t)
{
	uint64_t age = t->in->now_ms - t->p->step_since_ms;
	uint64_t every = t->in->verdict == SEQUENTIAL_WORSE ? WORSE_AGAIN_MS : COMPARE_AGAIN_MS;

	t->d.compare_anew = age >= every && age % every < 1000;
}

static void
run_home(struct turn *t, struct ladder_result r)
{
	renew_comparison(t);
	switch (r.wish) {
	case WISH_AWAY:
		if (t->in->mode == POLICY_OBSERVE)
			note(t, r.rung, POLICY_WOULD);
		else if (t->in->mode == POLICY_ADVISE && !t->p->approved)
			note(t, r.rung, POLICY_ASKED);
		else
			depart(t, r.rung);
		break;
	case WISH_PREPARE:
		prepare(t, r.rung);
		break;
	case WISH_STAY:
	case WISH_RETURN:
	case WISH_BACK:
		rest(t, r.rung);
		break;
	}
}

static void
begin_return(struct turn *t, enum policy_rung rung)
{
	struct policy_pace pace = pace_of(t);

	move(t, policy_return_share(t->c, &pace));
	if (t->p->shift == t->p->base)
		go_home(t, rung, false);
	else
		enter(t, POLICY_STATE_return, rung);
}

static void
fall_back(struct turn *t, enum policy_rung rung)
{
	enter(t, POLICY_STATE_rollback, rung);
}

/* No traffic moved yet; the shadow or the time ended it. */
static void
give_up(struct turn *t, enum policy_rung rung)
{
	go_home(t, rung, rung != RUNG_calm && rung != RUNG_recovered);
}

/* A failure that is near does not wait for proof: a shadow that answered enough, and of which nothing is worse so far, is
 * better than that. */
static bool
is_fit(const struct turn *t, bool urgent)
{
	if (t->in->verdict != SEQUENTIAL_UNSURE)
		return t->in->verdict == SEQUENTIAL_NOT_WORSE;
	return urgent && t->p->shift < POLICY_SHARE_ONE &&
			t->in->compared >= t->c->verify.min_requests;
}

/* Half each did not help, and the shadow stands its half: then it is not the load. */
static void
share_load(struct turn *t, uint64_t age)
{
	if (t->p->in.breached && age >= SHARED_MS && t->in->verdict == SEQUENTIAL_NOT_WORSE)
		t->p->beyond = true;
	note(t, RUNG_shared, POLICY_STAYED);
}

/* One step further, if this one had its time and its verdict. */
static void
advance(struct turn *t, enum policy_rung cause)
{
	struct policy_pace pace = pace_of(t);
	uint64_t age = t->in->now_ms - t->p->step_since_ms;
	bool soaked = age >= (pace.urgent ? 0 : t->c->soak_ms);
	bool cohorts = pace.cohorts && t->p->shift == policy_cohort_share(t->p->base);
	uint32_t next;

	if (cohorts ? age < t->c->soak_ms : !soaked) {
		quiet(t, RUNG_soaking);
		return;
	}
	if (!cohorts && !is_fit(t, pace.urgent)) {
		quiet(t, RUNG_verifying);
		return;
	}
	if (t->p->shift == POLICY_SHARE_ONE) {
		t->p->step_since_ms = t->in->now_ms;
		enter(t, POLICY_STATE_shifted, RUNG_verified);
		return;
	}
	if (t->p->shift >= most_of(t)) {
		share_load(t, age);
		return;
	}
	next = cohorts ? policy_canary_share(t->c, &pace) : policy_next_share(t->c, &pace);
	if (next > most_of(t))
		next = most_of(t);
	if (next == t->p->shift) {
		quiet(t, RUNG_steady);
		return;
	}
	move(t, next);
	enter(t, cohorts ? POLICY_STATE_verify : POLICY_STATE_shift, cause);
}

/* Copies only: the evidence comes without risk. */
static void
run_copies(struct turn *t, struct ladder_result r)
{
	if (r.wish == WISH_AWAY && r.rung == RUNG_primary_down)
		take_all(t, r.rung);
	else if (r.wish == WISH_STAY && r.rung != RUNG_calm)
		give_up(t, r.rung);
	else if (r.wish != WISH_AWAY && t->p->in.cool)
		give_up(t, RUNG_calm);
	else if (t->in->verdict == SEQUENTIAL_NOT_WORSE && r.wish == WISH_AWAY)
		first_share(t, POLICY_STATE_shift, r.rung);
	else if (r.wish == WISH_AWAY && is_urgent(t))
		first_share(t, POLICY_STATE_verify, r.rung);
	else if (overdue(t))
		give_up(t, RUNG_unsure);
	else if (t->p->state == POLICY_STATE_mirror && t->in->compared > 0)
		enter(t, POLICY_STATE_verify, r.rung);
	else
		quiet(t, RUNG_verifying);
}

/* A primary that lost more than a canary does well because of that: it says nothing of how it would do with all of it. */
static bool
is_relieved(const struct turn *t)
{
	return t->p->in.relieved &&
			t->in->now_ms - t->p->step_since_ms < stretched(t->p, t->c->dwell_ms);
}

static void
run_shift(struct turn *t, struct ladder_result r)
{
	switch (r.wish) {
	case WISH_AWAY:
		if (r.rung == RUNG_primary_down)
			take_all(t, r.rung);
		else
			advance(t, r.rung);
		break;
	case WISH_RETURN:
		if (most_of(t) < POLICY_SHARE_ONE)
			quiet(t, RUNG_shared);
		else if (is_relieved(t))
			quiet(t, RUNG_dwelling);
		else
			begin_return(t, r.rung);
		break;
	case WISH_BACK:
		fall_back(t, r.rung);
		break;
	case WISH_STAY:
	case WISH_PREPARE:
		if (r.rung == RUNG_steady)
			quiet(t, r.rung);
		else
			note(t, r.rung, POLICY_STAYED);
		break;
	}
}

static void
run_shifted(struct turn *t, struct ladder_result r)
{
	uint64_t age = t->in->now_ms - t->p->step_since_ms;

	t->d.compare_anew = age % COMPARE_AGAIN_MS < 1000 && age >= 1000;
	if (r.wish == WISH_BACK)
		fall_back(t, r.rung);
	else if (r.wish == WISH_RETURN && age < stretched(t->p, t->c->dwell_ms))
		quiet(t, RUNG_dwelling);
	else if (r.wish == WISH_RETURN && !t->in->granted)
		note(t, RUNG_capped, POLICY_STAYED);
	else if (r.wish == WISH_RETURN)
		begin_return(t, r.rung);
	else if (r.rung == RUNG_both_bad)
		note(t, r.rung, POLICY_STAYED);
}

static void
relapse(struct turn *t, enum policy_rung rung)
{
	if (t->p->backoff < POLICY_BACKOFF_MAX)
		t->p->backoff++;
	if (most_of(t) == POLICY_SHARE_ONE) {
		take_all(t, rung);
		return;
	}
	move(t, most_of(t));
	enter(t, POLICY_STATE_shift, rung);
}

static void
run_return(struct turn *t, struct ladder_result r)
{
	if (r.wish == WISH_BACK)
		fall_back(t, r.rung);
	else if (r.rung == RUNG_both_bad)
		note(t, r.rung, POLICY_STAYED);
	else if (r.wish == WISH_AWAY)
		relapse(t, r.rung);
	else if (t->in->verdict == SEQUENTIAL_WORSE)
		relapse(t, RUNG_relapse);
	else if (overdue(t))
		relapse(t, RUNG_unsure);
	else if (r.wish != WISH_RETURN)
		quiet(t, r.rung);
	else if (t->in->now_ms - t->p->step_since_ms < t->c->soak_ms)
		quiet(t, RUNG_soaking);
	else if (t->in->verdict != SEQUENTIAL_NOT_WORSE)
		quiet(t, RUNG_verifying);
	else
		begin_return(t, r.rung);
}

static void
run_rollback(struct turn *t, struct ladder_result r)
{
	bool gone = !t->in->shadow || !t->in->shadow_up;

	if (!t->in->primary_up && !gone) {
		note(t, RUNG_both_bad, POLICY_STAYED);
		return;
	}
	move(t, gone ? t->p->base : policy_lower_share(t->c, t->p->shift, t->p->base));
	if (t->p->shift <= t->p->base)
		go_home(t, RUNG_home, true);
	else
		note(t, r.rung == RUNG_calm ? RUNG_home : t->p->noted, POLICY_DONE);
}

static void
run_state(struct turn *t, struct ladder_result r)
{
	switch (t->p->state) {
	case POLICY_STATE_watch:
	case POLICY_STATE_prepare:
		run_home(t, r);
		break;
	case POLICY_STATE_mirror:
		run_copies(t, r);
		break;
	case POLICY_STATE_verify:
		if (t->p->shift > t->p->base)
			run_shift(t, r);
		else
			run_copies(t, r);
		break;
	case POLICY_STATE_shift:
		run_shift(t, r);
		break;
	case POLICY_STATE_shifted:
		run_shifted(t, r);
		break;
	case POLICY_STATE_return:
		run_return(t, r);
		break;
	case POLICY_STATE_rollback:
		run_rollback(t, r);
		break;
	case POLICY_STATES:
		break;
	}
}

struct policy_decision
policy_run(struct policy *p, const struct policy_config *c, const struct policy_input *in)
{
	struct turn t = {.p = p,
			.c = c,
			.in = in,
			.d = {.was = p->state, .shift_was = p->shift, .outcome = POLICY_STAYED}};
	struct ladder_result r = ladder_decide(&p->in);

	t.d.rung = r.rung;
	if (r.rung == RUNG_held)
		note(&t, r.rung, POLICY_STAYED);
	else
		run_state(&t, r);
	p->resting = p->state == POLICY_STATE_shift && p->shift >= most_of(&t) &&
			in->now_ms - p->step_since_ms >= c->soak_ms;
	t.d.state = p->state;
	t.d.shift = p->shift;
	t.d.mirror = p->mirror;
	return t.d;
}

/* Do at least n of the newest m bits stand? */
static bool
n_of_m(uint64_t bits, uint32_t n, uint32_t m)
{
	uint64_t mask = m >= 64 ? UINT64_MAX : (1ull << m) - 1;

	return (uint32_t)__builtin_popcountll(bits & mask) >= n;
}

/* More than `allowed` of the requests, and not by chance: 3 standard deviations and one request above. */
static bool
exceeds(double hits, double trials, double allowed)
{
	double expected = trials * allowed;

	return trials > 0 && hits > expected + 3 * sqrt(expected * (1 - allowed)) + 1;
}

static bool
breaches(const struct policy_objective *o, const struct policy_input *in)
{
	return (o->latency_us &&
			       exceeds(in->window_slow, in->window_requests,
					       1 - o->quantile_permille / 1000.0)) ||
			(o->errors > 0 &&
					exceeds(in->window_errors, in->window_requests, o->errors));
}

static bool
holds(const struct policy_rule *rule, double value, uint64_t now_ms, uint64_t *since_ms)
{
	if (!policy_rule_is_true(rule, value)) {
		*since_ms = 0;
		return false;
	}
	if (*since_ms == 0)
		*since_ms = now_ms ? now_ms : 1;
	return now_ms - *since_ms >= rule->hold_ms;
}

static uint32_t
hash_of(const char *text)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return hash;
}

/* A reload may have put another rule in this place, which has its own time to hold. */
static void
begin_new_rules(struct policy *p, const struct policy_config *c)
{
	uint32_t hash;
	size_t i;

	for (i = 0; i < c->rule_count && i < POLICY_RULES_MAX; i++) {
		hash = hash_of(c->rule[i].text);
		if (hash != p->rule_hash[i])
			p->rule_since_ms[i] = p->shadow_rule_since_ms[i] = 0;
		p->rule_hash[i] = hash;
	}
}

static void
look_rules(struct policy *p, const struct policy_config *c, const struct policy_input *in)
{
	size_t i;

	if (p->in.config != c)
		begin_new_rules(p, c);
	p->in.rule = p->in.shadow_rule = false;
	for (i = 0; i < c->rule_count && i < POLICY_RULES_MAX; i++) {
		p->in.rule |= holds(
				&c->rule[i], in->rule_value[i], in->now_ms, &p->rule_since_ms[i]);
		p->in.shadow_rule |= holds(&c->rule[i], in->shadow_rule_value[i], in->now_ms,
				&p->shadow_rule_since_ms[i]);
	}
}

/* A primary without any traffic may have no risk that is known. */
static bool
is_unknown_for_long(const struct policy *p, const struct policy_config *c,
		const struct policy_input *in)
{
	return isnan(in->risk) && p->state == POLICY_STATE_shifted &&
			in->now_ms - p->step_since_ms >= UNKNOWN_FACTOR * stretched(p, c->dwell_ms);
}

static void
look_risk(struct policy *p, const struct policy_config *c, const struct policy_input *in)
{
	bool breach = breaches(&in->objective, in);
	bool low = !c->prediction || in->risk < c->leave || is_unknown_for_long(p, c, in);

	p->hot = p->hot << 1 | (in->risk >= c->enter);
	p->breached = p->breached << 1 | breach;
	p->cool = p->cool << 1 | (low && !breach && !p->in.rule && in->primary_up);
	p->in.hot = n_of_m(p->hot, c->enter_n, c->enter_m);
	p->in.breached = n_of_m(p->breached, c->enter_n, c->enter_m);
	/* The newest interval must be one of them: whoever does badly now gets nothing back. */
	p->in.cool = (p->cool & 1) && n_of_m(p->cool, c->leave_n, c->leave_m) && !p->in.hot &&
			!p->in.breached;
	p->in.risk = in->risk;
}

static void
forgive(struct policy *p, const struct policy_config *c, uint64_t now_ms)
{
	if (at_home(p) && p->backoff &&
			now_ms - p->home_since_ms >= CALM_FACTOR * stretched(p, c->cooldown_ms)) {
		p->backoff--;
		p->home_since_ms = now_ms;
	}
}

static void
look_pair(struct policy *p, const struct policy_config *c, const struct policy_input *in)
{
	struct ladder_input *l = &p->in;

	l->config = c;
	l->held = in->held || (in->mode == POLICY_OBSERVE && !at_home(p));
	l->carrying = p->shift > p->base;
	l->settled = p->state == POLICY_STATE_shifted || p->state == POLICY_STATE_return;
	l->primary_up = in->primary_up;
	l->primary_worse = in->primary_verdict == SEQUENTIAL_WORSE;
	l->load_coming = in->load_coming;
	l->relieved = p->shift > p->base + POLICY_CANARY_MAX;
	l->crowded = policy_load_is_unusual(&p->load);
	l->shadow = in->shadow;
	l->shadow_up = in->shadow_up;
	l->shadow_suspect = in->shadow_suspect;
	l->shadow_risk = in->shadow_risk;
	l->shadow_room = in->shadow_room;
	l->requests = in->requests;
	l->verdict = policy_compares_primary(p) ? SEQUENTIAL_UNSURE : in->verdict;
	l->overdue = !l->settled && in->verdict == SEQUENTIAL_UNSURE &&
			in->now_ms - p->step_since_ms >= c->deadline_ms;
	l->shadow_worse_now = in->worse_now;
	l->cooling = in->now_ms < p->cooling_until_ms;
	l->cooling_facts = in->now_ms < p->cooling_facts_until_ms;
	l->granted = in->granted;
}

/* Of its service's share in migration it only needs a part if nothing else keeps it. */
static bool
would_begin(const struct policy *p, const struct policy_config *c, uint64_t now_ms)
{
	struct ladder_input in = p->in;
	enum ladder_wish wish;

	in.granted = true;
	wish = ladder_decide(&in).wish;
	if (p->state == POLICY_STATE_shifted)
		return wish == WISH_RETURN &&
				now_ms - p->step_since_ms >= stretched(p, c->dwell_ms);
	return at_home(p) && wish == WISH_AWAY;
}

bool
policy_look(struct policy *p, const struct policy_config *c, const struct policy_input *in)
{
	if (!p->known) {
		p->known = true;
		p->shift = in->base_shift;
	}
	if (at_home(p))
		p->shift = in->base_shift;
	p->base = in->base_shift;
	forgive(p, c, in->now_ms);
	look_rules(p, c, in);
	look_risk(p, c, in);
	policy_load_update(&p->load, in->requests,
			at_home(p) && !p->in.hot && !p->in.breached && in->primary_up);
	look_pair(p, c, in);
	return would_begin(p, c, in->now_ms);
}

void
policy_approve(struct policy *p)
{
	p->approved = true;
}

void
policy_adopt(struct policy *p, uint32_t shift, uint32_t base, uint64_t now_ms)
{
	p->known = true;
	p->shift = shift;
	p->base = base;
	p->step_since_ms = now_ms;
	p->mirror = p->mirror && shift > base; /* the old primary's copies go on */
	p->beyond = false;
	memset(p->told, 0, sizeof(p->told));
	p->approved = shift > base;
	p->state = shift == POLICY_SHARE_ONE ? POLICY_STATE_shifted
			: shift > base	     ? POLICY_STATE_shift
					     : POLICY_STATE_watch;
}

void
policy_compare_anew(struct policy *p, uint64_t now_ms)
{
	p->step_since_ms = now_ms;
}

bool
policy_compares_primary(const struct policy *p)
{
	return p->state == POLICY_STATE_return;
}

bool
policy_is_migrating(const struct policy *p)
{
	return !at_home(p) && p->state != POLICY_STATE_shifted && !p->resting;
}
