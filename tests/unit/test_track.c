/* SPDX-License-Identifier: Apache-2.0 */
#include "track.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "track_script.h"

/* What a script must have counted; what is not named must be 0. */
struct expect {
	uint64_t handshakes, client_handshakes, refused, unanswered_connects;
	uint64_t requests, replies, unanswered;
	uint64_t to, from, again_to, again_from, gaps_client, gaps_server;
	uint64_t resets_client, resets_server, shut_client, shut_server;
};

#define SHAKE ">S0 <SA0/1 >A1/1 "
#define SHAKEN .handshakes = 1, .client_handshakes = 1

static const struct {
	const char *name, *script;
	enum flow_state state;
	struct expect expect;
} scripts[] = {
		{"a handshake", SHAKE, FLOW_ESTABLISHED, {SHAKEN, .to = 1, .from = 1}},
		{"a handshake completed by data", ">S0 <SA0/1 >A1:10/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 1, .requests = 1, .unanswered = 1}},
		{"no answer", ">S0", FLOW_HALF_OPEN, {.to = 1, .unanswered_connects = 1}},
		{"a SYN sent again", ">S0 >S0 >S0", FLOW_HALF_OPEN,
				{.to = 3, .again_to = 2, .unanswered_connects = 1}},
		{"a SYN-ACK sent again", ">S0 <SA0/1 <SA0/1 >A1/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 2, .again_from = 1}},
		{"a SYN-ACK sent again after the handshake", SHAKE "<SA0/1 >A1/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 2, .again_from = 1}},
		{"a SYN-ACK for another SYN", ">S0 <SA0/7", FLOW_HALF_OPEN,
				{.to = 1, .unanswered_connects = 1}},
		{"an ACK without SYN-ACK", ">S0 >A1/1", FLOW_HALF_OPEN,
				{.to = 1, .unanswered_connects = 1}},
		{"an ACK of less than the SYN-ACK", ">S0 <SA0/1 >A1/0", FLOW_HALF_OPEN,
				{.handshakes = 1, .to = 1, .from = 1}},
		{"refused", ">S0 <RA0/1", FLOW_CLOSING,
				{.to = 1, .refused = 1, .resets_server = 1}},
		{"refused by someone who did not see the SYN", ">S0 <RA0/99", FLOW_HALF_OPEN,
				{.to = 1, .resets_server = 1, .unanswered_connects = 1}},
		{"reset after the SYN-ACK", ">S0 <SA0/1 <RA1/1", FLOW_CLOSING,
				{.handshakes = 1, .to = 1, .from = 1, .resets_server = 1}},
		{"the client gives up its SYN", ">S0 <SA0/1 >R1", FLOW_CLOSING,
				{.handshakes = 1, .to = 1, .from = 1, .resets_client = 1}},
		{"the client gives up before an answer", ">S0 >R1", FLOW_CLOSING,
				{.to = 1, .resets_client = 1}},
		{"a request and its reply", SHAKE ">A1:100/1 <A1/101 <A1:500/101 >A101/501",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 2, .requests = 1, .replies = 1}},
		{"a request in two segments", SHAKE ">A1:100/1 >A101:100/1 <A1:500/201",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 2, .requests = 1, .replies = 1}},
		{"pipelined requests are one at a time",
				SHAKE ">A1:10/1 >A11:10/1 <A1:5/21 <A6:5/21 >A21:10/11",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 4, .from = 3, .requests = 2, .replies = 1,
						.unanswered = 1}},
		{"the server speaks first", SHAKE "<A1:20/1 >A1/21 >A1:9/21 <A21:5/10",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 3, .requests = 1, .replies = 1}},
		{"a request sent again is one request", SHAKE ">A1:10/1 >A1:10/1 <A1:5/11",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 2, .again_to = 1, .requests = 1,
						.replies = 1}},
		{"a request sent again after its reply is none", SHAKE ">A1:10/1 <A1:5/11 >A1:10/1",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 2, .again_to = 1, .requests = 1,
						.replies = 1}},
		{"a reply sent again", SHAKE ">A1:10/1 <A1:5/11 <A1:5/11", FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 3, .again_from = 1, .requests = 1,
						.replies = 1}},
		{"old data does not answer a new request",
				SHAKE ">A1:10/1 <A1:5/11 >A11:10/1 <A1:5/11", FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 3, .again_from = 1, .requests = 2,
						.replies = 1, .unanswered = 1}},
		{"sent again with more behind it", SHAKE ">A1:10/1 >A1:30/1 >A31:1/1",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 4, .from = 1, .again_to = 1, .requests = 1,
						.unanswered = 1}},
		{"a keep-alive of no byte", SHAKE ">A0/1 <A1/1 >A0/1 <A0/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 1}},
		{"a keep-alive of one byte", SHAKE ">A1:10/1 <A1:5/11 >A11/6 >A10:1/6 <A5:1/11",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 3, .requests = 1, .replies = 1}},
		{"one byte that was not acknowledged is no keep-alive", SHAKE ">A1:1/1 >A1:1/1",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 1, .again_to = 1, .requests = 1,
						.unanswered = 1}},
		{"a window that closes, is probed and opens",
				SHAKE ">A1:10/1 <A1/11!0 >A11:1/1 <A1/11!0 >A11:1/1 >A11:1/1 "
				      "<A1/12 <A1/12!0",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 5, .from = 1, .requests = 1, .unanswered = 1,
						.shut_server = 2}},
		{"the client's window closes", SHAKE ">A1/1!0 >A1/1!0", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 1, .shut_client = 1}},
		{"a reset has no window", SHAKE "<R1!0", FLOW_CLOSING,
				{SHAKEN, .to = 1, .from = 1, .resets_server = 1}},
		{"lost before the gateway and filled",
				SHAKE "<A1:1448/1 <A2897:1448/1 <A1449:1448/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 4, .gaps_server = 1}},
		{"three lost in a row", SHAKE "<A1:1448/1 <A5793:100/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 3, .gaps_server = 3}},
		{"a short one lost", SHAKE ">A1:10/1 >A21:10/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 1, .gaps_client = 1, .requests = 1,
						.unanswered = 1}},
		{"lost before the gateway, seen by an ACK", SHAKE ">A1:10/1 <A11/11 <A1:10/11",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 2, .gaps_server = 1, .requests = 1,
						.unanswered = 1}},
		{"filled, and then sent again", SHAKE "<A1:10/1 <A21:10/1 <A11:10/1 <A11:10/1",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 5, .gaps_server = 1, .again_from = 1}},
		{"filled from behind",
				SHAKE "<A31:10/1 <A21:10/1 <A21:10/1 <A11:10/1 <A1:10/1 <A1:10/1",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 7, .gaps_server = 1, .again_from = 2}},
		{"two holes", SHAKE "<A1:10/1 <A21:10/1 <A41:10/1 <A11:10/1 <A31:10/1",
				FLOW_ESTABLISHED, {SHAKEN, .to = 1, .from = 6, .gaps_server = 2}},
		{"a hole that was acknowledged is over",
				SHAKE "<A1:10/1 <A21:10/1 >A1/31 <A11:10/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 4, .gaps_server = 1, .again_from = 1}},
		{"a hole of one side is not filled by the other",
				SHAKE "<A1:10/1 <A21:10/1 >A1:30/1 >A15:10/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 3, .gaps_server = 1, .again_to = 1,
						.requests = 1, .unanswered = 1}},
		{"one side closes", SHAKE ">FA1/1 <A1/2 <A1:500/2", FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 2}},
		{"both sides close", SHAKE ">FA1/1 <FA1/2 >A2/2", FLOW_CLOSING,
				{SHAKEN, .to = 2, .from = 2}},
		{"both sides close at once", SHAKE ">FA1/1 <FA1/1 >A2/2 <A2/2", FLOW_CLOSING,
				{SHAKEN, .to = 2, .from = 2}},
		{"a FIN sent again", SHAKE ">FA1/1 >FA1/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 1, .again_to = 1}},
		{"a reply that closes", SHAKE ">A1:10/1 <FA1:500/11 >FA11/502 <A502/12",
				FLOW_CLOSING,
				{SHAKEN, .to = 3, .from = 2, .requests = 1, .replies = 1}},
		{"a close without reply", SHAKE ">A1:10/1 <FA1/11 >FA11/2", FLOW_CLOSING,
				{SHAKEN, .to = 3, .from = 2, .requests = 1, .unanswered = 1}},
		{"reset by the client", SHAKE ">R1", FLOW_CLOSING,
				{SHAKEN, .to = 1, .from = 1, .resets_client = 1}},
		{"reset by the server", SHAKE ">A1:10/1 <R1", FLOW_CLOSING,
				{SHAKEN, .to = 2, .from = 1, .resets_server = 1, .requests = 1,
						.unanswered = 1}},
		{"reset while closing", SHAKE ">FA1/1 <FA1/2 >R2", FLOW_CLOSING,
				{SHAKEN, .to = 2, .from = 2, .resets_client = 1}},
		{"a guessed reset", SHAKE ">R500000 <R-500000", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 1, .resets_client = 1,
						.resets_server = 1}},
		{"a reset that answers an old segment", SHAKE "<A1:500/1 <A501:500/1 >R501",
				FLOW_CLOSING, {SHAKEN, .to = 1, .from = 3, .resets_client = 1}},
		{"a SYN in mid-stream changes nothing", SHAKE ">S700000 >A1:10/1", FLOW_ESTABLISHED,
				{SHAKEN, .to = 2, .from = 1, .requests = 1, .unanswered = 1}},
		{"data in a SYN is no request", ">S0:10 <SA0/11 >A11/1 <A1:5/11", FLOW_ESTABLISHED,
				{SHAKEN, .to = 1, .from = 2}},
		{"a reset that answers a segment of long ago",
				SHAKE "<A1:60000/1 <A60001:60000/1 <A120001:60000/1 <R1",
				FLOW_CLOSING, {SHAKEN, .to = 1, .from = 4, .resets_server = 1}},
		{"data without SYN-ACK is no request", ">S0 >A1:10/1", FLOW_HALF_OPEN,
				{.to = 2, .unanswered_connects = 1}},
		{"a byte sent again with a FIN is no probe", SHAKE ">A1:1/1 <A1/2 >FA1:1/1",
				FLOW_ESTABLISHED,
				{SHAKEN, .to = 3, .from = 1, .again_to = 1, .requests = 1,
						.unanswered = 1}},
		{"adopted", "~ >A1000:10/5000 <A5000:10/1010 >A1010/5010", FLOW_ESTABLISHED,
				{.to = 1, .from = 1, .requests = 1, .replies = 1}},
		{"adopted by a bare ACK", "~ >A1000/5000 <A5000:10/1000", FLOW_ESTABLISHED,
				{.from = 1}},
		{"adopted while the server is sending",
				"~ >A1000/5000 <A9000:10/1000 <A9010:10/1000", FLOW_ESTABLISHED,
				{.from = 2}},
};

