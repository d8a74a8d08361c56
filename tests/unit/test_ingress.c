/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in: VLANs, what is not for a service, fragments, what is too big, and packets on the wrong lcore. */
#include "talk.h"

#include <stdlib.h>

static const struct mode modes[] = {
		{"fullnat, IPv4, TCP", "fullnat", false, IPPROTO_TCP},
		{"fullnat, IPv4, UDP", "fullnat", false, IPPROTO_UDP},
		{"fullnat, IPv6, TCP", "fullnat", true, IPPROTO_TCP},
		{"fullnat, IPv6, UDP", "fullnat", true, IPPROTO_UDP},
		{"nat, IPv4, TCP", "nat", false, IPPROTO_TCP},
		{"nat, IPv4, UDP", "nat", false, IPPROTO_UDP},
		{"nat, IPv6, TCP", "nat", true, IPPROTO_TCP},
		{"nat, IPv6, UDP", "nat", true, IPPROTO_UDP},
		{"dsr-l2, IPv4, TCP", "dsr-l2", false, IPPROTO_TCP},
		{"dsr-l2, IPv6, UDP", "dsr-l2", true, IPPROTO_UDP},
};

#define MODES (sizeof(modes) / sizeof(modes[0]))
#define TCP4 (&modes[0])
#define UDP4 (&modes[1])
#define UDP6 (&modes[3])

static const char VLANS[] =
		"gateway: {lcores: [1], main_lcore: 0, hugepages: false, hash_seed: 1}\n"
		"limits: {flows: 4096, endpoints: 128, services: 64, local_addresses: 2}\n"
		"ports:\n"
		"  - {name: plain, device: \"net_null0\", addresses: [192.0.2.2/24]}\n"
		"  - {name: tagged, device: \"net_null0\", vlan: 100, addresses: [192.0.3.2/24], "
		"gateways: [192.0.3.1]}\n"
		"  - {name: in, device: \"net_null1\", vlan: 7, addresses: [10.0.0.2/24]}\n"
		"local_addresses: [10.0.0.3]\n"
		"services:\n"
		"  - name: web\n"
		"    address: 198.51.100.1\n"
		"    protocol: udp\n"
		"    port: 80\n"
		"    forward: fullnat\n"
		"    endpoints: [{name: a, address: 10.0.0.11, port: 8080}]\n";

static void
feed_tagged(uint16_t device, const struct frame_spec *spec, uint16_t tag)
{
	static struct frame f;

	frame_make(spec, &f);
	memmove(f.b + 16, f.b + 12, f.len - 12);
	frame_put16(f.b + 12, 0x8100);
	frame_put16(f.b + 14, tag);
	rig_feed(&rig, device, 0, f.b, f.len + 4);
	rig_run(&rig);
}

/* Takes the tag off what was sent, so that it can be looked at; returns it, or 0. */
static uint16_t
take_tagged(struct seen *s)
{
	static struct rig_sent *copy;
	const struct rig_sent *sent = rig_take(&rig);
	uint16_t tag;

	assert_non_null(sent);
	free(copy);
	copy = malloc(sizeof(*copy) + sent->len);
	assert_non_null(copy);
	memcpy(copy, sent, sizeof(*copy) + sent->len);
	if (frame_get16(copy->frame + 12) != 0x8100) {
		seen_of(copy, s);
		return 0;
	}
	tag = frame_get16(copy->frame + 14);
	memmove(copy->frame + 12, copy->frame + 16, copy->len - 16);
	copy->len -= 4;
	seen_of(copy, s);
	return tag;
}

