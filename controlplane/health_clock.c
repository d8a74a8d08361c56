/* SPDX-License-Identifier: Apache-2.0 */
#include "health_clock.h"

void
health_clock_tick(struct health_clock *c, uint64_t now_ms, uint32_t period_ms)
{
	uint64_t elapsed_ms = now_ms - c->tick_ms, most_ms = 3 * (uint64_t)period_ms;
	bool late = elapsed_ms > most_ms, first = !c->tick_ms;

	c->tick_ms = now_ms;
	if (first)
		return;
	if (!late)
		c->ms += elapsed_ms;
	else if (c->late)
		c->ms += most_ms;
	c->late = late;
}