static void
compare(const char *name, const struct script *s, const struct expect *e)
{
	const struct leg_counters *server = &s->c.leg[LEG_SERVER];
	struct leg_counters client;
	struct {
		const char *what;
		uint64_t is, must;
	} rows[] = {
			{"handshakes", server->handshakes, e->handshakes},
			{"client's handshakes", s->c.leg[LEG_CLIENT].handshakes,
					e->client_handshakes},
			{"refused", server->connects_refused, e->refused},
			{"unanswered connects", server->connects_unanswered,
					e->unanswered_connects},
			{"requests", server->requests, e->requests},
			{"replies", server->replies, e->replies},
			{"unanswered", server->unanswered, e->unanswered},
			{"segments to", server->segments_to, e->to},
			{"segments from", server->segments_from, e->from},
			{"retransmitted to", server->retransmitted_to, e->again_to},
			{"retransmitted from", server->retransmitted_from, e->again_from},
			{"client's gaps", s->c.leg[LEG_CLIENT].gaps_from, e->gaps_client},
			{"server's gaps", server->gaps_from, e->gaps_server},
			{"client's resets", s->c.leg[LEG_CLIENT].resets_from, e->resets_client},
			{"server's resets", server->resets_from, e->resets_server},
			{"client's zero windows", s->c.leg[LEG_CLIENT].zero_windows_from,
					e->shut_client},
			{"server's zero windows", server->zero_windows_from, e->shut_server},
			{"flows new", server->flows_new, 1},
			{"flows closed", server->flows_closed, 1},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].is != rows[i].must)
			fail_msg("%s: %s: %lu, not %lu", name, rows[i].what, rows[i].is,
					rows[i].must);
	leg_read(&s->c, LEG_CLIENT, &client);
	assert_int_equal(client.segments_to, server->segments_from);
	assert_int_equal(client.packets_from, server->packets_to);
	assert_int_equal(client.retransmitted_from, server->retransmitted_to);
}

