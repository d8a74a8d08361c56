/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_season.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define DAY_S 86400

static struct anomaly_season season;

static int
setup(void **state)
{
	anomaly_season_init(&season, true);
	return 0;
}

static void
the_first_sample_is_expected_to_be_as_told(void **state)
{
	struct anomaly_expected e = anomaly_season_expect(&season, 5, 0, 42);

	assert_float_equal(e.day, 42, 0);
	assert_float_equal(e.week, 42, 0);
}

static void
a_visit_in_progress_expects_its_own_mean(void **state)
{
	anomaly_season_expect(&season, 4, 0, 42);
	anomaly_season_expect(&season, 8, 1, 42);
	assert_float_equal(anomaly_season_expect(&season, 0, 2, 42).day, 6, 1e-9);
}

static void
a_visit_that_is_not_trusted_says_nothing(void **state)
{
	anomaly_season_init(&season, false);
	anomaly_season_expect(&season, 4, 0, 42);
	assert_float_equal(anomaly_season_expect(&season, 0, 1, 42).day, 42, 0);
}

static void
the_next_day_expects_what_this_hour_was(void **state)
{
	anomaly_season_expect(&season, 4, 3600, 42);
	anomaly_season_expect(&season, 100, 7200, 42);
	assert_float_equal(anomaly_season_expect(&season, 0, DAY_S + 3600, 42).day, 4, 1e-6);
	assert_float_equal(anomaly_season_expect(&season, 0, DAY_S + 7200, 42).day, 100, 1e-5);
}

static void
the_week_speaks_when_it_was_there(void **state)
{
	int day;

	for (day = 0; day < 7; day++) {
		anomaly_season_expect(&season, day == 3 ? 50 : 10, day * DAY_S + 3600, 42);
		anomaly_season_expect(&season, 0, day * DAY_S + 7200, 42);
	}
	assert_float_equal(
			anomaly_season_expect(&season, 50, 10 * DAY_S + 3600, 42).week, 50, 1e-5);
}

static void
the_newest_visit_weighs_a_fifth(void **state)
{
	int day;

	for (day = 0; day < 20; day++) {
		anomaly_season_expect(&season, day == 19 ? 10 : 0, day * DAY_S, 42);
		anomaly_season_expect(&season, 0, day * DAY_S + 7200, 42);
	}
	assert_float_equal(anomaly_season_expect(&season, 0, 20 * DAY_S, 42).day, 2, 1e-5);
}

static void
times_before_the_epoch_have_a_time_of_day(void **state)
{
	static const int64_t times[] = {-1, -DAY_S, -8 * DAY_S + 5, INT64_MIN, INT64_MAX};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		anomaly_season_expect(&season, 1, times[i], 42);
		assert_in_range(season.day_now.bin, 0, ANOMALY_DAY_BINS - 1);
		assert_in_range(season.week_now.bin, 0, ANOMALY_WEEK_BINS - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup(the_first_sample_is_expected_to_be_as_told, setup),
			cmocka_unit_test_setup(a_visit_in_progress_expects_its_own_mean, setup),
			cmocka_unit_test_setup(a_visit_that_is_not_trusted_says_nothing, setup),
			cmocka_unit_test_setup(the_next_day_expects_what_this_hour_was, setup),
			cmocka_unit_test_setup(the_week_speaks_when_it_was_there, setup),
			cmocka_unit_test_setup(the_newest_visit_weighs_a_fifth, setup),
			cmocka_unit_test_setup(times_before_the_epoch_have_a_time_of_day, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
