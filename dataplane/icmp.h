/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors about packets of a flow, carried over to the flow's other side. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "parse.h"

/* What the other side is to see; all of the frame's own family. `inner` is the packet inside as the one who
 * sent it knows it: its source is the one whom the error is for. */
struct icmp_translation {
	struct ip_addr src, dst;
	struct flow_key inner;
};

/* Rewrites a PARSE_ICMP_ERROR in place: outer addresses and TTL (less one; the caller has checked that it
 * is above 1), addresses and ports of the packet inside, and every checksum, incrementally. The MTU of
 * "too big" stays. `inner` is parse_inner's result for the bytes at p->inner; what is cut off of the
 * packet inside is not touched. MACs are the caller's. False, and nothing is changed, if the packet inside is
 * of another family than the error: bad_icmp. */
bool icmp_translate(uint8_t *frame, const struct packet *p, const struct packet *inner,
		const struct icmp_translation *t);
