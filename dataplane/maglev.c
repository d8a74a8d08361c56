/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Population of a Maglev table in three steps, each linear in its size (the last in size x log size):
 *
 *   order  entries by name_hash, so that the table does not depend on the order of a file
 *   turns  who takes a bucket when: entry i has a turn every W / w_i, starting at half of that, on a
 *          calendar with one page per expected turn. With equal weights this is the paper's round robin.
 *   fill   at its turn an entry takes its most preferred bucket that is free
 *
 * The calendar keeps the work of weights 1 : 65535 the same as that of equal ones, where rounds in which
 * everybody gathers credit would have to go round 65535 times for one bucket.
 */
#include "maglev.h"

#include "hash.h"
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

/* Primes about twice as large as the one before, so that adding an endpoint seldom changes the size, which
 * would move every bucket. 4099: weights of 1 : 20 still come out to 0.25 %. */
static const uint32_t primes[] = {4099, 10007, 20011, 40009, 65537};

/* What one entry needs for its turns: position on the calendar in 1/2^32 pages. */
struct turn {
	uint64_t at;
	uint64_t every;
	uint32_t next; /* on the same page; the lists are rings, and the calendar names the last */
};

struct calendar {
	struct turn *turn;
	uint32_t *last; /* of each page, or NOBODY */
	uint32_t pages;
};

static void
calendar_add(struct calendar *c, uint32_t entry)
{
	uint64_t page = c->turn[entry].at >> 32;
	uint32_t last;

	if (page >= c->pages)
		return;
	last = c->last[page];
	c->turn[entry].next = last == NOBODY ? entry : c->turn[last].next;
	if (last != NOBODY)
		c->turn[last].next = entry;
	c->last[page] = entry;
}

static uint64_t
weight_sum(const uint32_t *weights, uint32_t count)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < count; i++)
		sum += weights[i];
	return sum;
}

/* An entry has (pages x its share), rounded, turns. `pages` = size + count is enough for `size` in total. */
static int
calendar_init(struct calendar *c, const uint32_t *weights, uint32_t count, uint32_t size)
{
	uint64_t sum = weight_sum(weights, count);
	uint32_t i;

	c->pages = size + count;
	c->turn = malloc(count * sizeof(*c->turn));
	c->last = malloc(c->pages * sizeof(*c->last));
	if (!c->turn || !c->last)
		return -ENOMEM;
	memset(c->last, 0xff, c->pages * sizeof(*c->last));
	for (i = 0; i < count; i++) {
		if (!weights[i])
			continue;
		c->turn[i].every = (sum << 32) / weights[i];
		c->turn[i].at = c->turn[i].every / 2;
		calendar_add(c, i);
	}
	return 0;
}

static void
calendar_fini(struct calendar *c)
{
	free(c->turn);
	free(c->last);
}

/* Writes the first `size` turns to `order`. */
static void
calendar_run(struct calendar *c, uint32_t *order, uint32_t size)
{
	uint32_t page, entry, next, last, n = 0;

	for (page = 0; page < c->pages && n < size; page++) {
		last = c->last[page];
		if (last == NOBODY)
			continue;
		next = c->turn[last].next;
		do {
			entry = next;
			next = c->turn[entry].next;
			order[n++] = entry;
			c->turn[entry].at += c->turn[entry].every;
			calendar_add(c, entry);
		} while (entry != last && n < size);
	}
}

/* The entry of each of `size` turns; NULL when out of memory. */
static uint32_t *
turns_create(const uint32_t *weights, uint32_t count, uint32_t size)
{
	uint32_t *order = malloc(size * sizeof(*order));
	struct calendar c = {0};

	if (!order || calendar_init(&c, weights, count, size) < 0) {
		calendar_fini(&c);
		free(order);
		return NULL;
	}
	calendar_run(&c, order, size);
	calendar_fini(&c);
	return order;
}

