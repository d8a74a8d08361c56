/* SPDX-License-Identifier: Apache-2.0 */
/* A policy with the defaults of the configuration, and a pair on which all is well. */
#pragma once

#include "policy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PERCENT (POLICY_SHARE_ONE / 100.0)

static inline struct policy_config
fixture_policy(void)
{
	return (struct policy_config){.mode = POLICY_ACT,
			.prediction = true,
			.horizon = 1,
			.enter = 0.5,
			.leave = 0.2,
			.enter_n = 2,
			.enter_m = 3,
			.leave_n = 9,
			.leave_m = 10,
			.steps = {6,
					{POLICY_SHARE_ONE / 100, POLICY_SHARE_ONE / 20,
							POLICY_SHARE_ONE / 10, POLICY_SHARE_ONE / 4,
							POLICY_SHARE_ONE / 2, POLICY_SHARE_ONE}},
			.soak_ms = 5000,
			.dwell_ms = 60000,
			.deadline_ms = 60000,
			.cooldown_ms = 60000,
			.max_in_migration = POLICY_SHARE_ONE / 2,
			.verify = {.latency_ratio = 2,
					.errors = 0.05,
					.answers = 0.05,
					.confidence = 0.95,
					.min_requests = 20},
			.impact = 1};
}

static inline struct policy_input
fixture_input(void)
{
	struct policy_input in = {.mode = POLICY_ACT,
			.granted = true,
			.objective = {200000, 990, 0.01},
			.primary_up = true,
			.risk = 0.01,
			.risk_soon = 0.01,
			.window_requests = 500,
			.requests = 100,
			.shadow = true,
			.shadow_up = true,
			.shadow_risk = 0.01,
			.shadow_room = NAN};
	int i;

	for (i = 0; i < POLICY_RULES_MAX; i++)
		in.rule_value[i] = in.shadow_rule_value[i] = NAN;
	return in;
}

/* One interval of a second. */
static inline struct policy_decision
fixture_tick(struct policy *p, const struct policy_config *c, struct policy_input *in)
{
	in->now_ms += 1000;
	policy_look(p, c, in);
	return policy_run(p, c, in);
}
