/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions as people and programs read them: a ring of the newest, the journal, and the history. Control thread. */
#pragma once

#include <jansson.h>

#include "gateway.h"
#include "policy.h"
#include "steering.h"

struct steering_record;

struct steering_record *steering_record_create(struct gateway *g); /* NULL when out of memory */
void steering_record_free(struct steering_record *r);

struct steering_case {
	const struct endpoint *endpoint, *shadow_or_null;
	const struct policy *policy;
	const struct policy_input *input;
	const struct comparison *comparison;
	const struct policy_decision *decision;
};

/* Returns the decision's number, from 1. */
uint64_t steering_record_add(struct steering_record *r, const struct steering_case *c);

json_t *steering_record_list(const struct steering_record *r, const struct steering_query *q);
uint64_t steering_record_last(const struct steering_record *r);

/* The comparison for people: verdict, requests, and per share what was expected and seen. New reference. */
json_t *steering_comparison_json(const struct comparison *c);
