/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets through the forwarding cores, by forwarding mode, family and protocol: what leaves, where, and what is
 * counted. rig_stop checks after each test that every packet was sent or ended once, and no buffer is missing.
 */
#include "talk.h"

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
		{"dsr-l2, IPv4, UDP", "dsr-l2", false, IPPROTO_UDP},
		{"dsr-l2, IPv6, TCP", "dsr-l2", true, IPPROTO_TCP},
		{"dsr-l2, IPv6, UDP", "dsr-l2", true, IPPROTO_UDP},
};

#define MODES (sizeof(modes) / sizeof(modes[0]))

static void
check_request(const struct mode *m, const struct seen *s)
{
	assert_int_equal(s->device, IN);
	assert_true(went_to(s, "a"));
	assert_true(frame_sums_right(s->frame));
	assert_string_equal(s->src, is_fullnat(m) ? local(m->v6) : client(m->v6));
	assert_string_equal(s->dst, is_dsr(m) ? service(m->v6) : m->v6 ? "fd00::11" : "10.0.0.11");
	assert_int_equal(s->dport, is_dsr(m) ? 80 : 8080);
	if (!is_fullnat(m))
		assert_int_equal(s->sport, 4000);
	assert_int_equal(s->ttl, is_dsr(m) ? 64 : 63);
}

static void
check_answer(const struct mode *m, const struct seen *s)
{
	assert_int_equal(s->device, OUT);
	assert_true(frame_sums_right(s->frame));
	assert_string_equal(s->src, service(m->v6));
	assert_string_equal(s->dst, client(m->v6));
	assert_int_equal(s->sport, 80);
	assert_int_equal(s->dport, 4000);
	assert_int_equal(s->ttl, 63);
	assert_memory_equal(s->frame, "\2\0\0\0\0\2", 6); /* where the client's came from */
}

static void
packets_cross_both_ways(void **state)
{
	const struct mode *m = *state;
	struct seen s, out;
	struct frame_spec f;
	int i;

	start(m, "", "");
	s = begin(m, 4000);
	check_request(m, &s);
	for (i = 0; i < 3; i++) {
		f = i ? answer_to(&s, A, 5001, 1001) : answer_to(&s, S | A, 5000, 1001);
		if (!is_dsr(m)) {
			send_in(IN, &f);
			assert_true(take(&out));
			check_answer(m, &out);
		}
		f = from_client(m, 4000, A, 1001, 5001);
		send_in(OUT, &f);
		assert_true(take(&out));
		check_request(m, &out);
		assert_int_equal(out.sport, s.sport);
	}
	assert_false(take(&out));
	assert_int_equal(rig_flows(&rig), 1);
	assert_int_equal(rig_counters(&rig).flows_created, 1);
	assert_int_equal(rig_flow(&rig)->track.state,
			m->protocol == IPPROTO_TCP  ? FLOW_ESTABLISHED
					: is_dsr(m) ? FLOW_UNANSWERED
						    : FLOW_ANSWERED);
	rig_stop(&rig);
}

static void
flows_stay_while_the_shift_moves(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f;
	struct seen s;
	int share, i, n;

	start(m, "", "");
	for (share = 0, n = 0; share <= 4; share++) {
		assert_int_equal(registry_set_shift(rig.registry, rig_endpoint(&rig, "web", "a"),
						 (uint32_t)share * SHARE_ONE / 4, SETTING_RUNTIME),
				0);
		rig_publish(&rig);
		for (i = 0, n = 0; i < 256; i++) {
			s = begin(m, (uint16_t)(10000 + share * 256 + i));
			n += went_to(&s, "s");
		}
		if (share == 0)
			assert_int_equal(n, 0);
		else if (share == 4)
			assert_int_equal(n, 256);
		else
			assert_in_range(n, share * 64 - 40, share * 64 + 40);
		rig_forget(&rig);
	}
	/* The ones of share 0 are still where they were. */
	for (i = 0; i < 256; i++) {
		f = from_client(m, (uint16_t)(10000 + i), A, 1001, 5001);
		send_in(OUT, &f);
		assert_true(take(&s));
		assert_true(went_to(&s, "a"));
	}
	rig_stop(&rig);
}

