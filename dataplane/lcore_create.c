/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that one forwarding core will ever need, before it runs. */
#include "lcore.h"
#include "memory.h"

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_random.h>

#define RING_PACKETS \
	4096u /* a few bursts of every lcore, and a control thread that is late by milliseconds */
#define RING_EVENTS 1024u
#define RING_QUERIES 64u
#define POOL_MADE 4095u
#define POOL_COPIES 16383u /* one full transmit queue of copies, and what the caches hold */
#define POOL_CACHE 256u
#define WHOLE_PACKETS 64u /* reassembled and not yet sent */
#define REPLIES_PER_SECOND 10000u
#define REPLY_BURST 1000u

static bool
flows_map(struct flow_table *t, uint32_t limit, int node)
{
	/* nat flows have two references each */
	uint32_t buckets = flow_index_buckets(2 * limit);
	uint32_t i;

	t->limit = limit;
	t->index.mask = buckets - 1;
	t->index.bucket = memory_map(buckets * sizeof(struct flow_bucket), node, true);
	t->flow = memory_map((limit + 1ul) * sizeof(struct flow), node, true);
	t->flow6 = memory_map((limit + 1ul) * sizeof(struct flow6), node, false);
	t->free = memory_map(limit * sizeof(uint32_t), node, true);
	t->seed[0] = rte_rand();
	t->seed[1] = rte_rand() | 1;
	if (!t->index.bucket || !t->flow || !t->flow6 || !t->free)
		return false;
	for (i = limit; i; i--)
		t->free[t->free_count++] = i;
	t->flow[0].forward.slot = LOCAL_NONE;
	return true;
}

static void
flows_unmap(struct flow_table *t)
{
	memory_unmap(t->index.bucket, (t->index.mask + 1ul) * sizeof(struct flow_bucket));
	memory_unmap(t->flow, (t->limit + 1ul) * sizeof(struct flow));
	memory_unmap(t->flow6, (t->limit + 1ul) * sizeof(struct flow6));
	memory_unmap(t->free, t->limit * sizeof(uint32_t));
}

static size_t
slots_size(uint32_t addresses, uint32_t lcores)
{
	return (size_t)addresses * (LOCAL_PORTS / lcores) * sizeof(struct local_slot);
}

/* One more than asked for, so that none is not nothing. */
static struct local_memory
locals_of(uint32_t addresses, uint32_t lcores, int node)
{
	return (struct local_memory){
			.slot = memory_map(slots_size(addresses + 1, lcores), node, false),
			.fresh = memory_map((addresses + 1) * sizeof(uint32_t), node, true),
	};
}

static void
locals_unmap(const struct local_ports *l, uint32_t lcores)
{
	memory_unmap(l->slot, slots_size(l->addresses + 1, lcores));
	memory_unmap(l->fresh, (l->addresses + 1) * sizeof(uint32_t));
}

static bool
locals_map(struct lcore *lc, int node)
{
	const struct dataplane_config *c = &lc->dataplane->config;
	struct local_memory m4 = locals_of(c->local4, lc->count, node);
	struct local_memory m6 = locals_of(c->local6, lc->count, node);

	local_ports_init(&lc->local4, &m4, c->local4, lc->count, lc->index);
	local_ports_init(&lc->local6, &m6, c->local6, lc->count, lc->index);
	return m4.slot && m4.fresh && m6.slot && m6.fresh;
}

static bool
counters_map(struct lcore *lc, int node)
{
	uint32_t n = lc->dataplane->config.endpoints;

	lc->counters = memory_map(sizeof(*lc->counters), node, true);
	lc->endpoint = memory_map(n * sizeof(*lc->endpoint), node, false);
	lc->port_counter = memory_map(DATAPLANE_PORTS_MAX * sizeof(*lc->port_counter), node, true);
	lc->view_latency = memory_map(sizeof(*lc->view_latency), node, true);
	lc->budget = memory_map(n * sizeof(*lc->budget), node, false);
	lc->event_sent_us = memory_map(n * sizeof(*lc->event_sent_us), node, false);
	return lc->counters && lc->endpoint && lc->port_counter && lc->view_latency && lc->budget &&
			lc->event_sent_us;
}

static void
counters_unmap(struct lcore *lc)
{
	uint32_t n = lc->dataplane->config.endpoints;

	memory_unmap(lc->counters, sizeof(*lc->counters));
	memory_unmap(lc->endpoint, n * sizeof(*lc->endpoint));
	memory_unmap(lc->port_counter, DATAPLANE_PORTS_MAX * sizeof(*lc->port_counter));
	memory_unmap(lc->view_latency, sizeof(*lc->view_latency));
	memory_unmap(lc->budget, n * sizeof(*lc->budget));
	memory_unmap(lc->event_sent_us, n * sizeof(*lc->event_sent_us));
}

