/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through the whole of two forwarding cores: each must be sent, or freed under one counter, and tables,
 * counters and buffers must agree afterwards (rig_check). An input is a list of records of two bytes, length and
 * flags, and a frame:
 *
 *   flags 0x01  in at the endpoints' device    0x02  on the other lane
 *         0x04  time goes on by a second       0x08  the IPv4 checksum is set right
 *         0x10  an endpoint changes its health, so that flows move, end and are reset
 *
 * An input that is a single frame, as in the corpus of `frame`, is taken as one too.
 */
#include "rig.h"

#include <rte_ip.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FROM_ENDPOINT 0x01
#define OTHER_LANE 0x02
#define SECOND 0x04
#define SEAL 0x08
#define HEALTH 0x10

static const char yaml[] =
		"gateway: {lcores: [1], main_lcore: 0, hugepages: false, hash_seed: 1}\n"
		"limits: {flows: 4096, endpoints: 128, services: 64, local_addresses: 2}\n"
		"ports:\n"
		"  - {name: out, device: \"net_null0\", addresses: [192.0.2.2/24, "
		"\"2001:db8:1::2/64\"],\n"
		"     gateways: [192.0.2.1, \"2001:db8:1::1\"]}\n"
		"  - {name: in, device: \"net_null1\", addresses: [10.0.0.2/24, \"fd00::2/64\"]}\n"
		"local_addresses: [10.0.0.3, \"fd00::3\"]\n"
		"services:\n"
		"  - {name: web, address: 198.51.100.1, protocol: tcp, port: 80, forward: "
		"fullnat,\n"
		"     endpoints: [{name: a, address: 10.0.0.11, shadows: [s]}, {name: s, address: "
		"10.0.0.21, weight: 0}]}\n"
		"  - {name: dns, address: 198.51.100.1, protocol: udp, port: 53, forward: nat,\n"
		"     mirror: {fraction: 50%, shadows: 1},\n"
		"     endpoints: [{name: a, address: 10.0.0.12, shadows: [s]}, {name: s, address: "
		"10.0.0.22, weight: 0}]}\n"
		"  - {name: web6, address: \"2001:db8::1\", protocol: tcp, port: 80, forward: nat, "
		"adopt: true,\n"
		"     endpoints: [{name: a, address: \"fd00::11\"}, {name: b, address: "
		"\"fd00::21\"}]}\n"
		"  - {name: dns6, address: \"2001:db8::1\", protocol: udp, port: 53, forward: "
		"fullnat, per_request: true,\n"
		"     mirror: {fraction: 100%, shadows: 1},\n"
		"     endpoints: [{name: a, address: \"fd00::12\", shadows: [s]}, {name: s, "
		"address: \"fd00::22\", weight: 0}]}\n";

static struct rig rig;
static bool up = true;

static void
prepare(void)
{
	if (rig_eal_init("fuzz") < 0)
		abort();
	rig_start(&rig, &(struct rig_options){.yaml = yaml, .lcores = 2, .flows = 256});
}

static void
seal(uint8_t *frame, uint32_t len)
{
	struct rte_ipv4_hdr *ip = (void *)(frame + 14);

	if (len < 34 || frame[12] != 8 || frame[13] != 0 || 14u + rte_ipv4_hdr_len(ip) > len)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void
take_record(const uint8_t *frame, uint32_t len, uint8_t flags)
{
	uint8_t copy[256];

	memcpy(copy, frame, len);
	if (flags & SEAL)
		seal(copy, len);
	if (flags & SECOND)
		rig_wait(&rig, 1000);
	if (flags & HEALTH) {
		up = !up;
		rig_health(&rig, "web", "a", up);
		rig_health(&rig, "dns", "a", up);
		rig_health(&rig, "web6", "a", up);
	}
	rig_feed(&rig, flags & FROM_ENDPOINT, flags & OTHER_LANE ? 1 : 0, copy, len);
}

static void
punted_free(void)
{
	struct rte_mbuf *m[64];
	uint32_t n;

	while ((n = dataplane_punted(rig.d, m, 64)))
		rte_pktmbuf_free_bulk(m, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;
	uint32_t len;

	if (!rig.pool)
		prepare();
	if (size <= 255)
		take_record(data, (uint32_t)size, SEAL);
	while (at + 2 <= size && at < 4096) {
		len = data[at];
		if (len > size - at - 2)
			len = (uint32_t)(size - at - 2);
		take_record(data + at + 2, len, data[at + 1]);
		at += 2 + len;
	}
	rig_run(&rig);
	rig_wait(&rig, 1250); /* fragments that wait for others are not ended yet */
	rig_check(&rig);
	rig_forget(&rig);
	punted_free();
	return 0;
}
