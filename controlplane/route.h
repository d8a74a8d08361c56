/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct config;

/* Where a packet leaves: logical port, next hop and our address there. */
struct route_result {
	uint16_t port;
	struct ip_addr next_hop;
	struct ip_addr source; /* our own address on that port, of the destination's family; may be none */
};

/* The longest of connected prefixes and static routes decides, a connected one before a static one of the same
 * length; then the first default gateway of the family. False: no route. Pure. */
bool route_lookup(const struct config *config, const struct ip_addr *dst, struct route_result *out);

/* Our address on the port to speak to `next_hop` from: of the prefix that holds it, else the first of its family, else
 * none. */
struct ip_addr route_source(
		const struct config *config, uint16_t port, const struct ip_addr *next_hop);

/* Is the address inside a prefix of this logical port? */
bool route_connected(const struct config *config, uint16_t port, const struct ip_addr *addr);
