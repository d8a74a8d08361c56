/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour_packet.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#define ETHER_LEN sizeof(struct rte_ether_hdr)
#define ARP_LEN sizeof(struct rte_arp_hdr)
#define IP4_LEN sizeof(struct rte_ipv4_hdr)
#define IP6_LEN sizeof(struct rte_ipv6_hdr)
#define ND_LEN sizeof(struct nd_neighbor_solicit) /* as long as an advertisement */
#define FLAG_SOLICITED 0x40 /* RFC 4861, 4.4 */
#define FLAG_OVERRIDE 0x20
#define OPTION_UNIT 8 /* RFC 4861, 4.6 */
#define SHORTEST_FRAME 60
#define HOP_LIMIT_ND 255 /* RFC 4861, 7.1: proves that no router forwarded it */
#define TTL_ECHO 64
#define FRAGMENT_MASK 0x3fff /* more fragments, and the offset */
#define ND_TARGET 8 /* offset of the target address */

_Static_assert(NEIGHBOUR_FRAME_MAX >= ETHER_LEN + IP6_LEN + ND_LEN + OPTION_UNIT,
		"longest frame made here");

static bool
mac_is_unicast(const uint8_t *mac)
{
	static const uint8_t zero[6];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

static bool
ip4_is_host(uint32_t addr_be)
{
	uint32_t a = rte_be_to_cpu_32(addr_be);

	return a != 0 && a >> 28 < 0xe && a >> 24 != 127;
}

/* A mapped IPv4 address must not come in by an IPv6 packet: it would pass for the other family. */
static bool
ip6_is_host(const uint8_t *addr)
{
	struct ip_addr a = ip_from_v6(addr);

	return !ip_is_none(&a) && !ip_is_v4(&a) && addr[0] != 0xff &&
			!IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)addr);
}

static enum neighbour_kind
decode_arp(const uint8_t *data, size_t len, struct neighbour_packet *p)
{
	const struct rte_arp_hdr *arp = (const struct rte_arp_hdr *)data;
	const struct rte_arp_ipv4 *d = &arp->arp_data;
	uint16_t op;

	if (len < ARP_LEN)
		return NEIGHBOUR_MALFORMED;
	op = rte_be_to_cpu_16(arp->arp_opcode);
	if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
			arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) || arp->arp_hlen != 6 ||
			arp->arp_plen != 4 || (op != RTE_ARP_OP_REQUEST && op != RTE_ARP_OP_REPLY))
		return NEIGHBOUR_MALFORMED;
	if (!mac_is_unicast(d->arp_sha.addr_bytes))
		return NEIGHBOUR_MALFORMED;
	memcpy(p->mac.b, d->arp_sha.addr_bytes, 6);
	p->has_mac = true;
	p->override = true;
	if (d->arp_sip != 0)
		p->sender = ip_from_v4_be(d->arp_sip);
	if (d->arp_sip != 0 && !ip4_is_host(d->arp_sip))
		return NEIGHBOUR_MALFORMED;
	p->target = ip_from_v4_be(d->arp_tip);
	if (op == RTE_ARP_OP_REQUEST)
		return ip4_is_host(d->arp_tip) ? NEIGHBOUR_REQUEST : NEIGHBOUR_MALFORMED;
	/* A gratuitous reply tells everyone of itself; one to us was asked for. */
	p->solicited = d->arp_sip != d->arp_tip;
	p->target = p->sender;
	return d->arp_sip ? NEIGHBOUR_REPLY : NEIGHBOUR_MALFORMED;
}

/* Finds the link-layer address option `type`. False if the options are malformed. */
static bool
decode_options(const uint8_t *option, size_t len, uint8_t type, struct neighbour_packet *p)
{
	size_t n;

	while (len > 0) {
		if (len < OPTION_UNIT || option[1] == 0)
			return false;
		n = (size_t)option[1] * OPTION_UNIT;
		if (n > len)
			return false;
		if (option[0] == type && n == OPTION_UNIT) {
			if (!mac_is_unicast(option + 2))
				return false;
			memcpy(p->mac.b, option + 2, 6);
			p->has_mac = true;
		}
		option += n;
		len -= n;
	}
	return true;
}

