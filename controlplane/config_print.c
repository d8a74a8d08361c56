/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "config_scalar.h"

#include <errno.h>

static void print_block(const struct key_group *group, const void *base, int depth, FILE *out);

static void
indent(int depth, FILE *out)
{
	fprintf(out, "%*s", 2 * depth, "");
}

/* What stands for "none" is left out; a check of kind none, and a mirror that has nothing to copy to, as well. */
static bool
is_shown(const struct key *key, const void *base)
{
	const struct config_endpoint *e = base;
	const struct config_port *port = base;

	if (key->type == KEY_TEMPLATE)
		return false;
	if (!(key->flags & KEY_OMITTED))
		return true;
	if (key->type == KEY_GATEWAYS)
		return !ip_is_none(&port->gateway4) || !ip_is_none(&port->gateway6);
	if (key->type == KEY_LIST)
		return *key_count_of(key, base) > 0;
	if (key->type != KEY_MAP)
		return !scalar_is_none(key, base);
	if (key_field(key, base) == &e->scrape)
		return e->scrape.port != 0;
	return key_field(key, base) == &e->mirror ? e->shadow_count > 0
						  : e->check.kind != CHECK_NONE;
}

static void
print_flow_map(const struct key_group *group, const void *base, FILE *out)
{
	const char *separator = "";
	size_t i;

	fputc('{', out);
	for (i = 0; i < group->key_count; i++) {
		if (!is_shown(&group->key[i], base))
			continue;
		fprintf(out, "%s%s: ", separator, group->key[i].name);
		scalar_print(&group->key[i], base, out);
		separator = ", ";
	}
	fputs("}\n", out);
}

static void
print_flow_list(const struct key *key, const void *base, FILE *out)
{
	const char *array = *(char **)key_field(key, base);
	size_t i, n = *key_count_of(key, base);

	fputs(" [", out);
	for (i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		scalar_print(key->item, array + i * key->item->size, out);
	}
	fputs("]\n", out);
}

static void
print_gateways(const struct config_port *port, FILE *out)
{
	bool both = !ip_is_none(&port->gateway4) && !ip_is_none(&port->gateway6);
	char text[IP_TEXT_SIZE];

	fputs(" [", out);
	if (!ip_is_none(&port->gateway4))
		fputs(ip_format(&port->gateway4, text), out);
	fputs(both ? ", " : "", out);
	if (!ip_is_none(&port->gateway6))
		fputs(ip_format(&port->gateway6, text), out);
	fputs("]\n", out);
}

/* "- " stands where the item's first key would be indented. */
static void
print_items(const struct key *key, const void *base, int depth, FILE *out)
{
	const char *array = *(char **)key_field(key, base);
	size_t i, n = *key_count_of(key, base);

	if (n == 0)
		fputs(" []", out);
	fputc('\n', out);
	for (i = 0; i < n; i++) {
		indent(depth, out);
		fputs("- ", out);
		if (key->group->flow)
			print_flow_map(key->group, array + i * key->group->size, out);
		else
			print_block(key->group, array + i * key->group->size, -(depth + 1), out);
	}
}

static void
print_value(const struct key *key, const void *base, int depth, FILE *out)
{
	if (key->type == KEY_LIST && !key->group) {
		print_flow_list(key, base, out);
	} else if (key->type == KEY_LIST) {
		print_items(key, base, depth + 1, out);
	} else if (key->type == KEY_GATEWAYS) {
		print_gateways(base, out);
	} else if (key->type == KEY_MAP && key->group->flow) {
		fputc(' ', out);
		print_flow_map(key->group, key_field(key, base), out);
	} else if (key->type == KEY_MAP) {
		fputc('\n', out);
		print_block(key->group, key_field(key, base), depth + 1, out);
	} else {
		fputc(' ', out);
		scalar_print(key, base, out);
		fputc('\n', out);
	}
}

/* A negative depth: the first key's indentation is already there. */
static void
print_block(const struct key_group *group, const void *base, int depth, FILE *out)
{
	bool first = depth < 0;
	size_t i;

	depth = depth < 0 ? -depth : depth;
	for (i = 0; i < group->key_count; i++) {
		if (!is_shown(&group->key[i], base))
			continue;
		if (!first)
			indent(depth, out);
		first = false;
		fprintf(out, "%s:", group->key[i].name);
		print_value(&group->key[i], base, depth, out);
	}
}

int
config_print(const struct config *config, FILE *out)
{
	print_block(&config_schema, config, 0, out);
	return ferror(out) ? -EIO : 0;
}
