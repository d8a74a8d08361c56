/* SPDX-License-Identifier: Apache-2.0 */
#include "history_feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "measure.h"

/* Handles of one endpoint, asked for when there is something to keep. */
struct fed {
	struct history_series *metric[MEASURE_SIDES][METRICS_MAX];
	struct history_series *shift;
};

struct history_feed {
	struct gateway *g;
	uint64_t generation; /* of the configuration that the handles are of */
	uint32_t limit;
	struct fed *fed[]; /* by endpoint id */
};

static void
forget(struct history_feed *f)
{
	uint32_t i;

	for (i = 0; i < f->limit; i++) {
		free(f->fed[i]);
		f->fed[i] = NULL;
	}
}

struct history_feed *
history_feed_create(struct gateway *g)
{
	uint32_t limit = registry_endpoint_limit(g->registry);
	struct history_feed *f = calloc(1, sizeof(*f) + limit * sizeof(f->fed[0]));

	if (!f)
		return NULL;
	f->g = g;
	f->limit = limit;
	return f;
}

void
history_feed_free(struct history_feed *f)
{
	if (f)
		forget(f);
	free(f);
}

static struct history_series *
series_of(const struct history_feed *f, const struct endpoint *e, enum measure_side side,
		const char *metric)
{
	char name[METRIC_NAME_MAX + 8];

	snprintf(name, sizeof(name), "%s%s", side == MEASURE_COPIES ? "copies/" : "", metric);
	return history_series(f->g->history, e->service->config->name, e->config->name, name);
}

static void
feed_side(struct history_feed *f, struct endpoint *e, enum measure_side side, uint64_t wall_ms)
{
	const double *value = measurements_values(f->g->measurements, e, side);
	const struct metric *metric;
	struct history_series **s;
	size_t i, count;

	metric = measurements_metrics(f->g->measurements, e->service, &count);
	for (i = 0; i < count && i < METRICS_MAX; i++) {
		if (isnan(value[i]) || (side == MEASURE_COPIES && metric[i].scraped))
			continue;
		s = &f->fed[e->eid]->metric[side][i];
		if (!*s)
			*s = series_of(f, e, side, metric[i].name);
		history_sample(f->g->history, *s, wall_ms, value[i]);
	}
}

static void
feed_endpoint(struct history_feed *f, struct endpoint *e, uint64_t wall_ms)
{
	struct fed *fed;

	if (e->shadow_count == 0 && !measurements_any(f->g->measurements, e))
		return;
	fed = f->fed[e->eid];
	if (!fed)
		fed = f->fed[e->eid] = calloc(1, sizeof(*fed));
	if (!fed)
		return;
	feed_side(f, e, MEASURE_SERVING, wall_ms);
	feed_side(f, e, MEASURE_COPIES, wall_ms);
	if (e->shadow_count == 0)
		return;
	if (!fed->shift)
		fed->shift = series_of(f, e, MEASURE_SERVING, "shift");
	history_sample(f->g->history, fed->shift, wall_ms, (double)e->shift / SHARE_ONE);
}

void
history_feed_tick(struct history_feed *f, uint64_t wall_ms)
{
	struct registry *r = f->g->registry;
	struct service *s;
	size_t i, k;

	if (!f->g->history)
		return;
	/* Names, ids and metrics may be others now. */
	if (f->generation != registry_config_generation(r))
		forget(f);
	f->generation = registry_config_generation(r);
	for (i = 0; i < registry_service_count(r); i++) {
		s = registry_service_at(r, i);
		for (k = 0; k < s->endpoint_count; k++)
			feed_endpoint(f, s->endpoint[k], wall_ms);
	}
}
