/* SPDX-License-Identifier: Apache-2.0 */
#include "lcore.h"

#include <rte_ethdev.h>
#include <rte_ether.h>

#define OUTBOUND_BURST 32

void
egress_end(struct lcore *lc, struct rte_mbuf *m, enum packet_end end)
{
	counter_add(&lc->counters->end[end], 1);
	rte_pktmbuf_free(m);
}

/* Sent packets, by what they are. */
static void
count_sent(struct lcore *lc, enum egress_class class, uint64_t packets, uint64_t bytes)
{
	struct lcore_counters *c = lc->counters;

	switch (class) {
	case EGRESS_FORWARDED:
		counter_add(&c->forwarded, packets);
		counter_add(&c->forwarded_bytes, bytes);
		break;
	case EGRESS_GENERATED:
		counter_add(&c->generated, packets);
		break;
	case EGRESS_INJECTED:
		counter_add(&c->injected, packets);
		break;
	case EGRESS_COPY:
		counter_add(&c->mirrored, packets);
		counter_add(&c->mirrored_bytes, bytes);
		break;
	case EGRESS_CLASSES:
		break;
	}
}

static void
count_unsent(struct lcore *lc, enum egress_class class, uint64_t packets)
{
	if (class == EGRESS_FORWARDED)
		counter_add(&lc->counters->end[END_tx_full], packets);
	else if (class == EGRESS_COPY)
		counter_add(&lc->counters->mirror_tx_full, packets);
}

static void
buffer_send(struct lcore *lc, uint16_t port, enum egress_class class)
{
	struct egress_port *e = &lc->egress[port];
	struct egress_buffer *b = &e->buffer[class];
	struct port_counters *pc = &lc->port_counter[port];
	uint64_t bytes = 0, unsent_bytes = 0;
	uint16_t sent = 0, i, n;

	for (i = 0; i < b->count; i++)
		bytes += b->mbuf[i]->pkt_len;
	while (sent < b->count) {
		n = rte_eth_tx_burst(e->lane.dpdk_port, e->lane.queue, b->mbuf + sent,
				(uint16_t)(b->count - sent));
		if (n == 0)
			break;
		sent = (uint16_t)(sent + n);
	}
	for (i = sent; i < b->count; i++)
		unsent_bytes += b->mbuf[i]->pkt_len;
	if (unlikely(sent < b->count)) {
		count_unsent(lc, class, b->count - sent);
		counter_add(&pc->tx_full, b->count - sent);
		rte_pktmbuf_free_bulk(b->mbuf + sent, b->count - sent);
	}
	count_sent(lc, class, sent, bytes - unsent_bytes);
	counter_add(&pc->tx_packets, sent);
	counter_add(&pc->tx_bytes, bytes - unsent_bytes);
	b->count = 0;
}

/* To the lcore that owns a lane of the port. It counts what becomes of the packet; port and class travel along. */
static void
pass_on(struct lcore *lc, struct rte_mbuf *m, uint16_t port, enum egress_class class)
{
	m->port = port;
	m->hash.usr = class;
	if (likely(rte_ring_mp_enqueue(lc->egress[port].other, m) == 0))
		return;
	count_unsent(lc, class, 1);
	counter_add(&lc->port_counter[port].tx_full, 1);
	rte_pktmbuf_free(m);
}

/* Drivers trust the length: one copies the frame into a buffer of the MTU's size. */
static void
drop_oversize(struct lcore *lc, struct rte_mbuf *m, uint16_t port, enum egress_class class)
{
	counter_add(&lc->counters->end[END_too_big], class == EGRESS_FORWARDED);
	counter_add(&lc->counters->mirror_too_big, class == EGRESS_COPY);
	counter_add(&lc->port_counter[port].tx_full, 1);
	rte_pktmbuf_free(m);
}

/* Copies make room for nobody: what is not a copy goes first. */
static void
buffer_make_room(struct lcore *lc, uint16_t port, enum egress_class class)
{
	enum egress_class first;

	for (first = 0; first < class; first++) {
		if (lc->egress[port].buffer[first].count)
			buffer_send(lc, port, first);
	}
	buffer_send(lc, port, class);
}

