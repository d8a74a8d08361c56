/* SPDX-License-Identifier: Apache-2.0 */
#include "collect.h"

#include "fake_gateway.h"
#include "flow_lister.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct fake *f;

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	f->g.flows = flow_lister_create(&f->g);
	return 0;
}

static int
teardown(void **state)
{
	flow_lister_free(f->g.flows);
	fake_free(f);
	return 0;
}

static struct endpoint_counters *
web1(uint32_t lcore)
{
	return &f->endpoint[lcore][fake_endpoint(f, "web", "web1")->eid];
}

static struct leg_interval
interval(enum leg leg)
{
	struct leg_interval in;

	collector_interval(f->g.collector, fake_endpoint(f, "web", "web1")->eid, leg, &in);
	return in;
}

static void
what_lcores_counted_is_summed_and_told_per_interval(void **state)
{
	struct leg_counters total;
	struct leg_interval in;

	web1(0)->leg[LEG_SERVER].flows_new = 100; /* before the first tick */
	collector_tick_at(f->g.collector, 1000);
	web1(0)->leg[LEG_SERVER].flows_new += 10;
	web1(1)->leg[LEG_SERVER].flows_new += 7;
	web1(1)->leg[LEG_SERVER].flows_closed += 5;
	collector_tick_at(f->g.collector, 1500);

	in = interval(LEG_SERVER);
	assert_true(in.seconds == 0.5);
	assert_int_equal(in.delta.flows_new, 17);
	assert_int_equal(in.flows_active, 112);
	collector_leg(f->g.collector, fake_endpoint(f, "web", "web1")->eid, LEG_SERVER, &total);
	assert_int_equal(total.flows_new, 117);
}

static void
an_idle_interval_has_nothing_but_active_flows(void **state)
{
	struct leg_interval in;

	web1(0)->leg[LEG_SERVER].flows_new = 3;
	web1(0)->leg[LEG_SERVER].replies_timed = 3;
	collector_tick_at(f->g.collector, 1000);
	collector_tick_at(f->g.collector, 2000);
	in = interval(LEG_SERVER);
	assert_int_equal(in.delta.flows_new, 0);
	assert_int_equal(in.flows_active, 3);
	assert_true(isnan(in.reply_mean) && isnan(in.reply_p50) && isnan(in.loss_to));
	assert_false(collector_leg_used(f->g.collector, 0, LEG_SHADOW));
}

static void
flows_that_are_closed_before_they_are_read_as_new_do_not_wrap(void **state)
{
	web1(0)->leg[LEG_SERVER].flows_new = 2;
	web1(1)->leg[LEG_SERVER].flows_closed = 3;
	collector_tick_at(f->g.collector, 1000);
	assert_int_equal(interval(LEG_SERVER).flows_active, 0);
}

static void
times_are_of_the_interval_alone_and_survive_the_wrap_of_32_bits(void **state)
{
	struct histogram *h = &web1(0)->histogram[LEG_SERVER][HISTOGRAM_REPLY];
	struct histogram_total total;
	struct leg_interval in;
	int i;

	h->count[histogram_bucket(5000)] = UINT32_MAX - 1;
	web1(0)->leg[LEG_SERVER].packets_to = 1;
	collector_tick_at(f->g.collector, 1000);
	for (i = 0; i < 4; i++) {
		histogram_add(h, 5000);
		histogram_add(h, 3);
	}
	web1(0)->leg[LEG_SERVER].packets_to = 9;
	web1(0)->leg[LEG_SERVER].replies_timed = 8;
	web1(0)->leg[LEG_SERVER].reply_us = 4 * 5003;
	web1(0)->leg[LEG_SERVER].jitter_us = 16;
	collector_tick_at(f->g.collector, 2000);

	in = interval(LEG_SERVER);
	assert_true(in.reply_mean == 2501.5);
	assert_true(in.reply_jitter == 2);
	assert_true(in.reply_p50 >= 3 && in.reply_p50 <= 4);
	assert_true(in.reply_p90 > 4096 && in.reply_p99 < 6144);
	collector_histogram(f->g.collector, fake_endpoint(f, "web", "web1")->eid, LEG_SERVER,
			HISTOGRAM_REPLY, &total);
	assert_true(total.count[histogram_bucket(5000)] == (uint64_t)UINT32_MAX - 1 + 4);
	assert_int_equal(total.count[3], 4);
}

