/* SPDX-License-Identifier: Apache-2.0 */
#include "life_condition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNITS 60
#define ROWS 200
#define SENSORS 5
#define SETTINGS 2
#define COLUMNS (SENSORS + SETTINGS)
#define REGIMES 4
#define CAP 50.0

/* Wear seen by sensors whose level and sensitivity are those of the row's regime; the settings, first, tell which. */
struct bench {
	double time[ROWS], value[UNITS][ROWS][COLUMNS];
	struct life_unit unit[UNITS];
	struct life_fleet fleet;
	uint64_t random;
};

static double
uniform(struct bench *b)
{
	b->random = b->random * 6364136223846793005u + 1442695040888963407u;
	return (double)(b->random >> 11) / 9007199254740992.0;
}

static double
noise(struct bench *b)
{
	return uniform(b) + uniform(b) + uniform(b) + uniform(b) - 2;
}

/* The regime of a row, after one of `last` in a unit that is worn from 0 to 1. */
typedef size_t (*draw)(struct bench *b, size_t last, double wear);

static size_t
at_random(struct bench *b, size_t last, double wear)
{
	(void)last;
	(void)wear;
	return (size_t)(REGIMES * uniform(b));
}

static size_t
in_stretches(struct bench *b, size_t last, double wear)
{
	return uniform(b) < 0.1 ? at_random(b, last, wear) : last;
}

/* The old are seldom in the first half of the regimes, the young in the second. */
static size_t
by_wear(struct bench *b, size_t last, double wear)
{
	(void)last;
	return (size_t)(REGIMES / 2 * uniform(b)) + (uniform(b) < wear ? REGIMES / 2 : 0);
}

static size_t
in_one(struct bench *b, size_t last, double wear)
{
	(void)b;
	(void)last;
	(void)wear;
	return 0;
}

/* Up once, at the end. */
static size_t
worn_out(struct bench *b, size_t last, double wear)
{
	(void)b;
	(void)last;
	return wear > 0.8;
}

static void
fill_row(struct bench *b, double *value, size_t regime, double wear)
{
	static const double load[REGIMES] = {0, 10, 25, 42};
	size_t j;

	value[0] = load[regime] + 0.01 * uniform(b);
	value[1] = regime & 1;
	for (j = 0; j < SENSORS; j++) {
		/* levels that neither setting is in proportion to */
		double level = 300 * sin((double)(1 + 5 * regime + 3 * j));
		double sense = 1 + 0.8 * sin((double)(2 + 7 * regime + j));

		value[SETTINGS + j] = level + sense * (5 * wear + 0.4 * noise(b));
	}
	/* a sensor that each regime has one value for, and one of whole numbers */
	value[SETTINGS + SENSORS - 2] = 500 - 20 * load[regime];
	value[SETTINGS + SENSORS - 1] = floor(value[SETTINGS + SENSORS - 1] + 0.5);
}

static struct bench *
bench_create(draw regime, size_t units, uint64_t seed)
{
	struct bench *b = calloc(1, sizeof(*b));
	size_t u, i;

	assert_non_null(b);
	b->random = seed;
	for (i = 0; i < ROWS; i++)
		b->time[i] = (double)i + 1;
	for (u = 0; u < units; u++) {
		double rate = 0.008 + 0.012 * uniform(b), wear = 0.1 * uniform(b);
		size_t r = 0;

		for (i = 0; i < ROWS && wear < 1; i++, wear += rate) {
			r = regime(b, r, wear);
			fill_row(b, b->value[u][i], r, wear);
		}
		b->unit[u] = (struct life_unit){i, b->time, b->value[u][0]};
	}
	b->fleet = (struct life_fleet){COLUMNS, units, b->unit};
	return b;
}

static struct life_condition *
fit(const struct bench *b)
{
	struct life_condition *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_int_equal(life_condition_fit(c, &b->fleet), 0);
	return c;
}

