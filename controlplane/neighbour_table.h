/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we know of neighbours, and when to ask again. Pure: time is an argument.
 *
 *            answer                 30 s                  1 s, 3 times
 *   INCOMPLETE ---> REACHABLE ------------> PROBE -------------------> FAILED ---+
 *       |              ^  ^---- answer -------+                          |       | asked again with backoff
 *       | 3 times      |                      ^ 1 s                      | answer| (pinned), else forgotten
 *       +--> FAILED    +---- answer -------- STALE <-- evidence without  |       |
 *                      ^                               confirmation -----+   <---+
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct rte_mbuf;

enum neighbour_state {
	NEIGHBOUR_INCOMPLETE, /* asked, no answer yet */
	NEIGHBOUR_REACHABLE, /* confirmed within the last 30 s */
	NEIGHBOUR_STALE, /* seen, not confirmed */
	NEIGHBOUR_PROBE, /* being confirmed, address still in use */
	NEIGHBOUR_FAILED, /* does not answer */
	NEIGHBOUR_STATIC, /* configured: neither asked nor corrected */
};

#define NEIGHBOUR_WAITING_MAX 4

struct neighbour {
	struct ip_addr addr;
	uint16_t port;
	bool pinned; /* next hop of an endpoint: never forgotten */
	enum neighbour_state state;
	struct ether_mac mac; /* valid unless INCOMPLETE or FAILED */
	uint32_t tries;
	uint64_t next_ms; /* when neighbour_step has something to do */
	uint64_t since_ms; /* of the state */
	uint64_t mac_ms; /* when mac was set */
	uint64_t used_ms;
	uint32_t waiting_count;
	struct rte_mbuf *waiting
			[NEIGHBOUR_WAITING_MAX]; /* the owner's: the table never looks at them */
	struct neighbour *chain;
	bool in_use;
};

struct neighbour_table;

struct neighbour_table *neighbour_table_create(uint32_t limit);
void neighbour_table_free(struct neighbour_table *t);

struct neighbour *neighbour_lookup(
		const struct neighbour_table *t, uint16_t port, const struct ip_addr *addr);

/* A new one, due at once. NULL if the table is full. */
struct neighbour *neighbour_add(struct neighbour_table *t, uint16_t port,
		const struct ip_addr *addr, uint64_t now_ms);
void neighbour_del(struct neighbour_table *t, struct neighbour *n);

/* The one that is not pinned and was not used for longest, to make room; or NULL. */
struct neighbour *neighbour_oldest(const struct neighbour_table *t);

/* Iterates: i from 0 to the limit; NULL where there is none. */
uint32_t neighbour_table_limit(const struct neighbour_table *t);
struct neighbour *neighbour_at(const struct neighbour_table *t, uint32_t i);

enum neighbour_action {
	NEIGHBOUR_NOTHING,
	NEIGHBOUR_ASK_ALL, /* by broadcast or multicast */
	NEIGHBOUR_ASK_ONE, /* its known address */
	NEIGHBOUR_GIVE_UP, /* has just failed: its address is no longer good */
	NEIGHBOUR_FORGET, /* delete it */
};

/* What is to be done now; the state moves on as if it had been. */
enum neighbour_action neighbour_step(struct neighbour *n, uint64_t now_ms);

struct neighbour_evidence {
	struct ether_mac mac;
	bool confirms; /* an answer to a question of ours */
	bool override; /* may replace what is known */
};

/* True if the address to use has changed: it is new, or another. */
bool neighbour_learn(struct neighbour *n, const struct neighbour_evidence *e, uint64_t now_ms);

/* Its address is known from now on, until neighbour_doubt. True if it changed. */
bool neighbour_fix(struct neighbour *n, const struct ether_mac *mac, uint64_t now_ms);

/* No longer static: to be confirmed like any other. */
void neighbour_doubt(struct neighbour *n, uint64_t now_ms);

/* Something does not answer there: it may have moved, and is asked at once, unless it has just been. */
void neighbour_question(struct neighbour *n, uint64_t now_ms);

/* Is mac good to send to? */
bool neighbour_usable(const struct neighbour *n);

const char *neighbour_state_name(enum neighbour_state s);