/* RFC 4861, 7.1.1 */
static enum neighbour_kind
decode_solicitation(const struct rte_ipv6_hdr *ip, const uint8_t *icmp, size_t len,
		struct neighbour_packet *p)
{
	static const uint8_t solicited_node[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	if (len < ND_LEN || icmp[1] != 0 || !ip6_is_host(icmp + ND_TARGET))
		return NEIGHBOUR_MALFORMED;
	if (!decode_options(icmp + ND_LEN, len - ND_LEN, ND_OPT_SOURCE_LINKADDR, p))
		return NEIGHBOUR_MALFORMED;
	p->target = ip_from_v6(icmp + ND_TARGET);
	if (!ip_is_none(&p->sender))
		return ip6_is_host(ip->src_addr) ? NEIGHBOUR_REQUEST : NEIGHBOUR_MALFORMED;
	if (p->has_mac || memcmp(ip->dst_addr, solicited_node, sizeof(solicited_node)) != 0)
		return NEIGHBOUR_MALFORMED;
	return NEIGHBOUR_REQUEST;
}

/* RFC 4861, 7.1.2 */
static enum neighbour_kind
decode_advertisement(const struct rte_ipv6_hdr *ip, const uint8_t *icmp, size_t len,
		struct neighbour_packet *p)
{
	if (len < ND_LEN || icmp[1] != 0 || !ip6_is_host(icmp + ND_TARGET) ||
			!ip6_is_host(ip->src_addr))
		return NEIGHBOUR_MALFORMED;
	if (!decode_options(icmp + ND_LEN, len - ND_LEN, ND_OPT_TARGET_LINKADDR, p))
		return NEIGHBOUR_MALFORMED;
	p->target = ip_from_v6(icmp + ND_TARGET);
	p->solicited = (icmp[4] & FLAG_SOLICITED) != 0;
	p->override = (icmp[4] & FLAG_OVERRIDE) != 0;
	return p->solicited && ip->dst_addr[0] == 0xff ? NEIGHBOUR_MALFORMED : NEIGHBOUR_REPLY;
}

static enum neighbour_kind
decode_ip6(const uint8_t *data, size_t len, struct neighbour_packet *p)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)data;
	const uint8_t *icmp = data + IP6_LEN;
	size_t payload;
	bool nd;

	if (len < IP6_LEN + sizeof(struct icmp6_hdr) || ip->proto != IPPROTO_ICMPV6)
		return NEIGHBOUR_OTHER;
	nd = icmp[0] == ND_NEIGHBOR_SOLICIT || icmp[0] == ND_NEIGHBOR_ADVERT;
	if (!nd && icmp[0] != ICMP6_ECHO_REQUEST)
		return NEIGHBOUR_OTHER;
	payload = rte_be_to_cpu_16(ip->payload_len);
	if (data[0] >> 4 != 6 || payload < sizeof(struct icmp6_hdr) || payload > len - IP6_LEN)
		return NEIGHBOUR_MALFORMED;
	if ((nd && ip->hop_limits != HOP_LIMIT_ND) || rte_ipv6_udptcp_cksum(ip, icmp) != 0)
		return NEIGHBOUR_MALFORMED;
	p->sender = ip_from_v6(ip->src_addr);
	if (icmp[0] == ND_NEIGHBOR_SOLICIT)
		return decode_solicitation(ip, icmp, payload, p);
	if (icmp[0] == ND_NEIGHBOR_ADVERT)
		return decode_advertisement(ip, icmp, payload, p);
	p->target = ip_from_v6(ip->dst_addr);
	if (icmp[1] != 0 || !ip6_is_host(ip->src_addr) || !ip6_is_host(ip->dst_addr))
		return NEIGHBOUR_MALFORMED;
	return NEIGHBOUR_ECHO;
}

static enum neighbour_kind
decode_ip4(const uint8_t *data, size_t len, struct neighbour_packet *p)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)data;
	const struct rte_icmp_hdr *icmp = (const struct rte_icmp_hdr *)(data + IP4_LEN);
	size_t total;

	if (len < IP4_LEN + sizeof(*icmp) || ip->next_proto_id != IPPROTO_ICMP || data[0] != 0x45 ||
			icmp->icmp_type != ICMP_ECHO)
		return NEIGHBOUR_OTHER;
	total = rte_be_to_cpu_16(ip->total_length);
	if (total < IP4_LEN + sizeof(*icmp) || total > len ||
			(ip->fragment_offset & RTE_BE16(FRAGMENT_MASK)) != 0 ||
			rte_raw_cksum(data, IP4_LEN) != 0xffff)
		return NEIGHBOUR_MALFORMED;
	if (icmp->icmp_code != 0 || rte_raw_cksum(icmp, total - IP4_LEN) != 0xffff)
		return NEIGHBOUR_MALFORMED;
	if (!ip4_is_host(ip->src_addr) || !ip4_is_host(ip->dst_addr))
		return NEIGHBOUR_MALFORMED;
	p->sender = ip_from_v4_be(ip->src_addr);
	p->target = ip_from_v4_be(ip->dst_addr);
	return NEIGHBOUR_ECHO;
}

