/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#define POOL_FRAMES 4095u
#define FRAME_ROOM 9200u
#define PENDING_MAX 4096u

/* A receive queue: what was fed and not yet polled. */
struct queue {
	struct rig *rig;
	uint16_t device, lane;
	uint32_t count;
	struct rte_mbuf *mbuf[PENDING_MAX];
};

static struct queue queues[RIG_DEVICES][RIG_LCORES_MAX];
static void *queue_data[RIG_DEVICES][RIG_LCORES_MAX];

int
rig_eal_init(const char *name)
{
	char prefix[64];
	char *arguments[] = {"rig", "--no-huge", "--no-shconf", "-m640", "--no-pci",
			"--no-telemetry", "--lcores=0@0", "--log-level=error", prefix, NULL};

	snprintf(prefix, sizeof(prefix), "--file-prefix=usf-rig-%s", name);
	return rte_eal_init(9, arguments) < 0 ? -1 : 0;
}

static uint16_t
receive(void *data, struct rte_mbuf **out, uint16_t max)
{
	struct queue *q = data;
	uint32_t n = RTE_MIN(q->count, (uint32_t)max);

	memcpy(out, q->mbuf, n * sizeof(out[0]));
	memmove(q->mbuf, q->mbuf + n, (q->count - n) * sizeof(out[0]));
	q->count -= n;
	return (uint16_t)n;
}

static void
keep(struct queue *q, struct rte_mbuf *m)
{
	struct rig *r = q->rig;
	struct rig_sent *s = malloc(sizeof(*s) + m->pkt_len);

	assert(s && m->nb_segs == 1 && m->data_len == m->pkt_len);
	s->device = q->device;
	s->lane = q->lane;
	s->len = m->pkt_len;
	memcpy(s->frame, rte_pktmbuf_mtod(m, void *), s->len);
	if (r->sent_count == RIG_SENT_MAX)
		free(s);
	else
		r->sent[r->sent_count++] = s;
	rte_pktmbuf_free(m);
}

static uint16_t
transmit(void *data, struct rte_mbuf **m, uint16_t count)
{
	struct queue *q = data;
	uint16_t i;

	for (i = 0; i < count && q->rig->tx_room; i++, q->rig->tx_room--)
		keep(q, m[i]);
	return i;
}

/* The driver's side of a port, without a driver. */
static void
device_fake(struct rig *r, uint16_t device, uint16_t lanes, struct device *out)
{
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[device];
	uint16_t i;

	for (i = 0; i < lanes; i++) {
		queues[device][i].rig = r;
		queues[device][i].device = device;
		queues[device][i].lane = i;
		queue_data[device][i] = &queues[device][i];
		out->lane[i] = (struct lane){.dpdk_port = device, .queue = i};
	}
	out->lane_count = lanes;
	ops->rx_pkt_burst = receive;
	ops->tx_pkt_burst = transmit;
	ops->rxq.data = queue_data[device];
	ops->txq.data = queue_data[device];
	ops->rxq.clbk = ops->txq.clbk = (void **)calloc(RIG_LCORES_MAX, sizeof(void *));
	assert(ops->rxq.clbk);
}

static struct config *
config_of(const char *yaml)
{
	struct config_errors errors = {0};
	struct config *c = config_parse(yaml, strlen(yaml), "rig", &errors);
	size_t i;

	for (i = 0; !c && i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.line[i]);
	config_errors_free(&errors);
	assert(c);
	return c;
}

/* The n-th device is the one that the n-th different `device:` names. */
static uint16_t
device_of(const struct config *c, size_t port)
{
	uint16_t device = 0;
	size_t i, j;

	for (i = 0; i <= port; i++) {
		for (j = 0; j < i; j++)
			if (strcmp(c->port[i].device, c->port[j].device) == 0)
				break;
		if (j < i && i == port)
			return device_of(c, j);
		if (j == i && i < port)
			device++;
	}
	return device;
}