/* The same client at growing shares: once on the shadow, always on the shadow. */
static void
a_growing_shift_only_adds(void **state)
{
	const struct mode *m = *state;
	bool before[64] = {false}, now;
	struct seen s;
	int share, i;

	for (share = 0; share <= 8; share++) {
		start(m, "", "");
		assert_int_equal(registry_set_shift(rig.registry, rig_endpoint(&rig, "web", "a"),
						 (uint32_t)share * SHARE_ONE / 8, SETTING_RUNTIME),
				0);
		rig_publish(&rig);
		for (i = 0; i < 64; i++) {
			s = begin(m, (uint16_t)(20000 + i));
			now = went_to(&s, "s");
			assert_true(now || !before[i]);
			before[i] = now;
		}
		rig_stop(&rig);
	}
}

static void
a_cohort_goes_to_its_side(void **state)
{
	const struct mode *m = *state;
	struct seen s;
	int i;

	start(m,
			m->v6 ? "cohorts: [{source: \"2001:db8:ffff::/48\", side: shadow}]"
			      : "cohorts: [{source: 203.0.113.0/24, side: shadow}]",
			"");
	for (i = 0; i < 16; i++) {
		s = begin(m, (uint16_t)(4000 + i));
		assert_true(went_to(&s, "s"));
	}
	rig_stop(&rig);
}

static void
an_endpoint_that_goes_down_loses_its_flows(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f;
	struct seen s, out;

	start(m, "", "");
	s = establish(m, 4000);
	rig_forget(&rig);
	rig_health(&rig, "web", "a", false);
	if (m->protocol == IPPROTO_TCP) {
		assert_true(take(&out)); /* at once, without a packet */
		assert_int_equal(out.device, OUT);
		assert_string_equal(out.dst, client(m->v6));
		assert_string_equal(out.src, service(m->v6));
		assert_int_equal(out.sport, 80);
		assert_int_equal(out.dport, 4000);
		assert_true(out.flags & R);
		assert_true(frame_sums_right(out.frame));
		assert_int_equal(out.seq, 5001); /* what the client expects next */
		assert_true(take(&out));
		assert_true(went_to(&out, "a"));
		assert_true(out.flags & R);
		assert_true(frame_sums_right(out.frame));
		assert_int_equal(out.seq, 1033);
		assert_int_equal(rig_flows(&rig), 0);
		assert_int_equal(rig_counters(&rig).flows_reset, 1);
	} else {
		assert_false(take(&out));
		f = from_client(m, 4000, A, 0, 0);
		send_in(OUT, &f);
		assert_true(take(&out));
		assert_true(went_to(&out, "s"));
		if (is_fullnat(m))
			assert_int_not_equal(out.sport, s.sport);
		assert_int_equal(rig_counters(&rig).flows_moved, 1);
	}
	s = begin(m, 4001);
	assert_true(went_to(&s, "s"));
	rig_stop(&rig);
}

static void
down_keep_leaves_tcp_alone(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f;
	struct seen s;

	if (m->protocol == IPPROTO_UDP)
		return;
	start(m, "down: keep", "");
	establish(m, 4000);
	rig_forget(&rig);
	rig_health(&rig, "web", "a", false);
	rig_wait(&rig, 2000);
	assert_false(take(&s));
	f = from_client(m, 4000, A, 1033, 5001);
	send_in(OUT, &f);
	assert_true(take(&s));
	assert_true(went_to(&s, "a"));
	s = begin(m, 4001);
	assert_true(went_to(&s, "s"));
	rig_stop(&rig);
}

