/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter and the drivers together, in a network namespace of the test's own that ends with it:
 *
 *     raw socket on usf1 <---- veth, 2 queues ----> usf0 <- kernel, 10.0.0.9
 *                                                      <- DPDK: net_af_xdp or net_af_packet, 2 lanes
 */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter.h"

#define FLOWS 64
#define WAIT_MS 3000
#define HOST RTE_IPV4(10, 0, 0, 9)
#define SERVICE RTE_IPV4(10, 0, 0, 100)
#define CLIENT RTE_IPV4(10, 0, 0, 1)

static const char configuration[] =
		"gateway: {lcores: [1], main_lcore: 0}\n"
		"ports: [{name: lan, device: '%s0,iface=usf0', queues: 2, addresses: [%s/24]}]\n"
		"local_addresses: [10.0.0.3]\n"
		"services: [{name: dns, address: 10.0.0.100, protocol: udp, port: 53, forward: "
		"fullnat, "
		"endpoints: [{name: d1, address: 10.0.0.12}]}]\n";

#define QUEUES "numrxqueues 2 numtxqueues 2"

static const char *const commands[] = {
		"ip link set lo up",
		"ip link add usf0 " QUEUES " type veth peer name usf1 " QUEUES,
		"sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
		"ip link set usf0 address 02:00:00:00:00:09 up",
		"ip link set usf1 address 02:00:00:00:00:01 up",
		"ethtool -K usf0 rx off tx off gro off gso off tso off >/dev/null 2>&1 || true",
		"ethtool -K usf1 rx off tx off gro off gso off tso off >/dev/null 2>&1 || true",
		"ip address add 10.0.0.9/24 dev usf0",
};

static int raw = -1;
static struct gateway gateway;
static const char *missing;

struct __attribute__((packed, aligned(2))) frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	union {
		struct rte_udp_hdr udp;
		struct rte_icmp_hdr icmp;
	};
	uint8_t data[18];
};

static struct frame
frame_to(uint32_t dst, uint8_t protocol)
{
	struct frame f = {
			.eth.dst_addr.addr_bytes = {2, 0, 0, 0, 0, 9},
			.eth.src_addr.addr_bytes = {2, 0, 0, 0, 0, 1},
			.eth.ether_type = htons(ETHERTYPE_IP),
			.ip = {.version_ihl = 0x45,
					.total_length = htons(sizeof(f) - sizeof(f.eth)),
					.time_to_live = 64,
					.next_proto_id = protocol,
					.src_addr = htonl(CLIENT),
					.dst_addr = htonl(dst)},
	};

	f.ip.hdr_checksum = rte_ipv4_cksum(&f.ip);
	return f;
}

static void
send_frame(const struct frame *f)
{
	assert_int_equal(send(raw, f, sizeof(*f), 0), sizeof(*f));
}

static void
send_requests(void)
{
	for (uint16_t i = 0; i < FLOWS; i++) {
		struct frame f = frame_to(SERVICE, IPPROTO_UDP);

		f.udp.src_port = htons(20000 + i);
		f.udp.dst_port = htons(53);
		f.udp.dgram_len = htons(sizeof(f) - sizeof(f.eth) - sizeof(f.ip));
		send_frame(&f);
	}
}

static void
send_echo(void)
{
	struct frame f = frame_to(HOST, IPPROTO_ICMP);

	f.icmp.icmp_type = RTE_IP_ICMP_ECHO_REQUEST;
	f.icmp.icmp_cksum =
			(uint16_t)~rte_raw_cksum(&f.icmp, sizeof(f) - sizeof(f.eth) - sizeof(f.ip));
	send_frame(&f);
}

/* Waits for the host's answer to send_echo(). */
static bool
echo_answered(void)
{
	struct pollfd p = {.fd = raw, .events = POLLIN};
	struct frame f;

	while (poll(&p, 1, WAIT_MS) > 0) {
		ssize_t n = recv(raw, &f, sizeof(f), 0);

		if (n == (ssize_t)sizeof(f) && f.ip.src_addr == htonl(HOST) &&
				f.ip.next_proto_id == IPPROTO_ICMP &&
				f.icmp.icmp_type == RTE_IP_ICMP_ECHO_REPLY)
			return true;
	}
	return false;
}

