/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the lcores counted, summed: totals, and rates and quantiles over the last intervals. Reads across, never resets.
 * Control thread; telemetry callbacks read the published snapshot.
 */
#pragma once

#include "gateway.h"

struct collector *collector_create(struct gateway *g);
void collector_free(struct collector *c);

/* Once a second: takes the differences of the interval. */
void collector_tick(struct collector *c);

/* Sum over lcores, now. */
void collector_totals(const struct collector *c, struct lcore_counters *out);
void collector_leg(const struct collector *c, uint32_t eid, enum leg leg, struct leg_counters *out);

/* One leg over the last whole interval of about a second. Times in microseconds; NAN where nothing was measured. */
struct leg_interval {
	double seconds;
	struct leg_counters delta;
	uint64_t flows_active;
	double handshake_p50, handshake_p99;
	double reply_p50, reply_p90, reply_p99, reply_mean, reply_jitter;
	double loss_to, loss_from; /* shares of segments, estimated from retransmissions and gaps */
};
void collector_interval(const struct collector *c, uint32_t eid, enum leg leg, struct leg_interval *out);

uint64_t collector_active_flows(void *collector, uint32_t eid); /* a registry_active_flows */