static void
vlan_tags_are_taken_off_and_put_on(void **state)
{
	struct frame_spec f = from_client(UDP4, 4000, A, 0, 0);
	struct seen s, out;

	rig_start(&rig, &(struct rig_options){.yaml = VLANS});
	feed_tagged(OUT, &f, 0xa000 | 100); /* with a priority */
	assert_int_equal(take_tagged(&s), 7);
	assert_int_equal(s.device, IN);
	assert_string_equal(s.dst, "10.0.0.11");
	assert_true(frame_sums_right(s.frame));
	f = answer_to(&s, A, 0, 0);
	feed_tagged(IN, &f, 7);
	assert_int_equal(take_tagged(&out), 100);
	assert_int_equal(out.device, OUT);
	assert_string_equal(out.dst, client(false));
	/* The same client without a tag: its answers have none. */
	f = from_client(UDP4, 4000, A, 0, 0);
	send_in(OUT, &f);
	assert_int_equal(take_tagged(&s), 7);
	f = answer_to(&s, A, 0, 0);
	feed_tagged(IN, &f, 7);
	assert_int_equal(take_tagged(&out), 0);
	/* A priority tag is none. */
	f = from_client(UDP4, 4001, A, 0, 0);
	feed_tagged(OUT, &f, 0xe000);
	assert_int_equal(take_tagged(&s), 7);
	f = answer_to(&s, A, 0, 0);
	feed_tagged(IN, &f, 7);
	assert_int_equal(take_tagged(&out), 0);
	rig_stop(&rig);
}

static void
unknown_vlans_are_counted(void **state)
{
	struct frame_spec f = from_client(UDP4, 4000, A, 0, 0);

	rig_start(&rig, &(struct rig_options){.yaml = VLANS});
	feed_tagged(OUT, &f, 200);
	assert_int_equal(rig_end(&rig, END_vlan_unknown), 1);
	send_in(IN, &f); /* a device without untagged port */
	assert_int_equal(rig_end(&rig, END_vlan_unknown), 2);
	assert_null(rig_take(&rig));
	rig_stop(&rig);
}

struct stray {
	const char *name;
	struct frame_spec spec;
	enum packet_end end;
	uint8_t answer; /* protocol of what is sent back, 0: nothing */
};

static const struct stray strays[] = {
		{"TCP to another port",
				{.src = "203.0.113.5",
						.dst = "198.51.100.1",
						.protocol = IPPROTO_TCP,
						.sport = 4000,
						.dport = 81,
						.seq = 1,
						.ack = 0,
						.flags = S},
				END_protocol_unknown, IPPROTO_TCP},
		{"UDP to another port",
				{.src = "203.0.113.5",
						.dst = "198.51.100.1",
						.protocol = IPPROTO_UDP,
						.sport = 4000,
						.dport = 81,
						.payload_len = 9},
				END_protocol_unknown, IPPROTO_ICMP},
		{"UDP over IPv6 to another port",
				{.src = "2001:db8:ffff::5",
						.dst = "2001:db8::1",
						.protocol = IPPROTO_UDP,
						.sport = 4000,
						.dport = 81,
						.payload_len = 9},
				END_protocol_unknown, IPPROTO_ICMPV6},
		{"another protocol",
				{.src = "203.0.113.5",
						.dst = "198.51.100.1",
						.protocol = 47,
						.sport = 4000,
						.dport = 81},
				END_protocol_unknown, 0},
		{"somebody else's UDP",
				{.src = "203.0.113.5",
						.dst = "198.51.100.9",
						.protocol = IPPROTO_UDP,
						.sport = 4000,
						.dport = 80},
				END_not_ours, 0},
		{"somebody else's SYN",
				{.src = "203.0.113.5",
						.dst = "198.51.100.9",
						.protocol = IPPROTO_TCP,
						.sport = 4000,
						.dport = 80,
						.seq = 1,
						.ack = 0,
						.flags = S},
				END_not_ours, 0},
		{"somebody else's TCP",
				{.src = "203.0.113.5",
						.dst = "198.51.100.9",
						.protocol = IPPROTO_TCP,
						.sport = 4000,
						.dport = 80,
						.seq = 1,
						.ack = 1,
						.flags = A},
				END_not_ours, 0},
		{"somebody else's protocol",
				{.src = "203.0.113.5", .dst = "198.51.100.9", .protocol = 47},
				END_not_ours, 0},
		{"somebody else's echo",
				{.src = "203.0.113.5",
						.dst = "198.51.100.9",
						.protocol = IPPROTO_ICMP,
						.sport = 0x0800},
				END_not_ours, 0},
		{"an echo to the service",
				{.src = "203.0.113.5",
						.dst = "198.51.100.1",
						.protocol = IPPROTO_ICMP,
						.sport = 0x0800},
				END_punted, 0},
		{"our own address, TCP",
				{.src = "203.0.113.5",
						.dst = "192.0.2.2",
						.protocol = IPPROTO_TCP,
						.sport = 4000,
						.dport = 80,
						.seq = 1,
						.ack = 1,
						.flags = A},
				END_punted, 0},
		{"our own address, UDP over IPv6",
				{.src = "2001:db8:ffff::5",
						.dst = "2001:db8:1::2",
						.protocol = IPPROTO_UDP,
						.sport = 4000,
						.dport = 80},
				END_punted, 0},
		{"nobody's local port",
				{.src = "10.0.0.11",
						.dst = "10.0.0.3",
						.protocol = IPPROTO_TCP,
						.sport = 8080,
						.dport = 2000,
						.seq = 1,
						.ack = 1,
						.flags = A},
				END_no_flow, 0},
		{"a local port below all",
				{.src = "10.0.0.11",
						.dst = "10.0.0.3",
						.protocol = IPPROTO_UDP,
						.sport = 8080,
						.dport = 53},
				END_no_flow, 0},
		{"nobody's local port, IPv6",
				{.src = "fd00::11",
						.dst = "fd00::3",
						.protocol = IPPROTO_UDP,
						.sport = 8080,
						.dport = 2000},
				END_no_flow, 0},
};