/* Of the medians over all rows of the fleet. */
static double
rmse_of(const struct life *life, const struct bench *b)
{
	struct life_forecast f[ROWS];
	double squares = 0, n = 0;
	size_t u, i;

	for (u = 0; u < b->fleet.count; u++) {
		assert_int_equal(life_follow(life, &b->unit[u], 0, f), 0);
		for (i = 0; i < b->unit[u].rows; i++, n++) {
			double left = fmin((double)(b->unit[u].rows - 1 - i), CAP);

			squares += (f[i].median - left) * (f[i].median - left);
		}
	}
	return sqrt(squares / n);
}

/* Learns from one fleet, is asked of another. */
static double
rmse_after(const struct bench *b, const struct bench *asked)
{
	struct life *life = NULL;
	double rmse;

	assert_int_equal(life_train(&b->fleet, CAP, &life), 0);
	rmse = rmse_of(life, asked);
	life_free(life);
	return rmse;
}

static void
wear_is_seen_through_any_order_of_conditions(void **state)
{
	static const struct {
		const char *name;
		draw regime;
		double most;
	} cases[] = {
			{"one condition", in_one, 4.5},
			{"at random", at_random, 4.5},
			{"in stretches", in_stretches, 5},
			{"by wear", by_wear, 5},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *b = bench_create(cases[i].regime, UNITS, 1);
		struct bench *fresh = bench_create(cases[i].regime, UNITS, 99);
		double rmse = rmse_after(b, fresh);

		if (!(rmse < cases[i].most))
			fail_msg("%s: rmse %g", cases[i].name, rmse);
		free(b);
		free(fresh);
	}
}

static void
conditions_are_those_of_the_setting(void **state)
{
	struct bench *b = bench_create(at_random, UNITS, 1);
	struct life_condition *c = fit(b);
	double scaled[COLUMNS];
	size_t r;

	(void)state;
	assert_int_equal(c->count, REGIMES);
	assert_int_equal(c->axes, 1);
	assert_int_equal(c->axis[0].column, 0);
	assert_true(c->explained > 0.95);
	for (r = 0; r < REGIMES; r++) {
		double row[COLUMNS];

		fill_row(b, row, r, 0.5);
		assert_int_equal(life_condition_of(c, row), r);
		assert_ptr_equal(life_condition_apply(c, row, scaled), scaled);
		assert_true(fabs(scaled[SETTINGS]) < 3);
		assert_true(scaled[SETTINGS + SENSORS - 2] == 0);
	}
	free(c);
	free(b);
}

/* Two factors with levels of their own, none of which tells enough alone. */
static void
two_columns_may_make_a_condition(void **state)
{
	struct bench *b = bench_create(in_one, UNITS, 1);
	struct life_condition *c;
	size_t u, i, j;

	(void)state;
	for (u = 0; u < UNITS; u++)
		for (i = 0; i < b->unit[u].rows; i++) {
			double *value = b->value[u][i];

			value[0] = floor(3 * uniform(b));
			value[1] = floor(2 * uniform(b));
			for (j = 0; j < SENSORS; j++)
				value[SETTINGS + j] += 40 * value[0] + 70 * value[1] + 5 * noise(b);
		}
	c = fit(b);
	assert_int_equal(c->axes, 2);
	assert_int_equal(c->count, 6);
	assert_true(c->explained > 0.9);
	free(c);
	free(b);
}

static void
what_is_no_condition_is_left_alone(void **state)
{
	static const struct {
		const char *name;
		draw regime;
	} cases[] = {{"one condition, and whole numbers of noise", in_one},
			{"a step up when worn", worn_out}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *b = bench_create(cases[i].regime, UNITS, 1);
		struct life_condition *c = fit(b);
		double room[COLUMNS];

		if (c->count || c->axes)
			fail_msg("%s: %zu conditions", cases[i].name, c->count);
		assert_ptr_equal(life_condition_apply(c, b->value[0][0], room), b->value[0][0]);
		free(c);
		free(b);
	}
}

