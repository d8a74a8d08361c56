/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include "checksum.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#define IPV6_HEADERS_MAX 8 /* extension headers in one packet; real ones have one or two */
#define IPV4_OPTION_LSRR 131 /* RFC 791: loose and strict source routes */
#define IPV4_OPTION_SSRR 137
#define IPV6_OPTION_JUMBO 0xc2 /* RFC 2675 */
#define ETHER_LEN RTE_ETHER_HDR_LEN
#define ARP_LEN 28
#define IPV4_MIN 20
#define IPV6_LEN 40
#define TCP_MIN 20
#define UDP_LEN 8
#define ICMP_LEN 8

/* "Nothing wrong", where a function says how the packet ends. */
#define GOES_ON PACKET_END_COUNT

/* What may be read: `end` bytes at `base`. */
struct bytes {
	const uint8_t *base;
	uint32_t end;
};

static uint16_t
load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t
load32(const uint8_t *at)
{
	return (uint32_t)load16(at) << 16 | load16(at + 2);
}

/* The one maker of pointers: `n` bytes from offset `from`, or NULL if they are not all there. */
static const uint8_t *
at_or_null(const struct bytes *b, uint32_t from, uint32_t n)
{
	return from <= b->end && n <= b->end - from ? b->base + from : NULL;
}

static enum parse_verdict
bad(struct packet *p, enum packet_end end)
{
	p->verdict = PARSE_BAD;
	p->end = (uint8_t)end;
	return PARSE_BAD;
}

static enum parse_verdict
found(struct packet *p, enum parse_verdict verdict)
{
	p->verdict = (uint8_t)verdict;
	return verdict;
}

/* Length of what is behind the IP headers, by the IP length. */
static uint32_t
l4_len(const struct packet *p)
{
	return (uint32_t)p->l3 + p->ip_len - p->l4;
}

/* As Linux' conntrack has it: anything else comes from scanners. PSH, URG, ECE, CWR say nothing here. */
static bool
tcp_flags_valid(uint8_t flags)
{
	switch (flags &
			(RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG |
					RTE_TCP_FIN_FLAG)) {
	case RTE_TCP_SYN_FLAG:
	case RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG:
	case RTE_TCP_ACK_FLAG:
	case RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG:
	case RTE_TCP_RST_FLAG:
	case RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG:
		return true;
	}
	return false;
}

static void
tcp_fields(const uint8_t *tcp, struct packet *p)
{
	p->seq = load32(tcp + 4);
	p->ack = load32(tcp + 8);
	p->tcp_flags = tcp[13];
	p->window = load16(tcp + 14);
}

static enum parse_verdict
parse_tcp(const struct bytes *b, struct packet *p)
{
	const uint8_t *tcp = at_or_null(b, p->l4, TCP_MIN);
	uint32_t header;

	if (!tcp)
		return bad(p, END_bad_l4_header);
	header = (tcp[12] >> 4) * 4u;
	if (header < TCP_MIN || header > l4_len(p) || !load16(tcp) || !load16(tcp + 2))
		return bad(p, END_bad_l4_header);
	tcp_fields(tcp, p);
	if (!tcp_flags_valid(p->tcp_flags))
		return bad(p, END_bad_tcp_flags);
	p->payload = (uint16_t)(p->l4 + header);
	p->payload_len = (uint16_t)(l4_len(p) - header);
	return found(p, PARSE_SEGMENT);
}

/* The UDP length may be less than the room for it (RFC 9868: options behind the datagram). Over IPv6 a
 * checksum of zero is refused: RFC 8200, 8.1. */
static enum parse_verdict
parse_udp(const struct bytes *b, struct packet *p)
{
	const uint8_t *udp = at_or_null(b, p->l4, UDP_LEN);
	uint32_t len;

	if (!udp)
		return bad(p, END_bad_l4_header);
	len = load16(udp + 4);
	if (len < UDP_LEN || len > l4_len(p) || !load16(udp) || !load16(udp + 2))
		return bad(p, END_bad_l4_header);
	if (p->family == 6 && !load16(udp + 6))
		return bad(p, END_bad_l4_header);
	p->payload = (uint16_t)(p->l4 + UDP_LEN);
	p->payload_len = (uint16_t)(len - UDP_LEN);
	return found(p, PARSE_SEGMENT);
}

