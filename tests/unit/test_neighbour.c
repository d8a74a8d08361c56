/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in, frames and neighbours out; the registry and the data plane are played by this file. */
#include "neighbour.h"

#include "neighbour_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

static struct rte_mempool *pool;
static struct ip_prefix address[2];
static struct config_port port_config = {.name = "lan", .address = address, .address_count = 2};
static struct config_endpoint endpoint_config[2];
static struct config_service service_config;
static struct ip_addr local_address;
static struct config config = {.port = &port_config,
		.port_count = 1,
		.service = &service_config,
		.service_count = 1,
		.local = &local_address,
		.local_count = 1,
		.limits = {.neighbours = 8}};
static struct service service;
static struct endpoint endpoint[2];
static struct endpoint *endpoints[2] = {&endpoint[0], &endpoint[1]};
static struct rte_mbuf *sent[64];
static unsigned sent_count, applied;
static bool ring_full;
static struct gateway gw;
static const struct ether_mac us = {{2, 0, 0, 0, 0, 1}}, them = {{2, 0, 0, 0, 0, 0x11}},
			      thief = {{2, 0, 0, 0, 0, 0x66}};

/* What neighbour.c calls */

const struct config *
registry_config(const struct registry *r)
{
	return &config;
}

uint32_t
registry_endpoint_limit(const struct registry *r)
{
	return 16;
}

size_t
registry_service_count(const struct registry *r)
{
	return 1;
}

struct service *
registry_service_at(struct registry *r, size_t i)
{
	return &service;
}

struct endpoint *
registry_endpoint_by_id(struct registry *r, uint32_t eid)
{
	return eid < 2 ? &endpoint[eid] : NULL;
}

void
registry_set_neighbour(
		struct registry *r, struct endpoint *e, const struct view_l2 *l2, uint16_t mtu)
{
	e->resolved = l2 != NULL;
	if (l2)
		e->l2 = *l2;
}

void
gateway_apply(struct gateway *g)
{
	applied++;
	loop_stop(g->loop);
}

struct rte_mbuf *
dataplane_mbuf_or_null(struct dataplane *d)
{
	return rte_pktmbuf_alloc(pool);
}

bool
dataplane_inject(struct dataplane *d, struct rte_mbuf *frame, uint16_t port)
{
	if (ring_full || sent_count == 64) {
		rte_pktmbuf_free(frame);
		return false;
	}
	frame->port = port;
	sent[sent_count++] = frame;
	return true;
}

/* The tests' tools */

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static void
forget_sent(void)
{
	while (sent_count > 0)
		rte_pktmbuf_free(sent[--sent_count]);
}

static struct rte_mbuf *
frame_of(const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	m->port = 0;
	return m;
}

/* How many of the frames sent are of a kind and about an address. */
static unsigned
count_sent(enum neighbour_kind kind, const char *target)
{
	struct ip_addr want = addr(target);
	struct neighbour_packet p;
	unsigned i, n = 0;

	for (i = 0; i < sent_count; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(sent[i], uint8_t *);

		if (neighbour_decode(data, rte_pktmbuf_data_len(sent[i]), &p) == kind &&
				ip_equal(&p.target, &want))
			n++;
	}
	return n;
}

static uint64_t
counter(const char *name)
{
	json_t *o = neighbours_counters_json(gw.neighbours);
	json_t *value = json_object_get(o, name);
	uint64_t n = (uint64_t)json_integer_value(value);

	assert_non_null(value);
	json_decref(o);
	return n;
}

/* The host `from` at `mac` asks for `wanted`. */
static void
host_asks(const char *from, const struct ether_mac *mac, const char *wanted)
{
	struct neighbour_message m = {.our_mac = *mac, .addr = addr(wanted)};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];

	if (from)
		m.our_addr = addr(from);
	assert_true(neighbours_input(gw.neighbours, frame_of(frame, neighbour_ask_all(frame, &m))));
}

static void
host_answers(const char *from, const struct ether_mac *mac)
{
	struct neighbour_message m = {.our_mac = *mac,
			.our_addr = addr(from),
			.mac = us,
			.addr = addr(strchr(from, ':') ? "fd00::2" : "10.0.0.2")};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];

	assert_true(neighbours_input(gw.neighbours, frame_of(frame, neighbour_tell(frame, &m))));
}