static void
drain_takes_no_new_flows_and_keeps_the_old(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f;
	struct seen s;

	start(m, "", "");
	establish(m, 4000);
	registry_set_drain(rig.registry, rig_endpoint(&rig, "web", "a"), true, SETTING_RUNTIME);
	rig_publish(&rig);
	s = begin(m, 4001);
	assert_true(went_to(&s, "s"));
	f = from_client(m, 4000, A, 1033, 5001);
	send_in(OUT, &f);
	assert_true(take(&s));
	assert_true(went_to(&s, "a"));
	rig_stop(&rig);
}

static void
a_reload_that_removes_an_endpoint_loses_no_flow(void **state)
{
	const struct mode *m = *state;
	const char *a = strstr(config_of(m, "", ""), "      - {name: a");
	uint32_t eid;
	struct frame_spec f;
	struct seen s, out;
	char *cut;

	assert_non_null(a);
	start(m, "", "");
	eid = rig_endpoint(&rig, "web", "a")->eid;
	s = establish(m, 4000);
	rig_forget(&rig);
	cut = strstr(yaml, "      - {name: a");
	memmove(cut, strchr(cut, '\n') + 1, strlen(strchr(cut, '\n') + 1) + 1);
	memcpy(strstr(yaml, "weight: 0"), "weight: 9", 9);
	rig_reload(&rig, yaml);
	rig_wait(&rig, 2000);
	assert_false(take(&out));
	f = from_client(m, 4000, A, 1033, 5001);
	send_in(OUT, &f);
	assert_true(take(&out));
	assert_int_equal(eid_seen(&out), eid);
	assert_int_equal(out.sport, s.sport);
	if (!is_dsr(m)) {
		f = answer_to(&s, A, 5001, 1033);
		send_in(IN, &f);
		assert_true(take(&out));
		check_answer(m, &out);
	}
	s = begin(m, 4001);
	assert_true(went_to(&s, "s"));
	rig_stop(&rig);
}

static void
mid_stream_is_adopted_or_reset(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f = from_client(m, 4000, A, 7777, 8888);
	struct seen s;

	if (m->protocol == IPPROTO_UDP)
		return;
	start(m, is_fullnat(m) ? "" : "adopt: true", "");
	send_in(OUT, &f);
	assert_true(take(&s));
	if (is_fullnat(m)) {
		assert_int_equal(s.device, OUT);
		assert_int_equal(s.flags, R);
		assert_int_equal(s.seq, 8888);
		assert_true(frame_sums_right(s.frame));
		assert_int_equal(rig_end(&rig, END_no_flow), 1);
		assert_int_equal(rig_flows(&rig), 0);
	} else {
		check_request(m, &s);
		assert_int_equal(rig_counters(&rig).flows_adopted, 1);
		assert_int_equal(rig_flow(&rig)->track.state, FLOW_ESTABLISHED);
	}
	rig_stop(&rig);
}

static void
mid_stream_without_adopt_is_reset(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f = from_client(m, 4000, A, 7777, 8888);
	struct seen s;

	if (m->protocol == IPPROTO_UDP)
		return;
	start(m, "", "");
	send_in(OUT, &f);
	assert_true(take(&s));
	assert_int_equal(s.flags, R);
	f = from_client(m, 4000, R, 7777, 0);
	send_in(OUT, &f);
	assert_false(take(&s)); /* a reset is not answered */
	assert_int_equal(rig_end(&rig, END_no_flow), 2);
	rig_stop(&rig);
}

static void
a_syn_reuses_a_closing_5_tuple(void **state)
{
	const struct mode *m = *state;
	struct seen s, t;
	struct frame_spec f;

	if (m->protocol == IPPROTO_UDP)
		return;
	start(m, "", "");
	s = establish(m, 4000);
	f = from_client(m, 4000, R, 1033, 0);
	send_in(OUT, &f);
	assert_true(take(&t));
	assert_int_equal(rig_flow(&rig)->track.state, FLOW_CLOSING);
	f = from_client(m, 4000, S, 90000, 0);
	send_in(OUT, &f);
	assert_true(take(&t));
	check_request(m, &t);
	if (is_fullnat(m))
		assert_int_not_equal(t.sport, s.sport);
	assert_int_equal(rig_counters(&rig).flows_created, 2);
	assert_int_equal(rig_counters(&rig).flows_closed, 1);
	assert_int_equal(rig_flows(&rig), 1);
	rig_stop(&rig);
}