static void
scripts_count_what_they_must(void **state)
{
	static const uint32_t starts[] = {
			0, 1000, UINT32_MAX, UINT32_MAX - 5, UINT32_MAX - 1500, 0x7ffffff0};
	size_t i, j;

	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		for (j = 0; j < sizeof(starts) / sizeof(starts[0]); j++) {
			struct script s = {.protocol = IPPROTO_TCP,
					.isn_client = starts[j],
					.isn_server = starts[j] + 3};

			play(&s, scripts[i].script);
			if (s.t.state != scripts[i].state)
				fail_msg("%s: state %u", scripts[i].name, s.t.state);
			track_end(&s.t, IPPROTO_TCP, &s.c);
			compare(scripts[i].name, &s, &scripts[i].expect);
		}
}

static void
what_an_endpoint_that_left_did_not_answer_is_told_at_once(void **state)
{
	static const struct {
		const char *name, *script;
		uint64_t unanswered;
	} cases[] = {
			{"a reset", SHAKE ">A1:10/1 <R1", 1},
			{"a guessed reset", SHAKE ">A1:10/1 <R-500000", 0},
			{"a close", SHAKE ">A1:10/1 <FA1/11", 1},
			{"a close with the reply", SHAKE ">A1:10/1 <FA1:5/11", 0},
			{"a close that overtook the reply", SHAKE ">A1:10/1 <FA9/11", 0},
			{"a reset of the client's", SHAKE ">A1:10/1 >R11", 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = IPPROTO_TCP};

		play(&s, cases[i].script);
		if (s.c.leg[LEG_SERVER].unanswered != cases[i].unanswered)
			fail_msg("%s: %lu", cases[i].name, s.c.leg[LEG_SERVER].unanswered);
	}
}

