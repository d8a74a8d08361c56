/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

/* What was found as a shift goes on as what it was; what was compared is compared anew. */
static void
resume_state(struct policy *p, enum policy_state was)
{
	switch (was) {
	case POLICY_STATE_watch:
	case POLICY_STATE_prepare:
	case POLICY_STATE_mirror:
	case POLICY_STATE_shifted:
	case POLICY_STATES:
		break; /* as the share says */
	case POLICY_STATE_verify:
	case POLICY_STATE_shift:
	case POLICY_STATE_return:
	case POLICY_STATE_rollback:
		p->state = was;
		p->noted = RUNG_home;
		break;
	}
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
policy_remember(const struct policy *p, struct policy_memory *out)
{
	*out = (struct policy_memory){
			.state = p->shift > p->base ? p->state : POLICY_STATE_watch,
			.backoff = p->backoff,
			.home_since_ms = p->home_since_ms,
			.cooling_until_ms = p->cooling_until_ms,
			.cooling_facts_until_ms = p->cooling_facts_until_ms,
	};
}

bool
policy_memory_is_none(const struct policy_memory *m)
{
	return m->state == POLICY_STATE_watch && m->backoff == 0 && m->cooling_until_ms == 0;
}

void
policy_resume(struct policy *p, const struct policy_config *c, const struct policy_memory *m,
		uint64_t now_ms)
{
	uint64_t most;

	p->backoff = m->backoff < POLICY_BACKOFF_MAX ? m->backoff : POLICY_BACKOFF_MAX;
	most = now_ms + ((uint64_t)c->cooldown_ms << p->backoff);
	p->home_since_ms = earlier(m->home_since_ms, now_ms);
	p->cooling_until_ms = earlier(m->cooling_until_ms, most);
	p->cooling_facts_until_ms = earlier(m->cooling_facts_until_ms, most);
	if (p->shift > p->base)
		resume_state(p, m->state);
}

/* What was before the other clock began is at its beginning: long ago. */
static uint64_t
moved(uint64_t t_ms, int64_t by_ms)
{
	if (t_ms == 0)
		return 0;
	if (by_ms < 0 && t_ms <= (uint64_t)-by_ms)
		return 1;
	return t_ms + (uint64_t)by_ms;
}

struct policy_memory
policy_memory_moved(const struct policy_memory *m, int64_t by_ms)
{
	struct policy_memory out = *m;

	out.home_since_ms = moved(m->home_since_ms, by_ms);
	out.cooling_until_ms = moved(m->cooling_until_ms, by_ms);
	out.cooling_facts_until_ms = moved(m->cooling_facts_until_ms, by_ms);
	return out;
}
