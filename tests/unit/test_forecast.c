/* SPDX-License-Identifier: Apache-2.0 */
#include "forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quantile_track.h"

#define DAY 48
#define WEEK (7 * DAY)

static double
gaussian(void)
{
	return normal_quantile(fmin(fmax(drand48(), 1e-12), 1 - 1e-12));
}

static double
daily(int64_t t)
{
	double phase = 2 * M_PI * (double)(t % DAY) / DAY;

	return 1000 * (1.3 - cos(phase) + 0.3 * sin(2 * phase));
}

static double
weekly(int64_t t)
{
	return daily(t) * (t % WEEK >= 5 * DAY ? 0.6 : 1);
}

static const struct forecast_settings two_seasons = {
		.season = {DAY, WEEK}, .seasons = 2, .horizon = DAY, .floor = 50};

static struct forecast *
create(const struct forecast_settings *s)
{
	struct forecast *f = forecast_create(s);

	assert_non_null(f);
	return f;
}

static void
settings_out_of_range_are_refused(void **state)
{
	static const struct {
		const char *name;
		struct forecast_settings s;
	} cases[] = {
			{"no horizon", {.horizon = 0}},
			{"too long a horizon", {.horizon = 1u << 21}},
			{"a season of one", {.season = {1}, .seasons = 1, .horizon = 1}},
			{"falling seasons", {.season = {48, 48}, .seasons = 2, .horizon = 1}},
			{"too many seasons", {.seasons = FORECAST_SEASONS_MAX + 1, .horizon = 1}},
			{"too many slots", {.horizon = 1, .slots = FORECAST_SLOTS_MAX + 1}},
			{"a floor below zero", {.horizon = 1, .floor = -1}},
			{"a floor that is no number", {.horizon = 1, .floor = NAN}},
			{"an infinite floor", {.horizon = 1, .floor = INFINITY}},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (forecast_create(&cases[i].s))
			fail_msg("%s was taken", cases[i].name);
	}
	forecast_free(NULL);
}

/* Share of values at or below the forecasts' q-quantile, and mean absolute error of the median. */
struct quality {
	double below[3], error;
	uint32_t count;
};

static void
replay(double (*series)(int64_t), double noise, uint32_t ahead, struct quality *out)
{
	static const double level[3] = {0.1, 0.5, 0.9};
	struct forecast *f = create(&two_seasons);
	double value[10 * WEEK], q;
	int64_t t;
	size_t i;

	*out = (struct quality){0};
	for (t = 0; t < 10 * WEEK; t++)
		value[t] = series(t) * exp(noise * gaussian());
	for (t = 0; t + ahead < 10 * WEEK; t++) {
		forecast_update(f, t, value[t], 0);
		if (t < 3 * WEEK)
			continue;
		for (i = 0; i < 3; i++) {
			q = forecast_quantile(f, ahead, 0, level[i]);
			out->below[i] += value[t + ahead] <= q;
			if (i == 1)
				out->error += fabs(value[t + ahead] - q) / value[t + ahead];
		}
		out->count++;
	}
	out->error /= out->count;
	forecast_free(f);
}

static void
quantiles_of_seasonal_load_cover_what_they_claim(void **state)
{
	static const struct {
		const char *name;
		double (*series)(int64_t);
		double noise;
		double error_max; /* mean, relative; of the noise alone it is 0.8 of it */
	} cases[] = {
			{"daily, little noise", daily, 0.02, 0.022},
			{"daily, much noise", daily, 0.2, 0.19},
			{"weekly", weekly, 0.05, 0.055},
	};
	static const uint32_t ahead[] = {1, 5, 20, DAY};
	static const double level[3] = {0.1, 0.5, 0.9};
	struct quality q;
	size_t i, k, l;

	srand48(7);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (k = 0; k < 4; k++) {
			replay(cases[i].series, cases[i].noise, ahead[k], &q);
			for (l = 0; l < 3; l++) {
				if (!(fabs(q.below[l] / q.count - level[l]) < 0.05))
					fail_msg("%s, %u ahead: %g below the %g-quantile",
							cases[i].name, ahead[k],
							q.below[l] / q.count, level[l]);
			}
			if (!(q.error < cases[i].error_max))
				fail_msg("%s, %u ahead: error %g", cases[i].name, ahead[k],
						q.error);
		}
	}
}

/* `event` marks the samples 0 to 9 of every third day, at which the load doubles. */
static void
an_event_is_learnt_by_its_name(void **state)
{
	struct forecast *f = create(&two_seasons);
	double with, without, last_day = 40 * DAY;
	bool event;
	int64_t t;

	srand48(8);
	for (t = 0; t < last_day; t++) {
		event = t / DAY % 3 == 2 && t % DAY < 10;
		forecast_update(f, t, daily(t) * (event ? 2 : 1) * exp(0.03 * gaussian()),
				event ? 1 << 4 : 0);
	}
	with = forecast_quantile(f, 5, 1 << 4, 0.5);
	without = forecast_quantile(f, 5, 0, 0.5);
	assert_true(fabs(without / daily(t + 4) - 1) < 0.12);
	assert_true(fabs(with / without - 2) < 0.25);
	forecast_free(f);
}

