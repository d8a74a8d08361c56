/* SPDX-License-Identifier: Apache-2.0 */
/* When traffic comes back to a primary that was relieved of it. */
#include "policy_fixture.h"
#include "policy_step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* As a primary does that runs out of something: bad while it has its traffic, fine without. */
static void
tick_relieved(struct policy *p, const struct policy_config *c, struct policy_input *in, int seconds)
{
	for (; seconds > 0; seconds--) {
		in->risk = in->risk_soon = p->shift >= POLICY_SHARE_ONE / 2 ? 0.01 : 0.9;
		in->verdict = p->shift ? SEQUENTIAL_NOT_WORSE : SEQUENTIAL_UNSURE;
		if (p->shift == POLICY_SHARE_ONE)
			in->verdict = SEQUENTIAL_UNSURE; /* the last step is not verified yet */
		in->compared = p->shift ? 1000 : 0;
		fixture_tick(p, c, in);
	}
}

static void
a_relieved_primary_stays_relieved_for_the_dwell(void **state)
{
	struct policy_config c = fixture_policy();
	struct policy_input in = fixture_input();
	struct policy p = {0};
	int i;

	for (i = 0; i < 20 && p.shift <= POLICY_CANARY_MAX; i++)
		tick_relieved(&p, &c, &in, 1);
	assert_true(p.shift > POLICY_CANARY_MAX);
	for (i = 0; i < 55; i++) {
		tick_relieved(&p, &c, &in, 1);
		assert_true(p.shift > POLICY_CANARY_MAX);
	}
}

static void
nothing_returns_in_an_interval_with_risk(void **state)
{
	struct policy_config c = fixture_policy();
	struct policy_input in = fixture_input();
	struct policy p = {0}, bad;
	struct policy_input worse;
	int i;

	tick_relieved(&p, &c, &in, 20);
	in.verdict = SEQUENTIAL_NOT_WORSE;
	in.compared = 1000;
	in.risk = in.risk_soon = 0.01;
	for (i = 0; i < 600 && p.state != POLICY_STATE_return; i++)
		fixture_tick(&p, &c, &in);
	assert_int_equal(p.state, POLICY_STATE_return);
	for (i = 0; i < 12 && p.state == POLICY_STATE_return; i++) {
		bad = p;
		worse = in;
		worse.risk = worse.risk_soon = 0.9;
		fixture_tick(&bad, &c, &worse);
		assert_true(bad.shift >= p.shift);
		fixture_tick(&p, &c, &in);
	}
}

/* An operator's release, or a file that takes the shift back, in the middle of it. */
static void
what_is_taken_over_at_home_wants_no_copies(void **state)
{
	struct policy_config c = fixture_policy();
	struct policy_input in = fixture_input();
	struct policy p = {0};

	in.can_mirror = true;
	in.risk = 0.9;
	fixture_tick(&p, &c, &in);
	fixture_tick(&p, &c, &in);
	assert_true(p.state == POLICY_STATE_mirror && p.mirror);
	policy_adopt(&p, 0, 0, in.now_ms);
	p.hot = 0;
	in.risk = 0.01;
	assert_false(fixture_tick(&p, &c, &in).mirror);
}

static void
a_restart_goes_on_in_the_state_that_the_share_allows(void **state)
{
	static const struct {
		enum policy_state was;
		uint32_t shift;
		enum policy_state now;
	} cases[] = {
			{POLICY_STATE_verify, POLICY_SHARE_ONE / 10, POLICY_STATE_verify},
			{POLICY_STATE_shift, POLICY_SHARE_ONE / 2, POLICY_STATE_shift},
			{POLICY_STATE_shift, POLICY_SHARE_ONE, POLICY_STATE_shift},
			{POLICY_STATE_shifted, POLICY_SHARE_ONE, POLICY_STATE_shifted},
			{POLICY_STATE_return, POLICY_SHARE_ONE / 2, POLICY_STATE_return},
			{POLICY_STATE_rollback, POLICY_SHARE_ONE / 2, POLICY_STATE_rollback},
			{POLICY_STATE_rollback, POLICY_SHARE_ONE, POLICY_STATE_rollback},
			/* The share is of later than the state. */
			{POLICY_STATE_shifted, POLICY_SHARE_ONE / 2, POLICY_STATE_shift},
			{POLICY_STATE_watch, POLICY_SHARE_ONE / 2, POLICY_STATE_shift},
			{POLICY_STATE_rollback, 0, POLICY_STATE_watch},
	};
	const struct policy_config c = fixture_policy();
	struct policy_memory memory;
	struct policy p, again;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&p, 0, sizeof(p));
		p.state = cases[i].was;
		p.shift = POLICY_SHARE_ONE / 2;
		policy_remember(&p, &memory);
		memset(&again, 0, sizeof(again));
		policy_adopt(&again, cases[i].shift, 0, 1000);
		policy_resume(&again, &c, &memory, 1000);
		if (again.state != cases[i].now)
			fail_msg("%s: %s", policy_state_name(cases[i].was),
					policy_state_name(again.state));
	}
}

static void
a_memory_on_another_clock_keeps_its_waits(void **state)
{
	const struct policy_memory wall = {.backoff = 2,
			.home_since_ms = 1000000,
			.cooling_until_ms = 1090000,
			.cooling_facts_until_ms = 1030000};
	struct policy_memory m = policy_memory_moved(&wall, -1000000 + 5000);

	assert_int_equal(m.home_since_ms, 5000);
	assert_int_equal(m.cooling_until_ms, 95000);
	assert_int_equal(m.cooling_facts_until_ms, 35000);
	m = policy_memory_moved(&wall, -1060000); /* a clock that began in between */
	assert_int_equal(m.home_since_ms, 1);
	assert_int_equal(m.cooling_until_ms, 30000);
	assert_int_equal(m.cooling_facts_until_ms, 1);
	m = policy_memory_moved(&(const struct policy_memory){.backoff = 1}, 5000);
	assert_true(m.home_since_ms == 0 && m.cooling_until_ms == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_restart_goes_on_in_the_state_that_the_share_allows),
			cmocka_unit_test(a_memory_on_another_clock_keeps_its_waits),
			cmocka_unit_test(a_relieved_primary_stays_relieved_for_the_dwell),
			cmocka_unit_test(what_is_taken_over_at_home_wants_no_copies),
			cmocka_unit_test(nothing_returns_in_an_interval_with_risk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
