/* SPDX-License-Identifier: Apache-2.0 */
#include "api_risk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api_work.h"
#include "endpoint_walk.h"
#include "predictor.h"

static const char *const kind_name[RISK_REASON_KINDS] = {
		[RISK_OWN_PAST] = "own_past",
		[RISK_PEERS] = "peers",
		[RISK_LIMIT] = "limit",
		[RISK_LEVEL] = "level",
		[RISK_TRICKLE] = "trickle",
		[RISK_SILENCE] = "silence",
		[RISK_HEALTH] = "health",
		[RISK_LOAD] = "load",
		[RISK_OUTSIDE] = "outside",
};

static json_t *
reason_json(const struct predictor_view *v, const struct risk_reason *r)
{
	const struct metric *m = r->metric < v->count ? &v->metric[r->metric] : NULL;
	char text[256];

	risk_reason_text(r, m, text, sizeof(text));
	return json_pack("{s:s s:s? s:o s:o s:o s:o s:s}", "kind", kind_name[r->kind], "metric",
			m ? m->name : NULL, "weight", api_real(r->weight), "value",
			api_real(r->value), "low", api_real(r->low), "high", api_real(r->high),
			"text", text);
}

static json_t *
reasons_json(const struct predictor_view *v)
{
	json_t *out = json_array();
	uint32_t i;

	for (i = 0; i < v->risk->reason_count; i++)
		json_array_append_new(out, reason_json(v, &v->risk->reason[i]));
	return out;
}

static json_t *
by_horizon(const double value[RISK_HORIZONS])
{
	json_t *out = json_object();
	char key[16];
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++) {
		snprintf(key, sizeof(key), "%u", risk_horizon_s[k]);
		json_object_set_new(out, key, api_real(value[k]));
	}
	return out;
}

static const char *
state_of(const struct risk *r)
{
	if (r->failing)
		return "failing";
	if (isnan(r->probability[0]))
		return "learning";
	return r->observed ? "watched" : "unwatched";
}

static json_t *
risk_json(const struct predictor_view *v)
{
	char why[1024];

	risk_text(v->risk, v->metric, why, sizeof(why));
	return json_pack("{s:s s:o s:o s:s s:s s:o}", "state", state_of(v->risk), "probability",
			by_horizon(v->risk->probability), "uncalibrated", by_horizon(v->risk->raw),
			"measured_on", v->by_copies ? "copies" : "traffic", "why", why, "reasons",
			reasons_json(v));
}

json_t *
api_risk_json(struct gateway *g, const struct endpoint *e)
{
	struct predictor_view v;

	predictor_view(g->predictor, e, &v);
	return v.risk ? risk_json(&v) : json_null();
}

static json_t *
metrics_json(const struct predictor_view *v)
{
	json_t *out = json_array();
	size_t i;

	for (i = 0; i < v->count; i++)
		json_array_append_new(out,
				json_pack("{s:s s:s s:o s:o s:o}", "metric", v->metric[i].name,
						"unit", v->metric[i].unit, "value",
						api_real(v->value[i]), "peers",
						api_real(v->peer[i]), "limit",
						api_real(v->metric[i].limit)));
	return out;
}

static json_t *
features_json(const struct predictor_view *v)
{
	json_t *out = json_object(), *row;
	unsigned f, k;

	for (f = 0; f < HAZARD_FEATURES; f++) {
		row = json_array();
		for (k = 0; k < HAZARD_INTERVALS; k++)
			json_array_append_new(row, api_real(v->features->x[k][f]));
		json_object_set_new(out, hazard_feature_name(f), row);
	}
	return out;
}

static json_t *
row_json(struct gateway *g, const struct endpoint *e, bool explain)
{
	struct predictor_view v;
	json_t *row = json_pack("{s:s s:s}", "service", e->service->config->name, "endpoint",
			e->config->name);

	predictor_view(g->predictor, e, &v);
	if (!v.risk) {
		json_object_set_new(row, "state", json_string("unknown"));
		return row;
	}
	json_object_update_new(row, risk_json(&v));
	if (explain) {
		json_object_set_new(row, "features", features_json(&v));
		json_object_set_new(row, "metrics", metrics_json(&v));
	}
	return row;
}

