/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Risk of an endpoint: the calibrated probability that it fails or breaches its objective within each horizon, with
 * the reasons in order of weight. Pure: state and sample in, state and risk out; time is an argument; no I/O, no
 * allocation after create. A recorded series replays to the same bits.
 *
 *   sample -> per metric: own past, peers, trend -> features -> hazard -> calibration -> risk
 *          -> did it fail?  ----- outcomes of what was said before ----^        ^
 *                                                 (risk_outcome.c)
 */
#pragma once

#include "calibration.h"
#include "hazard.h"
#include "metric.h"

#define RISK_VERSION 3 /* of what risk_model and risk_endpoint look like in memory */
#define RISK_HORIZONS 3
#define RISK_REASONS_MAX 6
static const uint32_t risk_horizon_s[RISK_HORIZONS] = {30, 60, 300};
_Static_assert(RISK_HORIZONS == HAZARD_INTERVALS, "the hazard's intervals end at the horizons");

/* Why: what contributed to the log odds. */
enum risk_reason_kind {
	RISK_OWN_PAST, /* the metric is strange against its own past; value: standard deviations */
	RISK_PEERS, /* and against the other endpoints of its service; value: ratio */
	RISK_LIMIT, /* it reaches its limit; value: seconds, with an 80 % interval */
	RISK_LEVEL, /* it is at or beyond its limit; value: the level's share of the limit */
	RISK_TRICKLE, /* single failures or losses add up; value: how many */
	RISK_SILENCE, /* no reply for longer than usual; value: phi (accrual) */
	RISK_HEALTH, /* checks fail or the endpoint is suspect */
	RISK_LOAD, /* load forecast against capacity; value: share of capacity */
	RISK_OUTSIDE, /* an outside factor of its zone; value: severity */
	RISK_REASON_KINDS
};

#define RISK_NO_METRIC UINT16_MAX

struct risk_reason {
	enum risk_reason_kind kind;
	uint16_t metric; /* index in the endpoint's metrics; RISK_NO_METRIC where it is of none */
	double weight; /* what it adds to the log odds of the 60 s horizon */
	double value, low, high; /* as above; low and high: 80 % interval or NAN */
};

struct risk {
	double probability
			[RISK_HORIZONS]; /* NAN until enough was seen; never falling with the horizon */
	double raw[RISK_HORIZONS]; /* before calibration */
	bool failing; /* down, silent, or beyond its objective for 2 s: the probabilities are 1 but for doubt */
	bool observed; /* what becomes of it is seen; if not, nothing is learnt */
	struct risk_reason reason[RISK_REASONS_MAX]; /* heaviest first */
	uint32_t reason_count;
};

/* What is known of an endpoint in one interval besides its metrics. NAN: not known. */
struct risk_facts {
	double seconds; /* length of the interval */
	double requests, replies; /* counts in it */
	double slow; /* of the replies, those slower than the objective */
	double failed, tried; /* requests and connects that failed, of how many */
	double waiting; /* requests without reply at its end */
	double slow_allowed,
			failed_allowed; /* the objective's shares; NAN: none, the default for failed */
	double load[RISK_HORIZONS]; /* load expected within the horizon, as a share of the capacity */
	double outside; /* severity of an outside factor, 0 to 1 */
	bool down; /* checks or the daemon say that it is down */
	bool suspect; /* evidence against it, not yet down */
	double checks_failing; /* consecutive failures of its check as a share of `fall` */
	bool observed; /* it serves requests or gets copies: its failure would be seen */
	bool relieved; /* of traffic by a shift: what becomes of it is not what would have */
};

struct risk_input {
	uint64_t now_ms; /* monotonic */
	const struct metric *metric;
	const double *value,
			*peer; /* as many as `count`; peer: median of its peers, NAN if it has none */
	size_t count; /* as at create */
	const struct risk_facts *facts;
};

/* What all endpoints share: weights, calibration, and how good the statements were. Plain memory: saved by copying
 * (RISK_VERSION); risk_model_valid() after a restore. */
#define RISK_LEADS 64
struct risk_model {
	struct hazard hazard;
	struct calibration_map map[RISK_HORIZONS];
	struct calibration_score score[RISK_HORIZONS]; /* of what was said, since the start */
	struct calibration_score raw_score[RISK_HORIZONS]; /* of the same before calibration */
	double threshold; /* an alarm is a 60 s probability at or above it */
	uint64_t failures, failures_seen; /* of observed ones; seen: with an alarm before */
	uint64_t alarms, alarms_true; /* episodes, and those that a failure followed within 60 s */
	uint64_t censored; /* statements whose outcome could not be seen */
	float lead_s[RISK_LEADS]; /* from alarm to failure, the newest; a ring */
	uint32_t lead_next;
};

void risk_model_init(struct risk_model *m);
bool risk_model_valid(const struct risk_model *m);
void risk_model_scores_clear(struct risk_model *m); /* quality from now on; what was learnt stays */
double risk_model_lead_median(const struct risk_model *m); /* s; NAN without any */

/* The state of one endpoint: opaque, one block without pointers (risk_endpoint_size), saved by copying it. */
struct risk_endpoint;
struct risk_endpoint *risk_endpoint_create(
		const struct metric *metric, size_t count); /* NULL when out of memory */
void risk_endpoint_free(struct risk_endpoint *e);
size_t risk_endpoint_size(size_t metric_count);
/* Is it for just these metrics, by name, order and scale? If not, it must begin anew. */
bool risk_endpoint_fits(const struct risk_endpoint *e, const struct metric *metric, size_t count);
/* Takes a copy that was saved. False, and nothing changed, if it is not one of this version and these metrics.
 * Statements still open when it was saved are forgotten. */
bool risk_endpoint_restore(struct risk_endpoint *e, const void *saved, size_t size);
/* The last second's features, for explaining and for fitting the weights. */
const struct hazard_input *risk_endpoint_features(const struct risk_endpoint *e);

/* Once a second. Learns from outcomes that became known, updates the models, says the risk. */
void risk_observe(struct risk_model *m, struct risk_endpoint *e, const struct risk_input *in,
		struct risk *out);

/* What risk_observe() says of an endpoint of which nothing was ever measured and against which nothing speaks: that it
 * is not known. So it need not be asked, nor have a state. */
void risk_of_unknown(const struct risk_model *m, struct risk *out);

/* "request latency 6.1 sd over its own past"; returns the length as snprintf does. `metric` is the one that the reason
 * names, or NULL. */
int risk_reason_text(const struct risk_reason *reason, const struct metric *metric, char *out,
		size_t size);
/* All of them, "; " between; reasons of the same metric joined by "and". */
int risk_text(const struct risk *r, const struct metric *metrics, char *out, size_t size);
