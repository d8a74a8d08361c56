/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One forwarding core, and the stages that a burst of packets runs through on it:
 *
 *   ingress.c  port and VLAN, parse, whose packet is it -> match or done
 *   forward.c  find the flow, track, rewrite               first packets: admit.c
 *   mirror.c   copies to shadows
 *   egress.c   the one end of every packet: sent, or freed with a reason
 *
 * Between bursts: expire.c (timeouts, flows whose endpoint changed), query.c (what the control thread asks).
 * worker.c is the loop; dataplane.c makes and connects the cores. Everything in struct lcore belongs to its
 * core alone, but for the rings, and the counters, which others may read.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "classifier.h"
#include "dataplane.h"
#include "flow.h"
#include "fragment.h"
#include "mirror_budget.h"
#include "parse.h"
#include "reply.h"

#define BURST 64
#define EGRESS_BUFFER (4 * BURST)
#define PORT_NONE UINT16_MAX
/* One event per endpoint and 2 ms is enough: what counts is the first. */
#define EVENT_GAP_US 2000u

/* What a packet is to the counters when it leaves. */
enum egress_class {
	EGRESS_FORWARDED, /* received, and sent on */
	EGRESS_GENERATED, /* made here */
	EGRESS_INJECTED, /* of the control thread */
	EGRESS_COPY, /* to a shadow; always last, dropped first */
	EGRESS_CLASSES
};

struct egress_buffer {
	struct rte_mbuf *mbuf[EGRESS_BUFFER];
	uint16_t count;
};

/* Where a logical port's packets leave: the lcore's own lane of its device, or another lcore that has one. */
struct egress_port {
	struct lane lane;
	struct rte_ring *
			other; /* outbound ring of the lcore that owns a lane; NULL: `lane` is ours */
	uint16_t vlan;
	uint16_t mtu; /* a longer IP packet never reaches the driver */
	bool pending; /* something is in a buffer */
	struct egress_buffer buffer[EGRESS_CLASSES];
};

/* A lane that this lcore polls. */
struct ingress_lane {
	struct lane lane;
	uint16_t device;
	uint8_t mac[6];
	uint16_t untagged_port; /* logical port of untagged frames, or PORT_NONE */
};

struct lcore {
	struct dataplane *dataplane;
	const struct view *view; /* of this iteration */
	uint32_t index; /* among the forwarding lcores */
	uint32_t count;
	uint32_t lane_count;
	struct track_time now;
	uint64_t tsc;
	uint64_t us_per_tsc; /* of 2^64 */
	uint64_t epoch_changes; /* of the view that the sweep has seen */
	uint32_t sweep_credit; /* flows still to be looked at for that change */
	uint32_t sweep_ms; /* when expire last ran */
	uint32_t event_us; /* when the eventfd was last written */
	struct flow_table flows;
	struct local_ports local4, local6;
	struct lcore_counters *counters;
	struct endpoint_counters *endpoint; /* [config.endpoints] */
	struct port_counters *port_counter; /* [DATAPLANE_PORTS_MAX] */
	struct histogram *view_latency;
	struct mirror_budget *budget; /* [config.endpoints] */
	uint32_t *event_sent_us; /* [config.endpoints] */
	struct fragment_table *fragments;
	struct reply_limit reply_limit;
	struct rte_mempool *made; /* generated packets, fragments, reassembled ones go elsewhere */
	struct rte_mempool *copies; /* a pool of their own: copies cannot starve the others */
	struct rte_ring *handover; /* to us, from other lcores */
	struct rte_ring *outbound; /* to us, to be sent on our lanes */
	struct rte_ring *punt, *inject, *event, *query;
	struct rte_mbuf *whole[BURST]; /* reassembled, to be processed after the burst */
	uint16_t whole_count;
	struct ingress_lane lane[DEVICE_LANES_MAX];
	struct egress_port egress[DATAPLANE_PORTS_MAX];
} __attribute__((aligned(64)));

/* How a packet finds its flow. */
enum way {
	WAY_DONE, /* the packet has met its end, or is with somebody else */
	WAY_INDEX, /* by its match */
	WAY_SLOT, /* to a local address: by its port */
};

/* A burst on its way. plain[i]: IPv4 without options, whole, TCP with ACK and at most PSH, or UDP; its headers
 * are where they always are, and packet[i] is not filled. */
struct burst {
	uint16_t count;
	uint8_t way[BURST];
	bool plain[BURST];
	uint32_t ref[BURST]; /* candidate: the flow that it probably is, or 0 */
	struct rte_mbuf *mbuf[BURST];
	union flow_match match[BURST];
	uint64_t hash[BURST]; /* WAY_INDEX: of the match; WAY_SLOT: the slot */
	struct packet packet[BURST];
};

static inline uint8_t *
frame_of(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, uint8_t *);
}

/* ingress.c: frames as they came from a lane; and packets of which the logical port is known (mbuf->port). */
void ingress_lane(struct lcore *lc, const struct ingress_lane *lane, struct burst *b);
void ingress(struct lcore *lc, struct burst *b);
/* Which lcore has, or will have, the flow of a packet with this key. */
uint32_t ingress_owner(const struct lcore *lc, const struct flow_key *key);