static struct rte_ring *
ring(const struct lcore *lc, const char *what, unsigned elem, unsigned count)
{
	unsigned flags = strcmp(what, "handover") && strcmp(what, "outbound")
			? RING_F_SP_ENQ | RING_F_SC_DEQ
			: RING_F_SC_DEQ;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%u", what, lc->index);
	return rte_ring_create_elem(name, elem, count, rte_socket_id(), flags);
}

static bool
rings_create(struct lcore *lc)
{
	lc->handover = ring(lc, "handover", sizeof(void *), RING_PACKETS);
	lc->outbound = ring(lc, "outbound", sizeof(void *), RING_PACKETS);
	lc->punt = ring(lc, "punt", sizeof(void *), RING_PACKETS);
	lc->inject = ring(lc, "inject", sizeof(void *), RING_PACKETS);
	lc->query = ring(lc, "query", sizeof(void *), RING_QUERIES);
	lc->event = ring(lc, "event", sizeof(struct event), RING_EVENTS);
	return lc->handover && lc->outbound && lc->punt && lc->inject && lc->query && lc->event;
}

static struct rte_mempool *
pool(const struct lcore *lc, const char *what, unsigned count)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%u", what, lc->index);
	return rte_pktmbuf_pool_create(name, count, POOL_CACHE, 0, lc->dataplane->data_room,
			(int)rte_lcore_to_socket_id(lc->dataplane->lcore_id[lc->index]));
}

static bool
pools_create(struct lcore *lc)
{
	const struct dataplane_config *c = &lc->dataplane->config;
	struct fragment_config f = {
			.packets = c->fragments,
			.timeout_ms = c->fragment_ms,
			.whole_max = WHOLE_PACKETS,
			.socket = (int)rte_lcore_to_socket_id(lc->dataplane->lcore_id[lc->index]),
			.counters = lc->counters,
	};
	char name[32];

	lc->made = pool(lc, "made", POOL_MADE);
	lc->copies = pool(lc, "copies", POOL_COPIES);
	if (!lc->made || !lc->copies)
		return false;
	f.pool = lc->made;
	snprintf(name, sizeof(name), "whole_%u", lc->index);
	lc->fragments = fragment_table_create(name, &f);
	return lc->fragments != NULL;
}

static int
fail(char *error, unsigned size, const char *what)
{
	snprintf(error, size,
			"no memory for %s: lower the limits, or give DPDK more hugepages (sysctl "
			"vm.nr_hugepages): %s",
			what, rte_strerror(rte_errno));
	return -ENOMEM;
}

int
lcore_create(struct dataplane *d, uint32_t index, char *error, unsigned error_size)
{
	int node = (int)rte_lcore_to_socket_id(d->lcore_id[index]);
	struct lcore *lc = memory_map(sizeof(*lc), node, true);

	d->lcore[index] = lc;
	if (!lc)
		return fail(error, error_size, "a forwarding core");
	lc->dataplane = d;
	lc->index = index;
	lc->count = d->config.lcore_count;
	lc->us_per_tsc = (uint64_t)(((__extension__(unsigned __int128) 1000000) << 64) /
			rte_get_tsc_hz());
	if (!flows_map(&lc->flows, d->config.flows, node))
		return fail(error, error_size, "the flow table (limits.flows)");
	if (!locals_map(lc, node))
		return fail(error, error_size, "local ports (limits.local_addresses)");
	if (!counters_map(lc, node))
		return fail(error, error_size, "counters (limits.endpoints)");
	if (!rings_create(lc) || !pools_create(lc))
		return fail(error, error_size, "rings and packet buffers");
	reply_limit_init(&lc->reply_limit, REPLIES_PER_SECOND, REPLY_BURST, 0);
	return 0;
}

void
lcore_free(struct lcore *lc)
{
	if (!lc)
		return;
	fragment_table_free(lc->fragments);
	rte_ring_free(lc->handover);
	rte_ring_free(lc->outbound);
	rte_ring_free(lc->punt);
	rte_ring_free(lc->inject);
	rte_ring_free(lc->query);
	rte_ring_free(lc->event);
	rte_mempool_free(lc->made);
	rte_mempool_free(lc->copies);
	flows_unmap(&lc->flows);
	locals_unmap(&lc->local4, lc->count);
	locals_unmap(&lc->local6, lc->count);
	counters_unmap(lc);
	memory_unmap(lc, sizeof(*lc));
}
