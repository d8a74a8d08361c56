/* SPDX-License-Identifier: Apache-2.0 */
/* When a score is an alarm: each alarm makes the metric's own threshold higher for a while, and quiet follows it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What follows from cadence and learning length (anomaly_settings_init). */
struct anomaly_alarm_rule {
	float threshold; /* nats; of a metric that was quiet */
	float rise; /* of the threshold, by each alarm */
	float rise_tau; /* samples in which the rise falls to 1 / e */
	uint32_t quiet; /* samples after an alarm without another */
};

struct anomaly_alarm {
	float rise; /* now */
	uint32_t quiet; /* samples left */
};

/* One sample on. */
bool anomaly_alarm_update(
		struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score);
