/* SPDX-License-Identifier: Apache-2.0 */
#include "api_forecast.h"

#include <math.h>
#include <string.h>

#include "load_forecast.h"
#include "load_series.h"

/* Seconds ahead that are shown, as far as the horizon reaches. */
static const uint32_t ahead_s[] = {10, 30, 60, 120, 300, 600, 1200, 1800, 2700, 3600};

static const char *const load_name[] = {
		[LOAD_REQUESTS] = "requests", [LOAD_FLOWS] = "flows", [LOAD_BYTES] = "bytes"};

struct moment {
	const struct load_calendar *calendar;
	int64_t civil_s;
	int32_t zone_s;
};

static json_t *
ahead_json(const struct load_series *s, const struct moment *m)
{
	uint64_t horizon_s = (uint64_t)forecast_settings_of(s->model)->horizon * s->interval_s;
	json_t *out = json_array();
	double q[3];
	size_t i, k;

	for (i = 0; i < sizeof(ahead_s) / sizeof(ahead_s[0]); i++) {
		if (ahead_s[i] < s->interval_s || ahead_s[i] > horizon_s)
			continue;
		for (k = 0; k < 3; k++)
			q[k] = load_series_quantile(s, m->calendar, m->zone_s, ahead_s[i],
					0.1 + 0.4 * (double)k);
		json_array_append_new(out,
				json_pack("{s:i s:o s:o s:o}", "seconds", (int)ahead_s[i], "q10",
						api_real(q[0]), "q50", api_real(q[1]), "q90",
						api_real(q[2])));
	}
	return out;
}

/* Oldest first; null where nothing was measured. */
static json_t *
recent_json(const struct load_series *s)
{
	json_t *out = json_array();
	uint32_t i, n = s->recent_at < LOAD_RECENT ? s->recent_at : LOAD_RECENT;

	for (i = 0; i < n; i++)
		json_array_append_new(
				out, api_real(s->recent[(s->recent_at - n + i) % LOAD_RECENT]));
	return out;
}

static json_t *
statement_json(const struct load_when *w)
{
	struct calibration_report r;

	calibration_report(&w->watch.score, &r);
	return json_pack("{s:s s:o s:b s:o s:o s:o s:o s:o s:o s:o}", "statement", w->text,
			"probability", api_real(w->watch.probability), "holds", w->holds,
			"statements", api_count(r.statements), "came_true", api_count(r.came_true),
			"calibration_error", api_real(r.calibration_error), "brier",
			api_real(r.brier), "skill", api_real(r.skill), "precision",
			api_real(r.precision), "recall", api_real(r.recall));
}

static json_t *
statements_json(const struct load_series *s)
{
	json_t *out = json_array();
	size_t i;

	for (i = 0; i < s->when_count; i++)
		json_array_append_new(out, statement_json(&s->when[i]));
	return out;
}

static json_t *
events_json(const struct moment *m)
{
	uint32_t mask = load_calendar_at(m->calendar, m->civil_s), i;
	json_t *out = json_array();

	for (i = 0; i < FORECAST_EVENTS_MAX; i++) {
		if (mask >> i & 1)
			json_array_append_new(out, json_string(m->calendar->name[i]));
	}
	return out;
}

static json_t *
row_json(struct gateway *g, const struct moment *m, const struct service *service,
		const struct endpoint *e)
{
	const struct config_forecast *config = &service->config->forecast;
	struct load_series *s = load_forecast_series_or_null(g->load_forecasts, service, e);
	json_t *row = json_pack("{s:s s:s? s:s}", "service", service->config->name, "endpoint",
			e ? e->config->name : NULL, "load", load_name[config->load]);

	if (!s)
		return row;
	json_object_set_new(row, "interval", json_integer(s->interval_s));
	json_object_set_new(row, "intervals", api_count(forecast_samples(s->model)));
	json_object_set_new(row, "now", api_real(load_series_now(s)));
	json_object_set_new(row, "ahead", ahead_json(s, m));
	json_object_set_new(row, "recent", recent_json(s));
	if (!e)
		json_object_set_new(row, "statements", statements_json(s));
	if (e)
		json_object_set_new(row, "share_of_capacity",
				api_real(load_forecast_share_of_capacity(
						g->load_forecasts, e, 300, 0.9)));
	return row;
}

static void
add_service(struct gateway *g, const struct moment *m, const struct service *s, json_t *rows)
{
	json_array_append_new(rows, row_json(g, m, s, NULL));
}

static void
add_endpoints(struct gateway *g, const struct moment *m, const struct service *s, json_t *rows)
{
	size_t i;

	for (i = 0; i < s->endpoint_count; i++)
		json_array_append_new(rows, row_json(g, m, s, s->endpoint[i]));
}

/* One endpoint; a service with its endpoints; or all services without theirs. */
static json_t *
rows_json(struct gateway *g, const struct moment *m, const struct service *s,
		const struct endpoint *e)
{
	json_t *rows = json_array();
	size_t i;

	if (e) {
		json_array_append_new(rows, row_json(g, m, s, e));
	} else if (s) {
		add_service(g, m, s, rows);
		add_endpoints(g, m, s, rows);
	} else {
		for (i = 0; i < registry_service_count(g->registry); i++)
			add_service(g, m, registry_service_at(g->registry, i), rows);
	}
	return rows;
}

void
api_forecast_list(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", NULL};
	const char *service = api_arg_or_null(rq, "service");
	const char *endpoint = api_arg_or_null(rq, "endpoint");
	const struct endpoint *e = NULL;
	const struct service *s = NULL;
	struct moment m;

	if (api_args_known(rq, known) < 0)
		return;
	if (service && !(s = api_service_or_null(rq, service)))
		return;
	if (service && endpoint && !(e = api_endpoint_or_null(rq, service, endpoint)))
		return;
	m.calendar = load_forecast_calendar(rq->g->load_forecasts, &m.civil_s, &m.zone_s);
	api_reply_json(rq,
			json_pack("{s:o s:o}", "forecasts", rows_json(rq->g, &m, s, e), "events",
					events_json(&m)));
}
