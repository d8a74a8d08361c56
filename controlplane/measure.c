/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "endpoint_walk.h"

/* One endpoint's numbers of the last interval. */
struct row {
	double value[MEASURE_SIDES][METRICS_MAX];
};

/* What is measured of the endpoints of one service. */
struct service_metrics {
	struct metric metric[METRICS_MAX];
	size_t count;
};

struct measurements {
	struct gateway *g;
	const struct config *config; /* of which `service` was built */
	struct service_metrics *service; /* in the order of the configuration */
	size_t service_count;
	uint32_t row_count;
	struct row **row; /* by eid; NULL: not measured yet */
};

static const struct row nothing = {{[0 ... MEASURE_SIDES - 1] = {[0 ... METRICS_MAX - 1] = NAN}}};

static const enum leg leg_of_side[MEASURE_SIDES] = {
		[MEASURE_SERVING] = LEG_SERVER, [MEASURE_COPIES] = LEG_SHADOW};

/*
 * The packets' numbers
 */

static double
share_or_nan(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

/* What is given up in this interval may have begun before it, so that the whole is at least the part. */
static double
errors(const struct leg_counters *d)
{
	uint64_t failed = d->connects_refused + d->connects_unanswered + d->unanswered +
			d->replies_failed;
	uint64_t begun = d->requests + d->handshakes + d->connects_refused + d->connects_unanswered;

	return share_or_nan(failed, begun > failed ? begun : failed);
}

static double
loss(const struct leg_counters *d)
{
	return share_or_nan(d->retransmitted_to + d->gaps_from,
			d->segments_to + d->segments_from + d->gaps_from);
}

static void
passive_values(const struct leg_interval *in, double out[METRIC_PASSIVE_COUNT])
{
	const struct leg_counters *d = &in->delta;

	out[METRIC_reply_p50] = in->reply_p50;
	out[METRIC_reply_p99] = in->reply_p99;
	out[METRIC_jitter] = in->reply_jitter;
	out[METRIC_handshake_p99] = in->handshake_p99;
	out[METRIC_loss] = loss(d);
	out[METRIC_errors] = errors(d);
	out[METRIC_waiting] = (double)in->requests_waiting;
	out[METRIC_zero_windows] = (double)d->zero_windows_from / in->seconds;
	out[METRIC_requests] = (double)d->requests / in->seconds;
	out[METRIC_flows_new] = (double)d->flows_new / in->seconds;
	out[METRIC_flows_active] = (double)in->flows_active;
	out[METRIC_bytes] = (double)(d->bytes_to + d->bytes_from) / in->seconds;
}

static void
side_tick(struct measurements *m, uint32_t eid, enum measure_side side, double *out)
{
	struct leg_interval in;

	collector_interval(m->g->collector, eid, leg_of_side[side], &in);
	if (in.used && in.seconds > 0)
		passive_values(&in, out);
	else
		memcpy(out, nothing.value[side], sizeof(*out) * METRIC_PASSIVE_COUNT);
}

static void
endpoint_tick(struct measurements *m, const struct endpoint *e)
{
	struct row *row;

	if (e->eid >= m->row_count)
		return;
	if (!m->row[e->eid]) {
		row = malloc(sizeof(*row));
		if (!row)
			return; /* tried again with the next tick */
		*row = nothing;
		m->row[e->eid] = row;
	}
	row = m->row[e->eid];
	side_tick(m, e->eid, MEASURE_SERVING, row->value[MEASURE_SERVING]);
	side_tick(m, e->eid, MEASURE_COPIES, row->value[MEASURE_COPIES]);
}

void
measurements_tick(struct measurements *m)
{
	const struct endpoint *e;
	struct endpoint_walk walk;

	endpoint_walk_init(&walk, m->g->registry, NULL);
	while ((e = endpoint_walk_next_or_null(&walk)))
		endpoint_tick(m, e);
}

/*
 * Metrics of services
 */

/* The quantiles that are measured are 50 % and 99 %: an objective in between is held against the slower. */
static void
objective_limits(const struct policy_objective *o, struct metric *metric)
{
	bool median = o->quantile_permille <= 500;

	if (o->latency_us)
		metric[median ? METRIC_reply_p50 : METRIC_reply_p99].limit = o->latency_us;
	if (o->errors > 0)
		metric[METRIC_errors].limit = o->errors;
}

static void
service_init(struct service_metrics *out, const struct config_service *config)
{
	metric_passive_init(out->metric);
	objective_limits(&config->objective, out->metric);
	out->count = METRIC_PASSIVE_COUNT;
}

/* Anew for each configuration. */
static void
services_build(struct measurements *m)
{
	const struct config *config = registry_config(m->g->registry);
	struct service_metrics *service;
	size_t i;

	service = calloc(config->service_count + 1, sizeof(*service));
	if (!service)
		return;
	for (i = 0; i < config->service_count; i++)
		service_init(&service[i], &config->service[i]);
	free(m->service);
	m->service = service;
	m->service_count = config->service_count;
	m->config = config;
}

const struct metric *
measurements_metrics(struct measurements *m, const struct service *s, size_t *count)
{
	size_t i = (size_t)(s->config - registry_config(m->g->registry)->service);

	if (m->config != registry_config(m->g->registry))
		services_build(m);
	if (i >= m->service_count) {
		*count = 0;
		return NULL;
	}
	*count = m->service[i].count;
	return m->service[i].metric;
}

const double *
measurements_values(struct measurements *m, const struct endpoint *e, enum measure_side side)
{
	if (e->eid >= m->row_count || !m->row[e->eid])
		return nothing.value[side];
	return m->row[e->eid]->value[side];
}

double
measurements_outside(struct measurements *m, const struct endpoint *e, char *factor, size_t size)
{
	if (size)
		*factor = '\0';
	return 0;
}

struct measurements *
measurements_create(struct gateway *g)
{
	struct measurements *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->g = g;
	m->row_count = registry_endpoint_limit(g->registry);
	m->row = calloc(m->row_count + 1, sizeof(*m->row));
	services_build(m);
	if (!m->row || !m->service) {
		measurements_free(m);
		return NULL;
	}
	return m;
}

void
measurements_free(struct measurements *m)
{
	uint32_t i;

	if (!m)
		return;
	for (i = 0; m->row && i < m->row_count; i++)
		free(m->row[i]);
	free(m->row);
	free(m->service);
	free(m);
}
