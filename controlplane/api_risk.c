/* SPDX-License-Identifier: Apache-2.0 */
#include "api_risk.h"

#include <math.h>

#include "api_listing.h"
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
quality_json(struct gateway *g)
{
	const struct risk_model *m = predictor_model(g->predictor);
	struct predictor_stats stats;

	predictor_stats(g->predictor, &stats);
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "statements",
			scores_json(m->score), "uncalibrated", scores_json(m->raw_score),
			"failures", api_count(m->failures), "failures_seen",
			api_count(m->failures_seen), "alarms", api_count(m->alarms), "alarms_true",
			api_count(m->alarms_true), "lead_s_median",
			api_real(risk_model_lead_median(m)), "censored", api_count(m->censored),
			"learnt", api_count(m->hazard.learnt), "late", api_count(stats.late));
}

void
api_risk_list(struct api_request *rq)
{
	static const struct api_listing what = {.flag = "explain",
			.row = row_json,
			.more = "quality",
			.more_json = quality_json};

	api_listing_start(rq, &what);
}
