/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define A4 "10.0.0.1"
#define B4 "10.0.0.2"
#define A6 "2001:db8::1"
#define B6 "2001:db8::2"
#define ACK 0x10
#define SYN 0x02
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct frame_spec udp4 = {.src = A4,
		.dst = B4,
		.protocol = IPPROTO_UDP,
		.sport = 1000,
		.dport = 53,
		.payload_len = 40};
static const struct frame_spec tcp4 = {.src = A4,
		.dst = B4,
		.protocol = IPPROTO_TCP,
		.sport = 1000,
		.dport = 80,
		.seq = 0x01020304,
		.ack = 0x05060708,
		.flags = ACK,
		.payload_len = 40};
static const struct frame_spec udp6 = {.src = A6,
		.dst = B6,
		.protocol = IPPROTO_UDP,
		.sport = 1000,
		.dport = 53,
		.payload_len = 40};
static const struct frame_spec tcp6 = {.src = A6,
		.dst = B6,
		.protocol = IPPROTO_TCP,
		.sport = 1000,
		.dport = 80,
		.seq = 0x01020304,
		.ack = 0x05060708,
		.flags = ACK,
		.payload_len = 40};

/* Parses a heap copy of exactly `len` bytes, so that ASan sees any read beyond it. */
static enum parse_verdict
parse_exact(const uint8_t *bytes, uint32_t len, struct packet *p)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum parse_verdict v;

	memcpy(copy, bytes, len);
	v = parse_frame(copy, len, p);
	assert_int_equal(v, p->verdict);
	free(copy);
	return v;
}

static void
a_segment_has_all_its_fields(void **state)
{
	static const struct {
		const struct frame_spec *spec;
		uint8_t family;
		uint16_t l4, payload;
	} cases[] = {{&udp4, 4, 34, 42}, {&tcp4, 4, 34, 54}, {&udp6, 6, 54, 62},
			{&tcp6, 6, 54, 74}};
	struct flow_key key;
	struct ip_addr addr;
	struct frame f;
	struct packet p;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		frame_make(cases[i].spec, &f);
		f.len += 6; /* padding of the frame is not of the packet */
		assert_int_equal(parse_exact(f.b, f.len, &p), PARSE_SEGMENT);
		assert_int_equal(p.family, cases[i].family);
		assert_int_equal(p.protocol, cases[i].spec->protocol);
		assert_int_equal(p.l3, 14);
		assert_int_equal(p.l4, cases[i].l4);
		assert_int_equal(p.payload, cases[i].payload);
		assert_int_equal(p.payload_len, 40);
		assert_int_equal(p.ip_len, f.len - 20);
		assert_int_equal(p.ttl, 64);
		assert_int_equal(p.seq, cases[i].spec->seq);
		assert_int_equal(p.ack, cases[i].spec->ack);
		assert_int_equal(p.tcp_flags, cases[i].spec->flags);
		assert_int_equal(p.window, cases[i].spec->flags ? 1000 : 0);
		parse_key(f.b, &p, &key);
		ip_parse(cases[i].spec->src, &addr);
		assert_true(ip_equal(&addr, &key.src));
		ip_parse(cases[i].spec->dst, &addr);
		assert_true(ip_equal(&addr, &key.dst));
		assert_int_equal(ntohs(key.src_port_be), 1000);
		assert_int_equal(ntohs(key.dst_port_be), cases[i].spec->dport);
		assert_int_equal(key.protocol, cases[i].spec->protocol);
	}
}

static void
no_prefix_of_a_frame_is_read_beyond_or_accepted(void **state)
{
	static const struct frame_spec *const specs[] = {&udp4, &tcp4, &udp6, &tcp6};
	struct frame f;
	struct packet p;
	uint32_t len;
	size_t i;

	for (i = 0; i < COUNT(specs); i++) {
		frame_make(specs[i], &f);
		for (len = 0; len < f.len; len++)
			assert_int_equal(parse_exact(f.b, len, &p), PARSE_BAD);
	}
}

/* One byte or word of a good frame is changed. `seal`: the IPv4 header's checksum is made right again. */
struct change {
	const char *what;
	const struct frame_spec *spec;
	uint16_t at, value;
	uint8_t size;
	bool seal;
	enum parse_verdict verdict;
	enum packet_end end;
};

