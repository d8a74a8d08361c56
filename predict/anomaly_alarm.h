/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a score is an alarm: over a threshold, over what this metric's own score reaches by chance too often, and not soon
 * after another: each alarm makes the metric's own threshold higher for a while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "anomaly_histogram.h"

/* What follows from cadence and learning length (anomaly_settings_init). */
struct anomaly_alarm_rule {
	float threshold; /* nats; of a metric that was quiet */
	float rarity; /* samples in which the own score may reach the threshold once; 0: as often as it likes */
	float rise; /* of the threshold, by each alarm */
	float rise_tau; /* samples in which the rise falls to 1 / e */
	uint32_t quiet; /* samples after an alarm without another */
	uint32_t memory; /* samples of the own score */
	bool holds; /* the score must be there for two samples in a row */
};

struct anomaly_alarm {
	struct anomaly_histogram scores;
	float rise; /* now */
	uint32_t quiet; /* samples left */
	float before; /* the score before */
};

/* One sample on, while it only learns. */
void anomaly_alarm_learn(
		struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score);
/* One sample on, and is it an alarm? Learns, too. */
bool anomaly_alarm_update(
		struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score);
/* Where the threshold is now, nats. */
float anomaly_alarm_threshold(const struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule);
