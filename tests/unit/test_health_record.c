/* SPDX-License-Identifier: Apache-2.0 */
#include "health_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* '+' good, '-' bad, '!' a failed confirmation; the state after each: U up, D down, ? unknown. */
static void
results_change_the_state_as_rise_and_fall_say(void **state)
{
	static const struct {
		const char *name;
		enum health_state start;
		uint32_t rise, fall;
		const char *results, *states;
	} cases[] = {
			{"the first good result decides", HEALTH_UNKNOWN, 3, 3, "+", "U"},
			{"the first bad result decides", HEALTH_UNKNOWN, 3, 3, "-", "D"},
			{"down takes fall in a row", HEALTH_UNKNOWN, 1, 3, "+--+---", "UUUUUUD"},
			{"up takes rise in a row", HEALTH_UNKNOWN, 3, 1, "-++-+++", "DDDDDDU"},
			{"one of each is enough with 1", HEALTH_UNKNOWN, 1, 1, "+-+-", "UDUD"},
			{"a confirmation needs no fall", HEALTH_UNKNOWN, 2, 3, "++!++", "UUDDU"},
			{"a good result before it does not count later", HEALTH_UNKNOWN, 2, 3,
					"+!+", "UDD"},
			{"unknown and confirmed is down", HEALTH_UNKNOWN, 2, 3, "!+", "DD"},
	};
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct health_record r = {.state = cases[i].start};

		for (k = 0; cases[i].results[k]; k++) {
			enum health_state before = r.state;
			char is;
			bool changed;

			if (cases[i].results[k] == '!')
				changed = health_record_confirmed(&r);
			else
				changed = health_record_result(&r, cases[i].results[k] == '+',
						cases[i].rise, cases[i].fall);
			is = "?UD"[r.state];
			if (is != cases[i].states[k] || changed != (before != r.state))
				fail_msg("%s: %c after %zu", cases[i].name, is, k + 1);
		}
	}
}

static void
three_signals_within_a_second_count_for_five(void **state)
{
	struct health_record r = {.state = HEALTH_UNKNOWN};

	assert_false(health_record_signal(&r, 1000));
	assert_false(health_record_signal(&r, 1500));
	assert_false(health_record_signal(&r, 2001)); /* the first is older than a second */
	assert_true(health_record_signal(&r, 2400));
	assert_int_equal(r.state, HEALTH_UNKNOWN); /* anybody can provoke them */
	assert_false(health_record_signal(&r, 2500)); /* held: more of them change nothing */
	assert_false(health_record_release(&r, 7399));
	assert_true(health_record_release(&r, 7400));
	assert_int_equal(r.state, HEALTH_UNKNOWN);
	assert_false(health_record_release(&r, 9000));
	/* And all begins anew. */
	assert_false(health_record_signal(&r, 9000));
	assert_false(health_record_signal(&r, 9000));
	assert_true(health_record_signal(&r, 9000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(results_change_the_state_as_rise_and_fall_say),
			cmocka_unit_test(three_signals_within_a_second_count_for_five),
	};

	return cmocka_run_group_tests_name("health_record", tests, NULL, NULL);
}
