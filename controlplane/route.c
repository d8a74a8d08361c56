/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include "config.h"

struct candidate {
	int len; /* of the best prefix so far; -1: none */
	bool connected;
	struct route_result result;
};

static void
consider_connected(struct candidate *best, const struct config_port *p, uint16_t port,
		const struct ip_addr *dst)
{
	size_t i;

	for (i = 0; i < p->address_count; i++) {
		int len = p->address[i].len;

		if (!ip_prefix_contains(&p->address[i], dst))
			continue;
		if (len < best->len || (len == best->len && best->connected))
			continue;
		best->len = len;
		best->connected = true;
		best->result.port = port;
		best->result.next_hop = *dst;
	}
}

static void
consider_static(struct candidate *best, const struct config_port *p, uint16_t port,
		const struct ip_addr *dst)
{
	size_t i;

	for (i = 0; i < p->route_count; i++) {
		if (p->route[i].to.len <= best->len || !ip_prefix_contains(&p->route[i].to, dst))
			continue;
		best->len = p->route[i].to.len;
		best->connected = false;
		best->result.port = port;
		best->result.next_hop = p->route[i].via;
	}
}

static void
consider_gateway(struct candidate *best, const struct config_port *p, uint16_t port,
		const struct ip_addr *dst)
{
	const struct ip_addr *gateway = ip_is_v4(dst) ? &p->gateway4 : &p->gateway6;

	if (best->len >= 0 || ip_is_none(gateway))
		return;
	best->len = 0;
	best->result.port = port;
	best->result.next_hop = *gateway;
}

struct ip_addr
route_source(const struct config *config, uint16_t port, const struct ip_addr *next_hop)
{
	const struct config_port *p = &config->port[port];
	struct ip_addr first = {.q = {0, 0}};
	size_t i;

	for (i = 0; i < p->address_count; i++) {
		const struct ip_addr *own = &p->address[i].addr;

		if (ip_prefix_contains(&p->address[i], next_hop))
			return *own;
		if (ip_is_none(&first) && ip_is_v4(own) == ip_is_v4(next_hop))
			first = *own;
	}
	return first;
}

bool
route_lookup(const struct config *config, const struct ip_addr *dst, struct route_result *out)
{
	struct candidate best = {.len = -1};
	uint16_t i;

	for (i = 0; i < config->port_count; i++)
		consider_connected(&best, &config->port[i], i, dst);
	for (i = 0; i < config->port_count; i++)
		consider_static(&best, &config->port[i], i, dst);
	for (i = 0; i < config->port_count; i++)
		consider_gateway(&best, &config->port[i], i, dst);
	if (best.len < 0)
		return false;
	best.result.source = route_source(config, best.result.port, &best.result.next_hop);
	*out = best.result;
	return true;
}

bool
route_connected(const struct config *config, uint16_t port, const struct ip_addr *addr)
{
	const struct config_port *p = &config->port[port];
	size_t i;

	for (i = 0; i < p->address_count; i++) {
		if (ip_prefix_contains(&p->address[i], addr))
			return true;
	}
	return false;
}
