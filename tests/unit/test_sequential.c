/* SPDX-License-Identifier: Apache-2.0 */
#include "sequential.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ALPHA 0.05
#define RUNS 400
#define LOOKS 600
/* Three standard deviations of a share of ALPHA over RUNS. */
#define ALLOWED (ALPHA + 3 * 0.0109)

static uint64_t random_state = 1;

static double
uniform(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (double)(random_state >> 11) / 9007199254740992.0;
}

static double
draw(double trials, double share)
{
	double i, hits = 0;

	for (i = 0; i < trials; i++)
		hits += uniform() < share;
	return hits;
}

/* Share of runs in which `wrong` was the verdict at any look. */
static double
ever(enum sequential_verdict wrong, double reference, double margin, double share)
{
	struct sequential_share s;
	int run, look, count = 0;
	double n;

	for (run = 0; run < RUNS; run++) {
		sequential_init(&s, reference, margin);
		for (look = 0; look < LOOKS; look++) {
			n = 1 + floor(uniform() * 10);
			sequential_add(&s, n, draw(n, share));
			if (wrong == SEQUENTIAL_WORSE ? sequential_log_worse(&s) >= -log(ALPHA)
						      : sequential_log_not_worse(&s) >= -log(ALPHA))
				break;
		}
		count += look < LOOKS;
	}
	return (double)count / RUNS;
}

static const struct {
	double reference, margin;
} shares[] = {{0, 0.05}, {0.01, 0.05}, {0.05, 0.1}, {0.1, 0.1}, {0.3, 0.02}};

static void
a_candidate_that_is_no_worse_is_rarely_called_worse_at_any_look(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double at = shares[i].reference + shares[i].margin / 2;

		assert_true(ever(SEQUENTIAL_WORSE, shares[i].reference, shares[i].margin, at) <=
				ALLOWED);
		assert_true(ever(SEQUENTIAL_WORSE, shares[i].reference, shares[i].margin,
					    shares[i].reference) <= ALLOWED);
	}
}

static void
a_candidate_that_is_worse_is_rarely_called_good_at_any_look(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double at = shares[i].reference + shares[i].margin;

		assert_true(ever(SEQUENTIAL_NOT_WORSE, shares[i].reference, shares[i].margin, at) <=
				ALLOWED);
	}
}

/* An objective that nobody ever met, answers that nobody ever gets: worse than all of them there is not. */
static void
where_all_is_bad_already_nothing_is_worse(void **state)
{
	static const double references[] = {0.98, 0.995, 0.999, 1};
	size_t i;

	for (i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		assert_true(ever(SEQUENTIAL_WORSE, references[i], 0.05, references[i]) <= ALLOWED);
		assert_true(ever(SEQUENTIAL_WORSE, references[i], 0.05, 1) <= ALLOWED);
		assert_true(ever(SEQUENTIAL_WORSE, references[i], 0.002, references[i]) <= ALLOWED);
	}
}

/* Looks of ten requests until there is a verdict. */
static double
requests_until_verdict(
		enum sequential_verdict expected, double reference, double margin, double share)
{
	struct sequential_share s;
	int run, right = 0;
	double sum = 0;

	for (run = 0; run < RUNS; run++) {
		sequential_init(&s, reference, margin);
		while (sequential_verdict(&s, ALPHA) == SEQUENTIAL_UNSURE)
			sequential_add(&s, 10, draw(10, share));
		right += sequential_verdict(&s, ALPHA) == expected;
		sum += s.trials;
	}
	assert_true(right >= RUNS * (1 - ALLOWED));
	return sum / RUNS;
}

static void
verdicts_come_after_few_requests(void **state)
{
	/* Every request failing; a third of them slow; a good one against 1 % of errors with 5 % to spare. */
	assert_true(requests_until_verdict(SEQUENTIAL_WORSE, 0.01, 0.05, 1) <= 10);
	assert_true(requests_until_verdict(SEQUENTIAL_WORSE, 0.05, 0.1, 0.35) <= 40);
	assert_true(requests_until_verdict(SEQUENTIAL_NOT_WORSE, 0.01, 0.05, 0.002) <= 130);
	assert_true(requests_until_verdict(SEQUENTIAL_NOT_WORSE, 0.05, 0.1, 0.03) <= 90);
}

