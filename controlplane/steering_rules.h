/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the metrics of an endpoint's static rules ever came: a rule whose metric does not come never holds. */
#pragma once

#include "gateway.h"
#include "policy.h"

/* Of one endpoint; zeroed at first. */
struct steering_rules {
	uint64_t generation; /* of the configuration */
	uint32_t missed[POLICY_RULES_MAX]; /* intervals, from the first on; UINT32_MAX: it came */
};

/* Once a second, with the rules' values. Metrics of packets are only waited for where there are requests. Tells once
 * of each rule that has waited for its metric too long. */
void steering_rules_tick(struct steering_rules *r, struct gateway *g, const struct endpoint *e,
		const struct policy_input *in);

/* Has it waited too long, and waits still? */
bool steering_rules_is_unseen(
		const struct steering_rules *r, const struct endpoint *e, size_t rule);
