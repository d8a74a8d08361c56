/* SPDX-License-Identifier: Apache-2.0 */
#include "config_validate.h"

#include "config_read.h"

#include <netinet/in.h>
#include <string.h>

static bool
is_routed(const struct config_port *port, const struct ip_addr *addr)
{
	size_t i;

	if (!ip_is_none(ip_is_v4(addr) ? &port->gateway4 : &port->gateway6))
		return true;
	for (i = 0; i < port->route_count; i++) {
		if (ip_prefix_contains(&port->route[i].to, addr))
			return true;
	}
	return false;
}

/* On a wire of ours, or behind a router that we know. */
static bool
is_reachable(const struct config *c, const struct ip_addr *addr, bool routers)
{
	size_t i;

	for (i = 0; i < c->port_count; i++) {
		if (validate_on_link(&c->port[i], addr) ||
				(routers && is_routed(&c->port[i], addr)))
			return true;
	}
	return false;
}

static void
validate_reach(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	struct yaml *ports = yaml_child(v->root, "ports");
	bool dsr = s->forward == FORWARD_DSR_L2;
	char text[IP_TEXT_SIZE];

	if (!ports || ports->tainted || is_reachable(v->config, &e->addr, !dsr))
		return;
	if (dsr && is_reachable(v->config, &e->addr, true))
		yaml_complain_key(v->complaints, node, "address",
				"dsr-l2 reaches only servers on a subnet of a port, and this one "
				"is behind a router; "
				"use nat or fullnat");
	else
		yaml_complain_key(v->complaints, node, "address",
				"cannot be reached: no port has a subnet, route or gateway for it; "
				"add one, such as "
				"routes: [{to: %s/%d, via: ...}]",
				ip_format(&e->addr, text), ip_is_v4(&e->addr) ? 32 : 128);
}

static void
validate_address(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	const char *fault = validate_host_fault_or_null(&e->addr);

	if (ip_is_none(&e->addr))
		return;
	if (fault || validate_is_link_local(&e->addr))
		yaml_complain_key(v->complaints, node, "address",
				"%s; give the server's own address",
				fault ? fault : "a link-local address");
	else if (!ip_is_none(&s->addr) && ip_is_v4(&s->addr) != ip_is_v4(&e->addr))
		yaml_complain_key(v->complaints, node, "address",
				"of another family than the service's address; families are not "
				"translated");
	else
		validate_reach(v, s, e, node);
}

static void
validate_port_of(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	if (e->port == 0 || s->port_first == 0)
		return;
	if (s->port_first != s->port_last)
		yaml_complain_key(v->complaints, node, "port",
				"the service has a range of ports, which endpoints keep; remove "
				"it");
	else if (s->forward == FORWARD_DSR_L2 && e->port != s->port_first)
		yaml_complain_key(v->complaints, node, "port",
				"dsr-l2 does not touch the packet, so that the port stays %u; "
				"remove it",
				s->port_first);
}

static void
validate_shift(const struct validation *v, const struct config_endpoint *e, struct yaml *node)
{
	struct yaml *shadows = yaml_child(node, "shadows");

	if (e->shift == 0)
		return;
	if (e->shadow_count == 0 && !(shadows && shadows->tainted))
		yaml_complain_key(v->complaints, node, "shift",
				"there is no shadow to shift to; name one in 'shadows'");
	else if (e->weight == 0)
		yaml_warn_key(v->complaints, node, "shift",
				"the weight is 0: there are no new flows to shift");
}

static struct yaml *
mirror_node(struct yaml *node)
{
	struct yaml *own = yaml_child(node, "mirror");

	return own ? own : yaml_child(node->parent->parent, "mirror");
}

static void
validate_mirror(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	struct yaml *own = yaml_child(node, "mirror");
	struct yaml *shadows = yaml_child(node, "shadows"), *mirror = mirror_node(node);
	bool v4 = ip_is_v4(&s->addr);

	if (own && e->shadow_count == 0 && !(shadows && shadows->tainted)) {
		yaml_complain_key(v->complaints, node, "mirror",
				"there is no shadow to copy to; name one in 'shadows'");
		return;
	}
	if (e->mirror.share == 0 || !mirror)
		return;
	if (s->protocol == IPPROTO_TCP)
		yaml_complain_key(v->complaints, mirror, "fraction",
				"TCP mirroring does not exist yet, only UDP services can be "
				"mirrored; remove 'mirror'");
	else if (!ip_is_none(&s->addr) && validate_lacks_local(v, v4))
		yaml_complain_key(v->complaints, mirror, "fraction",
				"copies need a source address, whatever the forwarding mode, and "
				"local_addresses has none of "
				"IPv%d; add one",
				v4 ? 4 : 6);
}

void
validate_endpoint(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	if (node->kind != YAML_MAP)
		return;
	validate_address(v, s, e, node);
	validate_port_of(v, s, e, node);
	validate_shift(v, e, node);
	validate_mirror(v, s, e, node);
}
