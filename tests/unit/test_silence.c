/* SPDX-License-Identifier: Apache-2.0 */
#include "silence.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static double
second(struct silence *s, double requests, double replies, double waiting)
{
	return silence_update(s,
			&(struct silence_sample){.seconds = 1,
					.requests = requests,
					.replies = replies,
					.waiting = waiting});
}

static void
busy(struct silence *s, double per_second)
{
	int i;

	silence_init(s);
	for (i = 0; i < 60; i++)
		second(s, per_second, per_second, 1);
}

static void
a_busy_server_that_stops_is_suspected_within_a_second(void **state)
{
	struct silence s;

	busy(&s, 100);
	assert_true(second(&s, 100, 100, 1) == 0);
	assert_true(second(&s, 100, 0, 100) > 3);
	assert_true(second(&s, 100, 0, 200) > 10);
	assert_true(second(&s, 100, 100, 100) == 0);
}

static void
nobody_asking_is_no_silence(void **state)
{
	struct silence s;

	busy(&s, 100);
	assert_true(second(&s, 0, 0, 0) == 0);
	assert_true(second(&s, 0, 0, 0) == 0);
}

static void
a_slow_server_is_given_its_usual_time(void **state)
{
	struct silence s;
	int i, j;

	silence_init(&s);
	for (i = 0; i < 30; i++) { /* a reply each three seconds */
		for (j = 0; j < 2; j++)
			assert_true(second(&s, 1, 0, 1) < 3);
		second(&s, 1, 1, 1);
	}
	second(&s, 1, 0, 1);
	second(&s, 1, 0, 1);
	assert_true(second(&s, 1, 0, 1) < 1);
	for (i = 0; i < 12; i++)
		second(&s, 1, 0, 1);
	assert_true(second(&s, 1, 0, 1) > 3);
}

static void
what_never_replies_is_not_silent(void **state)
{
	struct silence s;
	int i;

	silence_init(&s);
	for (i = 0; i < 100; i++) /* syslog */
		assert_true(second(&s, 50, 0, 50) == 0);
}

static void
nan_says_nothing(void **state)
{
	struct silence s;

	busy(&s, 100);
	assert_true(second(&s, NAN, NAN, NAN) == 0);
	assert_true(second(&s, 100, NAN, 5) == 0);
	assert_true(silence_update(&s, &(struct silence_sample){.seconds = NAN, .replies = 0}) ==
			0);
	assert_true(isfinite(s.mean_s) && isfinite(s.var) && s.quiet_s == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_busy_server_that_stops_is_suspected_within_a_second),
			cmocka_unit_test(nobody_asking_is_no_silence),
			cmocka_unit_test(a_slow_server_is_given_its_usual_time),
			cmocka_unit_test(what_never_replies_is_not_silent),
			cmocka_unit_test(nan_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
