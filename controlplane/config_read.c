/* SPDX-License-Identifier: Apache-2.0 */
#include "config_read.h"

#include "config_policy.h"
#include "config_scalar.h"

#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

static void read_group(const struct key_group *group, struct yaml *map, struct yaml *template,
		void *base, struct complaints *c);

/* Levenshtein's distance, of short words. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1], diagonal, above, i, j;
	unsigned n = (unsigned)strlen(b);

	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= n; j++) {
			above = row[j];
			row[j] = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < row[j])
				row[j] = above + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			diagonal = above;
		}
	}
	return row[n];
}

static const char *
nearest_key_or_null(const struct key_group *group, const char *word)
{
	unsigned best = 4, d;
	const char *near = NULL;
	size_t i;

	if (strlen(word) > WORD_MAX)
		return NULL;
	for (i = 0; i < group->key_count; i++) {
		d = distance(word, group->key[i].name);
		/* "port" for "ports" and "fraction" for "frac" are meant; "vlan" for "lan" too, "to" for "x" not. */
		if (strncmp(word, group->key[i].name, strlen(word)) == 0 && strlen(word) >= 3)
			d = 1;
		if (d < best && d < strlen(group->key[i].name)) {
			best = d;
			near = group->key[i].name;
		}
	}
	return near;
}

static void
list_keys(const struct key_group *group, char *buf, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < group->key_count && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", group->key[i].name);
}

static void
refuse_unknown(const struct key_group *group, struct yaml *map, struct complaints *c)
{
	const char *near;
	char known[256];
	size_t i, k;

	for (i = 0; i < map->count; i++) {
		for (k = 0; k < group->key_count; k++) {
			if (strcmp(map->child[i]->key, group->key[k].name) == 0)
				break;
		}
		if (k < group->key_count)
			continue;
		near = nearest_key_or_null(group, map->child[i]->key);
		list_keys(group, known, sizeof(known));
		if (near)
			yaml_complain(c, map->child[i], "unknown key; did you mean '%s'?", near);
		else
			yaml_complain(c, map->child[i], "unknown key; here belong: %s", known);
	}
}

/* A misspelt key was told already; that it is missing would be told twice. */
static bool
is_misspelt(const struct key_group *group, const struct yaml *map, const char *name)
{
	const char *near;
	size_t i;

	for (i = 0; map && i < map->count; i++) {
		near = map->child[i]->bad ? nearest_key_or_null(group, map->child[i]->key) : NULL;
		if (near && strcmp(near, name) == 0)
			return true;
	}
	return false;
}

static void
refuse_missing(const struct key_group *group, const struct key *key, struct yaml *map,
		struct complaints *c)
{
	if (!is_misspelt(group, map, key->name))
		yaml_complain_key(c, map, key->name, "is missing; add it");
}

static const char *
kind_name(enum yaml_kind kind)
{
	switch (kind) {
	case YAML_SCALAR:
		return "a single value";
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a map of keys";
	}
	return "";
}

static bool
is_kind(struct yaml *node, enum yaml_kind kind, struct complaints *c)
{
	if (node->bad)
		return false;
	if (node->kind != kind) {
		yaml_complain(c, node, "%s where %s belongs; see docs/configuration.md",
				kind_name(node->kind), kind_name(kind));
		return false;
	}
	if (kind == YAML_SCALAR && yaml_is_empty(node)) {
		yaml_complain(c, node, "has no value; give one or remove the key");
		return false;
	}
	return true;
}

static void
read_item(const struct key *key, struct yaml *node, char *element, struct complaints *c)
{
	if (key->group) {
		if (key->group->line)
			*(int *)(void *)(element + key->group->line) = node->line;
		if (is_kind(node, YAML_MAP, c))
			read_group(key->group, node, NULL, element, c);
	} else if (is_kind(node, YAML_SCALAR, c)) {
		scalar_read(key->item, node, element, c);
	}
}

static void
read_list(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	char **field = key_field(key, base);
	size_t i, n;

	if (!is_kind(node, YAML_LIST, c))
		return;
	n = node->count;
	if (n < key->min || n > key->max) {
		if (key->max == UINT32_MAX)
			yaml_complain(c, node, "has no entries; give at least one");
		else
			yaml_complain(c, node, "has %zu entries; give %zu to %zu", n,
					(size_t)key->min, (size_t)key->max);
		return;
	}
	if (n == 0)
		return;
	*field = calloc(n, key_element_size(key));
	if (!*field) {
		yaml_complain(c, node, "out of memory");
		return;
	}
	*key_count_of(key, base) = n;
	for (i = 0; i < n; i++)
		read_item(key, node->child[i], *field + i * key_element_size(key), c);
}

