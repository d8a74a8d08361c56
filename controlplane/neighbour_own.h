/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are ours, and which of them a port answers for. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"

struct config;

/* A port's own, a service's or a local address. */
bool neighbour_own_any(const struct config *config, const struct ip_addr *addr);

/* Does this port answer requests for the address: its own, any service's, and local ones inside its prefixes. */
bool neighbour_own_answered(const struct config *config, uint16_t port, const struct ip_addr *addr);

/* One address to be told of on one port. */
struct neighbour_own {
	struct ip_addr addr;
	uint16_t port;
	uint32_t left; /* announcements still to make */
	uint64_t next_ms;
};

/* Lists all that is to be announced: addresses on each port whose prefix holds them, each once. 0 or -ENOMEM; the
 * caller frees *out. */
int neighbour_own_list(const struct config *config, struct neighbour_own **out, uint32_t *count);
