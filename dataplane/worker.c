/* SPDX-License-Identifier: Apache-2.0 */
#include "lcore.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#define IDLE_POLLS \
	8u /* empty polls in a row before the sleep: a short gap in the traffic costs no latency */
#define EVENT_FD_GAP_US 1000u

/* The clock of a burst. Milliseconds and microseconds wrap; what compares them takes differences. */
static void
now_update(struct lcore *lc)
{
	__extension__ unsigned __int128 scaled;
	uint64_t us;

	lc->tsc = rte_rdtsc();
	scaled = (unsigned __int128)lc->tsc * lc->us_per_tsc;
	us = (uint64_t)(scaled >> 64);
	lc->now.us = (uint32_t)us;
	lc->now.ms = (uint32_t)(us / 1000);
}

static void
view_take(struct lcore *lc)
{
	const struct view *v = __atomic_load_n(&lc->dataplane->view, __ATOMIC_ACQUIRE);
	uint64_t waited;

	/* A view may be where one was that is gone: its generation tells. */
	if (likely(v == lc->view && v->generation == lc->counters->view_generation))
		return;
	/* The first view waited for the lcore to be launched. */
	waited = rte_rdtsc() - v->published_tsc;
	if (lc->view)
		histogram_add(lc->view_latency,
				(uint32_t)(waited * 10 * 1000000 / rte_get_tsc_hz()));
	lc->view = v;
	counter_add(&lc->counters->views_seen, 1);
	__atomic_store_n(&lc->counters->view_generation, v->generation, __ATOMIC_RELEASE);
}

static void
reassembled(struct lcore *lc, struct burst *b)
{
	if (likely(!lc->whole_count))
		return;
	b->count = lc->whole_count;
	memcpy(b->mbuf, lc->whole, lc->whole_count * sizeof(b->mbuf[0]));
	lc->whole_count = 0;
	ingress(lc, b);
	forward(lc, b);
}

static uint32_t
poll_lanes(struct lcore *lc, struct burst *b)
{
	uint32_t total = 0, i;

	for (i = 0; i < lc->lane_count; i++) {
		const struct ingress_lane *l = &lc->lane[i];

		b->count = rte_eth_rx_burst(l->lane.dpdk_port, l->lane.queue, b->mbuf, BURST);
		if (!b->count)
			continue;
		total += b->count;
		ingress_lane(lc, l, b);
		forward(lc, b);
	}
	return total;
}

static uint32_t
poll_handover(struct lcore *lc, struct burst *b)
{
	b->count = (uint16_t)rte_ring_sc_dequeue_burst(lc->handover, (void **)b->mbuf, BURST, NULL);
	if (!b->count)
		return 0;
	counter_add(&lc->counters->handed_over_in, b->count);
	ingress(lc, b);
	forward(lc, b);
	return b->count;
}

static void
idle_sleep(struct lcore *lc, uint32_t *empty, uint32_t packets)
{
	uint32_t sleep_us = lc->dataplane->config.idle_sleep_us;
	uint64_t begun;

	*empty = packets ? 0 : *empty + 1;
	if (!sleep_us || *empty < IDLE_POLLS)
		return;
	begun = rte_rdtsc();
	rte_delay_us_sleep(sleep_us);
	counter_add(&lc->counters->cycles_idle, rte_rdtsc() - begun);
}

static void
account(struct lcore *lc, uint64_t start, uint32_t packets)
{
	uint64_t spent = rte_rdtsc() - start;

	counter_add(&lc->counters->polls, 1);
	if (packets) {
		counter_add(&lc->counters->cycles_busy, spent);
		return;
	}
	counter_add(&lc->counters->polls_empty, 1);
	counter_add(&lc->counters->cycles_idle, spent);
}

uint32_t
lcore_iterate(struct lcore *lc, struct burst *b)
{
	uint64_t start = lc->tsc;
	uint32_t packets;

	view_take(lc);
	packets = poll_lanes(lc, b);
	packets += poll_handover(lc, b);
	reassembled(lc, b);
	egress_outbound(lc);
	egress_flush(lc);
	expire(lc);
	fragment_expire(lc->fragments, lc->tsc);
	query_run(lc);
	egress_flush(lc);
	account(lc, start, packets);
	rte_rcu_qsbr_quiescent(lc->dataplane->qsbr, lc->index);
	return packets;
}

int
lcore_run(void *arg)
{
	struct lcore *lc = arg;
	struct rte_rcu_qsbr *qsbr = lc->dataplane->qsbr;
	uint32_t empty = 0;
	struct burst b;

	/* Sleeps of microseconds, not rounded up by the kernel's 50 us of slack. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	memset(&b, 0, sizeof(b));
	rte_rcu_qsbr_thread_register(qsbr, lc->index);
	rte_rcu_qsbr_thread_online(qsbr, lc->index);
	while (!__atomic_load_n(&lc->dataplane->stop, __ATOMIC_RELAXED)) {
		now_update(lc);
		idle_sleep(lc, &empty, lcore_iterate(lc, &b));
	}
	rte_rcu_qsbr_thread_offline(qsbr, lc->index);
	rte_rcu_qsbr_thread_unregister(qsbr, lc->index);
	return 0;
}

/* Wakes the control thread; a system call, so once per millisecond at most. Its timer finds what comes between. */
static void
event_wake(struct lcore *lc)
{
	if (lc->now.us - lc->event_us < EVENT_FD_GAP_US)
		return;
	lc->event_us = lc->now.us;
	eventfd_write(lc->dataplane->event_fd, 1);
}

void
lcore_event(struct lcore *lc, enum event_type type, uint8_t code, uint32_t eid)
{
	struct event e = {
			.type = (uint8_t)type,
			.code = code,
			.lcore = (uint16_t)lc->index,
			.eid = eid,
			.tsc = lc->tsc,
	};

	if (lc->now.us - lc->event_sent_us[eid] < EVENT_GAP_US)
		return;
	lc->event_sent_us[eid] = lc->now.us;
	if (rte_ring_sp_enqueue_elem(lc->event, &e, sizeof(e)))
		counter_add(&lc->counters->events_lost, 1);
	event_wake(lc);
}
