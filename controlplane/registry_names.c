/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_names.h"

#include <stdlib.h>
#include <string.h>

static const char *
endpoint_name(const void *at)
{
	return (*(struct endpoint *const *)at)->config->name;
}

static const char *
service_name(const void *at)
{
	return (*(struct service *const *)at)->config->name;
}

static int
compare_endpoints(const void *a, const void *b)
{
	return strcmp(endpoint_name(a), endpoint_name(b));
}

static int
compare_endpoint(const void *name, const void *at)
{
	return strcmp(name, endpoint_name(at));
}

static int
compare_services(const void *a, const void *b)
{
	return strcmp(service_name(a), service_name(b));
}

static int
compare_service(const void *name, const void *at)
{
	return strcmp(name, service_name(at));
}

void
registry_names_sort(struct service *s)
{
	if (s->endpoint_count == 0)
		return;
	memcpy(s->by_name, s->endpoint, s->endpoint_count * sizeof(*s->by_name));
	qsort(s->by_name, s->endpoint_count, sizeof(*s->by_name), compare_endpoints);
}

void
registry_names_sort_services(struct service *const *service, size_t count, struct service **by_name)
{
	if (count == 0)
		return;
	memcpy(by_name, service, count * sizeof(*by_name));
	qsort(by_name, count, sizeof(*by_name), compare_services);
}

struct endpoint *
registry_names_endpoint_or_null(const struct service *s, const char *name)
{
	struct endpoint **at = NULL;

	if (s->endpoint_count > 0)
		at = bsearch(name, s->by_name, s->endpoint_count, sizeof(*s->by_name),
				compare_endpoint);
	return at ? *at : NULL;
}

struct service *
registry_names_service_or_null(struct service *const *by_name, size_t count, const char *name)
{
	struct service *const *at = NULL;

	if (count > 0)
		at = bsearch(name, by_name, count, sizeof(*by_name), compare_service);
	return at ? *at : NULL;
}
