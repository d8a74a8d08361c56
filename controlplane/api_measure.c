/* SPDX-License-Identifier: Apache-2.0 */
#include "api_measure.h"

#include <stdlib.h>
#include <string.h>

#include "api_work.h"
#include "endpoint_walk.h"
#include "measure.h"
#include "outside.h"
#include "scrape.h"

struct listing {
	struct gateway *g;
	struct endpoint_walk walk;
	const char *endpoint; /* NULL: all */
	bool any;
	FILE *f;
	char *text;
	size_t size;
};

static const char *
worse_name(int worse)
{
	if (worse == 0)
		return "neither";
	return worse > 0 ? "up" : "down";
}

static json_t *
metrics_json(struct gateway *g, const struct endpoint *e)
{
	const double *serving = measurements_values(g->measurements, e, MEASURE_SERVING);
	const double *copies = measurements_values(g->measurements, e, MEASURE_COPIES);
	json_t *out = json_array();
	const struct metric *m;
	size_t i, count;

	m = measurements_metrics(g->measurements, e->service, &count);
	for (i = 0; i < count; i++)
		json_array_append_new(out,
				json_pack("{s:s s:s s:s s:b s:o s:o s:o}", "metric", m[i].name,
						"unit", m[i].unit, "worse", worse_name(m[i].worse),
						"scraped", m[i].scraped, "limit",
						api_real(m[i].limit), "traffic",
						api_real(serving[i]), "copies",
						api_real(copies[i])));
	return out;
}

static json_t *
outside_of(struct gateway *g, const struct endpoint *e)
{
	char factor[64];
	double severity = measurements_outside(g->measurements, e, factor, sizeof(factor));

	return json_pack("{s:o s:s}", "severity", api_real(severity), "factor", factor);
}

static json_t *
row_json(struct gateway *g, const struct endpoint *e)
{
	return json_pack("{s:s s:s s:o s:o s:o}", "service", e->service->config->name, "endpoint",
			e->config->name, "metrics", metrics_json(g, e), "scrapes",
			scraper_json(g->scraper, e), "outside", outside_of(g, e));
}

static void
dump(FILE *f, json_t *value)
{
	json_dumpf(value, f, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(value);
}

static void
listing_begin(struct listing *l)
{
	rewind(l->f);
	l->any = false;
	fputs("{\"endpoints\":[", l->f);
}

static void
listing_add(struct listing *l, const struct endpoint *e)
{
	if (l->endpoint && strcmp(l->endpoint, e->config->name))
		return;
	if (l->any)
		fputc(',', l->f);
	l->any = true;
	dump(l->f, row_json(l->g, e));
}

static void
listing_reply(struct api_request *rq, struct listing *l)
{
	char *text = NULL;

	fputs("],\"outside\":", l->f);
	dump(l->f, outside_json(l->g->outside));
	fputc('}', l->f);
	if (!ferror(l->f) && fclose(l->f) == 0) {
		text = l->text;
		l->text = NULL;
	}
	l->f = NULL;
	api_reply_text(rq, text, "application/json");
}

static bool
listing_turn(struct api_request *rq, void *state)
{
	uint64_t until = loop_now_ms() + API_TURN_MS;
	struct listing *l = state;
	const struct endpoint *e;

	if (endpoint_walk_stale(&l->walk)) {
		endpoint_walk_init(&l->walk, l->g->registry, l->walk.service);
		listing_begin(l);
	}
	do {
		e = endpoint_walk_next_or_null(&l->walk);
		if (e)
			listing_add(l, e);
	} while (e && loop_now_ms() < until);
	if (!e)
		listing_reply(rq, l);
	return !e;
}

static void
listing_free(void *state)
{
	struct listing *l = state;

	if (l->f)
		fclose(l->f);
	free(l->text);
	free(l);
}

static int
listing_read(struct api_request *rq, struct listing *l)
{
	static const char *const known[] = {"service", "endpoint", NULL};
	const char *service = api_arg_or_null(rq, "service");

	if (api_args_known(rq, known) < 0 || (service && !api_service_or_null(rq, service)))
		return -1;
	l->endpoint = api_arg_or_null(rq, "endpoint");
	if (service && l->endpoint && !api_endpoint_or_null(rq, service, l->endpoint))
		return -1;
	l->g = rq->g;
	endpoint_walk_init(&l->walk, rq->g->registry, service);
	return 0;
}

void
api_measure_list(struct api_request *rq)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (l && listing_read(rq, l) < 0) {
		listing_free(l);
		return;
	}
	if (l)
		l->f = open_memstream(&l->text, &l->size);
	if (!l || !l->f) {
		free(l);
		api_reply_json(rq, NULL);
		return;
	}
	listing_begin(l);
	api_work_start(rq, listing_turn, listing_free, l);
}
