/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash index of one lcore's flows: buckets of one cache line with eight 16-bit tags, compared by one
 * vector instruction, and eight references. A reference is whatever the flow table makes of it; the index
 * never looks at flows, so it is given their hashes again to move or remove them.
 *
 * A key's home bucket follows from the low bits of its hash, its tag from the high ones, and its alternate
 * bucket from home and tag alone (self-inverse). `displaced` counts the keys of a home that sit in their
 * alternate bucket: while it is 0, one line decides a lookup.
 */
#pragma once

#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define BUCKET_SLOTS 8

struct flow_bucket {
	uint16_t tag[BUCKET_SLOTS]; /* 0: free */
	uint32_t ref[BUCKET_SLOTS];
	uint8_t displaced; /* saturates at 255 and then stays */
	uint8_t alternate; /* bit per slot: its key's home is the other bucket */
	uint8_t pad[14];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct flow_bucket) == 64, "one cache line");

struct flow_index {
	struct flow_bucket *bucket;
	uint32_t mask;
};

/* Buckets for `keys` keys at a load of 0.25 to 0.5 (at 0.67 one in a thousand inserts would begin to fail). */
uint32_t flow_index_buckets(uint32_t keys);

static inline uint16_t
flow_index_tag(uint64_t hash)
{
	uint16_t tag = (uint16_t)(hash >> 48);

	return tag ? tag : 1;
}

static inline struct flow_bucket *
flow_index_home(const struct flow_index *x, uint64_t hash)
{
	return &x->bucket[hash & x->mask];
}

/* Bit i is set if slot i has the tag. */
static inline unsigned
flow_bucket_match(const struct flow_bucket *b, uint16_t tag)
{
	__m128i eq = _mm_cmpeq_epi16(
			_mm_load_si128((const __m128i *)b->tag), _mm_set1_epi16((short)tag));

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(eq, _mm_setzero_si128()));
}

/* Adds a reference under a hash; the caller has made sure that the key is absent. False: no room. */
bool flow_index_add(struct flow_index *x, uint64_t hash, uint32_t ref);

/* Removes the reference that was added under the hash. False if it is not there. */
bool flow_index_del(struct flow_index *x, uint64_t hash, uint32_t ref);

/* The alternate bucket of a hash, for the rare lookup that its home does not decide. */
const struct flow_bucket *flow_index_alternate(const struct flow_index *x, uint64_t hash);

/* Number of violated invariants, for tests: counters and masks against the buckets. `hash_of` gives the hash of a
 * reference. */
unsigned flow_index_check(const struct flow_index *x, uint64_t (*hash_of)(void *arg, uint32_t ref),
		void *arg);
