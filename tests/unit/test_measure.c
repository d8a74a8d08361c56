/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include "collect.h"
#include "fake_gateway.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct fake *f;

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	return 0;
}

static int
teardown(void **state)
{
	fake_free(f);
	return 0;
}

static bool
same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static struct leg_counters *
leg_of(const char *service, const char *endpoint, enum leg leg)
{
	return &f->endpoint[0][fake_endpoint(f, service, endpoint)->eid].leg[leg];
}

static void
tick(uint64_t now_ms)
{
	collector_tick_at(f->g.collector, now_ms);
	measurements_tick(f->g.measurements);
}

static const double *
values(const char *service, const char *endpoint, enum measure_side side)
{
	return measurements_values(f->g.measurements, fake_endpoint(f, service, endpoint), side);
}

static void
an_endpoint_that_never_had_traffic_has_no_values(void **state)
{
	const double *v;
	int i, side;

	tick(1000);
	tick(2000);
	assert_false(measurements_any(f->g.measurements, fake_endpoint(f, "web", "web1")));
	for (side = 0; side < MEASURE_SIDES; side++) {
		v = values("web", "web1", (enum measure_side)side);
		for (i = 0; i < METRICS_MAX; i++)
			assert_true(isnan(v[i]));
	}
}

static void
rates_are_per_second_whatever_the_interval(void **state)
{
	struct leg_counters *c = leg_of("web", "web1", LEG_SERVER);
	const double *v;

	tick(1000);
	c->packets_to = 1;
	c->requests = 40;
	c->replies = 30;
	c->unanswered = 2;
	c->flows_new = 10;
	c->flows_closed = 4;
	c->bytes_to = 1000;
	c->bytes_from = 7000;
	c->zero_windows_from = 6;
	tick(3000);
	v = values("web", "web1", MEASURE_SERVING);
	assert_true(v[METRIC_requests] == 20 && v[METRIC_flows_new] == 5);
	assert_true(v[METRIC_bytes] == 4000 && v[METRIC_zero_windows] == 3);
	assert_true(v[METRIC_flows_active] == 6 && v[METRIC_waiting] == 8);
	assert_true(measurements_any(f->g.measurements, fake_endpoint(f, "web", "web1")));
	assert_false(measurements_any(f->g.measurements, fake_endpoint(f, "web", "web2")));
}

static void
each_side_has_its_own_values(void **state)
{
	tick(1000);
	fake_traffic(f);
	tick(2000);
	assert_true(values("dns", "dns1", MEASURE_SERVING)[METRIC_requests] == 200);
	assert_true(isnan(values("dns", "dns1", MEASURE_COPIES)[METRIC_requests]));
	assert_true(values("dns", "dns1s", MEASURE_COPIES)[METRIC_requests] == 200);
	assert_true(isnan(values("dns", "dns1s", MEASURE_SERVING)[METRIC_requests]));
	assert_true(values("dns", "dns1s", MEASURE_COPIES)[METRIC_reply_p99] > 190);
}

static void
an_idle_second_has_rates_of_zero_and_no_times(void **state)
{
	const double *v;

	tick(1000);
	fake_traffic(f);
	tick(2000);
	tick(3000);
	v = values("web", "web1", MEASURE_SERVING);
	assert_true(v[METRIC_requests] == 0 && v[METRIC_bytes] == 0);
	assert_true(v[METRIC_flows_active] == 120);
	assert_true(isnan(v[METRIC_reply_p50]) && isnan(v[METRIC_errors]));
	assert_true(isnan(v[METRIC_loss]));
}

static void
values_stand_while_nothing_moves_and_go_on_after(void **state)
{
	const struct endpoint *e = fake_endpoint(f, "web", "web1");
	const double *v;

	tick(1000);
	fake_traffic(f);
	tick(2000);
	tick(3000);
	assert_int_equal(measurements_still(f->g.measurements, e), 1);
	tick(4000);
	tick(5000);
	assert_int_equal(measurements_still(f->g.measurements, e), 3);
	v = values("web", "web1", MEASURE_SERVING);
	assert_true(v[METRIC_requests] == 0 && v[METRIC_flows_active] == 120);
	assert_true(isnan(v[METRIC_reply_p50]));
	fake_traffic(f);
	tick(6000);
	assert_int_equal(measurements_still(f->g.measurements, e), 0);
	assert_true(v[METRIC_requests] == 240 && v[METRIC_flows_active] == 240);
}

