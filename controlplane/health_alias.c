/* SPDX-License-Identifier: Apache-2.0 */
#include "health_alias.h"

#include <netinet/in.h>

#define ALIAS4 0xf0000000u /* 240.0.0.0 */
#define IP4_LEN 20
#define IP6_LEN 40
#define L4_LEN 8 /* enough of every header for its ports or identifier */
#define TCP_SUM 16
#define SRC4 12
#define DST4 16
#define SRC6 8
#define DST6 24
#define ICMP_ERROR 3 /* destination unreachable */
#define ICMP6_ERROR_MAX 4

struct ip_addr
health_alias_of(uint32_t eid, bool v4)
{
	struct ip_addr a = {.b = {0x01}};
	uint32_t host_be = htonl(eid + 1);

	if (v4)
		return ip_from_v4_be(htonl(ALIAS4 + eid + 1));
	memcpy(a.b + 12, &host_be, sizeof(host_be));
	return a;
}

bool
health_alias_eid(const struct ip_addr *alias, uint32_t *eid)
{
	static const uint8_t discard[12] = {0x01};
	uint32_t host = ntohl(alias->w[3]);

	if (ip_is_v4(alias)) {
		if (host <= ALIAS4 || host == UINT32_MAX)
			return false;
		*eid = host - ALIAS4 - 1;
		return true;
	}
	if (memcmp(alias->b, discard, sizeof(discard)) != 0 || host == 0)
		return false;
	*eid = host - 1;
	return true;
}

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

struct ip_header {
	struct ip_addr src, dst;
	uint8_t protocol;
	size_t len;
};

static struct ip_addr
addr4(const uint8_t *at)
{
	uint32_t be;

	memcpy(&be, at, sizeof(be));
	return ip_from_v4_be(be);
}

/* Headers as this kernel and well-behaved servers send them: whole packets without IPv6 extensions. */
static bool
header_read(const uint8_t *ip, size_t len, struct ip_header *h)
{
	if (len < IP4_LEN)
		return false;
	if (ip[0] >> 4 == 4) {
		*h = (struct ip_header){addr4(ip + SRC4), addr4(ip + DST4), ip[9],
				(size_t)(ip[0] & 15) * 4};
		return h->len >= IP4_LEN && (get16(ip + 6) & 0x3fff) == 0 && len >= h->len + L4_LEN;
	}
	if (ip[0] >> 4 != 6 || len < IP6_LEN + L4_LEN)
		return false;
	*h = (struct ip_header){ip_from_v6(ip + SRC6), ip_from_v6(ip + DST6), ip[6], IP6_LEN};
	return true;
}

static bool
is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool
is_known(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || is_icmp(protocol);
}

/* A packet whose checksum is within its length; an ICMP error's inner one may be cut before it. */
static bool
packet_read(const uint8_t *packet, size_t len, struct ip_header *h)
{
	if (!header_read(packet, len, h) || !is_known(h->protocol))
		return false;
	return h->protocol != IPPROTO_TCP || len >= h->len + TCP_SUM + 2;
}

bool
health_packet_outbound(const uint8_t *packet, size_t len, struct health_packet *out)
{
	struct ip_header h;

	if (!packet_read(packet, len, &h))
		return false;
	*out = (struct health_packet){.src = h.src,
			.dst = h.dst,
			.protocol = h.protocol,
			.l4_at = h.len,
			.address_at = h.len == IP6_LEN && packet[0] >> 4 == 6 ? DST6 : DST4,
			.own_port = get16(packet + h.len + (is_icmp(h.protocol) ? 4 : 0))};
	return true;
}

static bool
is_error(const struct ip_header *h, const uint8_t *l4)
{
	if (h->protocol == IPPROTO_ICMP)
		return l4[0] == ICMP_ERROR;
	return h->protocol == IPPROTO_ICMPV6 && l4[0] >= 1 && l4[0] <= ICMP6_ERROR_MAX;
}