static void
flows_end_by_the_timeout_of_their_state(void **state)
{
	const struct mode *m = *state;
	bool tcp = m->protocol == IPPROTO_TCP;

	start(m, "", "");
	begin(m, 4000);
	rig_wait(&rig, 8000);
	assert_int_equal(rig_flows(&rig), 1);
	rig_wait(&rig, 3500);
	assert_int_equal(rig_flows(&rig), 0);
	assert_int_equal(rig_counters(&rig).flows_expired, 1);
	establish(m, 4001);
	rig_wait(&rig, tcp ? 60000 : 9000);
	assert_int_equal(rig_flows(&rig), 1);
	rig_wait(&rig, tcp ? 900000 : 2500);
	assert_int_equal(rig_flows(&rig), 0);
	rig_stop(&rig);
}

static void
the_last_hop_is_told(void **state)
{
	const struct mode *m = *state;
	static struct frame f;
	struct frame_spec spec = from_client(m, 4000, S, 1000, 0);
	struct seen s, out;
	int i;

	start(m, "", "");
	frame_make(&spec, &f);
	f.b[m->v6 ? 21 : 22] = 1;
	frame_seal(f.b + 14, f.len - 14, f.b + (m->v6 ? 54 : 34), m->protocol);
	for (i = 0; i < 2; i++) { /* without and with a flow */
		rig_feed(&rig, OUT, 0, f.b, f.len);
		rig_run(&rig);
		assert_true(take(&out));
		if (is_dsr(m)) {
			assert_true(went_to(&out, "a")); /* no hop of IP's */
			assert_int_equal(out.ttl, 1);
		} else {
			assert_int_equal(out.device, OUT);
			assert_int_equal(out.protocol, m->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
			assert_int_equal(out.l4[0], m->v6 ? 3 : 11);
			assert_int_equal(rig_end(&rig, END_ttl_expired), i ? 2 : 1);
		}
		if (i == 0)
			s = begin(m, 4000);
	}
	if (!is_dsr(m)) { /* and the endpoint, of its answer */
		spec = answer_to(&s, S | A, 5000, 1001);
		frame_make(&spec, &f);
		f.b[m->v6 ? 21 : 22] = 1;
		frame_seal(f.b + 14, f.len - 14, f.b + (m->v6 ? 54 : 34), m->protocol);
		rig_feed(&rig, IN, 0, f.b, f.len);
		rig_run(&rig);
		assert_true(take(&out));
		assert_int_equal(out.device, IN);
		assert_int_equal(out.l4[0], m->v6 ? 3 : 11);
		assert_int_equal(rig_end(&rig, END_ttl_expired), 3);
	}
	rig_stop(&rig);
}

static void
icmp_errors_cross_both_ways(void **state)
{
	const struct mode *m = *state;
	struct seen s, out, in;
	struct frame_spec f;
	struct event event[4];

	start(m, "", "");
	s = establish(m, 4000);
	if (!is_dsr(m)) {
		feed_icmp(IN,
				&(struct icmp_spec){s.dst, s.src, m->v6 ? 1 : 3, m->v6 ? 4 : 3, 0,
						s.frame + 14, m->v6 ? 60 : 40});
		assert_true(take(&out));
		assert_int_equal(out.device, OUT);
		assert_string_equal(out.src, service(m->v6));
		assert_string_equal(out.dst, client(m->v6));
		assert_true(frame_sums_right(out.frame));
		quoted(&out, m->v6, &in);
		assert_string_equal(in.src, client(m->v6));
		assert_string_equal(in.dst, service(m->v6));
		assert_int_equal(in.sport, 4000);
		assert_int_equal(in.dport, 80);
		assert_int_equal(dataplane_events(rig.d, event, 4), 1);
		assert_int_equal(event[0].type, EVENT_UNREACHABLE);
		assert_int_equal(event[0].eid, rig_endpoint(&rig, "web", "a")->eid);
		assert_int_equal(rig_leg(&rig, event[0].eid, LEG_SERVER).unreachable, 1);
	}
	/* About the answer, from a router on the client's side. */
	f = (struct frame_spec){.src = service(m->v6),
			.dst = client(m->v6),
			.protocol = m->protocol,
			.sport = 80,
			.dport = 4000,
			.flags = A,
			.payload_len = 32};
	{
		static struct frame answer;

		frame_make(&f, &answer);
		feed_icmp(OUT,
				&(struct icmp_spec){m->v6 ? "2001:db8:2::9" : "192.0.2.9",
						service(m->v6), m->v6 ? 2 : 3, m->v6 ? 0 : 4, 1300,
						answer.b + 14, m->v6 ? 60 : 40});
	}
	assert_true(take(&out));
	assert_true(went_to(&out, "a"));
	assert_true(frame_sums_right(out.frame));
	quoted(&out, m->v6, &in);
	assert_string_equal(in.src, s.dst);
	assert_string_equal(in.dst, s.src);
	assert_int_equal(in.sport, s.dport);
	assert_int_equal(in.dport, s.sport);
	assert_int_equal(frame_get32(out.l4 + 4) & 0xffff, 1300);
	assert_false(take(&out));
	rig_stop(&rig);
}

static void
an_icmp_error_does_not_leave_with_ttl_zero(void **state)
{
	const struct mode *m = *state;
	static struct frame f;
	struct seen s, out;
	struct frame_spec spec;

	if (is_dsr(m))
		return;
	start(m, "", "");
	s = establish(m, 4000);
	spec = (struct frame_spec){.src = s.dst,
			.dst = s.src,
			.protocol = m->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.sport = m->v6 ? 0x0104 : 0x0303,
			.payload = s.frame + 14,
			.payload_len = m->v6 ? 60 : 40};
	frame_make(&spec, &f);
	f.b[m->v6 ? 21 : 22] = 1;
	frame_seal(f.b + 14, f.len - 14, f.b + (m->v6 ? 54 : 34), spec.protocol);
	rig_feed(&rig, IN, 0, f.b, f.len);
	rig_run(&rig);
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_ttl_expired), 1);
	rig_stop(&rig);
}