/* Takes one burst; how many of it were to the service, and how many not. */
static void
receive(const struct lane *lane, uint32_t *ours, uint32_t *others)
{
	struct rte_mbuf *burst[32];
	uint16_t n = rte_eth_rx_burst(lane->dpdk_port, lane->queue, burst, 32);

	for (uint16_t i = 0; i < n; i++) {
		const struct frame *f = rte_pktmbuf_mtod(burst[i], const struct frame *);

		if (f->ip.dst_addr == htonl(SERVICE))
			(*ours)++;
		else
			(*others)++;
	}
	rte_pktmbuf_free_bulk(burst, n);
}

static void
receive_until(const struct device *d, uint32_t wanted, uint32_t ours[2], uint32_t *others)
{
	uint64_t deadline = loop_now_ms() + WAIT_MS;

	while (ours[0] + ours[1] < wanted && loop_now_ms() < deadline)
		for (int i = 0; i < 2; i++)
			receive(&d->lane[i], &ours[i], others);
}

static bool
make_interfaces(void)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (system(commands[i]) != 0) {
			missing = commands[i];
			return false;
		}
	return true;
}

static void
open_raw(void)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};

	raw = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
	to.sll_ifindex = (int)if_nametoindex("usf1");
	assert_int_equal(bind(raw, (struct sockaddr *)&to, sizeof(to)), 0);
}

static int
set_up(void **state)
{
	static char *arguments[] = {"test", "--no-huge", "--no-shconf", "-m256", "--no-pci",
			"--no-telemetry", "--lcores=0@0", "--log-level=error",
			"--file-prefix=usf-test-veth", NULL};

	if (unshare(CLONE_NEWNET) < 0) {
		missing = "CAP_SYS_ADMIN, for a network namespace";
		return 0;
	}
	if (!make_interfaces())
		return 0;
	open_raw();
	gateway.journal = journal_create(16);
	return rte_eal_init(9, arguments) < 0 ? -1 : 0;
}

static struct config *
make_config(const char *driver, const char *own)
{
	struct config_errors errors = {0};
	struct config *config;
	char text[1024];
	int n = snprintf(text, sizeof(text), configuration, driver, own);

	config = config_parse(text, (size_t)n, "test", &errors);
	if (config == NULL)
		fail_msg("%s", errors.count > 0 ? errors.line[0] : "no reason");
	config_errors_free(&errors);
	return config;
}

static uint64_t
verdict(const struct filter *f, const char *name)
{
	json_t *all = filter_json(f);
	uint64_t n = (uint64_t)json_integer_value(
			json_object_get(json_object_get(json_array_get(all, 0), "verdicts"), name));

	json_decref(all);
	return n;
}

