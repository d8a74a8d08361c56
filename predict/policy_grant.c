/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <math.h>

static struct policy_bid *
best_or_null(struct policy_bid *bid, size_t count)
{
	struct policy_bid *best = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!bid[i].wants || bid[i].granted)
			continue;
		if (!best || bid[i].priority > best->priority ||
				(isnan(best->priority) && !isnan(bid[i].priority)))
			best = &bid[i];
	}
	return best;
}

void
policy_grant(struct policy_bid *bid, size_t count, double total, double cap)
{
	struct policy_bid *next;
	double moving = 0;
	bool any = false;
	size_t i;

	for (i = 0; i < count; i++) {
		bid[i].granted = bid[i].migrating;
		any |= bid[i].migrating;
		if (bid[i].migrating && bid[i].weight > 0)
			moving += bid[i].weight;
	}
	while ((next = best_or_null(bid, count))) {
		if (any && !(moving + next->weight <= cap * total))
			return;
		next->granted = true;
		any = true;
		moving += next->weight > 0 ? next->weight : 0;
	}
}
