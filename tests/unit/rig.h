/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding cores without threads and without devices: frames go in at a lane, the lcores take turns in the
 * caller's thread by a clock that the caller sets, and what they send is kept. View and registry are the real ones.
 *
 * Everything is checked by assert: a rig that is misused, and what must hold whatever came in (rig_check).
 */
#pragma once

#include "frame.h"
#include "lcore.h"
#include "registry.h"

#define RIG_LCORES_MAX 3
/* Of every device, and where frame.h sends to. */
static const uint8_t rig_mac[6] = {2, 0, 0, 0, 0, 1};

#define RIG_DEVICES 2
#define RIG_SENT_MAX 4096

/* What was sent, oldest first. */
struct rig_sent {
	uint16_t device, lane;
	uint32_t len;
	uint8_t frame[];
};

struct rig_options {
	const char *yaml;
	uint32_t lcores; /* 0: 1 */
	uint16_t lanes; /* of each device; 0: one for each lcore */
	uint32_t flows; /* per lcore; 0: 4096 */
	uint32_t local; /* addresses per family; 0: 2 */
	uint16_t mtu[RIG_DEVICES]; /* of all its ports; 0: 1500 */
};

struct rig {
	struct dataplane *d;
	struct registry *registry;
	const struct view *view;
	struct rte_mempool *pool;
	struct burst burst;
	uint64_t us; /* the clock */
	uint32_t sent_count, sent_taken;
	struct rig_sent *sent[RIG_SENT_MAX];
	uint32_t tx_room; /* packets that transmit queues still take */
};

/* Once for a process: EAL in plain memory. 0 or -1. */
int rig_eal_init(const char *name);

/* All endpoints resolved, and healthy where they are checked; time 1000 s. One rig at a time, in static
 * storage; one that was not stopped is freed. */
void rig_start(struct rig *r, const struct rig_options *o);
/* rig_check, and no buffer is missing. */
void rig_stop(struct rig *r);
/* received = forwarded + ends; flows created = flows there + flows ended; the index agrees with the flows. */
void rig_check(struct rig *r);

void rig_feed(struct rig *r, uint16_t device, uint16_t lane, const void *frame, uint32_t len);
/* Turns of all lcores until no packet is under way. */
void rig_run(struct rig *r);
/* The clock goes on, with turns in between often enough for the sweep to go all around. */
void rig_wait(struct rig *r, uint32_t ms);
/* The next of what was sent, or NULL. Valid until rig_stop. */
const struct rig_sent *rig_take(struct rig *r);
/* Forgets what was sent. */
void rig_forget(struct rig *r);

/* Puts the registry's changes in force. */
void rig_publish(struct rig *r);
/* A new configuration, and in force; endpoints that are new become resolved and healthy. */
void rig_reload(struct rig *r, const char *yaml);
struct endpoint *rig_endpoint(struct rig *r, const char *service, const char *endpoint);
void rig_health(struct rig *r, const char *service, const char *endpoint, bool up);

/* Sums over the lcores. */
uint64_t rig_end(const struct rig *r, enum packet_end end);
struct lcore_counters rig_counters(const struct rig *r);
struct leg_counters rig_leg(const struct rig *r, uint32_t eid, enum leg leg);
uint32_t rig_flows(const struct rig *r);
/* The one flow there is. */
const struct flow *rig_flow(const struct rig *r);
