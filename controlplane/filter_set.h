/* SPDX-License-Identifier: Apache-2.0 */
/* What the filter's maps must hold, as sorted arrays. Pure but for filter_set_add_host(). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../bpf/filter.h"
#include "registry.h"

struct filter_set_address {
	struct filter_address key;
	uint32_t flags; /* enum filter_flag */
};

struct filter_set_endpoint {
	struct filter_endpoint key;
	struct filter_ports ports;
};

struct filter_set {
	struct filter_set_address *address;
	size_t address_count, address_room;
	struct filter_set_endpoint *endpoint;
	size_t endpoint_count, endpoint_room;
};

/* Adds what the registry's configuration needs. 0 or -ENOMEM. */
int filter_set_add_registry(struct filter_set *s, struct registry *r);

/* Adds the addresses of this network namespace's interfaces. 0 or -errno. */
int filter_set_add_host(struct filter_set *s);

/* Sorts, and makes one of entries with the same key: flags are united, ports become the range over all. */
void filter_set_sort(struct filter_set *s);

/* In a sorted set. */
const struct filter_set_address *filter_set_address_or_null(
		const struct filter_set *s, const struct filter_address *key);
const struct filter_set_endpoint *filter_set_endpoint_or_null(
		const struct filter_set *s, const struct filter_endpoint *key);

void filter_set_fini(struct filter_set *s);
