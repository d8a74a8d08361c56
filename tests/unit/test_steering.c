/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's glue over a data plane of counters: what the packets would say is written into them. */
#include "steering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect.h"
#include "fake_gateway.h"
#include "measure.h"
#include "predictor.h"
#include "registry.h"
#include "steering_rules.h"

#define REQUESTS 100 /* per second, of the pair */

struct world {
	struct fake *f;
	struct endpoint *primary, *shadow, *other; /* web1, web1s, web2 */
	struct policy_config *policy;
	uint64_t now_ms;
	double primary_errors, shadow_errors, other_errors; /* shares */
	double different; /* share of the copies that the shadow answers otherwise */
	uint32_t most; /* the largest shift seen */
};

static struct world *
world_of(const char *service, const char *const name[3], enum policy_mode mode)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->f = fake_create("/run/fake.sock");
	w->primary = fake_endpoint(w->f, service, name[0]);
	w->shadow = fake_endpoint(w->f, service, name[1]);
	w->other = fake_endpoint(w->f, service, name[2]);
	/* The configuration is only read; this is the test's own. */
	w->policy = (struct policy_config *)(uintptr_t)&w->primary->service->config->policy;
	w->policy->mode = mode;
	w->policy->prediction = false;
	w->policy->enter_n = w->policy->enter_m = 1;
	w->policy->soak_ms = 2000;
	w->policy->dwell_ms = 5000;
	w->policy->cooldown_ms = 10000;
	w->now_ms = 1000000;
	w->f->lcore[0].view_generation = w->f->lcore[1].view_generation = 1;
	return w;
}

static struct world *
world_create(enum policy_mode mode)
{
	return world_of("web", (const char *[]){"web1", "web1s", "web2"}, mode);
}

/* Over UDP, with all requests copied. */
static struct world *
world_create_mirrored(void)
{
	struct world *w = world_of("dns", (const char *[]){"dns1", "dns1s", "dns2"}, POLICY_ACT);
	struct config_mirror all = {.share = SHARE_ONE, .shadows = 1};

	assert_int_equal(registry_set_mirror(w->f->g.registry, w->primary, &all, SETTING_RUNTIME),
			0);
	return w;
}

static void
world_free(struct world *w)
{
	fake_free(w->f);
	free(w);
}

static void
serve_on(struct world *w, const struct endpoint *e, enum leg leg, double requests, double errors)
{
	struct endpoint_counters *c = &w->f->endpoint[0][e->eid];
	uint64_t n = (uint64_t)(requests + 0.5), failed = (uint64_t)(requests * errors + 0.5), i;

	c->leg[leg].flows_new += n;
	c->leg[leg].flows_closed += n;
	c->leg[leg].requests += n;
	c->leg[leg].replies += n - failed;
	c->leg[leg].replies_timed += n - failed;
	c->leg[leg].unanswered += failed;
	for (i = failed; i < n; i++)
		c->histogram[leg][HISTOGRAM_REPLY].count[histogram_bucket(300)]++;
}

static void
serve(struct world *w, const struct endpoint *e, double requests, double errors)
{
	serve_on(w, e, LEG_SERVER, requests, errors);
}

/* The shadow's answers to copies of what the primary serves. */
static void
serve_copies(struct world *w, double requests)
{
	struct leg_counters *l = &w->f->endpoint[0][w->shadow->eid].leg[LEG_SHADOW];
	uint64_t n = (uint64_t)(requests * (1 - w->primary_errors) + 0.5),
		 different = (uint64_t)((double)n * w->different + 0.5);

	serve_on(w, w->shadow, LEG_SHADOW, requests, w->shadow_errors);
	l->answers_different += different;
	l->answers_same += n - different;
}

/* The old primary's answers to copies of what the shadow serves. */
static void
serve_home(struct world *w, double requests)
{
	struct leg_counters *l = &w->f->endpoint[0][w->primary->eid].leg[LEG_SHADOW];
	uint64_t n = (uint64_t)(requests * (1 - w->primary_errors) + 0.5),
		 different = (uint64_t)((double)n * w->different + 0.5);

	serve_on(w, w->primary, LEG_SHADOW, requests, w->primary_errors);
	l->answers_different += different;
	l->answers_same += n - different;
}

