/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of requests to shadows. By flow (its draw against the share), never by packet, so that a shadow sees whole
 * conversations. A copy always leaves from a local address and port, whatever the service's forwarding mode, so that
 * its answer comes back here and ends here. All legs of a flow use the same local port: the remote tells them apart.
 *
 *   primary serves   copies to shadow 0, 1, 2 of the primary
 *   shadow serves    copies home, to the primary that a shift took the flow from: in the last place of the three; and in
 *                    the others to the shadow's own shadows, if it has any
 *
 * Whether a flow may be copied home is settled when it begins (admit.c); the view in force says whether it still is.
 */
#include "answer.h"
#include "lcore.h"
#include "rewrite.h"

#define HOME (VIEW_SHADOWS_MAX - 1)

static bool
can_take(const struct view_endpoint *shadow)
{
	const uint16_t need = ENDPOINT_PRESENT | ENDPOINT_UP | ENDPOINT_RESOLVED;

	return (shadow->flags & need) == need;
}

static struct rte_mbuf *
copy_of(struct lcore *lc, const struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_alloc(lc->copies);

	if (unlikely(!copy))
		return NULL;
	if (unlikely(rte_pktmbuf_tailroom(copy) < m->data_len)) {
		rte_pktmbuf_free(copy);
		return NULL;
	}
	rte_memcpy(rte_pktmbuf_mtod(copy, void *), rte_pktmbuf_mtod(m, const void *), m->data_len);
	copy->data_len = m->data_len;
	copy->pkt_len = m->data_len;
	return copy;
}

static void
copy_address(struct lcore *lc, uint8_t *frame, const struct packet *p, const struct flow *f,
		const struct view_endpoint *shadow)
{
	bool v6 = f->forward.flags & FLOW_IPV6;
	const struct local_ports *l = v6 ? &lc->local6 : &lc->local4;
	const struct ip_addr *locals = v6 ? lc->view->local6 : lc->view->local4;
	struct rewrite_tuple to = {
			.src = locals[local_port_address(l, f->forward.slot)],
			.dst = shadow->ip,
			.src_port_be = rte_cpu_to_be_16(local_port_number(l, f->forward.slot)),
			.dst_port_be = shadow->port_be ? shadow->port_be
						       : f->forward.match.dst_port_be,
	};

	rewrite_tuple(frame, p, &to);
	rewrite_mac(frame, shadow->l2.dst, shadow->l2.src);
}

/* The n-th shadow's side of the flow begins, perhaps in place of another's that a reload replaced. */
static void
shadow_begin(struct lcore *lc, struct flow *f, unsigned n, uint32_t eid)
{
	uint32_t *now = &f->reverse.shadow[n];

	if (likely(*now == eid))
		return;
	if (*now != ENDPOINT_NONE)
		track_copy_end(&f->track, n, &lc->endpoint[*now]);
	*now = eid;
	f->forward.flags |= FLOW_WAS_MIRRORED;
	track_copy_begin(&f->track, n, &lc->endpoint[eid]);
}

void
mirror_end(struct lcore *lc, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	unsigned n;

	if (!(f->forward.flags & FLOW_WAS_MIRRORED))
		return;
	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		if (f->reverse.shadow[n] != ENDPOINT_NONE)
			track_copy_end(&f->track, n, &lc->endpoint[f->reverse.shadow[n]]);
	}
}

static bool
is_home(const struct flow *f, unsigned n)
{
	return n == HOME && (f->forward.flags & FLOW_COPIED_HOME);
}

/* Whose mirror settings hold for the n-th place. */
static const struct view_endpoint *
mirrored_of(const struct lcore *lc, const struct flow *f, unsigned n)
{
	return view_endpoint(lc->view, is_home(f, n) ? f->reverse.home : f->forward.eid);
}

/* Who gets copies in the n-th place now; ENDPOINT_NONE: nobody. */
static uint32_t
copy_to(const struct lcore *lc, const struct flow *f, unsigned n)
{
	const struct view_endpoint *ep = mirrored_of(lc, f, n);

	if (ep->mirror_share <= f->forward.mirror_draw)
		return ENDPOINT_NONE;
	if (is_home(f, n))
		return ep->flags & ENDPOINT_COPIES_HOME ? ep->eid : ENDPOINT_NONE;
	return n < ep->mirror_count ? ep->shadow[n] : ENDPOINT_NONE;
}

