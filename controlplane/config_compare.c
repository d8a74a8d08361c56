/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "config_history.h"
#include "config_scalar.h"

#include <string.h>

static bool group_equal(const struct key_group *group, const void *a, const void *b);

static bool
list_equal(const struct key *key, const void *a, const void *b)
{
	const char *x = *(char **)key_field(key, a), *y = *(char **)key_field(key, b);
	size_t i, n = *key_count_of(key, a), size = key_element_size(key);

	if (n != *key_count_of(key, b))
		return false;
	for (i = 0; i < n; i++) {
		if (key->group ? !group_equal(key->group, x + i * size, y + i * size)
			       : !scalar_equal(key->item, x + i * size, y + i * size))
			return false;
	}
	return true;
}

static bool
key_equal(const struct key *key, const void *a, const void *b)
{
	if (key->type == KEY_LIST)
		return list_equal(key, a, b);
	if (key->type == KEY_MAP)
		return group_equal(key->group, key_field(key, a), key_field(key, b));
	return scalar_equal(key, a, b);
}

bool
config_key_equal(const struct key *key, const void *a, const void *b)
{
	return key_equal(key, a, b);
}

static bool
group_equal(const struct key_group *group, const void *a, const void *b)
{
	size_t i;

	for (i = 0; i < group->key_count; i++) {
		if (!key_equal(&group->key[i], a, b))
			return false;
	}
	return true;
}

bool
config_equal(const struct config *a, const struct config *b)
{
	return group_equal(&config_schema, a, b);
}

/* The text of a value, without quotes around it, for an error. */
static void
shown(const struct key *key, const void *base, char *buf, size_t size)
{
	FILE *out;

	buf[0] = '\0';
	if (key->type == KEY_LIST) {
		snprintf(buf, size, "list");
		return;
	}
	out = fmemopen(buf, size - 1, "w");
	if (!out)
		return;
	scalar_print(key, base, out);
	fclose(out);
	buf[size - 1] = '\0';
}

static void
refuse(const struct key *key, const char *path, const void *from, const void *to,
		struct config_errors *errors)
{
	char a[128], b[128];

	if (key->type == KEY_LIST || key->type == KEY_MAP) {
		config_errors_add(errors, "%s%s: changed; this needs a restart", path, key->name);
		return;
	}
	shown(key, from, a, sizeof(a));
	shown(key, to, b, sizeof(b));
	config_errors_add(errors, "%s%s: %s instead of %s; this needs a restart", path, key->name,
			b, a);
}

static void
compare_group(const struct key_group *group, const char *path, const void *const of[2],
		struct config_errors *errors)
{
	size_t i;

	for (i = 0; i < group->key_count; i++) {
		if ((group->key[i].flags & (KEY_RESTART | KEY_COMPUTED)) == KEY_RESTART &&
				!key_equal(&group->key[i], of[0], of[1]))
			refuse(&group->key[i], path, of[0], of[1], errors);
	}
}

static void
compare_ports(const struct config *from, const struct config *to, struct config_errors *errors)
{
	const struct key *ports = key_group_find(&config_schema, "ports");
	char path[128];
	size_t i;

	if (from->port_count != to->port_count) {
		config_errors_add(errors, "ports: %zu instead of %zu; this needs a restart",
				to->port_count, from->port_count);
		return;
	}
	for (i = 0; i < from->port_count; i++) {
		snprintf(path, sizeof(path), "ports[%s].", from->port[i].name);
		compare_group(ports->group, path, (const void *[]){&from->port[i], &to->port[i]},
				errors);
	}
}

static uint32_t
count_family(const struct config *config, bool v4)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < config->local_count; i++)
		n += ip_is_v4(&config->local[i]) == v4;
	return n;
}

/* A default that follows the number of addresses is no change; what counts is the room that was made at start. */
static void
compare_local(const struct config *from, const struct config *to, struct config_errors *errors)
{
	uint32_t room = from->limits.local_addresses, want = to->limits.local_addresses;
	uint32_t v4 = count_family(to, true), v6 = count_family(to, false);

	if (to->limits.local_addresses_given && want != room)
		config_errors_add(errors,
				"limits.local_addresses: %u instead of %u; this needs a restart",
				want, room);
	else if (v4 > room || v6 > room)
		config_errors_add(errors,
				"local_addresses: %u of one family, but there is room for %u; set "
				"limits.local_addresses and "
				"restart",
				v4 > v6 ? v4 : v6, room);
}

bool
config_reloadable(const struct config *from, const struct config *to, struct config_errors *errors)
{
	static const char *const sections[] = {"gateway", "limits", "timeouts"};
	const void *const of[2] = {from, to}, *const history[2] = {&from->history, &to->history};
	size_t i, before = errors->count;
	char path[32];

	for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		snprintf(path, sizeof(path), "%s.", sections[i]);
		compare_group(key_group_find(&config_schema, sections[i])->group, path, of, errors);
	}
	compare_group(&config_history_group, "history.", history, errors);
	compare_ports(from, to, errors);
	compare_local(from, to, errors);
	return errors->count == before;
}