static void
the_packet_with_which_a_reply_begins_is_told(void **state)
{
	static const struct {
		const char *name, *script;
		uint8_t protocol;
		bool answer;
	} cases[] = {
			{"its first segment", SHAKE ">A1:10/1 <A1:5/11", IPPROTO_TCP, true},
			{"with a FIN", SHAKE ">A1:10/1 <FA1:5/11", IPPROTO_TCP, true},
			{"its second", SHAKE ">A1:10/1 <A1:5/11 <A6:5/11", IPPROTO_TCP, false},
			{"a bare ACK", SHAKE ">A1:10/1 <A1/11", IPPROTO_TCP, false},
			{"a greeting", SHAKE "<A1:5/1", IPPROTO_TCP, false},
			{"a datagram", "> <", IPPROTO_UDP, true},
			{"one of two", "> > <", IPPROTO_UDP, true},
			{"one that nobody asked for", "> < <", IPPROTO_UDP, false},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = cases[i].protocol};

		play(&s, cases[i].script);
		if (!!(s.news & TRACK_ANSWER) != cases[i].answer)
			fail_msg("%s", cases[i].name);
	}
}

static void
times_are_from_first_to_first(void **state)
{
	static const struct {
		const char *name, *script;
		uint64_t server_us, client_us, reply_us, jitter_us;
	} cases[] = {
			{"handshake", ">S0 +300<SA0/1 +40>A1/1", 300, 40, 0, 0},
			{"the first SYN counts", ">S0 +1000000>S0 +300<SA0/1 +40>A1/1", 1000300, 40,
					0, 0},
			{"the first SYN-ACK counts", ">S0 +300<SA0/1 +500<SA0/1 +40>A1/1", 300, 540,
					0, 0},
			{"reply", SHAKE "+10>A1:10/1 +70<A1/11 +30<A1:9/11", 0, 0, 100, 0},
			{"first byte of the reply", SHAKE ">A1:10/1 +100<A1:9/11 +50<A10:9/11", 0,
					0, 100, 0},
			{"a request in two parts", SHAKE ">A1:10/1 +5>A11:10/1 +100<A1:9/11", 0, 0,
					105, 0},
			{"a request sent again", SHAKE ">A1:10/1 +200000>A1:10/1 +100<A1:9/11", 0,
					0, 200100, 0},
			{"jitter",
					SHAKE ">A1:1/1 +100<A1:1/2 >A2:1/2 +130<A2:1/3 >A3:1/3 "
					      "+90<A3:1/4",
					0, 0, 320, 70},
	};
	static const uint64_t starts[] = {0, UINT32_MAX - 50, 1000ull * UINT32_MAX - 50};
	size_t i, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (j = 0; j < sizeof(starts) / sizeof(starts[0]); j++) {
			struct script s = {.protocol = IPPROTO_TCP, .us = starts[j]};
			struct leg_counters *l = s.c.leg;

			play(&s, cases[i].script);
			if (l[LEG_SERVER].handshake_us != cases[i].server_us ||
					l[LEG_CLIENT].handshake_us != cases[i].client_us ||
					l[LEG_SERVER].reply_us != cases[i].reply_us ||
					l[LEG_SERVER].jitter_us != cases[i].jitter_us)
				fail_msg("%s: %lu %lu %lu %lu", cases[i].name,
						l[LEG_SERVER].handshake_us,
						l[LEG_CLIENT].handshake_us, l[LEG_SERVER].reply_us,
						l[LEG_SERVER].jitter_us);
		}
}

