/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

const char *
policy_state_name(enum policy_state state)
{
	static const char *const names[] = {
#define X(name, text) #name,
			POLICY_STATE_LIST(X)
#undef X
	};

	return state < POLICY_STATES ? names[state] : "";
}

const char *
policy_state_text(enum policy_state state)
{
	static const char *const texts[] = {
#define X(name, text) text,
			POLICY_STATE_LIST(X)
#undef X
	};

	return state < POLICY_STATES ? texts[state] : "";
}

const char *
policy_outcome_name(enum policy_outcome outcome)
{
	static const char *const names[] = {"done", "stayed", "observed", "asked"};

	return outcome < POLICY_OUTCOMES ? names[outcome] : "";
}

const char *
policy_mode_name(enum policy_mode mode)
{
	static const char *const names[] = {"observe", "advise", "act"};

	return mode < POLICY_MODES ? names[mode] : "";
}
