/* SPDX-License-Identifier: Apache-2.0 */
#include "history_codec.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLACES HISTORY_PLACES_MAX

static uint64_t seed;

static double
uniform(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double
normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static double walk_at;

static double
constant(uint32_t i)
{
	return 4711.25;
}

static double
zero(uint32_t i)
{
	return 0;
}

static double
walk(uint32_t i)
{
	walk_at += normal();
	return walk_at;
}

/* Times of replies in microseconds: about a millisecond, 20 % noise. */
static double
latency(uint32_t i)
{
	return 1000 * exp(0.2 * normal());
}

/* A tail's quantile, that jumps about. */
static double
latency_p99(uint32_t i)
{
	return 8000 * exp(0.5 * normal());
}

/* A rate by a second that is not quite one. */
static double
rate(uint32_t i)
{
	return (double)(long)(2000 + 45 * normal()) / (1 + 0.0005 * normal());
}

static double
open_flows(uint32_t i)
{
	return floor(300 + 12 * normal());
}

static double
rare(uint32_t i)
{
	return uniform() < 0.05 ? 0.001 * (1 + floor(4 * uniform())) : 0;
}

static double
extremes(uint32_t i)
{
	static const double all[] = {0, -0.0, INFINITY, -INFINITY, DBL_MAX, -DBL_MAX, DBL_MIN,
			4.9e-324, 1e-300, -1, 1, 131072, -131072, 1e9, 16777216, 0.1};

	return all[i % (sizeof(all) / sizeof(all[0]))];
}

static double
any_bits(uint32_t i)
{
	uint64_t bits;
	double value;

	uniform();
	bits = seed;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static double
with_gaps(uint32_t i)
{
	return i < 7 || i > 100 || i % 5 == 0 ? NAN : latency(i);
}

static double
gaps_alone(uint32_t i)
{
	return NAN;
}

static const struct series {
	const char *name;
	double (*at)(uint32_t i);
	double bytes_max; /* a sample; of one series in 120 samples */
} all_series[] = {
		{"zero", zero, 0.1},
		{"constant", constant, 0.1},
		{"rare", rare, 0.6},
		{"open flows", open_flows, 0.85},
		{"rate", rate, 1.95},
		{"latency", latency, 2.4},
		{"latency p99", latency_p99, 2.6},
		{"random walk", walk, 3.2},
		{"with gaps", with_gaps, 2},
		{"gaps alone", gaps_alone, 0},
		{"extremes", extremes, 7},
		{"any bits", any_bits, 7},
};
#define SERIES (sizeof(all_series) / sizeof(all_series[0]))

static bool
is_near(double got, double wanted)
{
	if (isnan(wanted))
		return isnan(got);
	if (isinf(wanted) || wanted == 0)
		return got == wanted;
	if (fabs(wanted) < 1e-305)
		return fabs(got) < 1e-304;
	return fabs(got - wanted) <= fabs(wanted) * 0x1p-17 || fabs(wanted) > 1e308;
}

static void
a_slot_comes_back_within_the_rounding(void **state)
{
	int32_t q[PLACES], back[PLACES];
	uint8_t blob[HISTORY_BLOB_MAX], *exact;
	double value[PLACES];
	size_t k, size;
	uint32_t i;

	for (k = 0; k < SERIES; k++) {
		seed = 88172645463325252ull + k;
		walk_at = 0;
		for (i = 0; i < PLACES; i++) {
			value[i] = all_series[k].at(i);
			q[i] = history_quantise(value[i]);
		}
		size = history_samples_encode(q, PLACES, blob);
		if (getenv("HISTORY_BYTES"))
			print_message("# %s: %.2f bytes a sample\n", all_series[k].name,
					(double)size / PLACES);
		if ((double)size / PLACES > all_series[k].bytes_max)
			fail_msg("%s: %zu bytes", all_series[k].name, size);
		if (size == 0)
			continue;
		exact = malloc(size);
		memcpy(exact, blob, size);
		assert_int_equal(history_samples_decode(exact, size, back, PLACES), 0);
		free(exact);
		assert_memory_equal(q, back, sizeof(q));
		for (i = 0; i < PLACES; i++) {
			if (!is_near(history_dequantise(back[i]), value[i]))
				fail_msg("%s: %u: %g instead of %g", all_series[k].name, i,
						history_dequantise(back[i]), value[i]);
		}
	}
}

static void
quantised_numbers_are_ordered_as_the_numbers_are(void **state)
{
	static const double rising[] = {-INFINITY, -DBL_MAX, -1e9, -1.001, -1, -1e-9, 0, 1e-300,
			0.5, 1, 1.0001, 3, 131071, 131072, 1e30, INFINITY};
	size_t i;

	for (i = 1; i < sizeof(rising) / sizeof(rising[0]); i++)
		assert_true(history_quantise(rising[i - 1]) < history_quantise(rising[i]));
	for (i = 0; i <= 131072; i++)
		assert_true(history_dequantise(history_quantise((double)i)) == (double)i);
}

static void
least_and_greatest_are_rounded_outwards(void **state)
{
	double v, low, high;
	int i;

	seed = 1;
	for (i = 0; i < 10000; i++) {
		v = normal() * exp(10 * normal());
		low = history_dequantise(history_quantise_down(v));
		high = history_dequantise(history_quantise_up(v));
		assert_true(low <= v && v <= high);
		assert_true(high - low <= fabs(v) * 0x1p-7);
	}
}

static void
steps_come_back_as_they_were(void **state)
{
	struct history_step step[60] = {{0}}, back[60];
	uint8_t blob[HISTORY_BLOB_MAX];
	size_t size;
	uint32_t i;
	double v;

	seed = 5;
	for (i = 3; i < 60; i++) {
		v = latency(i);
		step[i] = (struct history_step){.count = i == 20 ? 0 : i == 30 ? 4 : 10};
		if (i == 20)
			continue;
		step[i].mean = history_quantise(v);
		step[i].min = history_quantise_down(v * 0.7);
		step[i].max = history_quantise_up(v * 1.6);
	}
	size = history_steps_encode(step, 60, blob);
	assert_in_range(size, 60, 60 * 5);
	assert_int_equal(history_steps_decode(blob, size, back, 60), 0);
	assert_memory_equal(step, back, sizeof(step));
	memset(step, 0, sizeof(step));
	assert_int_equal(history_steps_encode(step, 60, blob), 0);
}

static void
what_was_not_encoded_is_refused_or_read_within_its_bytes(void **state)
{
	struct history_step step[60];
	uint8_t blob[HISTORY_BLOB_MAX], *exact;
	int32_t q[PLACES];
	size_t size, cut;
	uint32_t i, round;

	seed = 9;
	for (i = 0; i < PLACES; i++)
		q[i] = history_quantise(latency(i));
	size = history_samples_encode(q, PLACES, blob);
	for (cut = 0; cut < size - 1; cut++) {
		exact = malloc(cut ? cut : 1);
		memcpy(exact, blob, cut);
		assert_int_equal(history_samples_decode(exact, cut, q, PLACES), -EINVAL);
		free(exact);
	}
	for (round = 0; round < 20000; round++) {
		for (i = 0; i < 40; i++) {
			uniform();
			blob[i] = (uint8_t)seed;
		}
		blob[0] = 1;
		history_samples_decode(blob, 40, q, PLACES);
		history_steps_decode(blob, 40, step, 60);
	}
}

static void
whole_numbers_are_as_long_as_they_must_be(void **state)
{
	static const struct {
		int64_t value;
		size_t size;
	} cases[] = {{0, 1}, {-1, 1}, {63, 1}, {64, 2}, {-64, 1}, {8191, 2}, {INT32_MAX, 5},
			{INT64_MAX, 10}, {INT64_MIN, 10}};
	uint8_t out[HISTORY_VARINT_MAX];
	int64_t back;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(history_varint_put(cases[i].value, out), cases[i].size);
		assert_int_equal(history_varint_get(out, cases[i].size, &back), cases[i].size);
		assert_true(back == cases[i].value);
		assert_int_equal(history_varint_get(out, cases[i].size - 1, &back), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_slot_comes_back_within_the_rounding),
			cmocka_unit_test(quantised_numbers_are_ordered_as_the_numbers_are),
			cmocka_unit_test(least_and_greatest_are_rounded_outwards),
			cmocka_unit_test(steps_come_back_as_they_were),
			cmocka_unit_test(what_was_not_encoded_is_refused_or_read_within_its_bytes),
			cmocka_unit_test(whole_numbers_are_as_long_as_they_must_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
