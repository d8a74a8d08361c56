/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
rules_parse_to_the_metrics_unit(void **state)
{
	static const struct {
		const char *text, *metric, *kept;
		enum policy_operator op;
		double value;
		uint32_t hold_ms;
	} cases[] = {
			{"cpu > 95% for 30s", "cpu", "cpu > 95% for 30s", POLICY_ABOVE, 0.95,
					30000},
			{"reply_p99  >=  200ms", "reply_p99", "reply_p99 >= 200ms", POLICY_AT_LEAST,
					200000, 0},
			{"bytes < 10k for 1m", "bytes", "bytes < 10k for 1m", POLICY_BELOW, 10000,
					60000},
			{"node_load1 <= 0.5", "node_load1", "node_load1 <= 0.5", POLICY_AT_MOST,
					0.5, 0},
			{"jitter > 1.5s", "jitter", "jitter > 1.5s", POLICY_ABOVE, 1500000, 0},
	};
	struct policy_rule rule;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(policy_rule_parse(cases[i].text, &rule));
		assert_string_equal(rule.metric, cases[i].metric);
		assert_string_equal(rule.text, cases[i].kept);
		assert_int_equal(rule.op, cases[i].op);
		assert_true(fabs(rule.value - cases[i].value) < 1e-9);
		assert_int_equal(rule.hold_ms, cases[i].hold_ms);
	}
}

static void
what_is_not_a_rule_is_told(void **state)
{
	static const char *const cases[] = {"", "cpu", "cpu > ", "cpu>95%", "cpu => 1", "cpu > .5",
			"cpu > 1.2.3", "cpu > 1e3", "cpu > 5 parsecs", "cpu > 5% for",
			"cpu > 5% for 30", "cpu > 5% for 2d", "cpu > 5% for 90000s",
			"cpu > 5% for 30s now", "c pu > 5%", "c/pu > 5", "cpu > nan", "cpu > -1",
			"cpu > 9999999999999999999"};
	struct policy_rule rule = {.hold_ms = 7};
	char lengthy[200];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!policy_rule_parse(cases[i], &rule))
			fail_msg("'%s' was taken", cases[i]);
		assert_int_equal(rule.hold_ms, 7);
	}
	memset(lengthy, 'a', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_non_null(policy_rule_parse(lengthy, &rule));
}

static void
a_value_that_was_not_measured_makes_no_rule_true(void **state)
{
	static const char *const texts[] = {"a > 1", "a >= 1", "a < 1", "a <= 1"};
	static const bool of[][4] = {{true, true, false, false}, {false, true, false, true},
			{false, false, true, true}, {false, false, false, false}};
	static const double values[] = {2, 1, 0, NAN};
	struct policy_rule rule;
	size_t i, k;

	for (i = 0; i < 4; i++) {
		for (k = 0; k < 4; k++) {
			assert_null(policy_rule_parse(texts[k], &rule));
			assert_int_equal(policy_rule_is_true(&rule, values[i]), of[i][k]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(rules_parse_to_the_metrics_unit),
			cmocka_unit_test(what_is_not_a_rule_is_told),
			cmocka_unit_test(a_value_that_was_not_measured_makes_no_rule_true),
	};

	return cmocka_run_group_tests_name("policy_rule", tests, NULL, NULL);
}