static void
loss_is_estimated_from_retransmissions_and_gaps(void **state)
{
	struct leg_counters *c = &web1(0)->leg[LEG_SERVER];

	collector_tick_at(f->g.collector, 1000);
	c->packets_to = 1;
	c->segments_to = 200;
	c->retransmitted_to = 4;
	c->segments_from = 95;
	c->gaps_from = 5;
	collector_tick_at(f->g.collector, 2000);
	assert_true(interval(LEG_SERVER).loss_to == 0.02);
	assert_true(interval(LEG_SERVER).loss_from == 0.05);
}

static void
the_clients_leg_moves_with_the_servers(void **state)
{
	collector_tick_at(f->g.collector, 1000);
	web1(0)->leg[LEG_SERVER].packets_to = 6;
	web1(0)->leg[LEG_CLIENT].handshakes = 2;
	collector_tick_at(f->g.collector, 2000);
	assert_int_equal(interval(LEG_CLIENT).delta.handshakes, 2);
	assert_int_equal(interval(LEG_CLIENT).delta.packets_from, 6);
}

/* The same file once more. */
static void
reload(void)
{
	struct config_errors errors = {0};
	struct config *config =
			config_parse(fake_config, strlen(fake_config), "fake.yaml", &errors);

	assert_non_null(config);
	assert_int_equal(registry_reload(f->g.registry, config), 0);
}

static void
a_reload_leaves_an_endpoint_what_it_counted(void **state)
{
	uint32_t eid = fake_endpoint(f, "web", "web1")->eid;
	struct leg_counters total;

	web1(0)->leg[LEG_SERVER].flows_new = 50;
	collector_tick_at(f->g.collector, 1000);
	reload();
	collector_tick_at(f->g.collector, 2000);
	collector_leg(f->g.collector, eid, LEG_SERVER, &total);
	assert_int_equal(total.flows_new, 50);
}

static void
it_is_told_whether_anything_was_ever_counted_under_an_id(void **state)
{
	uint32_t eid = fake_endpoint(f, "web", "web1")->eid;

	collector_tick_at(f->g.collector, 1000);
	assert_false(collector_any(f->g.collector, eid));
	web1(1)->leg[LEG_SHADOW].packets_to = 1;
	collector_tick_at(f->g.collector, 2000);
	assert_true(collector_any(f->g.collector, eid));
	collector_tick_at(f->g.collector, 3000);
	assert_true(collector_any(f->g.collector, eid));
	assert_false(collector_any(f->g.collector, UINT32_MAX));
}

static void
an_endpoint_that_nothing_moves_is_still(void **state)
{
	uint32_t eid = fake_endpoint(f, "web", "web1")->eid;
	struct leg_counters *c = &web1(0)->leg[LEG_SERVER];
	int i;

	for (i = 1; i <= 5; i++)
		collector_tick_at(f->g.collector, (uint64_t)i * 1000);
	assert_int_equal(collector_still(f->g.collector, eid), 5);
	c->flows_new = 3;
	c->requests = 2;
	collector_tick_at(f->g.collector, 6000);
	assert_int_equal(collector_still(f->g.collector, eid), 0);
	for (i = 7; i <= 9; i++) {
		collector_tick_at(f->g.collector, (uint64_t)i * 1000);
		assert_int_equal(interval(LEG_SERVER).delta.requests, 0);
		assert_int_equal(interval(LEG_SERVER).flows_active, 3);
		assert_int_equal(interval(LEG_SERVER).requests_waiting, 2);
		assert_true(interval(LEG_SERVER).seconds == 1);
	}
	assert_int_equal(collector_still(f->g.collector, eid), 3);
	c->requests = 12;
	c->packets_to = 10;
	collector_tick_at(f->g.collector, 10000);
	assert_int_equal(interval(LEG_SERVER).delta.requests, 10);
	web1(1)->leg[LEG_SHADOW].packets_to = 1;
	collector_tick_at(f->g.collector, 11000);
	assert_int_equal(collector_still(f->g.collector, eid), 0);
	assert_int_equal(interval(LEG_SERVER).delta.requests, 0);
}

