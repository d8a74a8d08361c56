/* SPDX-License-Identifier: Apache-2.0 */
#include "lcore.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#define IPV4_PLAIN \
	0x00450008u /* EtherType IPv4, version 4, header of 20 bytes, any TOS: bytes 12..14 */
#define MATCH_OFFSET 22 /* of the TTL, in a frame without VLAN tag */
#define VLAN_TAGS_MAX 2

static inline uint16_t
load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
load32_raw(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Is it a frame that needs no more than the fixed offsets? What is not plain is parsed, not refused. */
static inline bool
is_plain(const uint8_t *p, uint32_t len)
{
	uint32_t ip_len;

	if (len < 42 || (p[0] & 1) || (load32_raw(p + 12) & 0x00ffffff) != IPV4_PLAIN)
		return false;
	ip_len = load16(p + 16);
	if ((load16(p + 20) & 0x3fff) || p[22] <= 1 || ip_len + 14 > len)
		return false;
	if (p[23] == IPPROTO_UDP)
		return ip_len >= 28 && load16(p + 38) == ip_len - 20;
	if (p[23] != IPPROTO_TCP || ip_len < 40 || p[46] < 0x50 ||
			(p[47] & ~RTE_TCP_PSH_FLAG) != RTE_TCP_ACK_FLAG)
		return false;
	return 20 + (p[46] >> 4) * 4u <= ip_len;
}

static inline __m128i
match_load(const uint8_t *frame)
{
	const __m128i mask = _mm_set_epi32(-1, -1, -1, 0x0000ff00);

	return _mm_and_si128(_mm_loadu_si128((const __m128i *)(frame + MATCH_OFFSET)), mask);
}

/* Which lcore owns the flows of a client: any RSS may have brought the packet here. */
static uint32_t
client_owner(const struct lcore *lc, const struct ip_addr *client, uint16_t port_be)
{
	uint64_t h = (client->q[0] ^ client->q[1] ^ port_be) * 0x9e3779b97f4a7c15u;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return (uint32_t)(((h >> 32) * lc->count) >> 32);
}

/* The lcore that owns an address's local port, which need not be one of ours. */
static uint32_t
local_owner(const struct lcore *lc, uint16_t port)
{
	uint32_t owner = port < LOCAL_PORT_FIRST ? lc->index
						 : (port - LOCAL_PORT_FIRST) / lc->local4.ports;

	return owner < lc->count ? owner : lc->index;
}

/* To one of our local addresses: the slot tells the flow, or the lcore that has it. */
static void
locate_local(struct lcore *lc, struct burst *b, unsigned i, uint32_t address)
{
	const union flow_match *m = &b->match[i];
	struct local_ports *l = m->ttl ? &lc->local6 : &lc->local4;
	uint16_t port = rte_be_to_cpu_16(m->dst_port_be);
	uint32_t slot = local_port_slot(l, address, port);

	if (slot != LOCAL_NONE) {
		b->way[i] = WAY_SLOT;
		b->hash[i] = slot;
		rte_prefetch0(&l->slot[slot]);
		return;
	}
	b->way[i] = WAY_DONE;
	if (local_owner(lc, port) != lc->index)
		egress_handover(lc, b->mbuf[i], local_owner(lc, port));
	else
		egress_end(lc, b->mbuf[i], END_no_flow);
}

static inline void
locate_index(struct lcore *lc, struct burst *b, unsigned i)
{
	b->hash[i] = flow_hash(&lc->flows, &b->match[i]);
	b->way[i] = WAY_INDEX;
	rte_prefetch0(flow_index_home(&lc->flows.index, b->hash[i]));
}

/* The client is the source if the destination is a service, else (nat replies) the destination. */
uint32_t
ingress_owner(const struct lcore *lc, const struct flow_key *key)
{
	switch (classifier_address(lc->view->classifier, &key->dst).kind) {
	case ADDRESS_SERVICE:
		return client_owner(lc, &key->src, key->src_port_be);
	case ADDRESS_LOCAL:
		return local_owner(lc, rte_be_to_cpu_16(key->dst_port_be));
	case ADDRESS_OWN:
	case ADDRESS_FOREIGN:
		break;
	}
	return client_owner(lc, &key->dst, key->dst_port_be);
}

static bool
hand_over_foreign(struct lcore *lc, struct burst *b, unsigned i, const struct flow_key *key)
{
	uint32_t owner = ingress_owner(lc, key);

	if (owner == lc->index)
		return false;
	b->way[i] = WAY_DONE;
	egress_handover(lc, b->mbuf[i], owner);
	return true;
}

static void
plain_key(const union flow_match *m, struct flow_key *key)
{
	*key = (struct flow_key){
			.src = ip_from_v4_be(m->src_be),
			.dst = ip_from_v4_be(m->dst_be),
			.src_port_be = m->src_port_be,
			.dst_port_be = m->dst_port_be,
			.protocol = m->protocol,
	};
}

static inline void
locate_plain(struct lcore *lc, struct burst *b, unsigned i, const struct classifier_local4 *local4)
{
	int32_t local = classifier_local4_lookup(local4, b->match[i].dst_be);
	struct flow_key key;

	if (local >= 0) {
		locate_local(lc, b, i, (uint32_t)local);
		return;
	}
	if (lc->count > 1) {
		plain_key(&b->match[i], &key);
		if (hand_over_foreign(lc, b, i, &key))
			return;
	}
	locate_index(lc, b, i);
}

static void
locate_segment(struct lcore *lc, struct burst *b, unsigned i)
{
	struct address_entry a;
	struct flow_key key;

	if (frame_of(b->mbuf[i])[0] & 1) {
		egress_not_ours(lc, b->mbuf[i]);
		return;
	}
	parse_key(frame_of(b->mbuf[i]), &b->packet[i], &key);
	flow_match_of(&lc->flows, &key, &b->match[i]);
	a = classifier_address(lc->view->classifier, &key.dst);
	if (a.kind == ADDRESS_LOCAL) {
		locate_local(lc, b, i, a.index);
	} else if (a.kind == ADDRESS_OWN) {
		egress_punt(lc, b->mbuf[i]);
	} else if (lc->count == 1 || !hand_over_foreign(lc, b, i, &key)) {
		locate_index(lc, b, i);
	}
}

/* By addresses and identification: what all fragments of a packet share. */
static uint32_t
fragment_owner(const struct lcore *lc, const uint8_t *frame, const struct packet *p)
{
	const uint8_t *ip = frame + p->l3;
	struct ip_addr a;

	if (p->family == 4)
		a = (struct ip_addr){
				.w = {load32_raw(ip + 12), load32_raw(ip + 16), load16(ip + 4), 0}};
	else
		a = (struct ip_addr){.w = {load32_raw(ip + 20), load32_raw(ip + 36),
						     load32_raw(frame + p->l4 - 4), 0}};
	return client_owner(lc, &a, 0);
}

/* All fragments of a packet meet on one lcore; what becomes whole is processed after this burst. */
static void
ingress_fragment(struct lcore *lc, struct rte_mbuf *m, const struct packet *p)
{
	uint32_t owner = fragment_owner(lc, frame_of(m), p);
	struct rte_mbuf *whole;

	if (owner != lc->index) {
		egress_handover(lc, m, owner);
		return;
	}
	whole = fragment_add(lc->fragments, m, p, lc->tsc);
	if (!whole)
		return;
	whole->ol_flags |= lc->dataplane->reassembled_flag;
	if (lc->whole_count == BURST)
		egress_end(lc, whole, END_fragment_limit);
	else
		lc->whole[lc->whole_count++] = whole;
}

static bool
is_to_us(const struct lcore *lc, const uint8_t *frame, const struct packet *p)
{
	struct ip_addr dst;

	if (p->family == 4)
		dst = ip_from_v4_be(load32_raw(frame + p->l3 + 16));
	else
		dst = ip_from_v6(frame + p->l3 + 24);
	return classifier_address(lc->view->classifier, &dst).kind != ADDRESS_FOREIGN;
}

/* ARP, ND and echo go up; other ICMP and protocols only if they are to us. */
static void
ingress_control(struct lcore *lc, struct rte_mbuf *m, const struct packet *p)
{
	const uint8_t *frame = frame_of(m);
	bool multicast6 = p->family == 6 && frame[p->l3 + 24] == 0xff;

	if (p->family == 0 || multicast6 || is_to_us(lc, frame, p))
		egress_punt(lc, m);
	else
		egress_not_ours(lc, m);
}

static void
ingress_other_l4(struct lcore *lc, struct rte_mbuf *m, const struct packet *p)
{
	if (is_to_us(lc, frame_of(m), p))
		egress_end(lc, m, END_protocol_unknown);
	else
		egress_not_ours(lc, m);
}

/* What the plain case does not cover. */
static void
ingress_parsed(struct lcore *lc, struct burst *b, unsigned i)
{
	struct rte_mbuf *m = b->mbuf[i];
	struct packet *p = &b->packet[i];

	b->way[i] = WAY_DONE;
	switch (parse_frame(frame_of(m), m->data_len, p)) {
	case PARSE_SEGMENT:
		locate_segment(lc, b, i);
		break;
	case PARSE_FRAGMENT:
		ingress_fragment(lc, m, p);
		break;
	case PARSE_ICMP_ERROR:
		icmp_error(lc, m, p);
		break;
	case PARSE_CONTROL:
		ingress_control(lc, m, p);
		break;
	case PARSE_OTHER_L4:
		ingress_other_l4(lc, m, p);
		break;
	case PARSE_OTHER_L3:
		egress_not_ours(lc, m);
		break;
	case PARSE_BAD:
		egress_end(lc, m, p->end);
		break;
	}
}

void
ingress(struct lcore *lc, struct burst *b)
{
	const struct classifier_local4 *local4 = classifier_local4(lc->view->classifier);
	unsigned i;

	for (i = 0; i < b->count; i++) {
		struct rte_mbuf *m = b->mbuf[i];

		b->plain[i] = is_plain(frame_of(m), m->data_len);
		if (likely(b->plain[i])) {
			b->match[i].v = match_load(frame_of(m));
			locate_plain(lc, b, i, local4);
		} else {
			ingress_parsed(lc, b, i);
		}
	}
}

static bool
is_vlan(uint16_t ether_type)
{
	return ether_type == RTE_ETHER_TYPE_VLAN || ether_type == RTE_ETHER_TYPE_QINQ;
}

static uint16_t
port_of_vlan(const struct lcore *lc, uint16_t device, uint16_t vlan)
{
	uint16_t i;

	for (i = 0; i < lc->view->port_count; i++) {
		if (lc->view->port[i].dpdk_device == device && lc->view->port[i].vlan == vlan)
			return i;
	}
	return PORT_NONE;
}

/* Takes the tag off (a priority tag, VLAN 0, is no VLAN), and tells the logical port. A second tag stays and is
 * nobody's: parse finds no IP behind it. */
static uint16_t
ingress_vlan(struct lcore *lc, const struct ingress_lane *lane, struct rte_mbuf *m)
{
	uint8_t *p = frame_of(m);
	uint16_t vlan;

	if (m->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
		return PORT_NONE;
	vlan = load16(p + 14) & 0x0fff;
	memmove(p + RTE_VLAN_HLEN, p, 2 * RTE_ETHER_ADDR_LEN);
	rte_pktmbuf_adj(m, RTE_VLAN_HLEN);
	return vlan ? port_of_vlan(lc, lane->device, vlan) : lane->untagged_port;
}

static bool
is_group(const uint8_t *frame)
{
	return frame[0] & 1;
}

/* A switch that floods, or a promiscuous port, shows us other hosts' frames. */
static bool
is_of_another(const struct ingress_lane *lane, const uint8_t *frame)
{
	return memcmp(frame, lane->mac, sizeof(lane->mac)) != 0 && !is_group(frame);
}

static bool
ingress_port(struct lcore *lc, const struct ingress_lane *lane, struct rte_mbuf *m)
{
	m->port = lane->untagged_port;
	if (unlikely(m->nb_segs > 1) && rte_pktmbuf_linearize(m)) {
		egress_end(lc, m, END_no_mbuf);
		return false;
	}
	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN)) {
		egress_end(lc, m, END_short_frame);
		return false;
	}
	if (unlikely(is_vlan(load16(frame_of(m) + 12))))
		m->port = ingress_vlan(lc, lane, m);
	if (unlikely(m->port == PORT_NONE)) {
		egress_end(lc, m, END_vlan_unknown);
		return false;
	}
	if (unlikely(is_of_another(lane, frame_of(m)))) {
		egress_end(lc, m, END_not_ours);
		return false;
	}
	return true;
}

