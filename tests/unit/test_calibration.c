/* SPDX-License-Identifier: Apache-2.0 */
#include "calibration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
expect_near(const char *name, const char *figure, double value, double expected)
{
	if (!(fabs(value - expected) < 1e-9) && !(isnan(value) && isnan(expected)))
		fail_msg("%s: %s is %g, not %g", name, figure, value, expected);
}

struct statement {
	double probability, weight;
	bool came_true;
};

static void
figures_of_statements_are_as_by_hand(void **state)
{
	static const struct {
		const char *name;
		struct statement s[4];
		double brier, skill, error, precision, recall;
	} cases[] = {
			{"none", {{NAN, 1, true}}, NAN, NAN, NAN, NAN, NAN},
			{"sure and right", {{1, 1, true}, {0, 1, false}}, 0, 1, 0, 1, 1},
			{"sure and wrong", {{0, 1, true}, {1, 1, false}}, 1, -3, 1, 0, 0},
			{"the base rate", {{0.5, 1, true}, {0.5, 1, false}}, 0.25, 0, 0, 0.5, 1},
			{"two bins",
					{{0.8, 1, true}, {0.8, 1, false}, {0.1, 1, false},
							{0.1, 1, false}},
					0.175, 1 - 0.175 / 0.1875, (0.6 + 0.2) / 4, 0.5, 1},
			{"by weight", {{0.8, 3, true}, {0.4, 1, true}}, 0.12, NAN, (0.6 + 0.6) / 4,
					1, 0.75},
			{"one outcome", {{0.9, 1, true}}, 0.01, NAN, 0.1, 1, 1},
	};
	struct calibration_report r;
	struct calibration_score s;
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		calibration_score_init(&s, 0.5);
		for (k = 0; k < 4; k++)
			calibration_score_add(&s, cases[i].s[k].probability,
					cases[i].s[k].came_true, cases[i].s[k].weight);
		calibration_report(&s, &r);
		expect_near(cases[i].name, "Brier", r.brier, cases[i].brier);
		if (!isnan(cases[i].skill))
			expect_near(cases[i].name, "skill", r.skill, cases[i].skill);
		else
			assert_false(isfinite(r.skill));
		expect_near(cases[i].name, "error", r.calibration_error, cases[i].error);
		expect_near(cases[i].name, "precision", r.precision, cases[i].precision);
		expect_near(cases[i].name, "recall", r.recall, cases[i].recall);
		assert_true(calibration_score_valid(&s));
	}
}

static void
what_is_no_probability_is_ignored_and_counted(void **state)
{
	static const struct statement bad[] = {{NAN, 1, true}, {-0.1, 1, true}, {1.1, 1, true},
			{INFINITY, 1, true}, {0.5, 0, true}, {0.5, -1, true}, {0.5, NAN, true},
			{0.5, INFINITY, true}};
	struct calibration_map m, before;
	struct calibration_score s;
	size_t i;

	calibration_score_init(&s, 0.5);
	calibration_map_init(&m, 0.5, 1000);
	before = m;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		calibration_score_add(&s, bad[i].probability, bad[i].came_true, bad[i].weight);
		calibration_map_learn(&m, bad[i].probability, bad[i].came_true, bad[i].weight);
	}
	assert_int_equal(s.ignored, sizeof(bad) / sizeof(bad[0]));
	assert_int_equal(s.statements, 0);
	assert_memory_equal(&m, &before, sizeof(m));
	assert_true(isnan(calibration_map_apply(&m, NAN)));
	assert_true(isnan(calibration_map_apply(&m, 2)));
}

static void
overlapping_statements_share_their_worth(void **state)
{
	assert_true(calibration_weight(1, 60) == 1.0 / 60);
	assert_true(calibration_weight(300, 60) == 1);
	assert_true(calibration_weight(60, 60) == 1);
	assert_true(calibration_weight(NAN, 60) == 1);
	assert_true(calibration_weight(0, 60) == 1);
}

static void
an_untaught_map_is_the_identity(void **state)
{
	struct calibration_map m;
	double p;

	calibration_map_init(&m, 0.5, 1000);
	for (p = 0.001; p < 1; p += 0.001)
		assert_true(fabs(calibration_map_apply(&m, p) - p) < 1e-12);
}

static double
logit(double p)
{
	return log(p / (1 - p));
}

