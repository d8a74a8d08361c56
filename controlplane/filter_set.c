/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_set.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more of `size` bytes behind `count`; the array, or NULL with the old one untouched. */
static void *
grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room == 0 ? 64 : *room * 2;
	void *grown;

	if (count < *room)
		return array;
	grown = realloc(array, wanted * size);
	if (grown != NULL)
		*room = wanted;
	return grown;
}

static int
add_address(struct filter_set *s, const struct ip_addr *addr, uint32_t flags)
{
	struct filter_set_address *a;

	if (ip_is_none(addr))
		return 0;
	a = grow(s->address, s->address_count, &s->address_room, sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	s->address = a;
	a += s->address_count++;
	*a = (struct filter_set_address){.flags = flags};
	memcpy(a->key.b, addr->b, sizeof(a->key.b));
	return 0;
}

static int
add_endpoint(struct filter_set *s, const struct config_service *c, const struct config_endpoint *ce)
{
	struct filter_set_endpoint *e =
			grow(s->endpoint, s->endpoint_count, &s->endpoint_room, sizeof(*e));
	bool range = ce->port == 0 && c->port_first != c->port_last;
	uint16_t port = ce->port != 0 ? ce->port : c->port_first;

	if (e == NULL)
		return -ENOMEM;
	s->endpoint = e;
	e += s->endpoint_count++;
	*e = (struct filter_set_endpoint){.key.protocol = c->protocol, .ports = {port, port}};
	memcpy(e->key.address.b, ce->addr.b, sizeof(e->key.address.b));
	if (range)
		e->ports.last = c->port_last;
	else
		e->key.port = htons(port);
	return add_address(
			s, &ce->addr, c->protocol == IPPROTO_TCP ? FILTER_NAT_TCP : FILTER_NAT_UDP);
}

static int
add_service(struct filter_set *s, const struct config_service *c)
{
	int ret = add_address(s, &c->addr, FILTER_OURS);

	for (size_t i = 0; i < c->endpoint_count && ret == 0 && c->forward == FORWARD_NAT; i++)
		ret = add_endpoint(s, c, &c->endpoint[i]);
	return ret;
}

static int
add_local(struct filter_set *s, const struct registry *r, int family)
{
	int ret = 0;

	for (size_t i = 0; i < registry_local_count(r, family) && ret == 0; i++) {
		bool active;
		/* Retired ones too: flows may still use them. */
		struct ip_addr a = registry_local_at(r, family, i, &active);

		ret = add_address(s, &a, FILTER_OURS);
	}
	return ret;
}

static int
add_port(struct filter_set *s, const struct config_port *port)
{
	int ret = 0;

	for (size_t i = 0; i < port->address_count && ret == 0; i++)
		ret = add_address(s, &port->address[i].addr, FILTER_OURS);
	return ret;
}

int
filter_set_add_registry(struct filter_set *s, struct registry *r)
{
	const struct config *config = registry_config(r);
	int ret = 0;

	for (size_t i = 0; i < config->port_count && ret == 0; i++)
		ret = add_port(s, &config->port[i]);
	for (size_t i = 0; i < registry_service_count(r) && ret == 0; i++)
		ret = add_service(s, registry_service_at(r, i)->config);
	if (ret == 0)
		ret = add_local(s, r, AF_INET);
	if (ret == 0)
		ret = add_local(s, r, AF_INET6);
	return ret;
}

static int
add_interface_address(struct filter_set *s, const struct sockaddr *sa)
{
	struct ip_addr a;

	if (sa == NULL)
		return 0;
	if (sa->sa_family == AF_INET)
		a = ip_from_v4_be(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
	else if (sa->sa_family == AF_INET6)
		a = ip_from_v6(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	else
		return 0;
	return add_address(s, &a, FILTER_HOST);
}

int
filter_set_add_host(struct filter_set *s)
{
	struct ifaddrs *all, *i;
	int ret = 0;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (i = all; i != NULL && ret == 0; i = i->ifa_next)
		ret = add_interface_address(s, i->ifa_addr);
	freeifaddrs(all);
	return ret;
}

static int
compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct filter_address));
}

static int
compare_endpoints(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct filter_endpoint));
}

static void
sort_addresses(struct filter_set *s)
{
	size_t kept = 0;

	if (s->address_count == 0)
		return;
	qsort(s->address, s->address_count, sizeof(*s->address), compare_addresses);
	for (size_t i = 1; i < s->address_count; i++) {
		if (compare_addresses(&s->address[i], &s->address[kept]) == 0)
			s->address[kept].flags |= s->address[i].flags;
		else
			s->address[++kept] = s->address[i];
	}
	s->address_count = kept + 1;
}

static void
widen(struct filter_ports *to, const struct filter_ports *by)
{
	if (by->first < to->first)
		to->first = by->first;
	if (by->last > to->last)
		to->last = by->last;
}

static void
sort_endpoints(struct filter_set *s)
{
	size_t kept = 0;

	if (s->endpoint_count == 0)
		return;
	qsort(s->endpoint, s->endpoint_count, sizeof(*s->endpoint), compare_endpoints);
	for (size_t i = 1; i < s->endpoint_count; i++) {
		if (compare_endpoints(&s->endpoint[i], &s->endpoint[kept]) == 0)
			widen(&s->endpoint[kept].ports, &s->endpoint[i].ports);
		else
			s->endpoint[++kept] = s->endpoint[i];
	}
	s->endpoint_count = kept + 1;
}

void
filter_set_sort(struct filter_set *s)
{
	sort_addresses(s);
	sort_endpoints(s);
}

const struct filter_set_address *
filter_set_address_or_null(const struct filter_set *s, const struct filter_address *key)
{
	if (s->address_count == 0)
		return NULL;
	return bsearch(key, s->address, s->address_count, sizeof(*s->address), compare_addresses);
}

const struct filter_set_endpoint *
filter_set_endpoint_or_null(const struct filter_set *s, const struct filter_endpoint *key)
{
	if (s->endpoint_count == 0)
		return NULL;
	return bsearch(key, s->endpoint, s->endpoint_count, sizeof(*s->endpoint),
			compare_endpoints);
}

void
filter_set_fini(struct filter_set *s)
{
	free(s->address);
	free(s->endpoint);
	*s = (struct filter_set){0};
}
