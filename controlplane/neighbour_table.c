/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour_table.h"

#include <stdlib.h>

/* RFC 4861, section 10: REACHABLE_TIME, RETRANS_TIMER, MAX_*CAST_SOLICIT. */
#define REACHABLE_MS 30000
#define RETRY_MS 1000
#define TRIES 3
#define STALE_MS 1000 /* a neighbour seen and not confirmed is asked after this */
#define BACKOFF_MAX_MS 8000 /* an endpoint that comes back is found within this */
#define IDLE_MS 120000 /* one that nobody needs is forgotten after this */
#define MAC_LOCK_MS 1000 /* two hosts that claim one address must not make it flap faster */
#define SPREAD_MS 4096 /* refreshes do not come all at once */

struct neighbour_table {
	uint32_t limit, mask;
	struct neighbour *entry;
	struct neighbour **bucket;
	struct neighbour *unused;
};

static uint32_t
hash_of(uint16_t port, const struct ip_addr *addr)
{
	uint64_t h = (addr->q[0] ^ port) * 0x9e3779b97f4a7c15u;

	h = (h ^ (h >> 32) ^ addr->q[1]) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 32);
}

struct neighbour_table *
neighbour_table_create(uint32_t limit)
{
	struct neighbour_table *t = calloc(1, sizeof(*t));
	uint32_t i;

	if (!t)
		return NULL;
	t->limit = limit;
	for (t->mask = 1; t->mask < limit && t->mask < 1u << 30; t->mask *= 2)
		continue;
	t->bucket = calloc(t->mask, sizeof(t->bucket[0]));
	t->entry = calloc(limit ? limit : 1, sizeof(t->entry[0]));
	if (!t->bucket || !t->entry) {
		neighbour_table_free(t);
		return NULL;
	}
	t->mask--;
	for (i = limit; i-- > 0;) {
		t->entry[i].chain = t->unused;
		t->unused = &t->entry[i];
	}
	return t;
}

void
neighbour_table_free(struct neighbour_table *t)
{
	if (!t)
		return;
	free(t->bucket);
	free(t->entry);
	free(t);
}

struct neighbour *
neighbour_lookup(const struct neighbour_table *t, uint16_t port, const struct ip_addr *addr)
{
	struct neighbour *n;

	for (n = t->bucket[hash_of(port, addr) & t->mask]; n; n = n->chain) {
		if (n->port == port && ip_equal(&n->addr, addr))
			return n;
	}
	return NULL;
}

struct neighbour *
neighbour_add(struct neighbour_table *t, uint16_t port, const struct ip_addr *addr, uint64_t now_ms)
{
	struct neighbour **bucket = &t->bucket[hash_of(port, addr) & t->mask];
	struct neighbour *n = t->unused;

	if (!n)
		return NULL;
	t->unused = n->chain;
	*n = (struct neighbour){.addr = *addr,
			.port = port,
			.next_ms = now_ms,
			.since_ms = now_ms,
			.used_ms = now_ms,
			.chain = *bucket,
			.in_use = true};
	*bucket = n;
	return n;
}

void
neighbour_del(struct neighbour_table *t, struct neighbour *n)
{
	struct neighbour **at = &t->bucket[hash_of(n->port, &n->addr) & t->mask];

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	n->in_use = false;
	n->chain = t->unused;
	t->unused = n;
}

struct neighbour *
neighbour_oldest(const struct neighbour_table *t)
{
	struct neighbour *oldest = NULL;
	uint32_t i;

	for (i = 0; i < t->limit; i++) {
		struct neighbour *n = &t->entry[i];

		if (n->in_use && !n->pinned && n->state != NEIGHBOUR_STATIC &&
				(!oldest || n->used_ms < oldest->used_ms))
			oldest = n;
	}
	return oldest;
}

uint32_t
neighbour_table_limit(const struct neighbour_table *t)
{
	return t->limit;
}

struct neighbour *
neighbour_at(const struct neighbour_table *t, uint32_t i)
{
	return t->entry[i].in_use ? &t->entry[i] : NULL;
}

static void
enter(struct neighbour *n, enum neighbour_state state, uint64_t now_ms)
{
	n->state = state;
	n->since_ms = now_ms;
	n->tries = 0;
}

/* One more question, and the time of the next. */
static enum neighbour_action
ask(struct neighbour *n, enum neighbour_action how, uint64_t now_ms)
{
	n->tries++;
	n->next_ms = now_ms + RETRY_MS;
	return how;
}

static enum neighbour_action
give_up(struct neighbour *n, uint64_t now_ms)
{
	enter(n, NEIGHBOUR_FAILED, now_ms);
	n->next_ms = now_ms + RETRY_MS;
	return NEIGHBOUR_GIVE_UP;
}

