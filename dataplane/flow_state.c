/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

const char *
flow_state_name(enum flow_state s)
{
	static const char *const names[] = {
			[FLOW_FREE] = "free",
			[FLOW_HALF_OPEN] = "half_open",
			[FLOW_ESTABLISHED] = "established",
			[FLOW_CLOSING] = "closing",
			[FLOW_UNANSWERED] = "unanswered",
			[FLOW_ANSWERED] = "answered",
	};

	return names[s];
}
