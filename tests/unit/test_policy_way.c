/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a shift, one promise of docs/policy.md each: how long every stay is, and what ends it. */
#include "policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct policy_config c;
static struct policy_input in;
static struct policy p;
static struct policy_decision last;

static int
setup(void **state)
{
	c = fixture_policy();
	in = fixture_input();
	memset(&p, 0, sizeof(p));
	return 0;
}

static void
ticks(int n)
{
	while (n-- > 0)
		last = fixture_tick(&p, &c, &in);
}

/* Seconds until it is in that state; fails after `most`. */
static int
until(enum policy_state state, int most)
{
	int n = 0;

	for (; p.state != state; n++) {
		if (n == most)
			fail_msg("%s after %d s, not %s", policy_state_name(p.state), n,
					policy_state_name(state));
		ticks(1);
	}
	return n;
}

/* High enough to leave, too far away to hurry. */
static void
at_risk(void)
{
	in.risk = 0.9;
	in.risk_soon = 0.1;
}

static void
well(void)
{
	in.risk = in.risk_soon = 0.01;
}

/* With traffic of a step on the shadow that is found fit. */
static void
shifting(void)
{
	at_risk();
	ticks(2);
	in.verdict = SEQUENTIAL_NOT_WORSE;
	in.compared = 1000;
	until(POLICY_STATE_shift, 20);
}

static void
shifted(void)
{
	shifting();
	until(POLICY_STATE_shifted, 100);
}

static void
returning(void)
{
	shifted();
	well();
	until(POLICY_STATE_return, 100);
	in.verdict = SEQUENTIAL_UNSURE;
}

static void
each_step_has_its_soak(void **state)
{
	uint32_t was;
	int age = 0, steps = 0;

	shifting();
	was = p.shift;
	while (p.shift < POLICY_SHARE_ONE) {
		ticks(1);
		age++;
		assert_true(age <= 5);
		if (p.shift == was)
			continue;
		assert_int_equal(age, 5);
		was = p.shift;
		age = 0;
		steps++;
	}
	assert_true(steps >= 3);
}

static void
what_is_urgent_does_not_soak(void **state)
{
	shifting();
	in.risk_soon = 0.9;
	assert_true(until(POLICY_STATE_shifted, 10) <= 5);
}

static void
what_is_urgent_goes_two_steps_at_a_time(void **state)
{
	at_risk();
	ticks(2);
	assert_int_equal(p.shift, POLICY_SHARE_ONE / 20); /* 20 requests in 5 s of 100/s */
	in.risk_soon = 0.9;
	in.verdict = SEQUENTIAL_NOT_WORSE;
	ticks(1);
	assert_int_equal(p.shift, POLICY_SHARE_ONE / 4);
	ticks(1);
	assert_int_equal(p.shift, POLICY_SHARE_ONE);
}

static void
steps_by_risk_go_as_far_as_the_risk(void **state)
{
	c.steps.count = 0;
	shifting();
	in.risk = 0.6; /* half of the way from 0.2 to 1 */
	ticks(100);
	assert_in_range(p.shift, POLICY_SHARE_ONE / 2 - 1, POLICY_SHARE_ONE / 2);
	in.risk = 0.8;
	ticks(100);
	assert_in_range(p.shift, POLICY_SHARE_ONE / 4 * 3 - 1, POLICY_SHARE_ONE / 4 * 3);
}

static void
all_stays_with_the_shadow_for_the_dwell(void **state)
{
	shifted();
	well();
	assert_in_range(until(POLICY_STATE_return, 100), 59, 61);
}

static void
a_fact_is_urgent_and_so_is_a_risk_that_is_near(void **state)
{
	in.can_mirror = true;
	at_risk();
	ticks(2);
	assert_int_equal(p.state, POLICY_STATE_mirror);
	ticks(3);
	assert_int_equal(p.shift, 0);
	in.risk_soon = 0.9;
	ticks(1);
	assert_true(p.state == POLICY_STATE_verify && p.shift > 0);
}

static void
copies_that_came_are_compared(void **state)
{
	in.can_mirror = true;
	at_risk();
	ticks(4);
	assert_int_equal(p.state, POLICY_STATE_mirror);
	in.compared = 1;
	ticks(1);
	assert_true(p.state == POLICY_STATE_verify && p.shift == 0 && p.mirror);
}