static void
what_is_for_no_flow_ends_where_it_should(void **state)
{
	struct seen s;
	uint64_t before;
	size_t i;

	start(TCP4, "", "");
	/* An IPv6 service, for its address. */
	strcat(yaml,
			"  - {name: six, address: \"2001:db8::1\", protocol: udp, port: 80, "
			"forward: "
			"fullnat, endpoints: [{name: a, address: \"fd00::11\", port: 8080}]}\n");
	rig_reload(&rig, yaml);
	for (i = 0; i < sizeof(strays) / sizeof(strays[0]); i++) {
		before = rig_end(&rig, strays[i].end);
		send_in(OUT, &strays[i].spec);
		if (rig_end(&rig, strays[i].end) != before + 1)
			fail_msg("%s: not counted", strays[i].name);
		memset(&s, 0, sizeof(s));
		if (take(&s) != !!strays[i].answer || s.protocol != strays[i].answer)
			fail_msg("%s: answered by %u", strays[i].name, s.protocol);
		assert_true(!s.protocol || frame_sums_right(s.frame));
	}
	rig_stop(&rig);
}

static uint8_t *
file_read(const char *name, size_t *size)
{
	char path[512];
	FILE *in;
	uint8_t *b = malloc(1 << 20);

	snprintf(path, sizeof(path), "%s/tests/data/pcap/%s.pcap", getenv("SOURCE_ROOT"), name);
	in = fopen(path, "rb");
	assert_non_null(in);
	assert_non_null(b);
	*size = fread(b, 1, 1 << 20, in);
	fclose(in);
	return b;
}

static const char *const bad[] = {
		"bad_fragment",
		"bad_icmp",
		"bad_ip_header",
		"bad_ip_length",
		"bad_ip_source",
		"bad_ipv6_extension",
		"bad_l4_header",
		"bad_tcp_flags",
		"short_frame",
};

static enum packet_end
end_named(const char *name)
{
	unsigned e;

	for (e = 0; e < PACKET_END_COUNT; e++)
		if (strcmp(packet_end_name(e), name) == 0)
			return e;
	fail_msg("no counter '%s'", name);
	return 0;
}