static void
open_all(const char *driver, struct device *device)
{
	struct device_config dc = {.name = "lan", .queues = 2, .mtu = 1500};
	char error[600] = "";

	gateway.registry = registry_create(make_config(driver, "10.0.0.2"), 1);
	dc.args = registry_config(gateway.registry)->port[0].device;
	gateway.filter = filter_create(&gateway, error, sizeof(error));
	if (gateway.filter == NULL)
		fail_msg("%s", error);
	if (device_open(&dc, device, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(device->lane_count, 2);
	assert_int_equal(filter_sync_add(gateway.filter), 0);
	assert_int_equal(filter_sync_remove(gateway.filter), 0);
}

static void
close_all(struct device *device)
{
	device_close(device);
	filter_free(gateway.filter);
	registry_free(gateway.registry);
}

static void
traffic_is_divided(const char *driver, bool copies)
{
	struct device device;
	uint32_t ours[2] = {0}, others = 0;

	open_all(driver, &device);
	send_requests();
	receive_until(&device, FLOWS, ours, &others);
	assert_int_equal(ours[0] + ours[1], FLOWS);
	assert_true(ours[0] > 0 && ours[1] > 0);
	assert_int_equal(verdict(gateway.filter, "gateway_address"), FLOWS);
	assert_int_equal(verdict(gateway.filter, "no_socket"), 0);

	/* Attaching and detaching a program makes the kernel forget it. */
	assert_int_equal(system("ip neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev usf0"), 0);
	send_echo();
	assert_true(echo_answered());
	assert_int_equal(verdict(gateway.filter, "kernel_host"), 1);
	for (int i = 0; i < 2; i++)
		receive(&device.lane[i], &ours[i], &others);
	assert_int_equal(ours[0] + ours[1], FLOWS);
	if (!copies)
		assert_int_equal(others, 0);
	close_all(&device);
}

static void
af_xdp_takes_ours_from_both_queues_and_leaves_the_host_alone(void **state)
{
	uint32_t program = 1;

	if (missing != NULL) {
		print_message("# SKIP: no %s\n", missing);
		skip();
	}
	traffic_is_divided("net_af_xdp", false);
	/* The filter went with its owner. */
	assert_int_equal(bpf_xdp_query_id((int)if_nametoindex("usf0"), 0, &program), 0);
	assert_int_equal(program, 0);
}

static void
af_packet_takes_ours_once_and_leaves_the_host_alone(void **state)
{
	if (missing != NULL)
		skip();
	traffic_is_divided("net_af_packet", true);
	traffic_is_divided("net_af_packet", true);
}

static void
a_second_program_is_refused_by_name(void **state)
{
	struct filter *first, *second;
	char error[600] = "", *id;

	if (missing != NULL)
		skip();
	gateway.registry = registry_create(make_config("net_af_xdp", "10.0.0.2"), 1);
	first = filter_create(&gateway, error, sizeof(error));
	assert_non_null(first);
	second = filter_create(&gateway, error, sizeof(error));
	assert_null(second);
	id = strstr(error, "(id ");
	assert_non_null(id);
	*id = '\0';
	assert_string_equal(error,
			"port 'lan': interface 'usf0' has the XDP program of an "
			"understudyd already ");
	filter_free(first);
	registry_free(gateway.registry);
}

/* veth does, unless it is told not to. */
static void
an_interface_that_takes_vlan_tags_off_is_refused_by_name(void **state)
{
	struct config_port *port;
	struct filter *f;
	char error[600] = "";

	if (missing != NULL)
		skip();
	gateway.registry = registry_create(make_config("net_af_xdp", "10.0.0.2"), 1);
	port = &registry_config(gateway.registry)->port[0];
	port->vlan = 100;
	assert_int_equal(system("ethtool -K usf0 rxvlan on"), 0);
	assert_null(filter_create(&gateway, error, sizeof(error)));
	assert_non_null(strstr(error, "port 'lan': vlan: 100: interface 'usf0'"));
	assert_int_equal(system("ethtool -K usf0 rxvlan off"), 0);
	f = filter_create(&gateway, error, sizeof(error));
	assert_non_null(f);
	filter_free(f);
	assert_int_equal(system("ethtool -K usf0 rxvlan on"), 0);
	registry_free(gateway.registry);
}

static void
an_address_of_the_host_is_refused_by_name(void **state)
{
	struct config_errors errors = {0};
	struct config *config;

	if (missing != NULL)
		skip();
	config = make_config("net_af_xdp", "10.0.0.9");
	assert_false(filter_check(config, &errors));
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.line[0],
			"test:2: addresses: 10.0.0.9: also an address of the host's interface "
			"'usf0', which would take its packets; "
			"choose another, or remove it there with `ip address del 10.0.0.9 dev "
			"usf0`");
	config_errors_free(&errors);
	config_free(config);
}

static void
a_missing_queue_is_refused_by_name(void **state)
{
	struct device_config dc = {
			.name = "lan", .args = "net_af_xdp0,iface=usf0", .queues = 1, .mtu = 1500};
	struct device device;
	char error[600] = "";

	if (missing != NULL)
		skip();
	assert_int_equal(device_open(&dc, &device, error, sizeof(error)), -EINVAL);
	assert_string_equal(error,
			"port 'lan': interface 'usf0' has 2 receive queue(s), `queues` says 1: "
			"what arrives on the others would be "
			"missed; set `queues: 2`, or the interface with `ethtool -L usf0 rx 1` (or "
			"`combined 1`)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(
					af_xdp_takes_ours_from_both_queues_and_leaves_the_host_alone),
			cmocka_unit_test(af_packet_takes_ours_once_and_leaves_the_host_alone),
			cmocka_unit_test(a_second_program_is_refused_by_name),
			cmocka_unit_test(an_interface_that_takes_vlan_tags_off_is_refused_by_name),
			cmocka_unit_test(an_address_of_the_host_is_refused_by_name),
			cmocka_unit_test(a_missing_queue_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