/* One bad second of a busy service is one event, not a thousand. */
static void
an_interval_counts_as_a_batch_at_most(void **state)
{
	struct sequential_share s;

	sequential_init(&s, 0.01, 0.05);
	sequential_add(&s, 100000, 4000);
	assert_int_equal(sequential_verdict(&s, ALPHA), SEQUENTIAL_UNSURE);
	assert_true(fabs(s.trials - SEQUENTIAL_BATCH) < 1e-9);
	assert_true(fabs(s.hits - 0.04 * SEQUENTIAL_BATCH) < 1e-9);
}

static void
what_is_not_a_number_decides_nothing(void **state)
{
	static const double bad[][2] = {
			{NAN, 1}, {10, NAN}, {-1, 0}, {10, -1}, {10, 11}, {INFINITY, 1}, {0, 0}};
	struct sequential_share s;
	size_t i;

	sequential_init(&s, 0.01, 0.05);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		sequential_add(&s, bad[i][0], bad[i][1]);
	assert_true(s.trials == 0 && s.hits == 0);
	sequential_init(&s, NAN, 0.05);
	sequential_add(&s, 50, 50);
	assert_int_equal(sequential_verdict(&s, ALPHA), SEQUENTIAL_UNSURE);
	sequential_init(&s, 0.01, NAN);
	sequential_add(&s, 50, 50);
	assert_int_equal(sequential_verdict(&s, ALPHA), SEQUENTIAL_UNSURE);
}

static void
one_share_that_is_worse_makes_the_candidate_worse(void **state)
{
	enum comparison_kind kind;
	struct comparison c;
	int i;

	comparison_init(&c, 0.95, 20);
	comparison_reference(&c, COMPARE_LATENCY, 0.05, 0.1);
	comparison_reference(&c, COMPARE_ERRORS, 0.01, 0.05);
	for (i = 0; i < 20; i++) {
		comparison_requests(&c, 20);
		comparison_add(&c, COMPARE_LATENCY, 20, 0);
		comparison_add(&c, COMPARE_ERRORS, 20, 8);
	}
	assert_int_equal(comparison_verdict(&c, &kind), SEQUENTIAL_WORSE);
	assert_int_equal(kind, COMPARE_ERRORS);
	comparison_restart(&c);
	assert_int_equal(comparison_verdict(&c, NULL), SEQUENTIAL_UNSURE);
}

static void
all_shares_and_enough_requests_make_it_not_worse(void **state)
{
	enum comparison_kind kind;
	struct comparison c;

	comparison_init(&c, 0.95, 1000);
	assert_int_equal(comparison_verdict(&c, NULL), SEQUENTIAL_UNSURE);
	comparison_requests(&c, 5000);
	assert_int_equal(
			comparison_verdict(&c, NULL), SEQUENTIAL_UNSURE); /* nothing was compared */
	comparison_restart(&c);
	comparison_reference(&c, COMPARE_LATENCY, 0.05, 0.1);
	comparison_reference(&c, COMPARE_ERRORS, 0.01, 0.05);
	for (int i = 0; i < 9; i++)
		comparison_add(&c, COMPARE_LATENCY, 50, 1);
	comparison_requests(&c, 999);
	assert_int_equal(comparison_verdict(&c, &kind), SEQUENTIAL_UNSURE);
	assert_int_equal(kind, COMPARE_ERRORS);
	for (int i = 0; i < 9; i++)
		comparison_add(&c, COMPARE_ERRORS, 50, 0);
	assert_int_equal(comparison_verdict(&c, &kind), SEQUENTIAL_UNSURE);
	comparison_requests(&c, 1);
	assert_int_equal(comparison_verdict(&c, &kind), SEQUENTIAL_NOT_WORSE);
}

static void
answers_init(struct comparison *c)
{
	comparison_init(c, 0.95, 20);
	comparison_reference(c, COMPARE_ERRORS, 0.01, 0.05);
	comparison_reference(c, COMPARE_ANSWERS, 0.025, 0.05);
}