static void
an_id_that_another_endpoint_had_begins_at_zero(void **state)
{
	struct endpoint *e = fake_endpoint(f, "web", "web1");
	struct leg_counters *c = &f->endpoint[0][e->eid].leg[LEG_SERVER], total;
	const struct config_endpoint *config;
	struct config_endpoint other;
	struct leg_interval in;

	c->flows_new = c->flows_closed = 50;
	collector_tick_at(f->g.collector, 1000);
	reload();
	config = e->config;
	other = *config;
	other.name = (char *)"another";
	e->config = &other;
	c->flows_new += 4;
	collector_tick_at(f->g.collector, 2000);
	collector_leg(f->g.collector, e->eid, LEG_SERVER, &total);
	collector_interval(f->g.collector, e->eid, LEG_SERVER, &in);
	e->config = config;
	assert_int_equal(total.flows_new, 4);
	assert_int_equal(total.flows_closed, 0);
	assert_int_equal(in.flows_active, 4);
}

static void
an_id_that_rested_when_another_endpoint_got_it_is_measured_at_once(void **state)
{
	struct endpoint *e = fake_endpoint(f, "web", "web1");
	const struct config_endpoint *config;
	struct config_endpoint other;
	int i;

	web1(0)->leg[LEG_SERVER].flows_new = web1(0)->leg[LEG_SERVER].flows_closed = 5;
	for (i = 1; i <= 5; i++)
		collector_tick_at(f->g.collector, (uint64_t)i * 1000);
	reload();
	config = e->config;
	other = *config;
	other.name = (char *)"another";
	e->config = &other;
	collector_tick_at(f->g.collector, 6000);
	e->config = config;
	assert_true(interval(LEG_SERVER).used && interval(LEG_SERVER).seconds == 1);
}

static void
totals_tell_the_oldest_view_in_use(void **state)
{
	struct lcore_counters total;

	f->lcore[0].view_generation = 9;
	f->lcore[1].view_generation = 7;
	f->lcore[0].end[END_no_flow] = 2;
	f->lcore[1].end[END_no_flow] = 3;
	collector_totals(f->g.collector, &total);
	assert_int_equal(total.view_generation, 7);
	assert_int_equal(total.end[END_no_flow], 5);
}

static void
quantiles_lie_within_their_bucket(void **state)
{
	static const struct {
		const char *name;
		uint32_t us, count;
		double q, low, high;
	} cases[] = {
			{"one value", 100, 1, 0.5, 96, 112},
			{"exact below 4 us", 2, 10, 0.99, 2, 3},
			{"the largest", UINT32_MAX, 3, 0.99, 3e9, 4294967296.0},
	};
	struct histogram h;
	double value;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		h = (struct histogram){{0}};
		h.count[histogram_bucket(cases[i].us)] = cases[i].count;
		value = collector_quantile(&h, cases[i].q);
		if (!(value >= cases[i].low && value <= cases[i].high))
			fail_msg("%s: %f", cases[i].name, value);
	}
	h = (struct histogram){{0}};
	assert_true(isnan(collector_quantile(&h, 0.5)));
}

/* What the last list told. */
static struct {
	uint32_t calls, count;
	bool complete;
} told;

static void
listed(void *arg, const struct flow_row *rows, uint32_t count, bool complete)
{
	told.calls++;
	told.count = count;
	told.complete = complete;
}

static void
list(uint32_t max, int polls)
{
	struct flow_filter all = {.any_client = true, .sid = UINT32_MAX, .eid = UINT32_MAX};

	memset(&told, 0, sizeof(told));
	assert_int_equal(flow_list(f->g.flows, &all, max, listed, &told), 0);
	while (polls--)
		flow_lister_poll(f->g.flows);
}

