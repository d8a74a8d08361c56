/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define RATE 50.0

static double
steady(int s)
{
	return RATE + (s * 7919 % 29 - 14);
}

static double
tide(int s)
{
	return RATE * (1 + 0.35 * sin(2 * 3.14159265 * s / 600));
}

static double
growth(int s)
{
	return s < 120 ? RATE : RATE * (1 + (s - 120) * 4.5 / 60);
}

static double
few(int s)
{
	return s % 20 == 0 ? 3 : 0;
}

static double
gaps(int s)
{
	return s % 3 ? steady(s) : NAN;
}

static void
only_a_load_that_grows_fast_is_unusual(void **state)
{
	static const struct {
		const char *name;
		double (*rate)(int s);
		int seconds;
		bool unusual;
	} cases[] = {
			{"noise", steady, 900, false},
			{"a day in ten minutes", tide, 1800, false},
			{"five times in a minute", growth, 180, true},
			{"single requests", few, 900, false},
			{"gaps", gaps, 900, false},
	};
	size_t i;
	int s;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_load l = {0};
		bool unusual = false;

		for (s = 0; s < cases[i].seconds; s++) {
			policy_load_update(&l, cases[i].rate(s), true);
			unusual |= policy_load_is_unusual(&l);
		}
		if (unusual != cases[i].unusual)
			fail_msg("%s", cases[i].name);
	}
}

static void
a_load_that_stays_becomes_usual(void **state)
{
	struct policy_load l = {0};
	int s;

	for (s = 0; s < 120; s++)
		policy_load_update(&l, RATE, true);
	for (s = 0; s < 20; s++)
		policy_load_update(&l, 3 * RATE, false);
	assert_true(policy_load_is_unusual(&l));
	for (s = 0; s < 1200; s++)
		policy_load_update(&l, 3 * RATE, false);
	assert_false(policy_load_is_unusual(&l));
}

struct pair {
	struct policy_config c;
	struct policy_input in;
	struct policy p;
};

/* A primary that is used to RATE and gets four times as much, and a risk that is high from then on. */
static struct pair
overloaded(void)
{
	struct pair x = {.c = fixture_policy(), .in = fixture_input()};
	int s;

	x.in.requests = RATE;
	x.in.verdict = SEQUENTIAL_NOT_WORSE;
	x.in.compared = 100;
	for (s = 0; s < 120; s++)
		fixture_tick(&x.p, &x.c, &x.in);
	assert_int_equal(x.p.state, POLICY_STATE_watch);
	x.in.requests = 4 * RATE;
	for (s = 0; s < 10; s++)
		fixture_tick(&x.p, &x.c, &x.in);
	x.in.risk = x.in.risk_soon = 0.9;
	for (s = 0; s < 30; s++)
		fixture_tick(&x.p, &x.c, &x.in);
	return x;
}

static void
an_unusual_load_is_shared(void **state)
{
	struct pair x = overloaded();
	int s;

	assert_int_equal(x.p.shift, POLICY_SHARE_ONE / 2);
	assert_false(policy_is_migrating(&x.p));
	/* Relieved of half the primary does well: that is no reason to give it back. */
	x.in.risk = x.in.risk_soon = 0.01;
	for (s = 0; s < 120; s++)
		fixture_tick(&x.p, &x.c, &x.in);
	assert_int_equal(x.p.shift, POLICY_SHARE_ONE / 2);
	x.in.requests = RATE;
	for (s = 0; s < 180; s++)
		fixture_tick(&x.p, &x.c, &x.in);
	assert_int_equal(x.p.shift, 0);
}

/* Four times the load makes the risk of both come and go: whoever takes back what he gave is overloaded at once. */
static void
a_shadow_at_risk_gives_nothing_back_in_a_crowd(void **state)
{
	struct pair x = overloaded();
	int s;

	for (s = 0; s < 60; s++) {
		x.in.risk = x.in.risk_soon = s % 20 < 5 ? 0.9 : 0.1;
		x.in.shadow_risk = s % 17 < 5 ? 0.9 : 0.1;
		fixture_tick(&x.p, &x.c, &x.in);
		assert_int_equal(x.p.shift, POLICY_SHARE_ONE / 2);
	}
}

static void
a_primary_that_fails_with_half_its_load_gives_all(void **state)
{
	struct pair x = overloaded();
	int s;

	x.in.window_slow = x.in.window_requests / 2;
	for (s = 0; s < 12; s++)
		fixture_tick(&x.p, &x.c, &x.in);
	assert_int_equal(x.p.shift, POLICY_SHARE_ONE);
}

static void
a_dead_primary_gives_all_whatever_the_load(void **state)
{
	struct pair x = overloaded();

	x.in.primary_up = false;
	fixture_tick(&x.p, &x.c, &x.in);
	assert_int_equal(x.p.shift, POLICY_SHARE_ONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(only_a_load_that_grows_fast_is_unusual),
			cmocka_unit_test(a_load_that_stays_becomes_usual),
			cmocka_unit_test(an_unusual_load_is_shared),
			cmocka_unit_test(a_shadow_at_risk_gives_nothing_back_in_a_crowd),
			cmocka_unit_test(a_primary_that_fails_with_half_its_load_gives_all),
			cmocka_unit_test(a_dead_primary_gives_all_whatever_the_load),
	};

	return cmocka_run_group_tests_name("policy_load", tests, NULL, NULL);
}
