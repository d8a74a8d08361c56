/* SPDX-License-Identifier: Apache-2.0 */
#include "risk_fixture.h"

static void
nothing_is_said_of_what_was_hardly_seen(void **state)
{
	healthy_for(5);
	assert_true(isnan(w.risk.probability[0]));
	healthy_for(10);
	assert_coherent();
}

static void
healthy_noise_raises_no_alarm(void **state)
{
	int i, over = 0;

	for (i = 0; i < 3600; i++) {
		healthy_for(1);
		over += w.risk.probability[1] > 0.2;
	}
	assert_in_range(over, 0, 3);
	assert_int_equal(w.model.failures, 0);
}

static void
memory_that_fills_is_seen_long_before(void **state)
{
	const struct risk_reason *r;
	char text[512];
	int i;

	healthy_for(60);
	for (i = 1; i <= 25; i++) { /* full in another 25 s */
		healthy();
		w.value[MEMORY] = around(0.4 + 0.012 * i, 0.002);
		observe();
	}
	assert_true(w.risk.probability[1] > 0.5);
	assert_coherent();
	r = reason_or_null(RISK_LIMIT);
	assert_non_null(r);
	assert_int_equal(r->metric, MEMORY);
	assert_true(r->low <= 25 && 25 <= r->high);
	assert_true(risk_text(&w.risk, metric, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "memory reaches its limit in "));
	assert_non_null(strstr(text, " s (80 %: "));
}

static void
latency_that_grows_by_factors_is_seen_before_the_objective(void **state)
{
	double factor = 1;
	char text[512];
	int i, first = 0;

	healthy_for(60);
	for (i = 1; i <= 40 && !first; i++) {
		healthy();
		factor *= 1.08; /* 300 ms after 38 s */
		w.value[METRIC_reply_p50] *= factor;
		w.value[METRIC_reply_p99] *= factor;
		w.facts.slow = w.value[METRIC_reply_p99] > 300000 ? 2 : 0;
		observe();
		if (w.risk.probability[1] > 0.5)
			first = i;
	}
	assert_in_range(first, 1, 30);
	risk_text(&w.risk, metric, text, sizeof(text));
	assert_non_null(strstr(text, " sd over its own past and "));
	assert_non_null(strstr(text, " x its peers"));
}

static void
what_all_peers_share_weighs_less(void **state)
{
	double alone, together;
	int i;

	healthy_for(120);
	for (i = 0; i < 5; i++) {
		healthy();
		w.value[METRIC_reply_p50] *= 3;
		observe();
	}
	alone = w.risk.probability[1];
	teardown(NULL);
	setup(NULL);
	healthy_for(120);
	for (i = 0; i < 5; i++) {
		healthy();
		w.value[METRIC_reply_p50] *= 3;
		w.peer[METRIC_reply_p50] *= 3;
		observe();
	}
	together = w.risk.probability[1];
	assert_true(together < alone);
	assert_null(reason_or_null(RISK_PEERS));
}

static void
a_breach_is_seen_in_its_first_second_and_sure_in_its_second(void **state)
{
	healthy_for(60);
	healthy();
	w.facts.slow = 40;
	w.value[METRIC_reply_p99] = 900000;
	observe();
	assert_true(w.risk.probability[1] > 0.2);
	assert_non_null(reason_or_null(RISK_LEVEL));
	assert_false(w.risk.failing);
	observe();
	assert_true(w.risk.failing);
	assert_true(w.risk.probability[0] > 0.95);
	assert_int_equal(w.model.failures, 1);
}

static void
one_slow_request_of_a_hundred_is_nothing(void **state)
{
	double before;

	healthy_for(60);
	before = w.risk.probability[1];
	healthy();
	w.facts.slow = 1;
	observe();
	assert_true(w.risk.probability[1] < 1.2 * before);
	assert_null(reason_or_null(RISK_LEVEL));
}

static void
a_restart_of_a_second_is_over_when_it_is_over(void **state)
{
	healthy_for(60);
	healthy();
	w.facts.failed = 50;
	w.value[METRIC_errors] = 0.5;
	observe();
	healthy_for(2);
	assert_true(w.risk.probability[1] < 0.2);
	assert_false(w.risk.failing);
}

