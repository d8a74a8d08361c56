/* SPDX-License-Identifier: Apache-2.0 */
#include "predictor.h"

#include "collect.h"
#include "fake_gateway.h"
#include "measure.h"
#include "predictor_peers.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct fake *f;
static uint64_t ms;

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	ms = 1000;
	collector_tick_at(f->g.collector, ms);
	return 0;
}

static int
teardown(void **state)
{
	fake_free(f);
	return 0;
}

/* A second in which an endpoint gets `n` requests on a leg, and answers `replies` of them after `us`. */
static void
serve(const char *service, const char *endpoint, enum leg leg, unsigned n, unsigned replies,
		uint32_t us)
{
	uint32_t eid = fake_endpoint(f, service, endpoint)->eid;
	struct leg_counters *c = &f->endpoint[0][eid].leg[leg];
	unsigned i;

	c->flows_new += n;
	c->packets_to += n;
	c->requests += n;
	c->replies += replies;
	c->replies_timed += replies;
	for (i = 0; i < replies; i++)
		histogram_add(&f->endpoint[0][eid].histogram[leg][HISTOGRAM_REPLY],
				us + us * i / 100);
}

static void
tick(void)
{
	ms += 1000;
	collector_tick_at(f->g.collector, ms);
	measurements_tick(f->g.measurements);
	predictor_tick_at(f->g.predictor, ms);
}

static void
both_serve_for(int seconds)
{
	for (; seconds > 0; seconds--) {
		serve("web", "web1", LEG_SERVER, 100, 100, 5000);
		serve("web", "web2", LEG_SERVER, 100, 100, 5000);
		tick();
	}
}

static const struct risk *
risk_of(const char *service, const char *endpoint)
{
	return predictor_risk_or_null(f->g.predictor, fake_endpoint(f, service, endpoint));
}

static void
every_endpoint_has_a_risk_each_second(void **state)
{
	assert_null(risk_of("web", "web1"));
	both_serve_for(1);
	assert_non_null(risk_of("web", "web1"));
	assert_true(isnan(risk_of("web", "web1")->probability[0]));
	both_serve_for(30);
	assert_true(risk_of("web", "web1")->probability[1] < 0.1);
	assert_true(risk_of("web", "web1")->observed);
	assert_false(risk_of("web", "web1s")->observed);
}

static void
a_server_that_stops_answering_fails_and_its_peer_does_not(void **state)
{
	int i;

	both_serve_for(60);
	for (i = 0; i < 2; i++) {
		serve("web", "web1", LEG_SERVER, 100, 0, 0);
		serve("web", "web2", LEG_SERVER, 100, 100, 5000);
		tick();
	}
	assert_true(risk_of("web", "web1")->failing);
	assert_true(risk_of("web", "web1")->probability[0] > 0.9);
	assert_int_equal(risk_of("web", "web1")->reason[0].kind, RISK_SILENCE);
	assert_true(risk_of("web", "web2")->probability[1] < 0.2);
	assert_int_equal(predictor_model(f->g.predictor)->failures, 1);
	assert_true(journal_last(f->g.journal) > 0);
}

static void
copies_speak_for_a_server_that_lost_its_traffic(void **state)
{
	struct predictor_view v;
	int i;

	both_serve_for(60);
	for (i = 0; i < 10; i++) {
		serve("web", "web1", LEG_SHADOW, 100, 100, 5000);
		tick();
	}
	predictor_view(f->g.predictor, fake_endpoint(f, "web", "web1"), &v);
	assert_true(v.by_copies && v.risk->observed);
	assert_true(fabs(v.value[METRIC_requests] - 100) < 1);
	for (i = 0; i < 2; i++) {
		serve("web", "web1", LEG_SHADOW, 100, 0, 0);
		tick();
	}
	assert_true(risk_of("web", "web1")->failing);
	assert_int_equal(predictor_model(f->g.predictor)->failures, 1);
}

static uint64_t
learnt_of_ten_minutes(const struct endpoint *e, const char *service, const char *endpoint)
{
	int i;

	for (i = 0; i < 600; i++) {
		serve(service, endpoint, LEG_SHADOW, 100, 100, 5000);
		tick();
	}
	assert_true(registry_gets_copies(e));
	return predictor_model(f->g.predictor)->hazard.learnt;
}