/* forward.c: finds the flows of a burst and sends the packets on. */
void forward(struct lcore *lc, struct burst *b);
/* One packet of a known flow. */
void forward_from_client(struct lcore *lc, struct burst *b, unsigned i, uint32_t flow);

/* admit.c: a packet of no flow: its first, or nobody's. */
void admit(struct lcore *lc, struct burst *b, unsigned i);
/* Ends a flow: index, local port, counters. */
void flow_end(struct lcore *lc, uint32_t flow);
/* The local port of a flow, taken now if it has none yet; LOCAL_NONE if there is none to be had. */
uint32_t flow_slot(struct lcore *lc, uint32_t flow);
/* Takes it out of the index only: its client's next packet begins another. */
void flow_detach(struct lcore *lc, uint32_t flow);
/* flow_reset.c: resets a TCP flow's client (and its endpoint, if that may still listen), and ends it. */
void flow_reset(struct lcore *lc, uint32_t flow);
/* Resets the endpoint of a half-open flow that is about to end, if it ever answered. */
void flow_abandon(struct lcore *lc, uint32_t flow);

/* mirror.c: copies of a request, already rewritten for its endpoint, to the endpoint's shadows and the old primary. */
void mirror(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t flow);
/* The flow ends, and with it its shadows' side. */
void mirror_end(struct lcore *lc, uint32_t flow);
/* Would the shadow answer a copy of the flow with this key? */
bool mirror_is_from(const struct flow_key *key, const struct flow *f,
		const struct view_endpoint *shadow);
bool mirror_is_open(const struct flow *f);
/* A packet to the local port of a flow that is not from its endpoint: a shadow's answer? Consumes it then. */
/* The primary answered a flow that is or was mirrored. */
void mirror_answered(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, struct flow *f);
bool mirror_reply(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint32_t flow);

/* icmp_flow.c: an ICMP error about a packet of some flow. Consumes it. */
void icmp_error(struct lcore *lc, struct rte_mbuf *m, const struct packet *p);

/* egress.c */
void egress(struct lcore *lc, struct rte_mbuf *m, uint16_t port, enum egress_class class);
void egress_flush(struct lcore *lc);
void egress_end(struct lcore *lc, struct rte_mbuf *m, enum packet_end end);
/* A packet longer than the next hop's MTU: true if it may be sent in fragments (egress_split, once rewritten); else its
 * sender is told, and it is consumed. */
bool egress_may_split(struct lcore *lc, struct rte_mbuf *m, const struct packet *p, uint16_t mtu);
void egress_split(struct lcore *lc, struct rte_mbuf *m, uint16_t port, enum egress_class class);
/* Gives a packet to the control thread, the lcore that owns it, or back to its sender as an error. Consume it. */
void egress_punt(struct lcore *lc, struct rte_mbuf *m);
void egress_not_ours(struct lcore *lc,
		struct rte_mbuf *m); /* to the kernel where the port has an interface in it */
void egress_handover(struct lcore *lc, struct rte_mbuf *m, uint32_t owner);
void egress_answer(
		struct lcore *lc, struct rte_mbuf *m, const struct packet *p, enum packet_end end);
void egress_ttl_expired(struct lcore *lc, struct rte_mbuf *m, const struct packet *p);
/* A frame made here, `bytes` long at most, to be sent on a logical port; NULL when there is no buffer. */
struct rte_mbuf *egress_made_or_null(struct lcore *lc);
/* Packets that other lcores want sent on our lanes, and injected ones. */
void egress_outbound(struct lcore *lc);

/* expire.c: a bounded share of the flow table's sweep. */
void expire(struct lcore *lc);

/* query.c */
void query_run(struct lcore *lc);

/* worker.c: tells the control thread of something about an endpoint, at once. */
void lcore_event(struct lcore *lc, enum event_type type, uint8_t code, uint32_t eid);
/* One turn of the loop, at the time that lc->tsc and lc->now tell; returns how many packets came. */
uint32_t lcore_iterate(struct lcore *lc, struct burst *b);
int lcore_run(void *lcore);

/* lcore_create.c: into d->lcore[index], which lcore_free takes even if it is half built. */
int lcore_create(struct dataplane *d, uint32_t index, char *error, unsigned error_size);
void lcore_free(struct lcore *lc);

/* dataplane.c: gives the lcores their lanes, by the view that was published; dataplane_start does it first. */
void dataplane_connect(struct dataplane *d);

struct dataplane {
	struct dataplane_config config;
	const struct view *view; /* atomic */
	struct rte_rcu_qsbr *qsbr;
	int event_fd;
	uint32_t event_next; /* which lcore's ring is read next */
	uint64_t reassembled_flag; /* in an mbuf's ol_flags: put together from fragments here */
	uint16_t data_room; /* of buffers for packets that are made or copied */
	bool stop; /* atomic */
	struct device *device;
	unsigned *lcore_id;
	struct rte_mempool *inject_pool;
	struct rte_ring **handover; /* [lcores] */
	struct lcore **lcore;
};
