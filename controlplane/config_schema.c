/* SPDX-License-Identifier: Apache-2.0 */
#include "config_schema.h"

#include "config_forecast.h"
#include "config_history.h"
#include "config_policy.h"
#include "config_scrape.h"

#include "dataplane.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define LIST(type, member, number) FIELD(type, member), .count = offsetof(type, number)
#define GROUP(keys) .key = keys, .key_count = sizeof(keys) / sizeof((keys)[0])

#define SECOND_MS 1000ull
#define DAY_MS (86400 * SECOND_MS)
#define SOCKET_PATH_MAX 107 /* sun_path, with its NUL */
#define PAYLOAD_MAX 1400 /* bytes: fits a packet of any port */

/* One address, prefix or number as the element of a list. */
static const struct key item_address = {"", KEY_ADDRESS, .size = sizeof(struct ip_addr)};
static const struct key item_prefix = {"", KEY_PREFIX, .size = sizeof(struct ip_prefix)};
static const struct key item_name = {"", KEY_NAME, .size = sizeof(char *)};
static const struct key item_lcore = {"", KEY_COUNT, .size = sizeof(unsigned), .max = 127};

static const struct key_choice protocols[] = {
		{"tcp", IPPROTO_TCP, NULL}, {"udp", IPPROTO_UDP, NULL}, {NULL, 0, NULL}};
static const struct key_choice forwards[] = {
		{"nat", FORWARD_NAT, NULL},
		{"fullnat", FORWARD_FULLNAT, NULL},
		{"dsr-l2", FORWARD_DSR_L2, NULL},
		{"ipip", 0, "tunnels do not exist yet; use nat, fullnat or dsr-l2"},
		{"gue", 0, "tunnels do not exist yet; use nat, fullnat or dsr-l2"},
		{NULL, 0, NULL},
};
static const struct key_choice hashes[] = {
		{"5-tuple", HASH_5_TUPLE, NULL},
		{"source", HASH_SOURCE, NULL},
		{NULL, 0, NULL},
};
static const struct key_choice established[] = {
		{"keep", ESTABLISHED_KEEP, NULL},
		{"reset_after", ESTABLISHED_RESET_AFTER, NULL},
		{"handover", 0,
				"handing live flows over does not exist yet; use keep or "
				"reset_after"},
		{NULL, 0, NULL},
};
static const struct key_choice downs[] = {
		{"reset", DOWN_RESET, NULL}, {"keep", DOWN_KEEP, NULL}, {NULL, 0, NULL}};
static const struct key_choice replies[] = {
		{"none", REPLIES_NONE, NULL},
		{"http", REPLIES_HTTP, NULL},
		{"dns", REPLIES_DNS, NULL},
		{NULL, 0, NULL},
};
static const struct key_choice sides[] = {{"primary", COHORT_PRIMARY, NULL},
		{"shadow", COHORT_SHADOW, NULL}, {"canary", COHORT_CANARY, NULL}, {NULL, 0, NULL}};
static const struct key_choice checks[] = {
		{"none", CHECK_NONE, NULL},
		{"tcp", CHECK_TCP, NULL},
		{"http", CHECK_HTTP, NULL},
		{"udp", CHECK_UDP, NULL},
		{"icmp", CHECK_ICMP, NULL},
		{"https", 0,
				"TLS checks do not exist yet; use tcp, or http with 'port' of a "
				"plain listener"},
		{NULL, 0, NULL},
};

