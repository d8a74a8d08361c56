/* SPDX-License-Identifier: Apache-2.0 */
#include "load_series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR 3600
#define START INT64_C(1800000000) /* 2027-01-15, 08:00 UTC */

static char sentence[] = "80% chance of 20% more load within 5m";
static char *when[] = {sentence};
static uint64_t hour_ms[] = {HOUR * 1000ull};
static const struct load_calendar no_calendar;

static struct config_service
config_make(void)
{
	return (struct config_service){.name = (char *)(uintptr_t) "web",
			.forecast = {.interval_ms = 10000,
					.season_ms = hour_ms,
					.season_count = 1,
					.when = when,
					.when_count = 1}};
}

static struct load_series *
create(const struct config_service *config, const char *endpoint)
{
	struct load_series *s = load_series_create(config, endpoint);

	assert_non_null(s);
	return s;
}

/* Twice the load in the second half of every hour, and up to 10 % more or less in each interval. */
static double
load_at(int64_t wall_s)
{
	double noise = (double)((uint64_t)(wall_s / 10) * UINT64_C(0x9e3779b97f4a7c15) >> 40) /
			(1 << 24);

	return (wall_s % HOUR < HOUR / 2 ? 100 : 200) * (0.9 + 0.2 * noise);
}

static uint32_t
run(struct load_series *s, const struct load_calendar *c, int64_t from, int64_t to)
{
	uint32_t ended = 0;
	int64_t t;

	for (t = from; t < to; t++)
		ended += load_series_add(s, c, t, 0, load_at(t));
	return ended;
}

static void
seconds_become_intervals(void **state)
{
	struct config_service config = config_make();
	struct load_series *s = create(&config, "web1");

	assert_true(isnan(load_series_now(s)));
	assert_int_equal(run(s, &no_calendar, START, START + 301), 30);
	assert_int_equal(forecast_samples(s->model), 30);
	assert_true(fabs(load_series_now(s) - 100) <= 10);
	load_series_free(s);
	load_series_free(NULL);
}

static void
the_season_is_forecast(void **state)
{
	struct config_service config = config_make();
	struct load_series *s = create(&config, "");
	double q;

	/* five minutes before the load doubles, for the 12th time */
	run(s, &no_calendar, START, START + 12 * HOUR + HOUR / 2 - 300);
	q = load_series_quantile(s, &no_calendar, 0, 120, 0.5);
	assert_true(fabs(q - 100) < 10);
	q = load_series_quantile(s, &no_calendar, 0, 600, 0.5);
	if (!(fabs(q - 200) < 20))
		fail_msg("%g", q);
	q = load_series_highest(s, &no_calendar, 0, 1200, 0.5);
	if (!(fabs(q - 200) < 20))
		fail_msg("%g %g", q, load_series_quantile(s, &no_calendar, 0, 1200, 0.5));
	assert_true(fabs(load_series_highest(s, &no_calendar, 0, 120, 0.5) - 100) < 10);
	/* and remembered */
	assert_true(fabs(load_series_highest(s, &no_calendar, 0, 1200, 0.5) - 200) < 20);
	load_series_free(s);
}

static void
a_sentence_comes_true_as_it_says(void **state)
{
	struct config_service config = config_make();
	struct load_series *s = create(&config, "");
	int64_t begin = START + 40 * HOUR;

	run(s, &no_calendar, START, begin + HOUR / 2 - 900);
	assert_int_equal(s->when_count, 1);
	assert_true(s->when[0].watch.probability < 0.2);
	run(s, &no_calendar, begin + HOUR / 2 - 900, begin + HOUR / 2 - 120);
	assert_true(s->when[0].watch.probability > 0.8);
	assert_true(s->when[0].watch.score.statements > 10000);
	load_series_free(s);
}

static void
what_was_not_measured_is_a_gap(void **state)
{
	static const double bad[] = {NAN, INFINITY, -1};
	struct config_service config = config_make();
	struct load_series *s = create(&config, "web1");
	int64_t t;

	for (t = START; t < START + 100; t++)
		load_series_add(s, &no_calendar, t, 0, bad[t % 3]);
	assert_int_equal(forecast_samples(s->model), 0);
	assert_true(isnan(load_series_now(s)));
	assert_true(isnan(load_series_quantile(s, &no_calendar, 0, 60, 0.5)));
	/* the clock goes back, and far ahead */
	load_series_add(s, &no_calendar, START - 5000, 0, 5);
	load_series_add(s, &no_calendar, START + 500000000, 0, 5);
	run(s, &no_calendar, START + 500000000, START + 500000000 + 200);
	assert_true(load_series_now(s) > 0);
	load_series_free(s);
}

