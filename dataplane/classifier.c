/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three tables in one block of the view:
 *
 *   slot[]    address -> what it is, and its services: open addressing, at most half full, linear probing
 *   range[]   the services' port ranges; those of one address stand together, sorted, and never overlap
 *   local4    IPv4 local addresses once more, without collisions, for the return leg of every packet
 */
#include "classifier.h"

#include "hash.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

/* Multipliers tried before local4's table is doubled. */
#define TRIALS 256

/* Senders choose the addresses that are looked up, not those that are in the table, so the seed need not be
 * secret: an absent address costs at most a probe of the run that it falls on. */
#define SEED 0x756e646572737479ULL

struct slot {
	struct ip_addr addr; /* none: empty */
	uint32_t kind; /* enum address_kind */
	uint32_t index;
	uint32_t range, range_count;
};

/* `first` and `last` are protocol << 16 | port. */
struct range {
	uint32_t first, last;
	uint32_t sid;
};

struct classifier {
	struct slot *slot;
	struct range *range;
	uint32_t mask; /* of slot[] */
	uint32_t range_count;
	struct classifier_local4 local4;
};

static struct slot *
slot_of(const struct classifier *c, const struct ip_addr *addr)
{
	uint32_t i = (uint32_t)hash_16(SEED, addr->b) & c->mask;

	while (!ip_is_none(&c->slot[i].addr) && !ip_equal(&c->slot[i].addr, addr))
		i = (i + 1) & c->mask;
	return &c->slot[i];
}

static struct slot *
slot_add(struct classifier *c, const struct ip_addr *addr, enum address_kind kind, uint32_t index)
{
	struct slot *s = slot_of(c, addr);

	s->addr = *addr;
	s->kind = kind;
	s->index = index;
	return s;
}

static uint32_t
power_of_2_at_least(uint32_t n)
{
	uint32_t p = 2;

	while (p < n)
		p *= 2;
	return p;
}

/* What is sorted to lay out range[]. */
struct service_range {
	struct ip_addr addr;
	struct range range;
};

static int
service_range_compare(const void *left, const void *right)
{
	const struct service_range *a = left, *b = right;
	int by_addr = memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b));

	if (by_addr)
		return by_addr;
	return a->range.first < b->range.first ? -1 : a->range.first > b->range.first;
}

static uint32_t
service_ranges(const struct classifier_input *in, struct service_range *out)
{
	const struct view_service *s;
	uint32_t i, n = 0;

	for (i = 0; i < in->service_count; i++) {
		s = in->services[i];
		if (!s)
			continue;
		out[n].addr = s->addr;
		out[n].range.first = (uint32_t)s->protocol << 16 | s->port_first;
		out[n].range.last = (uint32_t)s->protocol << 16 | s->port_last;
		out[n++].range.sid = s->sid;
	}
	qsort(out, n, sizeof(*out), service_range_compare);
	return n;
}

static int
add_services(struct classifier *c, const struct classifier_input *in)
{
	struct service_range *sorted = malloc((in->service_count + 1) * sizeof(*sorted));
	struct slot *slot = NULL;
	uint32_t i;

	if (!sorted)
		return -1;
	c->range_count = service_ranges(in, sorted);
	c->range = malloc((c->range_count + 1) * sizeof(*c->range));
	for (i = 0; c->range && i < c->range_count; i++) {
		if (!slot || !ip_equal(&slot->addr, &sorted[i].addr)) {
			slot = slot_add(c, &sorted[i].addr, ADDRESS_SERVICE, 0);
			slot->range = i;
		}
		slot->range_count++;
		c->range[i] = sorted[i].range;
	}
	free(sorted);
	return c->range ? 0 : -1;
}

static void
add_addresses(struct classifier *c, const struct classifier_input *in)
{
	uint32_t i;

	for (i = 0; i < in->own_count; i++)
		if (!ip_is_none(&in->own[i]))
			slot_add(c, &in->own[i], ADDRESS_OWN, in->own_port[i]);
	for (i = 0; i < in->local4_count; i++)
		if (!ip_is_none(&in->local4[i]))
			slot_add(c, &in->local4[i], ADDRESS_LOCAL, i);
	for (i = 0; i < in->local6_count; i++)
		if (!ip_is_none(&in->local6[i]))
			slot_add(c, &in->local6[i], ADDRESS_LOCAL, i);
}