/* What comes of it is seen: the copies are as much as it lost. */
static void
an_old_primary_that_gets_copies_of_all_is_learnt_from(void **state)
{
	struct endpoint *e = fake_endpoint(f, "dns", "dns1");
	struct config_mirror mirror = {.share = SHARE_ONE / 2, .shadows = 1, .to_primary = true};

	assert_int_equal(registry_set_shift(f->g.registry, e, SHARE_ONE, SETTING_RUNTIME), 0);
	assert_int_equal(registry_set_mirror(f->g.registry, e, &mirror, SETTING_RUNTIME), 0);
	assert_int_equal(learnt_of_ten_minutes(e, "dns", "dns1"), 0);
	mirror.share = SHARE_ONE;
	assert_int_equal(registry_set_mirror(f->g.registry, e, &mirror, SETTING_RUNTIME), 0);
	assert_true(learnt_of_ten_minutes(e, "dns", "dns1") > 0);
}

/* Syslog, NetFlow. */
static void
a_service_that_never_answers_does_not_fail_by_that(void **state)
{
	struct leg_counters *c =
			&f->endpoint[0][fake_endpoint(f, "dns", "dns1")->eid].leg[LEG_SERVER];
	int i;

	for (i = 0; i < 60; i++) {
		serve("dns", "dns1", LEG_SERVER, 100, 0, 0);
		c->unanswered += 100;
		tick();
	}
	assert_true(risk_of("dns", "dns1")->observed);
	assert_false(risk_of("dns", "dns1")->failing);
	assert_int_equal(predictor_model(f->g.predictor)->failures, 0);
	/* One of its peers shows that it could have. */
	serve("dns", "dns2", LEG_SERVER, 1, 1, 5000);
	for (i = 0; i < 5; i++) {
		serve("dns", "dns1", LEG_SERVER, 100, 0, 0);
		c->unanswered += 100;
		tick();
	}
	assert_true(risk_of("dns", "dns1")->failing);
}

static void
without_traffic_or_copies_nothing_is_learnt(void **state)
{
	uint64_t learnt;
	int i;

	both_serve_for(60);
	for (i = 0; i < 6; i++)
		tick();
	assert_false(risk_of("web", "web1")->observed);
	assert_true(predictor_model(f->g.predictor)->censored > 0);
	learnt = predictor_model(f->g.predictor)->hazard.learnt;
	for (i = 0; i < 400; i++)
		tick();
	assert_int_equal(predictor_model(f->g.predictor)->hazard.learnt, learnt);
}

static void
a_server_that_is_down_says_so(void **state)
{
	struct endpoint *e = fake_endpoint(f, "web", "web2");

	both_serve_for(30);
	registry_set_health(f->g.registry, e, HEALTH_DOWN, "check: timeout");
	both_serve_for(1);
	assert_true(risk_of("web", "web2")->failing);
	assert_int_equal(risk_of("web", "web2")->reason[0].kind, RISK_HEALTH);
}

static uint64_t
models(void)
{
	struct predictor_stats stats;

	predictor_stats(f->g.predictor, &stats);
	return stats.endpoints;
}

static void
an_endpoint_of_which_nothing_is_known_has_no_model(void **state)
{
	struct predictor_view v;
	int i;

	for (i = 0; i < 100; i++) {
		serve("web", "web1", LEG_SERVER, 100, 100, 5000);
		tick();
	}
	assert_int_equal(models(), 1);
	assert_ptr_equal(risk_of("web", "web2"), risk_of("dns", "dns1"));
	predictor_view(f->g.predictor, fake_endpoint(f, "web", "web2"), &v);
	assert_true(isnan(v.risk->probability[2]) && v.risk->raw[2] > v.risk->raw[0]);
	assert_false(v.risk->failing || v.risk->observed || v.by_copies);
	assert_int_equal(v.count, METRIC_PASSIVE_COUNT);
	for (i = 0; i < METRIC_PASSIVE_COUNT; i++)
		assert_true(isnan(v.value[i]) && isnan(v.peer[i]));
	assert_true(v.features->x[0][HAZARD_own] == 0);
	serve("web", "web2", LEG_SERVER, 1, 1, 5000);
	tick();
	assert_int_equal(models(), 2);
	assert_ptr_not_equal(risk_of("web", "web2"), risk_of("dns", "dns1"));
}

/* All its past is the time since its first request, whenever that comes. */
static void
an_endpoint_that_wakes_up_behaves_as_one_that_begins(void **state)
{
	struct risk woken;
	int i;

	for (i = 0; i < 300; i++)
		tick();
	both_serve_for(45);
	serve("web", "web1", LEG_SERVER, 100, 50, 80000);
	tick();
	woken = *risk_of("web", "web1");
	teardown(state);
	setup(state);
	both_serve_for(45);
	serve("web", "web1", LEG_SERVER, 100, 50, 80000);
	tick();
	assert_true(woken.reason_count > 0);
	assert_memory_equal(&woken, risk_of("web", "web1"), sizeof(woken));
}

