/* SPDX-License-Identifier: Apache-2.0 */
/* From packet bytes to offsets and fields. Pure: bytes in, struct out; this is the one place that makes
 * sense of headers, and everything else asks it. */
#pragma once

#include <stdint.h>

#include "counters.h"
#include "steer.h"

enum parse_verdict {
	PARSE_SEGMENT, /* TCP or UDP, whole: all fields valid */
	PARSE_FRAGMENT, /* IPv4 or IPv6 fragment: fields up to l4 valid */
	PARSE_ICMP_ERROR, /* ICMP(v6) error; the packet inside is at `inner` */
	PARSE_CONTROL, /* ARP, ND, other ICMP: for the control thread, if it is to us */
	PARSE_OTHER_L4, /* IP with another protocol */
	PARSE_OTHER_L3, /* neither IP nor ARP */
	PARSE_BAD, /* `end` says why */
};

/* Offsets are from the start of the frame; the frame has no VLAN tag any more. */
struct packet {
	uint8_t verdict; /* enum parse_verdict */
	uint8_t end; /* enum packet_end, for PARSE_BAD */
	uint8_t family; /* 4 or 6; 0: not IP */
	uint8_t protocol; /* of l4, after IPv6 extensions */
	uint8_t l3; /* offset of the IP header: 14 */
	uint8_t ttl;
	uint8_t tcp_flags; /* RTE_TCP_*_FLAG */
	uint8_t icmp_type, icmp_code;
	uint8_t pad[1];
	uint16_t l4; /* offset of TCP, UDP or ICMP */
	uint16_t payload; /* offset of what TCP or UDP carries */
	uint16_t payload_len;
	uint16_t ip_len; /* IP header and all behind it; padding of the frame excluded */
	uint16_t window; /* TCP, unscaled */
	uint16_t inner; /* PARSE_ICMP_ERROR: offset of the IP header inside */
	uint32_t seq, ack; /* TCP, host order */
};

/* `len` bytes at `frame`, all in one piece. IPv4 header checksums are verified; TCP and UDP checksums are
 * not: updates are incremental, so a bad one stays bad and the far end drops it. Returns p->verdict. */
enum parse_verdict parse_frame(const uint8_t *frame, uint32_t len, struct packet *p);

/* The same from an IP header on, for the packet inside an ICMP error, which may be cut off anywhere behind
 * the first 8 bytes of its TCP or UDP header: payload fields are then 0 and TCP fields beyond seq unset.
 * Offsets are from `ip`. PARSE_SEGMENT, or PARSE_BAD. */
enum parse_verdict parse_inner(const uint8_t *ip, uint32_t len, struct packet *p);

/* The 5-tuple of a PARSE_SEGMENT at `frame`. */
void parse_key(const uint8_t *frame, const struct packet *p, struct flow_key *key);
