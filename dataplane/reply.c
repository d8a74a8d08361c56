/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#define ETHER_LEN RTE_ETHER_HDR_LEN
#define ICMP_LEN 8
#define REPLY_TTL 64
#define V4_ERROR_MAX 576 /* RFC 1812, 4.3.2.3 */
#define V6_ERROR_MAX 1280 /* RFC 4443, 2.4 (c) */

/* Who a reply goes from and to. */
struct ends {
	struct ether_mac src_mac, dst_mac;
	struct ip_addr src, dst;
};

struct icmp_header {
	uint8_t type, code;
	uint16_t check;
	uint32_t rest_be;
};

/* Against the direction of the packet. */
static struct ends
ends_back(const uint8_t *frame, const struct packet *p)
{
	const uint8_t *ip = frame + p->l3;
	struct ends e;
	uint32_t v4[2];

	memcpy(&e.src_mac, frame, 6);
	memcpy(&e.dst_mac, frame + 6, 6);
	if (p->family == 6) {
		e.dst = ip_from_v6(ip + 8);
		e.src = ip_from_v6(ip + 24);
		return e;
	}
	memcpy(v4, ip + 12, sizeof(v4));
	e.dst = ip_from_v4_be(v4[0]);
	e.src = ip_from_v4_be(v4[1]);
	return e;
}

static uint32_t
ip_header_len(const struct ends *e)
{
	return ip_is_v4(&e->src) ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

static void
put_ipv4(const struct ends *e, uint8_t protocol, uint32_t l4_len, uint8_t *ip)
{
	struct rte_ipv4_hdr h = {
			.version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(h) + l4_len)),
			.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
			.time_to_live = REPLY_TTL,
			.next_proto_id = protocol,
			.src_addr = ip_v4_be(&e->src),
			.dst_addr = ip_v4_be(&e->dst),
	};

	h.hdr_checksum = rte_ipv4_cksum(&h);
	memcpy(ip, &h, sizeof(h));
}

static void
put_ipv6(const struct ends *e, uint8_t protocol, uint32_t l4_len, uint8_t *ip)
{
	struct rte_ipv6_hdr h = {
			.vtc_flow = rte_cpu_to_be_32(6u << 28),
			.payload_len = rte_cpu_to_be_16((uint16_t)l4_len),
			.proto = protocol,
			.hop_limits = REPLY_TTL,
	};

	memcpy(h.src_addr, e->src.b, 16);
	memcpy(h.dst_addr, e->dst.b, 16);
	memcpy(ip, &h, sizeof(h));
}

/* Everything before the transport header. Returns the length of the frame. */
static uint32_t
put_headers(const struct ends *e, uint8_t protocol, uint32_t l4_len, uint8_t *out)
{
	bool v4 = ip_is_v4(&e->src);
	uint16_t type = rte_cpu_to_be_16(v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);

	memcpy(out, &e->dst_mac, 6);
	memcpy(out + 6, &e->src_mac, 6);
	memcpy(out + 12, &type, 2);
	if (v4)
		put_ipv4(e, protocol, l4_len, out + ETHER_LEN);
	else
		put_ipv6(e, protocol, l4_len, out + ETHER_LEN);
	return ETHER_LEN + ip_header_len(e) + l4_len;
}

struct reset_fields {
	uint16_t sport_be, dport_be;
	uint32_t seq, ack;
	bool has_ack;
};

static uint32_t
put_reset(const struct ends *e, const struct reset_fields *r, uint8_t *out)
{
	uint8_t *ip = out + ETHER_LEN;
	struct rte_tcp_hdr tcp = {
			.src_port = r->sport_be,
			.dst_port = r->dport_be,
			.sent_seq = rte_cpu_to_be_32(r->seq),
			.recv_ack = rte_cpu_to_be_32(r->has_ack ? r->ack : 0),
			.data_off = sizeof(tcp) / 4 << 4,
			.tcp_flags = RTE_TCP_RST_FLAG | (r->has_ack ? RTE_TCP_ACK_FLAG : 0),
	};
	uint32_t len = put_headers(e, IPPROTO_TCP, sizeof(tcp), out);

	if (ip_is_v4(&e->src))
		tcp.cksum = rte_ipv4_udptcp_cksum((const void *)ip, &tcp);
	else
		tcp.cksum = rte_ipv6_udptcp_cksum((const void *)ip, &tcp);
	memcpy(ip + ip_header_len(e), &tcp, sizeof(tcp));
	return len;
}

uint32_t
reply_reset(const uint8_t *frame, const struct packet *p, uint8_t *out)
{
	struct reset_fields r = {.seq = 0};
	struct ends e;

	if (p->verdict != PARSE_SEGMENT || p->protocol != IPPROTO_TCP ||
			p->tcp_flags & RTE_TCP_RST_FLAG)
		return 0;
	e = ends_back(frame, p);
	memcpy(&r.dport_be, frame + p->l4, 2);
	memcpy(&r.sport_be, frame + p->l4 + 2, 2);
	if (p->tcp_flags & RTE_TCP_ACK_FLAG) {
		r.seq = p->ack;
	} else {
		r.has_ack = true;
		r.ack = p->seq + p->payload_len + !!(p->tcp_flags & RTE_TCP_SYN_FLAG) +
				!!(p->tcp_flags & RTE_TCP_FIN_FLAG);
	}
	return put_reset(&e, &r, out);
}

