/* SPDX-License-Identifier: Apache-2.0 */
/* The policy's metrics of one endpoint, a family of them at a time (metrics.c). Control thread. */
#pragma once

#include <stdio.h>

#include "steering.h"

enum metrics_policy {
	METRICS_POLICY_STATE,
	METRICS_POLICY_MODE,
	METRICS_POLICY_SHARE,
	METRICS_POLICY_HELD,
	METRICS_POLICY_ASKED,
	METRICS_POLICY_VERDICT,
	METRICS_POLICY_DECISIONS,
	METRICS_POLICY
};

struct metrics_policy_family {
	const char *name, *type, *help; /* without "understudy_" */
};
extern const struct metrics_policy_family metrics_policy_family[METRICS_POLICY];

/* Writes the samples of each family to its file. `label`: the endpoint's, without braces. */
void metrics_policy_samples(
		FILE *const f[METRICS_POLICY], const char *label, const struct steering_view *v);
