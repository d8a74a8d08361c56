/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a service's `objective` and `policy`, and the values that only they have. */
#pragma once

#include "config_schema.h"
#include "config_validate.h"

extern const struct key_group config_objective_group, config_policy_group;

/* KEY_STEPS: a list of shares, or the word by_risk; into struct policy_steps. */
void config_policy_steps_read(
		const struct key *key, struct yaml *node, void *base, struct complaints *c);
void config_policy_steps_print(const struct policy_steps *steps, FILE *out);

/* KEY_RULE: into struct policy_rule. */
void config_policy_rule_read(
		const struct key *key, struct yaml *node, void *base, struct complaints *c);

void validate_policy(const struct validation *v, const struct config_service *s, struct yaml *node);
