/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's glue over a data plane of counters. */
#include "steering_world.h"

#include <errno.h>

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
	decisions = steering_record_list(steering_record_of(w->f->g.steering), &q);
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

static void
what_never_answers_is_shifted_by_other_reasons_alone(void **state)
{
	struct world *w = world_of("dns", (const char *[]){"dns1", "dns1s", "dns2"}, POLICY_ACT);
	int i;

	w->primary_errors = w->shadow_errors = w->other_errors = 1;
	seconds(w, 600);
	assert_int_equal(w->most, 0);
	w->policy->rule_count = 1;
	w->policy->rule = calloc(1, sizeof(*w->policy->rule));
	assert_null(policy_rule_parse("zero_windows > 0", w->policy->rule));
	for (i = 0; i < 60 && w->primary->shift < SHARE_ONE; i++) {
		w->f->endpoint[0][w->primary->eid].leg[LEG_SERVER].zero_windows_from++;
		second(w);
	}
	assert_int_equal(w->primary->shift, SHARE_ONE);
	assert_false(was_decided(w, "objective") || was_decided(w, "shadow_worse"));
	world_free(w);
}

static void
what_answered_once_is_shifted_when_it_stops(void **state)
{
	struct world *w = world_of("dns", (const char *[]){"dns1", "dns1s", "dns2"}, POLICY_ACT);

	w->primary_errors = 1;
	w->other_errors = 1;
	seconds(w, 20);
	assert_int_equal(w->most, 0);
	w->primary_errors = 0;
	second(w);
	w->primary_errors = 1;
	seconds(w, 3);
	assert_true(w->primary->shift > 0);
	assert_true(was_decided(w, "objective"));
	world_free(w);
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

/* A gateway that ended and began again, with what it had saved. */
static struct world *
restarted(struct world *w, json_t *saved)
{
	world_free(w);
	w = world_create(POLICY_ACT);
	assert_int_equal(registry_restore(w->f->g.registry, saved), 0);
	json_decref(saved);
	make_bad(w);
	return w;
}

/* In the middle of a rollback: its shadow was worse, and the primary is bad all the time. */
static struct world *
world_in_rollback(void)
{
	struct world *w = world_create(POLICY_ACT);
	uint32_t was = 0;

	seconds(w, 60);
	make_bad(w);
	while (w->primary->shift < SHARE_ONE / 4)
		second(w);
	w->shadow_errors = 1;
	for (; w->primary->shift >= was; second(w))
		was = w->primary->shift;
	assert_true(w->primary->shift > 0);
	return w;
}

static void
a_rollback_goes_on_after_a_restart_and_what_follows_too(void **state)
{
	struct world *w = world_in_rollback();
	struct steering_view v;
	uint32_t was;
	int i;

	was = w->primary->shift;
	w = restarted(w, registry_state(w->f->g.registry));
	assert_int_equal(w->primary->shift, was);
	for (i = 0; i < 10 && w->primary->shift; was = w->primary->shift, i++) {
		second(w);
		assert_true(w->primary->shift < was);
	}
	assert_int_equal(w->primary->shift, 0);
	/* The cool-down is twice the configured one, as the shadow was not fit; so it is after another restart. */
	w = restarted(w, registry_state(w->f->g.registry));
	seconds(w, 15);
	assert_int_equal(w->most, 0);
	assert_true(steering_view(w->f->g.steering, w->primary, &v));
	assert_int_equal(v.policy->backoff, 1);
	seconds(w, 10);
	assert_true(w->most > 0);
	world_free(w);
}

static json_t *
saved_policy(json_t *saved)
{
	json_t *services = json_object_get(saved, "services");

	return json_object_get(json_object_get(json_object_get(services, "web"), "web1"), "policy");
}

static void
a_state_without_the_policys_memory_is_a_shift_that_was_found(void **state)
{
	struct world *w = world_in_rollback();
	json_t *saved = registry_state(w->f->g.registry), *policy = saved_policy(saved);
	struct steering_view v;

	assert_string_equal(json_string_value(json_object_get(policy, "state")), "rollback");
	json_object_del(policy, "state");
	json_object_del(policy, "backoff");
	json_object_del(policy, "home_since_ms");
	json_object_del(policy, "cooling_until_ms");
	json_object_del(policy, "cooling_facts_until_ms");
	w = restarted(w, saved);
	second(w);
	assert_true(steering_view(w->f->g.steering, w->primary, &v));
	assert_int_equal(v.policy->state, POLICY_STATE_shift);
	world_free(w);
}

static void
a_memory_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *key, *value;
	} cases[] = {{"state", "\"asleep\""}, {"state", "3"}, {"backoff", "-1"},
			{"cooling_until_ms", "\"soon\""}, {"home_since_ms", "1.5"}};
	struct world *w = world_in_rollback();
	json_t *saved;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		saved = registry_state(w->f->g.registry);
		json_object_set_new(saved_policy(saved), cases[i].key,
				json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		if (registry_restore(w->f->g.registry, saved) != -EINVAL)
			fail_msg("%s: %s", cases[i].key, cases[i].value);
		json_decref(saved);
	}
	world_free(w);
}

/* The wall clock was set back a day in between. */
static void
no_cool_down_is_longer_than_its_own_for_a_clock_that_was_set(void **state)
{
	struct world *w = world_create(POLICY_ACT);
	json_t *saved;

	seconds(w, 2);
	w->primary->policy.memory = (struct policy_memory){.backoff = 99,
			.home_since_ms = loop_wall_ms() + 86400000,
			.cooling_until_ms = loop_wall_ms() + 86410000,
			.cooling_facts_until_ms = loop_wall_ms() + 86410000};
	saved = registry_state(w->f->g.registry);
	w = restarted(w, saved);
	seconds(w, 10 * 64 - 5);
	assert_int_equal(w->most, 0);
	seconds(w, 10);
	assert_true(w->most > 0);
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
			cmocka_unit_test(observing_touches_nothing_and_tells_once),
			cmocka_unit_test(advising_waits_for_approval),
			cmocka_unit_test(what_never_answers_is_shifted_by_other_reasons_alone),
			cmocka_unit_test(what_answered_once_is_shifted_when_it_stops),
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
			cmocka_unit_test(a_rollback_goes_on_after_a_restart_and_what_follows_too),
			cmocka_unit_test(
					a_state_without_the_policys_memory_is_a_shift_that_was_found),
			cmocka_unit_test(a_memory_that_is_none_is_refused),
			cmocka_unit_test(
					no_cool_down_is_longer_than_its_own_for_a_clock_that_was_set),
			cmocka_unit_test(a_base_that_is_changed_in_the_middle_of_a_shift_is_home),
			cmocka_unit_test(a_mode_set_by_an_operator_outlasts_a_restart),
	};

	return cmocka_run_group_tests_name("steering", tests, NULL, NULL);
}
