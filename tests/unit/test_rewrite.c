/* SPDX-License-Identifier: Apache-2.0 */
/* Rewritten packets against their checksums computed anew, and the two paths against each other. */
#include "rewrite.h"

#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct rewrite_case {
	const char *name;
	const char *src, *dst; /* as it comes */
	const char *to_src, *to_dst;
	uint16_t to_sport, to_dport;
	uint8_t ttl_step;
};

static const struct rewrite_case cases[] = {
		{"fullnat", "203.0.113.5", "198.51.100.1", "10.0.0.3", "10.0.0.11", 1025, 8080,
				0xff},
		{"nat", "203.0.113.5", "198.51.100.1", "203.0.113.5", "10.0.0.11", 4000, 8080,
				0xff},
		{"nat, port kept", "203.0.113.5", "198.51.100.1", "203.0.113.5", "10.0.0.11", 4000,
				80, 0xff},
		{"dsr-l2", "203.0.113.5", "198.51.100.1", "203.0.113.5", "198.51.100.1", 4000, 80,
				0},
		{"extremes", "255.255.255.254", "1.0.0.0", "1.0.0.1", "254.255.255.255", 65535, 1,
				0xff},
		{"fullnat, IPv6", "2001:db8::5", "2001:db8::1", "fd00::3", "fd00::11", 1025, 8080,
				0xff},
		{"nat, IPv6", "2001:db8::5", "2001:db8::1", "2001:db8::5", "fd00::11", 4000, 8080,
				0xff},
		{"dsr-l2, IPv6", "2001:db8::5", "2001:db8::1", "2001:db8::5", "2001:db8::1", 4000,
				80, 0},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static struct rewrite_tuple
tuple_to(const struct rewrite_case *c)
{
	return (struct rewrite_tuple){
			addr(c->to_src), addr(c->to_dst), htons(c->to_sport), htons(c->to_dport)};
}

static void
frame_of(const struct rewrite_case *c, uint8_t protocol, uint16_t payload, struct frame *f)
{
	struct frame_spec s = {.src = c->src,
			.dst = c->dst,
			.protocol = protocol,
			.sport = 4000,
			.dport = 80,
			.flags = 0x10,
			.seq = 1,
			.ack = 2,
			.payload_len = payload};

	frame_make(&s, f);
}

static void
line_of(const struct rewrite_case *c, const struct frame *f, struct flow_line *line)
{
	struct rewrite_tuple from = {addr(c->src), addr(c->dst), htons(4000), htons(80)};
	struct rewrite_tuple to = tuple_to(c);

	memset(line, 0, sizeof(*line));
	line->match.protocol = f->b[frame_get16(f->b + 12) == 0x800 ? 23 : 20];
	rewrite_prepare(line, &from, &to, c->ttl_step);
}

/* What it must look like: made from scratch. */
static void
expected(const struct rewrite_case *c, uint8_t protocol, uint16_t payload, struct frame *f)
{
	struct frame_spec s = {.src = c->to_src,
			.dst = c->to_dst,
			.protocol = protocol,
			.sport = c->to_sport,
			.dport = c->to_dport,
			.flags = 0x10,
			.seq = 1,
			.ack = 2,
			.payload_len = payload};
	bool v4 = strchr(c->src, ':') == NULL;

	frame_make(&s, f);
	f->b[v4 ? 22 : 21] = (uint8_t)(64 + c->ttl_step);
	frame_seal(f->b + 14, f->len - 14, f->b + (v4 ? 34 : 54), protocol);
}

/* 0 and 0xffff are the same in a one's complement sum, and both right but for UDP. */
static void
normal(struct frame *f, uint8_t protocol)
{
	bool v4 = frame_get16(f->b + 12) == 0x800;
	uint8_t *l4 = f->b + (v4 ? 34 : 54) + frame_l4_checksum_at(protocol);

	if (v4 && frame_get16(f->b + 24) == 0xffff)
		frame_put16(f->b + 24, 0);
	if (protocol == IPPROTO_TCP && frame_get16(l4) == 0xffff)
		frame_put16(l4, 0);
}

static void
both_paths_make_the_packet_that_is_due(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static struct frame plain, parsed, due;
	struct flow_line line;
	struct rewrite_tuple to;
	struct packet p;
	size_t i, j;
	uint16_t payload;

	for (i = 0; i < CASES; i++) {
		to = tuple_to(&cases[i]);
		for (j = 0; j < 2; j++) {
			for (payload = 0; payload < 300; payload++) {
				frame_of(&cases[i], protocols[j], payload, &plain);
				parsed = plain;
				line_of(&cases[i], &plain, &line);
				expected(&cases[i], protocols[j], payload, &due);
				normal(&due, protocols[j]);
				assert_int_equal(parse_frame(parsed.b, parsed.len, &p),
						PARSE_SEGMENT);
				rewrite_parsed(parsed.b, &p, &line, &to);
				normal(&parsed, protocols[j]);
				if (memcmp(parsed.b, due.b, due.len) != 0)
					fail_msg("%s, %u bytes: parsed", cases[i].name, payload);
				if (p.family == 6)
					continue;
				rewrite_plain(plain.b, &line);
				normal(&plain, protocols[j]);
				if (memcmp(plain.b, due.b, due.len) != 0)
					fail_msg("%s, %u bytes: plain", cases[i].name, payload);
			}
		}
	}
}

/* Every sum there is: the first two payload bytes go through all values. */
static void
no_checksum_is_wrong_whatever_it_was(void **state)
{
	static struct frame f, base;
	struct flow_line line;
	uint32_t word;
	size_t i;

	for (i = 0; i < CASES; i++) {
		if (strchr(cases[i].src, ':'))
			continue;
		frame_of(&cases[i], IPPROTO_UDP, 4, &base);
		line_of(&cases[i], &base, &line);
		for (word = 0; word <= UINT16_MAX; word++) {
			f.len = base.len;
			memcpy(f.b, base.b, base.len);
			frame_put16(f.b + 42, word);
			frame_seal(f.b + 14, f.len - 14, f.b + 34, IPPROTO_UDP);
			rewrite_plain(f.b, &line);
			assert_int_not_equal(frame_get16(f.b + 40), 0);
			if (!frame_sums_right(f.b))
				fail_msg("%s: %04x", cases[i].name, word);
		}
	}
}

static void
no_udp_checksum_stays_none(void **state)
{
	static struct frame f, g;
	struct flow_line line;
	struct packet p;
	size_t i;

	for (i = 0; i < 4; i++) {
		frame_of(&cases[i], IPPROTO_UDP, 20, &f);
		frame_put16(f.b + 40, 0);
		g = f;
		line_of(&cases[i], &f, &line);
		rewrite_plain(f.b, &line);
		assert_int_equal(frame_get16(f.b + 40), 0);
		assert_int_equal(parse_frame(g.b, g.len, &p), PARSE_SEGMENT);
		rewrite_parsed(g.b, &p, &line, NULL);
		assert_int_equal(frame_get16(g.b + 40), 0);
	}
}

/* What was broken stays broken: the far end must see it. */
static void
a_wrong_checksum_stays_wrong(void **state)
{
	static struct frame f;
	struct flow_line line;
	size_t i;

	for (i = 0; i < 4; i++) {
		frame_of(&cases[i], IPPROTO_TCP, 20, &f);
		f.b[60] ^= 1;
		line_of(&cases[i], &f, &line);
		rewrite_plain(f.b, &line);
		assert_false(frame_sums_right(f.b));
	}
}

/* Options move the transport header. */
static void
options_are_no_obstacle(void **state)
{
	static struct frame f;
	struct flow_line line;
	struct packet p;
	size_t i;

	for (i = 0; i < 4; i++) {
		frame_of(&cases[i], IPPROTO_UDP, 21, &f);
		line_of(&cases[i], &f, &line);
		memmove(f.b + 38, f.b + 34, f.len - 34);
		memcpy(f.b + 34, "\x94\x04\0\0", 4); /* router alert */
		f.len += 4;
		f.b[14] = 0x46;
		frame_seal(f.b + 14, f.len - 14, f.b + 38, IPPROTO_UDP);
		assert_int_equal(parse_frame(f.b, f.len, &p), PARSE_SEGMENT);
		rewrite_parsed(f.b, &p, &line, NULL);
		assert_true(frame_sums_right(f.b));
		assert_int_equal(frame_get16(f.b + 38), cases[i].to_sport);
		assert_int_equal(frame_get16(f.b + 40), cases[i].to_dport);
		assert_memory_equal(f.b + 34, "\x94\x04\0\0", 4);
	}
}

static void
a_tuple_is_written_over_whatever_was_there(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static struct frame f, due;
	struct rewrite_case c;
	struct rewrite_tuple to;
	struct packet p;
	size_t i, j;

	for (i = 0; i < CASES; i++) {
		for (j = 0; j < 2; j++) {
			c = cases[i];
			c.ttl_step = 0;
			frame_of(&c, protocols[j], 33, &f);
			expected(&c, protocols[j], 33, &due);
			to = tuple_to(&c);
			assert_int_equal(parse_frame(f.b, f.len, &p), PARSE_SEGMENT);
			rewrite_tuple(f.b, &p, &to);
			normal(&f, protocols[j]);
			normal(&due, protocols[j]);
			if (memcmp(f.b, due.b, due.len) != 0)
				fail_msg("%s", c.name);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(both_paths_make_the_packet_that_is_due),
			cmocka_unit_test(no_checksum_is_wrong_whatever_it_was),
			cmocka_unit_test(no_udp_checksum_stays_none),
			cmocka_unit_test(a_wrong_checksum_stays_wrong),
			cmocka_unit_test(options_are_no_obstacle),
			cmocka_unit_test(a_tuple_is_written_over_whatever_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
