/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's `objective` and `policy` say, every number with its default filled in (config_policy.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy_rule.h"

#define POLICY_STEPS_MAX 16
#define POLICY_RULES_MAX 8
#define POLICY_SHARE_ONE 65536u /* shares of traffic are parts of this, as the view's SHARE_ONE */
#define POLICY_WINDOW_MAX 64 /* intervals that n of m looks back */

/* When a client would call the service bad: limits of the passive metrics. */
struct policy_objective {
	uint32_t latency_us; /* 0: none */
	uint32_t quantile_permille; /* of the requests that must be faster: 990 */
	double errors; /* share of requests that may fail; 0: no limit */
};

enum policy_mode {
	POLICY_OBSERVE, /* decide and log, touch nothing */
	POLICY_ADVISE, /* ask first: understudyctl approve */
	POLICY_ACT,
	POLICY_MODES
};

/* Shares of a primary's new flows, rising; none: the share follows from the risk ("by_risk"). */
struct policy_steps {
	uint32_t count;
	uint32_t share[POLICY_STEPS_MAX]; /* of POLICY_SHARE_ONE; the last one is all */
};

/* What a comparison of the shadow with the primary's healthy past needs. */
struct policy_verify {
	double latency_ratio; /* slower by this much is worse, where no objective says more */
	double errors; /* so many more errors are worse: a difference of shares */
	double answers; /* share of the copies that may be answered otherwise; 1: not compared */
	double confidence; /* that the verdict is right, at whatever look it is taken */
	uint32_t min_requests; /* before any verdict for the shadow */
};

/* Of one event, in one unit of the operator's choice; 0: not weighed. */
struct policy_cost {
	double downtime; /* of a failure that clients see */
	double shadow; /* of a shift to the shadow */
};

struct policy_config {
	enum policy_mode mode;
	bool prediction; /* false: facts, static rules and the objective alone */
	uint32_t horizon; /* index in risk_horizon_s */
	double enter, leave; /* risk: at or over to shift, under to return */
	uint32_t enter_n, enter_m, leave_n, leave_m; /* n of the last m intervals */
	struct policy_steps steps;
	uint32_t soak_ms; /* at a step before the next */
	uint32_t dwell_ms; /* at the last step before a return */
	uint32_t deadline_ms; /* a comparison that is unsure for so long at a step means back */
	uint32_t cooldown_ms; /* after a way back, before the next shift */
	uint32_t max_in_migration; /* share of the service's weight, of POLICY_SHARE_ONE */
	struct policy_verify verify;
	struct policy_rule *rule;
	size_t rule_count;
	double impact; /* among endpoints that want to shift: highest impact x risk first */
	struct policy_cost cost;
	bool cohorts_first; /* rules of side `canary` move before any share does */
};