static void
requests_are_copied_and_the_shadows_answers_swallowed(void **state)
{
	const struct mode *m = *state;
	uint32_t shadow;
	struct seen s, copy, out;
	struct frame_spec f;

	if (m->protocol == IPPROTO_TCP)
		return;
	start(m, "mirror: {fraction: 100%, shadows: 1}", "");
	shadow = rig_endpoint(&rig, "web", "s")->eid;
	s = begin(m, 4000);
	check_request(m, &s);
	assert_true(take(&copy));
	assert_true(went_to(&copy, "s"));
	assert_string_equal(copy.src, local(m->v6));
	assert_string_equal(copy.dst, m->v6 ? "fd00::21" : "10.0.0.21");
	assert_int_equal(copy.dport, is_dsr(m) ? 80 : 8080);
	assert_true(frame_sums_right(copy.frame));
	if (is_fullnat(m))
		assert_int_equal(copy.sport, s.sport);
	f = answer_to(&copy, A, 0, 0);
	send_in(IN, &f);
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_shadow_reply), 1);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SHADOW).packets_to, 1);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SHADOW).packets_from, 1);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SHADOW).replies, 1);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SERVER).packets_to, 0);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SHADOW).answers_different, 0);
	assert_int_equal(rig_counters(&rig).mirrored, 1);

	rig_health(&rig, "web", "s", false);
	s = begin(m, 4000);
	assert_false(take(&copy));
	assert_int_equal(rig_counters(&rig).mirror_shadow_down, 1);
	rig_stop(&rig);
}

