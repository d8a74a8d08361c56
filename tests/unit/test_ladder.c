/* SPDX-License-Identifier: Apache-2.0 */
/* Every rung of the ladder by a named case, and NAN in every number. */
#include "policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What is changed of a pair on which all is well and whose risk is low. */
enum change {
	NOTHING,
	HELD = 1 << 0,
	CARRYING = 1 << 1,
	SETTLED = 1 << 2,
	PRIMARY_DOWN = 1 << 3,
	RULE = 1 << 4,
	BREACHED = 1 << 5,
	HOT = 1 << 6,
	PRIMARY_WORSE = 1 << 7,
	LOAD = 1 << 8,
	NO_SHADOW = 1 << 9,
	SHADOW_DOWN = 1 << 10,
	SUSPECT = 1 << 11,
	SHADOW_RULE = 1 << 12,
	SHADOW_RISK = 1 << 13,
	SMALL = 1 << 14,
	WORSE = 1 << 15,
	OVERDUE = 1 << 16,
	COOLING = 1 << 17,
	COOLING_FACTS = 1 << 18,
	NOT_GRANTED = 1 << 19,
	COSTLY = 1 << 20,
	NOT_COOL = 1 << 21,
	FACTS_ONLY = 1 << 22,
	WORSE_NOW = 1 << 23,
	RELIEVED = 1 << 24,
	CROWDED = 1 << 25,
};

static struct ladder_input
input_of(unsigned change, struct policy_config *c)
{
	*c = fixture_policy();
	c->prediction = !(change & FACTS_ONLY);
	if (change & COSTLY)
		c->cost = (struct policy_cost){10, 9};
	return (struct ladder_input){
			.config = c,
			.held = change & HELD,
			.carrying = change & CARRYING,
			.settled = change & SETTLED,
			.primary_up = !(change & PRIMARY_DOWN),
			.rule = change & RULE,
			.breached = change & BREACHED,
			.hot = change & HOT,
			.cool = !(change & (HOT | NOT_COOL)),
			.risk = change & HOT ? 0.8 : 0.01,
			.primary_worse = change & PRIMARY_WORSE,
			.load_coming = change & LOAD,
			.relieved = change & RELIEVED,
			.crowded = change & CROWDED,
			.shadow = !(change & NO_SHADOW),
			.shadow_up = !(change & SHADOW_DOWN),
			.shadow_suspect = change & SUSPECT,
			.shadow_rule = change & SHADOW_RULE,
			.shadow_risk = change & SHADOW_RISK ? 0.9 : 0.01,
			.shadow_room = change & SMALL ? 50 : 500,
			.requests = 100,
			.verdict = change & WORSE ? SEQUENTIAL_WORSE : SEQUENTIAL_UNSURE,
			.shadow_worse_now = change & WORSE_NOW,
			.overdue = change & OVERDUE,
			.cooling = change & COOLING,
			.cooling_facts = change & COOLING_FACTS,
			.granted = !(change & NOT_GRANTED),
	};
}

