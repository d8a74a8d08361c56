/* SPDX-License-Identifier: Apache-2.0 */
#include "icmp.h"

#include <netinet/in.h>

#include "checksum.h"

/* Overwrites `len` (even) bytes at an even offset and returns what that does to a sum over them. */
static uint16_t
replace(uint8_t *at, const void *new, uint32_t len)
{
	uint16_t delta = checksum_delta(at, new, len);

	memcpy(at, new, len);
	return delta;
}

static uint16_t
replace_checksum(uint8_t *at, uint16_t check)
{
	return replace(at, &check, sizeof(check));
}

static uint16_t
load_checksum(const uint8_t *at)
{
	uint16_t check;

	memcpy(&check, at, sizeof(check));
	return check;
}

/* Source, then destination: they lie side by side in both families. Returns the delta of both. */
static uint16_t
replace_addresses(uint8_t *ip, const struct ip_addr *src, const struct ip_addr *dst)
{
	uint16_t delta;

	if (ip[0] >> 4 == 4) {
		delta = replace(ip + 12, &src->w[3], 4);
		return checksum_delta_add(delta, replace(ip + 16, &dst->w[3], 4));
	}
	delta = replace(ip + 8, src->b, 16);
	return checksum_delta_add(delta, replace(ip + 24, dst->b, 16));
}

/* The transport checksum of the packet inside, `room` bytes of which are there. Returns its own delta. */
static uint16_t
replace_l4_checksum(uint8_t *l4, uint32_t room, uint8_t protocol, uint16_t delta)
{
	uint32_t at = protocol == IPPROTO_TCP ? 16 : 6;
	uint16_t check;

	if (room < at + 2)
		return 0;
	check = load_checksum(l4 + at);
	if (protocol == IPPROTO_UDP)
		return replace_checksum(l4 + at, checksum_apply_udp(check, delta));
	return replace_checksum(l4 + at, checksum_apply(check, delta));
}

/* The packet inside; `room` bytes are there from its IP header on. Returns the delta of all its bytes. */
static uint16_t
translate_inner(uint8_t *ip, uint32_t room, const struct packet *inner, const struct flow_key *key)
{
	uint16_t addresses = replace_addresses(ip, &key->src, &key->dst);
	uint16_t all = addresses;
	uint8_t *l4 = ip + inner->l4;
	uint16_t ports;

	if (inner->family == 4)
		all = checksum_delta_add(all,
				replace_checksum(ip + 10,
						checksum_apply(load_checksum(ip + 10), addresses)));
	ports = replace(l4, &key->src_port_be, 2);
	ports = checksum_delta_add(ports, replace(l4 + 2, &key->dst_port_be, 2));
	all = checksum_delta_add(all, ports);
	return checksum_delta_add(all,
			replace_l4_checksum(l4, room - inner->l4, inner->protocol,
					checksum_delta_add(addresses, ports)));
}

/* The outer header's addresses and TTL; returns what that does to the sum of an ICMPv6 message. */
static uint16_t
translate_outer(uint8_t *ip, const struct packet *p, const struct icmp_translation *t)
{
	uint16_t delta = replace_addresses(ip, &t->src, &t->dst);

	if (p->family == 6) {
		ip[7]--;
		return delta;
	}
	ip[8]--;
	delta = checksum_delta_add(delta, checksum_delta_ttl());
	replace_checksum(ip + 10, checksum_apply(load_checksum(ip + 10), delta));
	return 0;
}

bool
icmp_translate(uint8_t *frame, const struct packet *p, const struct packet *inner,
		const struct icmp_translation *t)
{
	uint32_t room = (uint32_t)p->l3 + p->ip_len - p->inner;
	uint8_t *icmp = frame + p->l4;
	uint16_t delta;

	if (inner->family != p->family)
		return false;
	delta = translate_inner(frame + p->inner, room, inner, &t->inner);
	delta = checksum_delta_add(delta, translate_outer(frame + p->l3, p, t));
	replace_checksum(icmp + 2, checksum_apply(load_checksum(icmp + 2), delta));
	return true;
}
