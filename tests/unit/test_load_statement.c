/* SPDX-License-Identifier: Apache-2.0 */
#include "load_statement.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY 288 /* of 5 minutes */

static double
gaussian(void)
{
	return normal_quantile(fmin(fmax(drand48(), 1e-12), 1 - 1e-12));
}

static void
sentences_are_read(void **state)
{
	static const struct {
		const char *text, *printed;
		struct load_statement s;
	} cases[] = {
			{"80% chance of 20% more load within 5m", NULL, {0.8, 0.2, false, 300}},
			{"5% chance of 150% more load within 30s", NULL, {0.05, 1.5, false, 30}},
			{"99.9% chance of 0.5% less load within 2h", NULL,
					{0.999, 0.005, true, 7200}},
			{"  80%  chance of 20% less load within 90s ",
					"80% chance of 20% less load within 90s",
					{0.8, 0.2, true, 90}},
			{"50% chance of 10% more load within 120s",
					"50% chance of 10% more load within 2m",
					{0.5, 0.1, false, 120}},
			{"50% chance of 10% more load within 1.5m",
					"50% chance of 10% more load within 90s",
					{0.5, 0.1, false, 90}},
	};
	struct load_statement s, again;
	char error[256], text[LOAD_STATEMENT_TEXT_MAX];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (load_statement_parse(cases[i].text, &s, error, sizeof(error)) < 0)
			fail_msg("\"%s\": %s", cases[i].text, error);
		assert_true(fabs(s.probability - cases[i].s.probability) < 1e-12);
		assert_true(fabs(s.change - cases[i].s.change) < 1e-12);
		assert_int_equal(s.less, cases[i].s.less);
		assert_int_equal(s.window_s, cases[i].s.window_s);
		load_statement_format(&s, text, sizeof(text));
		assert_string_equal(text, cases[i].printed ? cases[i].printed : cases[i].text);
		assert_int_equal(load_statement_parse(text, &again, error, sizeof(error)), 0);
		assert_true(s.probability == again.probability && s.change == again.change);
	}
}

static void
other_sentences_are_refused_with_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
			{"", "expected a chance of 0.1% to 99.9%, not \"\""},
			{"80 chance of 20% more load within 5m", "a chance of 0.1%"},
			{"0% chance of 20% more load within 5m", "a chance of 0.1%"},
			{"100% chance of 20% more load within 5m", "a chance of 0.1%"},
			{"-5% chance of 20% more load within 5m", "a chance of 0.1%"},
			{"nan% chance of 20% more load within 5m", "a chance of 0.1%"},
			{"8.0.1% chance of 20% more load within 5m", "a chance of 0.1%"},
			{"1e1% chance of 20% more load within 5m", "a chance of 0.1%"},
			{"80% chanse of 20% more load within 5m",
					"expected the word \"chance\", not \"chanse\""},
			{"80% chance for 20% more load within 5m", "the word \"of\", not \"for\""},
			{"80% chance of 20 more load within 5m", "expected a change of 0.1%"},
			{"80% chance of 0% more load within 5m", "expected a change of 0.1%"},
			{"80% chance of 20% higher load within 5m",
					"\"more\" or \"less\", not \"higher\""},
			{"80% chance of 100% less load within 5m", "less than 100% less"},
			{"80% chance of 20% more traffic within 5m", "\"load\", not \"traffic\""},
			{"80% chance of 20% more load in 5m", "\"within\", not \"in\""},
			{"80% chance of 20% more load within 5", "expected 1s to 168h"},
			{"80% chance of 20% more load within 5d", "expected 1s to 168h"},
			{"80% chance of 20% more load within 0s", "expected 1s to 168h"},
			{"80% chance of 20% more load within 1.5s", "expected 1s to 168h"},
			{"80% chance of 20% more load within 169h", "expected 1s to 168h"},
			{"80% chance of 20% more load within", "not \"\""},
			{"80% chance of 20% more load within 5m or so",
					"behind the window, not \"or\""},
			{"80%\tchance of 20% more load within 5m", "a chance of 0.1%"},
	};
	struct load_statement s = {.window_s = 77};
	char error[256];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load_statement_parse(cases[i].text, &s, error, sizeof(error)),
				-EINVAL);
		if (!strstr(error, cases[i].error) || !strstr(error, "write as \"80% chance"))
			fail_msg("\"%s\": %s", cases[i].text, error);
	}
	assert_int_equal(s.window_s, 77);
}

static const struct forecast_settings settings = {
		.season = {DAY}, .seasons = 1, .horizon = 12, .floor = 20};

static double
load_at(int64_t t)
{
	double phase = 2 * M_PI * (double)(t % DAY) / DAY;

	return 300 * (1.8 - cos(phase) + 0.5 * sin(5 * phase)) * exp(0.08 * gaussian());
}

/* 40 days of load with a daily cycle: scores what was said from the fifth day on. */
static void
score_of(const struct load_statement *s, struct calibration_report *out)
{
	struct forecast *f = forecast_create(&settings);
	struct calibration_score fresh;
	struct load_watch w;
	int64_t t;

	assert_int_equal(load_watch_init(&w, s, 300, f), 0);
	fresh = w.score;
	for (t = 0; t < 40 * DAY; t++) {
		if (t == 5 * DAY)
			w.score = fresh;
		forecast_update(f, t, load_at(t), 0);
		load_watch_update(&w, f, NULL);
		assert_true(t < 2 * DAY || (w.probability >= 0 && w.probability <= 1));
	}
	assert_true(load_watch_valid(&w, s, 300));
	calibration_report(&w.score, out);
	forecast_free(f);
}

