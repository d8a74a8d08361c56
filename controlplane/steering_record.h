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

/* Oldest first, at most `max` of the newest: an array, new reference. */
json_t *steering_record_list(const struct steering_record *r, const struct steering_query *q);
/* The same, but at most `max` of the oldest that are kept. */
json_t *steering_record_next(const struct steering_record *r, const struct steering_query *q);
uint64_t steering_record_last(const struct steering_record *r);

/* The number of a decision that was read from the history, if it is of this run of the daemon; 0: of an earlier one. */
uint64_t steering_record_number(const struct steering_record *r, const json_t *decision);
/* Whether it is in memory yet. */
bool steering_record_keeps(const struct steering_record *r, uint64_t number);

/* The comparison for people: verdict, requests, and per share what was expected and seen. New reference. */
json_t *steering_comparison_json(const struct comparison *c);
