/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that need no hardware and no privilege, in DPDK's plain memory. */
#include "port.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAMES 3

static char pcap_path[] = "/tmp/usf_device_XXXXXX";

static void
write_pcap(int fd)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
	static const uint32_t record[4] = {0, 0, 60, 60};
	static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};

	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	for (int i = 0; i < FRAMES; i++) {
		assert_int_equal(write(fd, record, sizeof(record)), sizeof(record));
		assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
	}
}

static int
set_up(void **state)
{
	static char *arguments[] = {"test", "--no-huge", "--no-shconf", "-m256", "--no-pci",
			"--no-telemetry", "--lcores=0@0", "--log-level=error",
			"--file-prefix=usf-test-device", NULL};
	int fd = mkstemp(pcap_path);

	assert_true(fd >= 0);
	write_pcap(fd);
	close(fd);
	return rte_eal_init(9, arguments) < 0 ? -1 : 0;
}

static int
tear_down(void **state)
{
	unlink(pcap_path);
	return rte_eal_cleanup();
}

struct open_case {
	const char *name;
	const char *args; /* %s: the pcap file */
	uint16_t queues, mtu;
	const char *driver;
};

static const struct open_case open_cases[] = {
		{"net_null opens with one lane", "net_null0", 1, 1500, "net_null"},
		{"net_null opens with four lanes", "net_null0", 4, 1500, "net_null"},
		{"net_ring opens and loops back", "net_ring0", 1, 1500, "net_ring"},
		{"net_pcap opens a file", "net_pcap0,rx_pcap=%s", 1, 1500, "net_pcap"},
		{"net_pcap repeats a file in small buffers", "net_pcap0,rx_pcap=%s,infinite_rx=1",
				1, 128, "net_pcap"},
};

static void
device_opens_and_closes(void **state)
{
	for (size_t i = 0; i < sizeof(open_cases) / sizeof(open_cases[0]); i++) {
		const struct open_case *c = &open_cases[i];
		char args[128], error[512] = "";
		struct device_config config = {
				.name = "lan", .args = args, .queues = c->queues, .mtu = c->mtu};
		struct device device;
		struct device_stats stats;

		snprintf(args, sizeof(args), c->args, pcap_path);
		if (device_open(&config, &device, error, sizeof(error)) != 0)
			fail_msg("%s: %s", c->name, error);
		assert_int_equal(device.lane_count, c->queues);
		assert_string_equal(device.driver, c->driver);
		assert_int_equal(device.mtu, c->mtu);
		device_stats(&device, &stats);
		assert_int_equal(stats.rx_errors, 0);
		device_close(&device);
		assert_int_equal(rte_eth_dev_count_avail(), 0);
	}
}

static void
infinite_pcap_receives_without_configured_buffers(void **state)
{
	char args[128], error[512];
	struct device_config config = {.name = "lan", .args = args, .queues = 1, .mtu = 128};
	struct device device;
	struct rte_mbuf *burst[32];
	uint16_t n;

	snprintf(args, sizeof(args), "net_pcap0,rx_pcap=%s,infinite_rx=1", pcap_path);
	assert_int_equal(device_open(&config, &device, error, sizeof(error)), 0);
	n = rte_eth_rx_burst(device.lane[0].dpdk_port, 0, burst, 32);
	assert_int_equal(n, 32);
	rte_pktmbuf_free_bulk(burst, n);
	device_close(&device);
}

struct error_case {
	const char *name;
	const char *args;
	uint16_t queues, mtu;
	const char *error;
};

static const struct error_case error_cases[] = {
		{"no queues", "net_null0", 0, 1500,
				"port 'lan': `queues` is 0; it must be 1 to 64"},
		{"AF_XDP without an interface", "net_af_xdp0", 1, 1500,
				"port 'lan': device 'net_af_xdp0' names no interface; add "
				"',iface=NAME'"},
		{"AF_XDP on an interface that is not there", "net_af_xdp0,iface=usf-none", 1, 1500,
				"port 'lan': interface 'usf-none' does not exist in this network "
				"namespace; create it, or correct `device`"},
		{"AF_PACKET on an interface that is not there", "net_af_packet0,iface=usf-none", 1,
				1500,
				"port 'lan': interface 'usf-none' does not exist in this network "
				"namespace; create it, or correct `device`"},
		{"AF_XDP with jumbo frames", "net_af_xdp0,iface=lo", 1, 9000,
				"port 'lan': mtu 9000 is more than net_af_xdp can take (3498); set "
				"`mtu` to 3498 or less"},
		{"AF_XDP with queues given twice", "net_af_xdp0,iface=lo,start_queue=1", 2, 1500,
				"port 'lan': start_queue and `queues: 2` exclude each other; leave "
				"start_queue out"},
		{"more queues than the driver has", "net_pcap0,rx_pcap=%s", 2, 1500,
				"port 'lan': driver 'net_pcap' offers 1 receive and 1 transmit "
				"queue(s) here, `queues` says 2; lower it"},
		{"a driver that does not exist", "net_nothing0", 1, 1500,
				"port 'lan': cannot attach device 'net_nothing0': no driver knows "
				"it; check the driver's name and arguments "
				"(net_af_xdp0,iface=NAME; net_af_packet0,iface=NAME; net_tap0,...; "
				"net_pcap0,rx_pcap=FILE), and that its "
				"package (librte-net-*) is installed"},
		{"a PCI device that is not there", "0000:ff:1f.7", 1, 1500,
				"port 'lan': cannot attach device '0000:ff:1f.7': No such "
				"device; check the address with `lspci -D`, and "
				"that `dpdk-devbind.py --status` shows it bound to vfio-pci"},
};

static void
errors_name_port_value_and_fix(void **state)
{
	for (size_t i = 0; i < sizeof(error_cases) / sizeof(error_cases[0]); i++) {
		const struct error_case *c = &error_cases[i];
		char args[128], error[512] = "";
		struct device_config config = {
				.name = "lan", .args = args, .queues = c->queues, .mtu = c->mtu};
		struct device device;

		snprintf(args, sizeof(args), c->args, pcap_path);
		print_message("# %s\n", c->name);
		assert_true(device_open(&config, &device, error, sizeof(error)) < 0);
		assert_string_equal(error, c->error);
		assert_int_equal(device.lane_count, 0);
		assert_int_equal(rte_eth_dev_count_avail(), 0);
	}
}

static void
a_name_in_use_is_refused(void **state)
{
	struct device_config config = {
			.name = "lan", .args = "net_null0", .queues = 1, .mtu = 1500};
	char error[512];
	struct device first, second;

	assert_int_equal(device_open(&config, &first, error, sizeof(error)), 0);
	config.name = "wan";
	assert_true(device_open(&config, &second, error, sizeof(error)) < 0);
	assert_string_equal(error,
			"port 'wan': device 'net_null0' is in use; the device's name is taken; "
			"give each port's device a number "
			"of its own");
	device_close(&first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(device_opens_and_closes),
			cmocka_unit_test(infinite_pcap_receives_without_configured_buffers),
			cmocka_unit_test(errors_name_port_value_and_fix),
			cmocka_unit_test(a_name_in_use_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