static bool
error_read(const uint8_t *packet, size_t len, const struct ip_header *outer,
		struct health_packet *out)
{
	size_t inner_at = outer->len + 8;
	struct ip_header h;

	if (len < inner_at || !header_read(packet + inner_at, len - inner_at, &h) ||
			!is_known(h.protocol) || packet[0] >> 4 != packet[inner_at] >> 4)
		return false;
	*out = (struct health_packet){.src = h.dst,
			.dst = h.src,
			.protocol = h.protocol,
			.own_port = get16(
					packet + inner_at + h.len + (is_icmp(h.protocol) ? 4 : 0)),
			.address_at = inner_at + (packet[inner_at] >> 4 == 6 ? DST6 : DST4),
			.error_at = outer->len,
			.inner_at = inner_at};
	return true;
}

bool
health_packet_inbound(const uint8_t *packet, size_t len, struct health_packet *out)
{
	struct ip_header h;

	if (!packet_read(packet, len, &h))
		return false;
	if (is_error(&h, packet + h.len))
		return error_read(packet, len, &h, out);
	*out = (struct health_packet){.src = h.src,
			.dst = h.dst,
			.protocol = h.protocol,
			.l4_at = h.len,
			.address_at = packet[0] >> 4 == 6 ? SRC6 : SRC4,
			.own_port = get16(packet + h.len + (is_icmp(h.protocol) ? 4 : 2))};
	return true;
}

/* RFC 1624, equation 3, over the words of an address. */
static void
sum_adjust(uint8_t *sum_at, const uint8_t *from, const uint8_t *to, size_t len)
{
	uint32_t sum = (uint16_t)~get16(sum_at);
	size_t i;

	for (i = 0; i < len; i += 2)
		sum += (uint32_t)(uint16_t)~get16(from + i) + get16(to + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(sum_at, (uint16_t)~sum);
}

/* Where the checksum with a pseudo header stands, or NULL. */
static uint8_t *
l4_sum(uint8_t *l4, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return l4 + TCP_SUM;
	case IPPROTO_UDP:
		return get16(l4 + 6) ? l4 + 6 : NULL; /* 0: not used */
	case IPPROTO_ICMPV6:
		return l4 + 2;
	}
	return NULL;
}

void
health_packet_rewrite(uint8_t *packet, const struct health_packet *p, const struct ip_addr *to)
{
	bool v4 = ip_is_v4(to);
	size_t len = v4 ? 4 : 16;
	const uint8_t *new = v4 ? to->b + 12 : to->b;
	uint8_t *at = packet + p->address_at;
	uint8_t *ip = packet + p->inner_at; /* 0 for the outer header */
	uint8_t *sum = p->l4_at ? l4_sum(packet + p->l4_at, p->protocol) : NULL;
	uint8_t old_sum[2], old[16];

	memcpy(old, at, len);
	memcpy(at, new, len);
	if (sum)
		sum_adjust(sum, old, new, len);
	if (sum && p->protocol == IPPROTO_UDP && get16(sum) == 0)
		put16(sum, 0xffff); /* RFC 768: zero would say that there is none */
	if (p->error_at)
		sum_adjust(packet + p->error_at + 2, old, new, len);
	if (!v4)
		return;
	memcpy(old_sum, ip + 10, 2);
	sum_adjust(ip + 10, old, new, len);
	if (p->error_at)
		sum_adjust(packet + p->error_at + 2, old_sum, ip + 10, 2);
}

bool
health_packet_dst(const uint8_t *packet, size_t len, struct ip_addr *out)
{
	uint32_t v4;

	if (len >= 20 && packet[0] >> 4 == 4) {
		memcpy(&v4, packet + 16, sizeof(v4));
		*out = ip_from_v4_be(v4);
		return true;
	}
	if (len < 40 || packet[0] >> 4 != 6)
		return false;
	*out = ip_from_v6(packet + 24);
	return !ip_is_v4(out);
}
