/* SPDX-License-Identifier: Apache-2.0 */
/* Puts views in force, and frees them when no forwarding core can see them any more. Control thread only. */
#pragma once

#include <stdint.h>

#include "dataplane.h"
#include "registry.h"

struct publisher;

struct publisher *publisher_create(struct dataplane *d, struct registry *r);
/* The lcores must have stopped. */
void publisher_free(struct publisher *p);

/* Builds and publishes a view if anything changed; never waits. 1 if one was published, 0, or -errno. */
int publish_run(struct publisher *p);

/* Frees retired views whose token has passed; call on every tick. */
void publish_reclaim(struct publisher *p);

struct publish_stats {
	uint64_t generation;
	uint64_t published;
	uint64_t reclaimed;
	uint64_t failed; /* out of memory */
	uint32_t waiting; /* views retired and not yet reclaimed */
	uint64_t build_ns_last, build_ns_max;
};
void publish_stats(const struct publisher *p, struct publish_stats *out);

/* The view in force, for explain: valid until the control thread's next publish_reclaim(). */
const struct view *publish_view(const struct publisher *p);
