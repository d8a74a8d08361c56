/* SPDX-License-Identifier: Apache-2.0 */
/* Frames for tests, made and checked with sums that are computed the slow, obvious way: word by word,
 * over the whole packet, so that no shortcut of the subject is trusted. */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX 12000

struct frame {
	uint8_t b[FRAME_MAX];
	uint32_t len;
};

/* What a frame is made of; zero means a sensible default where there is one. */
struct frame_spec {
	const char *src, *dst; /* both IPv4 or both IPv6 */
	uint8_t protocol;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t payload_len;
	const uint8_t *payload; /* NULL: counting bytes */
};

static inline void
frame_put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void
frame_put32(uint8_t *at, uint32_t v)
{
	frame_put16(at, v >> 16);
	frame_put16(at + 2, v & 0xffff);
}

static inline uint16_t
frame_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t
frame_get32(const uint8_t *at)
{
	return (uint32_t)frame_get16(at) << 16 | frame_get16(at + 2);
}

/* RFC 1071, byte by byte; not yet complemented or folded. */
static inline uint32_t
frame_sum(const uint8_t *at, uint32_t len, uint32_t sum)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	return sum;
}

static inline uint16_t
frame_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The checksum that `len` bytes at `l4` of the packet at `ip` should have, with the field as it stands
 * counted in: 0 if it is right. */
static inline uint16_t
frame_l4_residue(const uint8_t *ip, const uint8_t *l4, uint32_t len, uint8_t protocol)
{
	uint32_t sum = 0;

	if (ip[0] >> 4 == 6)
		sum = frame_sum(ip + 8, 32, len + protocol);
	else if (protocol != IPPROTO_ICMP)
		sum = frame_sum(ip + 12, 8, len + protocol);
	return frame_fold(frame_sum(l4, len, sum));
}

static inline uint32_t
frame_l4_checksum_at(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
}

/* Sets lengths and checksums of the IP packet of `len` bytes at `ip`, transport header at `l4`. */
static inline void
frame_seal(uint8_t *ip, uint32_t len, uint8_t *l4, uint8_t protocol)
{
	uint32_t l4_len = len - (uint32_t)(l4 - ip);
	uint8_t *sum = l4 + frame_l4_checksum_at(protocol);

	if (ip[0] >> 4 == 4) {
		frame_put16(ip + 2, len);
		frame_put16(ip + 10, 0);
		frame_put16(ip + 10, frame_fold(frame_sum(ip, (ip[0] & 0xfu) * 4, 0)));
	} else {
		frame_put16(ip + 4, len - 40);
	}
	if (protocol == IPPROTO_UDP)
		frame_put16(l4 + 4, l4_len);
	frame_put16(sum, 0);
	frame_put16(sum, frame_l4_residue(ip, l4, l4_len, protocol));
	if (protocol == IPPROTO_UDP && frame_get16(sum) == 0)
		frame_put16(sum, 0xffff);
}

static inline bool
frame_is_v6(const struct frame_spec *s)
{
	return strchr(s->src, ':') != NULL;
}

static inline uint32_t
frame_ip_header(const struct frame_spec *s, uint8_t *ip)
{
	memset(ip, 0, 40);
	if (frame_is_v6(s)) {
		ip[0] = 0x60;
		ip[6] = s->protocol;
		ip[7] = 64;
		inet_pton(AF_INET6, s->src, ip + 8);
		inet_pton(AF_INET6, s->dst, ip + 24);
		return 40;
	}
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = s->protocol;
	inet_pton(AF_INET, s->src, ip + 12);
	inet_pton(AF_INET, s->dst, ip + 16);
	return 20;
}

/* Returns the header's length. For ICMP sport is type << 8 | code, and seq the second word. */
static inline uint32_t
frame_l4_header(const struct frame_spec *s, uint8_t *l4)
{
	memset(l4, 0, 20);
	frame_put16(l4, s->sport);
	if (s->protocol == IPPROTO_ICMP || s->protocol == IPPROTO_ICMPV6) {
		frame_put32(l4 + 4, s->seq);
		return 8;
	}
	frame_put16(l4 + 2, s->dport);
	if (s->protocol == IPPROTO_UDP)
		return 8;
	frame_put32(l4 + 4, s->seq);
	frame_put32(l4 + 8, s->ack);
	l4[12] = 5 << 4;
	l4[13] = s->flags;
	frame_put16(l4 + 14, 1000);
	return 20;
}

/* An IP packet at `ip`; returns its length. */
static inline uint32_t
frame_ip(const struct frame_spec *s, uint8_t *ip)
{
	uint32_t header = frame_ip_header(s, ip);
	uint32_t at = header + frame_l4_header(s, ip + header);
	uint32_t i;

	for (i = 0; i < s->payload_len; i++)
		ip[at + i] = s->payload ? s->payload[i] : (uint8_t)i;
	frame_seal(ip, at + s->payload_len, ip + header, s->protocol);
	return at + s->payload_len;
}

static inline void
frame_make(const struct frame_spec *s, struct frame *f)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	memset(f, 0, sizeof(*f));
	memcpy(f->b, macs, sizeof(macs));
	frame_put16(f->b + 12, frame_is_v6(s) ? 0x86dd : 0x0800);
	f->len = 14 + frame_ip(s, f->b + 14);
}

/* Are the IPv4 header checksum and the transport checksum right? The transport header directly follows. */
static inline bool
frame_sums_right(const uint8_t *frame)
{
	const uint8_t *ip = frame + 14;
	uint32_t header = ip[0] >> 4 == 4 ? (ip[0] & 0xfu) * 4 : 40;
	uint32_t len = ip[0] >> 4 == 4 ? frame_get16(ip + 2) : frame_get16(ip + 4) + 40u;
	uint8_t protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];

	if (ip[0] >> 4 == 4 && frame_fold(frame_sum(ip, header, 0)) != 0)
		return false;
	return frame_l4_residue(ip, ip + header, len - header, protocol) == 0;
}
