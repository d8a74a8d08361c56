/* SPDX-License-Identifier: Apache-2.0 */
/* Punted IP packets as the checks' rewriting gets them: it changes them within their length, and back to the same. */
#include "health_alias.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static void
try_packet(uint8_t *packet, size_t size)
{
	struct health_packet p, again;
	struct ip_addr alias, real;

	if (!health_packet_inbound(packet, size, &p))
		return;
	real = p.src;
	/* A mapped address in an IPv6 header would be taken for the other family; health.c asks for a service's. */
	if (ip_is_v4(&real) != (packet[0] >> 4 == 4))
		return;
	alias = health_alias_of(7, ip_is_v4(&real));
	health_packet_rewrite(packet, &p, &alias);
	expect(health_packet_inbound(packet, size, &again));
	expect(ip_equal(&again.src, &alias) && again.own_port == p.own_port);
	health_packet_rewrite(packet, &again, &real);
	expect(health_packet_inbound(packet, size, &again) && ip_equal(&again.src, &real));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *packet = malloc(size ? size : 1);

	if (!packet)
		abort();
	memcpy(packet, data, size);
	try_packet(packet, size);
	free(packet);
	return 0;
}
