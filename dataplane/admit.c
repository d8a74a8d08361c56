/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that belong to no flow. A ladder: what is malformed ends here; what no service is for is answered or left;
 * TCP in mid-stream is reset or adopted; the rest is the first packet of a flow: steer() picks the endpoint, and the
 * flow gets its number, its local port, its place in the index, and what to write into its packets.
 */
#include "lcore.h"
#include "rewrite.h"

#include <rte_tcp.h>

#define REST_HALF_OPEN_MS 2000u

/* The first packet of a flow, on its way to become one. */
struct candidate {
	struct flow_key key;
	const struct view_service *service;
	struct steer_result steer;
	uint64_t hash; /* steer_hash */
	bool adopted;
};

static bool
is_tcp(const struct candidate *c)
{
	return c->key.protocol == IPPROTO_TCP;
}

static struct local_ports *
ports_of(struct lcore *lc, const struct flow *f)
{
	return f->forward.flags & FLOW_IPV6 ? &lc->local6 : &lc->local4;
}

static void
index_remove(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];

	if (f->forward.flags & FLOW_DETACHED)
		return;
	flow_index_del(&lc->flows.index, flow_hash(&lc->flows, &f->forward.match),
			flow_ref(number, FLOW_FORWARD));
	if (f->forward.flags & FLOW_INDEXED_REVERSE)
		flow_index_del(&lc->flows.index, flow_hash(&lc->flows, &f->reverse.match),
				flow_ref(number, FLOW_REVERSE));
}

/* No TIME_WAIT follows a handshake that was never completed: its port rests only for what is still under way. And a flow
 * that waited for its shadows' answers has rested meanwhile. */
static uint32_t
rest_ms(const struct lcore *lc, const struct flow *f)
{
	const struct view_timeouts *t = &lc->view->timeouts;
	uint32_t waited_ms = lc->now.ms - f->track.last_ms;

	if (flow_is_tcp(f))
		return f->track.state == FLOW_HALF_OPEN ? RTE_MIN(t->rest_tcp_ms, REST_HALF_OPEN_MS)
							: t->rest_tcp_ms;
	if (f->forward.flags & FLOW_DETACHED)
		return t->rest_udp_ms > waited_ms ? t->rest_udp_ms - waited_ms : 0;
	return t->rest_udp_ms;
}

static void
slot_release(struct lcore *lc, struct flow *f)
{
	if (f->forward.slot != LOCAL_NONE)
		local_port_put(ports_of(lc, f), f->forward.slot, flow_is_tcp(f), lc->now.ms,
				rest_ms(lc, f));
}

void
flow_end(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];

	index_remove(lc, number);
	slot_release(lc, f);
	mirror_end(lc, number);
	track_end(&f->track, f->forward.match.protocol, &lc->endpoint[f->forward.eid]);
	gauge_add(&lc->flows.by_state[f->track.state], -1);
	f->track.state = FLOW_FREE;
	f->forward.match.q[1] = f->reverse.match.q[1] = 0;
	f->forward.slot = LOCAL_NONE;
	flow_give_back(&lc->flows, number);
}

void
flow_detach(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];

	index_remove(lc, number);
	f->forward.flags |= FLOW_DETACHED;
}

/* Addresses of the flow's two sides: as the client sees them, and as the endpoint does. */
static void
tuples_of(struct lcore *lc, const struct candidate *c, const struct flow *f,
		struct rewrite_tuple *outer, struct rewrite_tuple *inner)
{
	const struct view_endpoint *ep = view_endpoint(lc->view, c->steer.eid);
	const struct local_ports *l = ports_of(lc, f);

	*outer = (struct rewrite_tuple){
			.src = c->key.src,
			.dst = c->key.dst,
			.src_port_be = c->key.src_port_be,
			.dst_port_be = c->key.dst_port_be,
	};
	*inner = *outer;
	if (c->service->forward == FORWARD_DSR_L2)
		return;
	inner->dst = ep->ip;
	if (ep->port_be)
		inner->dst_port_be = ep->port_be;
	if (c->service->forward != FORWARD_FULLNAT)
		return;
	inner->src = f->forward.flags & FLOW_IPV6
			? lc->view->local6[local_port_address(l, f->forward.slot)]
			: lc->view->local4[local_port_address(l, f->forward.slot)];
	inner->src_port_be = rte_cpu_to_be_16(local_port_number(l, f->forward.slot));
}

static void
swap(const struct rewrite_tuple *t, struct rewrite_tuple *out)
{
	*out = (struct rewrite_tuple){t->dst, t->src, t->dst_port_be, t->src_port_be};
}