static void
a_clock_that_was_ahead_and_came_back_freezes_nothing(void **state)
{
	struct config_service config = config_make();
	struct load_series *s = create(&config, "");
	uint64_t before;

	run(s, &no_calendar, START, START + 6 * HOUR);
	run(s, &no_calendar, START + 240 * HOUR,
			START + 240 * HOUR + 60); /* ten days, for a minute */
	before = forecast_samples(s->model);
	run(s, &no_calendar, START + 6 * HOUR, START + 12 * HOUR + HOUR / 4);
	assert_true(forecast_samples(s->model) >= before + 6 * HOUR / 10);
	/* A quarter past: low; half an hour later: high. */
	assert_true(load_series_quantile(s, &no_calendar, 0, 60, 0.5) < 130);
	assert_true(load_series_quantile(s, &no_calendar, 0, HOUR / 2, 0.5) > 170);
	load_series_free(s);
}

static void
a_clock_that_is_set_back_by_minutes_freezes_nothing(void **state)
{
	struct config_service config = config_make();
	struct load_series *s = create(&config, "");
	uint64_t before;

	run(s, &no_calendar, START, START + 6 * HOUR);
	before = forecast_samples(s->model);
	run(s, &no_calendar, START + 6 * HOUR - 600, START + 6 * HOUR);
	assert_in_range(forecast_samples(s->model), before + 59, before + 61);
	load_series_free(s);
}

static void
a_series_fits_its_configuration(void **state)
{
	static char other[] = "70% chance of 20% more load within 5m";
	static char far[] = "80% chance of 20% more load within 1h";
	char *others[] = {other}, *fars[] = {far};
	struct config_service config = config_make(), changed;
	struct load_series *s = create(&config, ""), *e = create(&config, "web1");

	assert_true(load_series_fits(s, &config) && load_series_fits(e, &config));
	changed = config;
	changed.forecast.interval_ms = 20000;
	assert_false(load_series_fits(s, &changed) || load_series_fits(e, &changed));
	changed = config;
	changed.forecast.season_count = 0;
	assert_false(load_series_fits(s, &changed) || load_series_fits(e, &changed));
	changed = config;
	changed.forecast.when = others;
	assert_false(load_series_fits(s, &changed));
	assert_true(load_series_fits(e, &changed));
	load_series_free(s);
	changed.forecast.when = fars;
	s = create(&changed, "");
	assert_true(load_series_fits(s, &changed));
	load_series_free(s);
	load_series_free(e);
}

/* So it may as well be made then. */
static void
a_series_that_waited_for_its_first_load_is_like_a_new_one(void **state)
{
	struct config_service config = config_make();
	struct load_series *waited = create(&config, "web1"), *late = create(&config, "web1");
	const void *a, *b;
	size_t size;
	int64_t t;

	for (t = START; t < START + 3 * HOUR + 4; t++)
		load_series_add(waited, &no_calendar, t, 0, NAN);
	run(waited, &no_calendar, t, t + 2 * HOUR);
	run(late, &no_calendar, t, t + 2 * HOUR);
	a = forecast_state(waited->model, &size);
	b = forecast_state(late->model, &size);
	assert_memory_equal(a, b, size);
	assert_true(load_series_quantile(waited, &no_calendar, 0, 60, 0.9) ==
			load_series_quantile(late, &no_calendar, 0, 60, 0.9));
	load_series_free(waited);
	load_series_free(late);
}

static void
events_are_marked_at_their_time(void **state)
{
	struct calendar_event event[] = {{100, 200, CALENDAR_ONCE}, {150, 300, CALENDAR_ONCE}};
	uint8_t bit[] = {3, 5};
	struct load_calendar c = {.event = event, .bit = bit, .count = 2};

	assert_int_equal(load_calendar_at(&c, 99), 0);
	assert_int_equal(load_calendar_at(&c, 100), 1 << 3);
	assert_int_equal(load_calendar_at(&c, 160), 1 << 3 | 1 << 5);
	assert_int_equal(load_calendar_at(&c, 299), 1 << 5);
	assert_int_equal(load_calendar_at(&no_calendar, 160), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(seconds_become_intervals),
			cmocka_unit_test(the_season_is_forecast),
			cmocka_unit_test(a_sentence_comes_true_as_it_says),
			cmocka_unit_test(what_was_not_measured_is_a_gap),
			cmocka_unit_test(a_clock_that_was_ahead_and_came_back_freezes_nothing),
			cmocka_unit_test(a_clock_that_is_set_back_by_minutes_freezes_nothing),
			cmocka_unit_test(a_series_fits_its_configuration),
			cmocka_unit_test(a_series_that_waited_for_its_first_load_is_like_a_new_one),
			cmocka_unit_test(events_are_marked_at_their_time),
	};

	return cmocka_run_group_tests_name("load_series", tests, NULL, NULL);
}