static int
set_up(void **state)
{
	struct endpoint blank = {.service = &service};

	ip_prefix_parse("10.0.0.2/24", &address[0]);
	ip_prefix_parse("fd00::2/64", &address[1]);
	port_config.gateway4 = addr("10.0.0.1");
	endpoint_config[0].addr = addr("10.0.0.11");
	endpoint_config[1].addr = addr("fd00::11");
	service_config.addr = addr("192.0.2.100");
	local_address = addr("10.0.0.3");
	endpoint[0] = endpoint[1] = blank;
	endpoint[0].config = &endpoint_config[0];
	endpoint[1].config = &endpoint_config[1];
	endpoint[1].eid = 1;
	service = (struct service){
			.config = &service_config, .endpoint = endpoints, .endpoint_count = 2};
	gw = (struct gateway){
			.loop = loop_create(), .journal = journal_create(100), .port_count = 1};
	gw.port[0] = (struct view_port){.mac = us, .mtu = 1500};
	gw.neighbours = neighbours_create(&gw);
	assert_non_null(gw.neighbours);
	sent_count = applied = 0;
	ring_full = false;
	return 0;
}

static int
tear_down(void **state)
{
	neighbours_free(gw.neighbours);
	forget_sent();
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	journal_free(gw.journal);
	loop_free(gw.loop);
	return 0;
}

static void
endpoints_are_asked_for_and_told_to_the_registry(void **state)
{
	neighbours_sync(gw.neighbours);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.11"), 1);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "fd00::11"), 1);
	host_answers("10.0.0.11", &them);
	host_answers("fd00::11", &them);
	assert_true(endpoint[0].resolved && endpoint[1].resolved);
	assert_memory_equal(endpoint[0].l2.dst, them.b, 6);
	assert_memory_equal(endpoint[1].l2.src, us.b, 6);
	assert_int_equal(applied, 0);
	assert_int_equal(loop_run(gw.loop), 0);
	assert_int_equal(applied, 1); /* once for both */
}

static void
an_endpoint_behind_a_router_gets_the_routers_address(void **state)
{
	endpoint_config[0].addr = addr("172.16.0.1");
	neighbours_sync(gw.neighbours);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.1"), 1);
	host_answers("10.0.0.1", &them);
	assert_true(endpoint[0].resolved);
	/* A reload moves it next to us: what was known no longer holds. */
	endpoint_config[0].addr = addr("10.0.0.11");
	neighbours_sync(gw.neighbours);
	assert_false(endpoint[0].resolved);
}

static void
our_addresses_are_announced_where_they_belong(void **state)
{
	neighbours_sync(gw.neighbours);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.2"), 1);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.3"), 1);
	assert_int_equal(count_sent(NEIGHBOUR_REPLY, "fd00::2"), 1);
	/* Outside every prefix: routers know the way. */
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "192.0.2.100"), 0);
}

static void
requests_are_answered_for_our_addresses_alone(void **state)
{
	static const struct {
		const char *from, *wanted;
		unsigned answers;
	} cases[] = {
			{"10.0.0.77", "10.0.0.2", 1},
			{"10.0.0.77", "10.0.0.3", 1},
			{"10.0.0.77", "192.0.2.100", 1},
			{"10.0.0.77", "10.0.0.4", 0},
			{"fd00::77", "fd00::2", 1},
			{"fe80::77", "fd00::2", 1},
			{"fd00::77", "fd00::3", 0},
			{NULL, "10.0.0.2", 1},
			{NULL, "fd00::2", 1},
			{"11.0.0.77", "10.0.0.2", 0},
			{"fd01::77", "fd00::2", 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* An IPv6 host without an address must not name its MAC; neighbour_ask_all always does. */
		if (!cases[i].from && strchr(cases[i].wanted, ':'))
			continue;
		forget_sent();
		host_asks(cases[i].from, &them, cases[i].wanted);
		if (count_sent(NEIGHBOUR_REPLY, cases[i].wanted) != cases[i].answers)
			fail_msg("%s asks for %s", cases[i].from, cases[i].wanted);
	}
	assert_int_equal(counter("foreign_sender"), 2);
}

static void
nobody_takes_our_addresses(void **state)
{
	neighbours_sync(gw.neighbours);
	forget_sent();
	host_answers("10.0.0.2", &thief);
	host_asks("192.0.2.100", &thief, "10.0.0.11");
	host_answers("fd00::2", &thief);
	assert_int_equal(counter("conflicts"), 3);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.2"),
			1); /* said once that it is ours */
	host_answers("10.0.0.2", &us);
	assert_int_equal(counter("conflicts"), 3);
}

