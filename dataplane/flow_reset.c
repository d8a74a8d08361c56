/* SPDX-License-Identifier: Apache-2.0 */
#include "lcore.h"

static void
send_reset(struct lcore *lc, const struct reply_reset *r, uint16_t port)
{
	struct rte_mbuf *m = egress_made_or_null(lc);

	if (!m)
		return;
	m->data_len = (uint16_t)reply_reset_make(r, rte_pktmbuf_mtod(m, uint8_t *));
	m->pkt_len = m->data_len;
	egress(lc, m, port, EGRESS_GENERATED);
}

static void
reset_client(struct lcore *lc, uint32_t number)
{
	const struct flow *f = &lc->flows.flow[number];
	struct reply_reset r = {
			.src_mac = lc->view->port[f->reverse.client_port].mac,
			.seq = track_reset_seq_to_client(&f->track),
			.ack = track_reset_ack_to_client(&f->track),
			.has_ack = true,
	};

	memcpy(r.dst_mac.b, f->reverse.client_mac, sizeof(r.dst_mac.b));
	flow_out_key(&lc->flows, flow_ref(number, FLOW_REVERSE), &r.key);
	send_reset(lc, &r, f->reverse.client_port);
}

static void
reset_server(struct lcore *lc, uint32_t number)
{
	const struct flow *f = &lc->flows.flow[number];
	const struct view_endpoint *ep = view_endpoint(lc->view, f->forward.eid);
	struct reply_reset r = {
			.seq = track_reset_seq_to_server(&f->track),
			.ack = track_reset_ack_to_server(&f->track),
			.has_ack = true,
	};

	if (!(ep->flags & ENDPOINT_RESOLVED))
		return;
	memcpy(r.dst_mac.b, ep->l2.dst, sizeof(r.dst_mac.b));
	memcpy(r.src_mac.b, ep->l2.src, sizeof(r.src_mac.b));
	flow_out_key(&lc->flows, flow_ref(number, FLOW_FORWARD), &r.key);
	send_reset(lc, &r, ep->l2.port);
}

/* A half-open flow whose endpoint may hold a connection for it, and will see its port again soon. */
void
flow_abandon(struct lcore *lc, uint32_t number)
{
	if (lc->flows.flow[number].track.packets_from)
		reset_server(lc, number);
}

void
flow_reset(struct lcore *lc, uint32_t number)
{
	if (lc->flows.flow[number].reverse.client_port != PORT_NONE)
		reset_client(lc, number);
	reset_server(lc, number);
	flow_end(lc, number);
	counter_add(&lc->counters->flows_reset, 1);
}