enum neighbour_kind
neighbour_decode(const uint8_t *frame, size_t len, struct neighbour_packet *out)
{
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)frame;
	struct neighbour_packet p = {.has_mac = false};
	enum neighbour_kind kind;

	if (len <= ETHER_LEN)
		return NEIGHBOUR_OTHER;
	memcpy(p.frame_src.b, ether->src_addr.addr_bytes, 6);
	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		kind = decode_arp(frame + ETHER_LEN, len - ETHER_LEN, &p);
	else if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
		kind = decode_ip6(frame + ETHER_LEN, len - ETHER_LEN, &p);
	else if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		kind = decode_ip4(frame + ETHER_LEN, len - ETHER_LEN, &p);
	else
		return NEIGHBOUR_OTHER;
	if (kind >= NEIGHBOUR_REQUEST && !mac_is_unicast(p.frame_src.b))
		kind = NEIGHBOUR_MALFORMED;
	if (kind >= NEIGHBOUR_REQUEST)
		*out = p;
	return kind;
}

static const struct ether_mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static void
put_ether(uint8_t *out, const struct ether_mac *dst, const struct ether_mac *src, uint16_t type)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)out;

	memset(out, 0, NEIGHBOUR_FRAME_MAX);
	memcpy(ether->dst_addr.addr_bytes, dst->b, 6);
	memcpy(ether->src_addr.addr_bytes, src->b, 6);
	ether->ether_type = rte_cpu_to_be_16(type);
}

struct arp_fields {
	uint16_t op;
	const struct ether_mac *frame_dst, *target_mac; /* target_mac NULL: zero */
	const struct ip_addr *target;
};

static size_t
put_arp(uint8_t *out, const struct neighbour_message *m, const struct arp_fields *f)
{
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(out + ETHER_LEN);

	put_ether(out, f->frame_dst, &m->our_mac, RTE_ETHER_TYPE_ARP);
	arp->arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = 6;
	arp->arp_plen = 4;
	arp->arp_opcode = rte_cpu_to_be_16(f->op);
	memcpy(arp->arp_data.arp_sha.addr_bytes, m->our_mac.b, 6);
	arp->arp_data.arp_sip = ip_v4_be(&m->our_addr);
	if (f->target_mac)
		memcpy(arp->arp_data.arp_tha.addr_bytes, f->target_mac->b, 6);
	arp->arp_data.arp_tip = ip_v4_be(f->target);
	return SHORTEST_FRAME;
}

struct nd_fields {
	uint8_t type, option;
	uint8_t flags; /* of an advertisement */
	const struct ether_mac *frame_dst;
	const struct ip_addr *dst, *target;
};

static size_t
put_nd(uint8_t *out, const struct neighbour_message *m, const struct nd_fields *f)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(out + ETHER_LEN);
	uint8_t *icmp = out + ETHER_LEN + IP6_LEN;
	uint16_t sum;

	put_ether(out, f->frame_dst, &m->our_mac, RTE_ETHER_TYPE_IPV6);
	ip->vtc_flow = RTE_BE32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(ND_LEN + OPTION_UNIT);
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = HOP_LIMIT_ND;
	memcpy(ip->src_addr, m->our_addr.b, 16);
	memcpy(ip->dst_addr, f->dst->b, 16);
	icmp[0] = f->type;
	icmp[4] = f->flags;
	memcpy(icmp + ND_TARGET, f->target->b, 16);
	icmp[ND_LEN] = f->option;
	icmp[ND_LEN + 1] = 1;
	memcpy(icmp + ND_LEN + 2, m->our_mac.b, 6);
	sum = rte_ipv6_udptcp_cksum(ip, icmp);
	memcpy(icmp + 2, &sum, sizeof(sum));
	return ETHER_LEN + IP6_LEN + ND_LEN + OPTION_UNIT;
}

static struct ether_mac
multicast_mac(const struct ip_addr *group)
{
	struct ether_mac mac = {
			{0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]}};

	return mac;
}

