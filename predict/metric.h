/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of an endpoint once a second: one number per metric, NAN where nothing was measured. The first
 * METRIC_PASSIVE_COUNT metrics of every endpoint come from its packets; the scraped ones follow, in the order of the
 * configuration.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_MAX 32 /* of one endpoint */
#define METRIC_NAME_MAX 48

/* X(name, unit, shape, worse, text). `worse`: +1 more is worse, -1 less is worse, 0 both are news. */
#define METRIC_PASSIVE_LIST(X)                                                                   \
	X(reply_p50, "us", METRIC_LOG, 1, "median time from request to first byte of the reply") \
	X(reply_p99, "us", METRIC_LOG, 1, "99th percentile of this time")                        \
	X(jitter, "us", METRIC_LOG, 1, "mean difference between consecutive reply times")        \
	X(handshake_p99, "us", METRIC_LOG, 1, "99th percentile of the TCP handshake time")       \
	X(loss, "", METRIC_SHARE, 1, "share of segments retransmitted or missing")               \
	X(errors, "", METRIC_SHARE, 1,                                                           \
			"share of requests and connects refused, reset, unanswered or answered " \
			"with an error")                                                         \
	X(waiting, "", METRIC_LOG, 1, "requests begun and not yet answered")                     \
	X(zero_windows, "1/s", METRIC_LOG, 1, "segments that close the endpoint's window")       \
	X(requests, "1/s", METRIC_LOG, 0, "requests begun")                                      \
	X(flows_new, "1/s", METRIC_LOG, 0, "flows begun")                                        \
	X(flows_active, "", METRIC_LOG, 0, "flows open")                                         \
	X(bytes, "B/s", METRIC_LOG, 0, "bytes both ways")

enum metric_passive {
#define X(name, unit, shape, worse, text) METRIC_##name,
	METRIC_PASSIVE_LIST(X)
#undef X
	METRIC_PASSIVE_COUNT
};

/* The scale on which changes of a metric are compared. */
enum metric_shape {
	METRIC_LINEAR,
	METRIC_LOG, /* log of 1 + x / floor */
	METRIC_SHARE, /* 0 to 1 */
};

struct metric {
	char name[METRIC_NAME_MAX]; /* as in the configuration, the tool and the database */
	char unit[8];
	enum metric_shape shape;
	int worse; /* as above */
	double floor; /* a change smaller than this never matters; in the metric's unit, > 0 */
	double limit; /* where the endpoint fails or breaches its objective; NAN if not known */
	bool scraped;
};

/* The passive metrics with the floors that hold where nothing else is configured, and no limits. */
void metric_passive_init(struct metric out[METRIC_PASSIVE_COUNT]);

/* A value on the metric's scale of comparison; NAN stays NAN. */
double metric_scale(const struct metric *m, double value);
