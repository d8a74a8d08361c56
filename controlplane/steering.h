/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy in force: each second, for every endpoint that has weight and shadows, gathers what was measured, lets
 * predict/policy.h decide, and carries that out through the registry; each decision is told, recorded in the history
 * and kept in a ring.
 *
 * Hands on the wheel: who sets shift, drain or failover of an endpoint by hand takes it from the policy (`hold`), until
 * `understudyctl policy SERVICE ENDPOINT release`. Mode and hold, and what the policy had set, outlast a restart
 * (registry_state). Control thread.
 */
#pragma once

#include <jansson.h>

#include "gateway.h"
#include "policy.h"

struct steering;
struct steering_record;
struct steering_rules;

/* After the registry was restored, and after the parts it reads. NULL when out of memory. */
struct steering *steering_create(struct gateway *g);
void steering_free(struct steering *s);

/* Once a second, after predictor_tick(). */
void steering_tick(struct steering *s);
void steering_tick_at(
		struct steering *s, uint64_t now_ms); /* the same, at a monotonic time not 0 */

/* How a pair stands; false if the endpoint is not steered (no weight, no shadows, or never looked at). */
struct steering_view {
	const struct policy *policy;
	const struct policy_input *input;
	const struct comparison *comparison;
	enum policy_mode mode;
	bool mode_set; /* by an operator, over the file's */
	enum policy_rung rung; /* of the last interval */
	uint64_t asked; /* number of the decision that awaits approval; 0: none */
	const struct steering_rules *rules; /* whether their metrics came */
	const uint32_t (*decisions)[POLICY_OUTCOMES]; /* made, by rung and outcome */
};
bool steering_view(const struct steering *s, const struct endpoint *e, struct steering_view *out);

/* Operators' orders; the caller applies and answers. */
void steering_set_mode(
		struct steering *s, struct endpoint *e, const enum policy_mode *mode_or_null);
void steering_hold(struct steering *s, struct endpoint *e, bool hold);
/* -ENOENT if nothing awaits approval there. */
int steering_approve(struct steering *s, struct endpoint *e);
/* The endpoint whose decision of this number awaits approval, or NULL. */
struct endpoint *steering_asked_or_null(struct steering *s, uint64_t number);

/* Which decisions: those with a number greater than `after`. `service` and `endpoint` may be NULL. */
struct steering_query {
	const char *service, *endpoint;
	uint64_t after, since_ms;
	uint32_t max;
};
struct steering_record *steering_record_of(struct steering *s); /* lives as long as it */
