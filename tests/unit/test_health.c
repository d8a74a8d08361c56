/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks against this kernel's own TCP, UDP, ICMP, ARP and neighbour discovery:
 *
 *   health.c, neighbour.c <-> this file as the data plane <-> TAP in a namespace with 10.9.0.11, .12, fd09::11, and the
 *                                                             service address 10.9.0.100, fd09::100 of dsr on lo
 *
 * The registry is played by this file too.
 */
#include "health.h"

#include "neighbour.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#define LIMIT_MS 8000 /* a hold is 5 s */
#define ENDPOINTS 200 /* three times as many as start a check in one tick */

static struct rte_mempool *pool;
static struct ip_prefix address[2];
static struct config_port port_config = {
		.name = "lan", .address = address, .address_count = 2, .mtu = 1500};
static struct config_endpoint endpoint_config[ENDPOINTS];
static struct config_service service_config = {.name = "s", .port_first = 80, .port_last = 80};
static struct config config = {.port = &port_config,
		.port_count = 1,
		.service = &service_config,
		.service_count = 1,
		.limits = {.neighbours = 64}};
static struct service service = {.config = &service_config};
static struct endpoint endpoint[ENDPOINTS], *endpoints[ENDPOINTS];
static struct gateway gw;
static int outside, inside, tap;
static unsigned changes, frames, stall_ms; /* the last: after the next frame that is sent, once */
static bool cut; /* the wire is */

/* What the subject calls */
const struct config *
registry_config(const struct registry *r)
{
	return &config;
}

uint32_t
registry_endpoint_limit(const struct registry *r)
{
	return ENDPOINTS;
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
	return eid < service.endpoint_count ? &endpoint[eid] : NULL;
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
registry_set_health(struct registry *r, struct endpoint *e, enum health_state health,
		const char *reason)
{
	snprintf(e->health_reason, sizeof(e->health_reason), "%s", reason);
	changes += e->health != health;
	e->health = health;
}

void
registry_set_suspect(struct registry *r, struct endpoint *e, bool suspect)
{
	e->suspect = suspect;
}

void
gateway_apply(struct gateway *g)
{
}

struct rte_mbuf *
dataplane_mbuf_or_null(struct dataplane *d)
{
	return rte_pktmbuf_alloc(pool);
}

bool
dataplane_inject(struct dataplane *d, struct rte_mbuf *frame, uint16_t port)
{
	ssize_t n = cut ? 1
			: write(tap, rte_pktmbuf_mtod(frame, void *), rte_pktmbuf_data_len(frame));

	frames++;
	rte_pktmbuf_free(frame);
	/* What a reload does to the loop. */
	if (stall_ms)
		usleep(stall_ms * 1000);
	stall_ms = 0;
	return n > 0;
}

/* What main does with punted packets. */
static void
tap_ready(void *arg)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	ssize_t n = read(tap, rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m));

	if (n <= 0 || cut) {
		rte_pktmbuf_free(m);
		return;
	}
	rte_pktmbuf_append(m, (uint16_t)n);
	m->port = 0;
	if (!neighbours_input(gw.neighbours, m) && !health_input(gw.health, m))
		rte_pktmbuf_free(m);
}

/* Servers in the namespace */

struct server {
	int fd;
	struct loop_watch *watch;
	const char *answer;
	unsigned questions;
	char asked[256];
};

static void
tcp_serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	struct timeval patience = {.tv_usec = 100000};
	ssize_t n;

	if (fd < 0)
		return;
	s->questions++;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (s->answer) {
		/* The question may still be on its way through the loop: it is answered unread. */
		n = recv(fd, s->asked, sizeof(s->asked) - 1, MSG_DONTWAIT);
		s->asked[n > 0 ? n : 0] = '\0';
		n = send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
	}
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void
udp_serve(void *arg)
{
	struct server *s = arg;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(
			s->fd, s->asked, sizeof(s->asked) - 1, 0, (struct sockaddr *)&from, &len);

	if (n < 0)
		return;
	s->asked[n] = '\0';
	s->questions++;
	assert_true(sendto(s->fd, s->answer, strlen(s->answer), 0, (struct sockaddr *)&from, len) >
			0);
}