/* A second: clients go where the shift sends them. */
static void
second(struct world *w)
{
	double shifted = w->primary->shift / (double)SHARE_ONE;
	double others = 1 - w->other->shift / (double)SHARE_ONE;

	serve(w, w->primary, REQUESTS * (1 - shifted), w->primary_errors);
	serve(w, w->shadow, REQUESTS * shifted, w->shadow_errors);
	serve(w, w->other, REQUESTS * others, w->other_errors);
	if (w->primary->mirror.share)
		serve_copies(w, REQUESTS * (1 - shifted));
	if (registry_gets_copies(w->primary))
		serve_home(w, REQUESTS);
	w->now_ms += 1000;
	collector_tick_at(w->f->g.collector, w->now_ms);
	measurements_tick(w->f->g.measurements);
	steering_tick_at(w->f->g.steering, w->now_ms);
	if (w->primary->shift > w->most)
		w->most = w->primary->shift;
}

static void
seconds(struct world *w, int n)
{
	while (n-- > 0)
		second(w);
}

/* True if the shift came to be that within n seconds. */
static bool
becomes(struct world *w, uint32_t shift, int n)
{
	while (n-- > 0 && w->primary->shift != shift)
		second(w);
	return w->primary->shift == shift;
}

/* By that rung, with `seen` in its text. */
static bool
was_decided_because(const struct world *w, const char *rung, const char *seen)
{
	struct steering_query q = {.max = 1000};
	json_t *decisions = steering_decisions(w->f->g.steering, &q), *d;
	bool found = false;
	size_t i;

	json_array_foreach(decisions, i, d) found |=
			!strcmp(json_string_value(json_object_get(d, "rung")), rung) &&
			strstr(json_string_value(json_object_get(d, "text")), seen);
	json_decref(decisions);
	return found;
}

static bool
was_decided(const struct world *w, const char *rung)
{
	return was_decided_because(w, rung, "");
}

static void
the_first_shift_comes_with_the_first_bad_interval(void **state)
{
	struct world *w = world_create(POLICY_ACT);

	seconds(w, 20);
	assert_int_equal(w->primary->shift, 0);
	w->primary_errors = 0.5;
	second(w);
	assert_true(w->primary->shift > 0);
	assert_true(w->primary->shift <= SHARE_ONE / 4);
	assert_true(w->f->applied > 0);
	world_free(w);
}

static void
traffic_moves_step_by_step_and_returns_when_the_primary_recovered(void **state)
{
	struct world *w = world_create(POLICY_ACT);
	uint32_t before;

	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	seconds(w, 30);
	assert_int_equal(w->primary->shift, SHARE_ONE);
	assert_true(w->primary->policy.steers);
	w->primary_errors = 0;
	while (w->primary->shift) {
		before = w->primary->shift;
		second(w);
		assert_true(w->primary->shift <= before);
		assert_true(w->now_ms < 2000000);
	}
	assert_false(w->primary->policy.steers);
	assert_true(was_decided(w, "objective") && was_decided(w, "verified") &&
			was_decided(w, "recovered"));
	world_free(w);
}

static void
a_shadow_that_is_worse_gets_the_canary_and_no_more(void **state)
{
	struct world *w = world_create(POLICY_ACT);

	seconds(w, 60);
	w->policy->rule_count = 1;
	w->policy->rule = calloc(1, sizeof(*w->policy->rule));
	/* True of the primary alone, so that not both are bad by it. */
	assert_null(policy_rule_parse("requests > 1", w->policy->rule));
	w->shadow_errors = 1;
	seconds(w, 1);
	assert_true(w->primary->shift > 0);
	w->policy->rule_count = 0;
	assert_true(becomes(w, 0, 20));
	assert_true(w->most <= SHARE_ONE / 4);
	assert_true(was_decided(w, "shadow_worse"));
	world_free(w);
}

