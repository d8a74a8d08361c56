/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of one lcore. A flow has three cache lines side by side:
 *
 *   forward  client -> endpoint: what to match, what to write, checksum deltas
 *   track    state and measurements, both directions
 *   reverse  endpoint -> client
 *
 * so that a packet touches its index bucket and two of these. IPv6 flows keep their four addresses in a line
 * of their own (struct flow6). How a packet finds its flow:
 *
 *   client -> service    index, by the packet's key
 *   endpoint -> local    fullnat: the local port's slot, by arithmetic
 *   endpoint -> client   nat: index, by the packet's key (a second reference to the same flow)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>

#include "flow_index.h"
#include "local_port.h"
#include "steer.h"
#include "track.h"
#include "view.h"

/* The bytes 8..23 of an IPv4 header and the ports behind it, TTL and checksum masked out: one load and one
 * AND make the key of a plain IPv4 packet. For IPv6, the addresses are folded into `digest`. */
union flow_match {
	__m128i v;
	uint64_t q[2];
	struct {
		uint8_t ttl; /* 0: IPv4, 1: IPv6; in `out`: what is added to the packet's TTL */
		uint8_t protocol;
		uint16_t ip_checksum; /* 0 */
		union {
			struct {
				uint32_t src_be, dst_be;
			};
			uint64_t digest;
		} __attribute__((packed, aligned(4)));
		uint16_t src_port_be, dst_port_be;
	};
};

_Static_assert(sizeof(union flow_match) == 16, "one vector");

enum flow_direction {
	FLOW_FORWARD,
	FLOW_REVERSE,
};

enum flow_flag {
	FLOW_IPV6 = 1 << 0,
	FLOW_PER_REQUEST = 1 << 1, /* UDP: ends with its answer */
	FLOW_INDEXED_REVERSE = 1 << 2, /* nat: the index holds the reverse key too */
	FLOW_SHADOW_SIDE = 1 << 3, /* served by a shadow: shifted or failed over */
	FLOW_LOCAL_SOURCE = 1 << 4, /* fullnat: `slot` is the flow's source */
	FLOW_WAS_MIRRORED = 1 << 5, /* at least one copy was made */
	FLOW_DETACHED = 1 << 6, /* answered (per_request); kept for its shadows' answers alone */
	FLOW_ADOPTED = 1 << 7, /* taken over in mid-stream */
	FLOW_REPLIES_HTTP = 1 << 8, /* look for failures in the replies: answer.h */
	FLOW_REPLIES_DNS = 1 << 9,
	FLOW_COPIED_HOME = 1 << 10, /* a shift took it from `home`, which gets copies */
};

#define FLOW_REPLIES (FLOW_REPLIES_HTTP | FLOW_REPLIES_DNS)

/* One direction. Forward: match client -> service, out local or client -> endpoint; reverse the other way. */
struct flow_line {
	union flow_match match;
	union flow_match out;
	uint16_t ip_delta; /* to be added to the complement of the checksums */
	uint16_t l4_delta;
	uint32_t eid;
	uint8_t client_mac[6]; /* the neighbour that the client's latest packet came from */
	uint16_t client_port; /* and the logical port */
	union {
		struct { /* forward */
			uint16_t epoch;
			uint16_t mirror_draw;
			uint32_t slot; /* local address and port, or LOCAL_NONE */
			uint16_t sid;
			uint8_t reason; /* enum steer_reason */
			uint8_t pad0;
			uint16_t flags; /* enum flow_flag */
			uint16_t pad1;
		};
		struct { /* reverse */
			uint32_t shadow[VIEW_SHADOWS_MAX]; /* eids that got copies, or ENDPOINT_NONE */
			uint32_t home; /* eid; with FLOW_COPIED_HOME */
		};
	};
};

_Static_assert(sizeof(struct flow_line) == 64, "one cache line");

struct flow {
	struct flow_line forward;
	struct track track;
	struct flow_line reverse;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct flow) == 192, "three cache lines");

struct flow6 {
	struct ip_addr client, service, local, endpoint;
} __attribute__((aligned(64)));

/* A reference in the index: flow number and direction. Number 0 is nobody. */
static inline uint32_t
flow_ref(uint32_t number, enum flow_direction direction)
{
	return number << 1 | direction;
}

struct flow_table {
	struct flow_index index;
	struct flow *flow; /* [limit + 1] */
	struct flow6 *flow6; /* [limit + 1] */
	uint32_t *free; /* stack of free numbers: lowest on top at first */
	uint32_t free_count;
	uint32_t limit;
	uint32_t high; /* numbers above were never used */
	uint32_t sweep; /* next number to be looked at for its timeout */
	uint64_t seed[2]; /* keys the hash: per process, so that nobody can aim at a bucket */
	uint32_t by_state[FLOW_STATE_COUNT]; /* written by the lcore, read across */
};

/* Keyed hash of a match: two folded multiplications, 64 good bits; low ones choose the bucket, high ones the tag. */
static inline uint64_t
flow_hash(const struct flow_table *t, const union flow_match *m)
{
	__extension__ unsigned __int128 a =
			(unsigned __int128)(m->q[0] ^ t->seed[0]) * (m->q[1] ^ t->seed[1]);
	uint64_t h = (uint64_t)a ^ (uint64_t)(a >> 64);

	a = (unsigned __int128)(h ^ t->seed[1]) * 0x9e3779b97f4a7c15u;
	return (uint64_t)a ^ (uint64_t)(a >> 64);
}

static inline bool
flow_match_equal(const union flow_match *a, const union flow_match *b)
{
	return ((a->q[0] ^ b->q[0]) | (a->q[1] ^ b->q[1])) == 0;
}

static inline bool
flow_is_tcp(const struct flow *f)
{
	return f->forward.match.protocol == IPPROTO_TCP;
}

static inline struct flow_line *
flow_line(struct flow *f, enum flow_direction d)
{
	return d == FLOW_FORWARD ? &f->forward : &f->reverse;
}

/* Keyed digest of the addresses of an IPv6 packet, for flow_match. */
uint64_t flow_digest6(
		const struct flow_table *t, const struct ip_addr *src, const struct ip_addr *dst);

/* The match of a packet with this key. */
void flow_match_of(const struct flow_table *t, const struct flow_key *key, union flow_match *m);

/* Complete search for a key, both buckets: a reference, or 0. */
uint32_t flow_lookup(const struct flow_table *t, const union flow_match *m, uint64_t hash,
		const struct flow_key *key6);

/* Is the flow's line in that direction really of this IPv6 key? */
bool flow_is_key6(const struct flow_table *t, uint32_t ref, const struct flow_key *key);

/* Takes a free number, clears nothing; 0 if there is none. */
uint32_t flow_take(struct flow_table *t);
void flow_give_back(struct flow_table *t, uint32_t number);

/* The keys that the flow's packets carry: from the client, and from the endpoint. */
void flow_client_key(const struct flow_table *t, uint32_t number, struct flow_key *key);
void flow_reply_key(const struct flow_table *t, uint32_t number, struct flow_key *key);

/* The keys of what it lets out: to the endpoint, and to the client. */
void flow_out_key(const struct flow_table *t, uint32_t ref, struct flow_key *key);
