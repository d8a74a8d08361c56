/* SPDX-License-Identifier: Apache-2.0 */
#include "quantile_track.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static double
gaussian(void)
{
	return normal_quantile(fmin(fmax(drand48(), 1e-12), 1 - 1e-12));
}

static double
heavy(void)
{
	double z = gaussian();

	return z * exp(0.8 * gaussian());
}

static double
lognormal(void)
{
	return exp(gaussian()) - 1;
}

static double
two_humps(void)
{
	return gaussian() * 0.2 + (drand48() < 0.3 ? 2 : -1);
}

static void
normal_quantiles_and_shares_are_inverse(void **state)
{
	double q;

	for (q = 0.001; q < 1; q += 0.001)
		assert_true(fabs(normal_share_below(normal_quantile(q)) - q) < 1e-7);
	assert_true(fabs(normal_quantile(0.975) - 1.959963985) < 1e-7);
	assert_true(isnan(normal_quantile(0)) && isnan(normal_quantile(1)));
	assert_true(isnan(normal_quantile(NAN)));
}

/* Each quantile, read before each number, has the share of numbers below it that it claims. */
static void
quantiles_cover_what_they_claim(void **state)
{
	static const struct {
		const char *name;
		double (*draw)(void);
		double tolerance; /* where nothing falls, between two levels, it is a straight line */
	} cases[] = {{"normal", gaussian, 0.02}, {"heavy tails", heavy, 0.02},
			{"skewed", lognormal, 0.03}, {"two humps", two_humps, 0.06}};
	static const double level[] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};
	double below[9], share;
	struct quantile_track t;
	size_t i, k, n;
	double u;

	srand48(11);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		quantile_track_init(&t);
		for (k = 0; k < 9; k++)
			below[k] = 0;
		for (n = 0; n < 20000; n++) {
			u = cases[i].draw();
			for (k = 0; k < 9; k++)
				below[k] += u <= quantile_track_value(&t, level[k]);
			quantile_track_add(&t, u, 1);
		}
		for (k = 0; k < 9; k++) {
			share = below[k] / (double)n;
			if (!(fabs(share - level[k]) < cases[i].tolerance))
				fail_msg("%s: %g of the numbers below the %g-quantile",
						cases[i].name, share, level[k]);
		}
	}
}

static void
quantiles_follow_a_shift(void **state)
{
	struct quantile_track t;
	size_t n;

	quantile_track_init(&t);
	for (n = 0; n < 5000; n++)
		quantile_track_add(&t, gaussian() + (n < 1000 ? 0 : 5), 1);
	assert_true(fabs(quantile_track_value(&t, 0.5) - 5) < 0.3);
	assert_true(fabs(quantile_track_value(&t, 0.1) - 3.7) < 0.6);
}

static void
value_and_share_are_inverse_and_monotone(void **state)
{
	struct quantile_track t;
	double last = -INFINITY, q, value;
	size_t n;

	quantile_track_init(&t);
	for (n = 0; n < 3000; n++)
		quantile_track_add(&t, heavy(), 1);
	for (q = 0.002; q < 1; q += 0.002) {
		value = quantile_track_value(&t, q);
		assert_true(value >= last);
		last = value;
		assert_true(fabs(quantile_track_share_below(&t, value) - q) < 1e-6);
	}
}

static void
what_is_no_number_changes_nothing(void **state)
{
	struct quantile_track t, before;

	quantile_track_init(&t);
	before = t;
	quantile_track_add(&t, NAN, 1);
	quantile_track_add(&t, 1, NAN);
	quantile_track_add(&t, 1, 0);
	assert_memory_equal(&t, &before, sizeof(t));
	assert_true(isnan(quantile_track_value(&t, NAN)));
	assert_true(isnan(quantile_track_value(&t, 0)));
	assert_true(isnan(quantile_track_share_below(&t, NAN)));
	quantile_track_add(&t, INFINITY, 1);
	quantile_track_add(&t, -INFINITY, 1);
	assert_true(quantile_track_valid(&t));
	t.value[3] = NAN;
	assert_false(quantile_track_valid(&t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(normal_quantiles_and_shares_are_inverse),
			cmocka_unit_test(quantiles_cover_what_they_claim),
			cmocka_unit_test(quantiles_follow_a_shift),
			cmocka_unit_test(value_and_share_are_inverse_and_monotone),
			cmocka_unit_test(what_is_no_number_changes_nothing),
	};

	return cmocka_run_group_tests_name("quantile_track", tests, NULL, NULL);
}
