/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between the control thread and a forwarding core, besides the view and the counters:
 *
 *   up    events    struct event, by value, one single-producer ring per lcore
 *         punted    packets for the control thread (struct rte_mbuf *)
 *   down  injected  packets of the control thread to send
 *         queries   struct flow_query *, owned by the lcore until `done`
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "counters.h"
#include "steer.h"

struct rte_mbuf;

enum event_type {
	EVENT_REFUSED, /* an endpoint answered a SYN with a reset */
	EVENT_UNREACHABLE, /* ICMP unreachable about a packet to an endpoint: its port or its host */
};

/* One thing that an lcore noticed. Urgent ones also write the eventfd, once per millisecond at most. */
struct event {
	uint8_t type; /* enum event_type */
	uint8_t code; /* ICMP code */
	uint16_t lcore;
	uint32_t eid;
	uint64_t tsc;
};

enum flow_state {
	FLOW_FREE,
	FLOW_HALF_OPEN, /* TCP: SYN seen, handshake not complete */
	FLOW_ESTABLISHED, /* TCP: handshake complete, or adopted */
	FLOW_CLOSING, /* TCP: a reset, or a FIN from both sides */
	FLOW_UNANSWERED, /* UDP: no reply yet */
	FLOW_ANSWERED, /* UDP: replies came */
	FLOW_STATE_COUNT
};

const char *flow_state_name(enum flow_state s);

/* One flow, as it is told. */
struct flow_row {
	struct flow_key key; /* client to service */
	struct ip_addr local; /* fullnat: local address; else none */
	uint16_t local_port; /* host order */
	uint16_t lcore;
	uint32_t eid;
	uint32_t sid;
	uint8_t state; /* enum flow_state */
	uint8_t side; /* enum steer_side */
	uint8_t mirrored;
	uint8_t reason; /* enum steer_reason */
	uint32_t age_ms;
	uint32_t idle_ms;
	uint32_t timeout_ms; /* in force for its state */
	uint64_t packets_to, bytes_to; /* towards the endpoint */
	uint64_t packets_from, bytes_from;
};

/* Which flows; a field that is none, 0 or UINT32_MAX matches all. */
struct flow_filter {
	struct ip_prefix client;
	bool any_client;
	struct ip_addr dst; /* service address */
	uint16_t client_port; /* host order */
	uint16_t dst_port;
	uint8_t protocol;
	uint8_t state; /* enum flow_state; FLOW_FREE matches all */
	uint32_t sid;
	uint32_t eid;
};

/* A question to one lcore: it fills rows[] from flow number `cursor` on, looks at a bounded number of flows
 * between two bursts, and sets `done` with release order. Ask again with the cursor until it is 0. The
 * asker owns the memory and must not touch it between posting and `done`. */
struct flow_query {
	struct flow_filter filter;
	uint32_t cursor;
	uint32_t row_max;
	uint32_t row_count;
	uint32_t done; /* atomic */
	struct flow_row *rows;
};