static void
go(int fd)
{
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static void
serve(struct server *s, int type, const char *at, uint16_t port)
{
	struct ip_addr a = addr(at);
	struct sockaddr_in v4 = {.sin_family = AF_INET,
			.sin_port = htons(port),
			.sin_addr.s_addr = ip_v4_be(&a)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is4 = ip_is_v4(&a);
	int one = 1;

	memcpy(&v6.sin6_addr, a.b, 16);
	go(inside);
	s->fd = socket(is4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	go(outside);
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(
			bind(s->fd, is4 ? (void *)&v4 : (void *)&v6, is4 ? sizeof(v4) : sizeof(v6)),
			0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(s->fd, 100), 0);
	s->watch = loop_watch(gw.loop, s->fd, type == SOCK_STREAM ? tcp_serve : udp_serve, s);
	assert_non_null(s->watch);
}

static void
stop_serving(struct server *s)
{
	loop_unwatch(s->watch);
	close(s->fd);
	s->watch = NULL;
}

/* The tests' tools */

static struct {
	bool (*fn)(void);
	uint64_t end_ms;
} awaited;

static void
look(void *arg)
{
	if (awaited.fn() || loop_now_ms() >= awaited.end_ms)
		loop_stop(gw.loop);
}

/* How many ms it took; fails after LIMIT_MS. */
static uint64_t
await(bool (*fn)(void))
{
	uint64_t start_ms = loop_now_ms();
	struct loop_watch *w = loop_timer(gw.loop, 1, 1, look, NULL);

	awaited.fn = fn;
	awaited.end_ms = start_ms + LIMIT_MS;
	assert_int_equal(loop_run(gw.loop), 0);
	loop_unwatch(w);
	if (!fn())
		fail_msg("waited in vain: \"%s\"", endpoint[0].health_reason);
	return loop_now_ms() - start_ms;
}

static bool
first_is_up(void)
{
	return endpoint[0].health == HEALTH_UP;
}

static bool
first_is_down(void)
{
	return endpoint[0].health == HEALTH_DOWN;
}

static bool
first_is_trusted(void)
{
	return !endpoint[0].suspect;
}

/* To look at more than a flag. */
static bool
one_round(void)
{
	return true;
}

static bool
second_is_down(void)
{
	return endpoint[1].health == HEALTH_DOWN;
}

static bool
first_is_unknown(void)
{
	return endpoint[0].health == HEALTH_UNKNOWN;
}

static bool
last_is_up(void)
{
	return endpoint[ENDPOINTS - 1].health == HEALTH_UP;
}

static bool
last_is_down(void)
{
	return endpoint[ENDPOINTS - 1].health == HEALTH_DOWN;
}

static bool
all_are_known(void)
{
	unsigned i;

	for (i = 0; i < ENDPOINTS; i++) {
		if (endpoint[i].health == HEALTH_UNKNOWN)
			return false;
	}
	return true;
}

static bool
two_are_up(void)
{
	return endpoint[0].health == HEALTH_UP && endpoint[1].health == HEALTH_UP;
}

static struct config_check
check_of_kind(enum check_kind kind)
{
	struct config_check c = {.kind = kind,
			.interval_ms = 100,
			.timeout_ms = 1000,
			.rise = 2,
			.fall = 3,
			.expect_first = 200,
			.expect_last = 399};

	return c;
}

static void
add_endpoint(const char *name, const char *at, const struct config_check *check)
{
	uint32_t i = (uint32_t)service.endpoint_count++;

	endpoint_config[i] = (struct config_endpoint){
			.name = (char *)name, .addr = addr(at), .check = *check};
	endpoint[i] = (struct endpoint){
			.eid = i, .service = &service, .config = &endpoint_config[i]};
	endpoints[i] = &endpoint[i];
}

static void
start(void)
{
	service.endpoint = endpoints;
	neighbours_sync(gw.neighbours);
	health_sync(gw.health);
}

static void
tell_of(enum event_type type)
{
	struct event event = {.type = (uint8_t)type, .eid = 0};

	health_event(gw.health, &event);
}

static int64_t
first_number(const char *name)
{
	json_t *o = health_json(gw.health, &endpoint[0]);
	int64_t n = json_integer_value(json_object_get(o, name));

	json_decref(o);
	return n;
}

static int
set_up(void **state)
{
	if (tap < 0)
		return 0;
	service.endpoint_count = 0;
	service_config = (struct config_service){
			.name = "s", .port_first = 80, .port_last = 80, .forward = FORWARD_FULLNAT};
	changes = frames = 0;
	cut = false;
	stall_ms = 0;
	gw = (struct gateway){
			.loop = loop_create(), .journal = journal_create(100), .port_count = 1};
	gw.port[0] = (struct view_port){.mac = {{2, 0, 0, 0, 9, 2}}, .mtu = 1500};
	gw.neighbours = neighbours_create(&gw);
	gw.health = health_create(&gw);
	assert_non_null(gw.health);
	assert_non_null(loop_watch(gw.loop, tap, tap_ready, NULL));
	return 0;
}

static int
tear_down(void **state)
{
	if (tap < 0)
		return 0;
	health_free(gw.health);
	neighbours_free(gw.neighbours);
	journal_free(gw.journal);
	loop_free(gw.loop);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	return 0;
}

#define NEEDS_ROOT()                                                              \
	do {                                                                      \
		if (tap < 0) {                                                    \
			print_message("needs CAP_SYS_ADMIN and CAP_NET_ADMIN\n"); \
			skip();                                                   \
		}                                                                 \
	} while (0)

static void
a_tcp_check_sees_a_server_come_go_and_return(void **state)
{
	struct config_check check = check_of_kind(CHECK_TCP);
	struct server s = {.fd = -1};

	NEEDS_ROOT();
	serve(&s, SOCK_STREAM, "10.9.0.11", 80);
	add_endpoint("a", "10.9.0.11", &check);
	start();
	await(first_is_up);
	stop_serving(&s);
	await(first_is_down);
	assert_string_equal(endpoint[0].health_reason, "tcp: Connection refused (confirmed)");
	serve(&s, SOCK_STREAM, "10.9.0.11", 80);
	assert_true(await(first_is_up) >= 80); /* twice good, 100 ms apart less jitter */
	assert_int_equal(changes, 3);
	stop_serving(&s);
}

static void
a_tcp_check_works_over_ipv6(void **state)
{
	struct config_check check = check_of_kind(CHECK_TCP);
	struct server s = {.fd = -1};

	NEEDS_ROOT();
	serve(&s, SOCK_STREAM, "fd09::11", 8080);
	check.port = 8080;
	add_endpoint("a", "fd09::11", &check);
	start();
	await(first_is_up);
	stop_serving(&s);
	await(first_is_down);
}

static void
an_http_check_wants_its_status(void **state)
{
	struct config_check check = check_of_kind(CHECK_HTTP);
	struct server good = {.fd = -1, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
	struct server bad = {.fd = -1, .answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"};

	NEEDS_ROOT();
	serve(&good, SOCK_STREAM, "10.9.0.11", 80);
	serve(&bad, SOCK_STREAM, "fd09::11", 80);
	add_endpoint("good", "10.9.0.11", &check);
	add_endpoint("bad", "fd09::11", &check);
	start();
	await(first_is_up);
	assert_string_equal(endpoint[0].health_reason, "http: status 200");
	stop_serving(&good);
	await(first_is_down);
	assert_string_equal(endpoint[0].health_reason, "http: Connection refused (confirmed)");
	await(second_is_down);
	assert_string_equal(endpoint[1].health_reason, "http: status 503");
	stop_serving(&bad);
}

static void
a_udp_check_sends_its_payload_and_wants_the_expected(void **state)
{
	struct config_check check = check_of_kind(CHECK_UDP);
	struct server s = {.fd = -1, .answer = "pong and more"},
		      other = {.fd = -1, .answer = "pang"};

	NEEDS_ROOT();
	check.payload = (uint8_t *)"ping";
	check.payload_len = 4;
	check.expect = (uint8_t *)"pong";
	check.expect_len = 4;
	serve(&s, SOCK_DGRAM, "10.9.0.11", 80);
	serve(&other, SOCK_DGRAM, "10.9.0.12", 80);
	add_endpoint("a", "10.9.0.11", &check);
	add_endpoint("b", "10.9.0.12", &check);
	start();
	await(first_is_up);
	assert_string_equal(s.asked, "ping");
	stop_serving(&s);
	await(first_is_down);
	assert_string_equal(endpoint[0].health_reason, "udp: Connection refused (confirmed)");
	await(second_is_down);
	stop_serving(&other);
}

static void
an_icmp_check_is_answered_in_both_families(void **state)
{
	struct config_check check = check_of_kind(CHECK_ICMP);

	NEEDS_ROOT();
	check.timeout_ms = 80;
	add_endpoint("a", "10.9.0.11", &check);
	add_endpoint("b", "fd09::11", &check);
	start();
	await(two_are_up);
	cut = true;
	await(first_is_down);
	assert_string_equal(endpoint[0].health_reason, "no answer within 80 ms");
	assert_true(first_number("failures") >= 3); /* `fall` of them */
}

static void
a_stall_of_the_loop_fails_no_check_that_was_answered(void **state)
{
	struct config_check check = check_of_kind(CHECK_ICMP);
	int64_t checks;

	NEEDS_ROOT();
	check.timeout_ms = 80;
	add_endpoint("a", "10.9.0.11", &check);
	start();
	await(first_is_up);
	checks = first_number("checks");
	stall_ms = 300;
	while (first_number("checks") < checks + 3)
		await(one_round);
	assert_int_equal(stall_ms, 0);
	assert_int_equal(first_number("failures"), 0);
}

static void
many_checks_that_are_due_keep_nobody_from_being_checked(void **state)
{
	struct config_check busy = check_of_kind(CHECK_TCP), check = check_of_kind(CHECK_TCP);
	struct event event = {.type = EVENT_REFUSED, .eid = ENDPOINTS - 1};
	struct server s = {.fd = -1};
	unsigned i;

	NEEDS_ROOT();
	busy.interval_ms = 1;
	check.interval_ms = 60000;
	check.timeout_ms = 80;
	serve(&s, SOCK_STREAM, "10.9.0.11", 80);
	for (i = 0; i < ENDPOINTS - 1; i++)
		add_endpoint("no-route", "192.0.2.1", &busy);
	add_endpoint("last", "10.9.0.11", &check);
	start();
	await(all_are_known);
	await(last_is_up);
	cut = true;
	health_event(gw.health, &event);
	await(last_is_down);
	assert_false(endpoint[ENDPOINTS - 1].suspect);
	stop_serving(&s);
}

static void
a_signal_takes_a_dead_endpoint_down_at_once_and_leaves_a_live_one(void **state)
{
	struct config_check check = check_of_kind(CHECK_TCP);
	struct server s = {.fd = -1};
	uint64_t took_ms;

	NEEDS_ROOT();
	check.interval_ms = 60000;
	serve(&s, SOCK_STREAM, "10.9.0.11", 80);
	add_endpoint("a", "10.9.0.11", &check);
	start();
	await(first_is_up);
	tell_of(EVENT_REFUSED);
	assert_true(endpoint[0].suspect);
	tell_of(EVENT_REFUSED);
	assert_int_equal(first_number("confirmations"), 1); /* one at a time */
	stop_serving(&s);
	/* The second signal asks again, or the first still runs; either way it is known soon. */
	tell_of(EVENT_UNREACHABLE);
	took_ms = await(first_is_down);
	assert_false(endpoint[0].suspect);
	print_message("# down after %u ms\n", (unsigned)took_ms);
	assert_true(took_ms < 300);
	assert_int_equal(first_number("refused"), 2);
	assert_int_equal(first_number("unreachable"), 1);
}

static void
without_check_three_signals_in_a_second_make_a_suspect_and_no_more(void **state)
{
	struct config_check check = check_of_kind(CHECK_NONE);

	NEEDS_ROOT();
	add_endpoint("a", "10.9.0.11", &check);
	start();
	tell_of(EVENT_REFUSED);
	tell_of(EVENT_REFUSED);
	assert_false(endpoint[0].suspect);
	tell_of(EVENT_UNREACHABLE);
	assert_true(endpoint[0].suspect);
	/* A client that tries a closed port of a range must not end the flows of others. */
	assert_int_equal(endpoint[0].health, HEALTH_UNKNOWN);
	assert_int_equal(changes, 0);
	await(first_is_trusted);
}

static void
a_check_that_is_new_ends_what_signals_alone_said(void **state)
{
	struct config_check none = check_of_kind(CHECK_NONE), tcp = check_of_kind(CHECK_TCP);
	unsigned i;

	NEEDS_ROOT();
	tcp.interval_ms = 60000;
	add_endpoint("a", "10.9.0.11", &none);
	start();
	for (i = 0; i < 3; i++)
		tell_of(EVENT_REFUSED);
	assert_true(endpoint[0].suspect);
	endpoint_config[0].check = tcp;
	start();
	assert_false(endpoint[0].suspect);
}

static void
a_dsr_check_reaches_one_endpoint_at_the_service_address(void **state)
{
	static const enum check_kind kinds[] = {CHECK_TCP, CHECK_HTTP, CHECK_UDP, CHECK_ICMP};
	static const char *const addrs[][2] = {
			{"10.9.0.100", "10.9.0.11"}, {"fd09::100", "fd09::11"}};
	size_t i, k;

	NEEDS_ROOT();
	for (i = 0; i < 8; i++) {
		struct server s = {
				.fd = -1, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
		struct config_check check = check_of_kind(kinds[i % 4]);

		k = i / 4;
		service.endpoint_count = 0;
		service_config.forward = FORWARD_DSR_L2;
		service_config.addr = addr(addrs[k][0]);
		serve(&s, kinds[i % 4] == CHECK_UDP ? SOCK_DGRAM : SOCK_STREAM, addrs[k][0], 80);
		add_endpoint(i % 2 ? "a" : "b", addrs[k][1], &check);
		start();
		await(first_is_up);
		stop_serving(&s);
		if (kinds[i % 4] == CHECK_ICMP)
			continue;
		/* A refusal, also one by ICMP about the service address, finds its way back. */
		await(first_is_down);
		assert_non_null(strstr(endpoint[0].health_reason, "refused"));
	}
}

/* Each would cost a refusal, and a question for a forged source's link address. */
static void
who_connects_to_our_address_gets_no_answer(void **state)
{
	static const uint8_t syn[] = {2, 0, 0, 0, 9, 2, 2, 0, 0, 0, 9, 11, 8, 0, /* Ethernet */
			0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0x66, 0xb1, 10, 9, 0, 11, 10, 9, 0, 2,
			0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0xdf, 0x32, 0,
			0};
	struct config_check check = check_of_kind(CHECK_NONE);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	unsigned i;

	NEEDS_ROOT();
	add_endpoint("a", "10.9.0.11", &check);
	start();
	for (i = 0; i < 10; i++)
		await(one_round);
	frames = 0;
	memcpy(rte_pktmbuf_append(m, sizeof(syn)), syn, sizeof(syn));
	assert_true(health_input(gw.health, m));
	for (i = 0; i < 10; i++)
		await(one_round);
	assert_int_equal(frames, 0);
}

static void
a_reload_follows_what_the_file_says(void **state)
{
	struct config_check none = check_of_kind(CHECK_NONE), tcp = check_of_kind(CHECK_TCP);

	NEEDS_ROOT();
	add_endpoint("a", "10.9.0.11", &none);
	start();
	/* Nothing listens, but the new check must find that out first. */
	endpoint_config[0].check = tcp;
	start();
	assert_int_equal(endpoint[0].health, HEALTH_UP);
	await(first_is_down);
	endpoint_config[0].check = none;
	start();
	assert_true(first_is_unknown());
	service.endpoint_count = 0;
	start();
	assert_int_equal(first_number("checks"), 0);
}

static int
run_inside(const char *command)
{
	int rc;

	go(inside);
	rc = system(command);
	go(outside);
	return rc;
}

/* -1 leaves the tests skipped. */
static int
tap_create(void)
{
	struct ifreq name = {.ifr_name = "tap", .ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd;

	outside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (outside < 0 || unshare(CLONE_NEWNET) < 0)
		return -1;
	inside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &name) < 0)
		fd = -1;
	go(outside);
	return fd;
}

static int
start_dpdk(void **state)
{
	char *args[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m",
			"64", "-l", "0", "--log-level=error"};

	if (rte_eal_init(10, args) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("health", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ip_prefix_parse("10.9.0.2/24", &address[0]);
	ip_prefix_parse("fd09::2/64", &address[1]);
	tap = tap_create();
	if (tap >= 0 &&
			run_inside("ip link set lo up && ip link set tap up && ip addr add "
				   "10.9.0.11/24 dev tap &&"
				   "ip addr add 10.9.0.12/24 dev tap && ip addr add 10.9.0.100/32 "
				   "dev lo &&"
				   "ip addr add fd09::11/64 dev tap nodad && ip addr add "
				   "fd09::100/128 dev lo") != 0)
		return -1;
	return pool ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
			TEST(a_tcp_check_sees_a_server_come_go_and_return),
			TEST(a_tcp_check_works_over_ipv6),
			TEST(an_http_check_wants_its_status),
			TEST(a_udp_check_sends_its_payload_and_wants_the_expected),
			TEST(an_icmp_check_is_answered_in_both_families),
			TEST(a_stall_of_the_loop_fails_no_check_that_was_answered),
			TEST(many_checks_that_are_due_keep_nobody_from_being_checked),
			TEST(a_signal_takes_a_dead_endpoint_down_at_once_and_leaves_a_live_one),
			TEST(without_check_three_signals_in_a_second_make_a_suspect_and_no_more),
			TEST(a_check_that_is_new_ends_what_signals_alone_said),
			TEST(a_dsr_check_reaches_one_endpoint_at_the_service_address),
			TEST(who_connects_to_our_address_gets_no_answer),
			TEST(a_reload_follows_what_the_file_says),
	};

	return cmocka_run_group_tests_name("health", tests, start_dpdk, NULL);
}
