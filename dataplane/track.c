/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   client --SYN--> HALF_OPEN --SYN-ACK--> (server known) --ACK--> ESTABLISHED --FIN, FIN--> CLOSING
 *                       |                                               |
 *                       +----------------- a plausible RST -------------+------------------> CLOSING
 *
 * A segment is compared with the highest sequence number that its sender had used (`next`):
 *
 *   at it      in order: new
 *   beyond it  segments are missing: they were lost, or overtaken, before the gateway. The hole is kept.
 *   below it   in the hole: it fills it, and was not seen before
 *              probes (keep-alive, zero window): nothing
 *              otherwise sent again: its first copy was lost beyond the gateway, or its ACK was
 *
 * Of the holes of one direction the number of missing bytes is kept, and where the last one ends: what is sent again
 * fills them, wherever it lies, until nothing is missing; then it was seen before. So the sums are right even where a
 * single segment is taken for another. A hole of the other direction replaces them. They are over when the other side
 * has acknowledged their end.
 */
#include "track.h"

#include <netinet/in.h>
#include <string.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* The time without a packet after which a client asks again, so that what it asked before is given up:
 * the first retransmission timeout of RFC 6298, 2.1. */
#define GIVE_UP_US 1000000

/* Life of a flow of which one side is closed and nothing moves: what Linux grants (nf_conntrack's FIN_WAIT). */
#define HALF_CLOSED_MS 120000

/* Number of bytes in a segment, to tell how many are missing in a hole: Ethernet's MTU without IPv4, TCP and
 * timestamps. Larger if the segment behind the hole is. */
#define SEGMENT_BYTES 1448

/* A reset farther than this from where its sender is does not close the flow: a guess from outside. */
#define RESET_WINDOW 65535

enum track_flag {
	SERVER_KNOWN = 1 << 0, /* server.next is valid */
	ONE_WAY = 1 << 1,
	CLIENT_FIN = 1 << 2,
	SERVER_FIN = 1 << 3,
	CLIENT_SHUT = 1 << 4, /* its window is zero */
	SERVER_SHUT = 1 << 5,
	HOLE_OF_SERVER = 1 << 6, /* the hole is in what the server sends */
	QUIET = 1 << 7, /* UDP: nothing was heard for GIVE_UP_US before the client's last */
};

/* The direction of a segment: all that differs. Constant where it is used, so that it costs nothing. */
struct direction {
	bool from_server;
	uint8_t fin, shut;
};

static const struct direction upstream = {false, CLIENT_FIN, CLIENT_SHUT};
static const struct direction downstream = {true, SERVER_FIN, SERVER_SHUT};

static inline bool
before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline uint32_t
later(uint32_t a, uint32_t b)
{
	return before(a, b) ? b : a;
}

/* What a segment takes of the sequence space. */
static inline uint32_t
extent(const struct track_packet *p)
{
	return p->payload_len + !!(p->tcp_flags & SYN) + !!(p->tcp_flags & FIN);
}

static inline struct track_side *
sender(struct track *t, struct direction d)
{
	return d.from_server ? &t->tcp.server : &t->tcp.client;
}

static inline struct track_side *
receiver(struct track *t, struct direction d)
{
	return d.from_server ? &t->tcp.client : &t->tcp.server;
}

static inline struct leg_counters *
sender_leg(struct endpoint_counters *c, struct direction d)
{
	return &c->leg[d.from_server ? LEG_SERVER : LEG_CLIENT];
}

/*
 * Times
 */

static void
handshake_add(struct endpoint_counters *c, enum leg leg, uint32_t us)
{
	counter_add(&c->leg[leg].handshakes, 1);
	counter_add(&c->leg[leg].handshake_us, us);
	histogram_add(&c->histogram[leg][HISTOGRAM_HANDSHAKE], us);
}

static void
reply_time_add(struct endpoint_counters *c, enum leg leg, uint32_t us)
{
	struct leg_counters *l = &c->leg[leg];
	uint32_t last = c->last_reply_us[leg];

	if (l->replies_timed)
		counter_add(&l->jitter_us, us > last ? us - last : last - us);
	c->last_reply_us[leg] = us;
	counter_add(&l->replies_timed, 1);
	counter_add(&l->reply_us, us);
	histogram_add(&c->histogram[leg][HISTOGRAM_REPLY], us);
}