static const struct key check_keys[] = {
		{"type", KEY_CHOICE, KEY_REQUIRED, FIELD(struct config_check, kind),
				.choice = checks},
		{"interval", KEY_MS, FIELD(struct config_check, interval_ms), .min = 10,
				.max = 3600 * SECOND_MS, .fallback = "1s"},
		{"timeout", KEY_MS, KEY_COMPUTED, FIELD(struct config_check, timeout_ms), .min = 1,
				.max = 3600 * SECOND_MS, .fallback = "1s"},
		{"rise", KEY_COUNT, FIELD(struct config_check, rise), .min = 1, .max = 100,
				.fallback = "2"},
		{"fall", KEY_COUNT, FIELD(struct config_check, fall), .min = 1, .max = 100,
				.fallback = "3"},
		{"port", KEY_COUNT, KEY_OMITTED, FIELD(struct config_check, port), .max = 65535,
				.fallback = "0"},
		{"path", KEY_TEXT, KEY_OMITTED, FIELD(struct config_check, path), .max = 1024},
		{"host", KEY_TEXT, KEY_OMITTED, FIELD(struct config_check, host), .max = 255},
		{"status", KEY_RANGE, KEY_OMITTED, FIELD(struct config_check, expect_first),
				.min = 100, .max = 599},
		{"payload", KEY_BYTES, KEY_OMITTED, LIST(struct config_check, payload, payload_len),
				.max = PAYLOAD_MAX},
		{"expect", KEY_BYTES, KEY_OMITTED, LIST(struct config_check, expect, expect_len),
				.max = PAYLOAD_MAX},
};
static const struct key_group check_group = {
		"a check", sizeof(struct config_check), .flow = true, GROUP(check_keys)};

static const struct key mirror_keys[] = {
		{"fraction", KEY_SHARE, FIELD(struct config_mirror, share), .fallback = "0"},
		{"shadows", KEY_COUNT, FIELD(struct config_mirror, shadows), .min = 1,
				.max = VIEW_SHADOWS_MAX, .fallback = "1"},
		{"packets_per_second", KEY_RATE, FIELD(struct config_mirror, pps),
				.max = UINT32_MAX, .fallback = "0"},
		{"bits_per_second", KEY_RATE, FIELD(struct config_mirror, bps),
				.max = 1000000000000, .fallback = "0"},
		{"to_primary", KEY_BOOL, FIELD(struct config_mirror, to_primary),
				.fallback = "true"},
};
static const struct key_group mirror_group = {
		"a mirror", sizeof(struct config_mirror), .flow = true, GROUP(mirror_keys)};

static const struct key endpoint_keys[] = {
		{"name", KEY_NAME, KEY_REQUIRED, FIELD(struct config_endpoint, name)},
		{"address", KEY_ADDRESS, KEY_REQUIRED, FIELD(struct config_endpoint, addr)},
		{"port", KEY_COUNT, KEY_OMITTED, FIELD(struct config_endpoint, port), .max = 65535,
				.fallback = "0"},
		{"weight", KEY_COUNT, KEY_COMPUTED, FIELD(struct config_endpoint, weight),
				.max = 65535, .fallback = "100"},
		{"zone", KEY_NAME, KEY_OMITTED, FIELD(struct config_endpoint, zone)},
		{"shadows", KEY_LIST, KEY_OMITTED,
				LIST(struct config_endpoint, shadow, shadow_count),
				.max = VIEW_SHADOWS_MAX, .item = &item_name},
		{"shift", KEY_SHARE, FIELD(struct config_endpoint, shift), .fallback = "0"},
		{"drain", KEY_BOOL, FIELD(struct config_endpoint, drain), .fallback = "false"},
		{"mirror", KEY_MAP, KEY_OMITTED | KEY_INHERITED,
				FIELD(struct config_endpoint, mirror), .group = &mirror_group},
		{"check", KEY_MAP, KEY_OMITTED | KEY_INHERITED,
				FIELD(struct config_endpoint, check), .group = &check_group},
		{"scrape", KEY_MAP, KEY_OMITTED | KEY_INHERITED,
				FIELD(struct config_endpoint, scrape),
				.group = &config_scrape_group},
};
static const struct key_group endpoint_group = {"an endpoint", sizeof(struct config_endpoint),
		offsetof(struct config_endpoint, line), GROUP(endpoint_keys)};

static const struct key cohort_keys[] = {
		{"source", KEY_NETWORK, KEY_REQUIRED, FIELD(struct config_cohort, source)},
		{"side", KEY_CHOICE, KEY_REQUIRED, FIELD(struct config_cohort, side),
				.choice = sides},
};
static const struct key_group cohort_group = {
		"a cohort", sizeof(struct config_cohort), .flow = true, GROUP(cohort_keys)};