static void
datagrams_are_requests_and_replies(void **state)
{
	static const struct {
		const char *name, *script;
		uint64_t requests, replies, timed, reply_us, unanswered;
		enum flow_state state;
	} cases[] = {
			{"one", ">: +50<:", 1, 1, 1, 50, 0, FLOW_ANSWERED},
			{"none", ">:", 1, 0, 0, 0, 1, FLOW_UNANSWERED},
			{"two in turn", ">: +50<: +9>: +30<:", 2, 2, 2, 80, 0, FLOW_ANSWERED},
			{"two at once: the first is timed", ">: +10>: +40<: +10<:", 2, 2, 1, 50, 0,
					FLOW_ANSWERED},
			{"the next to be timed waits for those before it",
					">: +10>: +40<: +1>: +9<: +50<:", 3, 3, 2, 50 + 59, 0,
					FLOW_ANSWERED},
			{"a reply too many", ">: +50<: +9<: +9<:", 1, 1, 1, 50, 0, FLOW_ANSWERED},
			{"lost, and asked again", ">: +2000000>: +40<:", 2, 1, 1, 40, 1,
					FLOW_ANSWERED},
			{"lost among others, and later asked again", ">: >: +40<: +2000000>: +30<:",
					3, 2, 2, 70, 1, FLOW_ANSWERED},
			{"late by seconds", ">: +3000000<:", 1, 1, 1, 3000000, 0, FLOW_ANSWERED},
			{"lost in a conversation that goes on", ">: +900000>: +900000>: +40<:", 3,
					1, 1, 40, 2, FLOW_ANSWERED},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = IPPROTO_UDP, .us = UINT32_MAX - 20};
		struct leg_counters *l = &s.c.leg[LEG_SERVER];

		play(&s, cases[i].script);
		track_end(&s.t, IPPROTO_UDP, &s.c);
		if (l->requests != cases[i].requests || l->replies != cases[i].replies ||
				l->replies_timed != cases[i].timed ||
				l->reply_us != cases[i].reply_us ||
				l->unanswered != cases[i].unanswered || s.t.state != cases[i].state)
			fail_msg("%s: requests %lu replies %lu timed %lu us %lu unanswered %lu",
					cases[i].name, l->requests, l->replies, l->replies_timed,
					l->reply_us, l->unanswered);
	}
}

static void
more_open_requests_than_can_be_kept_are_given_up(void **state)
{
	struct script s = {.protocol = IPPROTO_UDP};
	struct leg_counters *l = &s.c.leg[LEG_SERVER];
	int i;

	for (i = 0; i < 1000; i++)
		step(&s, ">:");
	for (i = 0; i < 10; i++)
		step(&s, "<:");
	track_end(&s.t, IPPROTO_UDP, &s.c);
	assert_int_equal(l->requests, 1000);
	assert_int_equal(l->replies, 10);
	assert_int_equal(l->unanswered, 990);
}

static void
news_are_told_once(void **state)
{
	static const struct {
		const char *name, *script;
		uint8_t protocol;
		unsigned news;
	} cases[] = {
			{"refused", ">S0 <RA0/1", IPPROTO_TCP, TRACK_REFUSED | TRACK_CLOSED},
			{"refused twice", ">S0 <RA0/1 <RA0/1", IPPROTO_TCP, 0},
			{"reset", SHAKE "<R1", IPPROTO_TCP, TRACK_CLOSED},
			{"one FIN", SHAKE "<FA1/1", IPPROTO_TCP, 0},
			{"two FINs", SHAKE "<FA1/1 >FA1/2", IPPROTO_TCP, TRACK_CLOSED},
			{"three FINs", SHAKE "<FA1/1 >FA1/2 >FA1/2", IPPROTO_TCP, 0},
			{"an answer", ">: <:", IPPROTO_UDP, TRACK_REPLY | TRACK_ANSWER},
			{"one of two answers", ">: >: <:", IPPROTO_UDP, TRACK_ANSWER},
			{"both answers", ">: >: <: <:", IPPROTO_UDP, TRACK_REPLY | TRACK_ANSWER},
			{"more than was asked", ">: <: <:", IPPROTO_UDP, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = cases[i].protocol};

		play(&s, cases[i].script);
		if (s.news != cases[i].news)
			fail_msg("%s: %x, not %x", cases[i].name, s.news, cases[i].news);
	}
}

