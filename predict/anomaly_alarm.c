/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_alarm.h"

bool
anomaly_alarm_update(struct anomaly_alarm *a, const struct anomaly_alarm_rule *rule, float score)
{
	a->rise -= a->rise / rule->rise_tau;
	if (a->quiet) {
		a->quiet--;
		return false;
	}
	if (!(score >= rule->threshold + a->rise))
		return false;
	a->rise += rule->rise;
	a->quiet = rule->quiet;
	return true;
}