static void
errors_are_a_share_of_requests_and_connects(void **state)
{
	static const struct {
		const char *name;
		struct leg_counters add;
		double want;
	} cases[] = {
			{"none", {.requests = 90, .handshakes = 10}, 0},
			{"refused", {.requests = 0, .handshakes = 15, .connects_refused = 5}, 0.25},
			{"no answer to SYN", {.requests = 6, .connects_unanswered = 2}, 0.25},
			{"of a service that never answered", {.requests = 100, .unanswered = 100},
					0},
			{"refused by it", {.requests = 15, .unanswered = 15, .connects_refused = 5},
					0.25},
			{"its first reply", {.requests = 100, .replies = 1, .unanswered = 10}, 0.1},
			{"unanswered", {.requests = 100, .unanswered = 10}, 0.1},
			{"answered with an error", {.requests = 100, .replies_failed = 5}, 0.05},
			{"begun in an earlier second", {.requests = 1, .unanswered = 10}, 1},
			{"nothing at all", {.requests = 0}, NAN},
	};
	struct leg_counters *c = leg_of("web", "web1", LEG_SERVER);
	uint64_t now = 1000;
	double got;
	size_t i;

	tick(now);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c->packets_to++;
		c->requests += cases[i].add.requests;
		c->replies += cases[i].add.replies;
		c->handshakes += cases[i].add.handshakes;
		c->connects_refused += cases[i].add.connects_refused;
		c->connects_unanswered += cases[i].add.connects_unanswered;
		c->unanswered += cases[i].add.unanswered;
		c->replies_failed += cases[i].add.replies_failed;
		tick(now += 1000);
		got = values("web", "web1", MEASURE_SERVING)[METRIC_errors];
		if (!same(got, cases[i].want))
			fail_msg("%s: %f", cases[i].name, got);
	}
}

static void
loss_is_a_share_of_both_ways(void **state)
{
	struct leg_counters *c = leg_of("web", "web1", LEG_SERVER);

	tick(1000);
	c->packets_to = 1;
	c->segments_to = 100;
	c->retransmitted_to = 4;
	c->segments_from = 94;
	c->gaps_from = 6;
	tick(2000);
	assert_true(values("web", "web1", MEASURE_SERVING)[METRIC_loss] == 0.05);
}

static void
every_service_has_the_passive_metrics_first(void **state)
{
	const struct metric *m;
	size_t count, i;

	for (i = 0; i < registry_service_count(f->g.registry); i++) {
		m = measurements_metrics(
				f->g.measurements, registry_service_at(f->g.registry, i), &count);
		assert_int_equal(count, METRIC_PASSIVE_COUNT);
		assert_string_equal(m[METRIC_errors].name, "errors");
		assert_false(m[METRIC_bytes].scraped);
		assert_true(m[METRIC_loss].floor > 0);
	}
}

/* The fake's configuration gives no objective: the errors' default is all there is. */
static void
limits_follow_the_objective(void **state)
{
	struct service *s = registry_service_by_name(f->g.registry, "web");
	static const struct {
		const char *name;
		struct policy_objective objective;
		double p50, p99, errors;
	} cases[] = {
			{"none", {0, 990, 0}, NAN, NAN, NAN},
			{"99 % within 20 ms", {20000, 990, 0.01}, NAN, 20000, 0.01},
			{"99.9 % within 20 ms", {20000, 999, 0}, NAN, 20000, NAN},
			{"95 % within 20 ms", {20000, 950, 0}, NAN, 20000, NAN},
			{"the median within 5 ms", {5000, 500, 0}, 5000, NAN, NAN},
	};
	struct config_service *config = (struct config_service *)(uintptr_t)s->config;
	struct policy_objective kept = config->objective;
	struct measurements *m;
	const struct metric *metric;
	size_t i, count;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config->objective = cases[i].objective;
		m = measurements_create(&f->g);
		metric = measurements_metrics(m, s, &count);
		if (!same(metric[METRIC_reply_p50].limit, cases[i].p50) ||
				!same(metric[METRIC_reply_p99].limit, cases[i].p99) ||
				!same(metric[METRIC_errors].limit, cases[i].errors))
			fail_msg("%s", cases[i].name);
		measurements_free(m);
	}
	config->objective = kept;
}

#define MANY 1000
#define ROUNDS 20
#define TICK_MS_MAX 2 /* of CPU, for all of them */

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* As many ticks of the few that the fake has. */
static double
cost_of_many_ms(void)
{
	double begun, best = INFINITY;
	int i, round;

	for (round = 0; round < ROUNDS; round++) {
		begun = cpu_ms();
		for (i = 0; i < MANY; i += 7)
			measurements_tick(f->g.measurements);
		best = fmin(best, cpu_ms() - begun);
	}
	return best;
}

static void
a_thousand_endpoints_cost_less_than_two_milliseconds(void **state)
{
	double idle, busy;
	uint32_t eid;
	int leg;

	tick(1000);
	idle = cost_of_many_ms();
	for (eid = 0; eid < 7; eid++) {
		for (leg = 0; leg < LEG_COUNT; leg++)
			f->endpoint[0][eid].leg[leg].packets_to = 9;
	}
	tick(2000);
	busy = cost_of_many_ms();
	assert_true(values("dns", "dns2", MEASURE_COPIES)[METRIC_bytes] == 0);
	printf("# %d endpoints: %.3f ms idle, %.3f ms busy\n", MANY, idle, busy);
	assert_true(idle < TICK_MS_MAX && busy < TICK_MS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(an_endpoint_that_never_had_traffic_has_no_values),
			TEST(rates_are_per_second_whatever_the_interval),
			TEST(each_side_has_its_own_values),
			TEST(an_idle_second_has_rates_of_zero_and_no_times),
			TEST(values_stand_while_nothing_moves_and_go_on_after),
			TEST(errors_are_a_share_of_requests_and_connects),
			TEST(loss_is_a_share_of_both_ways),
			TEST(every_service_has_the_passive_metrics_first),
			TEST(limits_follow_the_objective),
			TEST(a_thousand_endpoints_cost_less_than_two_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