static void
lines_fill(struct lcore *lc, const struct candidate *c, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	struct rewrite_tuple outer, inner, from, to;
	uint8_t ttl_step = c->service->forward == FORWARD_DSR_L2 ? 0 : 0xff;
	struct flow_key reply = {.protocol = c->key.protocol};

	tuples_of(lc, c, f, &outer, &inner);
	rewrite_prepare(&f->forward, &outer, &inner, ttl_step);
	swap(&inner, &from);
	swap(&outer, &to);
	reply.src = from.src;
	reply.dst = from.dst;
	reply.src_port_be = from.src_port_be;
	reply.dst_port_be = from.dst_port_be;
	flow_match_of(&lc->flows, &reply, &f->reverse.match);
	rewrite_prepare(&f->reverse, &from, &to, 0xff);
	if (f->forward.flags & FLOW_IPV6)
		lc->flows.flow6[number] = (struct flow6){.client = outer.src,
				.service = outer.dst,
				.local = inner.src,
				.endpoint = inner.dst};
}

static uint32_t
local_port_take(struct lcore *lc, const struct flow *f, uint32_t number)
{
	const struct view *v = lc->view;

	if (f->forward.flags & FLOW_IPV6)
		return local_port_get(
				&lc->local6, v->local6_active, v->local6_count, number, lc->now.ms);
	return local_port_get(&lc->local4, v->local4_active, v->local4_count, number, lc->now.ms);
}

uint32_t
flow_slot(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];

	if (f->forward.slot == LOCAL_NONE)
		f->forward.slot = local_port_take(lc, f, number);
	return f->forward.slot;
}

static uint16_t
flags_of(const struct candidate *c)
{
	uint16_t flags = 0;

	if (!ip_is_v4(&c->key.src))
		flags |= FLOW_IPV6;
	if (c->service->flags & SERVICE_PER_REQUEST)
		flags |= FLOW_PER_REQUEST;
	if (c->service->flags & SERVICE_REPLIES_HTTP)
		flags |= FLOW_REPLIES_HTTP;
	if (c->service->flags & SERVICE_REPLIES_DNS)
		flags |= FLOW_REPLIES_DNS;
	if (c->service->forward == FORWARD_NAT)
		flags |= FLOW_INDEXED_REVERSE;
	if (c->service->forward == FORWARD_FULLNAT)
		flags |= FLOW_LOCAL_SOURCE;
	if (c->steer.side == SIDE_SHADOW)
		flags |= FLOW_SHADOW_SIDE;
	if (c->adopted)
		flags |= FLOW_ADOPTED;
	return flags;
}

/* A shift took it from its primary, which is to see it all the same. */
static bool
is_copied_home(const struct lcore *lc, const struct candidate *c)
{
	const struct view_endpoint *home;

	if (c->steer.reason != STEER_SHIFT)
		return false;
	home = view_endpoint(lc->view, c->steer.primary);
	return (home->flags & ENDPOINT_COPIES_HOME) &&
			steer_mirror_draw(c->hash) < home->mirror_share;
}

static void
flow_clear(struct lcore *lc, const struct candidate *c, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];

	memset(&f->forward, 0, sizeof(f->forward));
	memset(&f->reverse, 0, sizeof(f->reverse));
	flow_match_of(&lc->flows, &c->key, &f->forward.match);
	f->forward.flags = flags_of(c);
	if (is_copied_home(lc, c))
		f->forward.flags |= FLOW_COPIED_HOME;
	f->reverse.home = c->steer.primary;
	f->forward.eid = f->reverse.eid = c->steer.eid;
	f->forward.epoch = view_endpoint(lc->view, c->steer.eid)->epoch;
	f->forward.mirror_draw = (uint16_t)steer_mirror_draw(c->hash);
	f->forward.sid = (uint16_t)c->service->sid;
	f->forward.reason = (uint8_t)c->steer.reason;
	f->forward.slot = LOCAL_NONE;
	memset(f->reverse.shadow, 0xff, sizeof(f->reverse.shadow));
	f->forward.client_port = f->reverse.client_port = PORT_NONE;
}

static bool
reply_is_taken(const struct lcore *lc, uint32_t number, uint64_t hash)
{
	const struct flow *f = &lc->flows.flow[number];
	struct flow_key key;

	if (!(f->forward.flags & FLOW_IPV6))
		return flow_lookup(&lc->flows, &f->reverse.match, hash, NULL) != 0;
	key = (struct flow_key){.src = lc->flows.flow6[number].endpoint,
			.dst = lc->flows.flow6[number].local};
	return flow_lookup(&lc->flows, &f->reverse.match, hash, &key) != 0;
}

/* Both references, or none. -EEXIST: the replies could not be told from another flow's. */
static int
index_insert(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	uint64_t forward = flow_hash(&lc->flows, &f->forward.match);
	uint64_t reverse = flow_hash(&lc->flows, &f->reverse.match);

	if ((f->forward.flags & FLOW_INDEXED_REVERSE) && reply_is_taken(lc, number, reverse))
		return -EEXIST;
	if (!flow_index_add(&lc->flows.index, forward, flow_ref(number, FLOW_FORWARD)))
		return -ENOSPC;
	if (!(f->forward.flags & FLOW_INDEXED_REVERSE))
		return 0;
	if (flow_index_add(&lc->flows.index, reverse, flow_ref(number, FLOW_REVERSE)))
		return 0;
	flow_index_del(&lc->flows.index, forward, flow_ref(number, FLOW_FORWARD));
	return -ENOSPC;
}

