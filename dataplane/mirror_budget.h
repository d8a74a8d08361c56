/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many copies an endpoint's mirror may cost, on one lcore: two token buckets, packets and bytes. Tokens
 * are millionths, so that elapsed microseconds times the rate per second is what flows in, exactly and without
 * a division. A bucket holds 10 ms of its rate, and one packet of full size at least.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "view.h"

#define MIRROR_TOKEN 1000000ull /* one packet, or one byte */
#define MIRROR_BURST_US 10000u
/* Longer pauses count as this: keeps elapsed x rate below 2^64 for any rate below 2^40 bytes/s. */
#define MIRROR_PAUSE_US (1u << 24)
#define MIRROR_FRAME_HEADER 18u /* Ethernet and one VLAN tag */

/* Zeroed: full. One per endpoint and lcore. */
struct mirror_budget {
	uint64_t packets, bytes; /* what is left, in 1 / MIRROR_TOKEN */
	uint32_t last_us;
	uint32_t begun;
};

static inline uint64_t
mirror_budget_fill(uint64_t tokens, uint64_t rate, uint32_t elapsed_us, uint64_t least)
{
	uint64_t most = rate * MIRROR_BURST_US;

	if (most < least * MIRROR_TOKEN)
		most = least * MIRROR_TOKEN;
	tokens += rate * elapsed_us;
	return tokens < most ? tokens : most;
}

static inline void
mirror_budget_refill(struct mirror_budget *b, const struct view_endpoint *e, uint32_t now_us)
{
	uint32_t elapsed = now_us - b->last_us;

	if (!b->begun || elapsed > MIRROR_PAUSE_US)
		elapsed = MIRROR_PAUSE_US;
	b->begun = 1;
	b->last_us = now_us;
	b->packets = mirror_budget_fill(b->packets, e->mirror_pps, elapsed, 1);
	b->bytes = mirror_budget_fill(
			b->bytes, e->mirror_bytes_ps, elapsed, e->mtu + MIRROR_FRAME_HEADER);
}

/* Takes one copy of `frame_len` bytes out of the budget of `e` (mirror_pps, mirror_bytes_ps; 0: no limit), or
 * nothing: false if either bucket has too little. `now_us` may be that of the burst; it wraps. */
static inline bool
mirror_budget_take(struct mirror_budget *b, const struct view_endpoint *e, uint32_t frame_len,
		uint32_t now_us)
{
	uint64_t packets = e->mirror_pps ? MIRROR_TOKEN : 0;
	uint64_t bytes = e->mirror_bytes_ps ? frame_len * MIRROR_TOKEN : 0;

	if (now_us != b->last_us || !b->begun)
		mirror_budget_refill(b, e, now_us);
	if (b->packets < packets || b->bytes < bytes)
		return false;
	b->packets -= packets;
	b->bytes -= bytes;
	return true;
}