static void
a_request_teaches_where_an_endpoint_is(void **state)
{
	neighbours_sync(gw.neighbours);
	host_asks("10.0.0.11", &them, "10.0.0.2");
	assert_true(endpoint[0].resolved);
	assert_memory_equal(endpoint[0].l2.dst, them.b, 6);
	/* Strangers take no room. */
	host_asks("10.0.0.78", &them, "10.0.0.2");
	assert_int_equal(counter("table_full"), 0);
}

static void
an_endpoint_in_question_is_asked_for(void **state)
{
	neighbours_sync(gw.neighbours);
	host_asks("10.0.0.11", &them, "10.0.0.2");
	forget_sent();
	neighbours_sync(gw.neighbours);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.11"), 0);
	neighbours_question(gw.neighbours, &endpoint[0]);
	neighbours_sync(gw.neighbours);
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.11"), 1);
	assert_true(endpoint[0].resolved);
}

static void
stop(void *arg)
{
	loop_stop(gw.loop);
}

static bool
is_told(const char *sentence)
{
	json_t *events = journal_since(gw.journal, 0, 100), *event;
	bool found = false;
	size_t i;

	json_array_foreach(events, i, event) found |=
			!strcmp(json_string_value(json_object_get(event, "text")), sentence);
	json_decref(events);
	return found;
}

static void
who_never_answered_is_not_told_an_address(void **state)
{
	neighbours_sync(gw.neighbours);
	host_asks("10.0.0.11", &them, "10.0.0.2");
	neighbours_question(gw.neighbours, &endpoint[0]);
	neighbours_sync(gw.neighbours);
	journal_listen(gw.journal, stop, NULL);
	while (journal_last(gw.journal) < 3) /* one up, and after three seconds two down */
		assert_int_equal(loop_run(gw.loop), 0);
	assert_true(is_told("neighbour 10.0.0.11 on port \"lan\" does not answer; "
			    "last known at 02:00:00:00:00:11"));
	assert_true(is_told("neighbour fd00::11 on port \"lan\" does not answer; "
			    "it never has"));
}

static void
a_reload_does_not_make_room_at_the_cost_of_a_known_endpoint(void **state)
{
	neighbours_free(gw.neighbours);
	config.limits.neighbours = 2;
	gw.neighbours = neighbours_create(&gw);
	/* The one that stays comes second in the registry, and first in the table. */
	endpoint_config[0].addr = addr("fd01::11");
	neighbours_sync(gw.neighbours);
	endpoint_config[0].addr = addr("10.0.0.11");
	neighbours_sync(gw.neighbours);
	host_answers("fd00::11", &them);
	endpoint_config[0].addr = addr("10.0.0.12");
	neighbours_sync(gw.neighbours);
	assert_true(endpoint[1].resolved);
	host_answers("10.0.0.12", &them);
	assert_true(endpoint[0].resolved);
	config.limits.neighbours = 8;
}

static struct rte_mbuf *
packet4(uint8_t mark)
{
	uint8_t bytes[60] = {[14] = 0x45, [59] = mark};

	return frame_of(bytes, sizeof(bytes));
}

static void
packets_wait_for_their_neighbour_and_the_oldest_go_first(void **state)
{
	struct ip_addr hop = addr("10.0.0.50");
	uint8_t i;

	for (i = 1; i <= 6; i++)
		neighbours_send(gw.neighbours, 0, &hop, packet4(i));
	assert_int_equal(count_sent(NEIGHBOUR_REQUEST, "10.0.0.50"), 1);
	assert_int_equal(sent_count, 1);
	assert_int_equal(counter("unresolved_dropped"), 2);
	host_answers("10.0.0.50", &them);
	assert_int_equal(sent_count, 5);
	for (i = 1; i < 5; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(sent[i], uint8_t *);

		assert_memory_equal(data, them.b, 6);
		assert_memory_equal(data + 6, us.b, 6);
		assert_int_equal(data[12] << 8 | data[13], 0x800);
		assert_int_equal(data[59], i + 2);
	}
	neighbours_send(gw.neighbours, 0, &hop, packet4(7));
	assert_int_equal(sent_count, 6);
}

static void
the_table_stays_within_its_limit(void **state)
{
	char text[32];
	struct ip_addr hop;
	unsigned i;

	neighbours_sync(gw.neighbours);
	for (i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", 100 + i);
		hop = addr(text);
		neighbours_send(gw.neighbours, 0, &hop, packet4(1));
	}
	assert_int_equal(counter("table_full"), 14);
	assert_int_equal(counter("unresolved_dropped"), 14);
	host_answers("10.0.0.11", &them); /* endpoints kept their places */
	assert_true(endpoint[0].resolved);
}

