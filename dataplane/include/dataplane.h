/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding cores as the control thread sees them. All functions are for the control thread alone,
 * unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "message.h"
#include "port.h"
#include "view.h"

struct rte_mbuf;
struct rte_rcu_qsbr;

#define DATAPLANE_LCORES_MAX 32
#define DATAPLANE_PORTS_MAX 32

/* Fixed from start to stop. */
struct dataplane_config {
	uint32_t flows; /* per lcore */
	uint32_t endpoints; /* eids are below this */
	uint32_t local4, local6; /* local addresses per family at most */
	uint32_t fragments; /* packets in reassembly per lcore at most */
	uint32_t fragment_ms; /* a packet must be complete within this */
	uint32_t idle_sleep_us; /* sleep after an empty poll; 0: spin */
	uint32_t device_count;
	const struct device *device; /* open */
	uint32_t lcore_count;
	const unsigned *lcore; /* DPDK lcore ids */
};

struct dataplane;

/* Allocates everything that the lcores will ever need. NULL on failure; `error` says what. */
struct dataplane *dataplane_create(
		const struct dataplane_config *config, char *error, unsigned error_size);

/* Launches the lcores; a view must have been published. stop waits for them. */
int dataplane_start(struct dataplane *d);
void dataplane_stop(struct dataplane *d);
void dataplane_free(struct dataplane *d);

/* Makes `view` the one that packets see; returns the one before, which must live until the lcores have passed
 * a quiescent state of dataplane_qsbr() (see publish.c). Never waits. */
const struct view *dataplane_publish(struct dataplane *d, const struct view *view);
struct rte_rcu_qsbr *dataplane_qsbr(struct dataplane *d);

/* Readable (and to be read) when an urgent event is in a ring. */
int dataplane_event_fd(const struct dataplane *d);

uint32_t dataplane_lcore_count(const struct dataplane *d);
unsigned dataplane_lcore_id(
		const struct dataplane *d, uint32_t lcore); /* the DPDK id of the n-th */

/* Counters: valid from create to free, written by the lcore, read with counter_read(). */
const struct lcore_counters *dataplane_lcore_counters(const struct dataplane *d, uint32_t lcore);
const struct endpoint_counters *dataplane_endpoint_counters(
		const struct dataplane *d, uint32_t lcore, uint32_t eid);
const struct port_counters *dataplane_port_counters(
		const struct dataplane *d, uint32_t lcore, uint32_t port);

/* Time from dataplane_publish to the first use of the view, as the lcore saw it: microseconds x 10. */
const struct histogram *dataplane_view_latency(const struct dataplane *d, uint32_t lcore);

/* How full the lcore's tables are. Read across; approximate while it forwards. */
struct dataplane_usage {
	uint32_t flows, flow_limit;
	uint32_t local4_free, local4_total; /* local ports; free: not in use and not resting */
	uint32_t local6_free, local6_total;
	uint32_t by_state[FLOW_STATE_COUNT];
};
void dataplane_usage(const struct dataplane *d, uint32_t lcore, struct dataplane_usage *out);

/* Both return how many were taken; events of all lcores in turn. The caller frees the mbufs. A punted mbuf's
 * data starts at the Ethernet header with VLAN tags removed, and mbuf->port is the logical port. */
uint32_t dataplane_events(struct dataplane *d, struct event *out, uint32_t max);
uint32_t dataplane_punted(struct dataplane *d, struct rte_mbuf **out, uint32_t max);

/* A buffer for dataplane_inject, or NULL. */
struct rte_mbuf *dataplane_mbuf_or_null(struct dataplane *d);

/* Sends a frame (without VLAN tag) on a logical port; takes ownership; false if the ring was full (freed). */
bool dataplane_inject(struct dataplane *d, struct rte_mbuf *frame, uint16_t port);

/* Posts a query to an lcore; false if its ring is full. See struct flow_query for who owns it when. */
bool dataplane_query(struct dataplane *d, uint32_t lcore, struct flow_query *query);
