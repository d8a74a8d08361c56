/* SPDX-License-Identifier: Apache-2.0 */
#include "api_measure.h"

#include "api_listing.h"
#include "measure.h"
#include "outside.h"
#include "scrape.h"

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
row_json(struct gateway *g, const struct endpoint *e, bool flag)
{
	return json_pack("{s:s s:s s:o s:o s:o}", "service", e->service->config->name, "endpoint",
			e->config->name, "metrics", metrics_json(g, e), "scrapes",
			scraper_json(g->scraper, e), "outside", outside_of(g, e));
}

static json_t *
feeds_json(struct gateway *g)
{
	return outside_json(g->outside);
}

void
api_measure_list(struct api_request *rq)
{
	static const struct api_listing what = {
			.row = row_json, .more = "outside", .more_json = feeds_json};

	api_listing_start(rq, &what);
}
