/* SPDX-License-Identifier: Apache-2.0 */
#include "config_validate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define IPV6_MTU_MIN 1280 /* RFC 8200, 5 */

struct place {
	struct ip_prefix prefix;
	struct yaml *node;
};

static struct yaml *
port_node(const struct validation *v, size_t i)
{
	return yaml_child(v->root, "ports")->child[i];
}

/* Domain, bus, device and function: 0000:01:00.0, or 01:00.0. */
static bool
is_pci_address(const char *text)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (digits == 4 && text[4] == ':')
		text += 5;
	return isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]) &&
			text[2] == ':' && isxdigit((unsigned char)text[3]) &&
			isxdigit((unsigned char)text[4]) && text[5] == '.' && text[6] >= '0' &&
			text[6] <= '7' && text[7] == '\0';
}

static void
validate_device(const struct validation *v, const struct config_port *port, struct yaml *node)
{
	size_t word = strcspn(port->device, ",");

	if (is_pci_address(port->device))
		return;
	if (strchr(port->device, ' '))
		yaml_complain_key(v->complaints, node, "device", "has a space in it; remove it");
	else if (strncmp(port->device, "net_", 4) != 0 &&
			strncmp(port->device, "virtio_user", 11) != 0)
		yaml_complain_key(v->complaints, node, "device",
				"neither a PCI address (0000:01:00.0) nor a virtual device of "
				"DPDK; for an interface of the "
				"kernel write net_af_xdp0,iface=NAME");
	else if (!isdigit((unsigned char)port->device[word - 1]))
		yaml_complain_key(v->complaints, node, "device",
				"a virtual device's name ends with its number; write %.*s0%s",
				(int)word, port->device, port->device + word);
}

/* The kernel's interface keeps what is not ours by itself where DPDK only shares it. */
static bool
is_kernel_owned(const char *device)
{
	return strncmp(device, "net_af_xdp", 10) == 0 || strncmp(device, "net_af_packet", 13) == 0;
}

static void
validate_kernel(const struct validation *v, size_t i, struct yaml *node)
{
	const struct config_port *port = &v->config->port[i];
	const struct config_port *other;
	size_t k;

	if (strlen(port->kernel) >= IF_NAMESIZE || strcmp(port->kernel, ".") == 0 ||
			strcmp(port->kernel, "..") == 0)
		yaml_complain_key(v->complaints, node, "kernel",
				"not the name of an interface; use 1 to %d letters, digits, '_', "
				"'-' "
				"and '.'",
				IF_NAMESIZE - 1);
	else if (port->device && is_kernel_owned(port->device))
		yaml_complain_key(v->complaints, node, "kernel",
				"the kernel keeps the interface of this device anyway; remove the "
				"key");
	for (k = 0; k < i; k++) {
		other = &v->config->port[k];
		if (other->kernel && strcmp(other->kernel, port->kernel) == 0)
			yaml_complain_key(v->complaints, node, "kernel",
					"is the interface of port '%s' (line %d); give each its "
					"own",
					other->name ? other->name : "", other->line);
	}
}

static bool
same_vdev_name(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	return n == strcspn(b, ",") && memcmp(a, b, n) == 0;
}

/* Two logical ports of one device differ in their VLAN and in nothing else that is the device's. */
static void
validate_pair(const struct validation *v, const struct config_port *a, const struct config_port *b,
		struct yaml *node)
{
	if (!same_vdev_name(a->device, b->device))
		return;
	if (strcmp(a->device, b->device) != 0)
		yaml_complain_key(v->complaints, node, "device",
				"named like the device of port '%s' (line %d), with other "
				"arguments; number them differently",
				a->name ? a->name : "", a->line);
	else if (a->vlan == b->vlan)
		yaml_complain_key(v->complaints, node, "vlan",
				"port '%s' (line %d) has the same device and VLAN; give each its "
				"own vlan",
				a->name ? a->name : "", a->line);
	else if (a->queues != b->queues)
		yaml_complain_key(v->complaints, node, "queues",
				"port '%s' (line %d) has the same device with %u; write the same "
				"number",
				a->name ? a->name : "", a->line, a->queues);
}

