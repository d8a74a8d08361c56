/* SPDX-License-Identifier: Apache-2.0 */
/* Flows: how they begin, what there is not enough of, and how they end. */
#include "talk.h"

#include <stdlib.h>

static const struct mode fullnat_tcp = {"", "fullnat", false, IPPROTO_TCP},
			 fullnat_udp = {"", "fullnat", false, IPPROTO_UDP},
			 nat_udp = {"", "nat", false, IPPROTO_UDP};

static void
start_with(const struct mode *m, const char *more, uint32_t flows)
{
	rig_start(&rig, &(struct rig_options){.yaml = config_of(m, more, ""), .flows = flows});
}

static const char *
range_config(const struct mode *m)
{
	snprintf(yaml, sizeof(yaml),
			"%s  - {name: web, address: 198.51.100.1, protocol: udp, port: 5000-5010, "
			"forward: %s, endpoints: [{name: a, address: 10.0.0.11}]}\n",
			HEAD, m->forward);
	return yaml;
}

static void
a_range_keeps_the_port(void **state)
{
	static const char *const forwards[] = {"fullnat", "nat", "dsr-l2"};
	struct mode m = fullnat_udp;
	struct frame_spec f, answer;
	struct seen s, out;
	size_t i;

	for (i = 0; i < 3; i++) {
		m.forward = forwards[i];
		rig_start(&rig, &(struct rig_options){.yaml = range_config(&m)});
		for (f = from_client(&m, 4000, A, 0, 0), f.dport = 5000; f.dport <= 5010;
				f.dport++) {
			send_in(OUT, &f);
			assert_true(take(&s));
			assert_int_equal(s.dport, f.dport);
			assert_true(frame_sums_right(s.frame));
			if (is_dsr(&m))
				continue;
			answer = answer_to(&s, A, 0, 0);
			send_in(IN, &answer);
			assert_true(take(&out));
			assert_int_equal(out.sport, f.dport);
			assert_string_equal(out.src, service(false));
		}
		f.dport = 5011;
		send_in(OUT, &f);
		assert_int_equal(rig_end(&rig, END_protocol_unknown), 1);
		rig_stop(&rig);
	}
}

static void
a_syn_sent_again_stays_with_its_flow(void **state)
{
	struct frame_spec f = from_client(&fullnat_tcp, 4000, S, 1000, 0);
	struct seen s, again;

	start_with(&fullnat_tcp, "", 0);
	s = begin(&fullnat_tcp, 4000);
	send_in(OUT, &f);
	assert_true(take(&again));
	assert_int_equal(again.sport, s.sport);
	f.seq = 9000; /* another connection */
	send_in(OUT, &f);
	assert_true(take(&again));
	assert_int_not_equal(again.sport, s.sport);
	assert_int_equal(rig_flows(&rig), 1);
	rig_stop(&rig);
}

static void
a_refused_connect_is_told_at_once(void **state)
{
	struct event e[4];
	struct frame_spec f;
	struct seen s, out;

	start_with(&fullnat_tcp, "", 0);
	s = begin(&fullnat_tcp, 4000);
	f = answer_to(&s, R | A, 0, 1001);
	send_in(IN, &f);
	assert_true(take(&out));
	assert_true(out.flags & R);
	assert_int_equal(out.device, OUT);
	assert_int_equal(dataplane_events(rig.d, e, 4), 1);
	assert_int_equal(e[0].type, EVENT_REFUSED);
	assert_int_equal(e[0].eid, rig_endpoint(&rig, "web", "a")->eid);
	assert_int_equal(rig_flow(&rig)->track.state, FLOW_CLOSING);
	rig_stop(&rig);
}

static void
replies_that_could_be_anothers_are_refused(void **state)
{
	struct frame_spec f;
	struct seen s;

	config_of(&nat_udp, "", "");
	strcat(yaml,
			"  - {name: twin, address: 198.51.100.2, protocol: udp, port: 80, forward: "
			"nat,\n"
			"     endpoints: [{name: a, address: 10.0.0.11, port: 8080}]}\n");
	rig_start(&rig, &(struct rig_options){.yaml = yaml});
	s = begin(&nat_udp, 4000);
	f = from_client(&nat_udp, 4000, A, 0, 0);
	f.dst = "198.51.100.2";
	send_in(OUT, &f);
	assert_false(take(&s));
	assert_int_equal(rig_end(&rig, END_reply_collision), 1);
	assert_int_equal(rig_flows(&rig), 1);
	f.sport = 4001;
	send_in(OUT, &f);
	assert_true(take(&s));
	rig_stop(&rig);
}