/*
 * How good the statements were
 */

static json_t *
score_json(const struct calibration_score *score, uint32_t horizon_s)
{
	struct calibration_report r;

	calibration_report(score, &r);
	return json_pack("{s:i s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "horizon", (int)horizon_s,
			"statements", api_count(r.statements), "came_true", api_count(r.came_true),
			"independent", api_real(r.independent), "base_rate", api_real(r.base_rate),
			"brier", api_real(r.brier), "skill", api_real(r.skill), "calibration_error",
			api_real(r.calibration_error), "precision", api_real(r.precision), "recall",
			api_real(r.recall));
}

static json_t *
scores_json(const struct calibration_score score[RISK_HORIZONS])
{
	json_t *out = json_array();
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++)
		json_array_append_new(out, score_json(&score[k], risk_horizon_s[k]));
	return out;
}

static json_t *
quality_json(const struct predictor *p)
{
	const struct risk_model *m = predictor_model(p);
	struct predictor_stats stats;

	predictor_stats(p, &stats);
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "statements",
			scores_json(m->score), "uncalibrated", scores_json(m->raw_score),
			"failures", api_count(m->failures), "failures_seen",
			api_count(m->failures_seen), "alarms", api_count(m->alarms), "alarms_true",
			api_count(m->alarms_true), "lead_s_median",
			api_real(risk_model_lead_median(m)), "censored", api_count(m->censored),
			"learnt", api_count(m->hazard.learnt), "late", api_count(stats.late));
}

/*
 * The list, in turns
 */

struct listing {
	struct gateway *g;
	struct endpoint_walk walk;
	const char *endpoint; /* NULL: all */
	bool explain, any;
	FILE *f;
	char *text;
	size_t size;
};

static int
listing_read(struct api_request *rq, struct listing *l)
{
	static const char *const known[] = {"service", "endpoint", "explain", NULL};
	const char *service = api_arg_or_null(rq, "service");
	uint64_t wanted = 0;

	if (api_args_known(rq, known) < 0 || api_arg_number(rq, "explain", 1, &wanted) < 0 ||
			(service && !api_service_or_null(rq, service)))
		return -1;
	l->endpoint = api_arg_or_null(rq, "endpoint");
	if (service && l->endpoint && !api_endpoint_or_null(rq, service, l->endpoint))
		return -1;
	l->g = rq->g;
	l->explain = wanted;
	endpoint_walk_init(&l->walk, rq->g->registry, service);
	return 0;
}

static void
listing_begin(struct listing *l)
{
	rewind(l->f);
	l->any = false;
	fputs("{\"endpoints\":[", l->f);
}

static void
dump(FILE *f, json_t *value)
{
	json_dumpf(value, f, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(value);
}

static void
listing_add(struct listing *l, const struct endpoint *e)
{
	if (l->endpoint && strcmp(l->endpoint, e->config->name))
		return;
	if (l->any)
		fputc(',', l->f);
	l->any = true;
	dump(l->f, row_json(l->g, e, l->explain));
}

static void
listing_reply(struct api_request *rq, struct listing *l)
{
	char *text = NULL;

	fputs("],\"quality\":", l->f);
	dump(l->f, quality_json(l->g->predictor));
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

void
api_risk_list(struct api_request *rq)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		api_reply_json(rq, NULL);
		return;
	}
	if (listing_read(rq, l) < 0) {
		listing_free(l);
		return;
	}
	l->f = open_memstream(&l->text, &l->size);
	if (!l->f) {
		listing_free(l);
		api_reply_json(rq, NULL);
		return;
	}
	listing_begin(l);
	api_work_start(rq, listing_turn, listing_free, l);
}
