/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of one pair of a primary and its shadow. Pure: configuration and what is measured in, shares of
 * traffic out; time is an argument. The same code runs in the daemon and in `understudyctl simulate`.
 *
 *   watch --load--> prepare           copies flow, no traffic moves
 *     |                |
 *     +---- bad -------+--> mirror --evidence--> verify --not worse--> shift --last step--> shifted
 *     |                       |                    |                     |                     |
 *     |   <-- recovered ------+                    +--- recovered -------+---- recovered ------+--> return
 *     |                                            |                     |                     |      |
 *     +<-- home -- rollback <---- shadow worse, unsure at the deadline, its risk high, ... ----+------+
 *     +<-- home ----------------------------------------------------------------------------------- return
 *
 * Where no copies can be had, the first share of traffic is the evidence: as small a step as brings enough requests
 * within a soak, and no more than a quarter. In rollback shares only fall; in return the primary is the one that is
 * compared, and a relapse sends everything to the shadow again. Each return to watch cools down, longer each time that
 * a shift did not hold.
 */
#pragma once

#include "ladder.h"
#include "policy_load.h"

#define POLICY_STATE_LIST(X)                                        \
	X(watch, "traffic is where the configuration wants it")     \
	X(prepare, "copies go to the shadow")                       \
	X(mirror, "copies go to the shadow, evidence is awaited")   \
	X(verify, "the shadow is compared")                         \
	X(shift, "traffic moves to the shadow step by step")        \
	X(shifted, "the shadow serves all")                         \
	X(return, "traffic moves back to the primary step by step") \
	X(rollback, "traffic falls back: the shadow is not fit")

#define POLICY_BACKOFF_MAX 6 /* cool-down and dwell at most 64-fold */

enum policy_state {
#define X(name, text) POLICY_STATE_##name,
	POLICY_STATE_LIST(X)
#undef X
	POLICY_STATES
};

/* What became of a decision. */
enum policy_outcome {
	POLICY_DONE, /* traffic or state changed */
	POLICY_STAYED, /* wanted, and not allowed by the rung */
	POLICY_WOULD, /* mode observe */
	POLICY_ASKED, /* mode advise: awaits approval */
	POLICY_OUTCOMES
};

_Static_assert(POLICY_RUNGS <= 32, "a bit each in policy.told");

struct policy_input {
	uint64_t now_ms; /* monotonic; never goes back */
	enum policy_mode mode; /* in force: an operator may have set another than the file's */
	bool held, granted; /* by an operator; by policy_grant() */
	struct policy_objective objective;
	uint32_t base_shift; /* of the configuration: where traffic returns to */
	/* The primary. Shares 0 to 1; NAN: not known. */
	bool primary_up;
	double risk, risk_soon; /* at the policy's horizon, and at the shortest */
	double window_requests, window_slow,
			window_errors; /* of the last seconds: answered, over the
							       objective's latency, failed */
	double rule_value[POLICY_RULES_MAX]; /* of the rules' metrics, in their order */
	enum sequential_verdict primary_verdict; /* against its own healthy past */
	bool load_coming;
	double requests; /* begun per second, wherever they are served */
	/* Its shadow. */
	bool shadow, shadow_up, shadow_suspect; /* up: healthy, resolved and not drained */
	double shadow_risk, shadow_room;
	double shadow_rule_value[POLICY_RULES_MAX];
	bool can_mirror; /* copies are possible */
	bool has_canary; /* cohort rules of side canary */
	enum sequential_verdict verdict; /* of who is compared: policy_compares_primary() */
	double compared; /* requests in this comparison */
	bool worse_now; /* the shadow does worse than the primary does at present, too */
};

