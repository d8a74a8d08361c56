/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "series.h"

#define DAY_S 86400
#define LEARN 750
#define STATES 10000

typedef double (*noise_fn)(struct series_random *r);

static const struct noise {
	const char *name;
	noise_fn next;
	double sd;
	uint32_t notices_s; /* a shift of 5 sd, at the latest; 0: not asked */
} noises[] = {
		{"gauss", series_gauss, 1, 10},
		{"ar", series_ar, 1, 20},
		{"lognormal", series_lognormal, 2.161, 0},
		{"poisson", series_poisson, 1.225, 10},
};

#define NOISES (sizeof(noises) / sizeof(noises[0]))

static struct anomaly_settings
settings_of(double cadence_s)
{
	struct anomaly_settings s;

	anomaly_settings_init(&s, cadence_s, LEARN);
	return s;
}

/* Feeds n samples at one a second, and counts the alarms. */
static uint32_t
feed(struct anomaly *a, const struct noise *noise, struct series_random *r, uint32_t n)
{
	struct anomaly_settings s = settings_of(1);
	uint32_t alarms = 0, i;

	for (i = 0; i < n; i++)
		alarms += anomaly_update(a, &s, noise->next(r), a->n).alarm;
	return alarms;
}

static struct anomaly
fresh(double cadence_s)
{
	struct anomaly_settings s = settings_of(cadence_s);
	struct anomaly a;

	anomaly_init(&a, &s);
	return a;
}

static void
noise_at_one_hertz_alarms_less_than_three_times_a_day(void **state)
{
	size_t i;

	for (i = 0; i < NOISES; i++) {
		struct series_random r = {.state = 11};
		struct anomaly a = fresh(1);
		uint32_t alarms = feed(&a, &noises[i], &r, 2 * DAY_S);

		if (alarms > 2 * 3)
			fail_msg("%s: %u alarms in 2 days", noises[i].name, alarms);
	}
}

/* Seconds until the alarm; UINT32_MAX: none in a minute. */
static uint32_t
seconds_to_notice(const struct noise *noise, double shift_sd)
{
	struct anomaly_settings s = settings_of(1);
	struct series_random r = {.state = 12};
	struct anomaly a = fresh(1);
	uint32_t i;

	feed(&a, noise, &r, DAY_S / 4);
	for (i = 1; i <= 60; i++) {
		double x = noise->next(&r) + shift_sd * noise->sd;

		if (anomaly_update(&a, &s, x, a.n).alarm)
			return i;
	}
	return UINT32_MAX;
}

static void
a_shift_of_five_sd_at_one_hertz_alarms_within_seconds(void **state)
{
	size_t i;

	for (i = 0; i < NOISES; i++) {
		uint32_t after = seconds_to_notice(&noises[i], 5);

		if (noises[i].notices_s && after > noises[i].notices_s)
			fail_msg("%s: noticed after %u s", noises[i].name, after);
	}
}

static void
nothing_alarms_while_it_learns(void **state)
{
	struct anomaly_settings s = settings_of(300);
	struct series_random r = {.state = 13};
	struct anomaly a = fresh(300);
	uint32_t i;

	for (i = 0; i < LEARN; i++) {
		double x = series_gauss(&r) + (i % 100 > 90 ? 50 : 0);

		assert_false(anomaly_update(&a, &s, x, i * 300).alarm);
	}
}

/* A daily wave with noise at 5 minutes; `days` of it. */
static void
feed_wave(struct anomaly *a, const struct anomaly_settings *s, struct series_random *r, int days)
{
	int i;

	for (i = 0; i < days * 288; i++)
		anomaly_update(a, s, 50 + 20 * sin(2 * M_PI * (a->n % 288) / 288) + series_gauss(r),
				(int64_t)a->n * 300);
}

