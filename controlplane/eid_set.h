/* SPDX-License-Identifier: Apache-2.0 */
/* Some of the endpoint ids, to be walked without a look at the others: eid[0 .. count), in no order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct eid_set {
	uint32_t *eid;
	uint32_t count;
	uint32_t *place; /* by eid: where it is, from 1 on; 0: it is not */
};

int eid_set_init(struct eid_set *s, uint32_t limit); /* for ids below `limit`; -ENOMEM */
void eid_set_fini(struct eid_set *s);

/* What is in is not added twice, what is not in not removed. Removing moves the last one into its place, so a walk that
 * removes goes from the end. */
void eid_set_add(struct eid_set *s, uint32_t eid);
void eid_set_del(struct eid_set *s, uint32_t eid);

static inline bool
eid_set_has(const struct eid_set *s, uint32_t eid)
{
	return s->place[eid] != 0;
}
