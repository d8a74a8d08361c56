/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that the gateway makes itself: resets and ICMP errors. Pure: bytes in, bytes out. All checksums
 * are complete. Frames have no VLAN tag; those made out of a received one go back to the MAC it came from.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "parse.h"

/* Room that `out` must have: an ICMPv6 error quotes up to IPv6's minimal MTU. */
#define REPLY_MAX (14 + 1280)

/* The reset that answers a segment for which there is no connection (RFC 9293, 3.10.7.1). `out` may be
 * `frame`. Returns the length, or 0 if none is due (not TCP, or itself a reset). */
uint32_t reply_reset(const uint8_t *frame, const struct packet *p, uint8_t *out);

/* A reset out of nothing, for a flow whose other end is gone. */
struct reply_reset {
	struct ether_mac src_mac, dst_mac;
	struct flow_key key; /* as it shall stand in the reset: src is who the reset speaks for */
	uint32_t seq, ack; /* host order */
	bool has_ack;
};

uint32_t reply_reset_make(const struct reply_reset *r, uint8_t *out);

enum reply_kind {
	REPLY_PORT_UNREACHABLE,
	REPLY_HOST_UNREACHABLE,
	REPLY_TOO_BIG,
	REPLY_TTL_EXPIRED,
	REPLY_REASSEMBLY_TIMEOUT,
};

struct reply_error {
	enum reply_kind kind;
	uint16_t mtu; /* REPLY_TOO_BIG: of the next hop, IP packet */
	struct ip_addr src; /* none: the packet's own destination speaks */
};

/* The ICMP error about the packet at `frame`, which must be parsed and not bad. `out` may be `frame`.
 * Returns the length, or 0 if none is due: about ICMP errors, later fragments, multicast, broadcast, or
 * from nowhere (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)). */
uint32_t reply_error(const uint8_t *frame, const struct packet *p, const struct reply_error *e,
		uint8_t *out);

/* Token bucket for the above: a flood must not make us one. Owned by one lcore. */
struct reply_limit {
	uint32_t per_second;
	uint32_t burst;
	uint64_t millitokens;
	uint32_t last_ms;
};

void reply_limit_init(struct reply_limit *l, uint32_t per_second, uint32_t burst, uint32_t now_ms);

/* May one more go out? `now_ms` may wrap. */
bool reply_limit_take(struct reply_limit *l, uint32_t now_ms);