static void
a_scan_does_not_become_a_flood_of_questions(void **state)
{
	struct ip_addr hop;
	char text[32];
	unsigned i;

	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, i % 250);
		hop = addr(text);
		neighbours_send(gw.neighbours, 0, &hop, packet4(1));
	}
	assert_in_range(counter("table_full"), 100 - 8, 200 - 8); /* a second may begin meanwhile */
}

static void
host_pings(const char *target, size_t payload)
{
	uint8_t frame[128] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x11, 8, 0, 0x45, 0, 0, 28, 0, 7, 0,
			0, 3, 1, 0, 0, 10, 0, 0, 11, 0, 0, 0, 0, 8, 0, 0xf7, 0xff};
	struct ip_addr a = addr(target);
	uint32_t sum = 0, to = ip_v4_be(&a);
	struct rte_mbuf *m;
	size_t i;

	memcpy(frame + 30, &to, 4);
	for (i = 14; i < 34; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	frame[24] = (uint8_t)(~sum >> 8);
	frame[25] = (uint8_t)~sum;
	m = frame_of(frame, 42 + payload);
	if (!neighbours_input(gw.neighbours, m))
		rte_pktmbuf_free(m);
}

static void
pings_of_our_addresses_are_answered_up_to_a_rate(void **state)
{
	unsigned i;

	host_pings("10.0.0.2", 18);
	host_pings("192.0.2.100", 0);
	host_pings("10.0.0.3", 0);
	host_pings("10.0.0.9", 0); /* not ours */
	assert_int_equal(sent_count, 3);
	assert_memory_equal(rte_pktmbuf_mtod(sent[0], uint8_t *), them.b, 6);
	assert_int_equal(rte_pktmbuf_data_len(sent[0]), 42); /* padding is not sent back */
	for (i = 0; i < 3000; i++) {
		forget_sent();
		host_pings("10.0.0.2", 0);
	}
	assert_in_range(counter("echoes_answered"), 1000, 2003);
	assert_int_equal(counter("echoes_answered") + counter("echoes_limited"), 3003);
}

static void
malformed_frames_are_counted_and_others_are_left_to_the_caller(void **state)
{
	struct neighbour_message m = {
			.our_mac = them, .our_addr = addr("10.0.0.11"), .addr = addr("10.0.0.2")};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	struct rte_mbuf *tcp = packet4(1);

	neighbour_ask_all(frame, &m);
	assert_true(neighbours_input(gw.neighbours, frame_of(frame, 41)));
	assert_int_equal(counter("malformed"), 1);
	assert_false(neighbours_input(gw.neighbours, tcp));
	tcp->port = 9;
	assert_false(neighbours_input(gw.neighbours, tcp));
	rte_pktmbuf_free(tcp);
}

static void
a_full_ring_is_counted_and_asked_again(void **state)
{
	ring_full = true;
	neighbours_sync(gw.neighbours);
	assert_true(counter("no_buffer") >= 2);
	assert_int_equal(counter("asked"), 0);
}

static int
start_dpdk(void **state)
{
	char *args[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
			"64", "-l", "0", "--log-level=error"};

	if (rte_eal_init(10, args) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("neighbour", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pool ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
			TEST(endpoints_are_asked_for_and_told_to_the_registry),
			TEST(an_endpoint_behind_a_router_gets_the_routers_address),
			TEST(our_addresses_are_announced_where_they_belong),
			TEST(requests_are_answered_for_our_addresses_alone),
			TEST(nobody_takes_our_addresses),
			TEST(a_request_teaches_where_an_endpoint_is),
			TEST(packets_wait_for_their_neighbour_and_the_oldest_go_first),
			TEST(the_table_stays_within_its_limit),
			TEST(a_scan_does_not_become_a_flood_of_questions),
			TEST(an_endpoint_in_question_is_asked_for),
			TEST(who_never_answered_is_not_told_an_address),
			TEST(a_reload_does_not_make_room_at_the_cost_of_a_known_endpoint),
			TEST(pings_of_our_addresses_are_answered_up_to_a_rate),
			TEST(malformed_frames_are_counted_and_others_are_left_to_the_caller),
			TEST(a_full_ring_is_counted_and_asked_again),
	};

	return cmocka_run_group_tests_name("neighbour", tests, start_dpdk, NULL);
}
