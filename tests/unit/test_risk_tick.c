/* SPDX-License-Identifier: Apache-2.0 */
#include "risk_fixture.h"

#define MUST_MS 20.0 /* of a tick of 1,000 endpoints with 10 metrics each */
#define MUST_BYTES (64u << 20)

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

enum {
	ENDPOINTS = 1000,
	METRICS = 10,
	TICKS = 40
};

/* The best of some ticks: what others do on the machine is not the subject. All metrics climb by the factor each tick. */
static double
best_tick_ms(struct risk_endpoint *e[ENDPOINTS], int ticks, double growth)
{
	double best = INFINITY, begun, climb = 1;
	int i;

	for (; ticks > 0; ticks--) {
		w.ms += 1000;
		healthy();
		climb *= growth;
		for (i = 0; i < METRICS; i++)
			w.value[i] = w.value[i] * climb + (climb - 1) / 1e4;
		begun = now_ms();
		for (i = 0; i < ENDPOINTS; i++)
			risk_observe(&w.model, e[i],
					&(struct risk_input){.now_ms = w.ms,
							.metric = metric,
							.value = w.value,
							.peer = w.peer,
							.count = METRICS,
							.facts = &w.facts},
					&w.risk);
		best = fmin(best, now_ms() - begun);
	}
	return best;
}

static void
a_thousand_endpoints_take_a_fraction_of_a_second(void **state)
{
	struct risk_endpoint *e[ENDPOINTS];
	double calm, storm;
	int i;

	for (i = 0; i < ENDPOINTS; i++)
		e[i] = risk_endpoint_create(metric, METRICS);
	calm = best_tick_ms(e, TICKS, 1);
	best_tick_ms(e, 5, 1.05);
	storm = best_tick_ms(e, 10, 1.05);
	printf("# %.2f ms a tick, %.2f when all climb, %.1f MB\n", calm, storm,
			(double)ENDPOINTS * (double)risk_endpoint_size(METRICS) / 1e6);
	assert_true(calm < MUST_MS && storm < MUST_MS);
	assert_true(ENDPOINTS * risk_endpoint_size(METRICS) < MUST_BYTES);
	for (i = 0; i < ENDPOINTS; i++)
		risk_endpoint_free(e[i]);
}

/* A second of an endpoint that never had traffic. */
static void
nothing(void)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		w.value[i] = w.peer[i] = NAN;
	w.facts = (struct risk_facts){.seconds = 1,
			.slow = NAN,
			.slow_allowed = 0.01,
			.failed_allowed = 0.01,
			.load = {NAN, NAN, NAN}};
}

/* So it need have no state before, and what is said of it meanwhile is what any other such endpoint would be told. */
static void
a_state_that_saw_nothing_is_like_a_new_one(void **state)
{
	struct risk_endpoint *old = w.e;
	struct risk before, after[40];
	int i;

	for (i = 0; i < 500; i++) {
		nothing();
		observe();
		risk_of_unknown(&w.model, &before);
		before.observed = w.facts.observed;
		assert_memory_equal(&before, &w.risk, sizeof(before));
	}
	for (i = 0; i < 40; i++) {
		healthy();
		observe();
		after[i] = w.risk;
	}
	setup(state);
	for (i = 0; i < 40; i++) {
		healthy();
		observe();
		assert_memory_equal(&after[i], &w.risk, sizeof(w.risk));
	}
	risk_endpoint_free(old);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(a_state_that_saw_nothing_is_like_a_new_one),
			TEST(a_thousand_endpoints_take_a_fraction_of_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
