/* SPDX-License-Identifier: Apache-2.0 */
/* The window, the long-run level and the alarm's rule. */
#include "anomaly_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "anomaly_alarm.h"
#include "anomaly_level.h"
#include "series.h"

static struct anomaly_moments
moments_of(const double *x, int n)
{
	struct anomaly_moments m = {0};
	int i;

	for (i = 0; i < n; i++)
		m.mean += x[i] / n;
	for (i = 0; i < n; i++)
		m.variance += (x[i] - m.mean) * (x[i] - m.mean) / n;
	return m;
}

static void
the_moments_are_those_of_the_newest_samples(void **state)
{
	static const struct {
		uint16_t width, recent;
	} cases[] = {{8, 3}, {40, 10}, {50, 12}, {64, 16}, {1, 1}, {64, 64}};
	struct series_random r = {.state = 1};
	struct anomaly_window w;
	double x[300];
	size_t c;
	int i, n;

	for (c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		anomaly_window_init(&w, cases[c].width, cases[c].recent);
		for (i = 0; i < 300; i++) {
			struct anomaly_moments all, recent, want;

			x[i] = 1e6 + series_gauss(&r);
			anomaly_window_push(&w, x[i]);
			all = anomaly_window_all(&w);
			recent = anomaly_window_recent(&w);
			n = i + 1 < cases[c].width ? i + 1 : cases[c].width;
			want = moments_of(x + i + 1 - n, n);
			assert_float_equal(all.mean, want.mean, 1e-6);
			assert_float_equal(all.variance, want.variance, 1e-6);
			n = n < cases[c].recent ? n : cases[c].recent;
			want = moments_of(x + i + 1 - n, n);
			assert_float_equal(recent.mean, want.mean, 1e-6);
			assert_float_equal(recent.variance, want.variance, 1e-6);
		}
	}
}

static void
the_level_is_the_plain_mean_at_first_and_forgets_later(void **state)
{
	struct anomaly_level l = {0};
	int i;

	for (i = 0; i < 100; i++)
		anomaly_level_update(&l, i % 2);
	assert_float_equal(l.mean, .5, .02);
	assert_float_equal(1 / anomaly_level_inverse_sd(&l), .5, .01);
	for (i = 0; i < 20000; i++)
		anomaly_level_update(&l, 7);
	assert_float_equal(l.mean, 7, .01);
}

static void
the_level_has_no_sd_until_it_is_warm(void **state)
{
	struct anomaly_level l = {0};
	int i;

	for (i = 0; i < ANOMALY_LEVEL_WARM; i++) {
		assert_float_equal(anomaly_level_inverse_sd(&l), 0, 0);
		anomaly_level_update(&l, i);
	}
	assert_true(anomaly_level_inverse_sd(&l) > 0);
}

static const struct anomaly_alarm_rule rule = {
		.threshold = 2, .rise = 1, .rise_tau = 100, .quiet = 10};

static void
an_alarm_is_followed_by_quiet(void **state)
{
	struct anomaly_alarm a = {0};
	int i;

	assert_true(anomaly_alarm_update(&a, &rule, 5));
	for (i = 0; i < 10; i++)
		assert_false(anomaly_alarm_update(&a, &rule, 5));
	assert_true(anomaly_alarm_update(&a, &rule, 5));
}

static void
each_alarm_raises_the_threshold_for_a_while(void **state)
{
	struct anomaly_alarm a = {0};
	int i;

	assert_false(anomaly_alarm_update(&a, &rule, 1.9f));
	assert_true(anomaly_alarm_update(&a, &rule, 2.1f));
	for (i = 0; i < 20; i++)
		assert_false(anomaly_alarm_update(&a, &rule, 2.1f));
	for (i = 0; i < 500; i++)
		anomaly_alarm_update(&a, &rule, 0);
	assert_true(anomaly_alarm_update(&a, &rule, 2.1f));
}

static void
a_score_that_is_not_a_number_is_no_alarm(void **state)
{
	struct anomaly_alarm a = {0};

	assert_false(anomaly_alarm_update(&a, &rule, NAN));
	assert_true(anomaly_alarm_update(&a, &rule, INFINITY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_moments_are_those_of_the_newest_samples),
			cmocka_unit_test(the_level_is_the_plain_mean_at_first_and_forgets_later),
			cmocka_unit_test(the_level_has_no_sd_until_it_is_warm),
			cmocka_unit_test(an_alarm_is_followed_by_quiet),
			cmocka_unit_test(each_alarm_raises_the_threshold_for_a_while),
			cmocka_unit_test(a_score_that_is_not_a_number_is_no_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
