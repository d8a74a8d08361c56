/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What should become of a pair's traffic now: a numbered ladder of early returns over one struct. Safety first, then
 * facts, then forecasts. It knows neither steps nor times; the state machine (policy.h) carries out what it wishes, as
 * fast as soaking and verifying allow. Comparisons are written so that NAN wishes nothing. Pure.
 */
#pragma once

#include "policy_config.h"
#include "sequential.h"

/* X(name, text): the order is the ladder's; below the ladder's rungs stand those that the state machine adds. */
#define POLICY_RUNG_LIST(X)                                                               \
	X(calm, "nothing speaks against the primary")                                     \
	X(held, "an operator holds the endpoint")                                         \
	X(no_shadow, "there is no shadow to shift to")                                    \
	X(both_bad, "primary and shadow are both bad: traffic stays where it is")         \
	X(shadow_down, "the shadow is down or drained")                                   \
	X(shadow_suspect, "there is evidence against the shadow")                         \
	X(shadow_worse, "the shadow does worse than the primary did in its healthy past") \
	X(shadow_rule, "a static rule is true for the shadow")                            \
	X(shadow_risk, "the shadow's own risk is high")                                   \
	X(shadow_small, "the shadow has no room for the load")                            \
	X(unsure, "the comparison was still unsure at the deadline")                      \
	X(primary_down, "the primary is down")                                            \
	X(cooling, "traffic came back a short time ago")                                  \
	X(capped, "as much of the service is in migration as may be")                     \
	X(rule, "a static rule is true for the primary")                                  \
	X(objective, "the primary breaches the objective")                                \
	X(not_worth, "a shift costs more than the failure that it would avoid")           \
	X(risk, "the primary's risk is high")                                             \
	X(load, "more load is coming")                                                    \
	X(recovered, "the primary does well again")                                       \
	X(steady, "neither high enough to go on nor low enough to return")                \
	/* of the state machine */                                                        \
	X(soaking, "each step is given its time")                                         \
	X(verifying, "the comparison is not yet sure")                                    \
	X(verified, "the shadow does no worse")                                           \
	X(shared, "the load is unusual: primary and shadow share it")                     \
	X(dwelling, "traffic stays on the shadow for a while before it returns")          \
	X(relapse, "the primary does worse than in its healthy past again")               \
	X(home, "traffic is back where the configuration wants it")

enum policy_rung {
#define X(name, text) RUNG_##name,
	POLICY_RUNG_LIST(X)
#undef X
	POLICY_RUNGS
};

enum ladder_wish {
	WISH_STAY, /* as it is */
	WISH_PREPARE, /* copies to the shadow, no traffic */
	WISH_AWAY, /* towards the shadow */
	WISH_RETURN, /* towards the primary: it recovered */
	WISH_BACK, /* towards the primary: the shadow is not fit */
};

struct ladder_input {
	const struct policy_config *config;
	bool held;
	bool carrying; /* the shadow serves more than the configuration says */
	bool settled; /* all of it, and the comparison agreed */
	/* The primary. */
	bool primary_up;
	bool rule, breached; /* a static rule, and the objective, for as long as they must */
	bool hot, cool; /* risk: n of m intervals over `enter`, under `leave` */
	double risk;
	bool primary_worse; /* than in its healthy past */
	bool load_coming;
	bool relieved; /* of more than a canary of its traffic: what it does now says little of how it would do with it */
	bool crowded; /* the load is unusual: it would be too much for one */
	/* Its shadow. */
	bool shadow, shadow_up, shadow_suspect, shadow_rule;
	double shadow_risk;
	double shadow_room; /* requests/s that it can take on top; NAN: not known */
	double requests; /* per second that a shift of everything would bring it */
	enum sequential_verdict verdict;
	bool shadow_worse_now; /* than the primary does now, sick as it may be */
	bool overdue; /* unsure beyond the deadline at this step */
	/* The service. */
	bool cooling; /* after a return: nothing but facts */
	bool cooling_facts; /* and not even facts but a primary that is down */
	bool granted;
};

struct ladder_result {
	enum ladder_wish wish;
	enum policy_rung rung;
};

struct ladder_result ladder_decide(const struct ladder_input *in);

/* Would a shift be wished if the shadow, the cap and the cool-down allowed it? */
bool ladder_primary_is_bad(const struct ladder_input *in);

/* Is it known by measurement, not by forecast? */
bool ladder_rung_is_fact(enum policy_rung rung);

const char *policy_rung_name(enum policy_rung rung);
const char *policy_rung_text(enum policy_rung rung);
