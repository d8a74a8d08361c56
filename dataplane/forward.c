/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"
#include "lcore.h"
#include "rewrite.h"

#include <rte_tcp.h>

static inline uint32_t
load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_32(v);
}

static inline uint16_t
load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void
track_fill_plain(const uint8_t *f, uint32_t len, struct track_packet *t)
{
	uint32_t ip_len = load16(f + 16);

	t->protocol = f[23];
	t->frame_len = len;
	if (f[23] == IPPROTO_UDP) {
		t->tcp_flags = 0;
		t->payload_len = ip_len - 28;
		return;
	}
	t->tcp_flags = f[47];
	t->window = load16(f + 48);
	t->seq = load32(f + 38);
	t->ack = load32(f + 42);
	t->payload_len = ip_len - 20 - (f[46] >> 4) * 4u;
}

static void
track_fill_parsed(const struct packet *p, uint32_t len, struct track_packet *t)
{
	*t = (struct track_packet){
			.protocol = p->protocol,
			.tcp_flags = p->tcp_flags,
			.window = p->window,
			.seq = p->seq,
			.ack = p->ack,
			.payload_len = p->payload_len,
			.frame_len = len,
	};
}

static inline void
track_fill(struct burst *b, unsigned i, struct track_packet *t)
{
	if (likely(b->plain[i]))
		track_fill_plain(frame_of(b->mbuf[i]), b->mbuf[i]->pkt_len, t);
	else
		track_fill_parsed(&b->packet[i], b->mbuf[i]->pkt_len, t);
}

/* Offsets of a plain packet, for those who want a struct packet. */
static void
packet_of_plain(const uint8_t *f, struct packet *p)
{
	uint32_t l4_len = f[23] == IPPROTO_UDP ? 8 : (f[46] >> 4) * 4u;

	*p = (struct packet){
			.verdict = PARSE_SEGMENT,
			.family = 4,
			.protocol = f[23],
			.l3 = 14,
			.ttl = f[22],
			.l4 = 34,
			.ip_len = load16(f + 16),
			.payload = (uint16_t)(34 + l4_len),
			.payload_len = (uint16_t)(load16(f + 16) - 20 - l4_len),
	};
	if (p->protocol != IPPROTO_TCP)
		return;
	p->tcp_flags = f[47];
	p->window = load16(f + 48);
	p->seq = load32(f + 38);
	p->ack = load32(f + 42);
}

static const struct packet *
packet_of(struct burst *b, unsigned i)
{
	if (b->plain[i])
		packet_of_plain(frame_of(b->mbuf[i]), &b->packet[i]);
	return &b->packet[i];
}

static void
rewrite_flow6(uint8_t *frame, const struct packet *p, const struct flow_table *t, uint32_t ref)
{
	const struct flow6 *f6 = &t->flow6[ref >> 1];
	bool forward = (ref & 1) == FLOW_FORWARD;
	struct rewrite_tuple to = {
			.src = forward ? f6->local : f6->service,
			.dst = forward ? f6->endpoint : f6->client,
	};

	rewrite_parsed(frame, p, flow_line(&t->flow[ref >> 1], ref & 1), &to);
}

static inline void
rewrite(struct lcore *lc, struct burst *b, unsigned i, uint32_t ref)
{
	const struct flow_line *line = flow_line(&lc->flows.flow[ref >> 1], ref & 1);
	uint8_t *frame = frame_of(b->mbuf[i]);

	if (likely(b->plain[i]))
		rewrite_plain(frame, line);
	else if (b->packet[i].family == 4)
		rewrite_parsed(frame, &b->packet[i], line, NULL);
	else
		rewrite_flow6(frame, &b->packet[i], &lc->flows, ref);
}

/* The neighbour that the client's packets come through; replies go back there. */
static inline void
client_seen(struct flow *f, const uint8_t *frame, uint16_t port)
{
	struct flow_line *line = &f->forward;

	if (likely(memcmp(line->client_mac, frame + 6, 6) == 0 && line->client_port == port))
		return;
	memcpy(line->client_mac, frame + 6, 6);
	memcpy(f->reverse.client_mac, frame + 6, 6);
	line->client_port = f->reverse.client_port = port;
}

/* The endpoint's epoch is another than the flow's: its flows must move, end, or may stay. True: go on with it. */
static bool
renew(struct lcore *lc, struct burst *b, unsigned i, uint32_t number,
		const struct view_endpoint *ep)
{
	struct flow *f = &lc->flows.flow[number];

	if (flow_is_tcp(f) && !(ep->flags & ENDPOINT_RESET_ESTABLISHED)) {
		f->forward.epoch = ep->epoch;
		return true;
	}
	if (flow_is_tcp(f)) {
		flow_reset(lc, number);
		egress_end(lc, b->mbuf[i], END_endpoint_gone);
		return false;
	}
	flow_end(lc, number);
	counter_add(&lc->counters->flows_moved, 1);
	admit(lc, b, i);
	return false;
}

