/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoint a first packet goes to: pure, so that the lcores and `explain` cannot disagree. */
#pragma once

#include "addr.h"
#include "view.h"

/* A 5-tuple as it stands in the packet; ports in network order. */
struct flow_key {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port_be;
	uint16_t dst_port_be;
	uint8_t protocol;
	uint8_t pad[3];
};

enum steer_side {
	SIDE_PRIMARY,
	SIDE_SHADOW,
};

/* Why; the order is the ladder's. */
enum steer_reason {
	STEER_NO_WEIGHT, /* no endpoint of the service has weight */
	STEER_COHORT, /* a cohort rule chose the side */
	STEER_SHIFT, /* the shift's share took it to the shadow */
	STEER_PRIMARY, /* the bucket's own endpoint */
	STEER_STANDBY, /* the bucket's endpoint cannot take it, its shadow can */
	STEER_OTHER, /* neither can: another endpoint of the service */
	STEER_NONE_UP, /* nobody can */
};

struct steer_result {
	uint32_t eid; /* ENDPOINT_NONE if nobody can take it */
	uint32_t primary; /* the bucket's endpoint */
	uint32_t bucket;
	uint32_t cohort; /* rule, for STEER_COHORT */
	enum steer_side side;
	enum steer_reason reason;
};

/* 64 bits from the client's side of the flow: bits 0..31 choose the Maglev bucket, 32..47 are compared with
 * the shift, 48..63 with the mirror share. Depends on seed, key and `input` alone. */
uint64_t steer_hash(uint64_t seed, const struct flow_key *key, enum hash_input input);

static inline uint32_t
steer_bucket(uint64_t hash, uint32_t size)
{
	return (uint32_t)(((hash & UINT32_MAX) * size) >> 32);
}

static inline uint32_t
steer_shift_draw(uint64_t hash)
{
	return (uint32_t)(hash >> 32) & 0xffff;
}

static inline uint32_t
steer_mirror_draw(uint64_t hash)
{
	return (uint32_t)(hash >> 48);
}

/* Decides for a first packet with source `client`. "Can take" leaves suspects out, as long as anybody else of the
 * service can. With endpoints and weights unchanged, raising a shift only adds flows to the shadow. Any thread that
 * holds the view. */
struct steer_result steer(const struct view *v, const struct view_service *s,
		const struct ip_addr *client, uint64_t hash);

const char *steer_reason_text(enum steer_reason reason);
