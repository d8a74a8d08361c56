/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour_own.h"

#include "config.h"
#include "route.h"

#include <errno.h>
#include <stdlib.h>

static bool
own_of_port(const struct config_port *p, const struct ip_addr *addr)
{
	size_t i;

	for (i = 0; i < p->address_count; i++) {
		if (ip_equal(&p->address[i].addr, addr))
			return true;
	}
	return false;
}

static bool
own_of_service(const struct config *config, const struct ip_addr *addr)
{
	size_t i;

	for (i = 0; i < config->service_count; i++) {
		if (ip_equal(&config->service[i].addr, addr))
			return true;
	}
	return false;
}

static bool
own_local(const struct config *config, const struct ip_addr *addr)
{
	size_t i;

	for (i = 0; i < config->local_count; i++) {
		if (ip_equal(&config->local[i], addr))
			return true;
	}
	return false;
}

bool
neighbour_own_any(const struct config *config, const struct ip_addr *addr)
{
	size_t i;

	for (i = 0; i < config->port_count; i++) {
		if (own_of_port(&config->port[i], addr))
			return true;
	}
	return own_of_service(config, addr) || own_local(config, addr);
}

bool
neighbour_own_answered(const struct config *config, uint16_t port, const struct ip_addr *addr)
{
	return own_of_port(&config->port[port], addr) || own_of_service(config, addr) ||
			(own_local(config, addr) && route_connected(config, port, addr));
}

struct list {
	struct neighbour_own *row;
	uint32_t count;
};

static void
list_add(struct list *l, uint16_t port, const struct ip_addr *addr)
{
	uint32_t i;

	for (i = 0; i < l->count; i++) {
		if (l->row[i].port == port && ip_equal(&l->row[i].addr, addr))
			return;
	}
	l->row[l->count++] = (struct neighbour_own){.addr = *addr, .port = port};
}

static void
list_port(struct list *l, const struct config *config, uint16_t port)
{
	const struct config_port *p = &config->port[port];
	size_t i;

	for (i = 0; i < p->address_count; i++)
		list_add(l, port, &p->address[i].addr);
	for (i = 0; i < config->local_count; i++) {
		if (route_connected(config, port, &config->local[i]))
			list_add(l, port, &config->local[i]);
	}
	for (i = 0; i < config->service_count; i++) {
		if (route_connected(config, port, &config->service[i].addr))
			list_add(l, port, &config->service[i].addr);
	}
}

int
neighbour_own_list(const struct config *config, struct neighbour_own **out, uint32_t *count)
{
	size_t i, max = config->port_count * (config->local_count + config->service_count);
	struct list l = {.count = 0};

	for (i = 0; i < config->port_count; i++)
		max += config->port[i].address_count;
	l.row = calloc(max + 1, sizeof(l.row[0]));
	if (!l.row)
		return -ENOMEM;
	for (i = 0; i < config->port_count; i++)
		list_port(&l, config, (uint16_t)i);
	*out = l.row;
	*count = l.count;
	return 0;
}