static void
read_gateways(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	static const struct key item = {"", KEY_ADDRESS, .size = sizeof(struct ip_addr)};
	struct ip_addr *field = key_field(key, base), addr, *place;
	size_t i;

	if (!is_kind(node, YAML_LIST, c))
		return;
	for (i = 0; i < node->count; i++) {
		memset(&addr, 0, sizeof(addr));
		if (is_kind(node->child[i], YAML_SCALAR, c))
			scalar_read(&item, node->child[i], &addr, c);
		if (node->child[i]->bad)
			continue;
		place = &field[ip_is_v4(&addr) ? 0 : 1];
		if (!ip_is_none(place))
			yaml_complain(c, node->child[i],
					"a second gateway of its family; keep one, or use routes");
		else
			*place = addr;
	}
}

/* Read for its errors alone: each endpoint takes from it what it does not say itself. */
static void
read_template(const struct key *key, struct yaml *node, struct complaints *c)
{
	char scratch[256] __attribute__((aligned(8))) = {0};

	if (key->group->size > sizeof(scratch))
		return;
	read_group(key->group, node, NULL, scratch, c);
	key_group_fini(key->group, scratch);
}

/* A default is read as if it stood in the file. */
static void
read_fallback(const struct key *key, void *base, struct complaints *c)
{
	struct yaml scalar = {.kind = YAML_SCALAR, .text = (char *)(uintptr_t)key->fallback};
	struct yaml *child = &scalar;
	struct yaml list = {.kind = YAML_LIST, .child = &child, .count = 1};

	if (key->type == KEY_LIST)
		read_list(key, &list, base, c);
	else
		scalar_read(key, &scalar, base, c);
}

static void
read_key(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	if (key->type == KEY_LIST)
		read_list(key, node, base, c);
	else if (key->type == KEY_GATEWAYS)
		read_gateways(key, node, base, c);
	else if (key->type == KEY_STEPS && node->kind == YAML_LIST)
		config_policy_steps_read(key, node, base, c);
	else if (key->type == KEY_TEMPLATE && is_kind(node, YAML_MAP, c))
		read_template(key, node, c);
	else if (key->type != KEY_TEMPLATE && is_kind(node, YAML_SCALAR, c))
		scalar_read(key, node, base, c);
}

/* The service's map of the same name, for an endpoint. */
static struct yaml *
template_of(const struct yaml *endpoint, const char *name)
{
	struct yaml *template;

	if (!endpoint || !endpoint->parent || !endpoint->parent->parent)
		return NULL;
	template = yaml_child(endpoint->parent->parent, name);
	return template && template->kind == YAML_MAP ? template : NULL;
}

/* A check of another type takes nothing over. */
static bool
same_type(const struct yaml *own, const struct yaml *template)
{
	const struct yaml *a = yaml_child(own, "type"), *b = yaml_child(template, "type");

	return !a || !b || (a->text && b->text && strcmp(a->text, b->text) == 0);
}

static void
read_map(const struct key *key, struct yaml *parent, void *base, struct complaints *c)
{
	struct yaml *own = yaml_child(parent, key->name);
	struct yaml *template = key->flags & KEY_INHERITED ? template_of(parent, key->name) : NULL;

	if (own && !yaml_is_empty(own) && !is_kind(own, YAML_MAP, c))
		return;
	if (own && own->kind != YAML_MAP)
		own = NULL;
	if (own && template && !same_type(own, template))
		template = NULL;
	if (own || template || key->group->key[0].fallback || !(key->flags & KEY_INHERITED))
		read_group(key->group, own, template, key_field(key, base), c);
}

static bool
is_absent(const struct key *key, const struct yaml *node)
{
	/* "services:" with nothing below it is what a template without entries leaves behind. */
	return !node ||
			(yaml_is_empty(node) &&
					(key->type == KEY_LIST || key->type == KEY_GATEWAYS));
}

static void
read_group(const struct key_group *group, struct yaml *map, struct yaml *template, void *base,
		struct complaints *c)
{
	const struct key *key;
	struct yaml *node;
	size_t i;

	if (map)
		refuse_unknown(group, map, c);
	for (i = 0; i < group->key_count; i++) {
		key = &group->key[i];
		node = yaml_child(map, key->name);
		if (!node && template)
			node = yaml_child(template, key->name);
		if (key->type == KEY_MAP)
			read_map(key, map, base, c);
		else if (!is_absent(key, node))
			read_key(key, node, base, c);
		else if (key->flags & KEY_REQUIRED)
			refuse_missing(group, key, map ? map : template, c);
		else if (key->fallback)
			read_fallback(key, base, c);
	}
}

struct yaml *
config_read_inherited(const struct yaml *endpoint, const char *map, const char *key)
{
	struct yaml *own = yaml_child(endpoint, map), *template = template_of(endpoint, map);
	struct yaml *node = yaml_child(own, key);

	if (node || (own && template && !same_type(own, template)))
		return node;
	return yaml_child(template, key);
}

void
config_read(struct config *config, struct yaml *root, struct complaints *c)
{
	if (is_kind(root, YAML_MAP, c))
		read_group(&config_schema, root, NULL, config, c);
}
