/* SPDX-License-Identifier: Apache-2.0 */
#include "mirror_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Asks for `frame_len` every `step_us` from `start_us` on for `seconds`; returns how many were granted. */
static uint64_t
granted(const struct view_endpoint *e, uint32_t frame_len, uint32_t step_us, uint32_t start_us,
		uint32_t seconds)
{
	uint64_t elapsed, n = 0, end = seconds * 1000000ull;
	struct mirror_budget b = {0};

	for (elapsed = 0; elapsed < end; elapsed += step_us)
		n += mirror_budget_take(&b, e, frame_len, start_us + (uint32_t)elapsed);
	return n;
}

static void
the_rate_is_exact_over_time(void **state)
{
	static const struct {
		const char *name;
		uint32_t pps;
		uint64_t bytes_ps;
		uint32_t frame_len, step_us, start_us, seconds;
		uint64_t expect; /* without the burst at the start */
		uint64_t burst;
	} cases[] = {
			{"packets", 1000, 0, 60, 7, 0, 10, 10000, 10},
			{"packets that no step divides", 99999, 0, 60, 3, 5, 10, 999990, 1000},
			{"one packet per second", 1, 0, 60, 1000, 0, 100, 100, 1},
			{"bytes", 0, 125000, 1000, 10, 0, 10, 1250, 9},
			{"bytes slower than a frame", 0, 100, 1000, 100, 0, 100, 10, 2},
			{"the tighter of both: packets", 100, 1000000, 1000, 10, 0, 10, 1000, 1},
			{"the tighter of both: bytes", 10000, 100000, 1000, 10, 0, 10, 1000, 2},
			{"over the clock's wrap", 1000, 0, 60, 7, UINT32_MAX - 5000000, 10, 10000,
					10},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view_endpoint e = {.mtu = 1500,
				.mirror_pps = cases[i].pps,
				.mirror_bytes_ps = cases[i].bytes_ps};
		uint64_t n = granted(&e, cases[i].frame_len, cases[i].step_us, cases[i].start_us,
				cases[i].seconds);

		if (n + 1 < cases[i].expect || n > cases[i].expect + cases[i].burst)
			fail_msg("%s: %lu granted, %lu expected", cases[i].name, n,
					cases[i].expect);
	}
}

static void
no_limit_grants_all(void **state)
{
	struct view_endpoint e = {.mtu = 1500};

	assert_int_equal(granted(&e, 9000, 1, 0, 1), 1000000);
}

static void
a_pause_saves_no_more_than_ten_milliseconds(void **state)
{
	struct view_endpoint e = {.mtu = 1500, .mirror_pps = 100000};
	struct mirror_budget b = {0};
	unsigned n = 0;

	assert_true(mirror_budget_take(&b, &e, 60, 0));
	while (mirror_budget_take(&b, &e, 60, 3600u * 1000000u))
		n++;
	assert_int_equal(n, 1000);
}

static void
what_one_bucket_refuses_costs_the_other_nothing(void **state)
{
	struct view_endpoint e = {.mtu = 1500, .mirror_pps = 1, .mirror_bytes_ps = 100000000};
	struct mirror_budget b = {0};
	uint64_t bytes;

	assert_true(mirror_budget_take(&b, &e, 1000, 10));
	bytes = b.bytes;
	assert_false(mirror_budget_take(&b, &e, 1000, 10));
	assert_int_equal(b.bytes, bytes);
}

static void
the_fastest_rates_do_not_overflow(void **state)
{
	struct view_endpoint e = {
			.mtu = 9000, .mirror_pps = UINT32_MAX, .mirror_bytes_ps = 1ull << 39};
	struct mirror_budget b = {0};
	uint32_t now = 0;
	int i;

	for (i = 0; i < 1000; i++, now += 1u << 23)
		assert_true(mirror_budget_take(&b, &e, 9018, now));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_rate_is_exact_over_time),
			cmocka_unit_test(no_limit_grants_all),
			cmocka_unit_test(a_pause_saves_no_more_than_ten_milliseconds),
			cmocka_unit_test(what_one_bucket_refuses_costs_the_other_nothing),
			cmocka_unit_test(the_fastest_rates_do_not_overflow),
	};

	return cmocka_run_group_tests_name("mirror_budget", tests, NULL, NULL);
}