static void
a_shadow_that_answers_otherwise_gets_nothing(void **state)
{
	struct world *w = world_create_mirrored();

	w->different = 0.4;
	seconds(w, 60);
	w->primary_errors = 0.5;
	seconds(w, 60);
	assert_int_equal(w->most, 0);
	assert_true(was_decided_because(w, "shadow_worse", "answers differ: 40 % of "));
	assert_true(was_decided_because(w, "shadow_worse", ", allowed 5 %"));
	w->different = 0;
	assert_true(becomes(w, SHARE_ONE, 60));
	world_free(w);
}

/* Even to a primary that breaches its objective: late answers are better than wrong ones. */
static void
a_shadow_that_begins_to_answer_otherwise_loses_what_it_got(void **state)
{
	struct world *w = world_create_mirrored();

	seconds(w, 60);
	w->primary_errors = 0.5;
	while (w->primary->shift < SHARE_ONE / 10)
		second(w);
	assert_true(w->primary->shift < SHARE_ONE);
	w->different = 0.4;
	assert_true(becomes(w, 0, 20));
	assert_true(was_decided_because(w, "shadow_worse", "answers differ"));
	world_free(w);
}

/* Seen by the copies alone: it serves nobody. */
static void
traffic_returns_to_a_primary_whose_copies_do_well(void **state)
{
	struct world *w = world_create_mirrored();
	int i;

	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	for (i = 0; i < 120; i++) {
		second(w);
		assert_int_equal(w->primary->shift, SHARE_ONE);
	}
	w->primary_errors = 0;
	assert_true(becomes(w, 0, 120));
	assert_true(was_decided(w, "recovered") && !was_decided(w, "relapse"));
	world_free(w);
}

static void
without_copies_it_is_tried_with_traffic(void **state)
{
	struct world *w = world_create_mirrored();
	struct config_mirror *m = (struct config_mirror *)(uintptr_t)&w->primary->config->mirror;

	m->to_primary = false;
	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	assert_false(registry_gets_copies(w->primary));
	seconds(w, 120);
	assert_true(was_decided(w, "recovered"));
	world_free(w);
}

static void
a_shadow_that_answers_otherwise_after_the_shift_loses_all(void **state)
{
	struct world *w = world_create_mirrored();

	w->policy->dwell_ms = 600000;
	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	seconds(w, 10);
	/* Who of the two is wrong while the primary fails? */
	w->different = 0.4;
	seconds(w, 30);
	assert_int_equal(w->primary->shift, SHARE_ONE);
	w->primary_errors = 0;
	assert_true(becomes(w, 0, 60));
	assert_true(was_decided_because(w, "shadow_worse", "answers differ"));
	world_free(w);
}

static void
answers_that_may_differ_stand_in_nobodys_way(void **state)
{
	struct world *w = world_create_mirrored();

	w->policy->verify.answers = 1;
	w->different = 1;
	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	world_free(w);
}

static void
observing_touches_nothing_and_tells_once(void **state)
{
	struct world *w = world_create(POLICY_OBSERVE);
	struct steering_query q = {.max = 1000};
	json_t *decisions;

	seconds(w, 20);
	w->primary_errors = 0.5;
	seconds(w, 30);
	assert_int_equal(w->most, 0);
	assert_int_equal(w->f->applied, 0);
	decisions = steering_decisions(w->f->g.steering, &q);
	assert_int_equal(json_array_size(decisions), 1);
	assert_string_equal(
			json_string_value(json_object_get(json_array_get(decisions, 0), "outcome")),
			"observed");
	json_decref(decisions);
	world_free(w);
}

static void
advising_waits_for_approval(void **state)
{
	struct world *w = world_create(POLICY_ADVISE);
	struct steering_view view;

	seconds(w, 20);
	assert_true(steering_approve(w->f->g.steering, w->primary) < 0);
	w->primary_errors = 0.5;
	seconds(w, 20);
	assert_int_equal(w->most, 0);
	assert_true(steering_view(w->f->g.steering, w->primary, &view));
	assert_int_equal(view.asked, 1);
	assert_ptr_equal(steering_asked_or_null(w->f->g.steering, 1), w->primary);
	assert_int_equal(steering_approve(w->f->g.steering, w->primary), 0);
	second(w);
	assert_true(w->primary->shift > 0);
	assert_null(steering_asked_or_null(w->f->g.steering, 1));
	world_free(w);
}

