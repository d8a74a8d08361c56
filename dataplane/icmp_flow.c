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
	parse_inner(frame_of(m) + p->inner, m->data_len - p->inner, &inner);
	if (icmp_translate(frame_of(m), p, &inner, t))
		return true;
	egress_end(lc, m, END_bad_icmp);
	return false;
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

/* About a packet to `remote`: the endpoint of the flow, or a shadow of it. */
static void
error_from_server(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number,
		const struct ip_addr *remote)
{
	const struct flow *f = &lc->flows.flow[number];
	unsigned n;

	if (ip_equal(&view_endpoint(lc->view, f->forward.eid)->ip, remote) &&
			(f->forward.flags & FLOW_DETACHED) == 0) {
		endpoint_unreachable(lc, p, f->forward.eid, LEG_SERVER);
		carry_to_client(lc, m, p, number);
		return;
	}
	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		uint32_t eid = f->reverse.shadow[n];

		if (eid == ENDPOINT_NONE || !ip_equal(&view_endpoint(lc->view, eid)->ip, remote))
			continue;
		endpoint_unreachable(lc, p, eid, LEG_SHADOW);
		egress_end(lc, m, END_shadow_reply);
		return;
	}
	egress_end(lc, m, END_bad_icmp);
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
	struct flow_key inside, reply;
	struct address_entry a;
	struct packet inner;
	uint32_t ref;

	if (parse_inner(frame_of(m) + p->inner, m->data_len - p->inner, &inner) != PARSE_SEGMENT) {
		egress_end(lc, m, END_bad_icmp);
		return;
	}
	parse_key(frame_of(m) + p->inner, &inner, &inside);
	reverse_key(&inside, &reply);
	if (hand_over(lc, m, &reply))
		return;
	a = classifier_address(lc->view->classifier, &reply.dst);
	if (a.kind == ADDRESS_LOCAL)
		ref = flow_ref(find_by_slot(lc, &reply, a.index), FLOW_REVERSE);
	else
		ref = find_by_key(lc, &reply);
	if (ref >> 1 == 0)
		error_foreign(lc, m, &inside);
	else if ((ref & 1) == FLOW_REVERSE)
		error_from_server(lc, m, p, ref >> 1, &reply.src);
	else
		carry_to_endpoint(lc, m, p, ref >> 1);
}
