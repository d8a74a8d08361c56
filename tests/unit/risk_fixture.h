/* SPDX-License-Identifier: Apache-2.0 */
/* A server that is well, second by second, and what is said of it. */
#pragma once

#include "risk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define CPU METRIC_PASSIVE_COUNT
#define MEMORY (CPU + 1)
#define COUNT (MEMORY + 1)

static struct metric metric[COUNT];
static uint64_t seed;

/* One endpoint, its second and what is measured in it. */
static struct world {
	struct risk_model model;
	struct risk_endpoint *e;
	double value[COUNT], peer[COUNT];
	struct risk_facts facts;
	struct risk risk;
	uint64_t ms;
} w;

static inline double
uniform(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (double)((seed * 2685821657736338717u) >> 11) / 9007199254740992.0;
}

static inline double
around(double mean, double share)
{
	return mean * (1 + share * (uniform() + uniform() + uniform() - 1.5));
}

static inline void
layout(void)
{
	metric_passive_init(metric);
	metric[METRIC_reply_p99].limit = 300000;
	metric[METRIC_errors].limit = 0.01;
	metric[METRIC_loss].limit = 0.02;
	metric[CPU] = (struct metric){.name = "cpu",
			.shape = METRIC_SHARE,
			.worse = 1,
			.floor = 0.02,
			.limit = 1,
			.scraped = true};
	metric[MEMORY] = metric[CPU];
	strcpy(metric[MEMORY].name, "memory");
	metric[MEMORY].floor = 0.005;
}

/* A second of a healthy server: 100 requests, 10 ms, a third of the CPU. */
static inline void
healthy(void)
{
	double *v = w.value;

	v[METRIC_reply_p50] = around(8000, 0.1);
	v[METRIC_reply_p99] = around(15000, 0.5);
	v[METRIC_jitter] = around(3000, 0.2);
	v[METRIC_handshake_p99] = around(300, 0.5);
	v[METRIC_loss] = v[METRIC_errors] = v[METRIC_zero_windows] = 0;
	v[METRIC_waiting] = around(2, 0.5);
	v[METRIC_requests] = v[METRIC_flows_new] = around(100, 0.2);
	v[METRIC_flows_active] = around(20, 0.2);
	v[METRIC_bytes] = around(1e6, 0.2);
	v[CPU] = around(0.35, 0.2);
	v[MEMORY] = around(0.4, 0.002);
	memcpy(w.peer, v, sizeof(w.peer));
	w.peer[METRIC_reply_p50] = around(8000, 0.1);
	w.peer[METRIC_reply_p99] = around(15000, 0.5);
	w.facts = (struct risk_facts){.seconds = 1,
			.requests = 100,
			.replies = 100,
			.tried = 100,
			.waiting = 2,
			.slow_allowed = 0.01,
			.failed_allowed = 0.01,
			.load = {NAN, NAN, NAN},
			.observed = true};
}

static inline void
observe(void)
{
	w.ms += 1000;
	risk_observe(&w.model, w.e,
			&(struct risk_input){.now_ms = w.ms,
					.metric = metric,
					.value = w.value,
					.peer = w.peer,
					.count = COUNT,
					.facts = &w.facts},
			&w.risk);
}

static inline void
healthy_for(int seconds)
{
	for (; seconds > 0; seconds--) {
		healthy();
		observe();
	}
}

static inline int
setup(void **state)
{
	layout();
	memset(&w, 0, sizeof(w));
	seed = 42;
	w.ms = 5000;
	risk_model_init(&w.model);
	w.e = risk_endpoint_create(metric, COUNT);
	return 0;
}

static inline int
teardown(void **state)
{
	risk_endpoint_free(w.e);
	return 0;
}

static inline const struct risk_reason *
reason_or_null(enum risk_reason_kind kind)
{
	uint32_t i;

	for (i = 0; i < w.risk.reason_count; i++) {
		if (w.risk.reason[i].kind == kind)
			return &w.risk.reason[i];
	}
	return NULL;
}

static inline void
assert_coherent(void)
{
	const double *p = w.risk.probability;

	assert_true(p[0] >= 0 && p[0] <= p[1] && p[1] <= p[2] && p[2] <= 1);
}