static void
ports_set(struct rig *r, const struct rig_options *o)
{
	const struct config *c = registry_config(r->registry);
	struct view_port port[DATAPLANE_PORTS_MAX] = {0};
	size_t i, j;

	for (i = 0; i < c->port_count; i++) {
		port[i].dpdk_device = device_of(c, i);
		assert(port[i].dpdk_device < RIG_DEVICES);
		port[i].mac = (struct ether_mac){{2, 0xaa, 0, 0, 0, (uint8_t)i}};
		port[i].vlan = c->port[i].vlan;
		port[i].mtu = o->mtu[port[i].dpdk_device] ? o->mtu[port[i].dpdk_device] : 1500;
		for (j = 0; j < c->port[i].address_count; j++) {
			const struct ip_addr *a = &c->port[i].address[j].addr;

			if (ip_is_v4(a))
				port[i].own4 = *a;
			else
				port[i].own6 = *a;
		}
	}
	assert(registry_set_ports(r->registry, port, (uint32_t)c->port_count) == 0);
}

/* Behind the last port; its MAC tells its id. */
static void
endpoint_settle(struct rig *r, struct endpoint *e, uint16_t mtu)
{
	uint16_t port = (uint16_t)(registry_config(r->registry)->port_count - 1);
	struct view_l2 l2 = {
			.dst = {2, 0xee, 0, 0, 0, (uint8_t)e->eid},
			.src = {2, 0xaa, 0, 0, 0, (uint8_t)port},
			.port = port,
	};

	if (!e->resolved)
		registry_set_neighbour(r->registry, e, &l2, mtu);
	if (e->health == HEALTH_UNKNOWN && e->config->check.kind != CHECK_NONE)
		registry_set_health(r->registry, e, HEALTH_UP, "");
}

static void
endpoints_settle(struct rig *r, uint16_t mtu)
{
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(r->registry); i++) {
		s = registry_service_at(r->registry, i);
		for (j = 0; j < s->endpoint_count; j++)
			endpoint_settle(r, s->endpoint[j], mtu);
	}
}

static struct dataplane *
dataplane_of(struct rig *r, const struct rig_options *o)
{
	static const unsigned ids[RIG_LCORES_MAX] = {0};
	struct device device[RIG_DEVICES] = {0};
	struct dataplane_config c = {
			.flows = o->flows ? o->flows : 4096,
			.endpoints = registry_endpoint_limit(r->registry),
			.local4 = o->local ? o->local : 2,
			.local6 = o->local ? o->local : 2,
			.fragments = 64,
			.fragment_ms = 1000,
			.device_count = RIG_DEVICES,
			.device = device,
			.lcore_count = o->lcores ? o->lcores : 1,
			.lcore = ids,
	};
	struct dataplane *d;
	char error[256];
	uint16_t i;

	for (i = 0; i < RIG_DEVICES; i++) {
		device[i].mtu = o->mtu[i] ? o->mtu[i] : 1500;
		memcpy(device[i].mac.b, rig_mac, sizeof(rig_mac));
		device_fake(r, i, o->lanes ? o->lanes : (uint16_t)c.lcore_count, &device[i]);
	}
	d = dataplane_create(&c, error, sizeof(error));
	if (!d)
		fprintf(stderr, "%s\n", error);
	assert(d);
	return d;
}

static uint64_t
active_flows(void *arg, uint32_t eid)
{
	struct rig *r = arg;
	struct leg_counters server = rig_leg(r, eid, LEG_SERVER),
			    shadow = rig_leg(r, eid, LEG_SHADOW);

	return server.flows_new - server.flows_closed + shadow.flows_new - shadow.flows_closed;
}

static void
clock_set(struct rig *r)
{
	uint32_t i;

	for (i = 0; i < r->d->config.lcore_count; i++) {
		r->d->lcore[i]->now = (struct track_time){
				.ms = (uint32_t)(r->us / 1000), .us = (uint32_t)r->us};
		r->d->lcore[i]->tsc = r->us * (rte_get_tsc_hz() / 1000000);
	}
}

static void
release(struct rig *r)
{
	uint16_t i;

	rig_forget(r);
	for (i = 0; i < RIG_DEVICES; i++) {
		free(rte_eth_fp_ops[i].rxq.clbk);
		memset(queues[i], 0, sizeof(queues[i]));
	}
	dataplane_free(r->d);
	registry_release_view(r->registry, r->view);
	registry_free(r->registry);
	rte_mempool_free(r->pool);
	r->pool = NULL;
}