/*
 * TCP: holes and retransmissions
 */

static bool
hole_in(const struct track *t, struct direction d)
{
	const struct track_tcp *s = &t->tcp;
	uint32_t acked = d.from_server ? s->client.ack : s->server.ack;

	return s->missing && !!(t->flags & HOLE_OF_SERVER) == d.from_server &&
			before(acked, s->hole_end);
}

/* The sender skipped from its `next` to `seq`. */
static void
hole_open(struct track *t, struct direction d, uint32_t seq)
{
	if (!hole_in(t, d))
		t->tcp.missing = 0;
	t->tcp.missing += seq - sender(t, d)->next;
	t->tcp.hole_end = seq;
	t->flags &= ~HOLE_OF_SERVER;
	if (d.from_server)
		t->flags |= HOLE_OF_SERVER;
}

static bool
hole_filled(struct track *t, struct direction d, const struct track_packet *p)
{
	struct track_tcp *s = &t->tcp;
	uint32_t n = extent(p);

	if (!hole_in(t, d) || !before(p->seq, s->hole_end))
		return false;
	s->missing -= n < s->missing ? n : s->missing;
	return true;
}

/* At least one, and as many as whole segments fit. */
static uint64_t
segments_missing(uint32_t bytes, uint32_t segment)
{
	uint32_t n;

	if (segment < SEGMENT_BYTES)
		segment = SEGMENT_BYTES;
	n = (bytes + segment / 2) / segment;
	return n ? n : 1;
}

/* Keep-alives (RFC 9293, 3.8.4) and zero-window probes (3.8.6.1) may carry the byte that was sent last. */
static bool
is_probe(struct track *t, struct direction d, const struct track_packet *p)
{
	uint8_t receiver_shut = d.from_server ? CLIENT_SHUT : SERVER_SHUT;
	uint32_t next = sender(t, d)->next;

	if (p->payload_len != 1 || p->seq != next - 1 || (p->tcp_flags & (SYN | FIN)))
		return false;
	return (t->flags & receiver_shut) || receiver(t, d)->ack == next;
}

static void
retransmitted(struct endpoint_counters *c, struct direction d)
{
	struct leg_counters *server = &c->leg[LEG_SERVER];

	counter_add(d.from_server ? &server->retransmitted_from : &server->retransmitted_to, 1);
}

/* A segment that is not where its sender's last one ended. True if it has data that was never sent before. */
static bool
out_of_order(struct track *t, struct direction d, const struct track_packet *p,
		struct endpoint_counters *c)
{
	struct track_side *s = sender(t, d);
	uint32_t end = p->seq + extent(p);

	if (before(s->next, p->seq)) {
		counter_add(&sender_leg(c, d)->gaps_from,
				segments_missing(p->seq - s->next, p->payload_len));
		hole_open(t, d, p->seq);
		s->next = end;
		return p->payload_len;
	}
	if (end == p->seq || is_probe(t, d, p))
		return false;
	if (!hole_filled(t, d, p))
		retransmitted(c, d);
	if (!before(s->next, end))
		return false;
	s->next = end;
	return p->payload_len;
}

/* Counts the segment and moves its sender on. True if it has data that was never sent before. */
static inline __attribute__((always_inline)) bool
sequence(struct track *t, struct direction d, const struct track_packet *p,
		struct endpoint_counters *c)
{
	struct leg_counters *server = &c->leg[LEG_SERVER];
	struct track_side *s = sender(t, d);
	uint32_t n = extent(p);

	if ((p->tcp_flags & ACK) && before(s->ack, p->ack))
		s->ack = p->ack;
	if (n)
		counter_add(d.from_server ? &server->segments_from : &server->segments_to, 1);
	if (p->seq != s->next)
		return out_of_order(t, d, p, c);
	s->next += n;
	return p->payload_len;
}

static inline __attribute__((always_inline)) void
window(struct track *t, struct direction d, const struct track_packet *p,
		struct endpoint_counters *c)
{
	if (p->window) {
		t->flags &= ~d.shut;
		return;
	}
	if (!(t->flags & d.shut))
		counter_add(&sender_leg(c, d)->zero_windows_from, 1);
	t->flags |= d.shut;
}