static void
validate_devices(const struct validation *v)
{
	const struct config *c = v->config;
	size_t i, k;

	for (i = 0; i < c->port_count; i++) {
		if (!c->port[i].device)
			continue;
		validate_device(v, &c->port[i], port_node(v, i));
		for (k = 0; k < i; k++) {
			if (c->port[k].device)
				validate_pair(v, &c->port[k], &c->port[i], port_node(v, i));
		}
	}
}

/* The first or last address of an IPv4 subnet that has such (RFC 3021: a /31 has none). */
static bool
is_subnet_edge(const struct ip_prefix *p)
{
	uint32_t host = p->len >= 31 ? 1 : ntohl(ip_v4_be(&p->addr)) & (UINT32_MAX >> p->len);

	return ip_is_v4(&p->addr) && p->len < 31 && (host == 0 || host == UINT32_MAX >> p->len);
}

static void
validate_own(const struct validation *v, const struct config_port *port, struct yaml *node)
{
	struct yaml *list = yaml_child(node, "addresses"), *item;
	const char *fault;
	size_t i;

	for (i = 0; i < port->address_count; i++) {
		item = list->child[i];
		if (item->bad)
			continue;
		fault = validate_host_fault_or_null(&port->address[i].addr);
		if (fault)
			yaml_complain(v->complaints, item, "%s; give one of a host", fault);
		else if (port->address[i].len == 0)
			yaml_complain(v->complaints, item,
					"a prefix of all addresses; write the subnet's length");
		else if (is_subnet_edge(&port->address[i]))
			yaml_complain(v->complaints, item,
					"the subnet's network or broadcast address; give one of a "
					"host");
		else if (!ip_is_v4(&port->address[i].addr) && port->mtu && port->mtu < IPV6_MTU_MIN)
			yaml_complain_key(v->complaints, node, "mtu",
					"too small for IPv6; write %d or more", IPV6_MTU_MIN);
	}
}

static void
validate_route(const struct validation *v, const struct config_port *port,
		const struct config_route *route, struct yaml *node)
{
	const char *fault = validate_host_fault_or_null(&route->via);

	if (node->tainted)
		return;
	if (ip_is_v4(&route->to.addr) != ip_is_v4(&route->via))
		yaml_complain_key(v->complaints, node, "via",
				"of another family than 'to'; routes stay in one family");
	else if (fault)
		yaml_complain_key(v->complaints, node, "via", "%s; give one of a router", fault);
	else if (!validate_on_link(port, &route->via))
		yaml_complain_key(v->complaints, node, "via",
				"in no subnet of this port's addresses; give a router that is, or "
				"correct 'addresses'");
	else if (route->to.len == 0)
		yaml_complain_key(v->complaints, node, "to",
				"the default route; write it as a gateway of the port");
}

static void
validate_gateways(const struct validation *v, const struct config_port *port, struct yaml *node)
{
	struct yaml *list = yaml_child(node, "gateways");
	struct ip_addr addr;
	const char *fault;
	size_t i;

	for (i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
		if (list->child[i]->bad || ip_parse(list->child[i]->text, &addr) < 0)
			continue;
		fault = validate_host_fault_or_null(&addr);
		if (fault)
			yaml_complain(v->complaints, list->child[i], "%s; give one of a router",
					fault);
		else if (!validate_on_link(port, &addr))
			yaml_complain(v->complaints, list->child[i],
					"in no subnet of this port's addresses; give a router that "
					"is, or correct 'addresses'");
	}
}

static void
validate_neighbour(const struct validation *v, const struct config_port *port, size_t i,
		struct yaml *node)
{
	const struct ip_addr *addr = &port->neighbour[i].addr;
	const char *fault = validate_host_fault_or_null(addr);
	size_t k;

	if (node->tainted)
		return;
	for (k = 0; k < i && !ip_equal(&port->neighbour[k].addr, addr); k++)
		;
	if (fault)
		yaml_complain_key(v->complaints, node, "address", "%s; give one of a host", fault);
	else if (!validate_on_link(port, addr))
		yaml_complain_key(v->complaints, node, "address",
				"in no subnet of this port's addresses; correct it, or remove the "
				"neighbour");
	else if (k < i)
		yaml_complain_key(
				v->complaints, node, "address", "is a neighbour already; keep one");
}

