/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: what DPDK opens. A device is one or more DPDK ports (an AF_XDP interface with n queues is n
 * vdevs of one queue each), each with one or more queue pairs. A pair of RX and TX queue is a lane: it is
 * polled by one lcore, and only that lcore sends on it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

#define DEVICE_LANES_MAX 64

/* What the configuration says of a device. */
struct device_config {
	const char *name; /* the port's name, for errors */
	const char *args; /* PCI address, or the vdev's arguments: "net_af_xdp0,iface=eth1" */
	uint16_t queues; /* lanes wanted */
	uint16_t mtu; /* IP packet, without Ethernet header */
	uint32_t mbufs; /* per lane */
	uint32_t vlan_count;
	const uint16_t *vlan; /* tags that its ports have */
	uint16_t rx_descriptors, tx_descriptors; /* 0: the driver's default */
};

struct lane {
	uint16_t dpdk_port;
	uint16_t queue;
};

struct device {
	struct ether_mac mac;
	uint16_t mtu;
	uint16_t lane_count;
	int socket;
	char driver[32];
	char args[256];
	bool promiscuous;
	bool checksum_offload; /* not used yet: all checksums are incremental */
	struct lane lane[DEVICE_LANES_MAX];
};

/* Starts the device: attaches it, sets up queues and pools, starts it. 0 or -errno; `error` gets what failed,
 * the driver's reason and what to do. Main thread, before the lcores run. */
int device_open(const struct device_config *config, struct device *device, char *error,
		unsigned error_size);
void device_close(struct device *device);

struct device_stats {
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
	uint64_t rx_missed, rx_errors, rx_no_mbuf, tx_errors;
	bool link_up;
	uint32_t link_mbps;
};

/* The driver's own figures, summed over the device's DPDK ports. Control thread. */
void device_stats(const struct device *device, struct device_stats *out);
