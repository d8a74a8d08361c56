/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate: what another configuration's policies would have done with the recorded past. The daemon's own code decides,
 * second by second, over what its history kept. What cannot be known is assumed: a shadow that was up and whose risk
 * was low would have done as well as the primary, and a shift changes nothing of what was measured.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "config.h"
#include "policy.h"
#include "units.h"

#define DAY_MS 86400000.0
#define WINDOW_S 5.0 /* as evidence.c: the objective is held against the last seconds */
#define SECOND_MS 1000
#define STEP_MAX_S 60 /* the coarsest that is kept */

/* A recorded series, read from front to back. */
struct track {
	json_t *reply;
	const json_t *points;
	size_t at;
};

enum track_kind {
	TRACK_RISK,
	TRACK_RISK_SOON,
	TRACK_ERRORS,
	TRACK_LATENCY,
	TRACK_REQUESTS,
	TRACK_SHADOW_RISK,
	TRACK_SHIFT, /* what happened */
	TRACK_RULES, /* the first of them */
	TRACKS = TRACK_RULES + POLICY_RULES_MAX
};

struct replay {
	struct request *rq;
	const struct config_service *service;
	const struct config_endpoint *endpoint;
	double from_ms, to_ms;
	uint32_t step_s;
	struct track track[TRACKS];
	uint32_t departures;
	double shifted_s,
			shifted_then_s; /* sums of the share over time: simulated, and as it was */
	json_t *lines;
};

static const char *
risk_name(uint32_t horizon)
{
	static const char *const names[] = {"risk_30s", "risk_60s", "risk_300s"};

	return names[horizon < 3 ? horizon : 1];
}

/* What is not kept is not known: an empty track. */
static enum client_result
track_read(struct replay *r, enum track_kind kind, const char *endpoint, const char *metric)
{
	char number[32], *path = client_query(strdup("/v1/history"), "service", r->service->name);
	enum client_result rc;

	path = client_query(path, "endpoint", endpoint);
	path = client_query(path, "metric", metric);
	snprintf(number, sizeof(number), "%.0f", r->from_ms);
	path = client_query(path, "from", number);
	snprintf(number, sizeof(number), "%.0f", r->to_ms);
	path = client_query(path, "to", number);
	snprintf(number, sizeof(number), "%u", r->step_s);
	path = client_query(path, "step", number);
	rc = client_get(r->rq->client, path, &r->track[kind].reply);
	free(path);
	if (rc == CLIENT_REFUSED)
		return CLIENT_OK;
	r->track[kind].points = json_object_get(
			json_array_get(json_object_get(r->track[kind].reply, "series"), 0),
			"points");
	return rc;
}

static enum client_result
tracks_read(struct replay *r)
{
	const struct policy_config *c = &r->service->policy;
	const char *name = r->endpoint->name;
	const struct {
		enum track_kind kind;
		const char *endpoint, *metric;
	} wanted[] = {{TRACK_RISK, name, risk_name(c->horizon)},
			{TRACK_RISK_SOON, name, risk_name(0)}, {TRACK_ERRORS, name, "errors"},
			{TRACK_LATENCY, name, "reply_p99"}, {TRACK_REQUESTS, name, "requests"},
			{TRACK_SHADOW_RISK, r->endpoint->shadow[0], risk_name(c->horizon)},
			{TRACK_SHIFT, name, "shift"}};
	enum client_result rc = CLIENT_OK;
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]) && rc == CLIENT_OK; i++)
		rc = track_read(r, wanted[i].kind, wanted[i].endpoint, wanted[i].metric);
	for (i = 0; i < c->rule_count && rc == CLIENT_OK; i++)
		rc = track_read(r, TRACK_RULES + (enum track_kind)i, name, c->rule[i].metric);
	return rc;
}

/* The value in force at that time; NAN where nothing was recorded. */
static double
track_value(struct replay *r, enum track_kind kind, double ms)
{
	struct track *t = &r->track[kind];
	const json_t *point;

	while (t->at + 1 < json_array_size(t->points) &&
			unit_number(json_array_get(json_array_get(t->points, t->at + 1), 0)) <= ms)
		t->at++;
	point = json_array_get(t->points, t->at);
	if (!point || unit_number(json_array_get(point, 0)) > ms ||
			unit_number(json_array_get(point, 0)) + 2000.0 * r->step_s < ms)
		return NAN;
	return unit_number(json_array_get(point, 1));
}

static double
zero_if_unknown(double x)
{
	return isnan(x) ? 0 : x;
}

static struct policy_input
input_at(struct replay *r, double ms)
{
	const struct policy_objective *o = &r->service->objective;
	double requests = zero_if_unknown(track_value(r, TRACK_REQUESTS, ms));
	double latency = track_value(r, TRACK_LATENCY, ms);
	struct policy_input in = {.now_ms = (uint64_t)ms,
			.mode = POLICY_ACT,
			.granted = true,
			.objective = *o,
			.base_shift = r->endpoint->shift,
			.primary_up = true,
			.shadow = true,
			.shadow_up = true,
			.shadow_room = NAN,
			.verdict = SEQUENTIAL_NOT_WORSE,
			.requests = requests,
			.window_requests = requests * WINDOW_S};
	size_t i;

	in.risk = track_value(r, TRACK_RISK, ms);
	in.risk_soon = track_value(r, TRACK_RISK_SOON, ms);
	in.shadow_risk = track_value(r, TRACK_SHADOW_RISK, ms);
	in.window_errors = zero_if_unknown(track_value(r, TRACK_ERRORS, ms)) * in.window_requests;
	if (o->latency_us && latency > o->latency_us)
		in.window_slow = in.window_requests;
	for (i = 0; i < POLICY_RULES_MAX; i++) {
		in.rule_value[i] = track_value(r, TRACK_RULES + (enum track_kind)i, ms);
		in.shadow_rule_value[i] = NAN;
	}
	return in;
}