/* What makes each of the other reasons. */
static void
make_silent(void)
{
	w.facts.replies = 0;
	w.facts.waiting = 100;
}

static void
make_suspect(void)
{
	w.facts.suspect = true;
}

static void
make_check_fail(void)
{
	w.facts.checks_failing = 0.67;
}

static void
make_down(void)
{
	w.facts.down = true;
}

static void
make_loaded(void)
{
	w.facts.load[0] = w.facts.load[1] = w.facts.load[2] = 1.3;
}

static void
make_outside(void)
{
	w.facts.outside = 0.9;
}

static void
make_full(void)
{
	w.value[CPU] = 0.97;
}

static void
every_reason_is_given_and_said(void **state)
{
	static const struct {
		void (*make)(void);
		enum risk_reason_kind kind;
		const char *text;
	} cases[] = {
			{make_silent, RISK_SILENCE, "no reply though requests wait"},
			{make_suspect, RISK_HEALTH, "suspect"},
			{make_check_fail, RISK_HEALTH, "its check fails"},
			{make_down, RISK_HEALTH, "it is down"},
			{make_loaded, RISK_LOAD, "load expected at 130 % of its capacity"},
			{make_outside, RISK_OUTSIDE,
					"an outside factor of its zone, severity 0.90"},
			{make_full, RISK_LEVEL, "cpu at 97 % of its limit"},
	};
	double before;
	char text[512];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		teardown(NULL);
		setup(NULL);
		healthy_for(60);
		before = w.risk.probability[1];
		healthy();
		cases[i].make();
		observe();
		assert_true(w.risk.probability[1] > 1.5 * before);
		assert_non_null(reason_or_null(cases[i].kind));
		risk_text(&w.risk, metric, text, sizeof(text));
		assert_non_null(strstr(text, cases[i].text));
		assert_coherent();
	}
}

/* `failed` of a hundred requests fail in `intervals` seconds, every other one, after minutes without any failure. */
static double
risk_of_failures(int intervals, double failed)
{
	double most = 0;
	int i;

	teardown(NULL);
	setup(NULL);
	healthy_for(300);
	for (i = 0; i < 2 * intervals; i++) {
		healthy();
		w.facts.failed = i % 2 ? 0 : failed;
		w.value[METRIC_errors] = w.facts.failed / w.facts.tried;
		observe();
		most = fmax(most, w.risk.probability[1]);
	}
	return most;
}

/* Two of some 400 segments lost in the seconds with an x, after a past without losses: by what factor the risk is higher. */
static double
risk_after_losses(const char *when)
{
	double before;

	healthy_for(120);
	before = w.risk.probability[0];
	for (; *when; when++) {
		healthy();
		w.value[METRIC_loss] = *when == 'x' ? 2.0 / 400 : 0;
		observe();
	}
	return w.risk.probability[0] / before;
}

static void
single_losses_add_up_where_there_were_none(void **state)
{
	assert_true(risk_after_losses("x...x..x.x") > 3);
}

static void
losses_of_one_moment_do_not_add_up(void **state)
{
	assert_true(risk_after_losses("xxx.......") < 1.5);
}

static void
a_resource_that_has_just_begun_to_climb_is_seen(void **state)
{
	int i;

	healthy_for(120);
	for (i = 1; i <= 8; i++) {
		healthy();
		w.value[MEMORY] += 0.02 * i;
		observe();
	}
	/* It reaches its limit in 22 s. */
	assert_true(w.risk.probability[0] > 0.5);
	assert_non_null(reason_or_null(RISK_LIMIT));
	assert_int_equal(reason_or_null(RISK_LIMIT)->metric, MEMORY);
}

static void
single_failures_add_up_where_there_were_none(void **state)
{
	assert_true(risk_of_failures(1, 1) < 0.2);
	assert_true(risk_of_failures(2, 1) < 0.2);
	assert_true(risk_of_failures(5, 1) > 0.2);
}

static void
reasons_are_in_the_order_of_their_weight(void **state)
{
	uint32_t i;

	healthy_for(60);
	healthy();
	make_suspect();
	make_outside();
	make_loaded();
	make_full();
	w.value[METRIC_reply_p50] *= 5;
	observe();
	assert_true(w.risk.reason_count >= 3);
	for (i = 1; i < w.risk.reason_count; i++)
		assert_true(w.risk.reason[i - 1].weight >= w.risk.reason[i].weight);
}

