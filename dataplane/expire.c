/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows end in two ways besides their packets: by timeout, and because their endpoint's epoch changed (it went down or
 * was told to let go). Both are found by a sweep through the flow numbers in use, a bounded piece of it between two
 * bursts: once a second all around for timeouts, and at full pace right after a view that changed an epoch.
 *
 * When fewer than an eighth of the numbers are free, flows that never got an answer, or are closing, end earlier, down
 * to a second, so that a flood recycles its own entries and established flows keep theirs.
 */
#include "lcore.h"

#define SWEEP_PERIOD_MS 1000u
#define SWEEP_MAX 1024u /* flows between two bursts: about 20 us */
#define RESETS_MAX 128u /* between two bursts, each two packets: what transmit queues surely take */
#define PRESSURE_SHARE 8u /* of all flow numbers */
#define PRESSURE_MS 1000u

static bool
is_expendable(const struct flow *f)
{
	return f->track.state != FLOW_ESTABLISHED && f->track.state != FLOW_ANSWERED;
}

/* In proportion to the free numbers left below the mark, a second at least. */
static uint32_t
pressed(const struct lcore *lc, uint32_t timeout_ms)
{
	uint32_t mark = lc->flows.limit / PRESSURE_SHARE;
	uint32_t left;

	if (lc->flows.free_count >= mark)
		return timeout_ms;
	left = (uint32_t)((uint64_t)timeout_ms * lc->flows.free_count / mark);
	timeout_ms = RTE_MIN(timeout_ms, PRESSURE_MS);
	return RTE_MAX(left, timeout_ms);
}

/* The counter under which a flow ends now; NULL: it goes on. */
static uint64_t *
expired_or_null(struct lcore *lc, const struct flow *f)
{
	uint32_t idle_ms = lc->now.ms - f->track.last_ms;
	uint32_t timeout_ms = track_timeout_ms(&f->track, &lc->view->timeouts);

	if (idle_ms >= timeout_ms)
		return f->track.state == FLOW_CLOSING ? &lc->counters->flows_closed
						      : &lc->counters->flows_expired;
	if (is_expendable(f) && idle_ms >= pressed(lc, timeout_ms))
		return &lc->counters->flows_evicted;
	return NULL;
}

/* Answered, and counted so; its shadows' answers have as long as a local port rests, unless numbers run short: a shadow
 * never costs the primary path a flow. */
static bool
detached_is_over(const struct lcore *lc, const struct flow *f)
{
	if (lc->flows.free_count < lc->flows.limit / PRESSURE_SHARE)
		return true;
	return lc->now.ms - f->track.last_ms >= lc->view->timeouts.rest_udp_ms;
}

/* TCP flows of an endpoint that went down; UDP flows move with their next packet. */
static bool
must_reset(const struct lcore *lc, const struct flow *f)
{
	const struct view_endpoint *ep = view_endpoint(lc->view, f->forward.eid);

	return flow_is_tcp(f) && ep->epoch != f->forward.epoch &&
			(ep->flags & ENDPOINT_RESET_ESTABLISHED);
}

static void
sweep_one(struct lcore *lc, uint32_t number)
{
	const struct flow *f = &lc->flows.flow[number];
	uint64_t *counter;

	if (f->track.state == FLOW_FREE)
		return;
	if (f->forward.flags & FLOW_DETACHED) {
		if (detached_is_over(lc, f))
			flow_end(lc, number);
		return;
	}
	if (must_reset(lc, f)) {
		flow_reset(lc, number);
		return;
	}
	counter = expired_or_null(lc, f);
	if (!counter)
		return;
	if (f->track.state == FLOW_HALF_OPEN)
		flow_abandon(lc, number);
	flow_end(lc, number);
	counter_add(counter, 1);
}

static uint32_t
sweep_amount(struct lcore *lc)
{
	uint32_t since_ms = lc->now.ms - lc->sweep_ms;
	uint32_t due = since_ms
			? (uint32_t)((uint64_t)lc->flows.high * since_ms / SWEEP_PERIOD_MS) + 1
			: 0;

	if (since_ms)
		lc->sweep_ms = lc->now.ms;
	if (lc->epoch_changes != lc->view->epoch_changes) {
		lc->epoch_changes = lc->view->epoch_changes;
		lc->sweep_credit = lc->flows.high;
	}
	if (lc->sweep_credit)
		due = SWEEP_MAX;
	due = RTE_MIN(due, SWEEP_MAX);
	due = RTE_MIN(due, lc->flows.high);
	lc->sweep_credit -= RTE_MIN(due, lc->sweep_credit);
	return due;
}

void
expire(struct lcore *lc)
{
	uint32_t n = sweep_amount(lc);
	uint64_t resets = lc->counters->flows_reset;

	for (; n && lc->counters->flows_reset - resets < RESETS_MAX; n--) {
		lc->flows.sweep = lc->flows.sweep >= lc->flows.high ? 1 : lc->flows.sweep + 1;
		rte_prefetch0(&lc->flows.flow[RTE_MIN(lc->flows.sweep + 4, lc->flows.high)].track);
		sweep_one(lc, lc->flows.sweep);
	}
	lc->sweep_credit += n;
}
