/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: all that a packet may look up, immutable, published through one pointer.
 *
 *   view ─┬─ classifier ── address -> what it is; (address, protocol, port) -> service
 *         ├─ service[sid] ──> struct view_service, its Maglev table and cohorts
 *         └─ page[eid / 64] ─> 64 struct view_endpoint
 *
 * A change builds one new block (a service, or a page of endpoints) and a new array of pointers, so its
 * cost does not grow with the number of services. Blocks are shared between views, and the control thread
 * alone knows when the last view that names one is gone; the forwarding cores only ever read, and hold no
 * pointer into a view beyond one burst. Ids (sid, eid) are stable over views and reloads; a removed id is not reused while a flow may
 * still name it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "addr.h"

#define VIEW_PAGE_SHIFT 6
#define VIEW_PAGE_SIZE (1u << VIEW_PAGE_SHIFT)
#define VIEW_SHADOWS_MAX 3 /* as many as fit the endpoint's second cache line beside its address */
#define ENDPOINT_NONE UINT32_MAX
#define SHARE_ONE 65536u /* shares (shift, mirror fraction) are parts of this */

enum forward_mode {
	FORWARD_NAT, /* destination rewritten; endpoints route replies through the gateway */
	FORWARD_FULLNAT, /* source rewritten too */
	FORWARD_DSR_L2, /* MAC rewritten; replies bypass the gateway */
};

enum endpoint_flag {
	ENDPOINT_PRESENT = 1 << 0, /* the slot holds an endpoint of the configuration */
	ENDPOINT_UP = 1 << 1, /* health says so, and its neighbour is resolved */
	ENDPOINT_DRAIN = 1 << 2, /* takes no new flows */
	ENDPOINT_RESOLVED = 1 << 3, /* l2 is valid */
	ENDPOINT_RESET_ESTABLISHED = 1
			<< 4, /* TCP flows of an older epoch are reset, not left alone */
	ENDPOINT_SUSPECT = 1 << 5, /* takes no new flows that anybody who is not suspect can take */
	ENDPOINT_COPIES_HOME =
			1 << 6, /* gets copies of its flows that the shift placed on a shadow */
};

/* Where frames for a next hop go. The first 12 bytes are the frame's. */
struct view_l2 {
	uint8_t dst[6];
	uint8_t src[6];
	uint16_t port; /* logical port */
	uint16_t pad;
};

/* One endpoint, two cache lines: the first for every packet, the second for first packets and copies. */
struct view_endpoint {
	struct view_l2 l2;
	uint32_t ip4_be; /* 0 for an IPv6 endpoint */
	uint16_t port_be; /* 0: the service's own port is kept (port ranges) */
	uint16_t epoch; /* changes when live flows must move or end */
	uint16_t flags; /* enum endpoint_flag */
	uint16_t mtu; /* largest IP packet that its port takes */
	uint32_t eid;
	uint32_t sid;
	uint32_t mirror_share; /* of flows (by hash) whose requests are copied, of SHARE_ONE: to
				* shadows, or home */
	uint32_t mirror_pps; /* budget of each lcore, copies/s and bytes/s; 0: no limit */
	uint32_t pad2;
	uint64_t mirror_bytes_ps;
	uint8_t shadow_count;
	uint8_t mirror_count; /* copies go to the first so many shadows */
	uint8_t pad0[6];

	uint32_t shift; /* share of new flows that `standby` serves, of SHARE_ONE */
	uint32_t standby; /* eid of the shadow that shifted and failed-over flows go to, or NONE:
				   * the first shadow that can take flows, else the first */
	uint32_t shadow[VIEW_SHADOWS_MAX];
	uint32_t zone;
	struct ip_addr ip;
	uint32_t weight; /* as in the service's Maglev table */
	uint8_t pad1[20];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct view_endpoint) == 128, "two cache lines");
_Static_assert(offsetof(struct view_endpoint, shift) == 64, "first line ends here");

struct view_page {
	struct view_endpoint endpoint[VIEW_PAGE_SIZE];
};

