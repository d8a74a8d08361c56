/* SPDX-License-Identifier: Apache-2.0 */
#include "lcore.h"

/* Flows looked at between two bursts. Each may be a cache miss, and what arrives meanwhile waits in the receive queue:
 * 0.2 ms at most. The control thread asks on each millisecond, so a million takes half a second. */
#define QUERY_STEP 2048u

static bool
matches_key(const struct flow_filter *f, const struct flow_key *k)
{
	if (!f->any_client && !ip_prefix_contains(&f->client, &k->src))
		return false;
	if (!ip_is_none(&f->dst) && !ip_equal(&f->dst, &k->dst))
		return false;
	if (f->client_port && f->client_port != rte_be_to_cpu_16(k->src_port_be))
		return false;
	if (f->dst_port && f->dst_port != rte_be_to_cpu_16(k->dst_port_be))
		return false;
	return !f->protocol || f->protocol == k->protocol;
}

static bool
matches(const struct flow_filter *filter, const struct flow *f, const struct flow_key *key)
{
	if (filter->state != FLOW_FREE && filter->state != f->track.state)
		return false;
	if (filter->sid != UINT32_MAX && filter->sid != f->forward.sid)
		return false;
	if (filter->eid != UINT32_MAX && filter->eid != f->forward.eid)
		return false;
	return matches_key(filter, key);
}

static void
row_local(const struct lcore *lc, const struct flow *f, struct flow_row *row)
{
	bool v6 = f->forward.flags & FLOW_IPV6;
	const struct local_ports *l = v6 ? &lc->local6 : &lc->local4;

	if (f->forward.slot == LOCAL_NONE)
		return;
	row->local = (v6 ? lc->view->local6
			 : lc->view->local4)[local_port_address(l, f->forward.slot)];
	row->local_port = local_port_number(l, f->forward.slot);
}

static void
row_fill(const struct lcore *lc, const struct flow *f, const struct flow_key *key,
		struct flow_row *row)
{
	*row = (struct flow_row){
			.key = *key,
			.lcore = (uint16_t)lc->index,
			.eid = f->forward.eid,
			.sid = f->forward.sid,
			.state = f->track.state,
			.side = f->forward.flags & FLOW_SHADOW_SIDE ? SIDE_SHADOW : SIDE_PRIMARY,
			.mirrored = (f->forward.flags & FLOW_WAS_MIRRORED) != 0,
			.reason = f->forward.reason,
			.age_ms = lc->now.ms - f->track.begun_ms,
			.idle_ms = lc->now.ms - f->track.last_ms,
			.timeout_ms = track_timeout_ms(&f->track, &lc->view->timeouts),
			.packets_to = f->track.packets_to,
			.bytes_to = f->track.bytes_to,
			.packets_from = f->track.packets_from,
			.bytes_from = f->track.bytes_from,
	};
	row_local(lc, f, row);
}

static void
answer(struct lcore *lc, struct flow_query *q)
{
	uint32_t number = q->cursor ? q->cursor : 1;
	uint32_t end = RTE_MIN(number + QUERY_STEP, lc->flows.high + 1);
	struct flow_key key;

	q->row_count = 0;
	for (; number < end && q->row_count < q->row_max; number++) {
		const struct flow *f = &lc->flows.flow[number];

		if (f->track.state == FLOW_FREE || (f->forward.flags & FLOW_DETACHED))
			continue;
		flow_client_key(&lc->flows, number, &key);
		if (matches(&q->filter, f, &key))
			row_fill(lc, f, &key, &q->rows[q->row_count++]);
	}
	q->cursor = number > lc->flows.high ? 0 : number;
	__atomic_store_n(&q->done, 1, __ATOMIC_RELEASE);
}

void
query_run(struct lcore *lc)
{
	void *q;

	if (unlikely(!rte_ring_empty(lc->query)) && rte_ring_sc_dequeue(lc->query, &q) == 0)
		answer(lc, q);
}
