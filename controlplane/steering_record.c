/* SPDX-License-Identifier: Apache-2.0 */
#include "steering_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api_request.h"
#include "history.h"
#include "measure.h"
#include "predictor.h"

#define DECISIONS_MAX 2000 /* kept in memory; the history keeps all */
#define REASON_SIZE 160

struct steering_record {
	struct gateway *g;
	uint64_t last; /* number of the newest; decision n stands in decision[n % DECISIONS_MAX] */
	json_t *decision[DECISIONS_MAX];
};

struct steering_record *
steering_record_create(struct gateway *g)
{
	struct steering_record *r = calloc(1, sizeof(*r));

	if (r)
		r->g = g;
	return r;
}

void
steering_record_free(struct steering_record *r)
{
	size_t i;

	for (i = 0; r && i < DECISIONS_MAX; i++)
		json_decref(r->decision[i]);
	free(r);
}

static json_t *
reasons_json(struct gateway *g, const struct endpoint *e, const struct risk *risk)
{
	size_t count, i;
	const struct metric *m = measurements_metrics(g->measurements, e->service, &count);
	const struct risk_reason *reason;
	json_t *out = json_array();
	char text[REASON_SIZE];

	for (i = 0; i < risk->reason_count && i < RISK_REASONS_MAX; i++) {
		reason = &risk->reason[i];
		risk_reason_text(reason, reason->metric < count ? &m[reason->metric] : NULL, text,
				sizeof(text));
		json_array_append_new(out, json_string(text));
	}
	return out;
}

static json_t *
risk_json(struct gateway *g, const struct endpoint *e)
{
	const struct risk *risk = predictor_risk_or_null(g->predictor, e);

	if (!risk)
		return json_null();
	return json_pack("{s:o s:o s:o s:o}", "30s", api_real(risk->probability[0]), "60s",
			api_real(risk->probability[1]), "300s", api_real(risk->probability[2]),
			"reasons", reasons_json(g, e, risk));
}

json_t *
steering_comparison_json(const struct comparison *c)
{
	enum comparison_kind by;
	enum sequential_verdict verdict = comparison_verdict(c, &by);
	json_t *shares = json_object();
	const struct sequential_share *s;
	int i;

	for (i = 0; i < COMPARE_KINDS; i++) {
		s = &c->share[i];
		if (!(s->reference >= 0))
			continue;
		json_object_set_new(shares, comparison_kind_name((enum comparison_kind)i),
				json_pack("{s:o s:o s:o s:o}", "expected", api_real(s->reference),
						"margin", api_real(s->margin), "seen",
						api_real(s->trials > 0 ? s->hits / s->trials : NAN),
						"requests", api_real(s->trials)));
	}
	return json_pack("{s:s s:s s:o s:o}", "verdict", sequential_verdict_name(verdict), "by",
			verdict == SEQUENTIAL_NOT_WORSE ? "" : comparison_kind_name(by), "requests",
			api_real(c->requests), "shares", shares);
}

static json_t *
inputs_json(struct gateway *g, const struct steering_case *c)
{
	const struct policy_input *in = c->input;
	const struct ladder_input *l = &c->policy->in;

	return json_pack("{s:o s:o s:b s:b s:b s:b s:b s:b s:b s:b s:o s:o s:o s:o s:o s:o}",
			"risk", risk_json(g, c->endpoint), "shadow_risk", api_real(in->shadow_risk),
			"primary_up", in->primary_up, "shadow_up", in->shadow_up, "shadow_suspect",
			in->shadow_suspect, "rule", l->rule, "breached", l->breached, "hot", l->hot,
			"cool", l->cool, "granted", in->granted, "requests_per_second",
			api_real(in->requests), "window_requests", api_real(in->window_requests),
			"window_slow", api_real(in->window_slow), "window_errors",
			api_real(in->window_errors), "shadow_room", api_real(in->shadow_room),
			"comparison", steering_comparison_json(c->comparison));
}

/* Why, and what was seen if somebody did worse. */
static void
reason_text(const struct steering_case *c, char text[REASON_SIZE])
{
	enum policy_rung rung = c->decision->rung;
	char seen[COMPARISON_TEXT_SIZE] = "";

	if (rung == RUNG_shadow_worse || rung == RUNG_relapse)
		comparison_text(c->comparison, seen);
	snprintf(text, REASON_SIZE, "%s%s%s", policy_rung_text(rung), seen[0] ? "; " : "", seen);
}