static void
a_text_that_does_not_fit_is_cut_and_counted(void **state)
{
	char text[20], whole[512];
	int length;

	healthy_for(60);
	healthy();
	make_outside();
	make_loaded();
	observe();
	length = risk_text(&w.risk, metric, whole, sizeof(whole));
	assert_int_equal(length, strlen(whole));
	assert_int_equal(risk_text(&w.risk, metric, text, sizeof(text)), length);
	assert_int_equal(strlen(text), sizeof(text) - 1);
	assert_int_equal(risk_text(&w.risk, metric, NULL, 0), length);
}

static double
odd(void)
{
	static const double values[] = {NAN, INFINITY, -INFINITY, -1, 0, 1e308, 1e-310, 1};

	return values[(size_t)(uniform() * 8) % 8];
}

static void
nan_in_any_input_harms_nothing(void **state)
{
	double *fact[] = {&w.facts.seconds, &w.facts.requests, &w.facts.replies, &w.facts.slow,
			&w.facts.failed, &w.facts.tried, &w.facts.waiting, &w.facts.slow_allowed,
			&w.facts.failed_allowed, &w.facts.load[0], &w.facts.load[1],
			&w.facts.load[2], &w.facts.outside, &w.facts.checks_failing};
	size_t i, facts = sizeof(fact) / sizeof(fact[0]);
	char text[512];
	int round;

	healthy_for(60);
	for (round = 0; round < 4000; round++) {
		healthy();
		for (i = 0; i < COUNT; i++) {
			if (uniform() < 0.1)
				w.value[i] = odd();
			if (uniform() < 0.1)
				w.peer[i] = odd();
		}
		for (i = 0; i < facts; i++) {
			if (uniform() < 0.1)
				*fact[i] = odd();
		}
		w.facts.observed = uniform() < 0.9;
		observe();
		assert_coherent();
		assert_true(risk_model_valid(&w.model));
		risk_text(&w.risk, metric, text, sizeof(text));
	}
	healthy_for(400); /* and it comes back */
	assert_true(w.risk.probability[1] < 0.2);
}

static void
recorded_input_replays_to_the_same_bits(void **state)
{
	struct risk first;
	int i;

	for (i = 0; i < 2; i++) {
		teardown(NULL);
		setup(NULL);
		healthy_for(300);
		healthy();
		w.value[METRIC_reply_p99] *= 4;
		observe();
		if (i == 0)
			first = w.risk;
	}
	assert_memory_equal(&first, &w.risk, sizeof(first));
}

static void
outcomes_are_learnt_when_they_are_known(void **state)
{
	healthy_for(10 + 29);
	assert_int_equal(w.model.score[0].statements, 0);
	healthy_for(60);
	assert_in_range(w.model.score[0].statements, 10, 13);
	assert_int_equal(w.model.score[0].came_true, 0);
	healthy();
	make_down();
	observe();
	assert_true(w.risk.failing);
	assert_in_range(w.model.score[0].came_true, 5, 7);
	assert_in_range(w.model.score[1].came_true, 11, 13);
	assert_int_equal(w.model.score[2].came_true, w.model.score[2].statements);
	assert_int_equal(w.model.failures, 1);
	assert_int_equal(w.model.failures_seen, 0); /* nothing had spoken for it */
}

static void
what_is_not_watched_is_not_learnt(void **state)
{
	uint64_t learnt;
	int i;

	healthy_for(60);
	learnt = w.model.hazard.learnt;
	healthy();
	w.facts.observed = false; /* shifted away, and no copies */
	observe();
	assert_true(w.model.censored > 0);
	learnt = w.model.hazard.learnt;
	for (i = 0; i < 400; i++) {
		healthy();
		w.facts.observed = false;
		w.facts.down = i > 200;
		observe();
	}
	assert_int_equal(w.model.hazard.learnt, learnt);
	assert_int_equal(w.model.failures, 0);
	assert_true(w.risk.failing); /* it is still said */
}

