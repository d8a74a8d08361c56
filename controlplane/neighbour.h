/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link-layer neighbours of endpoints and routers, by our own ARP (RFC 826) and neighbour discovery (RFC 4861); and the
 * answers for our own, the services' and the local addresses. All packets come punted from the lcores and leave
 * injected. Control thread.
 */
#pragma once

#include "gateway.h"
#include "route.h"

struct rte_mbuf;

struct neighbours *neighbours_create(struct gateway *g);
void neighbours_free(struct neighbours *n);

/* Follows the registry after a start or reload: resolves the next hop of every endpoint, announces our addresses. */
void neighbours_sync(struct neighbours *n);

/* A punted frame that is ARP, ND, or an echo request to one of our addresses; takes ownership. False if it is none of
 * these: the caller keeps it. */
bool neighbours_input(struct neighbours *n, struct rte_mbuf *frame);

/* A check of the endpoint was not answered: is its next hop still where it was? */
void neighbours_question(struct neighbours *n, const struct endpoint *e);

/* See route_lookup(). */
bool neighbours_route(
		const struct neighbours *n, const struct ip_addr *dst, struct route_result *out);

/* Sends an IP packet (mbuf data starts with `headroom` for 14 bytes of Ethernet, already there but unset) to `next_hop`
 * on `port`, resolving it first if need be (a few packets wait). Takes ownership. */
void neighbours_send(struct neighbours *n, uint16_t port, const struct ip_addr *next_hop,
		struct rte_mbuf *frame);

/* Rows for the API: array of {address, mac, port, state, endpoint, age_ms}; mac null while unknown,
 * endpoint: the next hop of one, age of the state. New
 * reference. */
json_t *neighbours_json(const struct neighbours *n);

/* What was counted, by name: object of integers. New reference. */
json_t *neighbours_counters_json(const struct neighbours *n);