static void
shift_to(uint32_t share)
{
	assert_int_equal(registry_set_shift(rig.registry, rig_endpoint(&rig, "web", "a"), share,
					 SETTING_RUNTIME),
			0);
	rig_publish(&rig);
}

static void
a_flow_that_a_shift_took_is_copied_home(void **state)
{
	const struct mode *m = *state;
	struct leg_counters leg;
	struct seen s, copy, out;
	struct frame_spec f;
	uint32_t primary;

	if (m->protocol == IPPROTO_TCP)
		return;
	start(m, "mirror: {fraction: 100%, shadows: 1}", "");
	primary = rig_endpoint(&rig, "web", "a")->eid;
	shift_to(SHARE_ONE);
	s = begin(m, 4000);
	assert_true(went_to(&s, "s"));
	assert_true(take(&copy));
	assert_true(went_to(&copy, "a"));
	assert_string_equal(copy.src, local(m->v6));
	assert_string_equal(copy.dst, m->v6 ? "fd00::11" : "10.0.0.11");
	assert_int_equal(copy.dport, is_dsr(m) ? 80 : 8080);
	assert_true(frame_sums_right(copy.frame));
	if (!is_dsr(m)) {
		f = answer_to(&s, A, 0, 0);
		send_in(IN, &f);
		assert_true(take(&out));
		assert_int_equal(out.device, OUT);
	}
	f = answer_to(&copy, A, 0, 0);
	send_in(IN, &f);
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_shadow_reply), 1);
	leg = rig_leg(&rig, primary, LEG_SHADOW);
	assert_int_equal(leg.packets_to, 1);
	assert_int_equal(leg.replies, 1);
	assert_int_equal(leg.answers_same, is_dsr(m) ? 0 : 1);
	assert_int_equal(rig_leg(&rig, primary, LEG_SERVER).packets_to, 0);

	/* Some of its clients come back: no copies any more, of this flow and of others. */
	shift_to(SHARE_ONE / 2);
	f = from_client(m, 4000, A, 0, 0);
	send_in(OUT, &f);
	assert_true(take(&out));
	assert_true(went_to(&out, "s"));
	assert_false(take(&out));
	assert_int_equal(rig_leg(&rig, primary, LEG_SHADOW).packets_to, 1);
	rig_stop(&rig);
}

static void
nothing_is_copied_home_against_the_configuration(void **state)
{
	const struct mode *m = *state;
	struct seen s, copy;

	if (m->protocol == IPPROTO_TCP)
		return;
	start(m, "mirror: {fraction: 100%, to_primary: false}", "");
	shift_to(SHARE_ONE);
	s = begin(m, 4000);
	assert_true(went_to(&s, "s"));
	assert_false(take(&copy));
	rig_stop(&rig);
}

static void
a_primary_that_is_down_gets_no_copies(void **state)
{
	const struct mode *m = *state;
	struct seen s, copy;

	if (m->protocol == IPPROTO_TCP)
		return;
	start(m, "mirror: {fraction: 100%}", "");
	shift_to(SHARE_ONE);
	rig_health(&rig, "web", "a", false);
	s = begin(m, 4000);
	assert_true(went_to(&s, "s"));
	assert_false(take(&copy));
	assert_int_equal(rig_counters(&rig).mirror_shadow_down, 1);
	rig_stop(&rig);
}

/* Answers of the primary, then of its shadow, to one request. */
static void
both_answer(const struct mode *m, uint16_t sport, const uint8_t *primary, const uint8_t *other)
{
	struct seen s = begin(m, sport), copy, out;
	struct frame_spec f;

	assert_true(take(&copy));
	f = answer_to(&s, A, 0, 0);
	f.payload = primary;
	send_in(IN, &f);
	assert_true(take(&out));
	f = answer_to(&copy, A, 0, 0);
	f.payload = other;
	send_in(IN, &f);
	assert_false(take(&out));
}