uint32_t
reply_reset_make(const struct reply_reset *r, uint8_t *out)
{
	struct ends e = {.src_mac = r->src_mac,
			.dst_mac = r->dst_mac,
			.src = r->key.src,
			.dst = r->key.dst};
	struct reset_fields fields = {
			.sport_be = r->key.src_port_be,
			.dport_be = r->key.dst_port_be,
			.seq = r->seq,
			.ack = r->ack,
			.has_ack = r->has_ack,
	};

	return put_reset(&e, &fields, out);
}

/* ICMP queries may be answered with an error; errors, redirects and neighbour discovery may not. */
static bool
icmp_is_query(const struct packet *p)
{
	if (p->verdict != PARSE_CONTROL)
		return false;
	if (p->family == 6)
		return p->icmp_type == 128 || p->icmp_type == 129;
	return p->icmp_type == 0 || p->icmp_type == 8 || (p->icmp_type >= 13 && p->icmp_type <= 18);
}

/* The offset field of the fragment that `p` is: 0 for the first. */
static bool
is_later_fragment(const uint8_t *frame, const struct packet *p)
{
	const uint8_t *field = p->family == 4 ? frame + p->l3 + 6 : frame + p->l4 - 6;
	uint16_t mask = p->family == 4 ? RTE_IPV4_HDR_OFFSET_MASK : 0xfff8;

	return p->verdict == PARSE_FRAGMENT && (field[0] << 8 | field[1]) & mask;
}

static bool
is_unicast(const struct ip_addr *a)
{
	if (ip_is_none(a))
		return false;
	return ip_is_v4(a) ? a->b[12] != 0 && a->b[12] < 224 : a->b[0] != 0xff;
}

static bool
error_is_due(const uint8_t *frame, const struct packet *p)
{
	struct ends e;

	if (p->family == 0 || p->verdict == PARSE_BAD || p->verdict == PARSE_ICMP_ERROR)
		return false;
	if ((p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) && !icmp_is_query(p))
		return false;
	if (frame[0] & 1 || is_later_fragment(frame, p))
		return false;
	e = ends_back(frame, p);
	return is_unicast(&e.src) && is_unicast(&e.dst);
}

/* RFC 792 and RFC 1191; RFC 4443. */
static struct icmp_header
icmp_header_of(const struct reply_error *e, bool v4)
{
	static const uint8_t v4_types[][2] = {
			[REPLY_PORT_UNREACHABLE] = {3, 3},
			[REPLY_HOST_UNREACHABLE] = {3, 1},
			[REPLY_TOO_BIG] = {3, 4},
			[REPLY_TTL_EXPIRED] = {11, 0},
			[REPLY_REASSEMBLY_TIMEOUT] = {11, 1},
	};
	static const uint8_t v6_types[][2] = {
			[REPLY_PORT_UNREACHABLE] = {1, 4},
			[REPLY_HOST_UNREACHABLE] = {1, 3},
			[REPLY_TOO_BIG] = {2, 0},
			[REPLY_TTL_EXPIRED] = {3, 0},
			[REPLY_REASSEMBLY_TIMEOUT] = {3, 1},
	};
	const uint8_t *type = v4 ? v4_types[e->kind] : v6_types[e->kind];
	struct icmp_header h = {.type = type[0], .code = type[1]};

	if (e->kind == REPLY_TOO_BIG)
		h.rest_be = rte_cpu_to_be_32(e->mtu);
	return h;
}

/* The sum of ICMP header and quote, with the pseudo header where there is one. */
static uint16_t
icmp_checksum(const uint8_t *ip, const uint8_t *icmp, uint32_t len)
{
	uint32_t sum = rte_raw_cksum(icmp, len);

	if (ip[0] >> 4 == 6)
		sum += rte_ipv6_phdr_cksum((const void *)ip, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

uint32_t
reply_error(const uint8_t *frame, const struct packet *p, const struct reply_error *error,
		uint8_t *out)
{
	bool v4 = p->family == 4;
	struct icmp_header h;
	uint32_t quote = p->ip_len, before, len;
	struct ends e;

	if (!error_is_due(frame, p))
		return 0;
	e = ends_back(frame, p);
	if (!ip_is_none(&error->src))
		e.src = error->src;
	h = icmp_header_of(error, v4);
	before = ip_header_len(&e) + ICMP_LEN;
	quote = RTE_MIN(quote, (v4 ? V4_ERROR_MAX : V6_ERROR_MAX) - before);
	/* First of all: `out` may be `frame`, and the headers come to lie on what is quoted. */
	memmove(out + ETHER_LEN + before, frame + p->l3, quote);
	len = put_headers(&e, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, ICMP_LEN + quote, out);
	out += ETHER_LEN;
	memcpy(out + before - ICMP_LEN, &h, ICMP_LEN);
	h.check = icmp_checksum(out, out + before - ICMP_LEN, ICMP_LEN + quote);
	memcpy(out + before - ICMP_LEN, &h, ICMP_LEN);
	return len;
}

void
reply_limit_init(struct reply_limit *l, uint32_t per_second, uint32_t burst, uint32_t now_ms)
{
	l->per_second = per_second;
	l->burst = burst;
	l->millitokens = burst * UINT64_C(1000);
	l->last_ms = now_ms;
}

bool
reply_limit_take(struct reply_limit *l, uint32_t now_ms)
{
	uint64_t earned = (uint64_t)(now_ms - l->last_ms) * l->per_second;

	l->millitokens = RTE_MIN(l->millitokens + earned, l->burst * UINT64_C(1000));
	l->last_ms = now_ms;
	if (l->millitokens < 1000)
		return false;
	l->millitokens -= 1000;
	return true;
}