/* A flag that is raised once, when every sensor steps, is wear beside a condition too. */
static void
a_step_when_worn_is_no_second_column(void **state)
{
	struct bench *b = bench_create(at_random, UNITS, 1);
	struct life_condition *c;
	size_t u, i, j;

	(void)state;
	for (u = 0; u < UNITS; u++)
		for (i = 0; i < b->unit[u].rows; i++) {
			b->value[u][i][1] = i + 20 > b->unit[u].rows;
			for (j = 0; j < SENSORS && b->value[u][i][1] > 0; j++)
				b->value[u][i][SETTINGS + j] += 50;
		}
	c = fit(b);
	assert_int_equal(c->axes, 1);
	assert_int_equal(c->count, REGIMES);
	free(c);
	free(b);
}

static void
holes_in_the_setting_cost_their_rows_alone(void **state)
{
	struct bench *b = bench_create(at_random, UNITS, 1);
	struct bench *fresh = bench_create(at_random, UNITS, 99);
	double rmse;
	size_t u, i;

	(void)state;
	for (u = 0; u < UNITS; u++)
		for (i = 0; i < ROWS; i++) {
			/* the other columns that tell the regime are gone: only this one is left */
			b->value[u][i][SETTINGS + SENSORS - 2] = 1;
			fresh->value[u][i][SETTINGS + SENSORS - 2] = 1;
			if (uniform(b) < 0.15)
				b->value[u][i][0] = NAN;
			if (uniform(fresh) < 0.15)
				fresh->value[u][i][0] = INFINITY;
		}
	rmse = rmse_after(b, fresh);
	if (!(rmse < 5))
		fail_msg("rmse %g", rmse);
	free(b);
	free(fresh);
}

/* Rows of a regime that training never had: the unit is told as if they were missing. */
static void
a_condition_that_was_not_learnt_says_nothing(void **state)
{
	struct bench *b = bench_create(at_random, UNITS, 1);
	struct bench *fresh = bench_create(at_random, UNITS, 99);
	struct life *life = NULL;
	size_t u, i, j, strange = 0, counted = 0;
	double rmse;

	(void)state;
	for (u = 0; u < UNITS; u++)
		for (i = 0; i < fresh->unit[u].rows; i++) {
			if (uniform(fresh) > 0.3)
				continue;
			strange++;
			for (j = 0; j < COLUMNS; j++)
				fresh->value[u][i][j] = 17 + 1000 * (double)j;
		}
	assert_int_equal(life_train(&b->fleet, CAP, &life), 0);
	for (u = 0; u < UNITS; u++)
		counted += life_strangers(life, &fresh->unit[u]);
	assert_int_equal(counted, strange);
	rmse = rmse_of(life, fresh);
	if (!(rmse < 5))
		fail_msg("rmse %g", rmse);
	life_free(life);
	free(b);
	free(fresh);
}

/* One unit alone has it: too seldom to be learnt. */
static void
a_rare_condition_is_none(void **state)
{
	struct bench *b = bench_create(at_random, UNITS, 1);
	struct life_condition *c;
	size_t i;

	(void)state;
	for (i = 0; i < 10; i++)
		b->value[3][i][0] = 33;
	c = fit(b);
	assert_int_equal(c->count, REGIMES);
	assert_int_equal(life_condition_of(c, b->value[3][0]), -1);
	free(c);
	free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(wear_is_seen_through_any_order_of_conditions),
			cmocka_unit_test(conditions_are_those_of_the_setting),
			cmocka_unit_test(two_columns_may_make_a_condition),
			cmocka_unit_test(what_is_no_condition_is_left_alone),
			cmocka_unit_test(a_step_when_worn_is_no_second_column),
			cmocka_unit_test(holes_in_the_setting_cost_their_rows_alone),
			cmocka_unit_test(a_condition_that_was_not_learnt_says_nothing),
			cmocka_unit_test(a_rare_condition_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