static const struct {
	const char *name;
	unsigned change;
	enum ladder_wish wish;
	enum policy_rung rung;
} cases[] = {
		{"all well", NOTHING, WISH_STAY, RUNG_calm},
		{"held, whatever else", HELD | PRIMARY_DOWN | HOT, WISH_STAY, RUNG_held},
		{"risk, and no shadow", HOT | NO_SHADOW, WISH_STAY, RUNG_no_shadow},
		{"no shadow, and no need of one", NO_SHADOW, WISH_STAY, RUNG_calm},
		{"the shadow was removed", CARRYING | NO_SHADOW, WISH_BACK, RUNG_no_shadow},
		{"risk, shadow down", HOT | SHADOW_DOWN, WISH_STAY, RUNG_shadow_down},
		{"the shadow that serves went down", CARRYING | SHADOW_DOWN | HOT, WISH_BACK,
				RUNG_shadow_down},
		{"both down", CARRYING | SHADOW_DOWN | PRIMARY_DOWN, WISH_STAY, RUNG_both_bad},
		{"primary down, shadow down, nothing moved", PRIMARY_DOWN | SHADOW_DOWN, WISH_STAY,
				RUNG_shadow_down},
		{"risk, shadow suspect", HOT | SUSPECT, WISH_STAY, RUNG_shadow_suspect},
		{"the shadow that serves is suspect", CARRYING | SUSPECT, WISH_BACK,
				RUNG_shadow_suspect},
		{"one suspicion against another", CARRYING | HOT | SUSPECT, WISH_STAY,
				RUNG_both_bad},
		{"copies say it is worse", HOT | WORSE, WISH_STAY, RUNG_shadow_worse},
		{"the shadow that serves is worse", CARRYING | HOT | WORSE, WISH_BACK,
				RUNG_shadow_worse},
		{"it is worse, and so is the primary", CARRYING | HOT | WORSE | PRIMARY_WORSE,
				WISH_STAY, RUNG_both_bad},
		{"it is worse, and the primary breaches the objective", CARRYING | BREACHED | WORSE,
				WISH_STAY, RUNG_both_bad},
		{"it is worse than even the sick primary", CARRYING | BREACHED | WORSE | WORSE_NOW,
				WISH_BACK, RUNG_shadow_worse},
		{"a rule holds for the shadow", HOT | SHADOW_RULE, WISH_STAY, RUNG_shadow_rule},
		{"a rule holds for the shadow that serves", CARRYING | SHADOW_RULE, WISH_BACK,
				RUNG_shadow_rule},
		{"both at risk", HOT | SHADOW_RISK, WISH_STAY, RUNG_shadow_risk},
		{"both at risk under way", CARRYING | HOT | SHADOW_RISK, WISH_STAY, RUNG_both_bad},
		{"the shadow that serves is at risk", CARRYING | SHADOW_RISK, WISH_BACK,
				RUNG_shadow_risk},
		{"it is at risk, and the primary was long well with less",
				CARRYING | SHADOW_RISK | RELIEVED, WISH_BACK, RUNG_shadow_risk},
		{"it is at risk, and the primary is well because it has less",
				CARRYING | SHADOW_RISK | RELIEVED | NOT_COOL, WISH_STAY,
				RUNG_both_bad},
		{"it is at risk of a load that is too much for one",
				CARRYING | SHADOW_RISK | RELIEVED | CROWDED, WISH_STAY,
				RUNG_both_bad},
		{"no forecasts, so that the shadow's risk is none",
				BREACHED | SHADOW_RISK | FACTS_ONLY, WISH_AWAY, RUNG_objective},
		{"too small", HOT | SMALL, WISH_STAY, RUNG_shadow_small},
		{"small, but it serves all already", CARRYING | SETTLED | SMALL | HOT, WISH_AWAY,
				RUNG_risk},
		{"unsure at the deadline", CARRYING | HOT | OVERDUE, WISH_BACK, RUNG_unsure},
		{"unsure, and the primary down", CARRYING | PRIMARY_DOWN | OVERDUE, WISH_AWAY,
				RUNG_primary_down},
		{"primary down", PRIMARY_DOWN, WISH_AWAY, RUNG_primary_down},
		{"primary down waits for nothing",
				PRIMARY_DOWN | COOLING | COOLING_FACTS | NOT_GRANTED, WISH_AWAY,
				RUNG_primary_down},
		{"risk too soon", HOT | COOLING, WISH_STAY, RUNG_cooling},
		{"a fact does not wait as long", BREACHED | COOLING, WISH_AWAY, RUNG_objective},
		{"a fact too soon", RULE | COOLING_FACTS, WISH_STAY, RUNG_cooling},
		{"under way it is not too soon", CARRYING | HOT | COOLING | COOLING_FACTS,
				WISH_AWAY, RUNG_risk},
		{"others are in migration", HOT | NOT_GRANTED, WISH_STAY, RUNG_capped},
		{"a rule", RULE, WISH_AWAY, RUNG_rule},
		{"a rule before the objective", RULE | BREACHED | HOT, WISH_AWAY, RUNG_rule},
		{"the objective", BREACHED | HOT, WISH_AWAY, RUNG_objective},
		{"not worth it", HOT | COSTLY, WISH_STAY, RUNG_not_worth},
		{"a fact is worth it", BREACHED | COSTLY, WISH_AWAY, RUNG_objective},
		{"under way it is", CARRYING | HOT | COSTLY, WISH_AWAY, RUNG_risk},
		{"risk", HOT, WISH_AWAY, RUNG_risk},
		{"risk, but no forecasts", HOT | FACTS_ONLY, WISH_STAY, RUNG_calm},
		{"load", LOAD, WISH_PREPARE, RUNG_load},
		{"load, but no forecasts", LOAD | FACTS_ONLY, WISH_STAY, RUNG_calm},
		{"recovered", CARRYING, WISH_RETURN, RUNG_recovered},
		{"neither nor", CARRYING | NOT_COOL, WISH_STAY, RUNG_steady},
};

static void
the_first_rung_that_applies_decides(void **state)
{
	bool hit[POLICY_RUNGS] = {false};
	struct policy_config c;
	struct ladder_input in;
	struct ladder_result r;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		in = input_of(cases[i].change, &c);
		r = ladder_decide(&in);
		if (r.wish != cases[i].wish || r.rung != cases[i].rung)
			fail_msg("%s: %d, %s", cases[i].name, r.wish, policy_rung_name(r.rung));
		hit[r.rung] = true;
	}
	for (i = 0; i <= RUNG_steady; i++) {
		if (!hit[i])
			fail_msg("no case of %s", policy_rung_name((enum policy_rung)i));
	}
}

static void
what_is_not_a_number_wishes_nothing(void **state)
{
	struct policy_config c;
	struct ladder_input in;

	in = input_of(NOTHING, &c);
	in.risk = in.shadow_risk = in.shadow_room = in.requests = NAN;
	assert_int_equal(ladder_decide(&in).wish, WISH_STAY);
	/* Nor does it let a shift pass that must be worth something. */
	in = input_of(HOT | COSTLY, &c);
	in.risk = NAN;
	assert_int_equal(ladder_decide(&in).rung, RUNG_not_worth);
	/* What is not known of the shadow is for the comparison to find out. */
	in = input_of(HOT, &c);
	in.shadow_risk = in.shadow_room = in.requests = NAN;
	assert_int_equal(ladder_decide(&in).wish, WISH_AWAY);
}

static void
every_rung_has_a_name_and_a_text(void **state)
{
	int i;

	for (i = 0; i < POLICY_RUNGS; i++) {
		assert_true(*policy_rung_name((enum policy_rung)i) != '\0');
		assert_true(*policy_rung_text((enum policy_rung)i) != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_first_rung_that_applies_decides),
			cmocka_unit_test(what_is_not_a_number_wishes_nothing),
			cmocka_unit_test(every_rung_has_a_name_and_a_text),
	};

	return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