static void
malformed_packets_end_under_their_name(void **state)
{
	uint64_t count;
	uint8_t *b;
	size_t i, at, size;
	uint32_t len;

	start(TCP4, "", "");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b = file_read(bad[i], &size);
		for (at = 24; at + 16 <= size; at += 16 + len) {
			memcpy(&len, b + at + 8, 4);
			count = rig_end(&rig, end_named(bad[i]));
			if (len >= sizeof(rig_mac))
				memcpy(b + at + 16, rig_mac, sizeof(rig_mac));
			rig_feed(&rig, OUT, 0, b + at + 16, len);
			rig_run(&rig);
			if (rig_end(&rig, end_named(bad[i])) != count + 1)
				fail_msg("%s: frame at %zu", bad[i], at);
		}
		free(b);
	}
	assert_int_equal(rig_flows(&rig), 0);
	rig_stop(&rig);
}

static uint16_t fragment_lanes = 1;

/* The IPv4 packet in `f` as fragments of `size` bytes of payload, on so many lanes in turn. */
static void
feed_fragments(const struct frame *f, uint32_t size, bool backwards, bool without_last)
{
	static struct frame g;
	uint32_t total = f->len - 34, n = (total + size - 1) / size, i, k, len;

	for (i = 0; i < n - without_last; i++) {
		k = backwards ? n - 1 - i : i;
		len = k == n - 1 ? total - k * size : size;
		memcpy(g.b, f->b, 34);
		memcpy(g.b + 34, f->b + 34 + k * size, len);
		frame_put16(g.b + 16, 20 + len);
		frame_put16(g.b + 20, k * size / 8 | (k == n - 1 ? 0 : 0x2000));
		frame_put16(g.b + 24, 0);
		frame_put16(g.b + 24, frame_fold(frame_sum(g.b + 14, 20, 0)));
		rig_feed(&rig, OUT, (uint16_t)(i % fragment_lanes), g.b,
				RTE_MAX(34 + len, 60u)); /* padded as on a wire */
	}
	rig_run(&rig);
}

/* Puts together what was sent. */
static uint32_t
take_fragments(struct frame *out, uint32_t *count)
{
	const struct rig_sent *s;
	uint32_t len = 0, offset, n;

	for (*count = 0; (s = rig_take(&rig)); (*count)++) {
		assert_true(s->len <= 1514);
		assert_int_equal(frame_fold(frame_sum(s->frame + 14, 20, 0)), 0);
		if (*count == 0)
			memcpy(out->b, s->frame, 34);
		offset = (frame_get16(s->frame + 20) & 0x1fffu) * 8;
		n = frame_get16(s->frame + 16) - 20u;
		memcpy(out->b + 34 + offset, s->frame + 34, n);
		len += n;
	}
	out->len = 34 + len;
	frame_put16(out->b + 16, 20 + len);
	frame_put16(out->b + 20, 0);
	frame_put16(out->b + 24, 0);
	frame_put16(out->b + 24, frame_fold(frame_sum(out->b + 14, 20, 0)));
	return len;
}

static void
fragments_are_put_together_and_split_again(void **state)
{
	static struct frame f, out;
	struct frame_spec spec = from_client(UDP4, 4000, A, 0, 0);
	uint32_t n;
	int i;

	start(UDP4, "", "");
	spec.payload_len = 4000;
	for (i = 0; i < 2; i++) {
		frame_make(&spec, &f);
		frame_put16(f.b + 18, 77 + (uint32_t)i);
		feed_fragments(&f, 1480, i, false);
		assert_int_equal(take_fragments(&out, &n), 4008);
		assert_int_equal(n, 3);
		assert_true(frame_sums_right(out.b)); /* of the whole datagram, rewritten */
		assert_int_equal(frame_get16(out.b + 36), 8080);
	}
	assert_int_equal(rig_counters(&rig).reassembled, 2);
	assert_int_equal(rig_counters(&rig).fragmented, 2);
	assert_int_equal(rig_counters(&rig).forwarded, 2);
	assert_int_equal(rig_counters(&rig).generated, 4);
	assert_int_equal(rig_end(&rig, END_fragment_held), 4);
	/* One that fits is sent whole. */
	spec.payload_len = 1000;
	frame_make(&spec, &f);
	feed_fragments(&f, 504, false, false);
	assert_int_equal(take_fragments(&out, &n), 1008);
	assert_int_equal(n, 1);
	assert_true(frame_sums_right(out.b));
	rig_stop(&rig);
}

