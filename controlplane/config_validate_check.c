/* SPDX-License-Identifier: Apache-2.0 */
#include "config_validate.h"

#include "config_read.h"

#include <string.h>

/* Complains about a key of the endpoint's check, where it stands: there, in the service's, or nowhere. */
#define COMPLAIN(v, endpoint, key, ...) \
	yaml_complain_key((v)->complaints, check_map(endpoint, key), key, __VA_ARGS__)

/* The map that has the key; else the one that it could be added to. */
static struct yaml *
check_map(struct yaml *endpoint, const char *key)
{
	struct yaml *node = config_read_inherited(endpoint, "check", key);
	struct yaml *own = yaml_child(endpoint, "check");

	if (node)
		return node->parent;
	return own && own->kind == YAML_MAP ? own : yaml_child(endpoint->parent->parent, "check");
}

static bool
stands(struct yaml *endpoint, const char *key)
{
	return config_read_inherited(endpoint, "check", key) != NULL;
}

static bool
is_sound(struct yaml *endpoint, const char *key)
{
	struct yaml *node = config_read_inherited(endpoint, "check", key);

	return !node || !node->bad;
}

static void
validate_belonging(const struct validation *v, enum check_kind kind, struct yaml *node)
{
	static const struct {
		const char *key;
		enum check_kind kind;
	} belongs[] = {
			{"path", CHECK_HTTP},
			{"host", CHECK_HTTP},
			{"status", CHECK_HTTP},
			{"payload", CHECK_UDP},
			{"expect", CHECK_UDP},
	};
	size_t i;

	for (i = 0; i < sizeof(belongs) / sizeof(belongs[0]); i++) {
		if (stands(node, belongs[i].key) && kind != belongs[i].kind)
			COMPLAIN(v, node, belongs[i].key,
					"is for %s checks, and this is one of type %s; remove it",
					config_check_name(belongs[i].kind),
					config_check_name(kind));
	}
	if (kind == CHECK_ICMP && stands(node, "port"))
		COMPLAIN(v, node, "port", "is not for icmp checks; remove it");
}

static void
validate_http(const struct validation *v, const struct config_check *check, struct yaml *node)
{
	if (check->path && (check->path[0] != '/' || strchr(check->path, ' ')))
		COMPLAIN(v, node, "path",
				"not the path of a URL; begin it with '/' and write %%20 for a "
				"space");
	if (check->host && (check->host[0] == '\0' || strpbrk(check->host, " /\\@?#\"")))
		COMPLAIN(v, node, "host", "not a host name; write what the Host header shall have");
}

void
validate_check(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	const struct config_check *check = &e->check;

	if (node->kind != YAML_MAP || check->kind == CHECK_NONE || !is_sound(node, "type"))
		return;
	validate_belonging(v, check->kind, node);
	if (check->timeout_ms > check->interval_ms && is_sound(node, "timeout") &&
			is_sound(node, "interval"))
		COMPLAIN(v, node, "timeout",
				"longer than the interval, so that checks would pile up; write at "
				"most %u ms",
				check->interval_ms);
	if (check->kind == CHECK_HTTP)
		validate_http(v, check, node);
	if (check->kind == CHECK_UDP && !stands(node, "payload"))
		COMPLAIN(v, node, "payload", "is missing; give a request that the server answers");
	if (s->port_first != s->port_last && check->kind != CHECK_ICMP && check->port == 0 &&
			is_sound(node, "port"))
		COMPLAIN(v, node, "port",
				"the service has a range of ports; say which one to check");
}