static const struct key service_keys[] = {
		{"name", KEY_NAME, KEY_REQUIRED, FIELD(struct config_service, name)},
		{"address", KEY_ADDRESS, KEY_REQUIRED, FIELD(struct config_service, addr)},
		{"protocol", KEY_CHOICE, KEY_REQUIRED, FIELD(struct config_service, protocol),
				.choice = protocols},
		{"port", KEY_RANGE, KEY_REQUIRED, FIELD(struct config_service, port_first),
				.min = 1, .max = 65535},
		{"forward", KEY_CHOICE, FIELD(struct config_service, forward), .choice = forwards,
				.fallback = "fullnat"},
		{"hash", KEY_CHOICE, FIELD(struct config_service, hash), .choice = hashes,
				.fallback = "5-tuple"},
		{"per_request", KEY_BOOL, FIELD(struct config_service, per_request),
				.fallback = "false"},
		{"adopt", KEY_BOOL, FIELD(struct config_service, adopt), .fallback = "false"},
		{"established", KEY_CHOICE, FIELD(struct config_service, established),
				.choice = established, .fallback = "keep"},
		{"down", KEY_CHOICE, FIELD(struct config_service, down), .choice = downs,
				.fallback = "reset"},
		{"replies", KEY_CHOICE, FIELD(struct config_service, replies), .choice = replies,
				.fallback = "none"},
		{"mirror", KEY_TEMPLATE, .group = &mirror_group},
		{"check", KEY_TEMPLATE, .group = &check_group},
		{"scrape", KEY_TEMPLATE, .group = &config_scrape_group},
		{"objective", KEY_MAP, FIELD(struct config_service, objective),
				.group = &config_objective_group},
		{"policy", KEY_MAP, FIELD(struct config_service, policy),
				.group = &config_policy_group},
		{"forecast", KEY_MAP, FIELD(struct config_service, forecast),
				.group = &config_forecast_group},
		{"cohorts", KEY_LIST, KEY_OMITTED,
				LIST(struct config_service, cohort, cohort_count), .max = 1024,
				.group = &cohort_group},
		{"endpoints", KEY_LIST, KEY_REQUIRED,
				LIST(struct config_service, endpoint, endpoint_count), .min = 1,
				.max = UINT32_MAX, .group = &endpoint_group},
};
static const struct key_group service_group = {"a service", sizeof(struct config_service),
		offsetof(struct config_service, line), GROUP(service_keys)};

static const struct key route_keys[] = {
		{"to", KEY_NETWORK, KEY_REQUIRED, FIELD(struct config_route, to)},
		{"via", KEY_ADDRESS, KEY_REQUIRED, FIELD(struct config_route, via)},
};
static const struct key_group route_group = {
		"a route", sizeof(struct config_route), .flow = true, GROUP(route_keys)};

static const struct key neighbour_keys[] = {
		{"address", KEY_ADDRESS, KEY_REQUIRED, FIELD(struct config_neighbour, addr)},
		{"mac", KEY_MAC, KEY_REQUIRED, FIELD(struct config_neighbour, mac)},
};
static const struct key_group neighbour_group = {"a neighbour", sizeof(struct config_neighbour),
		.flow = true, GROUP(neighbour_keys)};

