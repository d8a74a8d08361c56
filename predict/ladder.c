/* SPDX-License-Identifier: Apache-2.0 */
#include "ladder.h"

#include <math.h>

static struct ladder_result
result(enum ladder_wish wish, enum policy_rung rung)
{
	return (struct ladder_result){wish, rung};
}

/* What clients feel, or would have felt already if they asked. */
static bool
has_fact(const struct ladder_input *in)
{
	return !in->primary_up || in->rule || in->breached;
}

bool
ladder_primary_is_bad(const struct ladder_input *in)
{
	return has_fact(in) || (in->config->prediction && in->hot);
}

static bool
is_worth_it(const struct ladder_input *in)
{
	const struct policy_cost *cost = &in->config->cost;

	if (!(cost->downtime > 0) || !(cost->shadow > 0))
		return true;
	return in->risk * cost->downtime * in->config->impact > cost->shadow;
}

/* RUNG_calm if nothing speaks against the shadow. What is not known of it (NAN) does not: the comparison will tell. */
static enum policy_rung
shadow_fault(const struct ladder_input *in)
{
	if (!in->shadow)
		return RUNG_no_shadow;
	if (!in->shadow_up)
		return RUNG_shadow_down;
	if (in->shadow_suspect)
		return RUNG_shadow_suspect;
	if (in->verdict == SEQUENTIAL_WORSE)
		return RUNG_shadow_worse;
	if (in->shadow_rule)
		return RUNG_shadow_rule;
	if (in->config->prediction && in->shadow_risk >= in->config->enter)
		return RUNG_shadow_risk;
	if (!in->settled && in->shadow_room < in->requests)
		return RUNG_shadow_small;
	return RUNG_calm;
}

/* Would its traffic be better off with the primary? What the shadow may come to stands against what the primary had come
 * to: that it does well without its traffic is no proof, until it did so for long, and never when the load is the reason. */
static bool
is_way_out(const struct ladder_input *in)
{
	return !in->hot && (!in->relieved || (in->cool && !in->crowded));
}

/* The shadow is not fit and has traffic. */
static struct ladder_result
retreat(const struct ladder_input *in, enum policy_rung fault)
{
	if (!in->primary_up)
		return result(WISH_STAY, RUNG_both_bad);
	/* Where it is down its traffic is with the primary already. */
	if (fault == RUNG_shadow_down || fault == RUNG_no_shadow)
		return result(WISH_BACK, fault);
	if (fault == RUNG_shadow_worse && in->shadow_worse_now)
		return result(WISH_BACK, fault);
	/* Both suffer from the same thing, or one suspicion stands against another: moving helps nobody. */
	if (in->primary_worse || in->rule || in->breached)
		return result(WISH_STAY, RUNG_both_bad);
	if (fault == RUNG_shadow_risk && !is_way_out(in))
		return result(WISH_STAY, RUNG_both_bad);
	if (fault == RUNG_shadow_suspect && in->hot)
		return result(WISH_STAY, RUNG_both_bad);
	return result(WISH_BACK, fault);
}

static struct ladder_result
safety(const struct ladder_input *in)
{
	enum policy_rung fault = shadow_fault(in);

	if (fault != RUNG_calm && in->carrying)
		return retreat(in, fault);
	if (fault != RUNG_calm)
		return result(WISH_STAY, ladder_primary_is_bad(in) ? fault : RUNG_calm);
	if (in->overdue && in->carrying && in->primary_up)
		return result(WISH_BACK, RUNG_unsure);
	if (!in->primary_up)
		return result(WISH_AWAY, RUNG_primary_down);
	if (!in->carrying && (has_fact(in) ? in->cooling_facts : in->cooling) &&
			ladder_primary_is_bad(in))
		return result(WISH_STAY, RUNG_cooling);
	if (!in->granted && !in->carrying && ladder_primary_is_bad(in))
		return result(WISH_STAY, RUNG_capped);
	return result(WISH_AWAY, RUNG_calm);
}

static struct ladder_result
forecasts(const struct ladder_input *in)
{
	bool prediction = in->config->prediction;

	if (prediction && in->hot && !in->carrying && !is_worth_it(in))
		return result(WISH_STAY, RUNG_not_worth);
	if (prediction && in->hot)
		return result(WISH_AWAY, RUNG_risk);
	if (in->carrying && in->cool)
		return result(WISH_RETURN, RUNG_recovered);
	if (in->carrying)
		return result(WISH_STAY, RUNG_steady);
	if (prediction && in->load_coming)
		return result(WISH_PREPARE, RUNG_load);
	return result(WISH_STAY, RUNG_calm);
}

struct ladder_result
ladder_decide(const struct ladder_input *in)
{
	struct ladder_result r;

	if (in->held)
		return result(WISH_STAY, RUNG_held);
	r = safety(in);
	if (r.wish != WISH_AWAY || r.rung != RUNG_calm)
		return r;
	if (in->rule)
		return result(WISH_AWAY, RUNG_rule);
	if (in->breached)
		return result(WISH_AWAY, RUNG_objective);
	return forecasts(in);
}

bool
ladder_rung_is_fact(enum policy_rung rung)
{
	return rung == RUNG_primary_down || rung == RUNG_rule || rung == RUNG_objective;
}

const char *
policy_rung_name(enum policy_rung rung)
{
	static const char *const names[] = {
#define X(name, text) #name,
			POLICY_RUNG_LIST(X)
#undef X
	};

	return rung < POLICY_RUNGS ? names[rung] : "";
}

const char *
policy_rung_text(enum policy_rung rung)
{
	static const char *const texts[] = {
#define X(name, text) text,
			POLICY_RUNG_LIST(X)
#undef X
	};

	return rung < POLICY_RUNGS ? texts[rung] : "";
}
