/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A static rule on a metric, as it stands in the configuration:
 *
 *   METRIC OPERATOR NUMBER[UNIT] [for DURATION]
 *
 * "cpu > 95% for 30s", "reply_p99 >= 200ms", "bytes < 10k for 1m". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metric.h"

#define POLICY_RULE_TEXT_MAX 96

enum policy_operator {
	POLICY_ABOVE,
	POLICY_AT_LEAST,
	POLICY_BELOW,
	POLICY_AT_MOST,
};

struct policy_rule {
	char text[POLICY_RULE_TEXT_MAX]; /* with single spaces */
	char metric[METRIC_NAME_MAX]; /* one of predict/metric.h, or scraped */
	enum policy_operator op;
	double value; /* in the metric's unit: % as a share, times in us */
	uint32_t hold_ms; /* it must be true for so long; 0: once is enough */
};

/* NULL and the rule in `out`, or what is wrong with the text and what to write instead. */
const char *policy_rule_parse(const char *text, struct policy_rule *out);

/* NAN is never true. */
bool policy_rule_is_true(const struct policy_rule *rule, double value);
