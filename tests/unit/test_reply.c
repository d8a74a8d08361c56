/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define A4 "10.0.0.1"
#define B4 "10.0.0.2"
#define A6 "2001:db8::1"
#define B6 "2001:db8::2"
#define SYN 0x02
#define FIN 0x01
#define RST 0x04
#define ACK 0x10

static struct frame_spec
tcp(bool six, uint8_t flags, uint16_t payload_len)
{
	struct frame_spec s = {.src = six ? A6 : A4,
			.dst = six ? B6 : B4,
			.protocol = IPPROTO_TCP,
			.sport = 1000,
			.dport = 80,
			.seq = 0xfffffff0,
			.ack = 0x05060708,
			.flags = flags,
			.payload_len = payload_len};
	return s;
}

static struct frame_spec
udp(bool six, uint16_t payload_len)
{
	struct frame_spec s = {.src = six ? A6 : A4,
			.dst = six ? B6 : B4,
			.protocol = IPPROTO_UDP,
			.sport = 1000,
			.dport = 53,
			.payload_len = payload_len};
	return s;
}

static void
assert_goes_back(const uint8_t *frame, const struct frame *to)
{
	uint32_t at = frame_get16(frame + 12) == 0x0800 ? 26 : 22;
	uint32_t size = at == 26 ? 4 : 16;

	assert_memory_equal(frame, to->b + 6, 6);
	assert_memory_equal(frame + 6, to->b, 6);
	assert_memory_equal(frame + 12, to->b + 12, 2);
	assert_memory_equal(frame + at + size, to->b + at, size);
}

static void
a_reset_has_the_numbers_of_rfc_9293(void **state)
{
	static const struct {
		const char *what;
		uint8_t flags;
		uint16_t payload_len;
		uint8_t reply_flags; /* 0: no reply */
		uint32_t seq, ack;
	} cases[] = {
			{"SYN", SYN, 0, RST | ACK, 0, 0xfffffff1},
			{"SYN with data, past the wrap", SYN, 20, RST | ACK, 0, 5},
			{"data", ACK, 20, RST, 0x05060708, 0},
			{"FIN", FIN | ACK, 0, RST, 0x05060708, 0},
			{"SYN-ACK", SYN | ACK, 0, RST, 0x05060708, 0},
			{"reset", RST, 0, 0, 0, 0},
			{"reset with ACK", RST | ACK, 0, 0, 0, 0},
	};
	uint8_t out[REPLY_MAX];
	struct packet p, q;
	struct frame f;
	uint32_t len;
	size_t i;

	for (i = 0; i < 2 * COUNT(cases); i++) {
		bool six = i % 2;
		struct frame_spec s = tcp(six, cases[i / 2].flags, cases[i / 2].payload_len);

		frame_make(&s, &f);
		assert_int_equal(parse_frame(f.b, f.len, &p), PARSE_SEGMENT);
		len = reply_reset(f.b, &p, out);
		if (!cases[i / 2].reply_flags) {
			assert_int_equal(len, 0);
			continue;
		}
		assert_int_equal(len, six ? 74 : 54);
		assert_int_equal(parse_frame(out, len, &q), PARSE_SEGMENT);
		assert_true(frame_sums_right(out));
		assert_goes_back(out, &f);
		assert_int_equal(frame_get16(out + q.l4), 80);
		assert_int_equal(frame_get16(out + q.l4 + 2), 1000);
		assert_int_equal(q.tcp_flags, cases[i / 2].reply_flags);
		assert_int_equal(q.seq, cases[i / 2].seq);
		assert_int_equal(q.ack, cases[i / 2].ack);
	}
}

static void
a_reply_may_be_made_in_place(void **state)
{
	struct reply_error e = {.kind = REPLY_PORT_UNREACHABLE};
	struct frame_spec s = tcp(false, SYN, 0);
	uint8_t out[REPLY_MAX];
	struct packet p;
	struct frame f;
	uint32_t len;
	int i;

	frame_make(&s, &f);
	parse_frame(f.b, f.len, &p);
	len = reply_reset(f.b, &p, out);
	assert_int_equal(reply_reset(f.b, &p, f.b), len);
	assert_memory_equal(f.b, out, len);
	for (i = 0; i < 2; i++) {
		s = udp(i, 900);
		frame_make(&s, &f);
		parse_frame(f.b, f.len, &p);
		len = reply_error(f.b, &p, &e, out);
		assert_int_equal(reply_error(f.b, &p, &e, f.b), len);
		assert_memory_equal(f.b, out, len);
	}
}

