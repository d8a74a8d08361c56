/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's `objective` and `policy` say, every number with its default filled in (config_policy.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_STEPS_MAX 16
#define POLICY_RULES_MAX 8

/* When a client would call the service bad: limits of the passive metrics. */
struct policy_objective {
	uint32_t latency_us; /* 0: none */
	uint32_t quantile_permille; /* of the requests that must be faster: 990 */
	double errors; /* share of requests that may fail */
};

enum policy_mode {
	POLICY_OBSERVE, /* decide and log, touch nothing */
	POLICY_ADVISE, /* ask first: understudyctl approve */
	POLICY_ACT,
};
