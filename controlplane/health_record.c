/* SPDX-License-Identifier: Apache-2.0 */
#include "health_record.h"

#include <string.h>

static bool
become(struct health_record *r, enum health_state state)
{
	bool changed = r->state != state;

	r->state = state;
	return changed;
}

bool
health_record_result(struct health_record *r, bool ok, uint32_t rise, uint32_t fall)
{
	bool first = !r->decided;

	r->decided = true;
	r->good = ok ? r->good + 1 : 0;
	r->bad = ok ? 0 : r->bad + 1;
	if (ok && (first || r->good >= rise))
		return become(r, HEALTH_UP);
	if (!ok && (first || r->bad >= fall))
		return become(r, HEALTH_DOWN);
	return false;
}

bool
health_record_confirmed(struct health_record *r)
{
	r->decided = true;
	r->good = 0;
	r->bad++;
	return become(r, HEALTH_DOWN);
}

bool
health_record_signal(struct health_record *r, uint64_t now_ms)
{
	uint64_t oldest_ms;

	if (r->hold_until_ms)
		return false;
	r->signal_ms[r->signal_next] = now_ms;
	r->signal_next = (r->signal_next + 1) % HEALTH_SIGNALS;
	oldest_ms = r->signal_ms[r->signal_next];
	if (!oldest_ms || now_ms - oldest_ms > HEALTH_SIGNALS_MS)
		return false;
	r->hold_until_ms = now_ms + HEALTH_HOLD_MS;
	return true;
}

bool
health_record_release(struct health_record *r, uint64_t now_ms)
{
	if (!r->hold_until_ms || now_ms < r->hold_until_ms)
		return false;
	r->hold_until_ms = 0;
	memset(r->signal_ms, 0, sizeof(r->signal_ms));
	return true;
}