/* Endpoints (by eid) for each of `size` (prime) buckets; shared between views while weights last. */
struct maglev {
	uint32_t size;
	uint32_t eid[];
};

enum cohort_side {
	COHORT_PRIMARY,
	COHORT_SHADOW,
	COHORT_CANARY, /* to the shadow as soon as anything is shifted, be it next to nothing */
};

/* Clients in `source` go to that side whatever the shift says. First match wins. */
struct view_cohort {
	struct ip_prefix source;
	enum cohort_side side;
	uint32_t rule; /* its place in the configuration, for explain */
};

enum hash_input {
	HASH_5_TUPLE,
	HASH_SOURCE,
};

enum service_flag {
	SERVICE_PER_REQUEST = 1 << 0, /* UDP: the flow ends with its answer */
	SERVICE_ADOPT = 1 << 1, /* nat, dsr: take TCP flows over in mid-stream */
	SERVICE_REPLIES_HTTP = 1 << 2, /* look for failures in the replies: answer.h */
	SERVICE_REPLIES_DNS = 1 << 3,
};

struct view_service {
	uint32_t sid;
	uint8_t forward; /* enum forward_mode */
	uint8_t hash; /* enum hash_input */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t flags; /* enum service_flag */
	struct ip_addr addr;
	uint16_t port_first, port_last; /* host order */
	const struct maglev *maglev; /* NULL: no endpoint has weight */
	uint32_t endpoint_count; /* all, shadows included */
	uint32_t cohort_count;
	const struct view_cohort *cohort; /* inside this block */
	uint32_t endpoint[]; /* eids, in the order of the configuration */
};

struct classifier; /* see classifier.h */

struct view_timeouts {
	uint32_t tcp_half_open_ms;
	uint32_t tcp_established_ms;
	uint32_t tcp_closing_ms;
	uint32_t udp_unanswered_ms;
	uint32_t udp_ms;
	uint32_t rest_tcp_ms; /* before a local address and port is used again */
	uint32_t rest_udp_ms;
};

/* One logical port: a device, or one VLAN of it. */
struct view_port {
	struct ether_mac mac;
	uint16_t mtu;
	uint16_t vlan; /* 0: untagged */
	uint16_t dpdk_device; /* index of the device, see port.h */
	struct ip_addr own4, own6; /* source of ICMP errors sent on it; none: no error is sent */
	bool to_kernel; /* what is not ours is punted, for the kernel's interface of this port */
};

/* Is the frame for the host at this port: to its address, or to a group? On a promiscuous port others come too. */
static inline bool
view_port_takes(const struct view_port *p, const uint8_t *frame)
{
	return frame[0] & 1 || memcmp(frame, p->mac.b, sizeof(p->mac.b)) == 0;
}

struct view {
	uint64_t generation;
	uint64_t published_tsc;
	uint64_t epoch_changes; /* another number than in the view before: some endpoint's epoch changed */
	uint64_t hash_seed; /* of steer_hash: the same on every gateway of a group */
	struct view_timeouts timeouts;
	const struct classifier *classifier;
	uint32_t service_count; /* length of service[], entries may be NULL */
	uint32_t page_count;
	uint32_t port_count;
	const struct view_service *const *service;
	const struct view_page *const *page;
	const struct view_port *port;

	/* Sources of fullnat flows, by their stable index; "none" where an index is not in use. New flows take
	 * one from active addresses alone: a retired one only serves the flows it has. */
	uint32_t local4_count, local6_count;
	const struct ip_addr *local4, *local6;
	const uint8_t *local4_active, *local6_active; /* 1 or 0 */
};

/* `eid` must come from this view, or be below page_count * VIEW_PAGE_SIZE. */
static inline const struct view_endpoint *
view_endpoint(const struct view *v, uint32_t eid)
{
	return &v->page[eid >> VIEW_PAGE_SHIFT]->endpoint[eid & (VIEW_PAGE_SIZE - 1)];
}

static inline const struct view_endpoint *
view_endpoint_or_null(const struct view *v, uint32_t eid)
{
	if ((eid >> VIEW_PAGE_SHIFT) >= v->page_count)
		return NULL;
	return view_endpoint(v, eid);
}
