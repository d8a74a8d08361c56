/* SPDX-License-Identifier: Apache-2.0 */
/* What is written into a packet of a flow. Pure: bytes and structs. */
#pragma once

#include "flow.h"
#include "parse.h"

#define L4_CHECKSUM_UDP 6
#define L4_CHECKSUM_TCP 16

/* Addresses and ports to be written; ports in network order. */
struct rewrite_tuple {
	struct ip_addr src, dst;
	uint16_t src_port_be, dst_port_be;
};

/* Fills `out` and the deltas of a line from its match: what its packets shall carry. For IPv6 the addresses to match
 * are given by `from`. `ttl_step` is added to the TTL: 0xff for a routed packet, 0 for dsr-l2. */
void rewrite_prepare(struct flow_line *line, const struct rewrite_tuple *from,
		const struct rewrite_tuple *to, uint8_t ttl_step);

/* Ethernet addresses: 12 bytes. */
static inline void
rewrite_mac(uint8_t *frame, const uint8_t dst[6], const uint8_t src[6])
{
	memcpy(frame, dst, 6);
	memcpy(frame + 6, src, 6);
}

/* A plain packet (see struct burst), by the line's vectors and deltas. */
static inline void
rewrite_plain(uint8_t *frame, const struct flow_line *line)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(frame + 22));
	uint32_t ip = (uint32_t)(uint16_t)~_mm_extract_epi16(v, 1) + line->ip_delta;
	uint8_t *at = frame + 34 +
			(line->match.protocol == IPPROTO_UDP ? L4_CHECKSUM_UDP : L4_CHECKSUM_TCP);
	uint16_t old, l4;
	uint32_t sum;

	v = _mm_add_epi8(line->out.v, _mm_and_si128(v, _mm_set_epi32(0, 0, 0, 0xff)));
	v = _mm_insert_epi16(v, (uint16_t) ~((ip & 0xffff) + (ip >> 16)), 1);
	_mm_storeu_si128((__m128i *)(frame + 22), v);
	memcpy(&old, at, sizeof(old));
	sum = (uint32_t)(uint16_t)~old + line->l4_delta;
	l4 = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	if (line->match.protocol == IPPROTO_UDP)
		l4 = old ? (l4 ? l4 : 0xffff) : 0;
	memcpy(at, &l4, sizeof(l4));
}

/* Any PARSE_SEGMENT, by the line's vectors and deltas; `f6` gives the addresses of an IPv6 flow. */
void rewrite_parsed(uint8_t *frame, const struct packet *p, const struct flow_line *line,
		const struct rewrite_tuple *to6);

/* Any PARSE_SEGMENT gets these addresses and ports; checksums follow from what it carries now. TTL stays. */
void rewrite_tuple(uint8_t *frame, const struct packet *p, const struct rewrite_tuple *to);