/* Of two that are bad at the same time one may move, and the first cannot. */
static bool
is_returning(const struct world *w, const struct endpoint *e)
{
	struct steering_view view;

	return steering_view(w->f->g.steering, e, &view) &&
			view.policy->state == POLICY_STATE_return;
}

/* They left at once, since they were down. */
static void
two_do_not_return_where_one_may(void **state)
{
	struct world *w = world_create(POLICY_ACT);
	struct registry *r = w->f->g.registry;
	int i, returned = 0;

	w->policy->max_in_migration = SHARE_ONE / 2;
	seconds(w, 20);
	registry_set_health(r, w->primary, HEALTH_DOWN, "check: no");
	registry_set_health(r, w->other, HEALTH_DOWN, "check: no");
	second(w);
	assert_true(w->primary->shift == SHARE_ONE && w->other->shift == SHARE_ONE);
	registry_set_health(r, w->primary, HEALTH_UP, "check: ok");
	registry_set_health(r, w->other, HEALTH_UP, "check: ok");
	for (i = 0; i < 600 && (w->primary->shift || w->other->shift); i++) {
		second(w);
		returned |= is_returning(w, w->primary) | is_returning(w, w->other) << 1;
		assert_false(is_returning(w, w->primary) && is_returning(w, w->other));
	}
	assert_int_equal(returned, 3);
	assert_true(w->primary->shift == 0 && w->other->shift == 0);
	world_free(w);
}

static void
who_cannot_move_takes_nobodys_place(void **state)
{
	static const enum policy_mode cannot[] = {POLICY_OBSERVE, POLICY_ADVISE, POLICY_ACT};
	struct world *w;
	size_t i;

	for (i = 0; i < sizeof(cannot) / sizeof(cannot[0]); i++) {
		w = world_create(POLICY_ACT);
		w->policy->max_in_migration = SHARE_ONE / 2;
		steering_set_mode(w->f->g.steering, w->primary, &cannot[i]);
		if (cannot[i] == POLICY_ACT)
			registry_set_health(w->f->g.registry, w->shadow, HEALTH_DOWN, "check: no");
		seconds(w, 20);
		w->primary_errors = w->other_errors = 0.5;
		seconds(w, 2);
		assert_int_equal(w->primary->shift, 0);
		assert_true(w->other->shift > 0);
		world_free(w);
	}
}

/* A rule that is true of the primary alone, and at once. */
static void
make_bad(struct world *w)
{
	w->policy->rule_count = 1;
	w->policy->rule = calloc(1, sizeof(*w->policy->rule));
	assert_null(policy_rule_parse("errors > 0.1%", w->policy->rule));
	w->primary_errors = 0.01;
}

static void
make_well(struct world *w)
{
	w->primary_errors = 0;
}

static void
drain_shadow(struct world *w)
{
	w->shadow->drain = true;
}

static void
suspect_shadow(struct world *w)
{
	w->shadow->suspect = true;
}

static void
fill_shadow(struct world *w)
{
	struct config_forecast *f =
			(struct config_forecast *)(uintptr_t)&w->shadow->service->config->forecast;

	f->load = LOAD_REQUESTS;
	f->capacity = REQUESTS / 2;
}

/* It serves somebody else, and fails. */
static void
endanger_shadow(struct world *w)
{
	int i;

	w->policy->prediction = true;
	for (i = 0; i < 30; i++) {
		serve(w, w->shadow, 50, 0.5);
		second(w);
		predictor_tick_at(w->f->g.predictor, w->now_ms);
	}
	seconds(w, 40); /* its risk stands, what was compared does not */
}

static void
what_speaks_against_a_shadow_keeps_traffic_from_it(void **state)
{
	static const struct {
		void (*make)(struct world *w);
		const char *rung;
	} cases[] = {{drain_shadow, "shadow_down"}, {suspect_shadow, "shadow_suspect"},
			{fill_shadow, "shadow_small"}, {endanger_shadow, "shadow_risk"}};
	struct world *w;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w = world_create(POLICY_ACT);
		seconds(w, 20);
		cases[i].make(w);
		make_bad(w);
		seconds(w, 2);
		if (w->primary->shift || !was_decided(w, cases[i].rung))
			fail_msg("not %s", cases[i].rung);
		world_free(w);
	}
}