/*
 * TCP: states
 */

static unsigned
close_flow(struct track *t)
{
	if (t->state == FLOW_CLOSING)
		return 0;
	t->state = FLOW_CLOSING;
	return TRACK_CLOSED;
}

/* The endpoint will say no more: what it did not answer it never will. */
static void
server_left(struct track *t, struct endpoint_counters *c)
{
	counter_add(&c->leg[LEG_SERVER].unanswered, t->open);
	t->open = 0;
}

static unsigned
fin(struct track *t, struct direction d)
{
	t->flags |= d.fin;
	if ((t->flags & (CLIENT_FIN | SERVER_FIN)) != (CLIENT_FIN | SERVER_FIN))
		return 0;
	return close_flow(t);
}

static bool
near(uint32_t a, uint32_t b)
{
	return a - b + RESET_WINDOW <= 2 * RESET_WINDOW;
}

/* A reset answers with the number that its sender was asked for, or goes on where it was. */
static bool
reset_plausible(struct track *t, struct direction d, const struct track_packet *p)
{
	if (!d.from_server || (t->flags & SERVER_KNOWN))
		return near(p->seq, sender(t, d)->next) || near(p->seq, receiver(t, d)->ack);
	if (t->state == FLOW_HALF_OPEN)
		return (p->tcp_flags & ACK) && p->ack == t->tcp.client.next;
	return true;
}

static unsigned
reset(struct track *t, struct direction d, const struct track_packet *p,
		struct endpoint_counters *c)
{
	bool unanswered = t->state == FLOW_HALF_OPEN && !(t->flags & SERVER_KNOWN);

	counter_add(&sender_leg(c, d)->resets_from, 1);
	if (!reset_plausible(t, d, p))
		return 0;
	if (d.from_server)
		server_left(t, c);
	if (!d.from_server || !unanswered)
		return close_flow(t);
	counter_add(&c->leg[LEG_SERVER].connects_refused, 1);
	return close_flow(t) | TRACK_REFUSED;
}

/* The SYN of the flow, first or again. Its data (RFC 7413) is no request: the endpoint may ignore it. */
static void
syn_from_client(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	if (t->state != FLOW_HALF_OPEN)
		return;
	if (t->packets_to == 1) {
		t->tcp.client.next = p->seq;
		t->request_us = now.us;
	}
	sequence(t, upstream, p, c);
}

/* Any other first segment: of an adopted flow. */
static void
adopt_client(struct track *t, const struct track_packet *p)
{
	t->tcp.client.next = p->seq;
	t->tcp.client.ack = p->ack;
	t->tcp.server.ack = p->seq;
	t->tcp.server.next = p->ack;
}

/* A client's segment in FLOW_HALF_OPEN that has no SYN. */
static void
half_open_from_client(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	if (!(p->tcp_flags & ACK))
		return;
	if (!(t->flags & (SERVER_KNOWN | ONE_WAY)))
		return;
	t->tcp.client.ack = p->ack;
	if ((t->flags & SERVER_KNOWN) && before(p->ack, t->tcp.server.next))
		return;
	if (t->flags & SERVER_KNOWN)
		handshake_add(c, LEG_CLIENT, now.us - t->request_us);
	t->state = FLOW_ESTABLISHED;
}

static inline void
request_begin(struct track *t, struct track_time now, struct endpoint_counters *c)
{
	if (t->open || t->state == FLOW_HALF_OPEN || (t->flags & ONE_WAY))
		return;
	t->open = 1;
	t->request_us = now.us;
	counter_add(&c->leg[LEG_SERVER].requests, 1);
}

static unsigned
tcp_from_client(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	if (p->tcp_flags & RST)
		return reset(t, upstream, p, c);
	if (p->tcp_flags & SYN) {
		syn_from_client(t, p, now, c);
		return 0;
	}
	if (t->packets_to == 1)
		adopt_client(t, p);
	if (t->state == FLOW_HALF_OPEN)
		half_open_from_client(t, p, now, c);
	window(t, upstream, p, c);
	if (sequence(t, upstream, p, c))
		request_begin(t, now, c);
	return p->tcp_flags & FIN ? fin(t, upstream) : 0;
}

