/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_step.h"

#include <math.h>

#define URGENT_SOAK_S 2.0

/* For steps by risk: what the risk allows is approached by these. */
static const struct policy_steps usual = {6,
		{POLICY_SHARE_ONE / 100, POLICY_SHARE_ONE / 20, POLICY_SHARE_ONE / 10,
				POLICY_SHARE_ONE / 4, POLICY_SHARE_ONE / 2, POLICY_SHARE_ONE}};

static const struct policy_steps *
steps_of(const struct policy_config *c)
{
	return c->steps.count ? &c->steps : &usual;
}

static uint32_t
next_above(const struct policy_steps *s, uint32_t share)
{
	uint32_t i;

	for (i = 0; i < s->count; i++) {
		if (s->share[i] > share)
			return s->share[i];
	}
	return POLICY_SHARE_ONE;
}

/* 0 under `leave`, everything at certainty. */
static uint32_t
share_of_risk(const struct policy_config *c, double risk)
{
	double x = (risk - c->leave) / (1 - c->leave);

	if (!(x > 0))
		return 0;
	return (uint32_t)(fmin(x, 1) * POLICY_SHARE_ONE);
}

uint32_t
policy_cohort_share(uint32_t base)
{
	return base < POLICY_SHARE_ONE ? base + 1 : base;
}

uint32_t
policy_canary_share(const struct policy_config *c, const struct policy_pace *pace)
{
	const struct policy_steps *s = steps_of(c);
	double seconds = pace->urgent ? fmin(URGENT_SOAK_S, c->soak_ms / 1e3) : c->soak_ms / 1e3;
	uint32_t share = next_above(s, pace->base), next;

	if (seconds < 1)
		seconds = 1;
	while (pace->requests * seconds * (share - pace->base) / POLICY_SHARE_ONE <
			c->verify.min_requests) {
		next = next_above(s, share);
		if (next == share || next > POLICY_CANARY_MAX)
			break;
		share = next;
	}
	return share;
}

uint32_t
policy_first_share(const struct policy_config *c, const struct policy_pace *pace)
{
	return pace->cohorts ? policy_cohort_share(pace->base) : policy_canary_share(c, pace);
}

uint32_t
policy_next_share(const struct policy_config *c, const struct policy_pace *pace)
{
	const struct policy_steps *s = steps_of(c);
	uint32_t next = next_above(s, pace->share), most;

	if (pace->urgent)
		next = next_above(s, next);
	if (c->steps.count)
		return next;
	most = share_of_risk(c, pace->risk);
	if (next > most)
		next = most;
	return next > pace->share ? next : pace->share;
}

uint32_t
policy_lower_share(const struct policy_config *c, uint32_t share, uint32_t base)
{
	const struct policy_steps *s = steps_of(c);
	uint32_t lower = base, i;

	for (i = 0; i < s->count && s->share[i] < share; i++) {
		if (s->share[i] > base)
			lower = s->share[i];
	}
	return lower < share ? lower : share;
}

uint32_t
policy_return_share(const struct policy_config *c, const struct policy_pace *pace)
{
	const struct policy_steps *s = steps_of(c);
	struct policy_pace mirrored = *pace;
	uint32_t served = POLICY_SHARE_ONE - pace->share, next;

	mirrored.base = served;
	next = pace->share == POLICY_SHARE_ONE ? policy_canary_share(c, &mirrored)
					       : next_above(s, served);
	if (next >= POLICY_SHARE_ONE - pace->base)
		return pace->base;
	return POLICY_SHARE_ONE - next;
}
