/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors. The packet inside tells the flow, and which of its sides complains:
 *
 *   inside local -> endpoint    fullnat: the endpoint's side, about what we sent it; or a shadow's, about a copy
 *   inside client -> endpoint   nat: likewise, found by the reverse key
 *   inside service -> client    the client's side, about what we sent it
 *
 * The error is carried over to the flow's other side, so that path MTU discovery and fast failure work through us.
 */
#include "icmp.h"
#include "lcore.h"
#include "rewrite.h"

#define ICMP4_UNREACHABLE 3
#define ICMP4_FRAGMENTATION_NEEDED 4
#define ICMP6_UNREACHABLE 1

/* How far behind the newest byte a packet may be that an error is about: the largest window in use is far below. */
#define RECENT_BYTES (16u << 20)

/* The packet inside an error, and the key that an answer to it would have. */
struct icmp_inside {
	struct packet packet;
	struct flow_key reply;
};

/* Within the error's own length: what may lie behind it in the frame is none of it. */
static enum parse_verdict
inner_parse(const uint8_t *frame, const struct packet *p, struct packet *inner)
{
	return parse_inner(frame + p->inner, p->l3 + p->ip_len - p->inner, inner);
}

static bool
is_recent(uint32_t next, uint32_t seq)
{
	return next - seq <= RECENT_BYTES;
}

static bool
is_unreachable(const struct packet *p)
{
	if (p->family == 4)
		return p->icmp_type == ICMP4_UNREACHABLE &&
				p->icmp_code != ICMP4_FRAGMENTATION_NEEDED;
	return p->icmp_type == ICMP6_UNREACHABLE;
}

/* The packet inside, as the answer to it would look: that is the key of the flow's packets from the one who complains. */
static void
reverse_key(const struct flow_key *in, struct flow_key *out)
{
	*out = (struct flow_key){
			.src = in->dst,
			.dst = in->src,
			.src_port_be = in->dst_port_be,
			.dst_port_be = in->src_port_be,
			.protocol = in->protocol,
	};
}

static uint32_t
find_by_key(const struct lcore *lc, const struct flow_key *key)
{
	union flow_match m;

	flow_match_of(&lc->flows, key, &m);
	return flow_lookup(&lc->flows, &m, flow_hash(&lc->flows, &m),
			ip_is_v4(&key->src) ? NULL : key);
}

/* The flow that owns a local port; 0 if none does. */
static uint32_t
find_by_slot(const struct lcore *lc, const struct flow_key *key, uint32_t address)
{
	const struct local_ports *l = ip_is_v4(&key->dst) ? &lc->local4 : &lc->local6;
	uint32_t slot = local_port_slot(l, address, rte_be_to_cpu_16(key->dst_port_be));
	uint32_t number = slot == LOCAL_NONE ? 0 : l->slot[slot].flow;

	if (number > lc->flows.limit || lc->flows.flow[number].forward.slot != slot)
		return 0;
	return number;
}

static void
source_of(const uint8_t *frame, const struct packet *p, struct ip_addr *src)
{
	uint32_t v4;

	if (p->family == 6) {
		*src = ip_from_v6(frame + p->l3 + 8);
		return;
	}
	memcpy(&v4, frame + p->l3 + 12, sizeof(v4));
	*src = ip_from_v4_be(v4);
}

/* Translated, or ended: an error about a packet of another family, or one whose TTL runs out here. */
static bool
translate(struct lcore *lc, struct rte_mbuf *m, const struct packet *p,
		const struct icmp_translation *t)
{
	struct packet inner;

	if (p->ttl <= 1) {
		egress_end(lc, m, END_ttl_expired);
		return false;
	}
	inner_parse(frame_of(m), p, &inner);
	if (icmp_translate(frame_of(m), p, &inner, t))
		return true;
	egress_end(lc, m, END_bad_icmp);
	return false;
}

/* An error goes to who sent the packet that it is about. */
static bool
is_to(const uint8_t *frame, const struct packet *p, const struct ip_addr *sender)
{
	uint32_t v4;

	if (p->family == 6)
		return memcmp(frame + p->l3 + 24, sender->b, sizeof(sender->b)) == 0;
	memcpy(&v4, frame + p->l3 + 16, sizeof(v4));
	return v4 == ip_v4_be(sender);
}

/* To the client: what it sent, as it sent it; the endpoint's own word is the service's. */
static void
carry_to_client(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number)
{
	const struct flow *f = &lc->flows.flow[number];
	struct icmp_translation t = {.src = {.q = {0, 0}}};

	if (f->reverse.client_port == PORT_NONE) {
		egress_end(lc, m, END_bad_icmp);
		return;
	}
	flow_client_key(&lc->flows, number, &t.inner);
	source_of(frame_of(m), p, &t.src);
	if (ip_equal(&t.src, &view_endpoint(lc->view, f->forward.eid)->ip))
		t.src = t.inner.dst;
	t.dst = t.inner.src;
	if (!translate(lc, m, p, &t))
		return;
	rewrite_mac(frame_of(m), f->reverse.client_mac,
			lc->view->port[f->reverse.client_port].mac.b);
	egress(lc, m, f->reverse.client_port, EGRESS_FORWARDED);
}

