/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pair's packets say for its policy: how the primary did in its healthy past, how its clients fare now, and the
 * comparison of who is about to get more traffic with that past. Control thread.
 */
#pragma once

#include "collect.h"
#include "policy.h"

/* One leg, as it was read last. */
struct evidence_leg {
	bool begun;
	uint32_t eid;
	struct histogram_total seen;
};

/* An interval of a leg. */
struct evidence_sample {
	double timed; /* replies whose time is known */
	double slow, slow_objective; /* of these: over the comparison's time, over the objective's */
	double tried, failed;
	double compared, different; /* copies' answers */
};

struct evidence {
	struct evidence_leg primary, shadow, copies;
	struct evidence_leg home; /* copies that the primary gets after a shift */
	/* Healthy past of the primary: sums that fade with EVIDENCE_PAST_S. */
	double bucket[HISTOGRAM_BUCKETS], timed, tried, failed;
	/* The primary's last seconds. */
	double window_requests, window_slow, window_errors;
	double requests; /* begun per second, by primary and shadow together while it carries */
	uint32_t slow_us; /* a reply over this is slow in the comparison; 0: time is not compared */
	uint32_t check_age_s;
	struct comparison candidate; /* the shadow; in return, the primary */
	struct comparison check; /* the primary against its own past */
};

#define EVIDENCE_PAST_S 600.0

struct evidence_pair {
	const struct endpoint *primary, *shadow_or_null;
	bool carrying, returning; /* the shadow has traffic; the primary is the candidate */
	double shadow_part; /* of what the shadow serves, that is the pair's */
	bool healthy; /* the primary is: its past grows */
	bool copied_home; /* registry_gets_copies() */
	bool primary_well; /* by all that is known now: its answers are a measure */
};

/* Once a second, after collector_tick(). */
void evidence_tick(
		struct evidence *ev, const struct collector *c, const struct evidence_pair *pair);

/* A new comparison, with what is known of the healthy past by now: at each step, and for a new shadow. */
void evidence_restart(struct evidence *ev, const struct config_service *config);
