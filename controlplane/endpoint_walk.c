/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint_walk.h"

#include <string.h>

void
endpoint_walk_init(struct endpoint_walk *w, struct registry *r, const char *service)
{
	*w = (struct endpoint_walk){.registry = r,
			.generation = registry_config_generation(r),
			.service = service};
}

bool
endpoint_walk_stale(const struct endpoint_walk *w)
{
	return w->generation != registry_config_generation(w->registry);
}

static bool
is_wanted(const struct endpoint_walk *w, const struct service *s)
{
	return !w->service || !strcmp(w->service, s->config->name);
}

const struct endpoint *
endpoint_walk_next_or_null(struct endpoint_walk *w)
{
	const struct service *s;

	for (; w->at_service < registry_service_count(w->registry); w->at_service++) {
		s = registry_service_at(w->registry, w->at_service);
		if (is_wanted(w, s) && w->at_endpoint < s->endpoint_count)
			return s->endpoint[w->at_endpoint++];
		w->at_endpoint = 0;
	}
	return NULL;
}
