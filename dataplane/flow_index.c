/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_index.h"

#include <stdlib.h>

#define DISPLACED_MAX UINT8_MAX
#define BUCKETS_MIN 64u

uint32_t
flow_index_buckets(uint32_t keys)
{
	uint32_t n = BUCKETS_MIN;

	while ((uint64_t)n * 4 < keys)
		n *= 2;
	return n;
}

static uint32_t
other_bucket(const struct flow_index *x, uint32_t bucket, uint16_t tag)
{
	return (bucket ^ (tag * 0x5bd1e995u | 1)) & x->mask;
}

const struct flow_bucket *
flow_index_alternate(const struct flow_index *x, uint64_t hash)
{
	return &x->bucket[other_bucket(x, (uint32_t)(hash & x->mask), flow_index_tag(hash))];
}

static void
displaced_inc(struct flow_bucket *b)
{
	if (b->displaced != DISPLACED_MAX)
		b->displaced++;
}

static void
displaced_dec(struct flow_bucket *b)
{
	if (b->displaced != DISPLACED_MAX)
		b->displaced--;
}

static void
slot_clear(struct flow_bucket *b, unsigned slot)
{
	b->tag[slot] = 0;
	b->alternate &= (uint8_t) ~(1u << slot);
}

static void
slot_set(struct flow_bucket *b, unsigned slot, uint16_t tag, uint32_t ref)
{
	b->tag[slot] = tag;
	b->ref[slot] = ref;
}

/* Moves the entry of one slot to its other bucket, if there is room; true if so. */
static bool
slot_move(struct flow_index *x, uint32_t bucket, unsigned slot)
{
	struct flow_bucket *from = &x->bucket[bucket];
	struct flow_bucket *to = &x->bucket[other_bucket(x, bucket, from->tag[slot])];
	bool was_displaced = from->alternate >> slot & 1;
	unsigned room = flow_bucket_match(to, 0);
	unsigned free_slot;

	if (!room || to == from)
		return false;
	free_slot = (unsigned)__builtin_ctz(room);
	slot_set(to, free_slot, from->tag[slot], from->ref[slot]);
	if (was_displaced) {
		displaced_dec(to);
	} else {
		to->alternate |= (uint8_t)(1u << free_slot);
		displaced_inc(from);
	}
	slot_clear(from, slot);
	return true;
}

/* Both buckets of a key are full: one move makes room in `bucket`. The slot, or BUCKET_SLOTS. */
static unsigned
make_room(struct flow_index *x, uint32_t bucket)
{
	unsigned slot;

	for (slot = 0; slot < BUCKET_SLOTS; slot++) {
		if (slot_move(x, bucket, slot))
			return slot;
	}
	return BUCKET_SLOTS;
}

bool
flow_index_add(struct flow_index *x, uint64_t hash, uint32_t ref)
{
	uint16_t tag = flow_index_tag(hash);
	uint32_t home = (uint32_t)(hash & x->mask);
	uint32_t at = home;
	unsigned room = flow_bucket_match(&x->bucket[home], 0);
	unsigned slot;

	if (!room) {
		at = other_bucket(x, home, tag);
		room = flow_bucket_match(&x->bucket[at], 0);
	}
	if (!room)
		at = home;
	slot = room ? (unsigned)__builtin_ctz(room) : make_room(x, home);
	if (slot == BUCKET_SLOTS)
		return false;
	slot_set(&x->bucket[at], slot, tag, ref);
	if (at != home) {
		x->bucket[at].alternate |= (uint8_t)(1u << slot);
		displaced_inc(&x->bucket[home]);
	}
	return true;
}

static bool
bucket_del(struct flow_bucket *b, uint16_t tag, uint32_t ref, bool alternate)
{
	unsigned m = flow_bucket_match(b, tag);

	for (; m; m &= m - 1) {
		unsigned slot = (unsigned)__builtin_ctz(m);

		if (b->ref[slot] != ref || (b->alternate >> slot & 1) != alternate)
			continue;
		slot_clear(b, slot);
		return true;
	}
	return false;
}

bool
flow_index_del(struct flow_index *x, uint64_t hash, uint32_t ref)
{
	uint16_t tag = flow_index_tag(hash);
	uint32_t home = (uint32_t)(hash & x->mask);

	if (bucket_del(&x->bucket[home], tag, ref, false))
		return true;
	if (!x->bucket[home].displaced)
		return false;
	if (!bucket_del(&x->bucket[other_bucket(x, home, tag)], tag, ref, true))
		return false;
	displaced_dec(&x->bucket[home]);
	return true;
}

static unsigned
slot_check(const struct flow_index *x, uint32_t bucket, unsigned slot, uint64_t hash,
		uint32_t *displaced)
{
	const struct flow_bucket *b = &x->bucket[bucket];
	uint32_t home = (uint32_t)(hash & x->mask);
	bool alternate = b->alternate >> slot & 1;
	uint32_t want = alternate ? other_bucket(x, home, b->tag[slot]) : home;

	if (alternate)
		displaced[home]++;
	return (want != bucket) + (flow_index_tag(hash) != b->tag[slot]);
}

unsigned
flow_index_check(
		const struct flow_index *x, uint64_t (*hash_of)(void *arg, uint32_t ref), void *arg)
{
	uint32_t *displaced = calloc((size_t)x->mask + 1, sizeof(*displaced));
	unsigned bad = 0, slot;
	uint32_t i;

	if (!displaced)
		return 1;
	for (i = 0; i <= x->mask; i++) {
		for (slot = 0; slot < BUCKET_SLOTS; slot++) {
			const struct flow_bucket *b = &x->bucket[i];

			if (b->tag[slot])
				bad += slot_check(
						x, i, slot, hash_of(arg, b->ref[slot]), displaced);
			else
				bad += b->alternate >> slot & 1;
		}
	}
	for (i = 0; i <= x->mask; i++)
		bad += x->bucket[i].displaced != DISPLACED_MAX &&
				displaced[i] != x->bucket[i].displaced;
	free(displaced);
	return bad;
}