static void
after_a_return_it_cools_down_and_longer_after_the_next(void **state)
{
	int first, second;

	shifted();
	well();
	until(POLICY_STATE_watch, 1000);
	in.verdict = SEQUENTIAL_UNSURE;
	at_risk();
	first = until(POLICY_STATE_verify, 100);
	assert_in_range(first, 59, 61);
	in.verdict = SEQUENTIAL_NOT_WORSE;
	until(POLICY_STATE_shifted, 100);
	well();
	until(POLICY_STATE_watch, 1000);
	in.verdict = SEQUENTIAL_UNSURE;
	at_risk();
	second = until(POLICY_STATE_verify, 200);
	assert_in_range(second, 119, 121);
}

static void
a_shadow_that_was_not_fit_makes_the_next_try_wait_longer(void **state)
{
	at_risk();
	ticks(2);
	in.verdict = SEQUENTIAL_WORSE;
	until(POLICY_STATE_watch, 10);
	in.verdict = SEQUENTIAL_UNSURE;
	assert_in_range(until(POLICY_STATE_verify, 200), 118, 121);
}

static void
quiet_cool_downs_forgive(void **state)
{
	shifted();
	well();
	until(POLICY_STATE_watch, 1000);
	at_risk();
	until(POLICY_STATE_shifted, 1000);
	assert_int_equal(p.backoff, 1);
	well();
	until(POLICY_STATE_watch, 1000);
	ticks(1199);
	assert_int_equal(p.backoff, 1);
	ticks(2);
	assert_int_equal(p.backoff, 0);
}

static void
a_rollback_falls_by_a_step_a_second(void **state)
{
	uint32_t was, falls = 0;

	shifted();
	in.verdict = SEQUENTIAL_WORSE;
	well();
	until(POLICY_STATE_rollback, 2);
	while (p.state == POLICY_STATE_rollback) {
		was = p.shift;
		ticks(1);
		assert_true(p.shift < was);
		falls++;
	}
	assert_int_equal(falls, c.steps.count);
	assert_true(p.state == POLICY_STATE_watch && p.shift == 0);
}

static void
a_shadow_that_is_down_gives_all_back_at_once(void **state)
{
	shifted();
	in.shadow_up = false;
	ticks(2);
	assert_true(p.state == POLICY_STATE_watch && p.shift == 0);
}

static void
a_rollback_stops_while_the_primary_is_down(void **state)
{
	uint32_t was;

	shifted();
	in.verdict = SEQUENTIAL_WORSE;
	well();
	until(POLICY_STATE_rollback, 2);
	ticks(1);
	was = p.shift;
	in.primary_up = false;
	ticks(30);
	assert_true(p.state == POLICY_STATE_rollback && p.shift == was);
	in.primary_up = true;
	ticks(1);
	assert_true(p.shift < was);
}

static void
a_primary_that_does_worse_in_return_gives_all_again(void **state)
{
	returning();
	in.verdict = SEQUENTIAL_WORSE;
	ticks(1);
	assert_true(p.state == POLICY_STATE_shifted && p.shift == POLICY_SHARE_ONE);
	assert_int_equal(last.rung, RUNG_relapse);
	assert_int_equal(p.backoff, 1);
}

static void
a_return_that_stays_unsure_ends_at_the_deadline(void **state)
{
	returning();
	assert_in_range(until(POLICY_STATE_shifted, 100), 60, 61);
	assert_int_equal(last.rung, RUNG_unsure);
}

static void
a_canary_that_stays_unsure_goes_back_at_the_deadline(void **state)
{
	at_risk();
	ticks(2);
	assert_int_equal(p.state, POLICY_STATE_verify);
	assert_in_range(until(POLICY_STATE_rollback, 100), 60, 61);
	until(POLICY_STATE_watch, 10);
}

static void
a_primary_of_which_nothing_is_known_is_tried_again_after_four_dwells(void **state)
{
	shifted();
	in.risk = in.risk_soon = NAN;
	assert_in_range(until(POLICY_STATE_return, 400), 239, 255);
}

static void
observing_freezes_a_shift_where_it_is(void **state)
{
	struct policy was;

	shifting();
	was = p;
	in.mode = POLICY_OBSERVE;
	in.verdict = SEQUENTIAL_WORSE;
	ticks(100);
	assert_true(p.state == was.state && p.shift == was.shift);
	in.mode = POLICY_ACT;
	ticks(1);
	assert_int_equal(p.state, POLICY_STATE_rollback);
}

