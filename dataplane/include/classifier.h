/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "addr.h"

struct view_service;

/* What an address is to the gateway. */
enum address_kind {
	ADDRESS_FOREIGN, /* not ours */
	ADDRESS_SERVICE, /* of at least one service */
	ADDRESS_LOCAL, /* source of fullnat flows; `index` is its place among those of its family */
	ADDRESS_OWN, /* a port's own address; `index` is the logical port */
};

struct address_entry {
	enum address_kind kind;
	uint32_t index;
};

struct classifier;

/* What the classifier is built from. `services` may hold NULLs; `local4` and `local6` are in the order of
 * their index, and may hold "none" for an index not in use. Copied; the caller keeps its arrays. */
struct classifier_input {
	const struct view_service *const *services;
	uint32_t service_count;
	const struct ip_addr *local4, *local6;
	uint32_t local4_count, local6_count;
	const struct ip_addr *own; /* own[i] belongs to logical port own_port[i] */
	const uint32_t *own_port;
	uint32_t own_count;
};

/* NULL when out of memory. Overlapping services must have been refused before. */
struct classifier *classifier_build(const struct classifier_input *in);
void classifier_free(struct classifier *c);

/* Any thread that holds the view. An address that is more than one thing is told as a service's before a
 * local, and as that before a port's own. */
struct address_entry classifier_address(const struct classifier *c, const struct ip_addr *addr);

/* sid of the service of (address, protocol, port in host order), or -1. */
int64_t classifier_service(const struct classifier *c, const struct ip_addr *addr, uint8_t protocol,
		uint16_t port);

/* Index of a local IPv4 address (network order), or -1; for every packet, so one probe and inline. */
struct classifier_local4 {
	uint32_t multiplier; /* chosen at build so that no two addresses share a slot */
	uint32_t shift;
	const uint32_t *ip4_be; /* [1 << (32 - shift)] */
	const int32_t *index;
};

const struct classifier_local4 *classifier_local4(const struct classifier *c);

static inline int32_t
classifier_local4_lookup(const struct classifier_local4 *l, uint32_t ip4_be)
{
	uint32_t slot = (uint32_t)(ip4_be * l->multiplier) >> l->shift;

	return l->ip4_be[slot] == ip4_be ? l->index[slot] : -1;
}
