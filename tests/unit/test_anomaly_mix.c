/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "series.h"

static struct anomaly_mix mix;
static struct series_random noise;

static int
setup(void **state)
{
	int i;

	noise = (struct series_random){.state = 1};
	anomaly_mix_init(&mix, 50);
	for (i = 0; i < 5000; i++)
		anomaly_mix_update(&mix, series_gauss(&noise));
	return 0;
}

/* How unlike a window full of such values is. */
static float
after_a_window_of(double (*next)(struct series_random *r))
{
	float last = 0;
	int i;

	for (i = 0; i < 50; i++)
		last = anomaly_mix_update(&mix, next(&noise));
	return last;
}

static double
shifted(struct series_random *r)
{
	return series_gauss(r) + 2;
}

static double
two_sided(struct series_random *r)
{
	return series_uniform(r) < .5 ? -1.2 : 1.2; /* same mean, nearly the same variance */
}

static void
usual_values_are_not_unlike(void **state)
{
	assert_true(after_a_window_of(series_gauss) < .6f);
}

static void
a_shift_is(void **state)
{
	assert_true(after_a_window_of(shifted) > 2);
}

static void
other_values_of_the_same_mean_and_variance_are(void **state)
{
	assert_true(after_a_window_of(two_sided) > 2);
}

static void
the_counts_are_those_of_the_window(void **state)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < ANOMALY_CLASSES; i++)
		sum += mix.count[i];
	assert_int_equal(sum, 50);
	for (i = 0; i < 50; i++)
		anomaly_mix_update(&mix, -9);
	assert_int_equal(mix.count[0], 50);
}

static void
it_gets_used_to_what_stays(void **state)
{
	float at_first = after_a_window_of(shifted);
	int i;

	for (i = 0; i < 20000; i++)
		anomaly_mix_update(&mix, shifted(&noise));
	assert_true(after_a_window_of(shifted) < at_first / 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup(usual_values_are_not_unlike, setup),
			cmocka_unit_test_setup(a_shift_is, setup),
			cmocka_unit_test_setup(
					other_values_of_the_same_mean_and_variance_are, setup),
			cmocka_unit_test_setup(the_counts_are_those_of_the_window, setup),
			cmocka_unit_test_setup(it_gets_used_to_what_stays, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