size_t
neighbour_ask_all(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m)
{
	struct arp_fields arp = {
			.op = RTE_ARP_OP_REQUEST, .frame_dst = &broadcast, .target = &m->addr};
	struct ip_addr group = {.b = {0xff, 2, [11] = 1, 0xff, m->addr.b[13], m->addr.b[14],
						m->addr.b[15]}};
	struct ether_mac mac = multicast_mac(&group);
	struct nd_fields nd = {.type = ND_NEIGHBOR_SOLICIT,
			.option = ND_OPT_SOURCE_LINKADDR,
			.frame_dst = &mac,
			.dst = &group,
			.target = &m->addr};

	return ip_is_v4(&m->addr) ? put_arp(out, m, &arp) : put_nd(out, m, &nd);
}

size_t
neighbour_ask_one(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m)
{
	struct arp_fields arp = {
			.op = RTE_ARP_OP_REQUEST, .frame_dst = &m->mac, .target = &m->addr};
	struct nd_fields nd = {.type = ND_NEIGHBOR_SOLICIT,
			.option = ND_OPT_SOURCE_LINKADDR,
			.frame_dst = &m->mac,
			.dst = &m->addr,
			.target = &m->addr};

	return ip_is_v4(&m->addr) ? put_arp(out, m, &arp) : put_nd(out, m, &nd);
}

size_t
neighbour_announce(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m)
{
	/* RFC 5227, 2.3: a request for our own address; some do not listen to replies that nobody asked for. */
	struct arp_fields arp = {
			.op = RTE_ARP_OP_REQUEST, .frame_dst = &broadcast, .target = &m->our_addr};
	struct ip_addr group = {.b = {0xff, 2, [15] = 1}};
	struct ether_mac mac = multicast_mac(&group);
	struct nd_fields nd = {.type = ND_NEIGHBOR_ADVERT,
			.option = ND_OPT_TARGET_LINKADDR,
			.frame_dst = &mac,
			.flags = FLAG_OVERRIDE,
			.dst = &group,
			.target = &m->our_addr};

	return ip_is_v4(&m->our_addr) ? put_arp(out, m, &arp) : put_nd(out, m, &nd);
}

size_t
neighbour_tell(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m)
{
	struct arp_fields arp = {.op = RTE_ARP_OP_REPLY,
			.frame_dst = &m->mac,
			.target_mac = &m->mac,
			.target = &m->addr};
	/* Not a router's: nobody learns routes from us. */
	struct nd_fields nd = {.type = ND_NEIGHBOR_ADVERT,
			.option = ND_OPT_TARGET_LINKADDR,
			.flags = FLAG_SOLICITED | FLAG_OVERRIDE,
			.frame_dst = &m->mac,
			.dst = &m->addr,
			.target = &m->our_addr};

	if (ip_is_v4(&m->our_addr))
		return put_arp(out, m, &arp);
	return ip_is_none(&m->addr) ? neighbour_announce(out, m) : put_nd(out, m, &nd);
}

static size_t
echo_reply4(uint8_t *data)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)data;
	struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(data + IP4_LEN);
	size_t total = rte_be_to_cpu_16(ip->total_length);
	uint32_t src = ip->src_addr;

	ip->src_addr = ip->dst_addr;
	ip->dst_addr = src;
	ip->time_to_live = TTL_ECHO;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	icmp->icmp_type = ICMP_ECHOREPLY;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, total - IP4_LEN);
	return ETHER_LEN + total;
}

static size_t
echo_reply6(uint8_t *data)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)data;
	uint8_t *icmp = data + IP6_LEN;
	uint8_t src[16];
	uint16_t sum;

	memcpy(src, ip->src_addr, 16);
	memcpy(ip->src_addr, ip->dst_addr, 16);
	memcpy(ip->dst_addr, src, 16);
	ip->hop_limits = TTL_ECHO;
	icmp[0] = ICMP6_ECHO_REPLY;
	memset(icmp + 2, 0, 2);
	sum = rte_ipv6_udptcp_cksum(ip, icmp);
	memcpy(icmp + 2, &sum, sizeof(sum));
	return ETHER_LEN + IP6_LEN + rte_be_to_cpu_16(ip->payload_len);
}

size_t
neighbour_echo_reply(uint8_t *frame, const struct ether_mac *our_mac)
{
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)frame;

	ether->dst_addr = ether->src_addr;
	memcpy(ether->src_addr.addr_bytes, our_mac->b, 6);
	if (ether->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return echo_reply4(frame + ETHER_LEN);
	return echo_reply6(frame + ETHER_LEN);
}
