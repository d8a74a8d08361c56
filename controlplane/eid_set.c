/* SPDX-License-Identifier: Apache-2.0 */
#include "eid_set.h"

#include <errno.h>
#include <stdlib.h>

int
eid_set_init(struct eid_set *s, uint32_t limit)
{
	*s = (struct eid_set){
			.eid = calloc(limit + 1, sizeof(*s->eid)),
			.place = calloc(limit + 1, sizeof(*s->place)),
	};
	if (s->eid && s->place)
		return 0;
	eid_set_fini(s);
	return -ENOMEM;
}

void
eid_set_fini(struct eid_set *s)
{
	free(s->eid);
	free(s->place);
	*s = (struct eid_set){0};
}

void
eid_set_add(struct eid_set *s, uint32_t eid)
{
	if (s->place[eid])
		return;
	s->eid[s->count++] = eid;
	s->place[eid] = s->count;
}

void
eid_set_del(struct eid_set *s, uint32_t eid)
{
	uint32_t place = s->place[eid], last;

	if (!place)
		return;
	last = s->eid[--s->count];
	s->eid[place - 1] = last;
	s->place[last] = place;
	s->place[eid] = 0;
}
