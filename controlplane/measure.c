/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "config_scrape.h"
#include "endpoint_walk.h"
#include "outside.h"
#include "scrape.h"

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
	uint64_t generation; /* of the configuration of which `service` was built; 0: none yet */
	uint64_t ticked; /* the generation at the last tick */
	bool reloaded; /* since the tick before it */
	struct service_metrics *service; /* in the order of the configuration */
	size_t service_count;
	uint32_t row_count;
	struct row **row; /* by eid; NULL: nothing was measured yet */
};

/* Where loss begins to break an objective of a hundredth: a request takes some ten segments, and one lost at its end or
 * start costs a retransmission timeout, 200 ms or more. */
#define LOSS_LIMIT 0.02

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
errors(const struct leg_interval *in)
{
	const struct leg_counters *d = &in->delta;
	uint64_t begun = d->requests + d->handshakes + d->connects_refused + d->connects_unanswered;

	return share_or_nan(in->failed, begun > in->failed ? begun : in->failed);
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
	out[METRIC_errors] = errors(in);
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

/* What is scraped is true of the server, whoever's traffic it serves. */
static void
scraped_tick(struct measurements *m, const struct endpoint *e, struct row *row)
{
	double *serving = row->value[MEASURE_SERVING] + METRIC_PASSIVE_COUNT;
	size_t room = METRICS_MAX - METRIC_PASSIVE_COUNT;

	if (!m->g->scraper)
		return;
	scraper_values(m->g->scraper, e, serving, room);
	memcpy(row->value[MEASURE_COPIES] + METRIC_PASSIVE_COUNT, serving, room * sizeof(*serving));
}

/* NULL while there is nothing to put in it; when out of memory, it is tried again with the next tick. */
static struct row *
row_or_null(struct measurements *m, const struct endpoint *e)
{
	struct row *row = m->row[e->eid];

	if (row ||
			(!collector_any(m->g->collector, e->eid) &&
					!(m->g->scraper && scraper_has(m->g->scraper, e))))
		return row;
	row = malloc(sizeof(*row));
	if (!row)
		return NULL;
	*row = nothing;
	m->row[e->eid] = row;
	return row;
}

static void
endpoint_tick(struct measurements *m, const struct endpoint *e)
{
	bool any = measurements_any(m, e);
	struct row *row = e->eid < m->row_count ? row_or_null(m, e) : NULL;

	if (!row || (any && !m->reloaded && measurements_still(m, e) > 1))
		return;
	side_tick(m, e->eid, MEASURE_SERVING, row->value[MEASURE_SERVING]);
	side_tick(m, e->eid, MEASURE_COPIES, row->value[MEASURE_COPIES]);
	scraped_tick(m, e, row);
}

void
measurements_tick(struct measurements *m)
{
	const struct endpoint *e;
	struct endpoint_walk walk;

	if (m->generation != registry_config_generation(m->g->registry))
		measurements_reload(m);
	m->reloaded = m->ticked != registry_config_generation(m->g->registry);
	m->ticked = registry_config_generation(m->g->registry);
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

	if (o->latency_us) {
		metric[METRIC_loss].limit = LOSS_LIMIT;
		metric[median ? METRIC_reply_p50 : METRIC_reply_p99].limit = o->latency_us;
	}
	if (o->errors > 0)
		metric[METRIC_errors].limit = o->errors;
}

static double
default_floor(const struct config_scrape_metric *config)
{
	if (config->per && config->per[0])
		return 0.01;
	return config->limit > 0 ? config->limit / 100 : 1;
}

static enum metric_shape
scraped_shape(const struct config_scrape_metric *config)
{
	if (!config->per || !config->per[0])
		return config->limit > 0 && config->limit <= 1 ? METRIC_SHARE : METRIC_LOG;
	return config->limit <= 1 ? METRIC_SHARE : METRIC_LINEAR;
}

static void
scraped_init(struct metric *out, const struct config_scrape_metric *config)
{
	static const int worse_of[] = {
			[SCRAPE_WORSE_UP] = 1,
			[SCRAPE_WORSE_DOWN] = -1,
			[SCRAPE_WORSE_NEITHER] = 0,
	};

	*out = (struct metric){.shape = scraped_shape(config),
			.worse = worse_of[config->worse],
			.floor = config->floor > 0 ? config->floor : default_floor(config),
			.limit = config->limit > 0 ? config->limit : NAN,
			.scraped = true};
	snprintf(out->name, sizeof(out->name), "%s", config->name);
	snprintf(out->unit, sizeof(out->unit), "%s", config->unit ? config->unit : "");
}

/* All endpoints that are scraped have the same ones: config_scrape.c. */
static void
scraped_add(struct service_metrics *out, const struct config_service *config)
{
	const struct config_scrape_metric *scraped[METRICS_MAX];
	size_t i, n = 0;

	for (i = 0; i < config->endpoint_count && n == 0; i++)
		n = config_scrape_metrics(&config->endpoint[i].scrape, scraped);
	for (i = 0; i < n; i++)
		scraped_init(&out->metric[out->count++], scraped[i]);
}

static void
service_init(struct service_metrics *out, const struct config_service *config)
{
	metric_passive_init(out->metric);
	objective_limits(&config->objective, out->metric);
	out->count = METRIC_PASSIVE_COUNT;
	scraped_add(out, config);
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
	m->generation = registry_config_generation(m->g->registry);
}

void
measurements_reload(struct measurements *m)
{
	services_build(m);
	if (m->g->scraper)
		scraper_sync(m->g->scraper);
	if (m->g->outside)
		outside_sync(m->g->outside);
}

const struct metric *
measurements_metrics(struct measurements *m, const struct service *s, size_t *count)
{
	size_t i = (size_t)(s->config - registry_config(m->g->registry)->service);

	if (m->generation != registry_config_generation(m->g->registry))
		measurements_reload(m);
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

bool
measurements_any(const struct measurements *m, const struct endpoint *e)
{
	return e->eid < m->row_count && m->row[e->eid];
}

uint32_t
measurements_still(const struct measurements *m, const struct endpoint *e)
{
	bool scraped = m->g->scraper && scraper_has(m->g->scraper, e);

	return scraped ? 0 : collector_still(m->g->collector, e->eid);
}

double
measurements_outside(struct measurements *m, const struct endpoint *e, char *factor, size_t size)
{
	if (m->g->outside)
		return outside_at(m->g->outside, e->config->zone, factor, size);
	snprintf(factor, size, "%s", "");
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
