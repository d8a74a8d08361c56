/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides on an interface of the kernel which packets are the gateway's. A ladder, the first answer holds:
 *
 *   ARP       about one of our addresses: gateway; else kernel
 *   IP        to the host's own address: kernel
 *             to a service, local or own address: gateway
 *             IPv6 neighbour solicitation for such an address: gateway
 *             a fragment from an endpoint of a nat service, same protocol: gateway
 *             from such an endpoint, protocol and port too: gateway
 *             an ICMP error about a packet of ours, or to such an endpoint: gateway
 *   the rest, and whatever cannot be read: kernel
 *
 * The XDP program hands the gateway's packets to the AF_XDP socket of their queue. The tc program stands on an
 * interface whose every packet an AF_PACKET socket has taken a copy of before: it drops them.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "filter.h"

#define VLAN_TAGS_MAX 2
#define EXTENSIONS_MAX 6
#define TC_PULL \
	256 /* bytes that must be in the linear part: all headers, and those inside an ICMP error */
#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER 12
#define ND_SOLICITATION 135

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, FILTER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_ADDRESSES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct filter_address);
	__type(value, __u32);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILTER_ENDPOINTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct filter_endpoint);
	__type(value, struct filter_ports);
} endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FILTER_VERDICT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

struct cursor {
	void *at, *end;
};

struct vlan_tag {
	__be16 tci, next;
};

struct arp_ipv4 {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target[4];
} __attribute__((packed));

/* ICMP and ICMPv6 alike: type, code, checksum, four bytes of its own. */
struct icmp {
	__u8 type, code;
	__be16 checksum;
	__be32 rest;
};

struct ports {
	__be16 source, dest;
};

struct extension {
	__u8 next, len;
	__be16 fragment; /* of a fragment header: offset and more-fragments */
	__be32 rest;
};

/* One IP packet, as far as the ladder asks. */
struct packet {
	struct filter_address src, dst;
	__u8 protocol;
	__u8 fragment;
};

/* Advances over `size` bytes; NULL if they are not there. */
static __always_inline void *
take(struct cursor *c, __u32 size)
{
	void *at = c->at;

	if (at + size > c->end)
		return NULL;
	c->at = at + size;
	return at;
}

static __always_inline void
address_from_v4(struct filter_address *out, const void *v4)
{
	__builtin_memset(out->b, 0, 10);
	out->b[10] = 0xff;
	out->b[11] = 0xff;
	__builtin_memcpy(out->b + 12, v4, 4);
}

static __always_inline __u32
flags_of(const struct filter_address *a)
{
	__u32 *flags = bpf_map_lookup_elem(&addresses, a);

	return flags ? *flags : 0;
}

static __always_inline int
port_in(const struct filter_endpoint *key, __u16 port)
{
	struct filter_ports *p = bpf_map_lookup_elem(&endpoints, key);

	return p && port >= p->first && port <= p->last;
}

static __always_inline int
is_nat_endpoint(const struct filter_address *a, __u8 protocol, __be16 port)
{
	struct filter_endpoint key = {.address = *a, .port = port, .protocol = protocol};

	if (port_in(&key, bpf_ntohs(port)))
		return 1;
	key.port = 0;
	return port_in(&key, bpf_ntohs(port));
}

static __always_inline int
has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline int
take_ipv4(struct cursor *c, struct packet *p)
{
	struct iphdr *ip = take(c, sizeof(*ip));
	__u32 options;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return -1;
	options = (ip->ihl - 5) * 4;
	address_from_v4(&p->src, &ip->saddr);
	address_from_v4(&p->dst, &ip->daddr);
	p->protocol = ip->protocol;
	p->fragment = (ip->frag_off & bpf_htons(IP_FRAGMENT)) != 0;
	return take(c, options & 0x3c) ? 0 : -1;
}

static __always_inline int
is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
			next == IPPROTO_FRAGMENT;
}

static __always_inline int
take_extension(struct cursor *c, struct packet *p)
{
	struct extension *e = take(c, sizeof(*e));
	__u32 more;

	if (!e)
		return -1;
	more = e->len * 8;
	if (p->protocol == IPPROTO_FRAGMENT) {
		/* 0x0001: more fragments; the three bits above are not part of the offset */
		p->fragment |= (e->fragment & bpf_htons(0xfff9)) != 0;
		more = 0;
	}
	p->protocol = e->next;
	return take(c, more & 0x7f8) ? 0 : -1;
}

static __always_inline int
take_ipv6(struct cursor *c, struct packet *p)
{
	struct ipv6hdr *ip = take(c, sizeof(*ip));

	if (!ip || ip->version != 6)
		return -1;
	__builtin_memcpy(p->src.b, &ip->saddr, 16);
	__builtin_memcpy(p->dst.b, &ip->daddr, 16);
	p->protocol = ip->nexthdr;
	p->fragment = 0;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		/* Behind a later fragment's header there is no other header. */
		if (p->fragment || !is_extension(p->protocol))
			return 0;
		if (take_extension(c, p) < 0)
			return -1;
	}
	return is_extension(p->protocol) ? -1 : 0;
}

static __always_inline enum filter_verdict
decide_arp(struct cursor *c)
{
	struct arp_ipv4 *arp = take(c, sizeof(*arp));
	struct filter_address target;

	if (!arp)
		return FILTER_kernel_malformed;
	if (arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_len != ETH_ALEN ||
			arp->protocol_len != 4)
		return FILTER_kernel_arp;
	address_from_v4(&target, arp->target);
	/* We ask from our own address, so that answers name it as their target: one question for both. */
	return (flags_of(&target) & (FILTER_OURS | FILTER_HOST)) == FILTER_OURS ? FILTER_gateway_arp
										: FILTER_kernel_arp;
}