static const struct change changes[] = {
		{"version 5", &udp4, 14, 0x55, 1, true, PARSE_BAD, END_bad_ip_header},
		{"version 4 in IPv6", &udp6, 14, 0x40, 1, false, PARSE_BAD, END_bad_ip_header},
		{"header of 16 bytes", &udp4, 14, 0x44, 1, true, PARSE_BAD, END_bad_ip_header},
		{"header checksum", &udp4, 24, 0x1234, 2, false, PARSE_BAD, END_bad_ip_header},
		{"total length beyond", &udp4, 16, 69, 2, true, PARSE_BAD, END_bad_ip_length},
		{"total length below header", &udp4, 16, 19, 2, true, PARSE_BAD, END_bad_ip_length},
		{"payload length beyond", &udp6, 18, 49, 2, false, PARSE_BAD, END_bad_ip_length},
		{"payload length 65535", &udp6, 18, 65535, 2, false, PARSE_BAD, END_bad_ip_length},
		{"source 127/8", &udp4, 26, 127, 1, true, PARSE_BAD, END_bad_ip_source},
		{"source 0/8", &udp4, 26, 0, 1, true, PARSE_BAD, END_bad_ip_source},
		{"source multicast", &udp4, 26, 239, 1, true, PARSE_BAD, END_bad_ip_source},
		{"land", &udp4, 33, 1, 1, true, PARSE_BAD, END_bad_ip_source},
		{"source multicast, v6", &udp6, 22, 0xff02, 2, false, PARSE_BAD, END_bad_ip_source},
		{"land, v6", &udp6, 53, 1, 1, false, PARSE_BAD, END_bad_ip_source},
		{"protocol OSPF", &udp4, 23, 89, 1, true, PARSE_OTHER_L4, 0},
		{"ESP in IPv6", &udp6, 20, 50, 1, false, PARSE_OTHER_L4, 0},
		{"ICMPv6 in IPv4 is nothing", &udp4, 23, 58, 1, true, PARSE_OTHER_L4, 0},
		{"UDP length 0", &udp4, 38, 0, 2, false, PARSE_BAD, END_bad_l4_header},
		{"UDP length beyond", &udp4, 38, 49, 2, false, PARSE_BAD, END_bad_l4_header},
		{"UDP length with options behind", &udp4, 38, 47, 2, false, PARSE_SEGMENT, 0},
		{"UDP checksum 0", &udp4, 40, 0, 2, false, PARSE_SEGMENT, 0},
		{"UDP checksum 0 in IPv6", &udp6, 60, 0, 2, false, PARSE_BAD, END_bad_l4_header},
		{"source port 0", &udp4, 34, 0, 2, false, PARSE_BAD, END_bad_l4_header},
		{"destination port 0", &tcp6, 56, 0, 2, false, PARSE_BAD, END_bad_l4_header},
		{"data offset 4", &tcp4, 46, 0x40, 1, false, PARSE_BAD, END_bad_l4_header},
		{"data offset 15", &tcp4, 46, 0xf0, 1, false, PARSE_SEGMENT, 0},
		{"null flags", &tcp4, 47, 0, 1, false, PARSE_BAD, END_bad_tcp_flags},
		{"SYN and FIN", &tcp4, 47, 0x03, 1, false, PARSE_BAD, END_bad_tcp_flags},
		{"SYN and RST", &tcp4, 47, 0x06, 1, false, PARSE_BAD, END_bad_tcp_flags},
		{"FIN without ACK", &tcp4, 47, 0x01, 1, false, PARSE_BAD, END_bad_tcp_flags},
		{"xmas", &tcp6, 67, 0x29, 1, false, PARSE_BAD, END_bad_tcp_flags},
		{"SYN with ECE and CWR", &tcp4, 47, 0xc2, 1, false, PARSE_SEGMENT, 0},
		{"FIN, PSH, URG, ACK", &tcp4, 47, 0x39, 1, false, PARSE_SEGMENT, 0},
		{"RST alone", &tcp4, 47, 0x04, 1, false, PARSE_SEGMENT, 0},
		{"first fragment", &udp4, 20, 0x2000, 2, true, PARSE_FRAGMENT, 0},
		{"last fragment", &udp4, 20, 0x0010, 2, true, PARSE_FRAGMENT, 0},
		{"DF is no fragment", &udp4, 20, 0x4000, 2, true, PARSE_SEGMENT, 0},
		{"fragment beyond 65535", &udp4, 20, 0x1fff, 2, true, PARSE_BAD, END_bad_fragment},
		{"TCP fragment at offset 8", &tcp4, 20, 0x0001, 2, true, PARSE_BAD,
				END_bad_fragment},
		{"MPLS", &udp4, 12, 0x8847, 2, false, PARSE_OTHER_L3, 0},
		{"ARP", &udp4, 12, 0x0806, 2, false, PARSE_CONTROL, 0},
};

