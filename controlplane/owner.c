/* SPDX-License-Identifier: Apache-2.0 */
#include "owner.h"

/* FNV-1a, over a name and the zero behind it. */
static uint64_t
hash_name(uint64_t hash, const char *p)
{
	for (; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
	return hash * 0x100000001b3u;
}

uint64_t
owner_of_service(const struct service *s)
{
	return hash_name(0xcbf29ce484222325u, s->config->name) | 1;
}

uint64_t
owner_of(const struct endpoint *e)
{
	uint64_t hash = hash_name(0xcbf29ce484222325u, e->service->config->name);

	return hash_name(hash, e->config->name) | 1;
}