static __always_inline int
is_solicitation_for_us(struct cursor c, const struct packet *p)
{
	struct icmp *icmp = take(&c, sizeof(*icmp));
	struct filter_address *target = take(&c, sizeof(*target));
	struct filter_address key;

	if (!icmp || !target || icmp->type != ND_SOLICITATION)
		return 0;
	key = *target;
	return (flags_of(&key) & (FILTER_OURS | FILTER_HOST)) == FILTER_OURS;
}

static __always_inline int
is_fragment_of_endpoint(const struct packet *p)
{
	__u32 flags = flags_of(&p->src);

	if (p->protocol == IPPROTO_TCP)
		return (flags & FILTER_NAT_TCP) != 0;
	if (p->protocol == IPPROTO_UDP)
		return (flags & FILTER_NAT_UDP) != 0;
	return 0;
}

/* The packet inside an ICMP error, whose header is behind the cursor: sent by us, or to an endpoint with its client's
 * address kept. */
static __always_inline int
is_inner_ours(struct cursor *c, int v6)
{
	struct packet inner;
	struct ports *ports;
	int ret = v6 ? take_ipv6(c, &inner) : take_ipv4(c, &inner);

	if (ret < 0)
		return 0;
	if (flags_of(&inner.src) & FILTER_OURS)
		return 1;
	if (!has_ports(inner.protocol) || inner.fragment)
		return 0;
	ports = take(c, sizeof(*ports));
	return ports && is_nat_endpoint(&inner.dst, inner.protocol, ports->dest);
}

static __always_inline int
is_icmp_error(__u8 type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

/* RFC 4443, 2.1: errors of ICMPv6 are below 128. */
static __always_inline int
is_error_about_us(struct cursor c, const struct packet *p, int v6)
{
	struct icmp *icmp = take(&c, sizeof(*icmp));

	if (!icmp)
		return 0;
	if (v6 ? icmp->type >= 128 : !is_icmp_error(icmp->type))
		return 0;
	return is_inner_ours(&c, v6);
}

static __always_inline enum filter_verdict
decide_ip(struct cursor *c, const struct packet *p, int v6)
{
	__u8 icmp = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	__u32 to = flags_of(&p->dst);
	struct ports *ports;

	if (to & FILTER_HOST)
		return FILTER_kernel_host;
	if (to & FILTER_OURS)
		return FILTER_gateway_address;
	if (p->fragment)
		return is_fragment_of_endpoint(p) ? FILTER_gateway_fragment : FILTER_kernel_ip;
	if (p->protocol == icmp) {
		if (v6 && is_solicitation_for_us(*c, p))
			return FILTER_gateway_discovery;
		return is_error_about_us(*c, p, v6) ? FILTER_gateway_icmp : FILTER_kernel_ip;
	}
	if (!has_ports(p->protocol))
		return FILTER_kernel_ip;
	ports = take(c, sizeof(*ports));
	if (!ports)
		return FILTER_kernel_malformed;
	return is_nat_endpoint(&p->src, p->protocol, ports->source) ? FILTER_gateway_endpoint
								    : FILTER_kernel_ip;
}

static __always_inline enum filter_verdict
decide_ipv4(struct cursor *c)
{
	struct packet p;

	return take_ipv4(c, &p) < 0 ? FILTER_kernel_malformed : decide_ip(c, &p, 0);
}

static __always_inline enum filter_verdict
decide_ipv6(struct cursor *c)
{
	struct packet p;

	return take_ipv6(c, &p) < 0 ? FILTER_kernel_malformed : decide_ip(c, &p, 1);
}

static __always_inline int
is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline enum filter_verdict
decide(struct cursor *c)
{
	struct ethhdr *eth = take(c, sizeof(*eth));
	struct vlan_tag *tag;
	__be16 type;

	if (!eth)
		return FILTER_kernel_malformed;
	type = eth->h_proto;
	for (int i = 0; i < VLAN_TAGS_MAX && is_vlan(type); i++) {
		tag = take(c, sizeof(*tag));
		if (!tag)
			return FILTER_kernel_malformed;
		type = tag->next;
	}
	if (type == bpf_htons(ETH_P_ARP))
		return decide_arp(c);
	if (type == bpf_htons(ETH_P_IP))
		return decide_ipv4(c);
	if (type == bpf_htons(ETH_P_IPV6))
		return decide_ipv6(c);
	return FILTER_kernel_other;
}

static __always_inline void
count(__u32 verdict)
{
	__u64 *n = bpf_map_lookup_elem(&verdicts, &verdict);

	if (n)
		*n += 1;
}

/* Name and version make libxdp, through which DPDK opens its sockets, take this program for its own default one and put
 * the sockets of all queues into xsks_map: see docs/ports.md. */
SEC("xdp")
int
xsk_def_prog(struct xdp_md *ctx)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
	enum filter_verdict verdict = decide(&c);
	int action;

	count(verdict);
	if (verdict < FILTER_FIRST_GATEWAY)
		return XDP_PASS;
	action = bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
	if (action != XDP_REDIRECT)
		count(FILTER_no_socket);
	return action;
}

__uint(xsk_prog_version, 1) SEC("xdp_metadata");

SEC("tc")
int
filter_tc(struct __sk_buff *skb)
{
	enum filter_verdict verdict;
	struct cursor c;

	/* Failure leaves what is there: the ladder then passes what it cannot read. */
	bpf_skb_pull_data(skb, skb->len < TC_PULL ? skb->len : TC_PULL);
	c.at = (void *)(long)skb->data;
	c.end = (void *)(long)skb->data_end;
	verdict = decide(&c);
	count(verdict);
	return verdict < FILTER_FIRST_GATEWAY ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