static json_t *
decision_json(struct gateway *g, const struct steering_case *c, const char *text, uint64_t number,
		uint64_t wall_ms)
{
	const struct policy_decision *d = c->decision;
	json_t *out = json_pack("{s:I s:I s:I s:s s:s s:s s:s}", "number", (json_int_t)number,
			"run", (json_int_t)g->started_ms, "time", (json_int_t)wall_ms, "service",
			c->endpoint->service->config->name, "endpoint", c->endpoint->config->name,
			"shadow", c->shadow_or_null ? c->shadow_or_null->config->name : "", "mode",
			policy_mode_name(c->input->mode));

	if (!out)
		return NULL;
	json_object_set_new(out, "rung", json_string(policy_rung_name(d->rung)));
	json_object_set_new(out, "text", json_string(text));
	json_object_set_new(out, "outcome", json_string(policy_outcome_name(d->outcome)));
	json_object_set_new(out, "state", json_string(policy_state_name(d->state)));
	json_object_set_new(out, "state_was", json_string(policy_state_name(d->was)));
	json_object_set_new(out, "shift", api_share(d->shift));
	json_object_set_new(out, "shift_was", api_share(d->shift_was));
	json_object_set_new(out, "inputs", inputs_json(g, c));
	return out;
}

static void
tell(struct gateway *g, const struct steering_case *c, const char *text, uint64_t number)
{
	const struct policy_decision *d = c->decision;
	const char *service = c->endpoint->service->config->name,
		   *endpoint = c->endpoint->config->name;

	if (d->outcome == POLICY_ASKED)
		journal_add(g->journal, JOURNAL_WARNING, "decision", service, endpoint,
				"%s: a shift to '%s' awaits `understudyctl approve %llu`", text,
				c->shadow_or_null ? c->shadow_or_null->config->name : "",
				(unsigned long long)number);
	else if (d->outcome == POLICY_WOULD)
		journal_add(g->journal, JOURNAL_NOTICE, "decision", service, endpoint,
				"%s: would shift, but the mode is observe", text);
	else if (d->outcome == POLICY_STAYED)
		journal_add(g->journal, JOURNAL_WARNING, "decision", service, endpoint,
				"%s: traffic stays where it is", text);
	else
		journal_add(g->journal, JOURNAL_NOTICE, "decision", service, endpoint,
				"%s: %s, share to the shadow %.4g %%", text,
				policy_state_name(d->state), d->shift * 100.0 / SHARE_ONE);
}

uint64_t
steering_record_add(struct steering_record *r, const struct steering_case *c)
{
	uint64_t number = ++r->last, wall_ms = loop_wall_ms();
	char text[REASON_SIZE];
	json_t *decision;

	reason_text(c, text);
	decision = decision_json(r->g, c, text, number, wall_ms);
	tell(r->g, c, text, number);
	if (decision && r->g->history)
		history_record(r->g->history, "decision", c->endpoint->service->config->name,
				c->endpoint->config->name, wall_ms, decision);
	json_decref(r->decision[number % DECISIONS_MAX]);
	r->decision[number % DECISIONS_MAX] = decision;
	return number;
}

static bool
is_named(const json_t *decision, const char *key, const char *name_or_null)
{
	const char *has = json_string_value(json_object_get(decision, key));

	return !name_or_null || (has && !strcmp(has, name_or_null));
}

static bool
matches(const json_t *decision, const struct steering_query *q)
{
	return is_named(decision, "service", q->service) &&
			is_named(decision, "endpoint", q->endpoint) &&
			(uint64_t)json_integer_value(json_object_get(decision, "time")) >=
			q->since_ms;
}

/* Of the newest that is in memory no more; 0: none. */
static uint64_t
newest_gone(const struct steering_record *r)
{
	return r->last >= DECISIONS_MAX ? r->last - DECISIONS_MAX : 0;
}

json_t *
steering_record_list(const struct steering_record *r, const struct steering_query *q)
{
	uint64_t n;
	json_t *out = json_array(), *decision;

	for (n = r->last; n > q->after && n > newest_gone(r) && json_array_size(out) < q->max;
			n--) {
		decision = r->decision[n % DECISIONS_MAX];
		if (decision && matches(decision, q))
			json_array_insert(out, 0, decision);
	}
	return out;
}

json_t *
steering_record_next(const struct steering_record *r, const struct steering_query *q)
{
	uint64_t gone = newest_gone(r), n;
	json_t *out = json_array(), *decision;

	for (n = (q->after > gone ? q->after : gone) + 1;
			n <= r->last && json_array_size(out) < q->max; n++) {
		decision = r->decision[n % DECISIONS_MAX];
		if (decision && matches(decision, q))
			json_array_append(out, decision);
	}
	return out;
}

uint64_t
steering_record_number(const struct steering_record *r, const json_t *decision)
{
	json_int_t run = json_integer_value(json_object_get(decision, "run"));
	json_int_t number = json_integer_value(json_object_get(decision, "number"));

	return (uint64_t)run == r->g->started_ms && number > 0 ? (uint64_t)number : 0;
}

bool
steering_record_keeps(const struct steering_record *r, uint64_t number)
{
	return number > newest_gone(r) && number <= r->last;
}

uint64_t
steering_record_last(const struct steering_record *r)
{
	return r->last;
}
