/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_alarm.h"

float
anomaly_alarm_threshold(const struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule)
{
	float own = rule->rarity > 0 ? anomaly_histogram_level(&a->scores, rule->rarity) : 0;

	return (own > rule->threshold ? own : rule->threshold) + a->rise;
}

/* What counts of a score; learns it, too. */
static float
take(struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score)
{
	float held = rule->holds && !(a->before >= score) ? a->before : score;

	a->before = score;
	if (held >= 0)
		anomaly_histogram_surprise(&a->scores, held, rule->memory);
	return held;
}

void
anomaly_alarm_learn(struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score)
{
	take(a, rule, score);
}

bool
anomaly_alarm_update(struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score)
{
	float threshold = anomaly_alarm_threshold(a, rule);

	score = take(a, rule, score);
	a->rise -= a->rise / rule->rise_tau;
	if (a->quiet) {
		a->quiet--;
		return false;
	}
	if (!(score >= threshold))
		return false;
	a->rise += rule->rise;
	a->quiet = rule->quiet;
	return true;
}
