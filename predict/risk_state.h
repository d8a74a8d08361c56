/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the risk model share: risk_feature.c, risk_outcome.c, risk.c. Nobody else includes it. */
#pragma once

#include "onset.h"
#include "risk.h"
#include "silence.h"
#include "trend.h"
#include "trickle.h"

#define RISK_PENDING 64 /* statements whose outcome is open: one every 5 s for 300 s */
#define RISK_STATEMENT_S 5
#define RISK_NEWEST 9 /* two periods of 4 s */
#define RISK_WINDOW 5 /* intervals judged together where requests are few */
#define RISK_LEVEL_FREE 2.0 /* octaves below the objective at which the level begins to count */

/* One metric of an endpoint. Own past and peers on the metric's scale (metric_scale). */
struct risk_metric {
	struct trend trend;
	struct onset onset;
	float mean, var; /* of its own past, over some 10 minutes, outliers clipped */
	float now; /* the last two or three values */
	float newest[RISK_NEWEST]; /* a ring */
	float z; /* deviation from it in standard deviations; > 0 is worse */
	float z_now, z_mean; /* of the last value, and over some 3 s */
	float peer_mean; /* usual distance to the peers' median */
	float peer; /* distance beyond that, over some 3 s; > 0 is worse */
	uint32_t seen, peers_seen;
};

/* What was said at a time, until its outcomes are known. */
struct risk_pending {
	uint64_t made_ms;
	float said[RISK_HORIZONS], raw[RISK_HORIZONS];
	uint8_t x[HAZARD_INTERVALS][HAZARD_FEATURES]; /* in 1/25 */
	uint8_t known; /* horizons whose outcome is */
	uint8_t used;
};

struct risk_endpoint {
	uint32_t version, metric_count;
	uint64_t layout; /* hash of the metrics' names and scales */
	uint64_t now_ms, statement_ms;
	uint32_t seen; /* intervals with anything measured */
	struct silence silence;
	double phi;
	float slow[RISK_WINDOW], replies[RISK_WINDOW]; /* of this interval and those before */
	float failed[RISK_WINDOW], tried[RISK_WINDOW];
	struct trickle failures, losses;
	double trickle; /* standard deviations by which one of them comes more often than it used to, beyond 2 */
	double level; /* octaves beyond a quarter of the objective, of the worse of slow and failed */
	double level_share; /* the share itself over the allowed one, as counted */
	uint16_t level_metric;
	uint16_t trickle_metric, own_metric, peer_metric, limit_metric, resource_metric,
			near_metric, full_metric;
	uint32_t bad_s, good_s; /* consecutive intervals beyond and within the objective */
	bool failing, observed, alarmed;
	bool watched; /* observed, and with its traffic: statements have an outcome */
	uint64_t alarm_ms; /* since when the 60 s probability is at or above the threshold */
	double held[RISK_HORIZONS]; /* what was said when it was last watched, fading */
	struct hazard_input x;
	struct risk_pending pending[RISK_PENDING];
	uint32_t pending_next;
	struct risk_metric metric[];
};

/* risk_feature.c: updates the models of the metrics, and makes e->x. */
void risk_feature_update(struct risk_endpoint *e, const struct risk_input *in);

/* The shortest span of the past that may say when the metric reaches its limit. */
unsigned risk_first_scale(const struct metric *m, const struct trend *t);

struct trend_limit risk_trend_limit(const struct risk_metric *s, const struct metric *m);

/* What has just begun to climb, towards the metric's limit. */
void risk_onset(const struct risk_endpoint *e, const struct risk_input *in, uint16_t i,
		struct onset_climb *out);

/* risk_outcome.c: is it failing now; what that says of earlier statements. Then, once the risk is known: a new one. */
void risk_outcome_update(
		struct risk_model *m, struct risk_endpoint *e, const struct risk_input *in);
void risk_outcome_say(struct risk_model *m, struct risk_endpoint *e, const struct risk *r);