/* All of a burst mostly came for one logical port. */
static void
count_received(struct lcore *lc, const struct burst *b)
{
	uint16_t i, from = 0;

	while (from < b->count) {
		struct port_counters *c = &lc->port_counter[b->mbuf[from]->port];
		uint64_t bytes = 0;

		for (i = from; i < b->count && b->mbuf[i]->port == b->mbuf[from]->port; i++)
			bytes += b->mbuf[i]->pkt_len;
		counter_add(&c->rx_packets, i - from);
		counter_add(&c->rx_bytes, bytes);
		from = i;
	}
}

void
ingress_lane(struct lcore *lc, const struct ingress_lane *lane, struct burst *b)
{
	uint16_t kept = 0, i;
	uint64_t bytes = 0;

	for (i = 0; i < b->count; i++)
		rte_prefetch0(frame_of(b->mbuf[i]));
	for (i = 0; i < b->count; i++) {
		struct rte_mbuf *m = b->mbuf[i];

		bytes += m->pkt_len;
		if (likely(ingress_port(lc, lane, m)))
			b->mbuf[kept++] = m;
	}
	counter_add(&lc->counters->received, b->count);
	counter_add(&lc->counters->received_bytes, bytes);
	b->count = kept;
	count_received(lc, b);
	ingress(lc, b);
}