static void
a_reset_out_of_nothing_is_valid(void **state)
{
	static const char *const addrs[][2] = {{A4, B4}, {A6, B6}};
	struct reply_reset r = {.src_mac = {{2, 1, 1, 1, 1, 1}},
			.dst_mac = {{2, 2, 2, 2, 2, 2}},
			.key = {.src_port_be = htons(80), .dst_port_be = htons(1000)},
			.seq = 77,
			.ack = 99};
	uint8_t out[REPLY_MAX];
	struct flow_key key;
	struct packet p;
	int i;

	for (i = 0; i < 4; i++) {
		ip_parse(addrs[i / 2][0], &r.key.src);
		ip_parse(addrs[i / 2][1], &r.key.dst);
		r.has_ack = i % 2;
		assert_int_equal(parse_frame(out, reply_reset_make(&r, out), &p), PARSE_SEGMENT);
		assert_true(frame_sums_right(out));
		assert_memory_equal(out, &r.dst_mac, 6);
		assert_memory_equal(out + 6, &r.src_mac, 6);
		parse_key(out, &p, &key);
		assert_true(ip_equal(&key.src, &r.key.src) && ip_equal(&key.dst, &r.key.dst));
		assert_int_equal(key.src_port_be, r.key.src_port_be);
		assert_int_equal(key.dst_port_be, r.key.dst_port_be);
		assert_int_equal(p.seq, 77);
		assert_int_equal(p.ack, i % 2 ? 99 : 0);
		assert_int_equal(p.tcp_flags, i % 2 ? RST | ACK : RST);
	}
}

static void
each_error_has_its_type_and_quotes_the_packet(void **state)
{
	static const struct {
		struct reply_error e;
		bool six;
		uint16_t payload_len;
		uint16_t type_code, ip_len;
		uint32_t rest;
	} cases[] = {
			{{.kind = REPLY_PORT_UNREACHABLE}, false, 40, 0x0303, 96, 0},
			{{.kind = REPLY_PORT_UNREACHABLE}, false, 41, 0x0303, 97, 0},
			{{.kind = REPLY_HOST_UNREACHABLE}, false, 1000, 0x0301, 576, 0},
			{{.kind = REPLY_TOO_BIG, .mtu = 1400}, false, 1472, 0x0304, 576, 1400},
			{{.kind = REPLY_TTL_EXPIRED}, false, 0, 0x0b00, 56, 0},
			{{.kind = REPLY_REASSEMBLY_TIMEOUT}, false, 0, 0x0b01, 56, 0},
			{{.kind = REPLY_PORT_UNREACHABLE}, true, 41, 0x0104, 137, 0},
			{{.kind = REPLY_HOST_UNREACHABLE}, true, 40, 0x0103, 136, 0},
			{{.kind = REPLY_TOO_BIG, .mtu = 1280}, true, 1400, 0x0200, 1280, 1280},
			{{.kind = REPLY_TTL_EXPIRED}, true, 0, 0x0300, 96, 0},
			{{.kind = REPLY_REASSEMBLY_TIMEOUT}, true, 0, 0x0301, 96, 0},
	};
	struct packet p, q;
	struct frame f;
	uint32_t len;
	uint8_t *out;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		struct frame_spec s = udp(cases[i].six, cases[i].payload_len);

		out = malloc(REPLY_MAX);
		frame_make(&s, &f);
		assert_int_equal(parse_frame(f.b, f.len, &p), PARSE_SEGMENT);
		len = reply_error(f.b, &p, &cases[i].e, out);
		assert_int_equal(len, cases[i].ip_len + 14);
		assert_int_equal(parse_frame(out, len, &q), PARSE_ICMP_ERROR);
		assert_true(frame_sums_right(out));
		assert_goes_back(out, &f);
		assert_int_equal(frame_get16(out + q.l4), cases[i].type_code);
		assert_int_equal(frame_get32(out + q.l4 + 4), cases[i].rest);
		assert_memory_equal(out + q.inner, f.b + 14, len - q.inner);
		free(out);
	}
}

static void
an_error_may_speak_for_another_address(void **state)
{
	struct reply_error e = {.kind = REPLY_TTL_EXPIRED};
	struct frame_spec s = udp(false, 10);
	uint8_t out[REPLY_MAX];
	struct packet p;
	struct frame f;

	ip_parse("192.0.2.77", &e.src);
	frame_make(&s, &f);
	parse_frame(f.b, f.len, &p);
	assert_true(reply_error(f.b, &p, &e, out) > 0);
	assert_int_equal(frame_get32(out + 26), 0xc000024d);
	assert_true(frame_sums_right(out));
}

