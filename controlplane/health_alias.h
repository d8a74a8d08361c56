/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's stack tells connections apart by address, but the endpoints of a dsr service share the service's. Inside
 * the private namespace each has an alias; on the way out it becomes the service address, on the way back again:
 *
 *   check -> own:port to alias:80 -> [alias to service] -> own:port to service:80, frame to the endpoint
 *   check <- alias:80 to own:port <- [service to alias] <- service:80 to own:port
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* Of 240.0.0.0/4 (RFC 1112, reserved) and 100::/64 (RFC 6666, discard-only), which no real endpoint can have. */
struct ip_addr health_alias_of(uint32_t eid, bool v4);
bool health_alias_eid(const struct ip_addr *alias, uint32_t *eid);

/* A packet, as the address of its far end is to be replaced. */
struct health_packet {
	struct ip_addr src, dst;
	uint8_t protocol; /* TCP, UDP, ICMP or ICMPv6 */
	uint16_t own_port; /* host order; ICMP: the identifier. Of the destination if `inbound`, else of the source */
	size_t address_at; /* of the far end's address */
	size_t l4_at; /* of the header whose checksum holds that address; 0: none does */
	size_t error_at; /* of an ICMP error's header: its sum covers the packet inside; 0: it is none */
	size_t inner_at; /* of the IP header inside it */
};

/* False if it is not a whole packet of these. An ICMP error is told as the answer to the packet inside it: src is that
 * packet's destination. */
bool health_packet_outbound(const uint8_t *packet, size_t len, struct health_packet *out);
bool health_packet_inbound(const uint8_t *packet, size_t len, struct health_packet *out);

/* Where an IP packet goes; the rest of it may be anything. False if it is none. */
bool health_packet_dst(const uint8_t *packet, size_t len, struct ip_addr *out);

/* Replaces the far end's address and puts the checksums right. */
void health_packet_rewrite(
		uint8_t *packet, const struct health_packet *p, const struct ip_addr *to);