/* A capacity is far beyond what it gets; there an endpoint is never passed over, as a load to come may speak. */
static struct risk
risk_after_hours(double capacity)
{
	const struct config_service *c = fake_endpoint(f, "web", "web1")->service->config;
	int i;

	((struct config_service *)(uintptr_t)c)->forecast.capacity = capacity;
	both_serve_for(60);
	for (i = 0; i < 10000; i++) {
		serve("web", "web2", LEG_SERVER, 100, 100, 5000);
		tick();
	}
	for (i = 0; i < 20; i++) {
		serve("web", "web1", LEG_SERVER, 100, 100 - (unsigned)i, 5000 + 2000 * (uint32_t)i);
		serve("web", "web2", LEG_SERVER, 100, 100, 5000);
		tick();
	}
	return *risk_of("web", "web1");
}

static void
an_endpoint_that_was_passed_over_behaves_as_one_that_was_not(void **state)
{
	struct risk passed, looked_at;
	unsigned k;

	passed = risk_after_hours(0);
	teardown(state);
	setup(state);
	looked_at = risk_after_hours(1e9);
	assert_true(passed.observed && looked_at.observed);
	assert_true(passed.reason_count > 1);
	assert_int_equal(passed.reason_count, looked_at.reason_count);
	for (k = 0; k < RISK_HORIZONS; k++)
		assert_true(fabs(passed.probability[k] - looked_at.probability[k]) < 0.001);
	for (k = 0; k < passed.reason_count; k++) {
		assert_int_equal(passed.reason[k].kind, looked_at.reason[k].kind);
		assert_true(fabs(passed.reason[k].weight - looked_at.reason[k].weight) < 0.01);
	}
}

static void
an_endpoint_that_rests_is_not_looked_at_until_something_speaks(void **state)
{
	struct endpoint *e = fake_endpoint(f, "web", "web1");
	uint64_t censored;
	int i;

	both_serve_for(60);
	for (i = 0; i < 4000; i++)
		tick();
	censored = predictor_model(f->g.predictor)->censored;
	assert_true(risk_of("web", "web1")->probability[1] > 0);
	assert_false(risk_of("web", "web1")->observed);
	registry_set_health(f->g.registry, e, HEALTH_DOWN, "check: timeout");
	tick();
	assert_true(risk_of("web", "web1")->failing);
	registry_set_health(f->g.registry, e, HEALTH_UP, "check: ok");
	for (i = 0; i < 10; i++)
		tick();
	assert_false(risk_of("web", "web1")->failing);
	assert_int_equal(predictor_model(f->g.predictor)->censored, censored);
	serve("web", "web1", LEG_SERVER, 100, 100, 5000);
	tick();
	assert_true(risk_of("web", "web1")->observed);
}

/* It fails, but nobody was there to see what comes of what: it is no lesson. */
static void
what_speaks_against_an_endpoint_without_traffic_is_heard(void **state)
{
	struct endpoint *e = fake_endpoint(f, "web", "web2");

	tick();
	assert_int_equal(models(), 0);
	registry_set_suspect(f->g.registry, e, true);
	tick();
	assert_int_equal(risk_of("web", "web2")->reason[0].kind, RISK_HEALTH);
	assert_true(isnan(risk_of("web", "web2")->probability[0]));
	registry_set_health(f->g.registry, e, HEALTH_DOWN, "check: timeout");
	tick();
	assert_true(risk_of("web", "web2")->failing);
	assert_true(risk_of("web", "web2")->probability[0] > 0.9);
	assert_false(risk_of("web", "web2")->observed);
	assert_int_equal(predictor_model(f->g.predictor)->failures, 0);
	assert_int_equal(models(), 1);
}

static void
the_median_of_peers_leaves_oneself_out(void **state)
{
	static const struct {
		double value[5];
		size_t count;
		double own, median;
	} cases[] = {
			{{5}, 1, 5, NAN},
			{{5}, 1, NAN, 5},
			{{5, 9}, 2, 5, 9},
			{{5, 9}, 2, 9, 5},
			{{1, 2, 3, 4, 100}, 5, 100, 2.5},
			{{1, 2, 3, 4, 100}, 5, 1, 3.5},
			{{7, 7, 7}, 3, 7, 7},
			{{1, NAN, 3}, 3, 1, 3},
			{{3, 1, 2}, 3, NAN, 2},
	};
	struct peers *p = peers_create();
	double out;
	size_t i, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(peers_begin(p, 1, cases[i].count));
		for (j = 0; j < cases[i].count; j++)
			peers_add(p, &cases[i].value[j], false);
		peers_order(p);
		peers_medians(p, &cases[i].own, false, &out);
		assert_true(out == cases[i].median || (isnan(out) && isnan(cases[i].median)));
		peers_medians(p, &cases[i].own, true, &out); /* nobody has the other role */
		assert_true(isnan(out));
	}
	peers_free(p);
}