static enum neighbour_action
step_failed(struct neighbour *n, uint64_t now_ms)
{
	uint64_t backoff_ms = RETRY_MS;
	uint32_t i;

	if (!n->pinned)
		return NEIGHBOUR_FORGET;
	ask(n, NEIGHBOUR_ASK_ALL, now_ms);
	for (i = 1; i < n->tries && backoff_ms < BACKOFF_MAX_MS; i++)
		backoff_ms *= 2;
	n->next_ms = now_ms + backoff_ms;
	return NEIGHBOUR_ASK_ALL;
}

static enum neighbour_action
step_probe(struct neighbour *n, uint64_t now_ms)
{
	if (n->tries < TRIES - 1)
		return ask(n, NEIGHBOUR_ASK_ONE, now_ms);
	/* One that has another address now hears only this. */
	if (n->tries < TRIES)
		return ask(n, NEIGHBOUR_ASK_ALL, now_ms);
	return give_up(n, now_ms);
}

enum neighbour_action
neighbour_step(struct neighbour *n, uint64_t now_ms)
{
	if (now_ms < n->next_ms)
		return NEIGHBOUR_NOTHING;
	switch (n->state) {
	case NEIGHBOUR_INCOMPLETE:
		if (n->tries < TRIES)
			return ask(n, NEIGHBOUR_ASK_ALL, now_ms);
		return give_up(n, now_ms);
	case NEIGHBOUR_REACHABLE:
	case NEIGHBOUR_STALE:
		if (!n->pinned && now_ms - n->used_ms >= IDLE_MS)
			return NEIGHBOUR_FORGET;
		enter(n, NEIGHBOUR_PROBE, now_ms);
		return step_probe(n, now_ms);
	case NEIGHBOUR_PROBE:
		return step_probe(n, now_ms);
	case NEIGHBOUR_FAILED:
		return step_failed(n, now_ms);
	case NEIGHBOUR_STATIC:
		break;
	}
	return NEIGHBOUR_NOTHING;
}

static void
confirm(struct neighbour *n, uint64_t now_ms)
{
	enter(n, NEIGHBOUR_REACHABLE, now_ms);
	n->next_ms = now_ms + REACHABLE_MS - hash_of(n->port, &n->addr) % SPREAD_MS;
}

void
neighbour_doubt(struct neighbour *n, uint64_t now_ms)
{
	enter(n, NEIGHBOUR_STALE, now_ms);
	n->next_ms = now_ms + STALE_MS;
}

void
neighbour_question(struct neighbour *n, uint64_t now_ms)
{
	bool fresh = n->state == NEIGHBOUR_REACHABLE && now_ms - n->since_ms < STALE_MS;

	if ((n->state != NEIGHBOUR_REACHABLE && n->state != NEIGHBOUR_STALE) || fresh)
		return;
	if (n->next_ms > now_ms)
		n->next_ms = now_ms;
}

bool
neighbour_learn(struct neighbour *n, const struct neighbour_evidence *e, uint64_t now_ms)
{
	bool usable = neighbour_usable(n);
	bool same = usable && memcmp(n->mac.b, e->mac.b, sizeof(e->mac.b)) == 0;

	if (n->state == NEIGHBOUR_STATIC)
		return false;
	if (same) {
		if (e->confirms)
			confirm(n, now_ms);
		return false;
	}
	if (usable && (!e->override || now_ms - n->mac_ms < MAC_LOCK_MS)) {
		if (n->state == NEIGHBOUR_REACHABLE)
			neighbour_doubt(n, now_ms);
		return false;
	}
	n->mac = e->mac;
	n->mac_ms = now_ms;
	if (e->confirms)
		confirm(n, now_ms);
	else
		neighbour_doubt(n, now_ms);
	return true;
}

bool
neighbour_fix(struct neighbour *n, const struct ether_mac *mac, uint64_t now_ms)
{
	bool same = neighbour_usable(n) && memcmp(n->mac.b, mac->b, sizeof(mac->b)) == 0;

	if (n->state != NEIGHBOUR_STATIC)
		enter(n, NEIGHBOUR_STATIC, now_ms);
	n->mac = *mac;
	n->mac_ms = now_ms;
	return !same;
}

bool
neighbour_usable(const struct neighbour *n)
{
	return n->state != NEIGHBOUR_INCOMPLETE && n->state != NEIGHBOUR_FAILED;
}

const char *
neighbour_state_name(enum neighbour_state s)
{
	switch (s) {
	case NEIGHBOUR_INCOMPLETE:
		return "incomplete";
	case NEIGHBOUR_REACHABLE:
		return "reachable";
	case NEIGHBOUR_STALE:
		return "stale";
	case NEIGHBOUR_PROBE:
		return "probe";
	case NEIGHBOUR_FAILED:
		return "failed";
	case NEIGHBOUR_STATIC:
		return "static";
	}
	return "unknown";
}