static void
each_fault_has_its_reason(void **state)
{
	struct frame f;
	struct packet p;
	size_t i;

	for (i = 0; i < COUNT(changes); i++) {
		const struct change *c = &changes[i];

		frame_make(c->spec, &f);
		if (c->size == 2)
			frame_put16(f.b + c->at, c->value);
		else
			f.b[c->at] = (uint8_t)c->value;
		if (c->seal) {
			frame_put16(f.b + 24, 0);
			frame_put16(f.b + 24, frame_fold(frame_sum(f.b + 14, 20, 0)));
		}
		parse_exact(f.b, f.len, &p);
		if (p.verdict != c->verdict || p.end != c->end)
			fail_msg("%s: verdict %u, end %s", c->what, p.verdict,
					packet_end_name(p.end));
	}
}

/* As the forwarding loop does it: an ICMP error is as good as the packet inside. */
static void
parse_with_inner(const uint8_t *frame, uint32_t len, struct packet *p)
{
	struct packet inner;
	uint8_t *copy;

	if (parse_exact(frame, len, p) != PARSE_ICMP_ERROR)
		return;
	copy = malloc(len - p->inner + 1u);
	len = (uint32_t)p->l3 + p->ip_len - p->inner;
	memcpy(copy, frame + p->inner, len);
	if (parse_inner(copy, len, &inner) == PARSE_BAD)
		*p = inner;
	free(copy);
}

/* How all packets of tests/data/pcap/NAME.pcap end. */
static void
assert_file_ends(const char *name, enum packet_end end)
{
	uint8_t header[24], record[16], frame[FRAME_MAX];
	char path[4096];
	struct packet p;
	uint32_t len;
	FILE *in;
	int n;

	snprintf(path, sizeof(path), "%s/tests/data/pcap/%s.pcap", getenv("SOURCE_ROOT"), name);
	in = fopen(path, "rb");
	if (!in || fread(header, sizeof(header), 1, in) != 1)
		fail_msg("cannot read '%s'", path);
	for (n = 0; fread(record, sizeof(record), 1, in) == 1; n++) {
		memcpy(&len, record + 8, 4);
		assert_true(len <= FRAME_MAX && fread(frame, 1, len, in) == len);
		parse_with_inner(frame, len, &p);
		if ((p.verdict == PARSE_BAD) != (end != PACKET_END_COUNT) ||
				(p.verdict == PARSE_BAD && p.end != end))
			fail_msg("%s, packet %d: verdict %u, end %s", name, n, p.verdict,
					packet_end_name(p.end));
	}
	assert_true(n > 3);
	fclose(in);
}

static void
captured_packets_end_as_their_file_says(void **state)
{
	static const enum packet_end ends[] = {END_short_frame, END_bad_ip_header,
			END_bad_ip_length, END_bad_ip_source, END_bad_ipv6_extension,
			END_bad_l4_header, END_bad_tcp_flags, END_bad_icmp, END_bad_fragment};
	size_t i;

	if (!getenv("SOURCE_ROOT"))
		skip();
	for (i = 0; i < COUNT(ends); i++)
		assert_file_ends(packet_end_name(ends[i]), ends[i]);
	assert_file_ends("good", PACKET_END_COUNT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_segment_has_all_its_fields),
			cmocka_unit_test(no_prefix_of_a_frame_is_read_beyond_or_accepted),
			cmocka_unit_test(each_fault_has_its_reason),
			cmocka_unit_test(captured_packets_end_as_their_file_says),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
