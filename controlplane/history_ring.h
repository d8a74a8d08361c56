/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue between two threads, one of which puts and the other takes; neither ever waits. Each writes its own
 * index, on a cache line of its own, and keeps a copy of the other's, which is read again when the copy says that the
 * ring is full (or empty).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* A sample, or with `series` NULL a message. */
struct history_item {
	void *series;
	union {
		uint64_t wall_ms;
		void *message;
	};
	double value;
};

struct history_ring {
	uint32_t mask;
	struct history_item *item;
	struct { /* written by the thread that puts */
		uint32_t head, tail_seen;
	} put __attribute__((aligned(64)));
	struct { /* written by the thread that takes */
		uint32_t tail, head_seen;
	} take __attribute__((aligned(64)));
};

/* Room for `count` at least; -1 when out of memory. */
static inline int
history_ring_init(struct history_ring *r, uint32_t count)
{
	uint32_t size = 16;

	while (size < count && size < 1u << 30)
		size *= 2;
	*r = (struct history_ring){.mask = size - 1};
	r->item = calloc(size, sizeof(*r->item));
	return r->item ? 0 : -1;
}

static inline void
history_ring_fini(struct history_ring *r)
{
	free(r->item);
	r->item = NULL;
}

static inline bool
history_ring_put(struct history_ring *r, const struct history_item *item)
{
	uint32_t head = r->put.head;

	if (head - r->put.tail_seen > r->mask) {
		r->put.tail_seen = __atomic_load_n(&r->take.tail, __ATOMIC_ACQUIRE);
		if (head - r->put.tail_seen > r->mask)
			return false;
	}
	r->item[head & r->mask] = *item;
	__atomic_store_n(&r->put.head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool
history_ring_take(struct history_ring *r, struct history_item *item)
{
	uint32_t tail = r->take.tail;

	if (tail == r->take.head_seen) {
		r->take.head_seen = __atomic_load_n(&r->put.head, __ATOMIC_ACQUIRE);
		if (tail == r->take.head_seen)
			return false;
	}
	*item = r->item[tail & r->mask];
	__atomic_store_n(&r->take.tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}