int
maglev_fill(uint32_t *table, uint32_t size, const uint32_t *permutation, const uint32_t *weights,
		uint32_t count)
{
	uint32_t *turn = weight_sum(weights, count) ? turns_create(weights, count, size) : NULL;
	uint32_t *next = calloc(count, sizeof(*next));
	uint32_t i, entry, bucket;

	if (turn && next) {
		memset(table, 0xff, size * sizeof(*table));
		for (i = 0; i < size; i++) {
			entry = turn[i];
			do
				bucket = permutation[entry * size + next[entry]++];
			while (table[bucket] != NOBODY);
			table[bucket] = entry;
		}
	}
	free(next);
	i = turn && next;
	free(turn);
	return i ? 0 : -ENOMEM;
}

/* Where an entry stands in its list of preferences: offset + j x skip modulo size (section 3.4). */
struct preference {
	uint32_t bucket;
	uint32_t skip;
	uint32_t eid;
};

static void
preference_init(struct preference *p, const struct maglev_entry *e, uint32_t size)
{
	p->bucket = (uint32_t)(hash_key(e->name_hash, 1) % size);
	p->skip = (uint32_t)(hash_key(e->name_hash, 2) % (size - 1)) + 1;
	p->eid = e->eid;
}

/* `taken` has a bit for each bucket: 8 KiB at most, which stays in the first-level cache, as the table
 * itself would not; there are about size x log(size) looks at it. */
static void
fill(struct maglev *m, const uint32_t *turn, struct preference *preference, uint64_t *taken)
{
	uint32_t i, bucket, size = m->size;
	struct preference *p;

	for (i = 0; i < size; i++) {
		p = &preference[turn[i]];
		bucket = p->bucket;
		while (taken[bucket / 64] >> (bucket % 64) & 1) {
			bucket += p->skip;
			if (bucket >= size)
				bucket -= size;
		}
		p->bucket = bucket;
		taken[bucket / 64] |= 1ULL << (bucket % 64);
		m->eid[bucket] = p->eid;
	}
}

static int
entry_compare(const void *left, const void *right)
{
	const struct maglev_entry *a = left, *b = right;

	if (a->name_hash != b->name_hash)
		return a->name_hash < b->name_hash ? -1 : 1;
	return a->eid < b->eid ? -1 : a->eid > b->eid;
}

/* The entries that have weight, in order; NULL when out of memory. */
static struct maglev_entry *
entries_sorted(const struct maglev_entry *entries, uint32_t *count)
{
	struct maglev_entry *sorted = malloc((*count + 1) * sizeof(*sorted));
	uint32_t i, n = 0;

	if (!sorted)
		return NULL;
	for (i = 0; i < *count; i++)
		if (entries[i].weight)
			sorted[n++] = entries[i];
	qsort(sorted, n, sizeof(*sorted), entry_compare);
	*count = n;
	return sorted;
}

static struct maglev *
build_sorted(const struct maglev_entry *sorted, uint32_t count, uint32_t size)
{
	struct maglev *m = malloc(sizeof(*m) + size * sizeof(m->eid[0]));
	struct preference *preference = malloc(count * sizeof(*preference));
	uint64_t *taken = calloc(size / 64 + 1, sizeof(*taken));
	uint32_t *weights = malloc(count * sizeof(*weights));
	uint32_t *turn = NULL;
	uint32_t i;

	for (i = 0; preference && weights && i < count; i++) {
		preference_init(&preference[i], &sorted[i], size);
		weights[i] = sorted[i].weight;
	}
	if (m && preference && taken && weights)
		turn = turns_create(weights, count, size);
	if (turn) {
		m->size = size;
		fill(m, turn, preference, taken);
	} else {
		free(m);
		m = NULL;
	}
	free(turn);
	free(weights);
	free(taken);
	free(preference);
	return m;
}

struct maglev *
maglev_build(const struct maglev_entry *entries, uint32_t count, uint32_t size)
{
	struct maglev_entry *sorted = entries_sorted(entries, &count);
	struct maglev *m = sorted && count ? build_sorted(sorted, count, size) : NULL;

	free(sorted);
	return m;
}

void
maglev_free(struct maglev *m)
{
	free(m);
}

uint32_t
maglev_size(uint32_t endpoints)
{
	size_t i;

	for (i = 0; i < sizeof(primes) / sizeof(primes[0]); i++)
		if (primes[i] / 100 >= endpoints)
			return primes[i];
	return primes[i - 1];
}