void
egress(struct lcore *lc, struct rte_mbuf *m, uint16_t port, enum egress_class class)
{
	struct egress_port *e = &lc->egress[port];
	struct egress_buffer *b = &e->buffer[class];

	if (unlikely(m->pkt_len > e->mtu + (uint32_t)RTE_ETHER_HDR_LEN)) {
		drop_oversize(lc, m, port, class);
		return;
	}

	if (unlikely(e->other)) {
		pass_on(lc, m, port, class);
		return;
	}
	if (unlikely(e->vlan)) {
		m->vlan_tci = e->vlan;
		if (rte_vlan_insert(&m)) {
			counter_add(&lc->counters->end[END_no_mbuf], class == EGRESS_FORWARDED);
			rte_pktmbuf_free(m);
			return;
		}
	}
	if (unlikely(b->count == EGRESS_BUFFER))
		buffer_make_room(lc, port, class);
	b->mbuf[b->count++] = m;
	e->pending = true;
}

void
egress_flush(struct lcore *lc)
{
	enum egress_class c;
	uint16_t port;

	for (port = 0; port < lc->view->port_count; port++) {
		if (!lc->egress[port].pending)
			continue;
		for (c = 0; c < EGRESS_CLASSES; c++) {
			if (lc->egress[port].buffer[c].count)
				buffer_send(lc, port, c);
		}
		lc->egress[port].pending = false;
	}
}

void
egress_punt(struct lcore *lc, struct rte_mbuf *m)
{
	if (likely(rte_ring_sp_enqueue(lc->punt, m) == 0))
		counter_add(&lc->counters->end[END_punted], 1);
	else
		egress_end(lc, m, END_punt_full);
}

/* What is not ours may fill half of the ring: our ARP, ND and checks come through a flood of it. */
void
egress_not_ours(struct lcore *lc, struct rte_mbuf *m)
{
	const struct view_port *p = &lc->view->port[m->port];

	if (!p->to_kernel || !view_port_takes(p, rte_pktmbuf_mtod(m, const uint8_t *)))
		egress_end(lc, m, END_not_ours);
	else if (rte_ring_count(lc->punt) >= rte_ring_get_capacity(lc->punt) / 2)
		egress_end(lc, m, END_punt_full);
	else
		egress_punt(lc, m);
}

void
egress_handover(struct lcore *lc, struct rte_mbuf *m, uint32_t owner)
{
	if (unlikely(rte_ring_mp_enqueue(lc->dataplane->handover[owner], m))) {
		egress_end(lc, m, END_handover_full);
		return;
	}
	counter_add(&lc->counters->handed_over_out, 1);
}

/* All that is there, but no more than the other lcores can have put there in one turn: they return what came in on our
 * lanes, a burst of each. */
static void
outbound_take(struct lcore *lc)
{
	struct rte_mbuf *m[OUTBOUND_BURST];
	unsigned turns = lc->count * 4 * BURST / OUTBOUND_BURST;
	unsigned n, i;

	do {
		n = rte_ring_sc_dequeue_burst(lc->outbound, (void **)m, OUTBOUND_BURST, NULL);
		for (i = 0; i < n; i++)
			egress(lc, m[i], m[i]->port, m[i]->hash.usr);
	} while (n == OUTBOUND_BURST && --turns);
}

static void
inject_take(struct lcore *lc)
{
	struct rte_mbuf *m[OUTBOUND_BURST];
	unsigned n = rte_ring_sc_dequeue_burst(lc->inject, (void **)m, OUTBOUND_BURST, NULL);
	unsigned i;

	for (i = 0; i < n; i++) {
		if (unlikely(m[i]->pkt_len >
				    lc->egress[m[i]->port].mtu + (uint32_t)RTE_ETHER_HDR_LEN))
			egress_split(lc, m[i], m[i]->port, EGRESS_INJECTED);
		else
			egress(lc, m[i], m[i]->port, EGRESS_INJECTED);
	}
}

void
egress_outbound(struct lcore *lc)
{
	if (unlikely(!rte_ring_empty(lc->outbound)))
		outbound_take(lc);
	if (unlikely(!rte_ring_empty(lc->inject)))
		inject_take(lc);
}

struct rte_mbuf *
egress_made_or_null(struct lcore *lc)
{
	return rte_pktmbuf_alloc(lc->made);
}