static int
flow_fill(struct lcore *lc, const struct candidate *c, uint32_t number)
{
	flow_clear(lc, c, number);
	if (c->service->forward == FORWARD_FULLNAT && flow_slot(lc, number) == LOCAL_NONE)
		return -EADDRNOTAVAIL;
	lines_fill(lc, c, number);
	return index_insert(lc, number);
}

static enum packet_end
end_of(int error)
{
	switch (error) {
	case -EADDRNOTAVAIL:
		return END_no_local_port;
	case -EEXIST:
		return END_reply_collision;
	default:
		return END_flow_limit;
	}
}

/* 0 or the reason why not; then nothing is kept, and a local port taken in vain need not rest. */
static uint32_t
flow_create(struct lcore *lc, const struct candidate *c, enum packet_end *why)
{
	uint32_t number = flow_take(&lc->flows);
	struct flow *f = &lc->flows.flow[number];
	int error;

	*why = END_flow_limit;
	if (!number)
		return 0;
	error = flow_fill(lc, c, number);
	if (error) {
		*why = end_of(error);
		if (f->forward.slot != LOCAL_NONE)
			local_port_put(ports_of(lc, f), f->forward.slot, is_tcp(c), lc->now.ms, 0);
		f->forward.match.q[1] = f->reverse.match.q[1] = 0;
		f->forward.slot = LOCAL_NONE;
		flow_give_back(&lc->flows, number);
		return 0;
	}
	track_begin(&f->track, c->key.protocol, c->adopted, lc->now, &lc->endpoint[c->steer.eid]);
	if (c->service->forward == FORWARD_DSR_L2)
		track_one_way(&f->track);
	gauge_add(&lc->flows.by_state[f->track.state], 1);
	counter_add(&lc->counters->flows_created, 1);
	counter_add(&lc->counters->flows_adopted, c->adopted);
	return number;
}

/* Not to a service: what is it then? */
static void
admit_foreign(struct lcore *lc, struct rte_mbuf *m, const struct packet *p,
		const struct flow_key *key)
{
	switch (classifier_address(lc->view->classifier, &key->dst).kind) {
	case ADDRESS_SERVICE:
		egress_answer(lc, m, p, END_protocol_unknown);
		break;
	case ADDRESS_LOCAL:
		egress_end(lc, m, END_no_flow);
		break;
	case ADDRESS_OWN:
		egress_punt(lc, m);
		break;
	case ADDRESS_FOREIGN:
		egress_not_ours(lc, m);
		break;
	}
}

/* May a TCP segment begin a flow? A SYN alone may; others only if the service adopts. */
static bool
admit_tcp(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, struct candidate *c)
{
	uint8_t flags = p->tcp_flags &
			(RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG);

	if (flags == RTE_TCP_SYN_FLAG)
		return true;
	c->adopted = true;
	if ((c->service->flags & SERVICE_ADOPT) && !(flags & RTE_TCP_RST_FLAG))
		return true;
	if (flags & RTE_TCP_RST_FLAG)
		egress_end(lc, m, END_no_flow);
	else
		egress_answer(lc, m, p, END_no_flow);
	return false;
}

/* The packet was only looked at by offsets so far; a flow begins with a packet that is sound all through. */
static bool
admit_parse(struct lcore *lc, struct burst *b, unsigned i)
{
	struct rte_mbuf *m = b->mbuf[i];

	if (!b->plain[i])
		return true;
	if (parse_frame(frame_of(m), m->data_len, &b->packet[i]) == PARSE_SEGMENT)
		return true;
	egress_end(lc, m, b->packet[i].verdict == PARSE_BAD ? b->packet[i].end : END_bad_l4_header);
	return false;
}

void
admit(struct lcore *lc, struct burst *b, unsigned i)
{
	struct candidate c = {.adopted = false};
	struct rte_mbuf *m = b->mbuf[i];
	struct packet *p = &b->packet[i];
	enum packet_end why;
	uint32_t number;
	int64_t sid;

	if (!admit_parse(lc, b, i))
		return;
	parse_key(frame_of(m), p, &c.key);
	sid = classifier_service(lc->view->classifier, &c.key.dst, c.key.protocol,
			rte_be_to_cpu_16(c.key.dst_port_be));
	if (sid < 0) {
		admit_foreign(lc, m, p, &c.key);
		return;
	}
	c.service = lc->view->service[sid];
	if (p->ttl <= 1 && c.service->forward != FORWARD_DSR_L2) {
		egress_ttl_expired(lc, m, p);
		return;
	}
	if (is_tcp(&c) && !admit_tcp(lc, m, p, &c))
		return;
	c.hash = steer_hash(lc->view->hash_seed, &c.key, c.service->hash);
	c.steer = steer(lc->view, c.service, &c.key.src, c.hash);
	if (c.steer.eid == ENDPOINT_NONE) {
		egress_answer(lc, m, p, END_no_endpoint);
		return;
	}
	number = flow_create(lc, &c, &why);
	if (number)
		forward_from_client(lc, b, i, number);
	else
		egress_end(lc, m, why);
}