static bool
is_reuse(const struct lcore *lc, struct burst *b, unsigned i, uint32_t number)
{
	struct track_packet tp;

	if (b->plain[i] || b->packet[i].protocol != IPPROTO_TCP ||
			!(b->packet[i].tcp_flags & RTE_TCP_SYN_FLAG))
		return false;
	track_fill(b, i, &tp);
	return track_is_reuse(&lc->flows.flow[number].track, &tp);
}

static inline uint32_t
ip_length(const struct burst *b, unsigned i)
{
	return b->plain[i] ? load16(rte_pktmbuf_mtod(b->mbuf[i], const uint8_t *) + 16)
			   : b->packet[i].ip_len;
}

static inline void
send_on(struct lcore *lc, const struct burst *b, unsigned i, uint16_t port, uint16_t mtu)
{
	if (likely(ip_length(b, i) <= mtu))
		egress(lc, b->mbuf[i], port, EGRESS_FORWARDED);
	else
		egress_split(lc, b->mbuf[i], port, EGRESS_FORWARDED);
}

static inline void
state_count(struct lcore *lc, uint8_t before, uint8_t after)
{
	if (likely(before == after))
		return;
	gauge_add(&lc->flows.by_state[before], -1);
	gauge_add(&lc->flows.by_state[after], 1);
}

static inline unsigned
track_client(struct lcore *lc, struct burst *b, unsigned i, struct flow *f)
{
	uint8_t before = f->track.state;
	struct track_packet tp;
	unsigned news;

	track_fill(b, i, &tp);
	news = track_from_client(&f->track, &tp, lc->now, &lc->endpoint[f->forward.eid]);
	state_count(lc, before, f->track.state);
	return news;
}

static inline unsigned
track_server(struct lcore *lc, struct burst *b, unsigned i, struct flow *f)
{
	uint8_t before = f->track.state;
	struct track_packet tp;
	unsigned news;

	track_fill(b, i, &tp);
	news = track_from_server(&f->track, &tp, lc->now, &lc->endpoint[f->forward.eid]);
	state_count(lc, before, f->track.state);
	return news;
}

/* A reply that begins with this packet, of a service that says what its failures look like. */
static void
answer_look(struct lcore *lc, struct burst *b, unsigned i, const struct flow *f)
{
	if (answer_is_failure(frame_of(b->mbuf[i]), b->mbuf[i]->data_len, packet_of(b, i),
			    f->forward.flags))
		counter_add(&lc->endpoint[f->forward.eid].leg[LEG_SERVER].replies_failed, 1);
}

void
forward_from_client(struct lcore *lc, struct burst *b, unsigned i, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	const struct view_endpoint *ep = view_endpoint(lc->view, f->forward.eid);
	struct rte_mbuf *m = b->mbuf[i];

	if (unlikely(ep->epoch != f->forward.epoch) && !renew(lc, b, i, number, ep))
		return;
	client_seen(f, frame_of(m), m->port);
	if (unlikely(!(ep->flags & ENDPOINT_RESOLVED))) {
		egress_end(lc, m, END_no_neighbour);
		return;
	}
	if (unlikely(ip_length(b, i) > ep->mtu) &&
			!egress_may_split(lc, m, packet_of(b, i), ep->mtu))
		return;
	track_client(lc, b, i, f);
	rewrite(lc, b, i, flow_ref(number, FLOW_FORWARD));
	rewrite_mac(frame_of(m), ep->l2.dst, ep->l2.src);
	if (unlikely(ep->mirror_share > f->forward.mirror_draw ||
			    (f->forward.flags & FLOW_COPIED_HOME)))
		mirror(lc, m, packet_of(b, i), number);
	send_on(lc, b, i, ep->l2.port, ep->mtu);
}

/* per_request: the answer, or the last of several that were asked for from one port, has passed; the client's next
 * datagram is a new decision. */
static void
request_answered(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];

	if (!(f->forward.flags & FLOW_DETACHED))
		counter_add(&lc->counters->flows_closed, 1);
	if (mirror_is_open(f))
		flow_detach(lc, number);
	else
		flow_end(lc, number);
}

static void
forward_from_server(struct lcore *lc, struct burst *b, unsigned i, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	const struct view_port *port = &lc->view->port[f->reverse.client_port];
	struct rte_mbuf *m = b->mbuf[i];
	unsigned news;

	if (unlikely(ip_length(b, i) > port->mtu) &&
			!egress_may_split(lc, m, packet_of(b, i), port->mtu))
		return;
	news = track_server(lc, b, i, f);
	if (unlikely(news & TRACK_REFUSED))
		lcore_event(lc, EVENT_REFUSED, 0, f->forward.eid);
	if ((news & TRACK_ANSWER) && (f->forward.flags & FLOW_REPLIES))
		answer_look(lc, b, i, f);
	if ((news & TRACK_ANSWER) && unlikely(f->forward.flags & FLOW_WAS_MIRRORED))
		mirror_answered(lc, m, packet_of(b, i), f);
	rewrite(lc, b, i, flow_ref(number, FLOW_REVERSE));
	rewrite_mac(frame_of(m), f->reverse.client_mac, port->mac.b);
	send_on(lc, b, i, f->reverse.client_port, port->mtu);
	if ((news & TRACK_REPLY) && (f->forward.flags & FLOW_PER_REQUEST))
		request_answered(lc, number);
}

