/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds which address. All uses are sorted by address; the first of equal ones is the holder (the gateway's own
 * before local addresses before services), and each that follows must get along with it:
 *
 *                     after own or local   after a service
 *   own, local        refused              refused
 *   service           refused              fine (another protocol or port)
 * endpoint, router,
 *   neighbour         refused              refused: packets would come back to the gateway
 */
#include "config_validate.h"

#include <stdlib.h>
#include <string.h>

enum use_kind {
	USE_OWN,
	USE_LOCAL,
	USE_SERVICE,
	USE_ENDPOINT,
	USE_ROUTER,
	USE_NEIGHBOUR,
};

struct use {
	struct ip_addr addr;
	enum use_kind kind;
	struct yaml *node;
};

struct uses {
	struct use *use;
	size_t count;
};

static void
add(struct uses *uses, const struct ip_addr *addr, enum use_kind kind, struct yaml *node)
{
	if (!ip_is_none(addr) && node && !node->bad)
		uses->use[uses->count++] = (struct use){*addr, kind, node};
}

static size_t
count_uses(const struct config *c)
{
	size_t i, n = c->local_count;

	for (i = 0; i < c->port_count; i++)
		n += c->port[i].address_count + c->port[i].route_count +
				c->port[i].neighbour_count + 2;
	for (i = 0; i < c->service_count; i++)
		n += 1 + c->service[i].endpoint_count;
	return n;
}

static void
add_gateway(struct uses *uses, const struct ip_addr *addr, struct yaml *list)
{
	struct ip_addr of_item;
	size_t i;

	for (i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
		if (!list->child[i]->bad && ip_parse(list->child[i]->text, &of_item) == 0 &&
				ip_equal(&of_item, addr))
			add(uses, addr, USE_ROUTER, list->child[i]);
	}
}

static void
collect_port(struct uses *uses, const struct config_port *port, struct yaml *node)
{
	struct yaml *own = yaml_child(node, "addresses"), *routes = yaml_child(node, "routes");
	struct yaml *neighbours = yaml_child(node, "neighbours");
	size_t i;

	for (i = 0; i < port->address_count; i++)
		add(uses, &port->address[i].addr, USE_OWN, own->child[i]);
	for (i = 0; i < port->route_count; i++)
		add(uses, &port->route[i].via, USE_ROUTER, yaml_child(routes->child[i], "via"));
	for (i = 0; i < port->neighbour_count; i++)
		add(uses, &port->neighbour[i].addr, USE_NEIGHBOUR,
				yaml_child(neighbours->child[i], "address"));
	add_gateway(uses, &port->gateway4, yaml_child(node, "gateways"));
	add_gateway(uses, &port->gateway6, yaml_child(node, "gateways"));
}

static void
collect_service(struct uses *uses, const struct config_service *s, struct yaml *node)
{
	struct yaml *endpoints = yaml_child(node, "endpoints");
	size_t i;

	add(uses, &s->addr, USE_SERVICE, yaml_child(node, "address"));
	for (i = 0; i < s->endpoint_count; i++)
		add(uses, &s->endpoint[i].addr, USE_ENDPOINT,
				yaml_child(endpoints->child[i], "address"));
}

static void
collect(struct uses *uses, const struct validation *v)
{
	const struct config *c = v->config;
	size_t i;

	for (i = 0; i < c->port_count; i++)
		collect_port(uses, &c->port[i], yaml_child(v->root, "ports")->child[i]);
	for (i = 0; i < c->local_count; i++)
		add(uses, &c->local[i], USE_LOCAL,
				yaml_child(v->root, "local_addresses")->child[i]);
	for (i = 0; i < c->service_count; i++)
		collect_service(uses, &c->service[i], yaml_child(v->root, "services")->child[i]);
}

static int
compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;
	int order = memcmp(&x->addr, &y->addr, sizeof(x->addr));

	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	return order ? order : (x->node->line > y->node->line) - (x->node->line < y->node->line);
}

static const char *
holder_name(enum use_kind kind)
{
	switch (kind) {
	case USE_OWN:
		return "the gateway's own address on a port";
	case USE_LOCAL:
		return "one of local_addresses";
	case USE_SERVICE:
		return "a service's address";
	case USE_ENDPOINT:
	case USE_ROUTER:
	case USE_NEIGHBOUR:
		break;
	}
	return "";
}

static bool
gets_along(enum use_kind holder, enum use_kind kind)
{
	if (holder >= USE_ENDPOINT)
		return true;
	return holder == USE_SERVICE && kind == USE_SERVICE;
}

static void
validate_uses(const struct validation *v, const struct uses *uses)
{
	const struct use *holder = NULL, *use;
	size_t i;

	for (i = 0; i < uses->count; i++) {
		use = &uses->use[i];
		if (!holder || !ip_equal(&holder->addr, &use->addr))
			holder = use;
		else if (!gets_along(holder->kind, use->kind))
			yaml_complain(v->complaints, use->node,
					"is also %s (line %d); give it an address of its own",
					holder_name(holder->kind), holder->node->line);
	}
}

static bool
in_any_subnet(const struct config *c, const struct ip_addr *addr)
{
	size_t i;

	for (i = 0; i < c->port_count; i++) {
		if (validate_on_link(&c->port[i], addr))
			return true;
	}
	return false;
}

static void
validate_local(const struct validation *v, struct yaml *list, size_t i)
{
	const struct ip_addr *addr = &v->config->local[i];
	const char *fault = validate_host_fault_or_null(addr);
	struct yaml *ports = yaml_child(v->root, "ports");
	char text[IP_TEXT_SIZE];

	if (list->child[i]->bad)
		return;
	if (fault || validate_is_link_local(addr))
		yaml_complain(v->complaints, list->child[i],
				"%s; give one that endpoints can answer to",
				fault ? fault : "a link-local address");
	else if (ports && !ports->tainted && !in_any_subnet(v->config, addr))
		yaml_warn_key(v->complaints, list, NULL,
				"%s is in no port's subnet: endpoints need a route for it to here",
				ip_format(addr, text));
}

void
validate_addresses(const struct validation *v)
{
	struct yaml *local = yaml_child(v->root, "local_addresses");
	struct uses uses = {.use = calloc(count_uses(v->config) + 1, sizeof(struct use))};
	size_t i;

	for (i = 0; i < v->config->local_count; i++)
		validate_local(v, local, i);
	if (!uses.use)
		return;
	collect(&uses, v);
	qsort(uses.use, uses.count, sizeof(*uses.use), compare_uses);
	validate_uses(v, &uses);
	free(uses.use);
}