/* Everything that is remembered; zeroed is a pair that was never looked at. */
struct policy {
	enum policy_state state;
	uint32_t shift, base; /* of POLICY_SHARE_ONE */
	bool mirror; /* copies are wanted */
	bool approved; /* policy_approve(), for this episode */
	bool known; /* looked at once */
	uint64_t hot, cool, breached; /* newest interval in bit 0 */
	uint64_t rule_since_ms[POLICY_RULES_MAX],
			shadow_rule_since_ms[POLICY_RULES_MAX]; /* 0: false */
	uint32_t rule_hash[POLICY_RULES_MAX]; /* of their texts: whose times these are */
	uint64_t step_since_ms, home_since_ms;
	uint64_t cooling_until_ms, cooling_facts_until_ms;
	uint32_t backoff; /* shifts in a row that did not hold */
	enum policy_rung noted; /* the last rung that was met */
	uint32_t told[POLICY_OUTCOMES]; /* rungs reported since something changed, a bit each */
	struct policy_load load;
	bool beyond; /* an unusual load is no reason any more to keep half with the primary */
	bool resting; /* half each, and both stand it */
	struct ladder_input in; /* of the last look */
};

struct policy_decision {
	enum policy_state state, was;
	uint32_t shift, shift_was;
	bool mirror;
	enum policy_rung rung;
	enum policy_outcome outcome;
	bool note; /* to be recorded: something changed, or a new reason stands in the way */
	bool compare_anew; /* the evidence so far is of another step */
};

/* First of every interval: takes in what was measured. True if traffic would begin to leave the primary, or to return
 * to it, were it granted. */
bool policy_look(struct policy *p, const struct policy_config *c, const struct policy_input *in);

/* Second: one step at most. */
struct policy_decision policy_run(
		struct policy *p, const struct policy_config *c, const struct policy_input *in);

/* Mode advise: the shift that was asked for may begin. */
void policy_approve(struct policy *p);

/* Takes over a shift that was found at start: kept, compared anew, and led to an end from there. The wish for copies stays
 * as it is while traffic is shifted, and ends at home. */
void policy_adopt(struct policy *p, uint32_t shift, uint32_t base, uint64_t now_ms);

/* What of it must outlast a restart: how far it was, and what the next shift waits for. Times are of one clock, in ms. */
struct policy_memory {
	enum policy_state state; /* while traffic is with the shadow; else watch */
	uint32_t backoff;
	uint64_t home_since_ms, cooling_until_ms,
			cooling_facts_until_ms; /* 0: it never came home */
};

void policy_remember(const struct policy *p, struct policy_memory *out);

/* Does it say no more than that all is at home and nothing waits? */
bool policy_memory_is_none(const struct policy_memory *m);

/* After policy_adopt() where traffic is shifted: goes on in the state it was in. A wait is never longer than what the
 * configuration gives it from now on, whatever became of the clock. */
void policy_resume(struct policy *p, const struct policy_config *c, const struct policy_memory *m,
		uint64_t now_ms);

/* The same memory on a clock that is `by_ms` ahead of its own. */
struct policy_memory policy_memory_moved(const struct policy_memory *m, int64_t by_ms);

/* Another shadow stands in: what is known of the last one says nothing, and the step's time begins again. */
void policy_compare_anew(struct policy *p, uint64_t now_ms);

/* Is it the primary that is compared now (in return), not the shadow? */
bool policy_compares_primary(const struct policy *p);

/* Is some of its traffic on the way? Not where an unusual load is shared and both stand it. */
bool policy_is_migrating(const struct policy *p);

/* Who of a service may begin: `weight` is moved by each that wants, the highest `priority` first, until `cap` of
 * `total` (both in weight) is in migration; the first always may if nobody is. */
struct policy_bid {
	bool wants, migrating; /* in */
	double priority, weight; /* in; NAN: last */
	bool granted; /* out */
	uint32_t heap; /* of policy_grant() alone */
};
void policy_grant(struct policy_bid *bid, size_t count, double total, double cap);

const char *policy_state_name(enum policy_state state);
const char *policy_state_text(enum policy_state state);
const char *policy_outcome_name(enum policy_outcome outcome);
const char *policy_mode_name(enum policy_mode mode);
