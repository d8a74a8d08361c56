/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <math.h>

/* Those that want, as a heap: bid[i].heap is who stands at place i. Few are granted as a rule, so they
 * are not sorted. */
struct queue {
	struct policy_bid *bid;
	size_t count;
};

/* Of equals the first in the service's order. */
static bool
goes_before(const struct policy_bid *bid, uint32_t a, uint32_t b)
{
	double x = bid[a].priority, y = bid[b].priority;

	if (x > y || (isnan(y) && !isnan(x)))
		return true;
	return !(y > x || (isnan(x) && !isnan(y))) && a < b;
}

static void
sift_down(struct queue *q, size_t at)
{
	struct policy_bid *bid = q->bid;
	uint32_t who = bid[at].heap;
	size_t child;

	while ((child = 2 * at + 1) < q->count) {
		if (child + 1 < q->count && goes_before(bid, bid[child + 1].heap, bid[child].heap))
			child++;
		if (goes_before(bid, who, bid[child].heap))
			break;
		bid[at].heap = bid[child].heap;
		at = child;
	}
	bid[at].heap = who;
}

static void
queue_init(struct queue *q, struct policy_bid *bid, size_t count)
{
	size_t i;

	*q = (struct queue){.bid = bid};
	for (i = 0; i < count; i++) {
		if (bid[i].wants && !bid[i].granted)
			bid[q->count++].heap = (uint32_t)i;
	}
	for (i = q->count / 2; i-- > 0;)
		sift_down(q, i);
}

static struct policy_bid *
first_or_null(struct queue *q)
{
	uint32_t first;

	if (q->count == 0)
		return NULL;
	first = q->bid[0].heap;
	q->bid[0].heap = q->bid[--q->count].heap;
	sift_down(q, 0);
	return &q->bid[first];
}

void
policy_grant(struct policy_bid *bid, size_t count, double total, double cap)
{
	struct policy_bid *next;
	struct queue queue;
	double moving = 0;
	bool any = false;
	size_t i;

	for (i = 0; i < count; i++) {
		bid[i].granted = bid[i].migrating;
		any |= bid[i].migrating;
		if (bid[i].migrating && bid[i].weight > 0)
			moving += bid[i].weight;
	}
	queue_init(&queue, bid, count);
	while ((next = first_or_null(&queue))) {
		if (any && !(moving + next->weight <= cap * total))
			return;
		next->granted = true;
		any = true;
		moving += next->weight > 0 ? next->weight : 0;
	}
}
