/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
set(struct hazard_input *in, enum hazard_feature f, double x)
{
	unsigned k;

	for (k = 0; k < HAZARD_INTERVALS; k++)
		in->x[k][f] = x;
}

static void
a_longer_horizon_is_never_less_probable(void **state)
{
	struct hazard_input in = {0};
	struct hazard h;
	double p[HAZARD_INTERVALS];
	unsigned f, step;

	hazard_init(&h);
	for (f = 0; f < HAZARD_FEATURES; f++) {
		for (step = 0; step <= 10; step++) {
			set(&in, f, step);
			hazard_probability(&h, &in, p);
			assert_true(0 < p[0] && p[0] <= p[1] && p[1] <= p[2] && p[2] <= 1);
		}
	}
}

static void
every_feature_raises_the_risk_and_says_by_how_much(void **state)
{
	struct hazard_input none = {0}, in;
	double before[HAZARD_INTERVALS], after[HAZARD_INTERVALS], added;
	struct hazard h;
	unsigned f;

	hazard_init(&h);
	hazard_probability(&h, &none, before);
	for (f = 0; f < HAZARD_FEATURES; f++) {
		in = none;
		set(&in, f, 1.5);
		hazard_probability(&h, &in, after);
		assert_true(after[1] > before[1]);
		added = hazard_contribution(&h, &in, f, 1);
		assert_true(fabs(added -
					    (log(after[1] / (1 - after[1])) -
							    log(before[1] / (1 - before[1])))) <
				1e-6);
		assert_true(*hazard_feature_name(f) && *hazard_feature_text(f));
	}
}

static void
nan_and_infinity_are_bounded(void **state)
{
	static const double odd[] = {NAN, -INFINITY, -3, INFINITY, 1e300};
	struct hazard_input in = {0};
	double p[HAZARD_INTERVALS], none;
	struct hazard h;
	unsigned f;
	size_t i;

	hazard_init(&h);
	hazard_probability(&h, &in, p);
	none = p[0];
	set(&in, HAZARD_own, NAN);
	hazard_probability(&h, &in, p);
	assert_true(p[0] == none);
	set(&in, HAZARD_own, 0);
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (f = 0; f < HAZARD_FEATURES; f++) {
			set(&in, f, odd[i]);
			hazard_probability(&h, &in, p);
			assert_true(p[0] > 0 && p[2] <= 1);
			hazard_learn(&h, 0, in.x[0], f % 2, 1);
			assert_true(hazard_valid(&h));
			set(&in, f, 0);
		}
	}
}

static void
what_never_came_true_weighs_less_and_comes_back(void **state)
{
	double x[HAZARD_FEATURES] = {[HAZARD_peers] = 3}, start, low;
	struct hazard h;
	int i;

	hazard_init(&h);
	start = h.weight[0][HAZARD_peers];
	for (i = 0; i < 3000; i++)
		hazard_learn(&h, 0, x, false, 1);
	low = h.weight[0][HAZARD_peers];
	assert_true(low < 0.9 * start && low > 0);
	for (i = 0; i < 3000; i++)
		hazard_learn(&h, 0, x, i % 4 == 0, 1);
	assert_true(h.weight[0][HAZARD_peers] > low);
	assert_true(h.weight[1][HAZARD_peers] == h.weight[1][HAZARD_peers]);
	assert_true(hazard_valid(&h));
}

static void
it_learns_the_rate_of_what_it_sees(void **state)
{
	double x[HAZARD_FEATURES] = {[HAZARD_own] = 4}, p[HAZARD_INTERVALS];
	struct hazard_input in = {0};
	struct hazard h;
	int i;

	hazard_init(&h);
	in.x[0][HAZARD_own] = 4;
	for (i = 0; i < 20000; i++)
		hazard_learn(&h, 0, x, i % 10 == 0, 1); /* one in ten */
	hazard_probability(&h, &in, p);
	assert_true(fabs(p[0] - 0.1) < 0.04);
}

static void
one_outcome_moves_little(void **state)
{
	double x[HAZARD_FEATURES];
	struct hazard h, before;
	unsigned f;

	hazard_init(&h);
	before = h;
	for (f = 0; f < HAZARD_FEATURES; f++)
		x[f] = HAZARD_FEATURE_MAX;
	hazard_learn(&h, 0, x, false, 1);
	for (f = 0; f < HAZARD_FEATURES; f++)
		assert_true(fabs(h.weight[0][f] - before.weight[0][f]) <= 0.051);
	hazard_learn(&h, 0, x, true, NAN); /* no worth, no step */
	hazard_learn(&h, HAZARD_INTERVALS, x, true, 1);
	assert_int_equal(h.learnt, 1);
}

static void
a_damaged_state_is_not_taken(void **state)
{
	struct hazard h;

	hazard_init(&h);
	assert_true(hazard_valid(&h));
	h.weight[1][HAZARD_own] = NAN;
	assert_false(hazard_valid(&h));
	hazard_init(&h);
	h.bias[0] = 5;
	assert_false(hazard_valid(&h));
}

/* The policy gives a primary back when its risk is under 20 %. */
static void
failures_without_a_sign_leave_who_shows_none_calm(void **state)
{
	static const double nothing[HAZARD_FEATURES];
	struct hazard_input in = {{{0}}};
	double p[HAZARD_INTERVALS];
	struct hazard h;
	int i;

	hazard_init(&h);
	for (i = 0; i < 1000; i++)
		hazard_learn(&h, (unsigned)i % 2, nothing, true, 1);
	hazard_probability(&h, &in, p);
	assert_true(p[1] > 0.06 && p[1] < 0.12);
	assert_true(hazard_valid(&h));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_longer_horizon_is_never_less_probable),
			cmocka_unit_test(every_feature_raises_the_risk_and_says_by_how_much),
			cmocka_unit_test(nan_and_infinity_are_bounded),
			cmocka_unit_test(what_never_came_true_weighs_less_and_comes_back),
			cmocka_unit_test(it_learns_the_rate_of_what_it_sees),
			cmocka_unit_test(one_outcome_moves_little),
			cmocka_unit_test(a_damaged_state_is_not_taken),
			cmocka_unit_test(failures_without_a_sign_leave_who_shows_none_calm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
