/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the lcores counted, summed: totals, and rates and quantiles over the last interval. Reads across, never
 * resets. Control thread; telemetry callbacks read the published snapshot (telemetry.h).
 *
 * Counts belong to the endpoint that has the id now: what an earlier endpoint counted under a reused id is left
 * out.
 */
#pragma once

#include "gateway.h"

struct collector *collector_create(struct gateway *g); /* NULL when out of memory */
void collector_free(struct collector *c);

/* Once a second: takes the differences of the interval. */
void collector_tick(struct collector *c);
void collector_tick_at(
		struct collector *c, uint64_t now_ms); /* the same, at a monotonic time not 0 */

/* Length of the last whole interval in seconds; 0 before the second tick. */
double collector_seconds(const struct collector *c);

/* Sum over lcores, now. `view_generation` is the oldest that any lcore still uses. */
void collector_totals(const struct collector *c, struct lcore_counters *out);
void collector_leg(const struct collector *c, uint32_t eid, enum leg leg, struct leg_counters *out);
void collector_port(const struct collector *c, uint32_t port, struct port_counters *out);

/* What was added in the last interval: over all lcores, by one of them, and on one logical port. */
void collector_delta(const struct collector *c, struct lcore_counters *out);
void collector_lcore_delta(const struct collector *c, uint32_t lcore, struct lcore_counters *out);
void collector_port_delta(const struct collector *c, uint32_t port, struct port_counters *out);

/* One leg over the last whole interval of about a second. Times in microseconds; NAN where nothing was measured. */
struct leg_interval {
	bool used; /* anything was ever counted on the leg; else all below is 0 or NAN */
	double seconds;
	struct leg_counters delta;
	/* Of `delta`, what the server failed: connects refused or unanswered, replies that say failure, and requests
	 * unanswered if any endpoint of the service was ever seen to answer (docs/measurements.md). */
	uint64_t failed;
	uint64_t flows_active;
	uint64_t requests_waiting; /* begun, and neither answered nor given up */
	double handshake_p50, handshake_p99;
	double reply_p50, reply_p90, reply_p99, reply_mean, reply_jitter;
	double loss_to, loss_from; /* shares of segments, estimated from retransmissions and gaps */
};
void collector_interval(
		const struct collector *c, uint32_t eid, enum leg leg, struct leg_interval *out);

/* Times of the last whole interval by bucket; all 0 where nothing was measured. */
void collector_interval_histogram(const struct collector *c, uint32_t eid, enum leg leg,
		enum leg_histogram kind, struct histogram *out);

/* Of a histogram's times, how many were above `us`: within its bucket, in proportion. */
double collector_above(const struct histogram *h, double us);

/* Had anything been counted under the id at the last tick, also by an earlier owner? False costs a look at one
 * pointer or two. */
bool collector_any(const struct collector *c, uint32_t eid);

/* Ticks in a row, up to the last, in which no packet and no flow moved under the id: the intervals of its legs hold
 * zeros since the first of them, and the length of that one. */
uint32_t collector_still(const struct collector *c, uint32_t eid);

/* Had anything been counted on this leg at the last tick? */
bool collector_leg_used(const struct collector *c, uint32_t eid, enum leg leg);

/* Times since the endpoint's beginning, up to now: counts by bucket, 64 bits. */
struct histogram_total {
	uint64_t count[HISTOGRAM_BUCKETS];
};
void collector_histogram(const struct collector *c, uint32_t eid, enum leg leg,
		enum leg_histogram kind, struct histogram_total *out);

/* The q-quantile (0..1), interpolated within its bucket; NAN if it is empty. In the histogram's unit. */
double collector_quantile(const struct histogram *h, double q);

/* Times from publishing a view to its first use by an lcore, over all lcores, in tenths of microseconds. */
void collector_view_latency(const struct collector *c, struct histogram *out);

/* Flows that still name the id, whoever had it. A registry_active_flows; `collector` is a struct collector. */
uint64_t collector_active_flows(void *collector, uint32_t eid);