/* An interval of requests that all succeed, and of answers to copies. */
static void
answers_add(struct comparison *c, double requests, double answers, double different)
{
	comparison_requests(c, requests);
	comparison_add(c, COMPARE_ERRORS, requests, 0);
	comparison_add(c, COMPARE_ANSWERS, answers, different);
}

static void
answers_that_differ_make_the_candidate_worse_and_are_told(void **state)
{
	char text[COMPARISON_TEXT_SIZE];
	enum comparison_kind kind;
	struct comparison c;
	int i;

	answers_init(&c);
	comparison_text(&c, text);
	assert_string_equal(text, "");
	for (i = 0; i < 3; i++)
		answers_add(&c, 40, 40, 16);
	assert_int_equal(comparison_verdict(&c, &kind), SEQUENTIAL_WORSE);
	assert_int_equal(kind, COMPARE_ANSWERS);
	comparison_text(&c, text);
	assert_string_equal(text, "answers differ: 40 % of 120, allowed 5 %");
}

static void
answers_must_agree_where_they_are_compared(void **state)
{
	enum comparison_kind kind;
	struct comparison c;
	int i;

	answers_init(&c);
	for (i = 0; i < 3; i++)
		answers_add(&c, 50, 50, 3); /* neither clearly few nor clearly many */
	for (i = 0; i < 3; i++)
		answers_add(&c, 0, 0, 0);
	assert_int_equal(comparison_verdict(&c, &kind), SEQUENTIAL_UNSURE);
	assert_int_equal(kind, COMPARE_ANSWERS);
	answers_init(&c);
	for (i = 0; i < 3; i++)
		answers_add(&c, 50, 50, 0);
	assert_int_equal(comparison_verdict(&c, NULL), SEQUENTIAL_NOT_WORSE);
}

static void
few_answers_accuse_and_hold_nothing_up(void **state)
{
	struct comparison c;
	int i;

	answers_init(&c);
	answers_add(&c, 50, 5, 0);
	for (i = 0; i < 3; i++)
		answers_add(&c, 50, 0, 0);
	assert_int_equal(comparison_verdict(&c, NULL), SEQUENTIAL_NOT_WORSE);
	answers_add(&c, 0, 10, 10);
	assert_int_equal(comparison_verdict(&c, NULL), SEQUENTIAL_WORSE);
}

/* The other's answers are what the candidate's were compared with. */
static void
whoever_answers_otherwise_is_worse_than_the_other(void **state)
{
	struct comparison c, sick;
	int i;

	answers_init(&c);
	answers_init(&sick);
	for (i = 0; i < 3; i++) {
		answers_add(&c, 50, 50, 20);
		comparison_add(&sick, COMPARE_ERRORS, 50, 25);
	}
	assert_true(comparison_is_worse_than(&c, &sick));
	comparison_reference(&c, COMPARE_ANSWERS, NAN, NAN);
	assert_false(comparison_is_worse_than(&c, &sick));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(
					a_candidate_that_is_no_worse_is_rarely_called_worse_at_any_look),
			cmocka_unit_test(
					a_candidate_that_is_worse_is_rarely_called_good_at_any_look),
			cmocka_unit_test(where_all_is_bad_already_nothing_is_worse),
			cmocka_unit_test(verdicts_come_after_few_requests),
			cmocka_unit_test(an_interval_counts_as_a_batch_at_most),
			cmocka_unit_test(what_is_not_a_number_decides_nothing),
			cmocka_unit_test(one_share_that_is_worse_makes_the_candidate_worse),
			cmocka_unit_test(all_shares_and_enough_requests_make_it_not_worse),
			cmocka_unit_test(answers_that_differ_make_the_candidate_worse_and_are_told),
			cmocka_unit_test(answers_must_agree_where_they_are_compared),
			cmocka_unit_test(few_answers_accuse_and_hold_nothing_up),
			cmocka_unit_test(whoever_answers_otherwise_is_worse_than_the_other),
	};

	return cmocka_run_group_tests_name("sequential", tests, NULL, NULL);
}