/* Fills a made buffer with the answer to a packet; 0: none is due. */
static uint32_t
answer_fill(const struct lcore *lc, const struct rte_mbuf *m, const struct packet *p, uint8_t *out)
{
	struct reply_error e = {.kind = REPLY_PORT_UNREACHABLE};
	const struct view_port *port = &lc->view->port[m->port];

	if (p->protocol == IPPROTO_TCP)
		return reply_reset(rte_pktmbuf_mtod(m, const uint8_t *), p, out);
	e.src = p->family == 4 ? port->own4 : port->own6;
	return reply_error(rte_pktmbuf_mtod(m, const uint8_t *), p, &e, out);
}

static void
made_send(struct lcore *lc, struct rte_mbuf *made, uint32_t len, uint16_t port)
{
	if (!len) {
		rte_pktmbuf_free(made);
		return;
	}
	made->data_len = (uint16_t)len;
	made->pkt_len = len;
	egress(lc, made, port, EGRESS_GENERATED);
}

/* The answer's rate is limited, so that a flood with forged sources is not passed on. */
void
egress_answer(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, enum packet_end end)
{
	struct rte_mbuf *made = NULL;

	if (reply_limit_take(&lc->reply_limit, lc->now.ms))
		made = egress_made_or_null(lc);
	if (made)
		made_send(lc, made, answer_fill(lc, m, p, rte_pktmbuf_mtod(made, uint8_t *)),
				m->port);
	egress_end(lc, m, end);
}

static void
tell_error(struct lcore *lc, const struct rte_mbuf *m, const struct packet *p,
		struct reply_error *e)
{
	const struct view_port *port = &lc->view->port[m->port];
	struct rte_mbuf *made;

	e->src = p->family == 4 ? port->own4 : port->own6;
	if (!reply_limit_take(&lc->reply_limit, lc->now.ms))
		return;
	made = egress_made_or_null(lc);
	if (made)
		made_send(lc, made,
				reply_error(rte_pktmbuf_mtod(m, const uint8_t *), p, e,
						rte_pktmbuf_mtod(made, uint8_t *)),
				m->port);
}

void
egress_ttl_expired(struct lcore *lc, struct rte_mbuf *m, const struct packet *p)
{
	struct reply_error e = {.kind = REPLY_TTL_EXPIRED};

	tell_error(lc, m, p, &e);
	egress_end(lc, m, END_ttl_expired);
}

/* What was put together here may be taken apart again; else IPv4 without DF alone: routers do not fragment IPv6
 * (RFC 8200, 5). */
static bool
may_split(const struct lcore *lc, const struct rte_mbuf *m, const struct packet *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->ol_flags & lc->dataplane->reassembled_flag)
		return true;
	return p->family == 4 && (frame[p->l3 + 6] & 0x40) == 0;
}

bool
egress_may_split(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint16_t mtu)
{
	struct reply_error e = {.kind = REPLY_TOO_BIG, .mtu = mtu};

	if (may_split(lc, m, p))
		return true;
	tell_error(lc, m, p, &e);
	egress_end(lc, m, END_too_big);
	return false;
}

/* What follows the IP packet is none of any fragment's. */
static void
padding_trim(struct rte_mbuf *m)
{
	const uint8_t *ip = frame_of(m) + RTE_ETHER_HDR_LEN;
	uint32_t len = RTE_ETHER_HDR_LEN;

	if (ip[0] >> 4 == 4)
		len += (uint32_t)(ip[2] << 8 | ip[3]);
	else
		len += 40u + (uint32_t)(ip[4] << 8 | ip[5]);
	if (m->pkt_len > len)
		rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - len));
}

static void
drop_unsplit(struct lcore *lc, struct rte_mbuf *m, enum egress_class class)
{
	counter_add(&lc->counters->end[END_no_mbuf], class == EGRESS_FORWARDED);
	rte_pktmbuf_free(m);
}

/* The first fragment stands for the packet in the counters. */
void
egress_split(struct lcore *lc, struct rte_mbuf *m, uint16_t port, enum egress_class class)
{
	struct rte_mbuf *out[FRAGMENT_OUT_MAX];
	uint32_t n, i;

	padding_trim(m);
	n = fragment_split(lc->fragments, m, lc->egress[port].mtu, out);
	if (!n) {
		drop_unsplit(lc, m, class);
		return;
	}
	counter_add(&lc->counters->fragmented, 1);
	for (i = 0; i < n; i++)
		egress(lc, out[i], port, i ? EGRESS_GENERATED : class);
}