/* Raw probabilities that are distorted in a known way: the map must find the way back. */
static void
a_map_learns_how_a_model_errs(void **state)
{
	static const struct {
		const char *name;
		double slope, shift; /* logit(raw) = slope * logit(true) + shift */
	} cases[] = {
			{"right already", 1, 0},
			{"too sure", 2.5, 0},
			{"too timid", 0.5, 0},
			{"too high", 1, 1.5},
			{"too low and too sure", 2, -1},
	};
	struct calibration_score raw_score, score;
	struct calibration_report raw_report, report;
	struct calibration_map m;
	double truth, raw;
	size_t i, k;
	bool outcome;

	srand48(5);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		calibration_map_init(&m, 0.5, 1000);
		calibration_score_init(&raw_score, 0.5);
		calibration_score_init(&score, 0.5);
		for (k = 0; k < 20000; k++) {
			truth = pow(drand48(), 2);
			outcome = drand48() < truth;
			raw = 1 / (1 + exp(-(cases[i].slope * logit(truth) + cases[i].shift)));
			if (k >= 2000) {
				calibration_score_add(&raw_score, raw, outcome, 1);
				calibration_score_add(
						&score, calibration_map_apply(&m, raw), outcome, 1);
			}
			calibration_map_learn(&m, raw, outcome, 1);
		}
		calibration_report(&raw_score, &raw_report);
		calibration_report(&score, &report);
		if (!(report.calibration_error < 0.015))
			fail_msg("%s: error %g after, %g before", cases[i].name,
					report.calibration_error, raw_report.calibration_error);
		assert_true(report.brier < raw_report.brier + 0.001);
	}
}

static void
a_map_stays_monotone_whatever_it_is_taught(void **state)
{
	struct calibration_map m;
	double p, last, q;
	size_t i, k;

	srand48(6);
	for (i = 0; i < 200; i++) {
		calibration_map_init(&m, 1, 50);
		for (k = 0; k < 200; k++) {
			p = drand48() < 0.2 ? (drand48() < 0.5) : drand48();
			/* mostly the opposite of what it says */
			calibration_map_learn(&m, p, drand48() < 0.9 ? p < 0.5 : p > 0.5,
					exp(4 * drand48() - 2));
			assert_true(calibration_map_valid(&m));
		}
		last = 0;
		for (p = 0; p <= 1; p += 0.01) {
			q = calibration_map_apply(&m, p);
			assert_true(q >= last - 1e-12 && q <= 1 + 1e-12);
			last = q;
		}
	}
}

static void
what_was_learnt_fades_to_the_identity(void **state)
{
	struct calibration_map m;
	size_t k;

	calibration_map_init(&m, 0.5, 100);
	for (k = 0; k < 500; k++)
		calibration_map_learn(&m, 0.5, true, 1);
	assert_true(calibration_map_apply(&m, 0.5) > 0.85);
	for (k = 0; k < 3000; k++)
		calibration_map_learn(&m, 0.5, k % 2 == 0, 1);
	assert_true(fabs(calibration_map_apply(&m, 0.5) - 0.5) < 0.1);
}

static void
a_restored_state_is_checked(void **state)
{
	struct calibration_map m;
	struct calibration_score s;

	calibration_map_init(&m, 0.5, 100);
	assert_true(calibration_map_valid(&m));
	m.logistic.mean[0] = NAN;
	assert_false(calibration_map_valid(&m));
	calibration_map_init(&m, 0.5, 100);
	m.logistic.precision[1][1] = -1;
	assert_false(calibration_map_valid(&m));
	memset(&m, 0, sizeof(m));
	assert_false(calibration_map_valid(&m));
	calibration_score_init(&s, 0.5);
	s.weight = NAN;
	assert_false(calibration_score_valid(&s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(figures_of_statements_are_as_by_hand),
			cmocka_unit_test(what_is_no_probability_is_ignored_and_counted),
			cmocka_unit_test(overlapping_statements_share_their_worth),
			cmocka_unit_test(an_untaught_map_is_the_identity),
			cmocka_unit_test(a_map_learns_how_a_model_errs),
			cmocka_unit_test(a_map_stays_monotone_whatever_it_is_taught),
			cmocka_unit_test(what_was_learnt_fades_to_the_identity),
			cmocka_unit_test(a_restored_state_is_checked),
	};

	return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