/* Plain packets have more to live: see ingress.c. */
static inline bool
is_last_hop(const struct lcore *lc, const struct burst *b, unsigned i, uint32_t ref)
{
	return unlikely(!b->plain[i]) && b->packet[i].ttl <= 1 &&
			flow_line(&lc->flows.flow[ref >> 1], ref & 1)->out.ttl;
}

static inline void
dispatch(struct lcore *lc, struct burst *b, unsigned i, uint32_t ref)
{
	if (is_last_hop(lc, b, i, ref))
		egress_ttl_expired(lc, b->mbuf[i], &b->packet[i]);
	else if ((ref & 1) == FLOW_REVERSE)
		forward_from_server(lc, b, i, ref >> 1);
	else if (unlikely(is_reuse(lc, b, i, ref >> 1))) {
		flow_end(lc, ref >> 1);
		counter_add(&lc->counters->flows_closed, 1);
		admit(lc, b, i);
	} else {
		forward_from_client(lc, b, i, ref >> 1);
	}
}

static inline bool
is_match(const struct lcore *lc, const struct burst *b, unsigned i, uint32_t ref)
{
	const struct flow_line *line = flow_line(&lc->flows.flow[ref >> 1], ref & 1);
	struct flow_key key;

	if (!flow_match_equal(&line->match, &b->match[i]))
		return false;
	if (likely(!b->match[i].ttl))
		return true;
	parse_key(rte_pktmbuf_mtod(b->mbuf[i], const uint8_t *), &b->packet[i], &key);
	return flow_is_key6(&lc->flows, ref, &key);
}

static uint32_t
search(const struct lcore *lc, const struct burst *b, unsigned i)
{
	struct flow_key key;

	if (!b->match[i].ttl)
		return flow_lookup(&lc->flows, &b->match[i], b->hash[i], NULL);
	parse_key(rte_pktmbuf_mtod(b->mbuf[i], const uint8_t *), &b->packet[i], &key);
	return flow_lookup(&lc->flows, &b->match[i], b->hash[i], &key);
}

static inline void
forward_indexed(struct lcore *lc, struct burst *b, unsigned i)
{
	uint32_t ref = b->ref[i];

	if (unlikely(!ref || !is_match(lc, b, i, ref)))
		ref = search(lc, b, i);
	if (likely(ref))
		dispatch(lc, b, i, ref);
	else
		admit(lc, b, i);
}

/* To a local port: the endpoint's answer, a shadow's, or nobody's. */
static inline void
forward_to_slot(struct lcore *lc, struct burst *b, unsigned i)
{
	uint32_t ref = b->ref[i];

	if (likely(ref) && likely(is_match(lc, b, i, ref))) {
		dispatch(lc, b, i, ref);
		return;
	}
	if (!ref || lc->flows.flow[ref >> 1].forward.slot != b->hash[i] ||
			!mirror_reply(lc, b->mbuf[i], packet_of(b, i), ref >> 1))
		egress_end(lc, b->mbuf[i], END_no_flow);
}

static inline void
prefetch_flow(const struct lcore *lc, uint32_t ref)
{
	const struct flow *f = &lc->flows.flow[ref >> 1];

	rte_prefetch0(&f->track);
	rte_prefetch0((ref & 1) == FLOW_FORWARD ? &f->forward : &f->reverse);
	if ((ref & 1) == FLOW_REVERSE)
		rte_prefetch0(&f->forward);
}

/* First tag that fits: almost always the one; the match is compared later. */
static inline uint32_t
candidate_of_hash(const struct lcore *lc, uint64_t hash)
{
	const struct flow_bucket *k = flow_index_home(&lc->flows.index, hash);
	unsigned hit = flow_bucket_match(k, flow_index_tag(hash));

	return hit ? k->ref[__builtin_ctz(hit)] : 0;
}

static inline uint32_t
candidate_of_slot(const struct lcore *lc, const struct burst *b, unsigned i)
{
	const struct local_ports *l = b->match[i].ttl ? &lc->local6 : &lc->local4;
	uint32_t number = l->slot[b->hash[i]].flow;

	if (number == 0 || number > lc->flows.limit)
		return 0;
	return flow_ref(number, FLOW_REVERSE);
}

void
forward(struct lcore *lc, struct burst *b)
{
	unsigned i;

	for (i = 0; i < b->count; i++) {
		if (likely(b->way[i] == WAY_INDEX))
			b->ref[i] = candidate_of_hash(lc, b->hash[i]);
		else if (b->way[i] == WAY_SLOT)
			b->ref[i] = candidate_of_slot(lc, b, i);
		else
			continue;
		prefetch_flow(lc, b->ref[i]);
	}
	for (i = 0; i < b->count; i++) {
		if (likely(b->way[i] == WAY_INDEX))
			forward_indexed(lc, b, i);
		else if (b->way[i] == WAY_SLOT)
			forward_to_slot(lc, b, i);
	}
}