static void
the_risk_fades_slowly_when_nobody_looks(void **state)
{
	int i;

	healthy_for(60);
	for (i = 0; i < 3; i++) {
		healthy();
		make_outside();
		make_check_fail();
		make_full();
		observe();
	}
	assert_true(w.risk.probability[1] > 0.5);
	for (i = 0; i < 20; i++) { /* its traffic was shifted away */
		healthy();
		w.facts.observed = false;
		observe();
	}
	assert_true(w.risk.probability[1] > 0.2);
	assert_coherent();
	for (i = 0; i < 100; i++) {
		healthy();
		w.facts.observed = false;
		observe();
	}
	assert_true(w.risk.probability[1] < 0.1); /* what is said of an endpoint without any sign */
}

static void
a_failure_with_an_alarm_before_has_a_lead(void **state)
{
	int i;

	healthy_for(60);
	for (i = 1; i <= 60; i++) {
		healthy();
		w.value[MEMORY] = around(fmin(0.4 + 0.012 * i, 1), 0.002);
		w.facts.down = i > 50;
		observe();
	}
	assert_int_equal(w.model.failures, 1);
	assert_int_equal(w.model.failures_seen, 1);
	assert_int_equal(w.model.alarms_true, 1);
	assert_true(risk_model_lead_median(&w.model) > 10);
}

static void
a_saved_endpoint_goes_on_where_it_was(void **state)
{
	size_t size = risk_endpoint_size(COUNT);
	struct risk_endpoint *other = risk_endpoint_create(metric, COUNT - 1);
	void *saved = malloc(size);
	struct risk before;

	healthy_for(200);
	memcpy(saved, w.e, size);
	before = w.risk;
	assert_false(risk_endpoint_restore(other, saved, size));
	assert_false(risk_endpoint_restore(other, saved, risk_endpoint_size(COUNT - 1)));
	teardown(NULL);
	w.e = risk_endpoint_create(metric, COUNT);
	assert_false(risk_endpoint_restore(w.e, saved, size - 1));
	assert_true(risk_endpoint_restore(w.e, saved, size));
	w.ms = 1000; /* another boot */
	healthy_for(1);
	assert_true(fabs(w.risk.probability[1] - before.probability[1]) < 0.01);
	memset(saved, 0xff, 8);
	assert_false(risk_endpoint_restore(w.e, saved, size));
	strcpy(metric[CPU].name, "gpu");
	assert_false(risk_endpoint_fits(w.e, metric, COUNT));
	risk_endpoint_free(other);
	other = risk_endpoint_create(metric, COUNT);
	assert_false(risk_endpoint_restore(other, w.e, size));
	risk_endpoint_free(other);
	free(saved);
}

/* A server that is slow to accept is slow twice: handshakes count among the slow, but not among the replies. */
static void
slow_handshakes_beside_slow_replies_are_no_less_of_a_breach(void **state)
{
	int second;

	healthy_for(120);
	for (second = 0; second < 20; second++) {
		healthy();
		w.facts.slow = 200;
		observe();
	}
	assert_true(w.risk.failing);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(nothing_is_said_of_what_was_hardly_seen),
			TEST(healthy_noise_raises_no_alarm),
			TEST(memory_that_fills_is_seen_long_before),
			TEST(latency_that_grows_by_factors_is_seen_before_the_objective),
			TEST(what_all_peers_share_weighs_less),
			TEST(a_breach_is_seen_in_its_first_second_and_sure_in_its_second),
			TEST(slow_handshakes_beside_slow_replies_are_no_less_of_a_breach),
			TEST(one_slow_request_of_a_hundred_is_nothing),
			TEST(a_restart_of_a_second_is_over_when_it_is_over),
			TEST(every_reason_is_given_and_said),
			TEST(single_failures_add_up_where_there_were_none),
			TEST(single_losses_add_up_where_there_were_none),
			TEST(losses_of_one_moment_do_not_add_up),
			TEST(a_resource_that_has_just_begun_to_climb_is_seen),
			TEST(reasons_are_in_the_order_of_their_weight),
			TEST(a_text_that_does_not_fit_is_cut_and_counted),
			TEST(nan_in_any_input_harms_nothing),
			TEST(recorded_input_replays_to_the_same_bits),
			TEST(outcomes_are_learnt_when_they_are_known),
			TEST(what_is_not_watched_is_not_learnt),
			TEST(the_risk_fades_slowly_when_nobody_looks),
			TEST(a_failure_with_an_alarm_before_has_a_lead),
			TEST(a_saved_endpoint_goes_on_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
