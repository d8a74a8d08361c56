/* SPDX-License-Identifier: Apache-2.0 */
/* Services and endpoints by name: arrays that are sorted once with each configuration. Control thread. */
#pragma once

#include "registry.h"

/* The service's endpoints into `s->by_name`, and `count` services into `by_name`: there is room for them. */
void registry_names_sort(struct service *s);
void registry_names_sort_services(
		struct service *const *service, size_t count, struct service **by_name);

/* NULL if there is none. */
struct endpoint *registry_names_endpoint_or_null(const struct service *s, const char *name);
struct service *registry_names_service_or_null(
		struct service *const *by_name, size_t count, const char *name);