static void
a_risk_moves_traffic_where_there_is_no_objective(void **state)
{
	struct world *w = world_create(POLICY_ACT);
	int i;

	memset((struct policy_objective *)(uintptr_t)&w->primary->service->config->objective, 0,
			sizeof(struct policy_objective));
	w->policy->prediction = true;
	seconds(w, 20);
	w->primary_errors = 0.5;
	for (i = 0; i < 30 && !w->primary->shift; i++) {
		second(w);
		predictor_tick_at(w->f->g.predictor, w->now_ms);
	}
	assert_true(w->primary->shift > 0);
	assert_true(was_decided(w, "risk"));
	world_free(w);
}

static void
what_is_drained_or_not_checked_yet_is_left_alone(void **state)
{
	struct world *w = world_create(POLICY_ACT);
	struct steering_view view;

	w->primary->drain = true;
	make_bad(w);
	seconds(w, 20);
	assert_int_equal(w->primary->shift, 0);
	world_free(w);
	w = world_create(POLICY_ACT);
	((struct config_endpoint *)(uintptr_t)w->primary->config)->check.kind = CHECK_TCP;
	registry_set_health(w->f->g.registry, w->primary, HEALTH_UNKNOWN, "");
	make_bad(w);
	seconds(w, 20);
	assert_int_equal(w->primary->shift, 0);
	assert_false(steering_view(w->f->g.steering, w->primary, &view));
	world_free(w);
}

/* Frozen in the middle of its shift it does not move, and must not keep others from it. */
static void
who_is_held_takes_nobodys_place(void **state)
{
	struct world *w = world_create(POLICY_ACT);

	w->policy->max_in_migration = SHARE_ONE / 2;
	w->policy->soak_ms = 3600000;
	seconds(w, 20);
	make_bad(w);
	second(w);
	assert_in_range(w->primary->shift, 1, SHARE_ONE / 2);
	steering_hold(w->f->g.steering, w->primary, true);
	w->other_errors = 0.5;
	seconds(w, 2);
	assert_in_range(w->primary->shift, 1, SHARE_ONE / 2);
	assert_true(w->other->shift > 0);
	world_free(w);
}

static void
copies_flow_while_a_udp_pair_shifts_and_end_with_it(void **state)
{
	struct world *w = world_of("dns", (const char *[]){"dns1", "dns1s", "dns2"}, POLICY_ACT);
	int i;

	seconds(w, 20);
	assert_int_equal(w->primary->mirror.share, 0);
	make_bad(w);
	second(w);
	assert_int_equal(w->primary->mirror.share, SHARE_ONE);
	assert_true(w->primary->policy.mirrors);
	make_well(w);
	for (i = 0; i < 300 && w->primary->shift; i++)
		second(w);
	assert_int_equal(w->primary->shift, 0);
	second(w);
	assert_int_equal(w->primary->mirror.share, 0);
	assert_false(w->primary->policy.mirrors);
	world_free(w);
}

static void
two_do_not_move_where_one_may(void **state)
{
	struct world *w = world_create(POLICY_ACT);

	w->policy->max_in_migration = SHARE_ONE / 2;
	seconds(w, 20);
	w->primary_errors = w->other_errors = 0.5;
	seconds(w, 2);
	assert_true(w->primary->shift > 0);
	assert_int_equal(w->other->shift, 0);
	assert_true(was_decided(w, "capped"));
	world_free(w);
}

static void
a_shift_by_hand_keeps_the_policy_off_until_released(void **state)
{
	struct world *w = world_create(POLICY_ACT);

	seconds(w, 20);
	registry_set_shift(w->f->g.registry, w->primary, SHARE_ONE / 8, SETTING_RUNTIME);
	second(w);
	assert_true(w->primary->policy.hold);
	w->primary_errors = 0.5;
	seconds(w, 30);
	assert_int_equal(w->primary->shift, SHARE_ONE / 8);
	steering_hold(w->f->g.steering, w->primary, false);
	assert_true(becomes(w, SHARE_ONE, 60));
	/* And in the middle of the policy's own: taking it back counts too. */
	registry_set_shift(w->f->g.registry, w->primary, 0, SETTING_RUNTIME);
	seconds(w, 30);
	assert_true(w->primary->policy.hold);
	assert_int_equal(w->primary->shift, 0);
	world_free(w);
}