#define CROWD 10000
#define CROWD_METRICS 16
#define ROUNDS 5
#define CROWD_MS_MAX 8 /* of CPU: a turn has 5, and builds with sanitizers are slower */

static double crowd[CROWD][CROWD_METRICS];

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Values of which few differ from each other, some that are NAN, and others as they come. */
static void
crowd_make(size_t n)
{
	uint64_t random = 1;
	size_t i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < CROWD_METRICS; j++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			crowd[i][j] = (double)(random >> 40) / (j % 4 == 1 ? 1 << 22 : 1);
			if (j % 4 == 1)
				crowd[i][j] = floor(crowd[i][j]);
			if (j % 4 == 2 && (random >> 33) % 3 == 0)
				crowd[i][j] = NAN;
			if (j % 4 == 3)
				crowd[i][j] = (double)(j % 8 == 3 ? i : n - i);
		}
	}
}

/* By sorting all others. */
static double
median_of_others(size_t n, size_t own, size_t metric)
{
	static double other[CROWD];
	size_t i, m = 0;

	for (i = 0; i < n; i++) {
		if (i != own && isfinite(crowd[i][metric]))
			other[m++] = crowd[i][metric];
	}
	qsort(other, m, sizeof(*other), by_value);
	return m ? (other[(m - 1) / 2] + other[m / 2]) / 2 : NAN;
}

static double
crowd_collect(struct peers *p, size_t n)
{
	double begun = cpu_ms();
	size_t i;

	assert_true(peers_begin(p, CROWD_METRICS, n));
	for (i = 0; i < n; i++)
		peers_add(p, crowd[i], false);
	peers_order(p);
	return cpu_ms() - begun;
}

static void
medians_of_any_number_of_peers_are_those_of_a_sort(void **state)
{
	struct peers *p = peers_create();
	double got[CROWD_METRICS], want;
	size_t n, i, j;

	for (n = 1; n < 40; n++) {
		crowd_make(n);
		crowd_collect(p, n);
		for (i = 0; i < n; i++) {
			peers_medians(p, crowd[i], false, got);
			for (j = 0; j < CROWD_METRICS; j++) {
				want = median_of_others(n, i, j);
				if (!(got[j] == want || (isnan(got[j]) && isnan(want))))
					fail_msg("%zu of %zu, metric %zu", i, n, j);
			}
		}
	}
	peers_free(p);
}

static void
the_medians_of_ten_thousand_fit_in_a_turn(void **state)
{
	struct peers *p = peers_create();
	double best = INFINITY;
	int i;

	crowd_make(CROWD);
	for (i = 0; i < ROUNDS; i++)
		best = fmin(best, crowd_collect(p, CROWD));
	printf("# %d endpoints, %d metrics: %.2f ms\n", CROWD, CROWD_METRICS, best);
	assert_true(best < CROWD_MS_MAX);
	peers_free(p);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(every_endpoint_has_a_risk_each_second),
			TEST(a_server_that_stops_answering_fails_and_its_peer_does_not),
			TEST(copies_speak_for_a_server_that_lost_its_traffic),
			TEST(a_service_that_never_answers_does_not_fail_by_that),
			TEST(an_old_primary_that_gets_copies_of_all_is_learnt_from),
			TEST(without_traffic_or_copies_nothing_is_learnt),
			TEST(a_server_that_is_down_says_so),
			TEST(an_endpoint_of_which_nothing_is_known_has_no_model),
			TEST(an_endpoint_that_wakes_up_behaves_as_one_that_begins),
			TEST(an_endpoint_that_was_passed_over_behaves_as_one_that_was_not),
			TEST(an_endpoint_that_rests_is_not_looked_at_until_something_speaks),
			TEST(what_speaks_against_an_endpoint_without_traffic_is_heard),
			cmocka_unit_test(the_median_of_peers_leaves_oneself_out),
			cmocka_unit_test(medians_of_any_number_of_peers_are_those_of_a_sort),
			cmocka_unit_test(the_medians_of_ten_thousand_fit_in_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