void
rig_start(struct rig *r, const struct rig_options *o)
{
	uint32_t i;

	if (r->pool) /* of a test that failed */
		release(r);
	memset(r, 0, sizeof(*r));
	r->us = 1000000000;
	r->tx_room = UINT32_MAX;
	r->pool = rte_pktmbuf_pool_create(
			"rig", POOL_FRAMES, 0, 0, FRAME_ROOM + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	assert(r->pool);
	r->registry = registry_create(config_of(o->yaml), o->lcores ? o->lcores : 1);
	assert(r->registry);
	registry_set_active_flows(r->registry, active_flows, r);
	ports_set(r, o);
	r->d = dataplane_of(r, o);
	endpoints_settle(r, o->mtu[1] ? o->mtu[1] : 1500);
	r->view = registry_build_view(r->registry);
	assert(r->view);
	dataplane_publish(r->d, r->view);
	dataplane_connect(r->d);
	for (i = 0; i < r->d->config.lcore_count; i++)
		r->d->lcore[i]->sweep_ms = (uint32_t)(r->us / 1000);
	rig_run(r);
}

static bool
is_idle(const struct rig *r)
{
	uint32_t i, j;

	for (i = 0; i < RIG_DEVICES; i++)
		for (j = 0; j < RIG_LCORES_MAX; j++)
			if (queues[i][j].count)
				return false;
	for (i = 0; i < r->d->config.lcore_count; i++)
		if (!rte_ring_empty(r->d->lcore[i]->handover) ||
				!rte_ring_empty(r->d->lcore[i]->outbound) ||
				r->d->lcore[i]->whole_count)
			return false;
	return true;
}

static void
turn(struct rig *r)
{
	uint32_t i;

	clock_set(r);
	for (i = 0; i < r->d->config.lcore_count; i++)
		lcore_iterate(r->d->lcore[i], &r->burst);
}

void
rig_run(struct rig *r)
{
	do
		turn(r);
	while (!is_idle(r));
}

void
rig_wait(struct rig *r, uint32_t ms)
{
	uint32_t step;

	for (; ms; ms -= step) {
		step = RTE_MIN(ms, 250u);
		r->us += step * 1000ull;
		rig_run(r);
	}
}

void
rig_feed(struct rig *r, uint16_t device, uint16_t lane, const void *frame, uint32_t len)
{
	struct queue *q = &queues[device][lane];
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);

	assert(m && q->count < PENDING_MAX && q->rig == r);
	assert(len <= rte_pktmbuf_tailroom(m));
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	q->mbuf[q->count++] = m;
}

const struct rig_sent *
rig_take(struct rig *r)
{
	return r->sent_taken < r->sent_count ? r->sent[r->sent_taken++] : NULL;
}

void
rig_forget(struct rig *r)
{
	while (r->sent_count)
		free(r->sent[--r->sent_count]);
	r->sent_taken = 0;
}

void
rig_publish(struct rig *r)
{
	const struct view *v = registry_build_view(r->registry);

	if (!v)
		return;
	dataplane_publish(r->d, v);
	turn(r);
	registry_release_view(r->registry, r->view);
	r->view = v;
	rig_run(r);
}

void
rig_reload(struct rig *r, const char *yaml)
{
	assert(registry_reload(r->registry, config_of(yaml)) == 0);
	endpoints_settle(r, 1500);
	rig_publish(r);
}

struct endpoint *
rig_endpoint(struct rig *r, const char *service, const char *endpoint)
{
	struct endpoint *e = registry_endpoint_by_name(r->registry, service, endpoint);

	assert(e);
	return e;
}

void
rig_health(struct rig *r, const char *service, const char *endpoint, bool up)
{
	registry_set_health(r->registry, rig_endpoint(r, service, endpoint),
			up ? HEALTH_UP : HEALTH_DOWN, "test");
	rig_publish(r);
}

uint64_t
rig_end(const struct rig *r, enum packet_end end)
{
	return rig_counters(r).end[end];
}

struct lcore_counters
rig_counters(const struct rig *r)
{
	struct lcore_counters sum = {0};
	uint64_t *to = (uint64_t *)&sum;
	size_t i, j;

	for (i = 0; i < r->d->config.lcore_count; i++)
		for (j = 0; j < sizeof(sum) / sizeof(*to); j++)
			to[j] += ((const uint64_t *)r->d->lcore[i]->counters)[j];
	return sum;
}