static void
fragments_that_stay_alone_time_out(void **state)
{
	static struct frame f;
	struct frame_spec spec = from_client(UDP4, 4000, A, 0, 0);

	start(UDP4, "", "");
	spec.payload_len = 4000;
	frame_make(&spec, &f);
	feed_fragments(&f, 1480, false, true);
	rig_wait(&rig, 500);
	assert_int_equal(rig_end(&rig, END_fragment_timeout), 0);
	rig_wait(&rig, 1000);
	assert_int_equal(rig_end(&rig, END_fragment_timeout), 2);
	assert_null(rig_take(&rig));
	rig_stop(&rig);
}

static void
what_is_too_big_is_told_or_split(void **state)
{
	static struct frame f, out;
	struct seen s;
	struct frame_spec spec;
	uint32_t n;
	int v6;

	for (v6 = 0; v6 < 2; v6++) {
		const struct mode *m = v6 ? UDP6 : UDP4;

		rig_start(&rig,
				&(struct rig_options){
						.yaml = config_of(m, "", ""), .mtu = {1500, 1300}});
		spec = from_client(m, 4000, A, 0, 0);
		spec.payload_len = 1400;
		frame_make(&spec, &f);
		if (!v6) {
			frame_put16(f.b + 20, 0x4000);
			frame_seal(f.b + 14, f.len - 14, f.b + 34, IPPROTO_UDP);
		}
		rig_feed(&rig, OUT, 0, f.b, f.len);
		rig_run(&rig);
		assert_true(take(&s));
		assert_int_equal(s.device, OUT);
		assert_int_equal(s.l4[0], v6 ? 2 : 3);
		assert_int_equal(s.l4[1], v6 ? 0 : 4);
		assert_int_equal(frame_get32(s.l4 + 4) & 0xffff, 1300);
		assert_true(frame_sums_right(s.frame));
		assert_int_equal(rig_end(&rig, END_too_big), 1);
		if (!v6) {
			frame_make(&spec, &f);
			rig_feed(&rig, OUT, 0, f.b, f.len + 7); /* something behind the packet */
			rig_run(&rig);
			assert_int_equal(take_fragments(&out, &n), 1408);
			assert_int_equal(n, 2);
			assert_true(frame_sums_right(out.b));
		}
		rig_stop(&rig);
	}
}

static void
feed_lane(uint16_t device, uint16_t lane, const struct frame_spec *spec)
{
	static struct frame f;

	frame_make(spec, &f);
	rig_feed(&rig, device, lane, f.b, f.len);
	rig_run(&rig);
}

/* Port unreachable, from the endpoint, about what it saw. */
static void
feed_lane_error(const struct seen *s, const struct mode *m, uint16_t lane)
{
	struct frame_spec f = {.src = s->dst,
			.dst = s->src,
			.protocol = m->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.sport = m->v6 ? 0x0104 : 0x0303,
			.payload = s->frame + 14,
			.payload_len = m->v6 ? 60 : 40};

	feed_lane(IN, lane, &f);
}

