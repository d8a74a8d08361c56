/* SPDX-License-Identifier: Apache-2.0 */
#include "health_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
time_counts_only_while_the_loop_runs(void **state)
{
	static const struct {
		const char *name;
		uint64_t elapsed_ms[6]; /* between ticks, 10 ms is the period */
		uint64_t counted_ms;
	} cases[] = {
			{"on time", {10, 10, 10}, 30},
			{"a little late", {12, 8, 25, 30}, 75},
			{"one stall", {10, 31, 10}, 20},
			{"a long stall", {10, 60000, 0, 10}, 20},
			{"late all the time: a part of it", {100, 100, 100, 100, 100, 100}, 150},
			{"every other tick", {50, 10, 50, 10, 50, 10}, 30},
	};
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct health_clock c = {0};
		uint64_t now_ms = 123456;

		health_clock_tick(&c, now_ms, 10);
		for (k = 0; k < 6; k++) {
			now_ms += cases[i].elapsed_ms[k];
			health_clock_tick(&c, now_ms, 10);
		}
		if (c.ms != cases[i].counted_ms)
			fail_msg("%s: %u ms", cases[i].name, (unsigned)c.ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(time_counts_only_while_the_loop_runs),
	};

	return cmocka_run_group_tests_name("health_clock", tests, NULL, NULL);
}
