/* SPDX-License-Identifier: Apache-2.0 */
#include "config_validate.h"

#include "route.h"

#include <stdlib.h>
#include <string.h>

/* Zero where it is padded: compared as bytes. */
struct hop {
	struct ip_addr addr;
	uint64_t port;
};

static int
compare_hops(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hop));
}

/* With those that are needed more than once. */
static size_t
list_hops(const struct config *c, struct hop *hop)
{
	struct route_result route;
	size_t i, j, n = 0;

	for (i = 0; i < c->port_count; i++)
		for (j = 0; j < c->port[i].neighbour_count; j++)
			hop[n++] = (struct hop){c->port[i].neighbour[j].addr, i};
	for (i = 0; i < c->service_count; i++)
		for (j = 0; j < c->service[i].endpoint_count; j++)
			if (route_lookup(c, &c->service[i].endpoint[j].addr, &route))
				hop[n++] = (struct hop){route.next_hop, route.port};
	return n;
}

static size_t
most_hops(const struct config *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->port_count; i++)
		n += c->port[i].neighbour_count;
	for (i = 0; i < c->service_count; i++)
		n += c->service[i].endpoint_count;
	return n;
}

/* One without a place in the table would never be resolved. */
void
validate_hops(const struct validation *v)
{
	const struct config *c = v->config;
	size_t i, n, different = 0, most = most_hops(c);
	struct hop *hop;

	if (most <= c->limits.neighbours)
		return;
	hop = calloc(most, sizeof(*hop));
	if (!hop)
		return;
	n = list_hops(c, hop);
	qsort(hop, n, sizeof(*hop), compare_hops);
	for (i = 0; i < n; i++)
		different += i == 0 || compare_hops(&hop[i - 1], &hop[i]) != 0;
	if (different > c->limits.neighbours)
		yaml_complain_key(v->complaints, v->root, "services",
				"%zu next hops of endpoints and configured neighbours, but "
				"limits.neighbours is %u; raise it",
				different, c->limits.neighbours);
	free(hop);
}
