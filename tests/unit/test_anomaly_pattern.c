/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "series.h"

#define SEGMENT 6
#define VIGILANCE .04f /* more does not fit a box */

static const struct anomaly_level level = {.mean = 10, .variance = 4, .weight = 1, .n = 1000};

/* The greatest novelty in `segments` segments of the wave; -1: none. */
static float
feed_wave(struct anomaly_pattern *p, int segments, int begin, double size)
{
	float novelty, most = -1;
	int i;

	for (i = begin * SEGMENT; i < (begin + segments) * SEGMENT; i++) {
		double x = 10 + size * sin(2 * M_PI * i / (16 * SEGMENT));

		if (anomaly_pattern_update(p, x, &level, &novelty))
			most = novelty > most ? novelty : most;
	}
	return most;
}

static void
there_is_no_verdict_before_a_course_and_a_book(void **state)
{
	struct anomaly_pattern p;

	anomaly_pattern_init(&p, SEGMENT);
	assert_float_equal(feed_wave(&p, 8, 0, 3), -1, 0);
	assert_true(feed_wave(&p, 1, 8, 3) >= 0);
}

static void
a_course_that_repeats_is_not_new(void **state)
{
	struct anomaly_pattern p;
	int i;

	anomaly_pattern_init(&p, SEGMENT);
	feed_wave(&p, 64, 0, 3);
	for (i = 64; i < 80; i++)
		assert_true(feed_wave(&p, 1, i, 3) <= VIGILANCE);
	assert_true(p.boxes < 40);
}

static void
a_course_that_breaks_off_is_new(void **state)
{
	struct anomaly_pattern p;
	float usual, broken;

	anomaly_pattern_init(&p, SEGMENT);
	feed_wave(&p, 64, 0, 3);
	usual = feed_wave(&p, 8, 64, 3);
	broken = feed_wave(&p, 8, 76, -3);
	assert_true(usual <= VIGILANCE);
	assert_true(broken > VIGILANCE);
}

static void
a_spike_stands_for_its_segment(void **state)
{
	struct anomaly_pattern p;
	float novelty;
	int i;

	anomaly_pattern_init(&p, SEGMENT);
	for (i = 0; i < 8 * SEGMENT; i++)
		anomaly_pattern_update(&p, i == 8 * SEGMENT - 2 ? 22 : 10, &level, &novelty);
	assert_int_equal(p.course[6], 127);
	assert_int_equal(p.course[7], 255);
}

static void
a_full_book_gives_up_its_rarest(void **state)
{
	struct series_random r = {.state = 1};
	struct anomaly_pattern p;
	float novelty;
	int i;

	anomaly_pattern_init(&p, 1);
	for (i = 0; i < 5000; i++)
		anomaly_pattern_update(&p, 10 + 4 * series_gauss(&r), &level, &novelty);
	assert_int_equal(p.boxes, ANOMALY_BOXES);
	for (i = 0; i < ANOMALY_BOXES; i++)
		assert_true(p.box_n[i] >= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(there_is_no_verdict_before_a_course_and_a_book),
			cmocka_unit_test(a_course_that_repeats_is_not_new),
			cmocka_unit_test(a_course_that_breaks_off_is_new),
			cmocka_unit_test(a_spike_stands_for_its_segment),
			cmocka_unit_test(a_full_book_gives_up_its_rarest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
