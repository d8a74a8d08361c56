/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: whatever comes in, offsets stay inside, and what is made out of it is a valid packet. Every input
 * is tried as it is, then with its IPv4 checksum set right, then with that of ICMP too: else a fuzzer would
 * not get past them.
 */
#include "icmp.h"
#include "parse.h"
#include "reply.h"

#include <netinet/in.h>
#include <rte_ip.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX 70000

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t *
exact_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	expect(copy != NULL);
	memcpy(copy, data, size);
	return copy;
}

static void
expect_inside(const struct packet *p, uint32_t len)
{
	uint32_t end = (uint32_t)p->l3 + p->ip_len;

	expect(p->verdict <= PARSE_BAD);
	if (p->verdict == PARSE_BAD || p->family == 0)
		return;
	expect(p->l3 == 14 && end <= len && p->l4 >= p->l3 + 20 && p->l4 <= end);
	if (p->verdict == PARSE_SEGMENT)
		expect(p->payload >= p->l4 + 8 && (uint32_t)p->payload + p->payload_len <= end);
	if (p->verdict == PARSE_ICMP_ERROR)
		expect(p->inner == p->l4 + 8 && p->inner <= end);
}

/* What the gateway makes must be a packet that it would let pass itself, unless the packet's destination, now
 * the source, is none that can answer, or the error quotes neither TCP nor UDP. */
static void
expect_valid(const uint8_t *made, uint32_t len, enum parse_verdict verdict)
{
	struct packet q;

	if (len && parse_frame(made, len, &q) != verdict)
		expect(q.verdict == PARSE_BAD &&
				(q.end == END_bad_ip_source || q.end == END_bad_icmp));
}

static void
try_replies(const uint8_t *frame, const struct packet *p)
{
	struct reply_error e = {.kind = frame[0] % (REPLY_REASSEMBLY_TIMEOUT + 1), .mtu = 1400};
	uint8_t *out = malloc(REPLY_MAX);
	uint32_t len;

	expect(out != NULL);
	len = reply_error(frame, p, &e, out);
	expect(len <= REPLY_MAX);
	expect_valid(out, len, PARSE_ICMP_ERROR);
	len = reply_reset(frame, p, out);
	expect(len <= 74);
	expect_valid(out, len, PARSE_SEGMENT);
	free(out);
}

static void
try_translation(const uint8_t *frame, uint32_t len, const struct packet *p)
{
	static const uint8_t a6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1},
			     b6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
	bool v4 = p->family == 4;
	struct icmp_translation t = {
			.src = v4 ? ip_from_v4_be(htonl(0xc6336401)) : ip_from_v6(a6),
			.dst = v4 ? ip_from_v4_be(htonl(0xcb007105)) : ip_from_v6(b6),
	};
	uint32_t room = (uint32_t)p->l3 + p->ip_len - p->inner;
	uint8_t *inner_copy = exact_copy(frame + p->inner, room);
	uint8_t *copy = exact_copy(frame, len);
	struct packet inner, q;

	t.inner.src = t.dst;
	t.inner.dst = t.src;
	t.inner.src_port_be = htons(1000);
	t.inner.dst_port_be = htons(80);
	expect(parse_inner(inner_copy, room, &inner) == PARSE_SEGMENT && inner.l4 + 8u <= room);
	if (p->ttl > 1) {
		icmp_translate(copy, p, &inner, &t);
		expect(parse_frame(copy, len, &q) == PARSE_ICMP_ERROR && q.ttl == p->ttl - 1);
	}
	free(inner_copy);
	free(copy);
}

static void
try_frame(const uint8_t *frame, uint32_t len, struct packet *p)
{
	struct flow_key key;

	parse_frame(frame, len, p);
	expect_inside(p, len);
	if (p->verdict == PARSE_BAD)
		return;
	if (p->verdict == PARSE_SEGMENT)
		parse_key(frame, p, &key);
	try_replies(frame, p);
	if (p->verdict == PARSE_ICMP_ERROR)
		try_translation(frame, len, p);
}

static void
seal_ipv4(uint8_t *frame, size_t size)
{
	uint32_t header = size > 34 ? (frame[14] & 0xfu) * 4 : 0;
	uint16_t sum;

	if (header < 20 || 14 + header > size || frame[12] != 8 || frame[13] != 0)
		return;
	memset(frame + 24, 0, 2);
	sum = (uint16_t)~rte_raw_cksum(frame + 14, header);
	memcpy(frame + 24, &sum, 2);
}

/* By what parse found before it stopped at the checksum. */
static void
seal_icmp(uint8_t *frame, const struct packet *p)
{
	uint32_t len = (uint32_t)p->l3 + p->ip_len - p->l4;
	uint32_t sum = 0;
	uint16_t check;

	memset(frame + p->l4 + 2, 0, 2);
	if (p->family == 6)
		sum = rte_raw_cksum(frame + p->l3 + 8, 32) + htons((uint16_t)len) +
				htons(IPPROTO_ICMPV6);
	sum += rte_raw_cksum(frame + p->l4, len);
	sum = (sum & 0xffff) + (sum >> 16);
	check = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
	memcpy(frame + p->l4 + 2, &check, 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet p;
	uint8_t *copy;

	if (size > FRAME_MAX)
		return 0;
	copy = exact_copy(data, size);
	try_frame(copy, (uint32_t)size, &p);
	seal_ipv4(copy, size);
	try_frame(copy, (uint32_t)size, &p);
	if (p.verdict == PARSE_BAD && p.end == END_bad_icmp && p.icmp_type) {
		seal_icmp(copy, &p);
		try_frame(copy, (uint32_t)size, &p);
	}
	free(copy);
	return 0;
}
