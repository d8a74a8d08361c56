/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life_outcome.h"
#include "life_tree.h"

#define UNITS 60
#define ROWS 200
#define COLUMNS 3
#define CAP 50.0

/* A fleet in one place, so that a test can spoil it. */
struct bench {
	double time[UNITS][ROWS], value[UNITS][ROWS][COLUMNS];
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

typedef size_t (*bench_unit)(struct bench *b, size_t u);

static struct bench *
bench_create(bench_unit make, size_t units, uint64_t seed)
{
	struct bench *b = calloc(1, sizeof(*b));
	size_t u, i;

	assert_non_null(b);
	b->random = seed;
	for (u = 0; u < units; u++) {
		for (i = 0; i < ROWS; i++)
			b->time[u][i] = (double)i + 1;
		b->unit[u] = (struct life_unit){0, b->time[u], b->value[u][0]};
		b->unit[u].rows = make(b, u);
	}
	b->fleet = (struct life_fleet){COLUMNS, units, b->unit};
	return b;
}

/* Wear grows by a rate of the unit's own, seen through noise; at 1 it fails. Column 1 is constant, 2 is noise. */
static size_t
wearing(struct bench *b, size_t u)
{
	double rate = 0.008 + 0.012 * uniform(b), wear = 0.1 * uniform(b);
	size_t i;

	for (i = 0; i < ROWS && wear < 1; i++, wear += rate) {
		b->value[u][i][0] = 20 + 5 * wear + 0.1 * noise(b);
		b->value[u][i][1] = 7;
		b->value[u][i][2] = noise(b);
	}
	return i;
}

#define HAZARD 0.03 /* per unit of time */

/* Fails by chance alone: no row says when. */
static size_t
chancy(struct bench *b, size_t u)
{
	size_t i = 0;

	do {
		b->value[u][i][0] = noise(b);
		b->value[u][i][1] = noise(b);
		b->value[u][i][2] = noise(b);
		i++;
	} while (i < ROWS && uniform(b) >= HAZARD);
	return i;
}

static size_t
constant(struct bench *b, size_t u)
{
	size_t i, n = 60 + (size_t)(20 * uniform(b));

	for (i = 0; i < n; i++)
		b->value[u][i][0] = b->value[u][i][1] = b->value[u][i][2] = 4;
	return n;
}

static struct life *
learn(const struct bench *b)
{
	struct life *life = NULL;

	assert_int_equal(life_train(&b->fleet, CAP, &life), 0);
	return life;
}

/* Over all rows of a fresh fleet. */
struct figures {
	double rmse, coverage, width, within[3], happened[3];
};
static const double horizon[3] = {5, 15, 30};

static void
figures_add(struct figures *s, const struct life_forecast *f, double left)
{
	double life = fmin(left, CAP);
	size_t h;

	s->rmse += (f->median - life) * (f->median - life);
	s->coverage += life >= f->low && life <= f->high;
	s->width += f->high - f->low;
	for (h = 0; h < 3; h++) {
		s->within[h] += life_probability(f, horizon[h]);
		s->happened[h] += left <= horizon[h];
	}
}

static struct figures
judge(const struct life *life, bench_unit make)
{
	struct bench *b = bench_create(make, UNITS, 99);
	struct life_forecast f[ROWS];
	struct figures s = {0};
	double n = 0;
	size_t u, i, h;

	for (u = 0; u < UNITS; u++) {
		assert_int_equal(life_follow(life, &b->unit[u], 0, f), 0);
		for (i = 0; i < b->unit[u].rows; i++, n++)
			figures_add(&s, &f[i], (double)(b->unit[u].rows - 1 - i));
	}
	s.rmse = sqrt(s.rmse / n);
	s.coverage /= n;
	s.width /= n;
	for (h = 0; h < 3; h++) {
		s.within[h] /= n;
		s.happened[h] /= n;
	}
	free(b);
	return s;
}

static void
wear_tells_the_remaining_life(void **state)
{
	struct bench *b = bench_create(wearing, UNITS, 1);
	struct life *life = learn(b);
	struct figures s = judge(life, wearing);
	struct life_quality q;

	(void)state;
	life_quality(life, &q);
	assert_int_equal(q.columns_used, 2);
	assert_int_equal(q.units, UNITS);
	if (!(s.rmse < 7 && s.coverage > 0.7 && s.coverage < 0.92 && s.width < 22))
		fail_msg("rmse %g, coverage %g, width %g", s.rmse, s.coverage, s.width);
	life_free(life);
	free(b);
}

static void
a_constant_hazard_is_found_where_rows_say_nothing(void **state)
{
	struct bench *b = bench_create(chancy, UNITS, 5);
	struct life *life = learn(b);
	struct figures s = judge(life, chancy);
	size_t h;

	(void)state;
	for (h = 0; h < 3; h++) {
		double true_one = 1 - pow(1 - HAZARD, horizon[h]);

		if (fabs(s.within[h] - true_one) > 0.1)
			fail_msg("within %g: %g, not %g", horizon[h], s.within[h], true_one);
	}
	life_free(life);
	free(b);
}

static void
probabilities_come_true_as_often_as_told(void **state)
{
	struct bench *b = bench_create(wearing, UNITS, 1);
	struct life *life = learn(b);
	struct figures s = judge(life, wearing);
	size_t h;

	(void)state;
	for (h = 0; h < 3; h++)
		if (fabs(s.within[h] - s.happened[h]) > 0.02)
			fail_msg("within %g: %g told, %g happened", horizon[h], s.within[h],
					s.happened[h]);
	life_free(life);
	free(b);
}

static void
one_distribution_gives_all_figures(void **state)
{
	struct bench *b = bench_create(wearing, UNITS, 1);
	struct life *life = learn(b);
	struct life_forecast f[ROWS];
	size_t i, n = b->unit[3].rows;
	double h;

	(void)state;
	assert_int_equal(life_follow(life, &b->unit[3], 0, f), 0);
	for (i = 0; i < n; i++) {
		double before = 0;

		for (h = 0; h <= CAP; h += 0.35) {
			double p = life_probability(&f[i], h);

			assert_true(p >= before && p <= 1);
			before = p;
		}
		assert_true(f[i].low <= f[i].high && f[i].low >= 0 && f[i].high <= CAP);
		if (f[i].median > 0 && f[i].median < CAP)
			assert_true(fabs(life_probability(&f[i], f[i].median) - 0.5) < 1e-9);
	}
	assert_true(isnan(life_probability(&f[0], CAP + 1)));
	assert_true(isnan(life_probability(&f[0], NAN)));
	assert_true(life_probability(&f[0], -1) == 0);
	life_free(life);
	free(b);
}

static void
the_same_fleet_gives_the_same_bits(void **state)
{
	struct bench *b = bench_create(wearing, 12, 1);
	struct life *one = learn(b), *two = learn(b);
	struct life_forecast f, g;

	(void)state;
	memset(&f, 0, sizeof(f));
	memset(&g, 0, sizeof(g));
	assert_int_equal(life_follow(one, &(struct life_unit){31, b->time[0], b->value[0][0]}, 30,
					 &f),
			0);
	assert_int_equal(life_follow(two, &(struct life_unit){31, b->time[0], b->value[0][0]}, 30,
					 &g),
			0);
	assert_memory_equal(&f, &g, sizeof(f));
	life_free(one);
	life_free(two);
	free(b);
}

static void
rows_to_come_do_not_change_a_forecast(void **state)
{
	struct bench *b = bench_create(wearing, 12, 1);
	struct life *life = learn(b);
	struct life_forecast all[ROWS], cut;
	struct life_unit half = b->unit[2];

	(void)state;
	half.rows /= 2;
	assert_int_equal(life_follow(life, &b->unit[2], 0, all), 0);
	assert_int_equal(life_follow(life, &half, half.rows - 1, &cut), 0);
	assert_memory_equal(&all[half.rows - 1], &cut, sizeof(cut));
	life_free(life);
	free(b);
}

static void
constant_columns_leave_the_age(void **state)
{
	struct bench *b = bench_create(constant, UNITS, 2);
	struct life *life = learn(b);
	struct life_quality q;
	struct figures s = judge(life, constant);

	(void)state;
	life_quality(life, &q);
	assert_int_equal(q.columns_used, 0);
	assert_int_equal(q.channels, 0);
	if (!(s.rmse < 8))
		fail_msg("rmse %g", s.rmse);
	life_free(life);
	free(b);
}

static void
holes_are_bridged_by_the_last_known_value(void **state)
{
	struct bench *b = bench_create(wearing, UNITS, 1);
	struct figures s;
	struct life *life;
	size_t u, i;

	(void)state;
	for (u = 0; u < UNITS; u++)
		for (i = 0; i < b->unit[u].rows; i++)
			if (uniform(b) < 0.2)
				b->value[u][i][0] = uniform(b) < 0.5 ? NAN : INFINITY;
	life = learn(b);
	s = judge(life, wearing);
	if (!(s.rmse < 8))
		fail_msg("rmse %g", s.rmse);
	life_free(life);
	free(b);
}

static void
units_that_end_at_once_are_no_harm(void **state)
{
	struct bench *b = bench_create(wearing, 20, 1);
	struct life_forecast f;
	struct life *life;
	size_t u;

	(void)state;
	b->unit[4].rows = b->unit[9].rows = 1;
	life = learn(b);
	assert_int_equal(life_follow(life, &b->unit[4], 0, &f), 0);
	assert_true(f.median >= 0 && f.median <= CAP);
	life_free(life);
	for (u = 0; u < 20; u++)
		b->unit[u].rows = 1;
	life = learn(b);
	assert_int_equal(life_follow(life, &b->unit[0], 0, &f), 0);
	assert_true(f.median < 1);
	life_free(life);
	free(b);
}

struct spoilt {
	const char *name;
	size_t units, columns, rows_of_first;
	double cap, second_time;
};

static void
what_cannot_be_learnt_from_is_refused(void **state)
{
	static const struct spoilt cases[] = {
			{"one unit", 1, 3, 9, CAP, 2},
			{"three units", 3, 3, 9, CAP, 2},
			{"no columns", 12, 0, 9, CAP, 2},
			{"too many columns", 12, LIFE_COLUMNS_MAX + 1, 9, CAP, 2},
			{"a unit without rows", 12, 3, 0, CAP, 2},
			{"a cap of zero", 12, 3, 9, 0, 2},
			{"a cap that is no number", 12, 3, 9, NAN, 2},
			{"an endless cap", 12, 3, 9, INFINITY, 2},
			{"time that goes back", 12, 3, 9, CAP, 0.5},
			{"time that is no number", 12, 3, 9, CAP, NAN},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *b = bench_create(wearing, 12, 1);
		struct life *life = NULL;

		b->fleet.count = cases[i].units;
		b->fleet.columns = cases[i].columns;
		b->unit[0].rows = cases[i].rows_of_first;
		b->time[0][1] = cases[i].second_time;
		if (life_train(&b->fleet, cases[i].cap, &life) != -EINVAL || life)
			fail_msg("%s: taken", cases[i].name);
		free(b);
	}
}

static void
four_units_are_enough_to_speak(void **state)
{
	struct bench *b = bench_create(wearing, LIFE_UNITS_MIN, 1);
	struct life *life = learn(b);
	struct life_forecast f;

	(void)state;
	assert_int_equal(life_follow(life, &b->unit[1], b->unit[1].rows - 1, &f), 0);
	assert_true(f.high >= f.low);
	assert_int_equal(life_follow(life, &b->unit[1], b->unit[1].rows, &f), -EINVAL);
	life_free(life);
	free(b);
}

/* An interval of a distribution by hand: its steps are 1 long. */
struct hand {
	const char *name;
	double from, to, at_cap; /* lives even between the two, and this share at the cap */
	double share, low, high;
};

static void
the_interval_is_the_shortest(void **state)
{
	static const struct hand cases[] = {
			{"even", 100, 200, 0, 0.8, 100, 180},
			{"narrow", 40, 50, 0, 0.8, 40, 48},
			{"sure of the cap", 0, 250, 0.9, 0.8, 250, 250},
			{"not quite sure of the cap", 200, 250, 0.7, 0.8, 234, 250},
			{"all of it", 100, 200, 0, 1, 100, 200},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct hand *c = &cases[i];
		struct life_forecast f = {.cap = LIFE_STEPS};

		for (k = 0; k <= LIFE_STEPS; k++)
			f.below[k] = (1 - c->at_cap) *
					fmin(fmax(((double)k - c->from) / (c->to - c->from), 0), 1);
		life_interval(&f, c->share);
		if (fabs(f.low - c->low) > 1.01 || fabs(f.high - c->high) > 1.01)
			fail_msg("%s: %g to %g", c->name, f.low, f.high);
	}
}

static void
trees_learn_a_step_and_a_product(void **state)
{
	enum {
		n = 4000
	};
	double *x = malloc(2 * n * sizeof(*x)), *y = malloc(n * sizeof(*y)),
	       *w = malloc(n * sizeof(*w));
	uint32_t *row = malloc(n * sizeof(*row));
	struct life_trees *trees = malloc(sizeof(*trees));
	struct bench b = {.random = 3};
	struct life_bins bins;
	struct life_tree_lesson lesson = {&bins, y, w, row, n};
	size_t i;

	(void)state;
	for (i = 0; i < n; i++) {
		x[2 * i] = uniform(&b);
		x[2 * i + 1] = uniform(&b);
		y[i] = (x[2 * i] > 0.5 ? 10 : 0) + 4 * x[2 * i] * x[2 * i + 1];
		w[i] = 1;
		row[i] = (uint32_t)i;
	}
	assert_int_equal(life_bins_build(&bins, x, n, 2), 0);
	assert_int_equal(life_trees_train(trees, &lesson), 0);
	for (i = 0; i < n; i++)
		if (fabs(x[2 * i] - 0.5) > 0.02 &&
				fabs(life_trees_apply(trees, x + 2 * i) - y[i]) > 0.6)
			fail_msg("%g, %g: %g, not %g", x[2 * i], x[2 * i + 1],
					life_trees_apply(trees, x + 2 * i), y[i]);
	life_bins_fini(&bins);
	free(x);
	free(y);
	free(w);
	free(row);
	free(trees);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(wear_tells_the_remaining_life),
			cmocka_unit_test(a_constant_hazard_is_found_where_rows_say_nothing),
			cmocka_unit_test(probabilities_come_true_as_often_as_told),
			cmocka_unit_test(one_distribution_gives_all_figures),
			cmocka_unit_test(the_same_fleet_gives_the_same_bits),
			cmocka_unit_test(rows_to_come_do_not_change_a_forecast),
			cmocka_unit_test(constant_columns_leave_the_age),
			cmocka_unit_test(holes_are_bridged_by_the_last_known_value),
			cmocka_unit_test(units_that_end_at_once_are_no_harm),
			cmocka_unit_test(what_cannot_be_learnt_from_is_refused),
			cmocka_unit_test(four_units_are_enough_to_speak),
			cmocka_unit_test(the_interval_is_the_shortest),
			cmocka_unit_test(trees_learn_a_step_and_a_product),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
