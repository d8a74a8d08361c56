/* SPDX-License-Identifier: Apache-2.0 */
#include "trickle.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ANYWHERE 0.0002
#define LEAST 0.001

/* A second of 100 requests for each letter: x is a failure, X are three. */
static struct trickle
after(int clean_s, const char *seconds)
{
	struct trickle t = {0};

	while (clean_s-- > 0)
		trickle_update(&t, 0, 100);
	for (; *seconds; seconds++)
		trickle_update(&t, *seconds == 'x' ? 1 : *seconds == 'X' ? 3 : 0, 100);
	return t;
}

static double
sd_after(int clean_s, const char *seconds)
{
	struct trickle t = after(clean_s, seconds);

	return trickle_sd(&t, ANYWHERE, LEAST);
}

static void
single_failures_add_up(void **state)
{
	assert_true(sd_after(120, "x") == 0);
	assert_true(sd_after(120, "x...x") == 0);
	assert_true(sd_after(120, "x...x..x") > 3);
	assert_true(sd_after(120, "x...x..x.x") > sd_after(120, "x...x..x"));
}

static void
an_outage_of_a_moment_does_not(void **state)
{
	assert_true(sd_after(120, "xXX") == 0);
	assert_true(sd_after(120, "xXX......") == 0);
	assert_true(sd_after(120, "xXX......x") > 3);
}

static void
what_was_always_so_is_no_news(void **state)
{
	static const char *const tick = "x...x..x....x..x....x..x";
	struct trickle t = {0};
	int i;

	for (i = 0; i < 600; i++)
		trickle_update(&t, tick[i % 24] == 'x', 100);
	assert_true(trickle_sd(&t, ANYWHERE, LEAST) < 1);
}

static void
a_past_that_was_hardly_watched_proves_less(void **state)
{
	assert_true(sd_after(0, "x...x..x.x") < sd_after(600, "x...x..x.x"));
}

static void
what_is_too_little_is_not_worth_it(void **state)
{
	struct trickle t = after(120, "x...x..x");

	assert_true(trickle_sd(&t, ANYWHERE, 0.01) == 0);
}

static void
it_is_forgotten(void **state)
{
	assert_true(sd_after(120, "x...x..x........................") == 0);
	assert_true(trickle_count(&(struct trickle){{0}}) == 0);
}

static void
nonsense_counts_as_nothing(void **state)
{
	static const double odd[] = {NAN, -1, -INFINITY};
	struct trickle t = after(120, "x...x..x");
	double before = trickle_count(&t);
	int i;

	for (i = 0; i < 3; i++)
		trickle_update(&t, odd[i], odd[i]);
	assert_true(trickle_count(&t) == before);
	assert_true(isfinite(trickle_sd(&t, ANYWHERE, LEAST)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(single_failures_add_up),
			cmocka_unit_test(an_outage_of_a_moment_does_not),
			cmocka_unit_test(what_was_always_so_is_no_news),
			cmocka_unit_test(a_past_that_was_hardly_watched_proves_less),
			cmocka_unit_test(what_is_too_little_is_not_worth_it),
			cmocka_unit_test(it_is_forgotten),
			cmocka_unit_test(nonsense_counts_as_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