/* The first segment from the server, or its SYN-ACK. */
static void
meet_server(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	t->tcp.server.next = p->seq;
	t->tcp.server.ack = p->ack;
	if (t->state == FLOW_HALF_OPEN) {
		handshake_add(c, LEG_SERVER, now.us - t->request_us);
		t->tcp.client.ack = p->seq;
		t->request_us = now.us;
	}
	t->flags |= SERVER_KNOWN;
}

static unsigned
reply_end(struct track *t, struct track_time now, struct endpoint_counters *c)
{
	if (!t->open)
		return 0;
	t->open = 0;
	counter_add(&c->leg[LEG_SERVER].replies, 1);
	reply_time_add(c, LEG_SERVER, now.us - t->request_us);
	return TRACK_ANSWER;
}

static unsigned
fin_from_server(struct track *t, struct endpoint_counters *c)
{
	if (!hole_in(t, downstream))
		server_left(t, c);
	return fin(t, downstream);
}

static unsigned
tcp_from_server(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	unsigned news = 0;

	if (p->tcp_flags & RST)
		return reset(t, downstream, p, c);
	if (!(t->flags & SERVER_KNOWN)) {
		if (t->state == FLOW_HALF_OPEN &&
				((p->tcp_flags & (SYN | ACK)) != (SYN | ACK) ||
						p->ack != t->tcp.client.next))
			return 0;
		meet_server(t, p, now, c);
	}
	window(t, downstream, p, c);
	if (sequence(t, downstream, p, c))
		news = reply_end(t, now, c);
	return p->tcp_flags & FIN ? news | fin_from_server(t, c) : news;
}

/*
 * UDP
 */

/* One conversation of datagrams. Each request opens, each reply ends the oldest open one. One open request at a
 * time is timed (as TCP times one segment at a time): `ahead` of it are so many that must be answered first. */
struct exchange {
	uint32_t *request_us;
	uint8_t *open, *ahead;
};

#define AHEAD_NONE UINT8_MAX
#define OPEN_MAX (AHEAD_NONE - 1)
#define DIFFER_UNKNOWN UINT16_MAX /* until nothing is open */

static void
give_up(struct exchange x, uint8_t n, struct leg_counters *l)
{
	counter_add(&l->unanswered, n);
	*x.open -= n;
	*x.ahead = AHEAD_NONE;
}

/* `quiet`: the conversation has paused for so long that what is open will not be answered any more. True if something
 * was given up. */
static bool
exchange_request(struct exchange x, struct track_time now, bool quiet, struct leg_counters *l)
{
	uint8_t before = *x.open;

	if (*x.open && (quiet || (*x.ahead != AHEAD_NONE && now.us - *x.request_us > GIVE_UP_US)))
		give_up(x, *x.open, l);
	if (*x.open == OPEN_MAX)
		give_up(x, 1, l);
	counter_add(&l->requests, 1);
	if (!*x.open || *x.ahead == AHEAD_NONE) {
		*x.ahead = *x.open;
		*x.request_us = now.us;
	}
	return (*x.open)++ < before;
}

static bool
exchange_reply(struct exchange x, struct track_time now, struct endpoint_counters *c, enum leg leg)
{
	if (!*x.open)
		return false;
	(*x.open)--;
	counter_add(&c->leg[leg].replies, 1);
	if (*x.ahead == AHEAD_NONE)
		return true;
	if ((*x.ahead)-- == 0) {
		reply_time_add(c, leg, now.us - *x.request_us);
		*x.ahead = AHEAD_NONE;
	}
	return true;
}

static inline struct exchange
exchange_of(struct track *t)
{
	return (struct exchange){&t->request_us, &t->open, &t->ahead};
}

static inline struct exchange
exchange_of_copy(struct track *t, unsigned n)
{
	return (struct exchange){&t->copies.request_us[n], &t->copies.open[n], &t->copies.ahead[n]};
}

/* What one side gave up the other may have answered. */
static void
request_from_client(struct track *t, struct track_time now, bool quiet, struct leg_counters *l)
{
	unsigned n;

	if (!exchange_request(exchange_of(t), now, quiet, l))
		return;
	for (n = 0; n < VIEW_SHADOWS_MAX; n++)
		t->copies.differ[n] = DIFFER_UNKNOWN;
}

