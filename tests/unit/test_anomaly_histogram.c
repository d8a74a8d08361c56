/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "series.h"

#define MEMORY 60000

static struct anomaly_histogram h;

static int
setup(void **state)
{
	memset(&h, 0, sizeof(h));
	return 0;
}

static void
learn_exponential(struct series_random *r, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		anomaly_histogram_surprise(&h, (float)-log(series_uniform(r)), MEMORY);
}

static void
nothing_surprises_at_first(void **state)
{
	assert_float_equal(anomaly_histogram_surprise(&h, 5, MEMORY), 0, 0);
}

static void
the_surprise_is_the_rank_in_the_body_and_exact_in_an_exponential_tail(void **state)
{
	static const struct {
		float value;
		double tolerance;
	} cases[] = {{.1f, .1}, {1, .15}, {2, .2}, {8, 1}, {12, 1.5}};
	struct series_random r = {.state = 1};
	struct anomaly_histogram before;
	size_t i;

	learn_exponential(&r, 20000);
	before = h;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		h = before;
		/* P(X >= x) = exp(-x), so the surprise is x itself */
		assert_float_equal(anomaly_histogram_surprise(&h, cases[i].value, MEMORY),
				cases[i].value, cases[i].tolerance);
	}
}

static void
surprises_grow_with_the_value_and_end_at_twenty(void **state)
{
	struct series_random r = {.state = 2};
	struct anomaly_histogram before;
	float last = 0, now, value;

	learn_exponential(&r, 5000);
	before = h;
	for (value = 3; value < 1e9f; value *= 1.5f) {
		h = before;
		now = anomaly_histogram_surprise(&h, value, MEMORY);
		assert_true(now >= last && now <= ANOMALY_SURPRISE_MAX);
		last = now;
	}
	assert_float_equal(last, ANOMALY_SURPRISE_MAX, 0);
}

static void
equal_values_never_surprise(void **state)
{
	int i;

	for (i = 0; i < 5000; i++)
		assert_true(anomaly_histogram_surprise(&h, 7, MEMORY) < 1e-3f);
}

static void
zeros_are_values_too(void **state)
{
	int i;

	for (i = 0; i < 1000; i++)
		anomaly_histogram_surprise(&h, 0, MEMORY);
	assert_int_equal(h.count[0], 1000);
	assert_true(anomaly_histogram_surprise(&h, 1, MEMORY) > 6);
	assert_true(anomaly_histogram_surprise(&h, 0, MEMORY) < .01f);
}

static void
the_range_slides_up_and_keeps_the_count(void **state)
{
	struct series_random r = {.state = 3};
	uint32_t sum = 0;
	int i;

	learn_exponential(&r, 1000);
	anomaly_histogram_surprise(&h, 1e12f, MEMORY);
	for (i = 0; i < ANOMALY_BINS; i++)
		sum += h.count[i];
	assert_int_equal(sum, 1001);
	assert_int_equal(h.n, 1001);
	assert_int_equal(h.count[ANOMALY_BINS - 1], 1);
	assert_true(anomaly_histogram_surprise(&h, 1, MEMORY) < .1f);
}

static void
a_full_memory_is_halved(void **state)
{
	struct series_random r = {.state = 4};
	uint32_t i;

	for (i = 0; i < 1000; i++)
		anomaly_histogram_surprise(&h, (float)series_uniform(&r), 1000);
	assert_in_range(h.n, 400, 500);
}

/* The tail is kept from sample to sample: it must be what a fresh sum over the bins says. */
static void
the_tail_kept_is_the_tail_counted(void **state)
{
	struct series_random r = {.state = 5};
	uint32_t i, sum, n;
	int bin;

	for (i = 0; i < 30000; i++) {
		float value = (float)exp(2 * series_gauss(&r) + (i > 20000 ? 8 : 0));

		anomaly_histogram_surprise(&h, value, 20011);
		if (i % 97)
			continue;
		for (sum = 0, n = 0, bin = 0; bin < ANOMALY_BINS; bin++) {
			n += h.count[bin];
			sum += bin >= h.tail ? h.count[bin] : 0;
		}
		assert_int_equal(h.n, n);
		assert_int_equal(h.tail_n, sum);
	}
}

static void
no_value_breaks_it(void **state)
{
	static const float values[] = {0, -1, 1e-45f, 1e-38f, 1e38f, 3.4e38f, 1, -0.f};
	float surprise;
	int i;

	for (i = 0; i < 10000; i++) {
		surprise = anomaly_histogram_surprise(&h, values[(i * 7 + i / 13) % 8], MEMORY);
		assert_true(surprise >= 0 && surprise <= ANOMALY_SURPRISE_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup(nothing_surprises_at_first, setup),
			cmocka_unit_test_setup(
					the_surprise_is_the_rank_in_the_body_and_exact_in_an_exponential_tail,
					setup),
			cmocka_unit_test_setup(
					surprises_grow_with_the_value_and_end_at_twenty, setup),
			cmocka_unit_test_setup(equal_values_never_surprise, setup),
			cmocka_unit_test_setup(zeros_are_values_too, setup),
			cmocka_unit_test_setup(the_range_slides_up_and_keeps_the_count, setup),
			cmocka_unit_test_setup(a_full_memory_is_halved, setup),
			cmocka_unit_test_setup(the_tail_kept_is_the_tail_counted, setup),
			cmocka_unit_test_setup(no_value_breaks_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