static void
a_level_shift_is_followed_within_a_day(void **state)
{
	struct forecast *f = create(&two_seasons);
	int64_t t, shift = 6 * WEEK;

	srand48(9);
	for (t = 0; t < shift + DAY; t++)
		forecast_update(f, t, daily(t) * (t < shift ? 1 : 2.5) * exp(0.03 * gaussian()), 0);
	assert_true(fabs(forecast_quantile(f, 1, 0, 0.5) / (2.5 * daily(t)) - 1) < 0.15);
	assert_true(fabs(forecast_quantile(f, 10, 0, 0.5) / (2.5 * daily(t + 9)) - 1) < 0.25);
	forecast_free(f);
}

static void
a_single_outlier_moves_nothing_for_long(void **state)
{
	struct forecast *f = create(&two_seasons);
	int64_t t, hit = 6 * WEEK;

	srand48(10);
	for (t = 0; t < hit + 12; t++)
		forecast_update(f, t, t == hit ? 1e7 : daily(t) * exp(0.03 * gaussian()), 0);
	assert_true(fabs(forecast_quantile(f, 1, 0, 0.5) / daily(t) - 1) < 0.15);
	for (; t < hit + WEEK; t++)
		forecast_update(f, t, daily(t) * exp(0.03 * gaussian()), 0);
	assert_true(fabs(forecast_quantile(f, 1, 0, 0.5) / daily(t) - 1) < 0.1);
	forecast_free(f);
}

static void
gaps_of_any_kind_leave_the_forecast_whole(void **state)
{
	static const double gap[] = {NAN, INFINITY, -INFINITY};
	struct forecast *f = create(&two_seasons);
	int64_t t;

	srand48(12);
	for (t = 0; t < 8 * WEEK; t++) {
		if (t % 11 == 3)
			continue; /* no sample at all */
		if (t / DAY == 40)
			forecast_update(f, t, gap[t % 3], 0);
		else
			forecast_update(f, t,
					t % 7 == 2 ? gap[t % 3] : daily(t) * exp(0.02 * gaussian()),
					0);
	}
	forecast_update(f, t - 5, 1e9, 0); /* out of order: ignored */
	assert_true(forecast_index(f) < t);
	assert_true(fabs(forecast_quantile(f, 4, 0, 0.5) / daily(forecast_index(f) + 4) - 1) < 0.1);
	forecast_update(f, t + 100 * WEEK, daily(t), 0); /* after two years */
	assert_true(fabs(forecast_quantile(f, 4, 0, 0.5) / daily(t + 4) - 1) < 0.3);
	forecast_free(f);
}

static void
what_cannot_be_said_is_nan(void **state)
{
	struct forecast *f = create(&two_seasons);
	struct forecast_point p;
	int64_t t;

	assert_true(isnan(forecast_quantile(f, 1, 0, 0.5)));
	for (t = 0; t < 100; t++)
		forecast_update(f, t, NAN, 0);
	assert_true(isnan(forecast_quantile(f, 1, 0, 0.5)));
	assert_false(forecast_point(f, 1, 0, &p));
	for (; t < 200; t++)
		forecast_update(f, t, 5, 0);
	assert_false(isnan(forecast_quantile(f, 1, 0, 0.5)));
	assert_true(isnan(forecast_quantile(f, 0, 0, 0.5)));
	assert_true(isnan(forecast_quantile(f, DAY + 1, 0, 0.5)));
	assert_true(isnan(forecast_quantile(f, 1, 0, 0)));
	assert_true(isnan(forecast_quantile(f, 1, 0, 1)));
	assert_true(isnan(forecast_quantile(f, 1, 0, NAN)));
	forecast_free(f);
}

static void
a_constant_series_is_forecast_as_it_is(void **state)
{
	static const double value[] = {0, 7, 1e12};
	double q;
	size_t i;
	int64_t t;

	for (i = 0; i < 3; i++) {
		struct forecast *f = create(&two_seasons);

		for (t = 0; t < 3 * WEEK; t++)
			forecast_update(f, t, value[i], 0);
		for (q = 0.05; q < 1; q += 0.1)
			assert_true(fabs(forecast_quantile(f, 3, 0, q) - value[i]) <=
					1e-3 * (value[i] + 1));
		forecast_free(f);
	}
}

static void
quantiles_never_cross(void **state)
{
	struct forecast *f = create(&two_seasons);
	double last, q, level;
	uint32_t ahead;
	int64_t t;

	srand48(13);
	for (t = 0; t < WEEK; t++) {
		forecast_update(f, t, daily(t) * exp(2 * gaussian()), 0);
		for (ahead = 1; t > 2 * DAY && ahead <= DAY; ahead += 7) {
			last = -INFINITY;
			for (level = 0.01; level < 1; level += 0.07) {
				q = forecast_quantile(f, ahead, 0, level);
				assert_true(q >= last);
				last = q;
			}
		}
	}
	forecast_free(f);
}

