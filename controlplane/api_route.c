/* SPDX-License-Identifier: Apache-2.0 */
#include "api_route.h"

#include <string.h>

#include "api_change.h"
#include "api_decisions.h"
#include "api_events.h"
#include "api_flows.h"
#include "api_forecast.h"
#include "api_history.h"
#include "api_measure.h"
#include "api_policy.h"
#include "api_risk.h"
#include "api_show.h"

static const struct route {
	const char *method, *path;
	void (*fn)(struct api_request *rq);
} routes[] = {
		{"GET", "/v1/status", api_show_status},
		{"GET", "/v1/services", api_show_services},
		{"GET", "/v1/endpoints", api_show_endpoints},
		{"GET", "/v1/flows", api_flows_list},
		{"GET", "/v1/lcores", api_show_lcores},
		{"GET", "/v1/ports", api_show_ports},
		{"GET", "/v1/drops", api_show_drops},
		{"GET", "/v1/events", api_events_list},
		{"GET", "/v1/explain", api_flows_explain},
		{"GET", "/v1/forecast", api_forecast_list},
		{"GET", "/v1/risk", api_risk_list},
		{"GET", "/v1/history", api_history_show},
		{"GET", "/v1/records", api_history_records},
		{"GET", "/v1/models", api_history_models},
		{"GET", "/v1/models/state", api_history_model},
		{"GET", "/v1/measurements", api_measure_list},
		{"GET", "/v1/decisions", api_decisions_list},
		{"GET", "/v1/policy", api_policy_list},
		{"GET", "/v1/neighbours", api_show_neighbours},
		{"GET", "/v1/config", api_show_config},
		{"GET", "/metrics", api_show_metrics},
		{"POST", "/v1/shift", api_change_shift},
		{"POST", "/v1/mirror", api_change_mirror},
		{"POST", "/v1/drain", api_change_drain},
		{"POST", "/v1/failover", api_change_failover},
		{"POST", "/v1/weight", api_change_weight},
		{"POST", "/v1/models/reset", api_history_models_reset},
		{"POST", "/v1/policy", api_policy_change},
		{"POST", "/v1/approve", api_policy_approve},
		{"POST", "/v1/reload", api_change_reload},
};

/* One of the path that takes another method, if none takes this one. */
static const struct route *
route_or_null(const char *method, const char *path)
{
	const struct route *other = NULL;
	size_t i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (!strcmp(routes[i].method, method))
			return &routes[i];
		other = &routes[i];
	}
	return other;
}

void
api_route(struct api_request *rq, const char *method, const char *path)
{
	const struct route *r = route_or_null(method, path);

	if (!r) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 404,
						.message = "no such resource",
						.field = "path",
						.value = path,
						.hint = "docs/api.md lists them; GET /v1/status is "
							"a start"});
	} else if (strcmp(r->method, method)) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 405,
						.message = "the resource does not take this method",
						.field = "method",
						.value = method,
						.hint = r->method});
	} else {
		r->fn(rq);
	}
}

int
api_route_body(struct api_request *rq, const char *body, size_t size)
{
	char where[200];
	json_error_t error;

	if (size == 0) {
		rq->body = json_object();
		return 0;
	}
	rq->body = json_loadb(body, size, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(rq->body))
		return 0;
	if (rq->body)
		snprintf(where, sizeof(where), "it must be an object");
	else
		snprintf(where, sizeof(where), "line %d, column %d: %s", error.line, error.column,
				error.text);
	api_reply_fault(rq,
			&(struct api_fault){.status = 400,
					.message = "the body is not a JSON object",
					.field = "body",
					.hint = where});
	return -1;
}