/* Tries one multiplier; false if two addresses meet. An empty slot holds address 0 with index -1, so that even
 * a packet to 0.0.0.0 finds nothing there. */
static bool
local4_place(struct classifier_local4 *l, uint32_t *ip4_be, int32_t *index,
		const struct classifier_input *in)
{
	uint32_t i, slot, size = 1u << (32 - l->shift);

	memset(ip4_be, 0, size * sizeof(*ip4_be));
	memset(index, 0xff, size * sizeof(*index));
	for (i = 0; i < in->local4_count; i++) {
		if (ip_is_none(&in->local4[i]))
			continue;
		slot = (uint32_t)(ip_v4_be(&in->local4[i]) * l->multiplier) >> l->shift;
		if (index[slot] >= 0 && ip4_be[slot] != ip_v4_be(&in->local4[i]))
			return false;
		ip4_be[slot] = ip_v4_be(&in->local4[i]);
		index[slot] = (int32_t)i;
	}
	return true;
}

/* Ends: with one slot for every address (shift 1 and two multipliers) no two different addresses always meet,
 * and long before, since random addresses need about their number squared and neighbours hardly more than
 * their number. */
static int
local4_build(struct classifier_local4 *l, const struct classifier_input *in)
{
	uint32_t i, size = power_of_2_at_least(in->local4_count * 2);
	uint32_t *ip4_be;
	int32_t *index;

	for (; size; size *= 2) {
		l->ip4_be = ip4_be = malloc(size * sizeof(*ip4_be));
		l->index = index = malloc(size * sizeof(*index));
		l->shift = (uint32_t)__builtin_clz(size) + 1;
		if (!ip4_be || !index)
			return -1;
		for (i = 0; i < TRIALS; i++) {
			l->multiplier = (uint32_t)hash_key(SEED, i) | 1;
			if (local4_place(l, ip4_be, index, in))
				return 0;
		}
		free(ip4_be);
		free(index);
		l->ip4_be = NULL;
		l->index = NULL;
	}
	return -1;
}

struct classifier *
classifier_build(const struct classifier_input *in)
{
	uint32_t addresses =
			in->service_count + in->local4_count + in->local6_count + in->own_count;
	struct classifier *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->mask = power_of_2_at_least(addresses * 2) - 1;
	c->slot = calloc(c->mask + 1, sizeof(*c->slot));
	if (!c->slot)
		goto fail;
	add_addresses(c, in);
	if (add_services(c, in) < 0 || local4_build(&c->local4, in) < 0)
		goto fail;
	return c;
fail:
	classifier_free(c);
	return NULL;
}

void
classifier_free(struct classifier *c)
{
	if (!c)
		return;
	free((void *)c->local4.ip4_be);
	free((void *)c->local4.index);
	free(c->range);
	free(c->slot);
	free(c);
}

struct address_entry
classifier_address(const struct classifier *c, const struct ip_addr *addr)
{
	const struct slot *s = slot_of(c, addr);

	return (struct address_entry){.kind = s->kind, .index = s->index};
}

int64_t
classifier_service(const struct classifier *c, const struct ip_addr *addr, uint8_t protocol,
		uint16_t port)
{
	const struct slot *s = slot_of(c, addr);
	const struct range *r = &c->range[s->range];
	uint32_t want = (uint32_t)protocol << 16 | port;
	uint32_t n = s->range_count, half;

	if (!n)
		return -1;
	while (n > 1) {
		half = n / 2;
		if (r[half].first <= want)
			r += half;
		n -= half;
	}
	return r->first <= want && want <= r->last ? (int64_t)r->sid : -1;
}

const struct classifier_local4 *
classifier_local4(const struct classifier *c)
{
	return &c->local4;
}