/* To the endpoint: its reply, as it sent it. */
static void
carry_to_endpoint(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number)
{
	const struct flow *f = &lc->flows.flow[number];
	const struct view_endpoint *ep = view_endpoint(lc->view, f->forward.eid);
	struct icmp_translation t = {.src = {.q = {0, 0}}};

	if (!(ep->flags & ENDPOINT_RESOLVED)) {
		egress_end(lc, m, END_no_neighbour);
		return;
	}
	flow_reply_key(&lc->flows, number, &t.inner);
	t.dst = t.inner.src;
	if (f->forward.flags & FLOW_LOCAL_SOURCE)
		t.src = t.inner.dst;
	else
		source_of(frame_of(m), p, &t.src);
	if (!translate(lc, m, p, &t))
		return;
	rewrite_mac(frame_of(m), ep->l2.dst, ep->l2.src);
	egress(lc, m, ep->l2.port, EGRESS_FORWARDED);
}

/* An endpoint that cannot be reached: evidence. */
static void
endpoint_unreachable(struct lcore *lc, const struct packet *p, uint32_t eid, enum leg leg)
{
	if (!is_unreachable(p))
		return;
	counter_add(&lc->endpoint[eid].leg[leg].unreachable, 1);
	lcore_event(lc, EVENT_UNREACHABLE, p->icmp_code, eid);
}

static bool
key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return ip_equal(&a->src, &b->src) && ip_equal(&a->dst, &b->dst) &&
			a->src_port_be == b->src_port_be && a->dst_port_be == b->dst_port_be &&
			a->protocol == b->protocol;
}

/* The shadow that would send packets with this key to the flow's local port; ENDPOINT_NONE: none got a copy. */
static uint32_t
shadow_of(const struct lcore *lc, const struct flow *f, const struct flow_key *reply)
{
	unsigned n;

	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		uint32_t eid = f->reverse.shadow[n];

		if (eid != ENDPOINT_NONE && mirror_is_from(reply, f, view_endpoint(lc->view, eid)))
			return eid;
	}
	return ENDPOINT_NONE;
}

/* About a packet whose answer would have had the key `reply`: of the flow's endpoint, or of a shadow of it. Anybody can
 * forge an error, so it must name what was sent, and for TCP what was sent lately (RFC 5927, 4.1). */
static void
error_from_server(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number,
		const struct icmp_inside *in)
{
	const struct flow *f = &lc->flows.flow[number];
	uint32_t shadow = shadow_of(lc, f, &in->reply);
	struct flow_key own;

	flow_reply_key(&lc->flows, number, &own);
	if (shadow != ENDPOINT_NONE) {
		endpoint_unreachable(lc, p, shadow, LEG_SHADOW);
		egress_end(lc, m, END_shadow_reply);
	} else if (!key_equal(&own, &in->reply) || (f->forward.flags & FLOW_DETACHED) ||
			(flow_is_tcp(f) && !is_recent(f->track.tcp.client.next, in->packet.seq))) {
		egress_end(lc, m, END_bad_icmp);
	} else {
		endpoint_unreachable(lc, p, f->forward.eid, LEG_SERVER);
		carry_to_client(lc, m, p, number);
	}
}

static void
error_from_client(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number,
		const struct icmp_inside *in)
{
	const struct flow *f = &lc->flows.flow[number];

	if (flow_is_tcp(f) && !is_recent(f->track.tcp.server.next, in->packet.seq))
		egress_end(lc, m, END_bad_icmp);
	else
		carry_to_endpoint(lc, m, p, number);
}

/* Not about any flow: about a packet of the gateway itself (a check's), or somebody else's. */
static void
error_foreign(struct lcore *lc, struct rte_mbuf *m, const struct flow_key *inner)
{
	switch (classifier_address(lc->view->classifier, &inner->src).kind) {
	case ADDRESS_OWN:
		egress_punt(lc, m);
		break;
	case ADDRESS_SERVICE:
	case ADDRESS_LOCAL:
		egress_end(lc, m, END_bad_icmp);
		break;
	case ADDRESS_FOREIGN:
		egress_not_ours(lc, m);
		break;
	}
}

/* With several lcores the error goes where the flow is. True: it went. */
static bool
hand_over(struct lcore *lc, struct rte_mbuf *m, const struct flow_key *reply)
{
	uint32_t owner;

	if (lc->count == 1)
		return false;
	owner = ingress_owner(lc, reply);
	if (owner == lc->index)
		return false;
	egress_handover(lc, m, owner);
	return true;
}

void
icmp_error(struct lcore *lc, struct rte_mbuf *m, const struct packet *p)
{
	struct icmp_inside in;
	struct flow_key inside;
	struct address_entry a;
	uint32_t ref;

	if (inner_parse(frame_of(m), p, &in.packet) != PARSE_SEGMENT) {
		egress_end(lc, m, END_bad_icmp);
		return;
	}
	parse_key(frame_of(m) + p->inner, &in.packet, &inside);
	reverse_key(&inside, &in.reply);
	if (hand_over(lc, m, &in.reply))
		return;
	a = classifier_address(lc->view->classifier, &in.reply.dst);
	if (a.kind == ADDRESS_LOCAL)
		ref = flow_ref(find_by_slot(lc, &in.reply, a.index), FLOW_REVERSE);
	else
		ref = find_by_key(lc, &in.reply);
	if (ref >> 1 == 0)
		error_foreign(lc, m, &inside);
	else if (!is_to(frame_of(m), p, &inside.src))
		egress_end(lc, m, END_bad_icmp);
	else if ((ref & 1) == FLOW_REVERSE)
		error_from_server(lc, m, p, ref >> 1, &in);
	else
		error_from_client(lc, m, p, ref >> 1, &in);
}