static void
a_list_asks_page_after_page_of_all_lcores(void **state)
{
	fake_traffic(f);
	f->page_rows = 1;
	list(10, 10);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.count, 3);
	assert_true(told.complete);
}

static void
a_list_that_is_cut_says_so(void **state)
{
	static const struct {
		uint32_t max, count;
		bool complete;
	} cases[] = {{2, 2, false}, {3, 3, true}, {0, 0, false}};
	size_t i;

	fake_traffic(f);
	for (i = 0; i < 3; i++) {
		list(cases[i].max, 10);
		assert_int_equal(told.calls, 1);
		assert_int_equal(told.count, cases[i].count);
		assert_int_equal(told.complete, cases[i].complete);
	}
}

static void
a_full_ring_is_tried_again(void **state)
{
	fake_traffic(f);
	f->ring_full = true;
	list(10, 3);
	assert_int_equal(told.calls, 0);
	f->ring_full = false;
	flow_lister_poll(f->g.flows);
	flow_lister_poll(f->g.flows);
	assert_int_equal(told.calls, 1);
}

static void
a_list_tells_when_an_lcore_last_answered(void **state)
{
	uint64_t begun = loop_now_ms(), first;

	f->hold = true;
	list(10, 1);
	first = flow_list_progress_ms(f->g.flows, &told);
	assert_true(first >= begun);
	while (loop_now_ms() == first)
		;
	flow_lister_poll(f->g.flows);
	assert_int_equal(flow_list_progress_ms(f->g.flows, &told), first);
	fake_answer(f);
	flow_lister_poll(f->g.flows);
	assert_int_equal(flow_list_progress_ms(f->g.flows, &told), 0); /* told, and gone */
	assert_int_equal(told.calls, 1);
}

/* Run under AddressSanitizer this would tell a page freed while it is the lcore's. */
static void
a_cancelled_list_keeps_its_pages_until_they_come_back(void **state)
{
	fake_traffic(f);
	f->hold = true;
	list(10, 1);
	assert_int_equal(f->asked_count, 2);
	flow_list_cancel(f->g.flows, &told);
	flow_lister_poll(f->g.flows);
	fake_answer(f);
	flow_lister_poll(f->g.flows);
	flow_lister_poll(f->g.flows);
	assert_int_equal(told.calls, 0);
	assert_int_equal(f->asked_count, 0);
}

static void
too_many_lists_are_refused(void **state)
{
	struct flow_filter all = {.any_client = true, .sid = UINT32_MAX, .eid = UINT32_MAX};
	int i, rc = 0;

	for (i = 0; i < 100 && rc == 0; i++)
		rc = flow_list(f->g.flows, &all, 1, listed, &told);
	assert_int_equal(rc, -EBUSY);
	for (i = 0; i < 5; i++)
		flow_lister_poll(f->g.flows);
	assert_int_equal(flow_list(f->g.flows, &all, 1, listed, &told), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(what_lcores_counted_is_summed_and_told_per_interval),
			TEST(an_idle_interval_has_nothing_but_active_flows),
			TEST(flows_that_are_closed_before_they_are_read_as_new_do_not_wrap),
			TEST(times_are_of_the_interval_alone_and_survive_the_wrap_of_32_bits),
			TEST(loss_is_estimated_from_retransmissions_and_gaps),
			TEST(the_clients_leg_moves_with_the_servers),
			TEST(an_id_that_another_endpoint_had_begins_at_zero),
			TEST(a_reload_leaves_an_endpoint_what_it_counted),
			TEST(it_is_told_whether_anything_was_ever_counted_under_an_id),
			TEST(an_endpoint_that_nothing_moves_is_still),
			TEST(an_id_that_rested_when_another_endpoint_got_it_is_measured_at_once),
			TEST(totals_tell_the_oldest_view_in_use),
			TEST(quantiles_lie_within_their_bucket),
			TEST(a_list_asks_page_after_page_of_all_lcores),
			TEST(a_list_that_is_cut_says_so),
			TEST(a_full_ring_is_tried_again),
			TEST(a_list_tells_when_an_lcore_last_answered),
			TEST(a_cancelled_list_keeps_its_pages_until_they_come_back),
			TEST(too_many_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
