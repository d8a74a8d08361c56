/* SPDX-License-Identifier: Apache-2.0 */
#include "lcore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf_dyn.h>

#define POOL_INJECT 4095u
#define POOL_CACHE 64u

/* Room for the largest packet of any device, Ethernet header and VLAN tags. */
static uint16_t
data_room(const struct dataplane_config *c)
{
	uint32_t room = RTE_MBUF_DEFAULT_DATAROOM, i;

	for (i = 0; i < c->device_count; i++)
		room = RTE_MAX(room, c->device[i].mtu + RTE_ETHER_HDR_LEN + 2u * RTE_VLAN_HLEN);
	return (uint16_t)(room + RTE_PKTMBUF_HEADROOM);
}

static int
flag_register(struct dataplane *d)
{
	static const struct rte_mbuf_dynflag flag = {.name = "understudy_reassembled"};
	int bit = rte_mbuf_dynflag_register(&flag);

	if (bit < 0)
		return -rte_errno;
	d->reassembled_flag = 1ull << bit;
	return 0;
}

static int
qsbr_create(struct dataplane *d)
{
	size_t size = rte_rcu_qsbr_get_memsize(d->config.lcore_count);

	if (posix_memalign((void **)&d->qsbr, RTE_CACHE_LINE_SIZE, size))
		return -ENOMEM;
	return rte_rcu_qsbr_init(d->qsbr, d->config.lcore_count);
}

static int
config_copy(struct dataplane *d, const struct dataplane_config *config)
{
	uint32_t n = config->lcore_count;

	d->config = *config;
	d->device = calloc(config->device_count, sizeof(*d->device));
	d->lcore_id = calloc(n, sizeof(*d->lcore_id));
	d->lcore = calloc(n, sizeof(*d->lcore));
	d->handover = calloc(n, sizeof(*d->handover));
	if (!d->device || !d->lcore_id || !d->lcore || !d->handover)
		return -ENOMEM;
	memcpy(d->device, config->device, config->device_count * sizeof(*d->device));
	memcpy(d->lcore_id, config->lcore, n * sizeof(*d->lcore_id));
	d->config.device = d->device;
	d->config.lcore = d->lcore_id;
	d->data_room = data_room(config);
	return 0;
}

static int
shared_create(struct dataplane *d, const struct dataplane_config *config)
{
	int rc = config_copy(d, config);

	d->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (rc == 0 && d->event_fd < 0)
		rc = -errno;
	if (rc == 0)
		rc = flag_register(d);
	if (rc == 0)
		rc = qsbr_create(d);
	if (rc)
		return rc;
	d->inject_pool = rte_pktmbuf_pool_create(
			"inject", POOL_INJECT, POOL_CACHE, 0, d->data_room, (int)rte_socket_id());
	return d->inject_pool ? 0 : -rte_errno;
}

struct dataplane *
dataplane_create(const struct dataplane_config *config, char *error, unsigned error_size)
{
	struct dataplane *d = calloc(1, sizeof(*d));
	uint32_t i;
	int rc;

	if (!d)
		return NULL;
	rc = shared_create(d, config);
	if (rc) {
		snprintf(error, error_size, "what the forwarding cores share: %s", strerror(-rc));
		goto fail;
	}
	for (i = 0; i < config->lcore_count; i++) {
		if (lcore_create(d, i, error, error_size) < 0)
			goto fail;
		d->handover[i] = d->lcore[i]->handover;
	}
	return d;
fail:
	dataplane_free(d);
	return NULL;
}

void
dataplane_free(struct dataplane *d)
{
	uint32_t i;

	if (!d)
		return;
	for (i = 0; d->lcore && i < d->config.lcore_count; i++)
		lcore_free(d->lcore[i]);
	rte_mempool_free(d->inject_pool);
	if (d->event_fd >= 0)
		close(d->event_fd);
	free(d->qsbr);
	free(d->handover);
	free(d->lcore);
	free(d->lcore_id);
	free(d->device);
	free(d);
}

static uint16_t
untagged_port(const struct view *v, uint16_t device)
{
	uint16_t i;

	for (i = 0; i < v->port_count; i++) {
		if (v->port[i].dpdk_device == device && v->port[i].vlan == 0)
			return i;
	}
	return PORT_NONE;
}

/* Lanes go round the lcores, over all devices: with one lane each, two devices are polled by two. */
static uint32_t
lane_owner(const struct dataplane *d, uint16_t device, uint16_t lane)
{
	uint32_t n = lane, i;

	for (i = 0; i < device; i++)
		n += d->device[i].lane_count;
	return n % d->config.lcore_count;
}

static void
lanes_assign(struct dataplane *d, uint16_t device)
{
	const struct device *dev = &d->device[device];
	uint16_t i;

	for (i = 0; i < dev->lane_count; i++) {
		struct lcore *lc = d->lcore[lane_owner(d, device, i)];

		if (lc->lane_count == DEVICE_LANES_MAX)
			continue;
		lc->lane[lc->lane_count++] = (struct ingress_lane){
				.lane = dev->lane[i],
				.device = device,
				.untagged_port = untagged_port(d->view, device),
		};
		memcpy(lc->lane[lc->lane_count - 1].mac, dev->mac.b, sizeof(dev->mac.b));
	}
}