static bool
icmp_checksum_valid(const struct bytes *b, const struct packet *p)
{
	const uint8_t *icmp = b->base + p->l4;
	uint32_t sum = rte_raw_cksum(icmp, l4_len(p));

	/* Not rte_ipv6_phdr_cksum: the header before ICMPv6 may be an extension. */
	if (p->family == 6)
		sum += rte_raw_cksum(b->base + p->l3 + 8, 32) +
				rte_cpu_to_be_16((uint16_t)l4_len(p)) +
				rte_cpu_to_be_16(IPPROTO_ICMPV6);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static bool
icmp_is_error(const struct packet *p)
{
	if (p->family == 4)
		return p->icmp_type == 3 || p->icmp_type == 11 || p->icmp_type == 12;
	return p->icmp_type >= 1 && p->icmp_type <= 4;
}

/* The packet inside must be of the same family, and its ports inside the error's own length. */
static bool
icmp_inner_valid(const struct bytes *b, const struct packet *p)
{
	struct packet inner;

	if (parse_inner(b->base + p->inner, b->end - p->inner, &inner) != PARSE_SEGMENT)
		return false;
	return inner.family == p->family;
}

/* Errors move flows and mark endpoints, so their checksum is verified, unlike that of data. */
static enum parse_verdict
parse_icmp(const struct bytes *b, struct packet *p)
{
	const uint8_t *icmp = at_or_null(b, p->l4, ICMP_LEN);

	if (!icmp)
		return bad(p, END_bad_icmp);
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
	if (!icmp_is_error(p))
		return found(p, PARSE_CONTROL);
	p->inner = (uint16_t)(p->l4 + ICMP_LEN);
	if (!icmp_checksum_valid(b, p) || !icmp_inner_valid(b, p))
		return bad(p, END_bad_icmp);
	return found(p, PARSE_ICMP_ERROR);
}

static enum parse_verdict
parse_l4(const struct bytes *b, struct packet *p)
{
	if (p->protocol == IPPROTO_TCP)
		return parse_tcp(b, p);
	if (p->protocol == IPPROTO_UDP)
		return parse_udp(b, p);
	if (p->protocol == (p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return parse_icmp(b, p);
	return found(p, PARSE_OTHER_L4);
}

/* What of the transport header the first fragment must hold, so that no later one can change it. */
static uint32_t
l4_header_min(uint8_t protocol)
{
	if (protocol == IPPROTO_TCP)
		return TCP_MIN;
	return protocol == IPPROTO_UDP ? UDP_LEN : 1;
}

/* RFC 1858 (tiny fragments, and the overlap at offset 8), RFC 791: lengths. */
static enum parse_verdict
parse_fragment(struct packet *p, uint32_t offset, bool more)
{
	uint32_t len = l4_len(p);

	if (len == 0 || (more && len % 8 != 0) || offset + len + (p->l4 - p->l3) > UINT16_MAX)
		return bad(p, END_bad_fragment);
	if (offset == 0 && len < l4_header_min(p->protocol))
		return bad(p, END_bad_fragment);
	if (offset == 8 && p->protocol == IPPROTO_TCP)
		return bad(p, END_bad_fragment);
	return found(p, PARSE_FRAGMENT);
}

/* Options are forwarded as they are, but for routes chosen by the sender. */
static bool
ipv4_options_valid(const uint8_t *ip, uint32_t header)
{
	uint32_t i = IPV4_MIN;

	while (i < header && ip[i] != 0) {
		if (ip[i] == 1) {
			i++;
			continue;
		}
		if (ip[i] == IPV4_OPTION_LSRR || ip[i] == IPV4_OPTION_SSRR)
			return false;
		if (i + 1 >= header || ip[i + 1] < 2 || ip[i + 1] > header - i)
			return false;
		i += ip[i + 1];
	}
	return true;
}

/* Fields of the header at p->l3; its length is checked against what is there, its total length is not. */
static enum packet_end
ipv4_header(const struct bytes *b, struct packet *p)
{
	const uint8_t *ip = at_or_null(b, p->l3, IPV4_MIN);
	uint32_t header;

	if (!ip)
		return END_short_frame;
	header = (ip[0] & 0xf) * 4u;
	if (ip[0] >> 4 != 4 || header < IPV4_MIN)
		return END_bad_ip_header;
	if (!at_or_null(b, p->l3, header))
		return END_short_frame;
	p->family = 4;
	p->ttl = ip[8];
	p->protocol = ip[9];
	p->ip_len = load16(ip + 2);
	p->l4 = (uint16_t)(p->l3 + header);
	return p->ip_len < header ? END_bad_ip_length : GOES_ON;
}

/* Word by word, as the length is a multiple of four. */
static bool
ipv4_checksum_valid(const uint8_t *ip, uint32_t header)
{
	uint64_t sum = 0;
	uint32_t word, i;

	for (i = 0; i < header; i += 4) {
		memcpy(&word, ip + i, 4);
		sum += word;
	}
	return checksum_fold(sum) == 0xffff;
}

/* "This network", loopback, multicast, limited broadcast (RFC 1122, 3.2.1.3), and the land attack. */
static bool
ipv4_source_valid(const uint8_t *ip)
{
	uint32_t src = load32(ip + 12);

	if (src >> 24 == 0 || src >> 24 == 127 || src >> 28 == 0xe || src == UINT32_MAX)
		return false;
	return src != load32(ip + 16);
}

static enum parse_verdict
parse_ipv4(struct bytes *b, struct packet *p)
{
	enum packet_end end = ipv4_header(b, p);
	const uint8_t *ip = b->base + p->l3;
	uint32_t header = (uint32_t)p->l4 - p->l3;
	uint16_t fragment;

	if (end != GOES_ON)
		return bad(p, end);
	if (!ipv4_checksum_valid(ip, header))
		return bad(p, END_bad_ip_header);
	if (!at_or_null(b, p->l3, p->ip_len))
		return bad(p, END_bad_ip_length);
	b->end = (uint32_t)p->l3 + p->ip_len;
	if (!ipv4_options_valid(ip, header))
		return bad(p, END_bad_ip_header);
	if (!ipv4_source_valid(ip))
		return bad(p, END_bad_ip_source);
	fragment = load16(ip + 6);
	if (fragment & (RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return parse_fragment(p, (fragment & RTE_IPV4_HDR_OFFSET_MASK) * 8u,
				fragment & RTE_IPV4_HDR_MF_FLAG);
	return parse_l4(b, p);
}

/* Type-length-value options of a hop-by-hop or destination header of `len` bytes. */
static bool
ipv6_options_valid(const uint8_t *header, uint32_t len)
{
	uint32_t i = 2;

	while (i < len) {
		if (header[i] == 0) {
			i++;
			continue;
		}
		if (header[i] == IPV6_OPTION_JUMBO)
			return false;
		if (i + 2 > len || header[i + 1] > len - i - 2)
			return false;
		i += 2u + header[i + 1];
	}
	return true;
}

/* How far the walk over the extension headers has come. */
struct ipv6_walk {
	uint32_t offset; /* of the header being looked at */
	uint32_t fragment; /* offset of the fragment header, 0: none */
	uint8_t next; /* what that header is */
};

/* One hop-by-hop, destination or routing header. With segments left the destination is not the last one,
 * and type 0 is refused altogether: RFC 5095. */
static bool
ipv6_step(const struct bytes *b, struct ipv6_walk *w)
{
	const uint8_t *header = at_or_null(b, w->offset, 8);
	uint32_t len = header ? (header[1] + 1) * 8u : 0;

	if (!header || !at_or_null(b, w->offset, len))
		return false;
	if (w->next == IPPROTO_ROUTING ? header[2] == 0 || header[3] != 0
				       : !ipv6_options_valid(header, len))
		return false;
	w->next = header[0];
	w->offset += len;
	return true;
}

/* Walks to the transport header, or to what a fragment carries: an atomic fragment (RFC 6946) is walked
 * past, a real one ends the walk. AH covers the addresses: nothing to forward for us, so it is "other". */
static bool
ipv6_walk(const struct bytes *b, struct ipv6_walk *w)
{
	const uint8_t *header;
	int i;

	for (i = 0; i < IPV6_HEADERS_MAX; i++) {
		switch (w->next) {
		case IPPROTO_HOPOPTS:
			if (i > 0)
				return false;
			/* fall through */
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (!ipv6_step(b, w))
				return false;
			break;
		case IPPROTO_FRAGMENT:
			header = at_or_null(b, w->offset, 8);
			if (!header || w->fragment)
				return false;
			w->fragment = w->offset;
			w->next = header[0];
			w->offset += 8;
			if (load16(header + 2) & 0xfff9)
				return true;
			break;
		default:
			return true;
		}
	}
	return false;
}

/* An IPv4-mapped address on the wire would pass for an IPv4 one in struct ip_addr. */
static bool
ipv6_is_mapped(const uint8_t *addr)
{
	struct ip_addr a = ip_from_v6(addr);

	return ip_is_v4(&a);
}

static enum packet_end
ipv6_header(const struct bytes *b, struct packet *p)
{
	const uint8_t *ip = at_or_null(b, p->l3, IPV6_LEN);

	if (!ip)
		return END_short_frame;
	if (ip[0] >> 4 != 6)
		return END_bad_ip_header;
	if (load16(ip + 4) > UINT16_MAX - IPV6_LEN)
		return END_bad_ip_length;
	if (ipv6_is_mapped(ip + 24))
		return END_bad_ip_header;
	p->family = 6;
	p->ttl = ip[7];
	p->ip_len = (uint16_t)(load16(ip + 4) + IPV6_LEN);
	return ipv6_is_mapped(ip + 8) ? END_bad_ip_source : GOES_ON;
}

/* Extension headers, then p->protocol and p->l4. */
static enum packet_end
ipv6_extensions(const struct bytes *b, struct packet *p, struct ipv6_walk *w)
{
	w->offset = p->l3 + IPV6_LEN;
	w->next = b->base[p->l3 + 6];
	w->fragment = 0;
	if (!ipv6_walk(b, w))
		return END_bad_ipv6_extension;
	p->protocol = w->next;
	p->l4 = (uint16_t)w->offset;
	return GOES_ON;
}

/* The unspecified address may only speak ICMPv6: duplicate address detection, MLD. */
static bool
ipv6_source_valid(const uint8_t *ip, uint8_t protocol)
{
	struct ip_addr src = ip_from_v6(ip + 8);

	if (src.b[0] == 0xff || memcmp(src.b, ip + 24, 16) == 0)
		return false;
	if (ip_is_none(&src))
		return protocol == IPPROTO_ICMPV6;
	return src.q[0] != 0 || load32(src.b + 8) != 0 || load32(src.b + 12) != 1;
}

static enum parse_verdict
parse_ipv6(struct bytes *b, struct packet *p)
{
	enum packet_end end = ipv6_header(b, p);
	const uint8_t *ip = b->base + p->l3;
	struct ipv6_walk w;
	uint16_t fragment = 0;

	if (end != GOES_ON)
		return bad(p, end);
	if (!at_or_null(b, p->l3, p->ip_len))
		return bad(p, END_bad_ip_length);
	b->end = (uint32_t)p->l3 + p->ip_len;
	end = ipv6_extensions(b, p, &w);
	if (end != GOES_ON)
		return bad(p, end);
	if (!ipv6_source_valid(ip, p->protocol))
		return bad(p, END_bad_ip_source);
	if (w.fragment)
		fragment = load16(b->base + w.fragment + 2) & 0xfff9;
	if (fragment)
		return parse_fragment(p, fragment & 0xfff8u, fragment & 1);
	return parse_l4(b, p);
}

enum parse_verdict
parse_frame(const uint8_t *frame, uint32_t len, struct packet *p)
{
	struct bytes b = {frame, len};

	memset(p, 0, sizeof(*p));
	if (len < ETHER_LEN)
		return bad(p, END_short_frame);
	p->l3 = ETHER_LEN;
	switch (load16(frame + 12)) {
	case RTE_ETHER_TYPE_IPV4:
		return parse_ipv4(&b, p);
	case RTE_ETHER_TYPE_IPV6:
		return parse_ipv6(&b, p);
	case RTE_ETHER_TYPE_ARP:
		return len < ETHER_LEN + ARP_LEN ? bad(p, END_short_frame)
						 : found(p, PARSE_CONTROL);
	}
	return found(p, PARSE_OTHER_L3);
}

/* A first fragment has the ports, a later one says nothing. */
static enum packet_end
inner_ip(const struct bytes *b, struct packet *p)
{
	struct ipv6_walk w;
	enum packet_end end;

	if (b->end == 0)
		return END_bad_icmp;
	if (b->base[0] >> 4 == 4) {
		end = ipv4_header(b, p);
		if (end == GOES_ON && load16(b->base + 6) & RTE_IPV4_HDR_OFFSET_MASK)
			end = END_bad_icmp;
		return end;
	}
	end = ipv6_header(b, p);
	if (end == GOES_ON)
		end = ipv6_extensions(b, p, &w);
	if (end == GOES_ON && w.fragment && load16(b->base + w.fragment + 2) & 0xfff8)
		end = END_bad_icmp;
	return end;
}

enum parse_verdict
parse_inner(const uint8_t *ip, uint32_t len, struct packet *p)
{
	struct bytes b = {ip, len};
	const uint8_t *l4;

	memset(p, 0, sizeof(*p));
	if (inner_ip(&b, p) != GOES_ON)
		return bad(p, END_bad_icmp);
	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)
		return bad(p, END_bad_icmp);
	l4 = at_or_null(&b, p->l4, 8);
	if (!l4 || !load16(l4) || !load16(l4 + 2))
		return bad(p, END_bad_icmp);
	if (p->protocol == IPPROTO_TCP)
		p->seq = load32(l4 + 4);
	return found(p, PARSE_SEGMENT);
}

void
parse_key(const uint8_t *frame, const struct packet *p, struct flow_key *key)
{
	const uint8_t *ip = frame + p->l3;
	uint32_t v4[2];

	memset(key, 0, sizeof(*key));
	if (p->family == 4) {
		memcpy(v4, ip + 12, sizeof(v4));
		key->src = ip_from_v4_be(v4[0]);
		key->dst = ip_from_v4_be(v4[1]);
	} else {
		key->src = ip_from_v6(ip + 8);
		key->dst = ip_from_v6(ip + 24);
	}
	memcpy(&key->src_port_be, frame + p->l4, 2);
	memcpy(&key->dst_port_be, frame + p->l4 + 2, 2);
	key->protocol = p->protocol;
}