/*
 * Both protocols
 */

void
track_begin(struct track *t, uint8_t protocol, bool adopted, struct track_time now,
		struct endpoint_counters *c)
{
	memset(t, 0, sizeof(*t));
	t->begun_ms = t->last_ms = now.ms;
	if (protocol == IPPROTO_UDP)
		t->state = FLOW_UNANSWERED;
	else
		t->state = adopted ? FLOW_ESTABLISHED : FLOW_HALF_OPEN;
	counter_add(&c->leg[LEG_SERVER].flows_new, 1);
}

void
track_one_way(struct track *t)
{
	t->flags |= ONE_WAY;
}

unsigned
track_from_client(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	struct leg_counters *l = &c->leg[LEG_SERVER];
	bool quiet = now.ms - t->last_ms > GIVE_UP_US / 1000;

	t->last_ms = now.ms;
	t->packets_to++;
	t->bytes_to += p->frame_len;
	counter_add(&l->packets_to, 1);
	counter_add(&l->bytes_to, p->frame_len);
	if (p->protocol == IPPROTO_TCP)
		return tcp_from_client(t, p, now, c);
	t->flags = quiet ? t->flags | QUIET : t->flags & ~QUIET;
	if (!(t->flags & ONE_WAY))
		request_from_client(t, now, quiet, l);
	return 0;
}

unsigned
track_from_server(struct track *t, const struct track_packet *p, struct track_time now,
		struct endpoint_counters *c)
{
	struct leg_counters *l = &c->leg[LEG_SERVER];

	t->last_ms = now.ms;
	t->packets_from++;
	t->bytes_from += p->frame_len;
	counter_add(&l->packets_from, 1);
	counter_add(&l->bytes_from, p->frame_len);
	if (p->protocol == IPPROTO_TCP)
		return tcp_from_server(t, p, now, c);
	t->state = FLOW_ANSWERED;
	if (!exchange_reply(exchange_of(t), now, c, LEG_SERVER))
		return 0;
	return t->open ? TRACK_ANSWER : TRACK_ANSWER | TRACK_REPLY;
}

bool
track_is_reuse(const struct track *t, const struct track_packet *p)
{
	if ((p->tcp_flags & (SYN | ACK | RST)) != SYN)
		return false;
	if (t->state == FLOW_CLOSING)
		return true;
	/* Where replies bypass us, the server's FIN is not seen. */
	if ((t->flags & ONE_WAY) && (t->flags & CLIENT_FIN))
		return true;
	return t->state == FLOW_HALF_OPEN && p->seq + extent(p) != t->tcp.client.next;
}

void
track_end(struct track *t, uint8_t protocol, struct endpoint_counters *c)
{
	struct leg_counters *l = &c->leg[LEG_SERVER];

	counter_add(&l->flows_closed, 1);
	counter_add(&l->unanswered, t->open);
	t->open = 0;
	if (protocol == IPPROTO_TCP && t->state == FLOW_HALF_OPEN &&
			!(t->flags & (SERVER_KNOWN | ONE_WAY)))
		counter_add(&l->connects_unanswered, 1);
}

void
track_copy_begin(struct track *t, unsigned n, struct endpoint_counters *c)
{
	struct exchange x = exchange_of_copy(t, n);

	*x.open = 0;
	*x.ahead = AHEAD_NONE;
	/* Requests before the one that is copied first are the primary's alone. */
	t->copies.differ[n] = t->open > 1 ? DIFFER_UNKNOWN : 0;
	counter_add(&c->leg[LEG_SHADOW].flows_new, 1);
}

void
track_copy_sent(struct track *t, unsigned n, uint32_t frame_len, struct track_time now,
		struct endpoint_counters *c)
{
	struct leg_counters *l = &c->leg[LEG_SHADOW];

	counter_add(&l->packets_to, 1);
	counter_add(&l->bytes_to, frame_len);
	if (exchange_request(exchange_of_copy(t, n), now, t->flags & QUIET, l))
		t->copies.differ[n] = DIFFER_UNKNOWN;
	if (t->flags & QUIET) /* both sides gave up what was open */
		t->copies.differ[n] = 0;
}