static void
a_full_table_is_counted(void **state)
{
	struct frame_spec f;
	struct seen s;
	uint16_t i;

	start_with(&fullnat_udp, "", 16);
	for (i = 0; i < 16; i++)
		begin(&fullnat_udp, (uint16_t)(4000 + i));
	f = from_client(&fullnat_udp, 5000, A, 0, 0);
	send_in(OUT, &f);
	assert_false(take(&s));
	assert_int_equal(rig_end(&rig, END_flow_limit), 1);
	f = from_client(&fullnat_udp, 4003, A, 0, 0);
	send_in(OUT, &f);
	assert_true(take(&s));
	rig_stop(&rig);
}

static void
pressure_spares_established_flows(void **state)
{
	struct seen s;
	uint16_t i;

	start_with(&fullnat_tcp, "", 64);
	for (i = 0; i < 32; i++)
		establish(&fullnat_tcp, (uint16_t)(4000 + i));
	rig_forget(&rig);
	for (i = 0; i < 32; i++)
		begin(&fullnat_tcp, (uint16_t)(5000 + i));
	assert_int_equal(rig_flows(&rig), 64);
	rig_wait(&rig, 3000); /* half-open ones have 10 s otherwise */
	assert_in_range(rig_flows(&rig), 32, 63);
	assert_true(rig_counters(&rig).flows_evicted > 0);
	assert_int_equal(rig.d->lcore[0]->flows.by_state[FLOW_ESTABLISHED], 32);
	s = begin(&fullnat_tcp, 6000);
	assert_true(went_to(&s, "a"));
	rig_stop(&rig);
}

/* Three ports are left. */
static void
no_local_port_is_counted(void **state)
{
	struct local_ports *l;
	struct frame_spec f;
	struct seen s;
	uint16_t i;

	start_with(&fullnat_udp, "", 0);
	l = &rig.d->lcore[0]->local4;
	l->fresh[0] = l->ports - 3;
	for (i = 0; i < 3; i++)
		begin(&fullnat_udp, (uint16_t)(4000 + i));
	f = from_client(&fullnat_udp, 5000, A, 0, 0);
	send_in(OUT, &f);
	assert_false(take(&s));
	assert_int_equal(rig_end(&rig, END_no_local_port), 1);
	assert_int_equal(rig_flows(&rig), 3);
	/* They end after 10 s without an answer, and their ports rest for 5 s. */
	rig_wait(&rig, 11500);
	assert_int_equal(rig_flows(&rig), 0);
	send_in(OUT, &f);
	assert_false(take(&s));
	rig_wait(&rig, 5000);
	send_in(OUT, &f);
	assert_true(take(&s));
	rig_stop(&rig);
}

static void
a_late_answer_reaches_nobody(void **state)
{
	struct frame_spec f;
	struct seen s, other, out;

	start_with(&fullnat_udp, "", 0);
	s = begin(&fullnat_udp, 4000);
	rig_wait(&rig, 11500);
	assert_int_equal(rig_flows(&rig), 0);
	other = begin(&fullnat_udp, 4001); /* takes the flow's number, but not its port */
	assert_int_not_equal(other.sport, s.sport);
	f = answer_to(&s, A, 0, 0);
	send_in(IN, &f);
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_no_flow), 1);
	/* Nor does one from somewhere else to a port in use. */
	f = answer_to(&other, A, 0, 0);
	f.sport = 8081;
	send_in(IN, &f);
	f.sport = 8080;
	f.src = "10.0.0.12";
	send_in(IN, &f);
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_no_flow), 3);
	rig_stop(&rig);
}