static void
keep_line(struct replay *r, double ms, const struct policy_decision *d)
{
	json_array_append_new(r->lines,
			json_pack("{s:f s:s s:s s:s s:s s:s s:f}", "time", ms, "service",
					r->service->name, "endpoint", r->endpoint->name, "rung",
					policy_rung_name(d->rung), "text",
					policy_rung_text(d->rung), "state",
					policy_state_name(d->state), "shift",
					d->shift / (double)POLICY_SHARE_ONE));
}

static void
replay_run(struct replay *r)
{
	const struct policy_config *c = &r->service->policy;
	struct policy p = {0};
	struct policy_decision d;
	struct policy_input in;
	double ms;

	for (ms = r->from_ms; ms < r->to_ms; ms += SECOND_MS) {
		in = input_at(r, ms);
		policy_look(&p, c, &in);
		d = policy_run(&p, c, &in);
		r->departures += d.shift_was == p.base && d.shift > p.base;
		r->shifted_s += d.shift / (double)POLICY_SHARE_ONE;
		r->shifted_then_s += zero_if_unknown(track_value(r, TRACK_SHIFT, ms));
		if (d.note)
			keep_line(r, ms, &d);
	}
}

static void
replay_print(const struct replay *r)
{
	char stamp[32];
	json_t *line;
	struct tm tm;
	time_t t;
	size_t i;

	json_array_foreach(r->lines, i, line)
	{
		t = (time_t)(command_number(line, "time") / 1000);
		strftime(stamp, sizeof(stamp), "%F %T", localtime_r(&t, &tm));
		printf("%s %s/%s %s: %s, shift %.4g %%\n", stamp, r->service->name,
				r->endpoint->name, command_text(line, "rung"),
				command_text(line, "state"), command_number(line, "shift") * 100);
	}
	printf("%s/%s: %u departures, %.0f s of full shift; as it was: %.0f s\n", r->service->name,
			r->endpoint->name, r->departures, r->shifted_s, r->shifted_then_s);
}

static enum client_result
replay_endpoint(struct replay *r, json_t *out)
{
	enum client_result rc;
	int i;

	r->lines = json_array();
	rc = tracks_read(r);
	if (rc == CLIENT_OK)
		replay_run(r);
	if (rc == CLIENT_OK && !r->rq->json)
		replay_print(r);
	for (i = 0; i < TRACKS; i++)
		json_decref(r->track[i].reply);
	json_array_append_new(out,
			json_pack("{s:s s:s s:i s:f s:f s:o}", "service", r->service->name,
					"endpoint", r->endpoint->name, "departures",
					(int)r->departures, "shifted_s", r->shifted_s,
					"shifted_then_s", r->shifted_then_s, "decisions",
					r->lines));
	return rc;
}

static enum client_result
replay_all(struct replay *span, const struct config *config, const char *service_or_null)
{
	enum client_result rc = CLIENT_OK;
	json_t *out = json_array();
	struct replay r;
	size_t i, k;

	for (i = 0; i < config->service_count && rc == CLIENT_OK; i++) {
		const struct config_service *s = &config->service[i];

		if (service_or_null && strcmp(service_or_null, s->name) != 0)
			continue;
		for (k = 0; k < s->endpoint_count && rc == CLIENT_OK; k++) {
			if (!s->endpoint[k].shadow_count || !s->endpoint[k].weight)
				continue;
			r = *span;
			r.service = s;
			r.endpoint = &s->endpoint[k];
			rc = replay_endpoint(&r, out);
		}
	}
	if (rc == CLIENT_OK && span->rq->json)
		command_print_json(out);
	json_decref(out);
	return rc == CLIENT_OK ? rc : command_failed(span->rq, rc);
}

static bool
has_service(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->service_count; i++)
		if (!strcmp(config->service[i].name, name))
			return true;
	return false;
}

enum client_result
simulate_run(struct request *rq)
{
	struct config_errors errors = {0};
	struct config *config = config_load(rq->arg[0], &errors);
	double now_ms = floor((double)time(NULL)) * 1000;
	struct replay span = {.rq = rq,
			.to_ms = rq->until ? command_moment(rq->until, now_ms) : now_ms,
			.from_ms = command_moment(rq->since ? rq->since : "1d", now_ms)};
	enum client_result rc = CLIENT_USAGE;
	size_t i;

	for (i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.line[i]);
	if (isnan(span.from_ms) || isnan(span.to_ms) || span.from_ms >= span.to_ms) {
		command_misused("the time is none, or ends before it begins; write how long ago "
				"(15m, 1h, 7d) or 2026-11-21T04:00");
	} else if (config && rq->arg_count > 1 && !has_service(config, rq->arg[1])) {
		command_misused("%s has no service \"%s\"", rq->arg[0], rq->arg[1]);
		rc = CLIENT_REFUSED;
	} else if (config) {
		span.step_s = now_ms - span.from_ms <= DAY_MS / 24 ? 1
				: now_ms - span.from_ms <= DAY_MS  ? 10
								   : STEP_MAX_S;
		rc = replay_all(&span, config, rq->arg_count > 1 ? rq->arg[1] : NULL);
	}
	config_errors_free(&errors);
	config_free(config);
	return rc;
}