static void
a_syn_replaces_what_is_over(void **state)
{
	static const struct {
		const char *script;
		uint32_t seq;
		bool reuse;
	} cases[] = {
			{">S0", 0, false},
			{">S0", 5, true},
			{">S0 <SA0/1", 0, false},
			{">S0 <SA0/1", 9, true},
			{SHAKE, 0, false},
			{SHAKE, 77, false},
			{SHAKE ">FA1/1", 77, false},
			{SHAKE ">FA1/1 <FA1/2", 77, true},
			{SHAKE "<R1", 77, true},
			{">S0 <RA0/1", 1, true},
	};
	struct track_packet p = {.protocol = IPPROTO_TCP, .tcp_flags = 0x02};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = IPPROTO_TCP};

		play(&s, cases[i].script);
		p.seq = cases[i].seq;
		if (track_is_reuse(&s.t, &p) != cases[i].reuse)
			fail_msg("\"%s\" and a SYN of %u", cases[i].script, p.seq);
	}
}

static void
resets_are_where_they_are_expected(void **state)
{
	static const struct {
		const char *name, *script;
		uint32_t to_client, to_server; /* relative to the initial numbers */
	} cases[] = {
			{"after the SYN-ACK", ">S0 <SA0/1", 1, 1},
			{"idle", SHAKE, 1, 1},
			{"data both ways", SHAKE ">A1:10/1 <A1:500/11 >A11/501", 501, 11},
			{"data on its way", SHAKE ">A1:10/1 <A1:500/11 <A501:500/11", 1001, 11},
			{"acknowledged beyond what was seen", SHAKE "<A1:10/1 >A1/700", 700, 1},
			{"a hole", SHAKE "<A1:500/1 >A1/501 <A1001:500/1 >A1/501", 501, 1},
			{"a FIN", SHAKE "<FA1:10/1", 12, 1},
			{"adopted", "~ >A40/100", 100, 40},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = IPPROTO_TCP,
				.isn_client = UINT32_MAX - 5,
				.isn_server = UINT32_MAX - 300};

		play(&s, cases[i].script);
		if (track_reset_seq_to_client(&s.t) - s.isn_server != cases[i].to_client ||
				track_reset_seq_to_server(&s.t) - s.isn_client !=
						cases[i].to_server)
			fail_msg("%s: %u %u", cases[i].name,
					track_reset_seq_to_client(&s.t) - s.isn_server,
					track_reset_seq_to_server(&s.t) - s.isn_client);
	}
}

static void
a_client_that_waits_is_reset_by_its_syns_ack(void **state)
{
	struct script s = {.protocol = IPPROTO_TCP, .isn_client = 4000};

	play(&s, ">S0");
	assert_int_equal(track_reset_seq_to_client(&s.t), 0);
	assert_int_equal(track_reset_ack_to_client(&s.t), 4001);
}

static void
timeouts_follow_the_state(void **state)
{
	static const struct view_timeouts timeouts = {.tcp_half_open_ms = 1,
			.tcp_established_ms = 900000,
			.tcp_closing_ms = 3,
			.udp_unanswered_ms = 4,
			.udp_ms = 5};
	static const struct {
		const char *script;
		uint8_t protocol;
		uint32_t ms;
	} cases[] = {
			{">S0", IPPROTO_TCP, 1},
			{SHAKE, IPPROTO_TCP, 900000},
			{SHAKE ">FA1/1", IPPROTO_TCP, 120000},
			{SHAKE "<FA1/1", IPPROTO_TCP, 120000},
			{SHAKE "<FA1/1 >FA1/2", IPPROTO_TCP, 3},
			{SHAKE "<R1", IPPROTO_TCP, 3},
			{">:", IPPROTO_UDP, 4},
			{">: <:", IPPROTO_UDP, 5},
			{">: <: >:", IPPROTO_UDP, 5},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script s = {.protocol = cases[i].protocol};

		play(&s, cases[i].script);
		assert_int_equal(track_timeout_ms(&s.t, &timeouts), cases[i].ms);
	}
}

static void
one_way_flows_need_no_answer(void **state)
{
	struct script s = {.protocol = IPPROTO_TCP, .begun = true};

	track_begin(&s.t, IPPROTO_TCP, false, now_of(&s), &s.c);
	track_one_way(&s.t);
	play(&s, ">S0 >A1/1 >A1:10/1 >A11:10/50");
	assert_int_equal(s.t.state, FLOW_ESTABLISHED);
	track_end(&s.t, IPPROTO_TCP, &s.c);
	assert_int_equal(s.c.leg[LEG_SERVER].requests, 0);
	assert_int_equal(s.c.leg[LEG_SERVER].unanswered, 0);
	assert_int_equal(s.c.leg[LEG_SERVER].handshakes, 0);
}