static const struct key port_keys[] = {
		{"name", KEY_NAME, KEY_REQUIRED | KEY_RESTART, FIELD(struct config_port, name)},
		{"device", KEY_TEXT, KEY_REQUIRED | KEY_RESTART, FIELD(struct config_port, device),
				.max = 255},
		{"queues", KEY_COUNT, KEY_RESTART, FIELD(struct config_port, queues), .min = 1,
				.max = DEVICE_LANES_MAX, .fallback = "1"},
		{"mtu", KEY_COUNT, KEY_RESTART, FIELD(struct config_port, mtu), .min = 576,
				.max = 9000, .fallback = "1500"},
		{"vlan", KEY_COUNT, KEY_RESTART | KEY_OMITTED, FIELD(struct config_port, vlan),
				.min = 1, .max = 4094},
		{"kernel", KEY_NAME, KEY_RESTART | KEY_OMITTED, FIELD(struct config_port, kernel)},
		{"addresses", KEY_LIST, KEY_REQUIRED | KEY_RESTART,
				LIST(struct config_port, address, address_count), .min = 1,
				.max = 64, .item = &item_prefix},
		{"gateways", KEY_GATEWAYS, KEY_OMITTED, FIELD(struct config_port, gateway4)},
		{"routes", KEY_LIST, KEY_OMITTED, LIST(struct config_port, route, route_count),
				.max = 1024, .group = &route_group},
		{"neighbours", KEY_LIST, KEY_OMITTED,
				LIST(struct config_port, neighbour, neighbour_count), .max = 8192,
				.group = &neighbour_group},
};
static const struct key_group port_group = {"a port", sizeof(struct config_port),
		offsetof(struct config_port, line), GROUP(port_keys)};

static const struct key gateway_keys[] = {
		{"lcores", KEY_LIST, KEY_RESTART,
				LIST(struct config, gateway.lcore, gateway.lcore_count), .min = 1,
				.max = DATAPLANE_LCORES_MAX, .item = &item_lcore, .fallback = "1"},
		{"main_lcore", KEY_COUNT, KEY_RESTART, FIELD(struct config, gateway.main_lcore),
				.max = 127, .fallback = "0"},
		{"idle_sleep", KEY_US, KEY_RESTART, FIELD(struct config, gateway.idle_sleep_us),
				.max = 10000, .fallback = "20us"},
		{"hugepages", KEY_BOOL, KEY_RESTART, FIELD(struct config, gateway.hugepages),
				.fallback = "true"},
		{"memory", KEY_MIB, KEY_RESTART, FIELD(struct config, gateway.memory_mb),
				.max = 1 << 20, .fallback = "0"},
		{"file_prefix", KEY_NAME, KEY_RESTART, FIELD(struct config, gateway.file_prefix),
				.fallback = "understudy"},
		{"api", KEY_TEXT, KEY_RESTART, FIELD(struct config, gateway.api), .min = 1,
				.max = SOCKET_PATH_MAX, .fallback = "/run/understudy/api.sock"},
		{"state_file", KEY_TEXT, KEY_RESTART, FIELD(struct config, gateway.state_file),
				.max = 4095, .fallback = "/var/lib/understudy/state.json"},
		{"hash_seed", KEY_COUNT, KEY_RESTART, FIELD(struct config, gateway.hash_seed),
				.fallback = "1"},
};
static const struct key_group gateway_group = {"", 0, GROUP(gateway_keys)};

static const struct key limit_keys[] = {
		{"flows", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.flows), .min = 1024,
				.max = 1 << 28, .fallback = "1048576"},
		{"services", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.services),
				.min = 1, .max = 65536, .fallback = "1024"},
		{"endpoints", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.endpoints),
				.min = 1, .max = 1 << 20, .fallback = "4096"},
		{"local_addresses", KEY_COUNT, KEY_RESTART | KEY_COMPUTED,
				FIELD(struct config, limits.local_addresses), .min = 1, .max = 1024,
				.fallback = "4"},
		{"fragments", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.fragments),
				.min = 16, .max = 65536, .fallback = "1024"},
		{"mbufs", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.mbufs),
				.max = 1 << 26, .fallback = "0"},
		{"neighbours", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.neighbours),
				.min = 16, .max = 1 << 20, .fallback = "8192"},
		{"events", KEY_COUNT, KEY_RESTART, FIELD(struct config, limits.events), .min = 16,
				.max = 1 << 24, .fallback = "10000"},
};
static const struct key_group limit_group = {"", 0, GROUP(limit_keys)};