static void
per_request_flows_end_with_their_answer(void **state)
{
	struct frame_spec f;
	struct seen s, t, out;

	start_with(&fullnat_udp, "per_request: true", 0);
	s = begin(&fullnat_udp, 4000);
	f = answer_to(&s, A, 0, 0);
	send_in(IN, &f);
	assert_true(take(&out));
	assert_int_equal(rig_flows(&rig), 0);
	assert_int_equal(rig_counters(&rig).flows_closed, 1);
	send_in(IN, &f); /* once more: too late */
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_no_flow), 1);
	/* Two requests from one port, as resolvers send A and AAAA: both are answered. */
	s = begin(&fullnat_udp, 4001);
	t = begin(&fullnat_udp, 4001);
	assert_int_equal(s.sport, t.sport);
	f = answer_to(&s, A, 0, 0);
	send_in(IN, &f);
	send_in(IN, &f);
	assert_true(take(&out));
	assert_true(take(&out));
	assert_int_equal(rig_flows(&rig), 0);
	rig_stop(&rig);
}

static void
a_shadow_may_answer_after_the_endpoint(void **state)
{
	struct frame_spec f;
	struct seen s, copy, out;
	uint32_t shadow;

	start_with(&fullnat_udp, "per_request: true\n    mirror: {fraction: 100%, shadows: 1}", 0);
	shadow = rig_endpoint(&rig, "web", "s")->eid;
	s = begin(&fullnat_udp, 4000);
	assert_true(take(&copy));
	f = answer_to(&s, A, 0, 0);
	send_in(IN, &f);
	assert_true(take(&out));
	/* The client asks again: another flow, while the shadow still owes an answer. */
	s = begin(&fullnat_udp, 4000);
	assert_int_not_equal(s.sport, copy.sport);
	assert_true(take(&out));
	f = answer_to(&copy, A, 0, 0);
	send_in(IN, &f);
	assert_false(take(&out));
	assert_int_equal(rig_end(&rig, END_shadow_reply), 1);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SHADOW).replies, 1);
	rig_wait(&rig, 12000);
	assert_int_equal(rig_flows(&rig), 0);
	assert_int_equal(rig_leg(&rig, shadow, LEG_SHADOW).unanswered, 1);
	rig_stop(&rig);
}

static void
copies_keep_to_their_budget(void **state)
{
	int i;

	start_with(&nat_udp, "mirror: {fraction: 100%, shadows: 1, packets_per_second: 200}", 0);
	for (i = 0; i < 100; i++)
		begin(&nat_udp, (uint16_t)(4000 + i));
	assert_int_equal(rig_counters(&rig).mirror_wanted, 100);
	assert_int_equal(rig_counters(&rig).mirrored, 2);
	assert_int_equal(rig_counters(&rig).mirror_over_budget, 98);
	rig_wait(&rig, 1000);
	begin(&nat_udp, 4999);
	assert_int_equal(rig_counters(&rig).mirrored, 3);
	rig_stop(&rig);
}

/* The share is of flows: all requests of a flow are copied, or none. */
static void
a_share_of_flows_is_copied(void **state)
{
	uint64_t before;
	uint32_t flows = 0, i;

	start_with(&fullnat_udp, "mirror: {fraction: 25%, shadows: 1}", 0);
	for (i = 0; i < 400; i++) {
		struct frame_spec f = from_client(&fullnat_udp, (uint16_t)(4000 + i), A, 0, 0);

		before = rig_counters(&rig).mirrored;
		feed(OUT, &f);
		feed(OUT, &f);
		feed(OUT, &f);
		rig_run(&rig);
		before = rig_counters(&rig).mirrored - before;
		assert_true(before == 0 || before == 3);
		flows += before == 3;
	}
	assert_in_range(flows, 70, 130);
	rig_stop(&rig);
}

static void
a_full_transmit_queue_drops_copies_and_counts(void **state)
{
	start_with(&fullnat_udp, "mirror: {fraction: 100%, shadows: 1}", 0);
	rig.tx_room = 1;
	begin(&fullnat_udp, 4000);
	assert_int_equal(rig_counters(&rig).forwarded, 1);
	assert_int_equal(rig_counters(&rig).mirror_tx_full, 1);
	{
		struct frame_spec f = from_client(&fullnat_udp, 4001, A, 0, 0);

		send_in(OUT, &f);
	}
	assert_int_equal(rig_end(&rig, END_tx_full), 1);
	assert_int_equal(rig_counters(&rig).mirror_tx_full, 2);
	rig_stop(&rig);
}