static void
answers_of_a_shadow_are_compared_when_nothing_is_open(void **state)
{
	/* > request and copy, ! request without a copy, digit: the primary's answer, letter: the shadow's (a is 1), . 0.6 s. */
	static const struct {
		const char *name, *script;
		uint64_t same, different;
	} cases[] = {
			{"one of each", ">1a", 1, 0},
			{"the shadow first", ">a1", 1, 0},
			{"another answer", ">1b", 0, 1},
			{"two at once, in another order", ">>12ba", 1, 0},
			{"two at once, one differs", ">>12bb", 0, 1},
			{"one after the other", ">1a>2b>3a", 2, 1},
			{"no answer of the shadow yet", ">1", 0, 0},
			{"a request that was not copied", ">1a>!23b", 1, 0},
			{"and the next one again", ">1a!2>3c", 2, 0},
			{"given up for the primary's silence", ">a.>b.>3c", 0, 0},
			{"given up for the shadow's silence", ">1.>2.>3c", 0, 0},
			{"and compared again after it", ">a.>b.>3c.>4d.>5a", 1, 1},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct endpoint_counters shadow = {0}, c = {0};
		struct track_packet p = {.protocol = IPPROTO_UDP, .payload_len = 1};
		struct track_time now = {1, 1000};
		bool begun = false;
		const char *at;
		struct track t;

		track_begin(&t, IPPROTO_UDP, false, now, &c);
		for (at = cases[i].script; *at; at++) {
			bool primary = *at >= '0' && *at <= '9';

			if (*at == '.') {
				now.ms += 600;
				now.us += 600000;
				continue;
			}
			if (*at == '>' || *at == '!')
				track_from_client(&t, &p, now, &c);
			if (*at == '>' && !begun)
				track_copy_begin(&t, 0, &shadow);
			begun = true;
			if (*at == '>')
				track_copy_sent(&t, 0, 60, now, &shadow);
			else if (*at == '!')
				track_copy_missed(&t, 0);
			else if (primary && (track_from_server(&t, &p, now, &c) & TRACK_ANSWER))
				track_answer(&t, 0, (uint16_t)(*at - '0') * 30000, &shadow);
			else if (!primary && track_copy_reply(&t, 0, 60, now, &shadow))
				track_copy_answer(
						&t, 0, (uint16_t)(*at - 'a' + 1) * 30000, &shadow);
		}
		if (shadow.leg[LEG_SHADOW].answers_same != cases[i].same ||
				shadow.leg[LEG_SHADOW].answers_different != cases[i].different)
			fail_msg("%s: %lu same, %lu different", cases[i].name,
					shadow.leg[LEG_SHADOW].answers_same,
					shadow.leg[LEG_SHADOW].answers_different);
	}
}

/* The server's FIN is not seen where replies bypass the gateway. */
static void
a_syn_replaces_a_one_way_flow_that_its_client_closed(void **state)
{
	struct track_packet syn = {.protocol = IPPROTO_TCP, .tcp_flags = 0x02, .seq = 77};
	struct script s = {.protocol = IPPROTO_TCP, .begun = true};

	track_begin(&s.t, IPPROTO_TCP, false, now_of(&s), &s.c);
	track_one_way(&s.t);
	play(&s, ">S0 >A1/1 >A1:10/1");
	assert_false(track_is_reuse(&s.t, &syn));
	play(&s, ">FA11/50");
	assert_true(track_is_reuse(&s.t, &syn));
}

static void
copies_are_measured_on_their_own(void **state)
{
	struct script s = {.protocol = IPPROTO_UDP};
	struct endpoint_counters shadow[2] = {0};
	unsigned n;

	play(&s, ">:");
	for (n = 0; n < 2; n++) {
		track_copy_begin(&s.t, n, &shadow[n]);
		track_copy_sent(&s.t, n, 60, now_of(&s), &shadow[n]);
	}
	s.us += 70;
	track_copy_reply(&s.t, 1, 90, now_of(&s), &shadow[1]);
	play(&s, "+30<:");
	for (n = 0; n < 2; n++)
		track_copy_end(&s.t, n, &shadow[n]);
	assert_int_equal(s.c.leg[LEG_SERVER].reply_us, 100);
	assert_int_equal(shadow[0].leg[LEG_SHADOW].unanswered, 1);
	assert_int_equal(shadow[0].leg[LEG_SHADOW].replies, 0);
	assert_int_equal(shadow[1].leg[LEG_SHADOW].reply_us, 70);
	assert_int_equal(shadow[1].leg[LEG_SHADOW].replies, 1);
	assert_int_equal(shadow[1].leg[LEG_SHADOW].unanswered, 0);
	assert_int_equal(shadow[1].leg[LEG_SHADOW].bytes_from, 90);
	assert_int_equal(shadow[1].leg[LEG_SHADOW].flows_closed, 1);
}