/* An lcore sends on its first lane of the device, or through an lcore that has one. */
static void
egress_assign(struct dataplane *d, struct lcore *lc, uint16_t port)
{
	const struct view_port *vp = &d->view->port[port];
	const struct device *dev = &d->device[vp->dpdk_device];
	struct egress_port *e = &lc->egress[port];

	uint16_t lane;

	e->vlan = vp->vlan;
	e->mtu = vp->mtu;
	for (lane = 0; lane < dev->lane_count; lane++) {
		if (lane_owner(d, vp->dpdk_device, lane) == lc->index) {
			e->lane = dev->lane[lane];
			return;
		}
	}
	lane = (uint16_t)(lc->index % dev->lane_count);
	e->other = d->lcore[lane_owner(d, vp->dpdk_device, lane)]->outbound;
}

void
dataplane_connect(struct dataplane *d)
{
	uint32_t i;
	uint16_t port;

	for (i = 0; i < d->config.device_count; i++)
		lanes_assign(d, (uint16_t)i);
	for (i = 0; i < d->config.lcore_count; i++) {
		for (port = 0; port < d->view->port_count; port++)
			egress_assign(d, d->lcore[i], port);
	}
}

int
dataplane_start(struct dataplane *d)
{
	uint32_t i;
	int rc;

	dataplane_connect(d);
	for (i = 0; i < d->config.lcore_count; i++) {
		rc = rte_eal_remote_launch(lcore_run, d->lcore[i], d->lcore_id[i]);
		if (rc)
			return rc;
	}
	return 0;
}

void
dataplane_stop(struct dataplane *d)
{
	uint32_t i;

	__atomic_store_n(&d->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < d->config.lcore_count; i++)
		rte_eal_wait_lcore(d->lcore_id[i]);
}

const struct view *
dataplane_publish(struct dataplane *d, const struct view *view)
{
	return __atomic_exchange_n(&d->view, view, __ATOMIC_ACQ_REL);
}

struct rte_rcu_qsbr *
dataplane_qsbr(struct dataplane *d)
{
	return d->qsbr;
}

int
dataplane_event_fd(const struct dataplane *d)
{
	return d->event_fd;
}

uint32_t
dataplane_lcore_count(const struct dataplane *d)
{
	return d->config.lcore_count;
}

unsigned
dataplane_lcore_id(const struct dataplane *d, uint32_t lcore)
{
	return d->lcore_id[lcore];
}

const struct lcore_counters *
dataplane_lcore_counters(const struct dataplane *d, uint32_t lcore)
{
	return d->lcore[lcore]->counters;
}

const struct endpoint_counters *
dataplane_endpoint_counters(const struct dataplane *d, uint32_t lcore, uint32_t eid)
{
	return &d->lcore[lcore]->endpoint[eid];
}

const struct port_counters *
dataplane_port_counters(const struct dataplane *d, uint32_t lcore, uint32_t port)
{
	return &d->lcore[lcore]->port_counter[port];
}

const struct histogram *
dataplane_view_latency(const struct dataplane *d, uint32_t lcore)
{
	return d->lcore[lcore]->view_latency;
}

static uint32_t
read32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Of retired addresses none are to be had, though some may be in use. */
static uint32_t
active_count(const uint8_t *active, uint32_t count)
{
	uint32_t n = 0, i;

	for (i = 0; i < count; i++)
		n += active[i];
	return n;
}

static uint32_t
difference(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

void
dataplane_usage(const struct dataplane *d, uint32_t lcore, struct dataplane_usage *out)
{
	const struct lcore *lc = d->lcore[lcore];
	unsigned i;

	out->flow_limit = lc->flows.limit;
	out->flows = lc->flows.limit - read32(&lc->flows.free_count);
	out->local4_total = active_count(d->view->local4_active, d->view->local4_count) *
			lc->local4.ports;
	out->local4_free = difference(out->local4_total, read32(&lc->local4.used));
	out->local6_total = active_count(d->view->local6_active, d->view->local6_count) *
			lc->local6.ports;
	out->local6_free = difference(out->local6_total, read32(&lc->local6.used));
	for (i = 0; i < FLOW_STATE_COUNT; i++)
		out->by_state[i] = read32(&lc->flows.by_state[i]);
}

/* The lcores in turn, so that a busy one does not starve the others. */
static struct lcore *
next_lcore(struct dataplane *d)
{
	d->event_next = (d->event_next + 1) % d->config.lcore_count;
	return d->lcore[d->event_next];
}

uint32_t
dataplane_events(struct dataplane *d, struct event *out, uint32_t max)
{
	eventfd_t ignored;
	uint32_t n = 0, i;

	eventfd_read(d->event_fd, &ignored);
	for (i = 0; i < d->config.lcore_count && n < max; i++)
		n += rte_ring_sc_dequeue_burst_elem(
				next_lcore(d)->event, out + n, sizeof(*out), max - n, NULL);
	return n;
}

uint32_t
dataplane_punted(struct dataplane *d, struct rte_mbuf **out, uint32_t max)
{
	uint32_t n = 0, i;

	for (i = 0; i < d->config.lcore_count && n < max; i++)
		n += rte_ring_sc_dequeue_burst(
				next_lcore(d)->punt, (void **)(out + n), max - n, NULL);
	return n;
}

struct rte_mbuf *
dataplane_mbuf_or_null(struct dataplane *d)
{
	return rte_pktmbuf_alloc(d->inject_pool);
}

/* Any lcore can send on any port; the first one does. */
bool
dataplane_inject(struct dataplane *d, struct rte_mbuf *frame, uint16_t port)
{
	frame->port = port;
	if (rte_ring_sp_enqueue(d->lcore[0]->inject, frame) == 0)
		return true;
	rte_pktmbuf_free(frame);
	return false;
}

bool
dataplane_query(struct dataplane *d, uint32_t lcore, struct flow_query *query)
{
	query->done = 0;
	return rte_ring_sp_enqueue(d->lcore[lcore]->query, query) == 0;
}