static void
a_shift_of_the_policy_goes_on_after_a_restart(void **state)
{
	struct world *w = world_create(POLICY_ACT);
	json_t *saved;

	seconds(w, 60);
	w->primary_errors = 0.5;
	assert_true(becomes(w, SHARE_ONE, 60));
	saved = registry_state(w->f->g.registry);
	world_free(w);
	w = world_create(POLICY_ACT);
	assert_int_equal(registry_restore(w->f->g.registry, saved), 0);
	json_decref(saved);
	assert_true(w->primary->policy.steers && w->primary->shift == SHARE_ONE);
	second(w);
	assert_false(w->primary->policy.hold);
	assert_int_equal(w->primary->shift, SHARE_ONE);
	assert_true(becomes(w, 0, 300));
	world_free(w);
}

/* The file says another base now: traffic is where it says, and the policy begins from there. */
static void
a_base_that_is_changed_in_the_middle_of_a_shift_is_home(void **state)
{
	static const uint32_t base[] = {SHARE_ONE / 100, SHARE_ONE / 4 * 3, SHARE_ONE};
	uint32_t was, seen;
	struct world *w;
	size_t i;

	for (i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		w = world_create(POLICY_ACT);
		seconds(w, 60);
		make_bad(w);
		for (seen = 0; w->primary->shift < SHARE_ONE / 4 || seen < 2;) {
			was = w->primary->shift;
			second(w);
			seen += w->primary->shift != was;
			assert_true(w->now_ms < 2000000);
		}
		assert_true(w->primary->shift < SHARE_ONE);
		make_well(w);
		/* As a reload does it. */
		((struct config_endpoint *)(uintptr_t)w->primary->config)->shift = base[i];
		registry_set_shift(w->f->g.registry, w->primary, base[i], SETTING_FILE);
		w->primary->policy.steers = false;
		second(w);
		assert_int_equal(w->primary->shift, base[i]);
		seconds(w, 100);
		assert_int_equal(w->primary->shift, base[i]);
		assert_false(w->primary->policy.hold);
		world_free(w);
	}
}

static void
a_mode_set_by_an_operator_outlasts_a_restart(void **state)
{
	struct world *w = world_create(POLICY_OBSERVE);
	enum policy_mode act = POLICY_ACT;
	struct steering_view view;
	json_t *saved;

	steering_set_mode(w->f->g.steering, w->primary, &act);
	saved = registry_state(w->f->g.registry);
	world_free(w);
	w = world_create(POLICY_OBSERVE);
	assert_int_equal(registry_restore(w->f->g.registry, saved), 0);
	json_decref(saved);
	second(w);
	assert_true(steering_view(w->f->g.steering, w->primary, &view));
	assert_true(view.mode == POLICY_ACT && view.mode_set);
	w->primary_errors = 0.5;
	seconds(w, 2);
	assert_true(w->primary->shift > 0);
	world_free(w);
}

/* web2 has moved to the same shadow altogether. */
static void
of_a_shadow_that_is_shared_each_pair_counts_its_part(void **state)
{
	struct world *w = world_create(POLICY_OBSERVE);
	struct endpoint *other = fake_endpoint(w->f, "web", "web2");
	struct config_forecast *forecast =
			(struct config_forecast *)(uintptr_t)&w->primary->service->config->forecast;
	struct registry *r = w->f->g.registry;
	struct steering_view v;
	int i;

	forecast->capacity = 250;
	other->shadow[0] = w->shadow;
	assert_int_equal(registry_set_shift(r, other, SHARE_ONE, SETTING_RUNTIME), 0);
	assert_int_equal(registry_set_shift(r, w->primary, SHARE_ONE / 2, SETTING_RUNTIME), 0);
	for (i = 0; i < 3; i++) {
		serve(w, w->shadow, REQUESTS, 0);
		second(w);
	}
	assert_true(steering_view(w->f->g.steering, w->primary, &v));
	assert_in_range((int)v.input->requests, REQUESTS - 5, REQUESTS + 5);
	assert_in_range((int)v.input->shadow_room, 145, 155);
	assert_true(steering_view(w->f->g.steering, other, &v));
	assert_in_range((int)v.input->requests, REQUESTS - 5, REQUESTS + 5);
	world_free(w);
}

