/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forwarding core at work in its own thread while the control thread does all that it may do: publish, read
 * counters, usage and events, ask for flows. To be run under ThreadSanitizer, with -DRTE_USE_C11_MEM_MODEL so that it
 * understands DPDK's rings (it then tells of rte_ring_empty alone, a plain read by design); else it shows that nothing
 * is lost.
 */
#include "talk.h"

#include "publish.h"

#include <pthread.h>
#include <rte_ethdev.h>

#ifdef __SANITIZE_THREAD__
#define CHANGES 300
#else
#define CHANGES 2000
#endif
#define CLIENTS 200u

static const struct mode fullnat_udp = {"", "fullnat", false, IPPROTO_UDP};
static struct frame request;
static uint32_t received; /* of the core's thread */
static bool quiet;

/* A receive queue that is never empty: requests of so many clients in turn. */
static uint16_t
receive(void *queue, struct rte_mbuf **out, uint16_t max)
{
	uint8_t *frame;
	uint16_t i;

	for (i = 0; !quiet && i < RTE_MIN(max, (uint16_t)32); i++) {
		out[i] = rte_pktmbuf_alloc(rig.pool);
		if (!out[i])
			break;
		frame = (uint8_t *)rte_pktmbuf_append(out[i], (uint16_t)request.len);
		memcpy(frame, request.b, request.len);
		frame_put16(frame + 34, 1000 + received++ % CLIENTS);
		frame_put16(frame + 40, 0);
	}
	return i;
}

static void *
run(void *lcore)
{
	lcore_run(lcore);
	return NULL;
}

/* One of the things that the control thread does. */
static void
change(uint32_t n)
{
	struct endpoint *a = rig_endpoint(&rig, "web", "a");

	switch (n % 4) {
	case 0:
		registry_set_shift(rig.registry, a, n * 7919 % SHARE_ONE, SETTING_RUNTIME);
		break;
	case 1:
		registry_set_health(rig.registry, a, HEALTH_DOWN, "test");
		break;
	case 2:
		registry_set_drain(rig.registry, a, n % 8 == 2, SETTING_RUNTIME);
		break;
	case 3:
		registry_set_health(rig.registry, a, HEALTH_UP, "test");
		break;
	}
}

static void
look(void)
{
	struct dataplane_usage usage;
	struct leg_counters leg;
	struct event e[4];

	dataplane_usage(rig.d, 0, &usage);
	leg_read(dataplane_endpoint_counters(rig.d, 0, 0), LEG_SERVER, &leg);
	dataplane_events(rig.d, e, 4);
	counter_read(&dataplane_lcore_counters(rig.d, 0)->received);
	assert_true(usage.flows <= usage.flow_limit);
}

/* Asks for all flows, and waits for each answer. */
static uint32_t
flows_told(void)
{
	static struct flow_row rows[64];
	struct flow_query q = {.filter = {.any_client = true, .sid = UINT32_MAX, .eid = UINT32_MAX},
			.row_max = 64,
			.rows = rows};
	uint32_t total = 0;

	do {
		assert_true(dataplane_query(rig.d, 0, &q));
		while (!__atomic_load_n(&q.done, __ATOMIC_ACQUIRE))
			sched_yield();
		total += q.row_count;
	} while (q.cursor);
	return total;
}

static void
a_core_works_while_everything_changes(void **state)
{
	struct frame_spec f = from_client(&fullnat_udp, 1000, A, 0, 0);
	struct publisher *publisher;
	struct publish_stats stats;
	pthread_t thread;
	uint32_t i, told = 0;

	frame_make(&f, &request);
	start(&fullnat_udp, "mirror: {fraction: 50%, shadows: 1}", "");
	rte_eth_fp_ops[OUT].rx_pkt_burst = receive;
	rig.d->config.idle_sleep_us = 20;
	publisher = publisher_create(rig.d, rig.registry);
	assert_non_null(publisher);
	registry_set_weight(rig.registry, rig_endpoint(&rig, "web", "a"), 7);
	assert_int_equal(publish_run(publisher), 1);
	assert_int_equal(pthread_create(&thread, NULL, run, rig.d->lcore[0]), 0);
	for (i = 0; i < CHANGES; i++) {
		change(i);
		assert_true(publish_run(publisher) >= 0);
		publish_reclaim(publisher);
		look();
		if (i % 50 == 0)
			told += flows_told();
	}
	publish_stats(publisher, &stats);
	while (counter_read(&dataplane_lcore_counters(rig.d, 0)->view_generation) !=
			stats.generation)
		sched_yield();
	__atomic_store_n(&rig.d->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(told > 0);
	assert_true(rig_counters(&rig).flows_created > CLIENTS);
	assert_int_equal(rig_end(&rig, END_no_endpoint), 0);
	quiet = true;
	registry_set_weight(rig.registry, rig_endpoint(&rig, "web", "a"), 8);
	rig.view = registry_build_view(rig.registry); /* the publisher released the rig's own */
	assert_non_null(rig.view);
	dataplane_publish(rig.d, rig.view);
	rig_run(&rig);
	publisher_free(publisher);
	rig_stop(&rig);
}

static int
set_up(void **state)
{
	return rig_eal_init("worker");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_core_works_while_everything_changes),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
