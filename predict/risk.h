/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Risk of an endpoint: the calibrated probability that it fails or breaches its objective within each horizon, with
 * the reasons in order of weight. Pure: state and sample in, state and risk out; time is an argument; no I/O, no
 * allocation after create.
 */
#pragma once

#include "metric.h"

#define RISK_HORIZONS 3
#define RISK_REASONS_MAX 6
static const uint32_t risk_horizon_s[RISK_HORIZONS] = {30, 60, 300};

/* Why: what contributed to the log odds. */
enum risk_reason_kind {
	RISK_OWN_PAST, /* the metric is strange against its own past; value: standard deviations, score in nats */
	RISK_PEERS, /* and against the other endpoints of its service; value: ratio */
	RISK_LIMIT, /* it reaches its limit; value: seconds, with an 80 % interval */
	RISK_LEVEL, /* it is at or beyond its limit; value: the level's share of the limit */
	RISK_SILENCE, /* no reply for longer than usual; value: phi (accrual) */
	RISK_HEALTH, /* checks fail or the endpoint is suspect */
	RISK_LOAD, /* load forecast against capacity; value: share of capacity */
	RISK_OUTSIDE, /* an outside factor of its zone; value: severity */
	RISK_REASON_KINDS
};

struct risk_reason {
	enum risk_reason_kind kind;
	uint16_t metric; /* index in the endpoint's metrics; not for RISK_SILENCE, RISK_HEALTH, RISK_OUTSIDE */
	double weight; /* what it adds to the log odds of the 60 s horizon */
	double value, low, high; /* as above; low and high: 80 % interval or NAN */
};

struct risk {
	double probability[RISK_HORIZONS]; /* NAN until enough was seen */
	struct risk_reason reason[RISK_REASONS_MAX]; /* heaviest first */
	uint32_t reason_count;
};

/* "request latency 6.1 sd over its own past"; returns the length as snprintf does. */
int risk_reason_text(const struct risk_reason *reason, const struct metric *metric, char *out,
		size_t size);
