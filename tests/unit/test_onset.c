/* SPDX-License-Identifier: Apache-2.0 */
#include "onset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "series.h"

#define RUNS 200

static const uint16_t horizon[ONSET_HORIZONS] = {30, 60, 300};
#define PAST 10.0
static const struct onset_limit above_60 = {.limit = 60, .worse = 1, .sd_min = 0.1};

/* P within 60 s after the newest sample. */
static double
said(const struct onset *o, const struct onset_limit *limit)
{
	struct onset_climb c;

	onset_look(o, limit, horizon, &c);
	assert_true(c.reach[0] >= 0 && c.reach[0] <= c.reach[1]);
	assert_true(c.reach[1] <= c.reach[2] && c.reach[2] <= 1);
	assert_true(isnan(c.median_s) || (c.low_s <= c.median_s && c.median_s <= c.high_s));
	return c.reach[1];
}

static void
feed(struct onset *o, struct series_random *r, double level, int n)
{
	while (n-- > 0)
		onset_update(o, level + series_gauss(r));
}

/* Mean of what is said `age` samples after the metric began to be level + slope x seconds, or jumped by that. */
static double
mean_said(double slope, double jump, int age)
{
	struct onset o = {0};
	double sum = 0;
	int run, i;

	for (run = 0; run < RUNS; run++) {
		struct series_random r = {.state = 1000u + (uint64_t)run};

		o = (struct onset){0};
		feed(&o, &r, PAST, 60);
		for (i = 1; i <= age; i++)
			feed(&o, &r, PAST + jump + slope * i, 1);
		sum += said(&o, &above_60);
	}
	return sum / RUNS;
}

static void
a_climb_is_known_within_some_samples(void **state)
{
	printf("# 2 sd a second, 50 sd to go: said %.2f after 4 samples, %.2f after 6, %.2f after "
	       "10\n",
			mean_said(2, 0, 4), mean_said(2, 0, 6), mean_said(2, 0, 10));
	/* To the limit in 50, 25 and 17 s: a steeper one is known earlier. */
	assert_true(mean_said(1, 0, 4) < 0.1);
	assert_true(mean_said(1, 0, 8) > 0.3);
	assert_true(mean_said(1, 0, 12) > 0.5);
	assert_true(mean_said(2, 0, 5) > 0.3);
	assert_true(mean_said(3, 0, 4) > 0.3);
}

static void
the_time_of_the_limit_is_within_its_interval(void **state)
{
	struct onset_climb c;
	int run, i, inside = 0;

	for (run = 0; run < RUNS; run++) {
		struct series_random r = {.state = 2000u + (uint64_t)run};
		struct onset o = {0};

		feed(&o, &r, PAST, 60);
		for (i = 1; i <= 10; i++)
			feed(&o, &r, PAST + 2 * i, 1);
		onset_look(&o, &above_60, horizon, &c);
		inside += c.low_s <= 15 && 15 <= c.high_s; /* (60 - 30) / 2 */
	}
	/* An 80 % interval, careful by the tempering. */
	assert_in_range(inside, 144, RUNS);
}

static void
a_climb_too_slow_for_the_horizon_is_none(void **state)
{
	/* 0.3 a second: 170 s to the limit. */
	assert_true(mean_said(0.3, 0, 20) < 0.05);
}

static void
a_jump_is_no_climb(void **state)
{
	static const int age[] = {1, 2, 3, 5, 10, 20};
	double most = 0;
	size_t i;

	for (i = 0; i < sizeof(age) / sizeof(age[0]); i++) {
		most = fmax(most, mean_said(0, 5, age[i]));
		most = fmax(most, mean_said(0, 20, age[i]));
	}
	printf("# jumps: said %.2f at most\n", most);
	assert_true(most < 0.05);
}

static void
noise_alone_hardly_ever_says_anything(void **state)
{
	struct series_random r = {.state = 7};
	struct onset o = {0};
	int i, high = 0;

	for (i = 0; i < 20000; i++) {
		feed(&o, &r, PAST, 1);
		high += said(&o, &above_60) > 0.1;
	}
	assert_true(high <= 2);
}

static void
one_spike_says_nothing(void **state)
{
	struct series_random r = {.state = 8};
	struct onset o = {0};
	int i;

	feed(&o, &r, PAST, 60);
	onset_update(&o, PAST + 30);
	for (i = 0; i < 20; i++) {
		assert_true(said(&o, &above_60) < 0.05);
		feed(&o, &r, PAST, 1);
	}
}

static void
a_limit_below_is_reached_by_falling(void **state)
{
	struct onset_limit below = {.limit = 0, .worse = -1, .sd_min = 0.1};
	struct series_random r = {.state = 9};
	struct onset o = {0};
	int i;

	feed(&o, &r, 50, 60);
	for (i = 1; i <= 12; i++)
		feed(&o, &r, 50 - 2 * i, 1);
	assert_true(said(&o, &below) > 0.3);
	below.worse = 1;
	below.limit = 100;
	assert_true(said(&o, &below) < 0.01);
}

static void
missing_samples_are_seconds_too(void **state)
{
	struct series_random r = {.state = 10};
	struct onset o = {0};
	int i;

	feed(&o, &r, PAST, 60);
	for (i = 1; i <= 14; i++)
		onset_update(&o, i % 3 ? PAST + 2 * i + series_gauss(&r) : NAN);
	assert_true(said(&o, &above_60) > 0.4);
}

static void
nonsense_says_nothing(void **state)
{
	static const double odd[] = {NAN, INFINITY, -INFINITY, 1e301, -1e301};
	static const struct onset_limit limits[] = {
			{.limit = 60, .worse = 1, .sd_min = NAN},
			{.limit = 60, .worse = 1, .sd_min = 0},
			{.limit = 60, .worse = 1, .sd_min = 0.1, .more_var = NAN},
			{.limit = NAN, .worse = 1, .sd_min = 0.1},
			{.limit = INFINITY, .worse = 1, .sd_min = 0.1},
			{.limit = 5, .worse = 1, .sd_min = 0.1},
	};
	struct series_random r = {.state = 11};
	struct onset o = {0};
	size_t i;

	for (i = 0; i < 5 * ONSET_SPAN; i++)
		onset_update(&o, odd[i % 5]);
	assert_true(said(&o, &above_60) == 0);
	feed(&o, &r, PAST, 60);
	for (i = 1; i <= 12; i++)
		feed(&o, &r, PAST + 2.0 * (double)i, 1);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		assert_true(said(&o, &limits[i]) == 0 || i == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_climb_is_known_within_some_samples),
			cmocka_unit_test(the_time_of_the_limit_is_within_its_interval),
			cmocka_unit_test(a_climb_too_slow_for_the_horizon_is_none),
			cmocka_unit_test(a_jump_is_no_climb),
			cmocka_unit_test(noise_alone_hardly_ever_says_anything),
			cmocka_unit_test(one_spike_says_nothing),
			cmocka_unit_test(a_limit_below_is_reached_by_falling),
			cmocka_unit_test(missing_samples_are_seconds_too),
			cmocka_unit_test(nonsense_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
