/* SPDX-License-Identifier: Apache-2.0 */
#include "owner.h"

/* FNV-1a, over both names and the zero between them. */
uint64_t
owner_of(const struct endpoint *e)
{
	const char *name[2] = {e->service->config->name, e->config->name};
	uint64_t hash = 0xcbf29ce484222325u;
	const char *p;
	int i;

	for (i = 0; i < 2; i++) {
		for (p = name[i]; *p; p++)
			hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
		hash *= 0x100000001b3u;
	}
	return hash | 1;
}