#define ICMP4 IPPROTO_ICMP
#define ICMP6 IPPROTO_ICMPV6
#define UDP IPPROTO_UDP

static const struct due_case {
	const char *what, *src, *dst;
	uint8_t protocol;
	uint16_t sport; /* ICMP: type and code */
	uint16_t fragment; /* IPv4's field */
	bool due;
} due_cases[] = {
		{"about an error", A4, B4, ICMP4, 0x0b00, 0, false},
		{"about a redirect", A4, B4, ICMP4, 0x0500, 0, false},
		{"about an echo", A4, B4, ICMP4, 0x0800, 0, true},
		{"about an error, v6", A6, B6, ICMP6, 0x0300, 0, false},
		{"about a solicitation", A6, B6, ICMP6, 135 << 8, 0, false},
		{"from nowhere", "::", B6, ICMP6, 128 << 8, 0, false},
		{"to multicast", A4, "224.0.0.1", UDP, 1, 0, false},
		{"to broadcast", A4, "255.255.255.255", UDP, 1, 0, false},
		{"to multicast, v6", A6, "ff02::1", UDP, 1, 0, false},
		{"about a first fragment", A4, B4, UDP, 1, 0x2000, true},
		{"about a later fragment", A4, B4, UDP, 1, 0x0010, false},
};

/* ICMP quotes a packet, as an error must. */
static void
due_frame(const struct due_case *c, struct frame *f)
{
	struct frame_spec inside = udp(c->protocol == ICMP6, 0);
	uint8_t quote[100];
	struct frame_spec s = {.src = c->src,
			.dst = c->dst,
			.protocol = c->protocol,
			.sport = c->sport,
			.dport = 1,
			.payload = c->protocol == UDP ? NULL : quote,
			.payload_len = c->protocol == UDP ? 8 : (uint16_t)frame_ip(&inside, quote)};

	frame_make(&s, f);
	if (!c->fragment)
		return;
	frame_put16(f->b + 20, c->fragment);
	frame_put16(f->b + 24, 0);
	frame_put16(f->b + 24, frame_fold(frame_sum(f->b + 14, 20, 0)));
}

static void
no_error_is_sent_where_none_is_due(void **state)
{
	struct reply_error e = {.kind = REPLY_TTL_EXPIRED};
	uint8_t out[REPLY_MAX];
	struct frame f;
	struct packet p;
	size_t i;

	for (i = 0; i < COUNT(due_cases); i++) {
		due_frame(&due_cases[i], &f);
		assert_int_not_equal(parse_frame(f.b, f.len, &p), PARSE_BAD);
		if ((reply_error(f.b, &p, &e, out) > 0) != due_cases[i].due)
			fail_msg("%s", due_cases[i].what);
	}
	due_frame(&due_cases[2], &f);
	f.b[0] |= 1;
	parse_frame(f.b, f.len, &p);
	assert_int_equal(reply_error(f.b, &p, &e, out), 0);
}

static void
the_limit_lets_a_burst_pass_and_then_the_rate(void **state)
{
	uint32_t now = UINT32_MAX - 500; /* wraps on the way */
	struct reply_limit l;
	int passed = 0;
	int i;

	reply_limit_init(&l, 100, 10, now);
	for (i = 0; i < 50; i++)
		passed += reply_limit_take(&l, now);
	assert_int_equal(passed, 10);
	for (passed = 0, i = 0; i < 1000; i++)
		passed += reply_limit_take(&l, ++now);
	assert_int_equal(passed, 100);
	now += 60000;
	for (passed = 0, i = 0; i < 50; i++)
		passed += reply_limit_take(&l, now);
	assert_int_equal(passed, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_reset_has_the_numbers_of_rfc_9293),
			cmocka_unit_test(a_reply_may_be_made_in_place),
			cmocka_unit_test(a_reset_out_of_nothing_is_valid),
			cmocka_unit_test(each_error_has_its_type_and_quotes_the_packet),
			cmocka_unit_test(an_error_may_speak_for_another_address),
			cmocka_unit_test(no_error_is_sent_where_none_is_due),
			cmocka_unit_test(the_limit_lets_a_burst_pass_and_then_the_rate),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
