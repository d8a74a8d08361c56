/* SPDX-License-Identifier: Apache-2.0 */
#include "regression.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quantile_track.h"

static double
gaussian(void)
{
	return normal_quantile(fmin(fmax(drand48(), 1e-12), 1 - 1e-12));
}

static void
draw(double x[3])
{
	x[0] = gaussian();
	x[1] = 0.8 * x[0] + 0.6 * gaussian(); /* correlated */
	x[2] = 1;
}

static void
weights_of_a_line_are_found(void **state)
{
	static const double truth[3] = {2, -1, 0.5}, prior[3] = {0};
	struct regression r;
	double x[3], y;
	size_t n, i;

	srand48(3);
	regression_init(&r, 3, prior, 1);
	r.memory = 1e6;
	for (n = 0; n < 5000; n++) {
		draw(x);
		y = truth[0] * x[0] + truth[1] * x[1] + truth[2] + gaussian();
		regression_learn(&r, x, y, 1);
	}
	for (i = 0; i < 3; i++)
		assert_true(fabs(r.mean[i] - truth[i]) < 0.08);
}

static void
weights_of_a_chance_are_found(void **state)
{
	static const double truth[3] = {1.5, -1, -0.5}, prior[3] = {1, 0, 0};
	struct regression r, t;
	double x[3];
	size_t n, i;

	srand48(4);
	regression_init(&r, 3, prior, 1);
	regression_init(&t, 3, truth, 1);
	r.memory = 1e6;
	for (n = 0; n < 10000; n++) {
		draw(x);
		regression_learn_outcome(&r, x, drand48() < regression_probability(&t, x), 1);
	}
	for (i = 0; i < 3; i++)
		assert_true(fabs(r.mean[i] - truth[i]) < 0.2);
}

/* An input that never moves keeps its prior, however long. */
static void
idle_inputs_do_not_blow_up(void **state)
{
	static const double prior[2] = {0, 0.3};
	double x[2] = {1, 0};
	struct regression r;
	size_t n;

	regression_init(&r, 2, prior, 0.5);
	r.memory = 20;
	for (n = 0; n < 20000; n++)
		regression_learn(&r, x, 3, 1);
	assert_true(fabs(r.mean[1] - 0.3) < 1e-9);
	assert_true(r.precision[1][1] < 5 && r.precision[1][1] > 3);
	assert_true(regression_valid(&r));
}

static void
what_is_not_finite_teaches_nothing(void **state)
{
	static const double bad[] = {NAN, INFINITY, -INFINITY}, prior[2] = {1, 1};
	struct regression r, before;
	double x[2] = {1, 2};
	size_t i;

	regression_init(&r, 2, prior, 0.5);
	before = r;
	for (i = 0; i < 3; i++) {
		regression_learn(&r, x, bad[i], 1);
		regression_learn(&r, x, 1, bad[i]);
		x[1] = bad[i];
		regression_learn(&r, x, 1, 1);
		regression_learn_outcome(&r, x, true, 1);
		x[1] = 2;
	}
	regression_learn(&r, x, 1, 0);
	regression_learn(&r, x, 1, -1);
	assert_memory_equal(&r, &before, sizeof(r));
	r.mean[0] = NAN;
	assert_false(regression_valid(&r));
	r = before;
	r.precision[0][0] = -1;
	assert_false(regression_valid(&r));
	r = before;
	r.inputs = REGRESSION_INPUTS_MAX + 1;
	assert_false(regression_valid(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(weights_of_a_line_are_found),
			cmocka_unit_test(weights_of_a_chance_are_found),
			cmocka_unit_test(idle_inputs_do_not_blow_up),
			cmocka_unit_test(what_is_not_finite_teaches_nothing),
	};

	return cmocka_run_group_tests_name("regression", tests, NULL, NULL);
}