static void
statements_come_true_as_often_as_they_say(void **state)
{
	static const struct {
		const char *name;
		struct load_statement s;
		double skill_min;
	} cases[] = {
			{"20% more in one sample", {0.8, 0.2, false, 300}, 0.15},
			{"20% more in three", {0.8, 0.2, false, 900}, 0.25},
			{"20% less in one", {0.8, 0.2, true, 300}, 0.1},
			{"50% more in an hour", {0.8, 0.5, false, 3600}, 0.3},
			{"30% less in an hour", {0.8, 0.3, true, 3600}, 0.2},
	};
	struct calibration_report r;
	size_t i;

	srand48(21);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		score_of(&cases[i].s, &r);
		if (r.statements < 500 || r.came_true < 50 || !(r.calibration_error < 0.02) ||
				!(r.skill > cases[i].skill_min))
			fail_msg("%s: %u of %u came true, error %.4f, skill %.3f", cases[i].name,
					(unsigned)r.came_true, (unsigned)r.statements,
					r.calibration_error, r.skill);
	}
}

static void
gaps_neither_speak_nor_judge(void **state)
{
	static const struct load_statement s = {0.8, 0.2, false, 900};
	struct forecast *f = forecast_create(&settings);
	struct load_watch w;
	uint64_t judged;
	int64_t t;

	assert_int_equal(load_watch_init(&w, &s, 300, f), 0);
	srand48(22);
	for (t = 0; t < 3 * DAY; t++) {
		forecast_update(f, t, load_at(t), 0);
		load_watch_update(&w, f, NULL);
	}
	judged = w.score.statements;
	assert_true(judged > 0);
	for (; t < 4 * DAY; t++) {
		forecast_update(f, t, NAN, 0);
		load_watch_update(&w, f, NULL);
		assert_true(isnan(w.probability));
	}
	/* the last statements had part of their windows */
	assert_true(w.score.statements <= judged + 3);
	for (; t < 5 * DAY; t++) {
		forecast_update(f, t, t % 7 == 3 ? -5 : load_at(t), 0);
		load_watch_update(&w, f, NULL);
		assert_true(t % 7 != 3 || isnan(w.probability));
	}
	assert_true(w.score.statements > judged);
	assert_true(load_watch_valid(&w, &s, 300));
	forecast_free(f);
}

/* The samples of a window: 0 is no 20 % more than 0. */
static void
no_load_is_no_change_of_no_load(void **state)
{
	static const struct load_statement s = {0.8, 0.2, false, 300};
	struct forecast *f = forecast_create(&settings);
	struct load_watch w;
	int64_t t;

	assert_int_equal(load_watch_init(&w, &s, 300, f), 0);
	for (t = 0; t < 2 * DAY; t++) {
		forecast_update(f, t, 0, 0);
		load_watch_update(&w, f, NULL);
	}
	assert_true(w.score.statements > 100);
	assert_int_equal(w.score.came_true, 0);
	forecast_free(f);
}

static void
a_window_beyond_the_forecast_is_refused(void **state)
{
	static const struct load_statement s = {0.8, 0.2, false, 3900};
	struct forecast *f = forecast_create(&settings);
	struct load_watch w;

	assert_int_equal(load_watch_init(&w, &s, 300, f), -ERANGE);
	assert_int_equal(load_watch_init(&w, &s, 3900, f), 0);
	assert_int_equal(w.window, 1);
	forecast_free(f);
}

static void
a_long_window_is_judged_by_strides(void **state)
{
	static const struct forecast_settings far = {.horizon = 300, .floor = 20};
	static const struct load_statement s = {0.8, 0.2, false, 300};
	struct forecast *f = forecast_create(&far);
	struct load_watch w;
	int64_t t;

	assert_int_equal(load_watch_init(&w, &s, 1, f), 0);
	srand48(23);
	for (t = 0; t < 3000; t++) {
		forecast_update(f, t, 100 * exp(0.1 * gaussian()), 0);
		load_watch_update(&w, f, NULL);
	}
	assert_true(w.score.statements >= (3000 - 700) / w.stride - 5);
	assert_true(fabs(w.score.weight / (double)w.score.statements - w.stride / 300.0) < 1e-9);
	forecast_free(f);
}

static void
a_state_of_another_statement_is_not_valid(void **state)
{
	static const struct load_statement s = {0.8, 0.2, false, 300};
	static const struct load_statement other[] = {
			{0.8, 0.3, false, 300}, {0.8, 0.2, true, 300}, {0.8, 0.2, false, 600}};
	struct forecast *f = forecast_create(&settings);
	struct load_watch w;
	size_t i;

	assert_int_equal(load_watch_init(&w, &s, 300, f), 0);
	assert_true(load_watch_valid(&w, &s, 300));
	for (i = 0; i < 3; i++)
		assert_false(load_watch_valid(&w, &other[i], 300));
	w.weights.mean[2] = NAN;
	assert_false(load_watch_valid(&w, &s, 300));
	forecast_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(sentences_are_read),
			cmocka_unit_test(other_sentences_are_refused_with_what_is_wrong),
			cmocka_unit_test(statements_come_true_as_often_as_they_say),
			cmocka_unit_test(gaps_neither_speak_nor_judge),
			cmocka_unit_test(no_load_is_no_change_of_no_load),
			cmocka_unit_test(a_window_beyond_the_forecast_is_refused),
			cmocka_unit_test(a_long_window_is_judged_by_strides),
			cmocka_unit_test(a_state_of_another_statement_is_not_valid),
	};

	return cmocka_run_group_tests_name("load_statement", tests, NULL, NULL);
}