static void
a_handful_of_failures_is_no_breach(void **state)
{
	in.window_requests = 20;
	in.window_errors = 2; /* expected: 0.2, and 3 standard deviations are 1.3 */
	ticks(10);
	assert_int_equal(p.state, POLICY_STATE_watch);
	in.window_errors = 3;
	ticks(2);
	assert_int_equal(p.state, POLICY_STATE_verify);
}

/* A rule that flickers over a risk that stands: two reasons, not one decision a second. */
static void
reasons_that_alternate_are_told_once_each(void **state)
{
	static struct policy_rule rule;
	static const enum policy_mode mode[] = {POLICY_OBSERVE, POLICY_ACT};
	int i, k, told;

	policy_rule_parse("cpu > 95%", &rule);
	for (k = 0; k < 2; k++) {
		setup(NULL);
		c.rule = &rule;
		c.rule_count = 1;
		in.mode = mode[k];
		in.shadow_suspect = k == 1;
		at_risk();
		for (i = told = 0; i < 600; i++) {
			in.rule_value[0] = i % 2;
			in.shadow_up = k == 0 || i % 3;
			ticks(1);
			told += last.note;
		}
		assert_int_equal(told, 2);
		well();
		in.rule_value[0] = 0;
		in.shadow_up = true;
		ticks(30);
		at_risk();
		for (i = told = 0; i < 10; i++) {
			ticks(1);
			told += last.note;
		}
		assert_int_equal(told, 1); /* of another time */
	}
}

static void
a_rule_that_a_reload_put_in_the_place_of_another_has_its_own_time(void **state)
{
	static struct policy_rule first[2], second[2];
	struct policy_config later;

	policy_rule_parse("cpu > 99%", &first[0]);
	policy_rule_parse("cpu > 10% for 5m", &first[1]);
	policy_rule_parse("cpu > 99%", &second[0]);
	policy_rule_parse("cpu > 20% for 30s", &second[1]);
	c.rule = first;
	c.rule_count = 2;
	in.rule_value[0] = in.rule_value[1] = 0.5;
	ticks(100);
	later = c;
	later.rule = second;
	in.now_ms += 1000;
	policy_look(&p, &later, &in);
	assert_false(p.in.rule);
	in.now_ms += 29000;
	policy_look(&p, &later, &in);
	assert_false(p.in.rule);
	in.now_ms += 1000;
	policy_look(&p, &later, &in);
	assert_true(p.in.rule);
	/* And one that stayed goes on. */
	policy_look(&p, &c, &in);
	in.now_ms += 400000;
	policy_look(&p, &c, &in);
	assert_true(p.in.rule);
	later.rule = first;
	policy_look(&p, &later, &in);
	assert_true(p.in.rule);
}

static void
old_evidence_at_the_last_step_is_asked_for_anew(void **state)
{
	int i, anew = 0;

	shifted();
	at_risk();
	for (i = 0; i < 300; i++) {
		ticks(1);
		anew += last.compare_anew;
	}
	assert_in_range(anew, 4, 5);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
			TEST(each_step_has_its_soak),
			TEST(what_is_urgent_does_not_soak),
			TEST(what_is_urgent_goes_two_steps_at_a_time),
			TEST(steps_by_risk_go_as_far_as_the_risk),
			TEST(all_stays_with_the_shadow_for_the_dwell),
			TEST(a_fact_is_urgent_and_so_is_a_risk_that_is_near),
			TEST(copies_that_came_are_compared),
			TEST(after_a_return_it_cools_down_and_longer_after_the_next),
			TEST(a_shadow_that_was_not_fit_makes_the_next_try_wait_longer),
			TEST(quiet_cool_downs_forgive),
			TEST(a_rollback_falls_by_a_step_a_second),
			TEST(a_shadow_that_is_down_gives_all_back_at_once),
			TEST(a_rollback_stops_while_the_primary_is_down),
			TEST(a_primary_that_does_worse_in_return_gives_all_again),
			TEST(a_return_that_stays_unsure_ends_at_the_deadline),
			TEST(a_canary_that_stays_unsure_goes_back_at_the_deadline),
			TEST(a_primary_of_which_nothing_is_known_is_tried_again_after_four_dwells),
			TEST(observing_freezes_a_shift_where_it_is),
			TEST(a_handful_of_failures_is_no_breach),
			TEST(reasons_that_alternate_are_told_once_each),
			TEST(a_rule_that_a_reload_put_in_the_place_of_another_has_its_own_time),
			TEST(old_evidence_at_the_last_step_is_asked_for_anew),
	};

	return cmocka_run_group_tests_name("policy_way", tests, NULL, NULL);
}
