/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"
#include "icmp.h"

#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Someone on the way to the endpoint complains about what the gateway's local address sent; the client
 * is to read a complaint about what it sent itself. */
struct sides {
	const char *router, *local, *endpoint, *service, *client;
	uint8_t icmp;
};

static const struct sides v4 = {
		"192.0.2.9", "10.0.0.7", "10.0.1.2", "198.51.100.1", "203.0.113.200", IPPROTO_ICMP};
static const struct sides v6 = {"2001:db8:9::9", "fd00::7", "fd00:1::2", "2001:db8::1",
		"2001:db8:ffff::c8", IPPROTO_ICMPV6};

struct error_case {
	const char *what;
	const struct sides *sides;
	uint8_t protocol;
	uint16_t type_code;
	uint32_t rest;
	uint16_t quoted; /* bytes of the packet inside */
};

static const struct error_case cases[] = {
		{"port unreachable, whole datagram", &v4, IPPROTO_UDP, 0x0303, 0, 128},
		{"port unreachable, odd cut", &v4, IPPROTO_UDP, 0x0303, 0, 61},
		{"host unreachable, least quote of UDP", &v4, IPPROTO_UDP, 0x0301, 0, 28},
		{"too big keeps its MTU", &v4, IPPROTO_TCP, 0x0304, 1400, 140},
		{"too big, least quote of TCP: no checksum inside", &v4, IPPROTO_TCP, 0x0304, 1400,
				28},
		{"time exceeded, cut before the TCP checksum", &v4, IPPROTO_TCP, 0x0b00, 0, 36},
		{"time exceeded, cut behind the TCP checksum", &v4, IPPROTO_TCP, 0x0b00, 0, 38},
		{"parameter problem", &v4, IPPROTO_TCP, 0x0c00, 0x01000000, 60},
		{"port unreachable, v6", &v6, IPPROTO_UDP, 0x0104, 0, 148},
		{"too big, v6", &v6, IPPROTO_TCP, 0x0200, 1280, 160},
		{"time exceeded, v6, least quote", &v6, IPPROTO_TCP, 0x0300, 0, 48},
		{"parameter problem, v6, odd cut", &v6, IPPROTO_UDP, 0x0401, 40, 99},
};

struct ends {
	const char *from, *to, *src, *dst;
	uint16_t sport, dport;
	uint8_t ttl;
};

static void
error_make(const struct error_case *c, const struct ends *e, struct frame *f)
{
	struct frame_spec inner = {.src = e->src,
			.dst = e->dst,
			.protocol = c->protocol,
			.sport = e->sport,
			.dport = e->dport,
			.seq = 0x11223344,
			.flags = 0x10,
			.payload_len = 100};
	uint8_t bytes[FRAME_MAX];
	struct frame_spec outer = {.src = e->from,
			.dst = e->to,
			.protocol = c->sides->icmp,
			.sport = c->type_code,
			.seq = c->rest,
			.payload = bytes,
			.payload_len = c->quoted};
	uint8_t *ip = f->b + 14;

	frame_ip(&inner, bytes);
	frame_make(&outer, f);
	ip[ip[0] >> 4 == 4 ? 8 : 7] = e->ttl;
	frame_seal(ip, f->len - 14, ip + (ip[0] >> 4 == 4 ? 20 : 40), c->sides->icmp);
}

static struct flow_key
key_of(const struct ends *e, uint8_t protocol)
{
	struct flow_key key = {.src_port_be = htons(e->sport),
			.dst_port_be = htons(e->dport),
			.protocol = protocol};

	ip_parse(e->src, &key.src);
	ip_parse(e->dst, &key.dst);
	return key;
}

static void
error_translate(const struct error_case *c, struct frame *f, const struct ends *after)
{
	struct icmp_translation t = {.inner = key_of(after, c->protocol)};
	uint8_t *exact = malloc(f->len);
	struct packet p, inner;

	memcpy(exact, f->b, f->len);
	ip_parse(after->from, &t.src);
	ip_parse(after->to, &t.dst);
	if (parse_frame(exact, f->len, &p) != PARSE_ICMP_ERROR)
		fail_msg("%s: no ICMP error: %s", c->what, packet_end_name(p.end));
	if (parse_inner(exact + p.inner, f->len - p.inner, &inner) != PARSE_SEGMENT)
		fail_msg("%s: packet inside is bad", c->what);
	icmp_translate(exact, &p, &inner, &t);
	memcpy(f->b, exact, f->len);
	free(exact);
}

