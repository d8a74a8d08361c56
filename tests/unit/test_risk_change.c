/* SPDX-License-Identifier: Apache-2.0 */
/* What is changed from outside, by a configuration or by a shift, is no sign of an endpoint's health. */
#include "risk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define QUEUE METRIC_PASSIVE_COUNT
#define COUNT (QUEUE + 1)

static struct metric metric[COUNT];
static struct risk_model model;
static struct risk_endpoint *endpoint;
static struct risk_facts facts;
static struct risk risk;
static uint64_t ms;

static int
setup(void **state)
{
	metric_passive_init(metric);
	metric[QUEUE] = (struct metric){.name = "queue",
			.shape = METRIC_LOG,
			.worse = 1,
			.floor = 10,
			.limit = 1000,
			.scraped = true};
	risk_model_init(&model);
	endpoint = risk_endpoint_create(metric, COUNT);
	facts = (struct risk_facts){.seconds = 1,
			.requests = 100,
			.replies = 100,
			.tried = 100,
			.slow_allowed = NAN,
			.failed_allowed = NAN,
			.load = {NAN, NAN, NAN},
			.observed = true};
	ms = 0;
	return endpoint ? 0 : -1;
}

static int
teardown(void **state)
{
	risk_endpoint_free(endpoint);
	return 0;
}

/* Of a server whose queue is 50 to 60 long. */
static void
seconds(int n)
{
	double value[COUNT];
	int i;

	while (n-- > 0) {
		for (i = 0; i < COUNT; i++)
			value[i] = NAN;
		ms += 1000;
		value[QUEUE] = 50 + (double)(ms / 1000 * 7919 % 11);
		risk_observe(&model, endpoint,
				&(struct risk_input){.now_ms = ms,
						.metric = metric,
						.value = value,
						.count = COUNT,
						.facts = &facts},
				&risk);
	}
}

/* Its limit was 1000, and its floor a hundredth of that. */
static void
a_metric_on_another_scale_begins_anew(void **state)
{
	seconds(600);
	metric[QUEUE].limit = 100;
	assert_true(risk_endpoint_fits(endpoint, metric, COUNT));
	metric[QUEUE].floor = 1;
	assert_false(risk_endpoint_fits(endpoint, metric, COUNT));
	metric[QUEUE].floor = 10;
	metric[QUEUE].shape = METRIC_LINEAR;
	assert_false(risk_endpoint_fits(endpoint, metric, COUNT));
	metric[QUEUE].shape = METRIC_LOG;
	metric[QUEUE].worse = -1;
	assert_false(risk_endpoint_fits(endpoint, metric, COUNT));
}

/* It was about to fail, was relieved of its traffic, and lived: that is no false alarm. */
static void
what_a_shift_relieved_teaches_nothing(void **state)
{
	struct risk_model before;

	seconds(60);
	facts.outside = 1;
	facts.checks_failing = 0.9;
	seconds(10);
	assert_true(risk.probability[1] > 0.5);
	before = model;
	facts.outside = facts.checks_failing = 0;
	facts.relieved = true;
	seconds(400);
	assert_true(model.hazard.learnt == before.hazard.learnt);
	assert_memory_equal(model.map, before.map, sizeof(before.map));
	assert_true(model.censored > before.censored);
	assert_true(risk.observed && risk.probability[1] < 0.1); /* and it is said */
	facts.relieved = false;
	seconds(60);
	assert_true(model.hazard.learnt > before.hazard.learnt);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
			TEST(a_metric_on_another_scale_begins_anew),
			TEST(what_a_shift_relieved_teaches_nothing),
	};

	return cmocka_run_group_tests_name("risk_change", tests, NULL, NULL);
}