#define TIMEOUT(member) KEY_MS, FIELD(struct config, timeouts.member), .min = 100, .max = DAY_MS
#define REST(member) KEY_MS, FIELD(struct config, timeouts.member), .max = 3600 * SECOND_MS
static const struct key timeout_keys[] = {
		{"tcp_half_open", TIMEOUT(tcp_half_open_ms), .fallback = "10s"},
		{"tcp_established", TIMEOUT(tcp_established_ms), .fallback = "15m"},
		{"tcp_closing", TIMEOUT(tcp_closing_ms), .fallback = "10s"},
		{"udp_unanswered", TIMEOUT(udp_unanswered_ms), .fallback = "10s"},
		{"udp", TIMEOUT(udp_ms), .fallback = "60s"},
		{"rest_tcp", REST(rest_tcp_ms), .fallback = "60s"},
		{"rest_udp", REST(rest_udp_ms), .fallback = "5s"},
		{"fragment", KEY_MS, KEY_RESTART, FIELD(struct config, gateway.fragment_ms),
				.min = 10, .max = 60 * SECOND_MS, .fallback = "1s"},
};
static const struct key_group timeout_group = {"", 0, GROUP(timeout_keys)};

/* The first three are maps without a struct of their own: their fields are those of struct config. */
static const struct key config_keys[] = {
		{"gateway", KEY_MAP, .group = &gateway_group},
		{"limits", KEY_MAP, .group = &limit_group},
		{"timeouts", KEY_MAP, .group = &timeout_group},
		{"history", KEY_MAP, FIELD(struct config, history), .group = &config_history_group},
		{"calendar", KEY_LIST, KEY_OMITTED, LIST(struct config, event, event_count),
				.max = 256, .group = &config_event_group},
		{"ports", KEY_LIST, KEY_REQUIRED | KEY_RESTART,
				LIST(struct config, port, port_count), .min = 1,
				.max = DATAPLANE_PORTS_MAX, .group = &port_group},
		{"local_addresses", KEY_LIST, KEY_OMITTED, LIST(struct config, local, local_count),
				.max = 2048, .item = &item_address},
		{"services", KEY_LIST, LIST(struct config, service, service_count),
				.max = UINT32_MAX, .group = &service_group},
		{"outside", KEY_LIST, KEY_OMITTED, LIST(struct config, outside, outside_count),
				.max = 8, .group = &config_outside_group},
};
const struct key_group config_schema = {
		"a configuration", sizeof(struct config), GROUP(config_keys)};

#define ADJACENT(type, a, b)                                                            \
	_Static_assert(offsetof(type, b) == offsetof(type, a) + sizeof(((type *)0)->a), \
			"read as a pair")
ADJACENT(struct config_check, expect_first, expect_last);
ADJACENT(struct config_service, port_first, port_last);
ADJACENT(struct config_port, gateway4, gateway6);

const struct key *
key_group_find(const struct key_group *group, const char *name)
{
	size_t i;

	for (i = 0; i < group->key_count; i++) {
		if (strcmp(group->key[i].name, name) == 0)
			return &group->key[i];
	}
	return NULL;
}

uint64_t
key_number(const struct key *key, const void *base)
{
	const void *field = key_field(key, base);

	switch (key->size) {
	case 1:
		return *(const uint8_t *)field;
	case 2:
		return *(const uint16_t *)field;
	case 4:
		return *(const uint32_t *)field;
	default:
		return *(const uint64_t *)field;
	}
}

void
key_set_number(const struct key *key, void *base, uint64_t value)
{
	void *field = key_field(key, base);

	switch (key->size) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = value;
	}
}

static void
key_fini(const struct key *key, void *base)
{
	char **owned = key_field(key, base), *array;
	size_t i;

	if (key->type == KEY_MAP)
		key_group_fini(key->group, owned);
	if (key->type == KEY_LIST && *owned) {
		array = *owned;
		for (i = 0; i < *key_count_of(key, base); i++) {
			if (key->group)
				key_group_fini(key->group, array + i * key->group->size);
			else
				key_fini(key->item, array + i * key->item->size);
		}
	}
	if (key->type == KEY_LIST || key->type == KEY_TEXT || key->type == KEY_NAME ||
			key->type == KEY_BYTES) {
		free(*owned);
		*owned = NULL;
	}
}

void
key_group_fini(const struct key_group *group, void *base)
{
	size_t i;

	for (i = 0; i < group->key_count; i++)
		key_fini(&group->key[i], base);
}