static size_t
told_of_rules(const struct world *w)
{
	json_t *events = journal_since(w->f->g.journal, 0, 1000), *e;
	size_t n = 0, i;

	json_array_foreach(events, i, e) n +=
			!strcmp(json_string_value(json_object_get(e, "kind")), "rule");
	json_decref(events);
	return n;
}

static void
a_rule_that_never_sees_its_metric_is_told_once(void **state)
{
	struct world *w = world_create(POLICY_OBSERVE);
	struct steering_view v;

	w->policy->rule_count = 2;
	w->policy->rule = calloc(2, sizeof(*w->policy->rule));
	assert_non_null(w->policy->rule);
	assert_null(policy_rule_parse("requests > 1k", &w->policy->rule[0]));
	assert_null(policy_rule_parse("handshake_p99 > 1s", &w->policy->rule[1]));
	seconds(w, 50);
	assert_int_equal(told_of_rules(w), 0);
	seconds(w, 100);
	assert_int_equal(told_of_rules(w), 2); /* of web1 and of web2 */
	assert_true(steering_view(w->f->g.steering, w->primary, &v));
	assert_false(steering_rules_is_unseen(v.rules, w->primary, 0));
	assert_true(steering_rules_is_unseen(v.rules, w->primary, 1));
	w->policy->rule_count = 0;
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(of_a_shadow_that_is_shared_each_pair_counts_its_part),
			cmocka_unit_test(a_rule_that_never_sees_its_metric_is_told_once),
			cmocka_unit_test(the_first_shift_comes_with_the_first_bad_interval),
			cmocka_unit_test(
					traffic_moves_step_by_step_and_returns_when_the_primary_recovered),
			cmocka_unit_test(a_shadow_that_is_worse_gets_the_canary_and_no_more),
			cmocka_unit_test(a_shadow_that_answers_otherwise_gets_nothing),
			cmocka_unit_test(
					a_shadow_that_begins_to_answer_otherwise_loses_what_it_got),
			cmocka_unit_test(answers_that_may_differ_stand_in_nobodys_way),
			cmocka_unit_test(traffic_returns_to_a_primary_whose_copies_do_well),
			cmocka_unit_test(without_copies_it_is_tried_with_traffic),
			cmocka_unit_test(a_shadow_that_answers_otherwise_after_the_shift_loses_all),
			cmocka_unit_test(observing_touches_nothing_and_tells_once),
			cmocka_unit_test(advising_waits_for_approval),
			cmocka_unit_test(who_cannot_move_takes_nobodys_place),
			cmocka_unit_test(two_do_not_move_where_one_may),
			cmocka_unit_test(two_do_not_return_where_one_may),
			cmocka_unit_test(who_is_held_takes_nobodys_place),
			cmocka_unit_test(what_speaks_against_a_shadow_keeps_traffic_from_it),
			cmocka_unit_test(a_risk_moves_traffic_where_there_is_no_objective),
			cmocka_unit_test(what_is_drained_or_not_checked_yet_is_left_alone),
			cmocka_unit_test(copies_flow_while_a_udp_pair_shifts_and_end_with_it),
			cmocka_unit_test(a_shift_by_hand_keeps_the_policy_off_until_released),
			cmocka_unit_test(a_shift_of_the_policy_goes_on_after_a_restart),
			cmocka_unit_test(a_base_that_is_changed_in_the_middle_of_a_shift_is_home),
			cmocka_unit_test(a_mode_set_by_an_operator_outlasts_a_restart),
	};

	return cmocka_run_group_tests_name("steering", tests, NULL, NULL);
}
