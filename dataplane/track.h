/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a flow's packets tell: its TCP state, and the measurements of its legs. Pure: no clock, no I/O;
 * time is an argument. One struct per flow, one cache line, owned by the flow's lcore. What exactly each
 * counter means is told in docs/measurements.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "message.h"
#include "view.h"

/* One direction of a TCP flow: what was sent from that side. */
struct track_side {
	uint32_t next; /* highest sequence number sent, plus one */
	uint32_t ack; /* highest acknowledgement sent */
};

struct track_tcp {
	struct track_side client, server;
	uint32_t missing; /* bytes that one side skipped and did not send yet */
	uint32_t hole_end; /* they are all before this */
};

/* UDP: the requests copied to each shadow. `differ`: digests of the primary's answers less those of the shadow's, since
 * nothing was open on either side: in what order they came does not matter. */
struct track_copies {
	uint32_t request_us[VIEW_SHADOWS_MAX];
	uint8_t open[VIEW_SHADOWS_MAX];
	uint8_t ahead[VIEW_SHADOWS_MAX];
	uint16_t differ[VIEW_SHADOWS_MAX];
};

struct track {
	union {
		struct track_tcp tcp;
		struct track_copies copies;
	};
	uint32_t begun_ms;
	uint32_t last_ms; /* last packet in either direction: what timeouts count from */
	uint32_t request_us; /* when the timed request, or the SYN or its answer, was seen */
	uint32_t packets_to, packets_from;
	uint8_t state; /* enum flow_state */
	uint8_t open; /* requests without a reply yet */
	uint8_t ahead; /* UDP: open requests before the timed one */
	uint8_t flags; /* private to track.c */
	uint64_t bytes_to, bytes_from;
};

_Static_assert(sizeof(struct track) == 64, "one cache line");

/* What track needs of a packet, both protocols. Numbers in host order. */
struct track_packet {
	uint8_t protocol;
	uint8_t tcp_flags;
	uint16_t window;
	uint32_t seq, ack;
	uint32_t payload_len;
	uint32_t frame_len;
};

/* What the packet means to the flow. Bits. */
enum track_news {
	TRACK_REFUSED = 1 << 0, /* the endpoint answered the SYN with a reset */
	TRACK_REPLY = 1 << 1, /* the last open UDP request is answered: a per_request flow may end */
	TRACK_CLOSED = 1 << 2, /* the flow entered FLOW_CLOSING with this packet */
	TRACK_ANSWER = 1 << 3, /* a request's reply begins with this packet */
};

struct track_time {
	uint32_t ms, us; /* of the burst; both wrap */
};

/* Begins a flow with its first packet (which must then also be passed to track_from_client). `adopted`:
 * a TCP flow taken over in mid-stream. Counts flows_new on the server leg. */
void track_begin(struct track *t, uint8_t protocol, bool adopted, struct track_time now,
		struct endpoint_counters *c);

/* After track_begin: replies will bypass the gateway (dsr), so that the client's ACK alone completes the
 * handshake, and nothing is counted that needs a reply to be seen (requests, unanswered). */
void track_one_way(struct track *t);

/* A packet from the client, forwarded to the endpoint; and one from the endpoint, forwarded to the client.
 * Both update t and count on `c`, that of the endpoint that serves the flow. Return bits of enum track_news. */
unsigned track_from_client(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c);
unsigned track_from_server(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c);

/* A client's SYN that must start a new flow in place of this one: the old is closing, or was never answered
 * and the SYN is not a retransmission. */
bool track_is_reuse(const struct track *t, const struct track_packet *p);

/* Ends the flow: counts flows_closed, requests still unanswered, an unanswered connect. */
void track_end(struct track *t, uint8_t protocol, struct endpoint_counters *c);

/* The copies of a UDP flow's requests to its n-th shadow (n < VIEW_SHADOWS_MAX), on LEG_SHADOW of `c`, the
 * shadow's own counters: begin when the flow starts to be mirrored there, sent for each copy, reply for each
 * answer that came back (and was swallowed; true if it ended a request), end when the flow ends or is mirrored there no more. */
void track_copy_begin(struct track *t, unsigned n, struct endpoint_counters *c);
void track_copy_sent(struct track *t, unsigned n, uint32_t frame_len, struct track_time now,
		struct endpoint_counters *c);
bool track_copy_reply(struct track *t, unsigned n, uint32_t frame_len, struct track_time now,
		struct endpoint_counters *c);
void track_copy_end(struct track *t, unsigned n, struct endpoint_counters *c);

/* Are the shadow's answers the primary's? A digest (answer.h) of each answer that ended a request, the primary's and the
 * n-th shadow's; when nothing is open on either side the two are compared, and the result counted on LEG_SHADOW of `c`,
 * the shadow's. A request that was not copied makes what is open then incomparable. Two answers that differ pass for the
 * same once in 65,535 times. */
void track_answer(struct track *t, unsigned n, uint16_t digest, struct endpoint_counters *c);
void track_copy_answer(struct track *t, unsigned n, uint16_t digest, struct endpoint_counters *c);
void track_copy_missed(struct track *t, unsigned n);

/* The time after last_ms when the flow ends, by its state. */
uint32_t track_timeout_ms(const struct track *t, const struct view_timeouts *timeouts);

/* Sequence number of a reset that the client (resp. the endpoint) accepts at once: RFC 5961, 3.2. Such a
 * reset must also carry ACK: track_reset_ack_to_client is what a client that still waits for its SYN's
 * answer looks at (RFC 9293, 3.10.7.3). */
uint32_t track_reset_seq_to_client(const struct track *t);
uint32_t track_reset_ack_to_client(const struct track *t);
uint32_t track_reset_seq_to_server(const struct track *t);
uint32_t track_reset_ack_to_server(const struct track *t);