static void
validate_port(const struct validation *v, const struct config_port *port, struct yaml *node)
{
	struct yaml *routes = yaml_child(node, "routes"),
		    *addresses = yaml_child(node, "addresses");
	struct yaml *neighbours = yaml_child(node, "neighbours");
	size_t i;

	validate_own(v, port, node);
	if (!addresses || addresses->tainted)
		return;
	validate_gateways(v, port, node);
	for (i = 0; i < port->route_count; i++)
		validate_route(v, port, &port->route[i], routes->child[i]);
	for (i = 0; i < port->neighbour_count; i++)
		validate_neighbour(v, port, i, neighbours->child[i]);
}

/* One default route of each family: with two, it would be chance which one endpoints are reached by. */
static void
validate_defaults(const struct validation *v, bool v4)
{
	const struct config_port *first = NULL, *port;
	size_t i;

	for (i = 0; i < v->config->port_count; i++) {
		port = &v->config->port[i];
		if (ip_is_none(v4 ? &port->gateway4 : &port->gateway6))
			continue;
		if (first)
			yaml_complain_key(v->complaints, port_node(v, i), "gateways",
					"port '%s' (line %d) has an IPv%d gateway too; keep one "
					"and use routes for the other",
					first->name ? first->name : "", first->line, v4 ? 4 : 6);
		else
			first = port;
	}
}

static bool
prefixes_overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return ip_prefix_contains(a, &b->addr) || ip_prefix_contains(b, &a->addr);
}

/* An address in two ports' subnets could be behind either. */
static void
validate_subnets(const struct validation *v, size_t port, size_t address)
{
	const struct config_port *p = &v->config->port[port], *q;
	struct yaml *node = yaml_child(port_node(v, port), "addresses")->child[address];
	char text[IP_TEXT_SIZE];
	size_t i, k;

	for (i = 0; i < port; i++) {
		q = &v->config->port[i];
		for (k = 0; k < q->address_count && !node->bad; k++) {
			if (q->address[k].len &&
					prefixes_overlap(&p->address[address], &q->address[k]) &&
					!validate_is_link_local(&q->address[k].addr))
				yaml_complain(v->complaints, node,
						"overlaps with %s of port '%s' (line %d); give "
						"each port subnets of its own",
						ip_prefix_format(&q->address[k], text),
						q->name ? q->name : "", q->line);
		}
	}
}

static int
compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (order == 0)
		order = (int)x->prefix.len - (int)y->prefix.len;
	return order ? order : (x->node->line > y->node->line) - (x->node->line < y->node->line);
}

static size_t
collect_routes(const struct validation *v, struct place *place)
{
	const struct config_port *port;
	struct yaml *list;
	size_t i, k, n = 0;

	for (i = 0; i < v->config->port_count; i++) {
		port = &v->config->port[i];
		list = yaml_child(port_node(v, i), "routes");
		for (k = 0; k < port->route_count; k++) {
			if (!list->child[k]->tainted)
				place[n++] = (struct place){port->route[k].to, list->child[k]};
		}
	}
	return n;
}

static void
validate_route_targets(const struct validation *v)
{
	size_t i, n = 0;
	struct place *place;

	for (i = 0; i < v->config->port_count; i++)
		n += v->config->port[i].route_count;
	place = calloc(n + 1, sizeof(*place));
	n = place ? collect_routes(v, place) : 0;
	if (n)
		qsort(place, n, sizeof(*place), compare_places);
	for (i = 1; i < n; i++) {
		if (place[i].prefix.len == place[i - 1].prefix.len &&
				ip_equal(&place[i].prefix.addr, &place[i - 1].prefix.addr))
			yaml_complain_key(v->complaints, place[i].node, "to",
					"has a route already (line %d); keep one",
					place[i - 1].node->line);
	}
	free(place);
}

void
validate_ports(const struct validation *v)
{
	const struct config *c = v->config;
	size_t i, k;

	validate_names(v, yaml_child(v->root, "ports"));
	validate_devices(v);
	for (i = 0; i < c->port_count; i++) {
		validate_port(v, &c->port[i], port_node(v, i));
		if (c->port[i].kernel)
			validate_kernel(v, i, port_node(v, i));
		for (k = 0; k < c->port[i].address_count; k++)
			validate_subnets(v, i, k);
	}
	validate_defaults(v, true);
	validate_defaults(v, false);
	validate_route_targets(v);
}