static void
a_restored_state_goes_on_to_the_same_bits(void **state)
{
	struct forecast *f = create(&two_seasons), *g = create(&two_seasons);
	const void *bytes, *other;
	void *copy;
	size_t size, other_size;
	int64_t t;

	for (t = 0; t < WEEK; t++)
		forecast_update(f, t, daily(t), t % 5 == 0);
	bytes = forecast_state(f, &size);
	copy = malloc(size);
	memcpy(copy, bytes, size);
	assert_true(forecast_restore(g, FORECAST_VERSION, copy, size));
	free(copy);
	for (; t < 2 * WEEK; t++) {
		forecast_update(f, t, weekly(t), t % 5 == 0);
		forecast_update(g, t, weekly(t), t % 5 == 0);
	}
	other = forecast_state(g, &other_size);
	assert_int_equal(size, other_size);
	assert_memory_equal(forecast_state(f, &size), other, size);
	forecast_free(f);
	forecast_free(g);
}

static void
a_state_that_does_not_fit_changes_nothing(void **state)
{
	struct forecast_settings fewer = two_seasons;
	struct forecast *f = create(&two_seasons), *g = create(&two_seasons), *h;
	unsigned char *copy;
	size_t size, i;
	int64_t t;

	fewer.floor = 51;
	h = create(&fewer);
	for (t = 0; t < WEEK; t++)
		forecast_update(f, t, daily(t), 0);
	copy = malloc(*(forecast_state(f, &size), &size));
	memcpy(copy, forecast_state(f, &size), size);
	assert_false(forecast_restore(g, FORECAST_VERSION + 1, copy, size));
	assert_false(forecast_restore(g, FORECAST_VERSION, copy, size - 1));
	assert_false(forecast_restore(h, FORECAST_VERSION, copy, size));
	/* bits of every block: restored or refused, but never unusable */
	srand48(14);
	for (i = 0; i < 300; i++) {
		copy[lrand48() % (long)size] ^= (unsigned char)(1 << (i % 8));
		forecast_restore(g, FORECAST_VERSION, copy, size);
		forecast_update(g, forecast_index(g) + 1, 5, 0);
		forecast_quantile(g, 3, 0, 0.5);
	}
	memset(copy + size / 2, 0xff, size / 2);
	assert_false(forecast_restore(g, FORECAST_VERSION, copy, size));
	free(copy);
	forecast_free(f);
	forecast_free(g);
	forecast_free(h);
}

/* A season of more samples than slots: read by interpolation. */
static void
a_long_season_shares_slots(void **state)
{
	static const struct forecast_settings coarse = {.season = {DAY, WEEK},
			.seasons = 2,
			.horizon = 4,
			.slots = 50,
			.floor = 50};
	struct forecast *f = create(&coarse);
	double error = 0;
	int64_t t;

	for (t = 0; t < 8 * WEEK; t++) {
		if (t > 6 * WEEK)
			error += fabs(forecast_quantile(f, 4, 0, 0.5) / weekly(t + 3) - 1);
		forecast_update(f, t, weekly(t), 0);
	}
	assert_true(error / (2 * WEEK) < 0.1);
	forecast_free(f);
}

static void
the_phase_moves_the_seasons(void **state)
{
	struct forecast *f = create(&two_seasons);
	int64_t t;

	for (t = 0; t < 5 * WEEK; t++)
		forecast_update(f, t, daily(t), 0);
	forecast_set_phase(f, 2); /* the clock went two samples ahead, and the load with it */
	for (; t < 5 * WEEK + DAY; t++)
		forecast_update(f, t, daily(t + 2), 0);
	assert_true(fabs(forecast_quantile(f, 12, 0, 0.5) / daily(t + 13) - 1) < 0.05);
	forecast_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(settings_out_of_range_are_refused),
			cmocka_unit_test(quantiles_of_seasonal_load_cover_what_they_claim),
			cmocka_unit_test(an_event_is_learnt_by_its_name),
			cmocka_unit_test(a_level_shift_is_followed_within_a_day),
			cmocka_unit_test(a_single_outlier_moves_nothing_for_long),
			cmocka_unit_test(gaps_of_any_kind_leave_the_forecast_whole),
			cmocka_unit_test(what_cannot_be_said_is_nan),
			cmocka_unit_test(a_constant_series_is_forecast_as_it_is),
			cmocka_unit_test(quantiles_never_cross),
			cmocka_unit_test(a_restored_state_goes_on_to_the_same_bits),
			cmocka_unit_test(a_state_that_does_not_fit_changes_nothing),
			cmocka_unit_test(a_long_season_shares_slots),
			cmocka_unit_test(the_phase_moves_the_seasons),
	};

	return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