/* More than a sweep may reset at once, and all of them without waiting for the slow sweep. */
static void
many_flows_are_reset_within_milliseconds(void **state)
{
	struct seen s;
	uint32_t resets = 0, i;

	start_with(&fullnat_tcp, "", 0);
	for (i = 0; i < 1000; i++) {
		establish(&fullnat_tcp, (uint16_t)(4000 + i));
		rig_forget(&rig);
	}
	rig_health(&rig, "web", "a", false);
	for (i = 0; i < 20; i++)
		rig_run(&rig);
	while (take(&s))
		resets += s.device == OUT && (s.flags & R);
	assert_int_equal(resets, 1000);
	assert_int_equal(rig_flows(&rig), 0);
	rig_stop(&rig);
}

static void
flows_are_told_in_pieces(void **state)
{
	static struct flow_row rows[16];
	struct flow_query q = {.filter = {.any_client = true, .sid = UINT32_MAX, .eid = UINT32_MAX},
			.row_max = 16,
			.rows = rows};
	bool seen[100] = {false};
	uint32_t total = 0, i;

	start_with(&fullnat_udp, "", 0);
	for (i = 0; i < 100; i++)
		begin(&fullnat_udp, (uint16_t)(4000 + i));
	do {
		assert_true(dataplane_query(rig.d, 0, &q));
		rig_run(&rig);
		assert_int_equal(q.done, 1);
		for (i = 0; i < q.row_count; i++) {
			uint16_t n = be16toh(rows[i].key.src_port_be) - 4000;

			assert_true(n < 100 && !seen[n]);
			seen[n] = true;
			assert_int_equal(rows[i].state, FLOW_UNANSWERED);
			assert_int_equal(rows[i].packets_to, 1);
			assert_int_equal(rows[i].timeout_ms, 10000);
		}
		total += q.row_count;
	} while (q.cursor);
	assert_int_equal(total, 100);
	rig_stop(&rig);
}

static void
injected_frames_leave_on_their_port(void **state)
{
	struct rte_mbuf *m;
	struct seen s;
	struct frame_spec f = from_client(&fullnat_udp, 4000, A, 0, 0);
	static struct frame frame;

	start_with(&fullnat_udp, "", 0);
	m = dataplane_mbuf_or_null(rig.d);
	assert_non_null(m);
	frame_make(&f, &frame);
	memcpy(rte_pktmbuf_append(m, (uint16_t)frame.len), frame.b, frame.len);
	assert_true(dataplane_inject(rig.d, m, 1));
	rig_run(&rig);
	assert_true(take(&s));
	assert_int_equal(s.device, IN);
	assert_int_equal(rig_counters(&rig).injected, 1);
	rig_stop(&rig);
}

static int
set_up(void **state)
{
	return rig_eal_init("admit");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_range_keeps_the_port),
			cmocka_unit_test(a_syn_sent_again_stays_with_its_flow),
			cmocka_unit_test(a_refused_connect_is_told_at_once),
			cmocka_unit_test(replies_that_could_be_anothers_are_refused),
			cmocka_unit_test(a_full_table_is_counted),
			cmocka_unit_test(pressure_spares_established_flows),
			cmocka_unit_test(no_local_port_is_counted),
			cmocka_unit_test(a_late_answer_reaches_nobody),
			cmocka_unit_test(per_request_flows_end_with_their_answer),
			cmocka_unit_test(a_shadow_may_answer_after_the_endpoint),
			cmocka_unit_test(copies_keep_to_their_budget),
			cmocka_unit_test(a_share_of_flows_is_copied),
			cmocka_unit_test(a_full_transmit_queue_drops_copies_and_counts),
			cmocka_unit_test(many_flows_are_reset_within_milliseconds),
			cmocka_unit_test(flows_are_told_in_pieces),
			cmocka_unit_test(injected_frames_leave_on_their_port),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
