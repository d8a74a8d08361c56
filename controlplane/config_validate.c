/* SPDX-License-Identifier: Apache-2.0 */
#include "config_validate.h"

#include "config_forecast.h"
#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

const char *
validate_host_fault_or_null(const struct ip_addr *addr)
{
	if (ip_is_v4(addr)) {
		if (addr->b[12] == 0)
			return "an address of 'this network'";
		if (addr->b[12] == 127)
			return "a loopback address";
		if (addr->b[12] >= 224)
			return addr->b[12] < 240 ? "a multicast address" : "a reserved address";
		return NULL;
	}
	if (addr->b[0] == 0xff)
		return "a multicast address";
	if (addr->q[0] == 0 && addr->w[2] == 0)
		return "a loopback or obsolete address";
	return NULL;
}

bool
validate_is_link_local(const struct ip_addr *addr)
{
	return addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;
}

bool
validate_on_link(const struct config_port *port, const struct ip_addr *addr)
{
	size_t i;

	if (validate_is_link_local(addr))
		return true;
	for (i = 0; i < port->address_count; i++) {
		if (ip_prefix_contains(&port->address[i], addr))
			return true;
	}
	return false;
}

static bool
is_tainted(const struct yaml *map, const char *key)
{
	const struct yaml *node = yaml_child(map, key);

	return node && node->tainted;
}

/* A misspelt `local_addresses` was told; that services lack its addresses follows from it. */
static bool
has_unknown_key(const struct yaml *root)
{
	size_t i;

	for (i = 0; i < root->count; i++) {
		if (!key_group_find(&config_schema, root->child[i]->key))
			return true;
	}
	return false;
}

bool
validate_lacks_local(const struct validation *v, bool v4)
{
	const struct config *config = v->config;
	size_t i;

	if (is_tainted(v->root, "local_addresses") ||
			(!yaml_child(v->root, "local_addresses") && has_unknown_key(v->root)))
		return false;
	for (i = 0; i < config->local_count; i++) {
		if (ip_is_v4(&config->local[i]) == v4)
			return false;
	}
	return true;
}

static int
compare_texts(const void *a, const void *b)
{
	const struct yaml *x = *(struct yaml *const *)a, *y = *(struct yaml *const *)b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

void
validate_names(const struct validation *v, struct yaml *list)
{
	size_t i, n = 0, count = list && list->kind == YAML_LIST ? list->count : 0;
	struct yaml **name = calloc(count + 1, sizeof(*name)), *node;

	for (i = 0; name && i < count; i++) {
		node = yaml_child(list->child[i], "name");
		if (node && node->kind == YAML_SCALAR && !node->bad)
			name[n++] = node;
	}
	if (n)
		qsort(name, n, sizeof(*name), compare_texts);
	for (i = 1; i < n; i++) {
		if (strcmp(name[i]->text, name[i - 1]->text) == 0)
			yaml_complain(v->complaints, name[i],
					"the name is taken (line %d); choose another",
					name[i - 1]->line);
	}
	free(name);
}

static void
validate_lcores(const struct validation *v, struct yaml *gateway)
{
	const struct config_gateway *g = &v->config->gateway;
	size_t i, k;

	if (is_tainted(gateway, "lcores") || is_tainted(gateway, "main_lcore"))
		return;
	for (i = 0; i < g->lcore_count; i++) {
		for (k = 0; k < i && g->lcore[k] != g->lcore[i]; k++)
			;
		if (k < i)
			yaml_complain_key(v->complaints, gateway, "lcores",
					"CPU %u stands there twice; remove one", g->lcore[i]);
		if (g->lcore[i] == g->main_lcore)
			yaml_warn_key(v->complaints, gateway, "main_lcore",
					"CPU %u is one of lcores (%s); the control thread shares "
					"it "
					"with forwarding, and both are late at times: give it a "
					"CPU "
					"of its own",
					g->main_lcore,
					yaml_child(gateway, "lcores") ? "see there"
								      : "1 by default");
	}
}

static void
validate_paths(const struct validation *v, struct yaml *gateway)
{
	const struct config_gateway *g = &v->config->gateway;

	if (g->api && g->api[0] != '/')
		yaml_complain_key(v->complaints, gateway, "api",
				"not an absolute path; begin it with '/'");
	if (g->state_file && g->state_file[0] != '/' && g->state_file[0] != '\0')
		yaml_complain_key(v->complaints, gateway, "state_file",
				"not an absolute path; begin it with '/', or write \"\" for none");
}

static void
validate_history(const struct validation *v, struct yaml *root)
{
	const char *file = v->config->history.file;
	struct yaml *history = yaml_child(root, "history");

	if (file && file[0] != '/' && file[0] != '\0')
		yaml_complain_key(v->complaints, history ? history : root, "file",
				"not an absolute path; begin it with '/', or write \"\" to keep "
				"no history");
}

static void
validate_limits(const struct validation *v, struct yaml *root)
{
	const struct config *c = v->config;
	uint32_t of_family[2] = {0, 0};
	size_t i, endpoints = 0;

	if (is_tainted(root, "limits"))
		return;
	for (i = 0; i < c->service_count; i++)
		endpoints += c->service[i].endpoint_count;
	for (i = 0; i < c->local_count; i++)
		of_family[ip_is_v4(&c->local[i])]++;
	if (c->service_count > c->limits.services)
		yaml_complain_key(v->complaints, root, "services",
				"%zu services, but limits.services is %u; raise it",
				c->service_count, c->limits.services);
	if (endpoints > c->limits.endpoints)
		yaml_complain_key(v->complaints, root, "services",
				"%zu endpoints, but limits.endpoints is %u; raise it", endpoints,
				c->limits.endpoints);
	for (i = 0; i < 2; i++) {
		if (of_family[i] > c->limits.local_addresses)
			yaml_complain_key(v->complaints, root, "local_addresses",
					"%u IPv%d addresses, but limits.local_addresses is %u; "
					"raise it",
					of_family[i], i ? 4 : 6, c->limits.local_addresses);
	}
	validate_hops(v);
}

void
config_validate(const struct config *config, struct yaml *root, struct complaints *c)
{
	const struct validation v = {config, root, c};
	struct yaml *gateway = yaml_child(root, "gateway");

	validate_lcores(&v, gateway ? gateway : root);
	validate_paths(&v, gateway ? gateway : root);
	validate_history(&v, root);
	validate_calendar(&v);
	validate_limits(&v, root);
	validate_ports(&v);
	validate_addresses(&v);
	validate_services(&v);
	validate_outside(&v);
}