static void
each_change_of_a_daily_wave_alarms_at_five_minutes(void **state)
{
	static const struct {
		const char *name;
		double shift, gain, noise;
	} cases[] = {
			{"a higher level", 40, 20, 1},
			{"no day", 0, 0, 1},
			{"more noise", 0, 20, 12},
			{"a frozen value", -20, 0, 0},
	};
	struct anomaly_settings s = settings_of(300);
	size_t c;

	for (c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct series_random r = {.state = 14};
		struct anomaly a = fresh(300);
		uint32_t alarms = 0, i;

		feed_wave(&a, &s, &r, 12);
		a.alarm.quiet = 0;
		for (i = 0; i < 200; i++) {
			double wave = sin(2 * M_PI * (a.n % 288) / 288);
			double x = 50 + cases[c].shift + cases[c].gain * wave +
					cases[c].noise * series_gauss(&r);

			alarms += anomaly_update(&a, &s, x, (int64_t)a.n * 300).alarm;
		}
		if (alarms == 0)
			fail_msg("%s: no alarm", cases[c].name);
	}
}

static void
the_sd_says_how_far_and_which_way(void **state)
{
	struct anomaly_settings s = settings_of(1);
	struct series_random r = {.state = 15};
	struct anomaly a = fresh(1);
	struct anomaly_result result = {0};
	int i;

	feed(&a, &noises[0], &r, 5000);
	for (i = 0; i < 12; i++)
		result = anomaly_update(&a, &s, -6 + series_gauss(&r), a.n);
	assert_float_equal(result.sd, -6, 1);
	assert_true(result.surprise[result.cause] >= result.score);
	assert_true(strlen(anomaly_view_text(result.cause)) > 7);
}