void
track_copy_missed(struct track *t, unsigned n)
{
	t->copies.differ[n] = DIFFER_UNKNOWN;
}

/* Sums modulo 65,535, which is not one of them. */
static void
differ_add(uint16_t *differ, uint32_t digest)
{
	if (*differ != DIFFER_UNKNOWN)
		*differ = (uint16_t)((*differ + digest) % DIFFER_UNKNOWN);
}

static void
answers_compare(struct track *t, unsigned n, struct leg_counters *l)
{
	uint16_t differ = t->copies.differ[n];

	if (t->open || t->copies.open[n] || (t->flags & ONE_WAY))
		return;
	if (differ != DIFFER_UNKNOWN)
		counter_add(differ ? &l->answers_different : &l->answers_same, 1);
	t->copies.differ[n] = 0;
}

void
track_answer(struct track *t, unsigned n, uint16_t digest, struct endpoint_counters *c)
{
	differ_add(&t->copies.differ[n], digest);
	answers_compare(t, n, &c->leg[LEG_SHADOW]);
}

void
track_copy_answer(struct track *t, unsigned n, uint16_t digest, struct endpoint_counters *c)
{
	differ_add(&t->copies.differ[n], DIFFER_UNKNOWN - digest % DIFFER_UNKNOWN);
	answers_compare(t, n, &c->leg[LEG_SHADOW]);
}

bool
track_copy_reply(struct track *t, unsigned n, uint32_t frame_len, struct track_time now,
		struct endpoint_counters *c)
{
	struct leg_counters *l = &c->leg[LEG_SHADOW];

	counter_add(&l->packets_from, 1);
	counter_add(&l->bytes_from, frame_len);
	return exchange_reply(exchange_of_copy(t, n), now, c, LEG_SHADOW);
}

void
track_copy_end(struct track *t, unsigned n, struct endpoint_counters *c)
{
	struct leg_counters *l = &c->leg[LEG_SHADOW];

	counter_add(&l->flows_closed, 1);
	give_up(exchange_of_copy(t, n), t->copies.open[n], l);
}

static uint32_t
established_ms(const struct track *t, const struct view_timeouts *timeouts)
{
	uint32_t ms = timeouts->tcp_established_ms;

	if ((t->flags & (CLIENT_FIN | SERVER_FIN)) && ms > HALF_CLOSED_MS)
		return HALF_CLOSED_MS;
	return ms;
}

uint32_t
track_timeout_ms(const struct track *t, const struct view_timeouts *timeouts)
{
	switch ((enum flow_state)t->state) {
	case FLOW_HALF_OPEN:
		return timeouts->tcp_half_open_ms;
	case FLOW_ESTABLISHED:
		return established_ms(t, timeouts);
	case FLOW_CLOSING:
		return timeouts->tcp_closing_ms;
	case FLOW_UNANSWERED:
		return timeouts->udp_unanswered_ms;
	case FLOW_ANSWERED:
		return timeouts->udp_ms;
	case FLOW_FREE:
	case FLOW_STATE_COUNT:
		break;
	}
	return 0;
}

/* What the receiver expects next: all that was sent to it, but no more than it has where a hole is known. A
 * segment lost beyond the gateway makes this too high; the receiver then answers with an ACK of what it
 * expects, and that, without a flow, is answered with a reset that fits. */
static uint32_t
expected(const struct track *t, struct direction d)
{
	const struct track_tcp *s = &t->tcp;

	if (d.from_server && (t->flags & ONE_WAY))
		return s->client.ack;
	if (d.from_server)
		return hole_in(t, d) ? s->client.ack : later(s->server.next, s->client.ack);
	return hole_in(t, d) ? s->server.ack : later(s->client.next, s->server.ack);
}

uint32_t
track_reset_seq_to_client(const struct track *t)
{
	return expected(t, downstream);
}

uint32_t
track_reset_ack_to_client(const struct track *t)
{
	return t->tcp.client.next;
}

uint32_t
track_reset_seq_to_server(const struct track *t)
{
	return t->flags & SERVER_KNOWN ? expected(t, upstream) : t->tcp.client.next;
}

uint32_t
track_reset_ack_to_server(const struct track *t)
{
	return t->tcp.server.next;
}