static void
a_primary_that_fails_is_no_measure_of_its_shadow(void **state)
{
	static const uint8_t right[48] = {0, 7, 0x80, 0}, wrong[48] = {0, 7, 0x80, 3},
			     failed[48] = {0, 7, 0x80, 2};
	const struct mode *m = *state;
	struct leg_counters leg;
	uint32_t shadow;

	if (m->protocol == IPPROTO_TCP || is_dsr(m))
		return;
	start(m, "mirror: {fraction: 100%, shadows: 1}\n    replies: dns", "");
	shadow = rig_endpoint(&rig, "web", "s")->eid;
	both_answer(m, 4000, failed, right);
	leg = rig_leg(&rig, shadow, LEG_SHADOW);
	assert_int_equal(leg.answers_same + leg.answers_different, 0);
	both_answer(m, 4000, right, failed);
	both_answer(m, 4000, right, wrong);
	both_answer(m, 4000, right, right);
	leg = rig_leg(&rig, shadow, LEG_SHADOW);
	assert_int_equal(leg.answers_same, 1);
	assert_int_equal(leg.answers_different, 2);
	rig_stop(&rig);
}

static void
nobody_up_is_told(void **state)
{
	const struct mode *m = *state;
	struct frame_spec f = from_client(m, 4000, S, 1000, 0);
	struct seen s;

	start(m, "", "");
	rig_health(&rig, "web", "a", false);
	rig_health(&rig, "web", "s", false);
	send_in(OUT, &f);
	assert_true(take(&s));
	assert_int_equal(s.device, OUT);
	if (m->protocol == IPPROTO_TCP)
		assert_int_equal(s.flags, R | A);
	else
		assert_int_equal(s.l4[0], m->v6 ? 1 : 3);
	assert_int_equal(rig_end(&rig, END_no_endpoint), 1);
	rig_stop(&rig);
}

static int
set_up(void **state)
{
	return rig_eal_init("forward");
}

struct mode_test {
	const char *name;
	CMUnitTestFunction function;
};

#define TEST(f)       \
	{             \
#f, f \
	}

static const struct mode_test mode_tests[] = {
		TEST(packets_cross_both_ways),
		TEST(flows_stay_while_the_shift_moves),
		TEST(a_growing_shift_only_adds),
		TEST(a_cohort_goes_to_its_side),
		TEST(an_endpoint_that_goes_down_loses_its_flows),
		TEST(down_keep_leaves_tcp_alone),
		TEST(drain_takes_no_new_flows_and_keeps_the_old),
		TEST(a_reload_that_removes_an_endpoint_loses_no_flow),
		TEST(mid_stream_is_adopted_or_reset),
		TEST(mid_stream_without_adopt_is_reset),
		TEST(a_syn_reuses_a_closing_5_tuple),
		TEST(flows_end_by_the_timeout_of_their_state),
		TEST(the_last_hop_is_told),
		TEST(icmp_errors_cross_both_ways),
		TEST(an_icmp_error_does_not_leave_with_ttl_zero),
		TEST(requests_are_copied_and_the_shadows_answers_swallowed),
		TEST(a_primary_that_fails_is_no_measure_of_its_shadow),
		TEST(a_flow_that_a_shift_took_is_copied_home),
		TEST(nothing_is_copied_home_against_the_configuration),
		TEST(a_primary_that_is_down_gets_no_copies),
		TEST(nobody_up_is_told),
};

#define MODE_TESTS (sizeof(mode_tests) / sizeof(mode_tests[0]))

int
main(void)
{
	static struct CMUnitTest tests[MODES * MODE_TESTS];
	static char names[MODES * MODE_TESTS][128];
	size_t i, j, n = 0;

	for (i = 0; i < MODE_TESTS; i++) {
		for (j = 0; j < MODES; j++, n++) {
			snprintf(names[n], sizeof(names[n]), "%s (%s)", mode_tests[i].name,
					modes[j].name);
			tests[n] = (struct CMUnitTest){.name = names[n],
					.test_func = mode_tests[i].function,
					.initial_state = (void *)(uintptr_t)&modes[j]};
		}
	}
	return cmocka_run_group_tests(tests, set_up, NULL);
}