/* Was a copy made? */
static bool
copy_send(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number, unsigned n)
{
	struct flow *f = &lc->flows.flow[number];
	const struct view_endpoint *ep = mirrored_of(lc, f, n);
	const struct view_endpoint *shadow = view_endpoint(lc->view, copy_to(lc, f, n));
	struct rte_mbuf *copy;

	counter_add(&lc->counters->mirror_wanted, 1);
	if (!can_take(shadow)) {
		counter_add(&lc->counters->mirror_shadow_down, 1);
		return false;
	}
	if (p->ip_len > shadow->mtu) {
		counter_add(&lc->counters->mirror_too_big, 1);
		return false;
	}
	if (!mirror_budget_take(&lc->budget[ep->eid], ep, m->pkt_len, lc->now.us)) {
		counter_add(&lc->counters->mirror_over_budget, 1);
		return false;
	}
	copy = flow_slot(lc, number) == LOCAL_NONE ? NULL : copy_of(lc, m);
	if (!copy) {
		counter_add(&lc->counters->mirror_no_buffer, 1);
		return false;
	}
	copy_address(lc, frame_of(copy), p, f, shadow);
	shadow_begin(lc, f, n, shadow->eid);
	track_copy_sent(&f->track, n, m->pkt_len, lc->now, &lc->endpoint[shadow->eid]);
	egress(lc, copy, shadow->l2.port, EGRESS_COPY);
	return true;
}

void
mirror(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	unsigned n;

	if (p->protocol != IPPROTO_UDP)
		return;
	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		if (copy_to(lc, f, n) != ENDPOINT_NONE && !copy_send(lc, m, p, number, n))
			track_copy_missed(&f->track, n);
	}
}

bool
mirror_is_from(const struct flow_key *key, const struct flow *f, const struct view_endpoint *shadow)
{
	uint16_t port_be = shadow->port_be ? shadow->port_be : f->forward.match.dst_port_be;

	return ip_equal(&shadow->ip, &key->src) && key->src_port_be == port_be;
}

/* Is an answer of a shadow still to come? */
bool
mirror_is_open(const struct flow *f)
{
	unsigned n;

	if (!(f->forward.flags & FLOW_WAS_MIRRORED))
		return false;
	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		if (f->reverse.shadow[n] != ENDPOINT_NONE && f->track.copies.open[n])
			return true;
	}
	return false;
}

void
mirror_answered(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, struct flow *f)
{
	bool failed = answer_is_failure(frame_of(m), m->data_len, p, f->forward.flags);
	uint16_t digest = answer_digest(frame_of(m), m->data_len, p);
	unsigned n;

	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		uint32_t eid = f->reverse.shadow[n];
		bool now = copy_to(lc, f, n) != ENDPOINT_NONE;

		/* Who gets copies need not fail as the one does who serves. */
		if (!now || failed)
			track_copy_missed(&f->track, n);
		if (now && eid != ENDPOINT_NONE)
			track_answer(&f->track, n, digest, &lc->endpoint[eid]);
	}
}

static void
copy_answered(struct flow *f, struct rte_mbuf *m, const struct packet *p, unsigned n,
		struct endpoint_counters *c)
{
	if (answer_is_failure(frame_of(m), m->data_len, p, f->forward.flags))
		counter_add(&c->leg[LEG_SHADOW].replies_failed, 1);
	track_copy_answer(&f->track, n, answer_digest(frame_of(m), m->data_len, p), c);
}

bool
mirror_reply(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t number)
{
	struct flow *f = &lc->flows.flow[number];
	struct flow_key key;
	unsigned n;

	if (f->track.state == FLOW_FREE || p->protocol != f->forward.match.protocol)
		return false;
	parse_key(frame_of(m), p, &key);
	for (n = 0; n < VIEW_SHADOWS_MAX; n++) {
		uint32_t eid = f->reverse.shadow[n];

		if (eid == ENDPOINT_NONE || !mirror_is_from(&key, f, view_endpoint(lc->view, eid)))
			continue;
		if (track_copy_reply(&f->track, n, m->pkt_len, lc->now, &lc->endpoint[eid]))
			copy_answered(f, m, p, n, &lc->endpoint[eid]);
		egress_end(lc, m, END_shadow_reply);
		if ((f->forward.flags & FLOW_DETACHED) && !mirror_is_open(f))
			flow_end(lc, number);
		return true;
	}
	return false;
}