/* A random packet near where the conversation is. */
static void
random_step(struct script *s)
{
	static const uint8_t flags[] = {
			0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x12, 0x02, 0x11, 0x14, 0x04, 0x18};
	struct track_packet p = {
			.protocol = s->protocol, .frame_len = 60 + (uint32_t)(random() % 1400)};
	bool from_client = !s->t.packets_to || random() % 2;

	s->us += (uint64_t)(random() % 4 ? random() % 1000 : random() % 2000000);
	p.tcp_flags = flags[random() % (long)sizeof(flags)];
	p.seq = (from_client ? s->t.tcp.client.next : s->t.tcp.server.next) +
			(uint32_t)(random() % 5 ? 0 : random() % 4000 - 2000);
	p.ack = (from_client ? s->t.tcp.server.next : s->t.tcp.client.next);
	p.payload_len = random() % 2 ? (uint32_t)(random() % 1400) : 0;
	p.window = random() % 8 ? 1000 : 0;
	s->news = (from_client ? track_from_client : track_from_server)(
			&s->t, &p, now_of(s), &s->c);
}

static void
random_copy_step(struct script *s, struct endpoint_counters *shadow)
{
	if (random() % 3)
		track_copy_sent(&s->t, 0, 60, now_of(s), shadow);
	else
		track_copy_reply(&s->t, 0, 60, now_of(s), shadow);
}

static void
sums_hold_for_random_flows(void **state)
{
	struct endpoint_counters shadow = {0};
	struct script s = {0};
	uint64_t active = 0, timed = 0;
	int i, j;

	srandom(1);
	for (i = 0; i < 20000; i++) {
		struct leg_counters *l = &s.c.leg[LEG_SERVER], *copy = &shadow.leg[LEG_SHADOW];

		s.protocol = i % 2 ? IPPROTO_UDP : IPPROTO_TCP;
		track_begin(&s.t, s.protocol, i % 3 == 0, now_of(&s), &s.c);
		if (s.protocol == IPPROTO_UDP)
			track_copy_begin(&s.t, 0, &shadow);
		for (j = (int)(random() % (i % 50 ? 40 : 2000)); j > 0; j--) {
			random_step(&s);
			if (s.protocol == IPPROTO_UDP && random() % 2)
				random_copy_step(&s, &shadow);
			assert_int_equal(l->requests, l->replies + l->unanswered + s.t.open);
			if (s.protocol == IPPROTO_UDP)
				assert_int_equal(copy->requests,
						copy->replies + copy->unanswered +
								s.t.copies.open[0]);
		}
		active++;
		assert_int_equal(l->flows_new - l->flows_closed, 1);
		track_end(&s.t, s.protocol, &s.c);
		if (s.protocol == IPPROTO_UDP)
			track_copy_end(&s.t, 0, &shadow);
		assert_int_equal(l->requests, l->replies + l->unanswered);
		assert_int_equal(l->flows_closed, active);
		assert_true(l->retransmitted_to <= l->segments_to &&
				l->retransmitted_from <= l->segments_from);
	}
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		timed += s.c.histogram[LEG_SERVER][HISTOGRAM_REPLY].count[i];
	assert_int_equal(timed, s.c.leg[LEG_SERVER].replies_timed);
	assert_true(timed > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(scripts_count_what_they_must),
			cmocka_unit_test(what_an_endpoint_that_left_did_not_answer_is_told_at_once),
			cmocka_unit_test(the_packet_with_which_a_reply_begins_is_told),
			cmocka_unit_test(times_are_from_first_to_first),
			cmocka_unit_test(datagrams_are_requests_and_replies),
			cmocka_unit_test(more_open_requests_than_can_be_kept_are_given_up),
			cmocka_unit_test(news_are_told_once),
			cmocka_unit_test(a_syn_replaces_what_is_over),
			cmocka_unit_test(resets_are_where_they_are_expected),
			cmocka_unit_test(a_client_that_waits_is_reset_by_its_syns_ack),
			cmocka_unit_test(timeouts_follow_the_state),
			cmocka_unit_test(one_way_flows_need_no_answer),
			cmocka_unit_test(answers_of_a_shadow_are_compared_when_nothing_is_open),
			cmocka_unit_test(a_syn_replaces_a_one_way_flow_that_its_client_closed),
			cmocka_unit_test(copies_are_measured_on_their_own),
			cmocka_unit_test(sums_hold_for_random_flows),
	};

	return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}