static void
a_sample_that_is_no_number_has_no_verdict_and_is_not_learnt(void **state)
{
	static const double bad[] = {NAN, INFINITY, -INFINITY, 1e30, -1e300};
	struct anomaly_settings s = settings_of(1);
	struct series_random r = {.state = 16};
	struct anomaly a = fresh(1), before;
	struct anomaly_result result;
	size_t i;

	feed(&a, &noises[0], &r, 2000);
	memcpy(&before, &a, sizeof(a));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		result = anomaly_update(&a, &s, bad[i], a.n);
		assert_false(result.alarm);
		assert_float_equal(result.score, 0, 0);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static double
absurd(struct series_random *r)
{
	static const double values[] = {
			0, -0., 5e-324, -5e-324, 9.9e29, -9.9e29, 1e-300, 1, 1e15, NAN, INFINITY};

	if (series_uniform(r) < .5)
		return series_gauss(r);
	return values[(size_t)(series_uniform(r) * 11)];
}

static void
no_sample_and_no_time_breaks_it(void **state)
{
	struct anomaly_settings s = settings_of(1);
	struct series_random r = {.state = 17};
	struct anomaly_result result;
	int series, i;

	for (series = 0; series < 40; series++) {
		struct anomaly a = fresh(1);

		for (i = 0; i < 3000; i++) {
			result = anomaly_update(
					&a, &s, absurd(&r), (int64_t)(1e18 * series_gauss(&r)));
			assert_true(result.score >= 0 && result.score <= ANOMALY_SURPRISE_MAX);
		}
	}
}

static void
a_constant_never_alarms_until_it_moves(void **state)
{
	struct anomaly_settings s = settings_of(1);
	struct anomaly a = fresh(1);
	uint32_t alarms = 0, i;

	for (i = 0; i < 10000; i++)
		assert_false(anomaly_update(&a, &s, 7, i).alarm);
	for (i = 0; i < 5; i++)
		alarms += anomaly_update(&a, &s, 8, a.n).alarm;
	assert_int_equal(alarms, 1);
}

static void
a_replay_gives_the_same_bits(void **state)
{
	struct series_random r1 = {.state = 18}, r2 = {.state = 18};
	struct anomaly one = fresh(1), two = fresh(1);

	feed(&one, &noises[2], &r1, 20000);
	feed(&two, &noises[2], &r2, 20000);
	assert_memory_equal(&one, &two, sizeof(one));
}

static void
a_restored_state_goes_on_with_the_same_bits(void **state)
{
	struct series_random r = {.state = 19}, again;
	struct anomaly_settings s = settings_of(1);
	uint8_t saved[ANOMALY_SAVED_SIZE];
	struct anomaly one = fresh(1), two;

	feed(&one, &noises[1], &r, 5000);
	anomaly_save(&one, saved);
	assert_int_equal(anomaly_restore(&two, &s, saved, sizeof(saved)), 0);
	again = r;
	feed(&one, &noises[1], &r, 5000);
	feed(&two, &noises[1], &again, 5000);
	assert_memory_equal(&one, &two, sizeof(one));
}

static void
a_damaged_or_foreign_state_is_refused(void **state)
{
	struct anomaly_settings s = settings_of(1), other;
	struct series_random r = {.state = 20};
	uint8_t saved[ANOMALY_SAVED_SIZE];
	struct anomaly a = fresh(1), out = {.n = 42};

	feed(&a, &noises[0], &r, 1000);
	anomaly_save(&a, saved);
	assert_int_equal(anomaly_restore(&out, &s, saved, sizeof(saved) - 1), -EINVAL);
	saved[sizeof(saved) / 2] ^= 1;
	assert_int_equal(anomaly_restore(&out, &s, saved, sizeof(saved)), -EINVAL);
	saved[sizeof(saved) / 2] ^= 1;
	saved[4] ^= 1; /* the version */
	assert_int_equal(anomaly_restore(&out, &s, saved, sizeof(saved)), -EPROTO);
	saved[4] ^= 1;
	anomaly_settings_init(&other, 1, LEARN / 2);
	assert_int_equal(anomaly_restore(&out, &other, saved, sizeof(saved)), -EPROTO);
	assert_int_equal(out.n, 42);
	assert_int_equal(anomaly_restore(&out, &s, saved, sizeof(saved)), 0);
}

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Round robin, so that every state comes from memory. The bound is loose: others share the machine, sanitizers too. */
static void
an_update_of_a_cold_state_takes_microseconds(void **state)
{
	struct anomaly *all = malloc(sizeof(*all) * STATES);
	struct anomaly_settings s = settings_of(1);
	struct series_random r = {.state = 21};
	struct anomaly warm = fresh(1);
	double best = INFINITY, begin;
	int round, i;

	feed(&warm, &noises[0], &r, 3000);
	for (i = 0; i < STATES; i++)
		all[i] = warm;
	for (round = 0; round < 5; round++) {
		begin = cpu_s();
		for (i = 0; i < STATES; i++) {
			anomaly_prefetch(&all[i + 1 < STATES ? i + 1 : 0]);
			anomaly_update(&all[i], &s, (i * 37 + round) % 11, all[i].n);
		}
		best = fmin(best, (cpu_s() - begin) / STATES);
	}
	print_message("# %.0f ns an update of a cold state\n", 1e9 * best);
	assert_true(best < 20e-6);
	assert_true(sizeof(warm) <= 6144);
	free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(noise_at_one_hertz_alarms_less_than_three_times_a_day),
			cmocka_unit_test(a_shift_of_five_sd_at_one_hertz_alarms_within_seconds),
			cmocka_unit_test(nothing_alarms_while_it_learns),
			cmocka_unit_test(each_change_of_a_daily_wave_alarms_at_five_minutes),
			cmocka_unit_test(the_sd_says_how_far_and_which_way),
			cmocka_unit_test(
					a_sample_that_is_no_number_has_no_verdict_and_is_not_learnt),
			cmocka_unit_test(no_sample_and_no_time_breaks_it),
			cmocka_unit_test(a_constant_never_alarms_until_it_moves),
			cmocka_unit_test(a_replay_gives_the_same_bits),
			cmocka_unit_test(a_restored_state_goes_on_with_the_same_bits),
			cmocka_unit_test(a_damaged_or_foreign_state_is_refused),
			cmocka_unit_test(an_update_of_a_cold_state_takes_microseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