/* One request and its answer, each on any lane. */
static void
exchange_anywhere(const struct mode *m, uint16_t sport, uint32_t n, uint16_t lanes)
{
	struct frame_spec f = from_client(m, sport, m->protocol == IPPROTO_TCP ? S : A, 1000, 0);
	struct seen s, out;

	feed_lane(OUT, (uint16_t)(n % lanes), &f);
	if (!take(&s))
		fail_msg("%s: lost on the way to the endpoint", m->name);
	assert_true(went_to(&s, "a"));
	if (is_dsr(m))
		return;
	f = answer_to(&s, m->protocol == IPPROTO_TCP ? S | A : A, 5000, 1001);
	feed_lane(IN, (uint16_t)((n + n / lanes) % lanes), &f);
	if (!take(&out))
		fail_msg("%s: lost on the way back", m->name);
	assert_string_equal(out.dst, client(m->v6));
	assert_int_equal(out.dport, sport);
	/* An error about the request goes to where the flow is, too. */
	feed_lane_error(&s, m, (uint16_t)((n + 1) % lanes));
	if (!take(&out))
		fail_msg("%s: an error was lost", m->name);
	assert_string_equal(out.dst, client(m->v6));
}

struct lanes_case {
	const char *name;
	uint32_t lcores;
	uint16_t lanes;
};

static const struct lanes_case lanes[] = {
		{"2 lcores, a lane each", 2, 2},
		{"3 lcores, a lane each", 3, 3},
		{"3 lcores, one lane", 3, 1},
		{"3 lcores, two lanes", 3, 2},
};

static void
packets_on_the_wrong_lcore_find_their_flow(void **state)
{
	uint32_t i, round, used;
	size_t m, c;

	for (c = 0; c < sizeof(lanes) / sizeof(lanes[0]); c++) {
		for (m = 0; m < MODES; m++) {
			rig_start(&rig,
					&(struct rig_options){.yaml = config_of(&modes[m], "", ""),
							.lcores = lanes[c].lcores,
							.lanes = lanes[c].lanes});
			for (round = 0; round < 3; round++)
				for (i = 0; i < 48; i++)
					exchange_anywhere(&modes[m], (uint16_t)(4000 + i),
							i + round, lanes[c].lanes);
			assert_int_equal(rig_flows(&rig), 48);
			for (i = 0, used = 0; i < lanes[c].lcores; i++)
				used += rig.d->lcore[i]->flows.free_count != 4096;
			assert_int_equal(used, lanes[c].lcores);
			assert_true(rig_counters(&rig).handed_over_in > 0);
			rig_stop(&rig);
		}
	}
}

static void
fragments_on_different_lcores_meet(void **state)
{
	static struct frame f, out;
	struct frame_spec spec = from_client(UDP4, 4000, A, 0, 0);
	uint32_t n, i;

	rig_start(&rig, &(struct rig_options){.yaml = config_of(UDP4, "", ""), .lcores = 3});
	spec.payload_len = 2000;
	fragment_lanes = 3;
	for (i = 0; i < 24; i++) {
		spec.sport = (uint16_t)(4000 + i);
		frame_make(&spec, &f);
		frame_put16(f.b + 18, i);
		feed_fragments(&f, 1480, i & 1, false);
		assert_int_equal(take_fragments(&out, &n), 2008);
		assert_true(frame_sums_right(out.b));
	}
	assert_true(rig_counters(&rig).handed_over_in > 0);
	fragment_lanes = 1;
	rig_stop(&rig);
}

static int
set_up(void **state)
{
	return rig_eal_init("ingress");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(vlan_tags_are_taken_off_and_put_on),
			cmocka_unit_test(unknown_vlans_are_counted),
			cmocka_unit_test(what_is_for_no_flow_ends_where_it_should),
			cmocka_unit_test(malformed_packets_end_under_their_name),
			cmocka_unit_test(fragments_are_put_together_and_split_again),
			cmocka_unit_test(fragments_that_stay_alone_time_out),
			cmocka_unit_test(what_is_too_big_is_told_or_split),
			cmocka_unit_test(packets_on_the_wrong_lcore_find_their_flow),
			cmocka_unit_test(fragments_on_different_lcores_meet),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
