/* SPDX-License-Identifier: Apache-2.0 */
#include "trend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed;

/* xorshift64*, as 0..1: the same series everywhere. */
static double
uniform(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (double)((seed * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static double
gaussian(void)
{
	return sqrt(-2 * log(uniform() + 1e-300)) * cos(2 * M_PI * uniform());
}

static const struct trend_limit above_100 = {.limit = 100, .worse = 1};

static void
noise_around(struct trend *t, double level, double sd, int n)
{
	int i;

	for (i = 0; i < n; i++)
		trend_update(t, level + sd * gaussian());
}

static void
a_steady_rise_names_the_time_within_its_interval(void **state)
{
	struct trend_time time;
	struct trend t;
	int i, inside = 0, runs = 200;

	for (i = 0; i < runs; i++) {
		int s;

		seed = 1000 + (uint64_t)i;
		trend_init(&t);
		noise_around(&t, 20, 1, 60);
		for (s = 1; s <= 40; s++)
			trend_update(&t, 20 + 1.0 * s + gaussian());
		assert_true(trend_time_to_limit(&t, &above_100, 0, &time));
		assert_true(time.low <= time.median && time.median <= time.high);
		inside += time.low <= 40 && 40 <= time.high; /* (100 - 60) / 1 */
	}
	/* An 80 % interval: 200 runs, four standard deviations below and what it is too careful above. */
	assert_in_range(inside, 137, 200);
}

static void
what_the_passage_says_is_what_a_simulation_sees(void **state)
{
	static const struct trend_passage cases[] = {
			{.distance = 10, .slope = 0.5, .diffusion = 1},
			{.distance = 10, .slope = 0, .diffusion = 4},
			{.distance = 20, .slope = 0.5, .slope_var = 0.04, .diffusion = 0.5},
			{.distance = 5, .slope = -0.2, .slope_var = 0.01, .diffusion = 2},
	};
	size_t c;

	for (c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		const struct trend_passage *p = &cases[c];
		int run, step, reached = 0, runs = 4000;

		seed = 77;
		for (run = 0; run < runs; run++) {
			double drift = p->slope + sqrt(p->slope_var) * gaussian(), x = 0;

			for (step = 0; step < 300 && x < p->distance; step++)
				x += 0.1 * drift + sqrt(0.1 * p->diffusion) * gaussian();
			reached += x >= p->distance;
		}
		/* Steps of 0.1 s miss what goes over and back within one. */
		assert_true(fabs(trend_passage_probability(p, 30) - (double)reached / runs) < 0.04);
	}
}

static void
noise_far_from_the_limit_says_nothing(void **state)
{
	struct trend t;
	int i, loud = 0;

	seed = 5;
	trend_init(&t);
	noise_around(&t, 50, 5, 30);
	for (i = 0; i < 3600; i++) {
		noise_around(&t, 50, 5, 1);
		loud += trend_reach(&t, &above_100, 0, 60) > 0.2;
	}
	assert_in_range(loud, 0, 3);
}

static void
one_outlier_moves_nothing_and_three_do(void **state)
{
	struct trend t;
	double before;

	seed = 9;
	trend_init(&t);
	noise_around(&t, 20, 1, 120);
	before = t.scale[0].level;
	trend_update(&t, 1000);
	assert_true(fabs(t.scale[0].level - before) < 3);
	trend_update(&t, 1000);
	trend_update(&t, 1000);
	trend_update(&t, 1000);
	assert_true(t.scale[0].level > 200);
}

static void
a_limit_below_is_reached_by_falling(void **state)
{
	static const struct trend_limit below = {.limit = 10, .worse = -1};
	struct trend t;
	int i;

	seed = 11;
	trend_init(&t);
	for (i = 0; i < 60; i++)
		trend_update(&t, 100 - i + 0.3 * gaussian());
	assert_true(trend_reach(&t, &below, 0, 60) > 0.9);
	assert_true(trend_reach(&t, &below, 0, 5) < 0.01); /* 31 to go */
	assert_true(trend_reach(&t, &above_100, 0, 60) < 0.01);
}

static void
what_is_beyond_the_limit_has_reached_it(void **state)
{
	struct trend_time time;
	struct trend t;

	seed = 3;
	trend_init(&t);
	noise_around(&t, 150, 1, 40);
	assert_true(trend_reach(&t, &above_100, 0, 30) == 1);
	assert_true(trend_time_to_limit(&t, &above_100, 0, &time) && time.median < 0.01);
}

static void
gaps_and_nonsense_change_nothing(void **state)
{
	static const double odd[] = {NAN, INFINITY, -INFINITY, 1e301};
	static const struct trend_limit unknown = {.limit = NAN, .worse = 1};
	struct trend t, before;
	size_t i;

	seed = 4;
	trend_init(&t);
	noise_around(&t, 20, 1, 40);
	before = t;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		trend_update(&t, odd[i]);
	assert_int_equal(t.gap_s, 4);
	t.gap_s = before.gap_s;
	assert_memory_equal(&t, &before, sizeof(t));
	assert_true(trend_reach(&t, &unknown, 0, 60) == 0);
	assert_true(trend_passage_probability(
				    &(struct trend_passage){.distance = NAN, .slope = 1}, 30) == 0);
	for (i = 0; i < 70; i++)
		trend_update(&t, NAN);
	trend_update(&t, 7);
	assert_int_equal(t.seen, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_steady_rise_names_the_time_within_its_interval),
			cmocka_unit_test(what_the_passage_says_is_what_a_simulation_sees),
			cmocka_unit_test(noise_far_from_the_limit_says_nothing),
			cmocka_unit_test(one_outlier_moves_nothing_and_three_do),
			cmocka_unit_test(a_limit_below_is_reached_by_falling),
			cmocka_unit_test(what_is_beyond_the_limit_has_reached_it),
			cmocka_unit_test(gaps_and_nonsense_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