struct leg_counters
rig_leg(const struct rig *r, uint32_t eid, enum leg leg)
{
	struct leg_counters sum = {0}, one;
	size_t i, j;

	for (i = 0; i < r->d->config.lcore_count; i++) {
		leg_read(&r->d->lcore[i]->endpoint[eid], leg, &one);
		for (j = 0; j < sizeof(sum) / sizeof(uint64_t); j++)
			((uint64_t *)&sum)[j] += ((uint64_t *)&one)[j];
	}
	return sum;
}

uint32_t
rig_flows(const struct rig *r)
{
	uint32_t n = 0, i;

	for (i = 0; i < r->d->config.lcore_count; i++)
		n += r->d->lcore[i]->flows.limit - r->d->lcore[i]->flows.free_count;
	return n;
}

const struct flow *
rig_flow(const struct rig *r)
{
	const struct flow_table *t;
	uint32_t i, number;

	assert(rig_flows(r) == 1);
	for (i = 0; i < r->d->config.lcore_count; i++) {
		t = &r->d->lcore[i]->flows;
		for (number = 1; number <= t->high; number++)
			if (t->flow[number].track.state != FLOW_FREE)
				return &t->flow[number];
	}
	abort();
}

static uint64_t
hash_of(void *arg, uint32_t ref)
{
	const struct flow_table *t = arg;

	return flow_hash(t, &flow_line(&t->flow[ref >> 1], ref & 1)->match);
}

static void
flows_check(const struct lcore *lc)
{
	const struct flow_table *t = &lc->flows;
	uint32_t by_state[FLOW_STATE_COUNT] = {0}, slots = 0, refs = 0, found = 0, i;
	unsigned slot;

	for (i = 1; i <= t->high; i++) {
		const struct flow *f = &t->flow[i];

		by_state[f->track.state]++;
		slots += f->forward.slot != LOCAL_NONE && f->track.state != FLOW_FREE;
		if (f->track.state != FLOW_FREE && !(f->forward.flags & FLOW_DETACHED))
			refs += f->forward.flags & FLOW_INDEXED_REVERSE ? 2 : 1;
	}
	for (i = 0; i <= t->index.mask; i++)
		for (slot = 0; slot < BUCKET_SLOTS; slot++)
			found += t->index.bucket[i].tag[slot] != 0;
	for (i = FLOW_FREE + 1; i < FLOW_STATE_COUNT; i++)
		assert(by_state[i] == t->by_state[i]);
	assert(slots == lc->local4.used + lc->local6.used);
	assert(refs == found);
	assert(flow_index_check(&t->index, hash_of, (void *)t) == 0);
}

void
rig_check(struct rig *r)
{
	struct lcore_counters c = rig_counters(r);
	uint64_t ends = 0;
	uint32_t i;

	rig_run(r);
	for (i = 0; i < PACKET_END_COUNT; i++)
		ends += c.end[i];
	assert(c.received == c.forwarded + ends);
	assert(c.handed_over_in == c.handed_over_out);
	assert(c.mirror_wanted ==
			c.mirrored + c.mirror_over_budget + c.mirror_no_buffer +
					c.mirror_shadow_down + c.mirror_tx_full);
	assert(c.flows_created ==
			rig_flows(r) + c.flows_expired + c.flows_closed + c.flows_reset +
					c.flows_moved + c.flows_evicted);
	for (i = 0; i < r->d->config.lcore_count; i++)
		flows_check(r->d->lcore[i]);
}

/* Frames that the control thread or the reassembly still hold are no leak. */
static void
buffers_return(struct rig *r)
{
	struct rte_mbuf *punted[64];
	uint32_t n, i;

	while ((n = dataplane_punted(r->d, punted, 64)))
		rte_pktmbuf_free_bulk(punted, n);
	rig_wait(r, 2500);
	assert(rte_mempool_avail_count(r->pool) == POOL_FRAMES);
	for (i = 0; i < r->d->config.lcore_count; i++) {
		assert(rte_mempool_in_use_count(r->d->lcore[i]->made) == 0);
		assert(rte_mempool_in_use_count(r->d->lcore[i]->copies) == 0);
	}
}

void
rig_stop(struct rig *r)
{
	r->tx_room = UINT32_MAX;
	rig_check(r);
	buffers_return(r);
	rig_check(r);
	release(r);
}
