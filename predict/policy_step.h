/* SPDX-License-Identifier: Apache-2.0 */
/* Which share of traffic comes next. Pure. */
#pragma once

#include "policy_config.h"

/* No share on trust alone may be larger, where a smaller step exists. */
#define POLICY_CANARY_MAX (POLICY_SHARE_ONE / 4)

struct policy_pace {
	uint32_t base, share; /* of the configuration, and now */
	double requests; /* per second of everything; NAN: not known */
	double risk; /* for steps by risk */
	bool urgent; /* a fact, or the failure is near */
	bool cohorts; /* rules of side canary first */
};

/* The first: that of cohorts alone if they go first, else the canary's. */
uint32_t policy_first_share(const struct policy_config *c, const struct policy_pace *pace);

/* The smallest step that brings `verify.min_requests` within a soak (two seconds if it is urgent), and none over
 * POLICY_CANARY_MAX but the smallest of all. */
uint32_t policy_canary_share(const struct policy_config *c, const struct policy_pace *pace);

/* So little that only cohorts of side canary, which a shift of any size moves, notice. */
uint32_t policy_cohort_share(uint32_t base);

/* The next step up, the one after it if it is urgent; by risk, no more than the risk says. `share` if there is none. */
uint32_t policy_next_share(const struct policy_config *c, const struct policy_pace *pace);

/* The next step down, `base` at last. */
uint32_t policy_lower_share(const struct policy_config *c, uint32_t share, uint32_t base);

/* In return the primary climbs the same steps: its first one is the canary's. `base` at last. */
uint32_t policy_return_share(const struct policy_config *c, const struct policy_pace *pace);