static void
a_translated_error_is_as_if_made_for_the_other_side(void **state)
{
	struct frame f, expected;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		const struct sides *s = cases[i].sides;
		struct ends before = {s->router, s->local, s->local, s->endpoint, 40001, 8080, 64};
		struct ends after = {s->service, s->client, s->client, s->service, 51515, 80, 63};

		error_make(&cases[i], &before, &f);
		error_make(&cases[i], &after, &expected);
		assert_true(frame_sums_right(f.b));
		error_translate(&cases[i], &f, &after);
		assert_int_equal(f.len, expected.len);
		if (memcmp(f.b, expected.b, f.len) != 0)
			fail_msg("%s: differs", cases[i].what);
	}
}

static void
udp_without_checksum_stays_without(void **state)
{
	struct ends before = {v4.router, v4.local, v4.local, v4.endpoint, 40001, 8080, 64};
	struct ends after = {v4.service, v4.client, v4.client, v4.service, 51515, 80, 63};
	uint8_t *sum;
	struct frame f;

	error_make(&cases[0], &before, &f);
	sum = f.b + 14 + 20 + 8 + 20 + 6;
	frame_put16(sum, 0);
	frame_seal(f.b + 14, f.len - 14, f.b + 34, IPPROTO_ICMP);
	error_translate(&cases[0], &f, &after);
	assert_int_equal(frame_get16(sum), 0);
	assert_true(frame_sums_right(f.b));
}

static void
a_packet_inside_of_the_other_family_is_refused(void **state)
{
	struct ends mixed = {v4.router, v4.local, v6.local, v6.endpoint, 40001, 8080, 64};
	struct frame f;
	struct packet p;

	error_make(&cases[0], &mixed, &f);
	assert_int_equal(parse_frame(f.b, f.len, &p), PARSE_BAD);
	assert_int_equal(p.end, END_bad_icmp);
}

/* Ports in the padding of the frame would be rewritten outside of the ICMP message. */
static void
a_packet_inside_that_reaches_into_the_padding_is_refused(void **state)
{
	struct error_case c = cases[0];
	struct ends before = {v4.router, v4.local, v4.local, v4.endpoint, 40001, 8080, 64};
	struct frame f;
	struct packet p;

	c.quoted = 27;
	error_make(&c, &before, &f);
	assert_int_equal(parse_frame(f.b, f.len + 8, &p), PARSE_BAD);
	assert_int_equal(p.end, END_bad_icmp);
}

static void
an_error_with_a_wrong_checksum_is_bad(void **state)
{
	static const size_t which[] = {0, 8};
	struct frame f;
	struct packet p;
	size_t i;

	for (i = 0; i < COUNT(which); i++) {
		const struct sides *s = cases[which[i]].sides;
		struct ends before = {s->router, s->local, s->local, s->endpoint, 40001, 8080, 64};

		error_make(&cases[which[i]], &before, &f);
		f.b[f.len - 1] ^= 1;
		assert_int_equal(parse_frame(f.b, f.len, &p), PARSE_BAD);
		assert_int_equal(p.end, END_bad_icmp);
	}
}

/* RFC 1624, 4: the example on which RFC 1141 fails. */
static void
incremental_updates_agree_with_rfc_1624(void **state)
{
	uint16_t old = htons(0x5555), new = htons(0x3285);

	assert_int_equal(checksum_apply(htons(0xdd2f), checksum_delta(&old, &new, 2)),
			htons(0x0000));
	assert_int_equal(checksum_apply_udp(htons(0xdd2f), checksum_delta(&old, &new, 2)), 0xffff);
	assert_int_equal(checksum_apply_udp(0, checksum_delta(&old, &new, 2)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_translated_error_is_as_if_made_for_the_other_side),
			cmocka_unit_test(udp_without_checksum_stays_without),
			cmocka_unit_test(a_packet_inside_of_the_other_family_is_refused),
			cmocka_unit_test(a_packet_inside_that_reaches_into_the_padding_is_refused),
			cmocka_unit_test(an_error_with_a_wrong_checksum_is_bad),
			cmocka_unit_test(incremental_updates_agree_with_rfc_1624),
	};

	return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
