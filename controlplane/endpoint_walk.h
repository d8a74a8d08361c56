/* SPDX-License-Identifier: Apache-2.0 */
/* All endpoints, one after the other, with pauses in between. Control thread. */
#pragma once

#include <stdbool.h>

#include "registry.h"

struct endpoint_walk {
	struct registry *registry;
	uint64_t generation; /* of the configuration */
	const char *service;
	size_t at_service, at_endpoint;
};

/* `service`: of this one alone, unless it is NULL. The caller's, as long as the walk lasts. */
void endpoint_walk_init(struct endpoint_walk *w, struct registry *r, const char *service);

/* True if the configuration was reloaded since the walk began: there may be endpoints that it misses or meets twice,
 * and whoever minds begins anew. */
bool endpoint_walk_stale(const struct endpoint_walk *w);

/* NULL at the end. */
const struct endpoint *endpoint_walk_next_or_null(struct endpoint_walk *w);
