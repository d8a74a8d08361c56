/* SPDX-License-Identifier: Apache-2.0 */
#include "api_policy.h"

#include <math.h>
#include <string.h>

#include "steering.h"
#include "steering_record.h"
#include "steering_rules.h"

/* A value that was not measured is null. */
static json_t *
rules_json(const struct endpoint *e, const struct steering_view *v)
{
	const struct policy_config *c = &e->service->config->policy;
	json_t *out = json_array();
	size_t i;

	for (i = 0; i < c->rule_count && i < POLICY_RULES_MAX; i++)
		json_array_append_new(out,
				json_pack("{s:s s:o s:b}", "rule", c->rule[i].text, "value",
						api_real(v->input->rule_value[i]), "never_seen",
						steering_rules_is_unseen(v->rules, e, i)));
	return out;
}

static json_t *
row(struct gateway *g, const struct endpoint *e)
{
	const struct endpoint *shadow = registry_standby_or_null(e);
	struct steering_view v;

	if (!steering_view(g->steering, e, &v))
		return NULL;
	return json_pack("{s:s s:s s:s s:s s:s s:b s:s s:s s:s s:s s:o s:o s:o s:o s:o}", "service",
			e->service->config->name, "endpoint", e->config->name, "shadow",
			shadow ? shadow->config->name : "", "mode", policy_mode_name(v.mode),
			"mode_source", v.mode_set ? "runtime" : "file", "hold", e->policy.hold,
			"state", policy_state_name(v.policy->state), "state_text",
			policy_state_text(v.policy->state), "rung", policy_rung_name(v.rung),
			"text", policy_rung_text(v.rung), "shift", api_share(e->shift), "risk",
			api_real(v.input->risk), "asked", api_count(v.asked), "comparison",
			steering_comparison_json(v.comparison), "rules", rules_json(e, &v));
}

static json_t *
rows(struct gateway *g, const struct service *s, const char *endpoint_or_null)
{
	json_t *out = json_array(), *one;
	size_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		if (endpoint_or_null && strcmp(endpoint_or_null, s->endpoint[i]->config->name) != 0)
			continue;
		one = row(g, s->endpoint[i]);
		if (one)
			json_array_append_new(out, one);
	}
	return out;
}

void
api_policy_list(struct api_request *rq)
{
	static const char *const known[] = {"service", NULL};
	const char *name = api_arg_or_null(rq, "service");
	json_t *all = json_array(), *of;
	const struct service *s;
	size_t i;

	if (api_args_known(rq, known) < 0 || (name && !api_service_or_null(rq, name))) {
		json_decref(all);
		return;
	}
	for (i = 0; i < registry_service_count(rq->g->registry); i++) {
		s = registry_service_at(rq->g->registry, i);
		if (name && strcmp(name, s->config->name) != 0)
			continue;
		of = rows(rq->g, s, NULL);
		json_array_extend(all, of);
		json_decref(of);
	}
	api_reply_json(rq, json_pack("{s:o}", "policy", all));
}

/* What an order says: -1 with the reply made if it is none. */
struct order {
	bool has_mode, file, has_hold, hold;
	enum policy_mode mode;
};

static int
order_read(struct api_request *rq, struct order *o)
{
	const char *mode = json_string_value(json_object_get(rq->body, "mode"));
	unsigned m = POLICY_MODES;

	o->has_hold = json_object_get(rq->body, "hold") != NULL;
	if (api_body_bool(rq, "hold", &o->hold) < 0)
		return -1;
	o->has_mode = json_object_get(rq->body, "mode") != NULL;
	o->file = mode && !strcmp(mode, "file");
	for (m = 0; mode && m < POLICY_MODES && strcmp(mode, policy_mode_name(m)) != 0; m++)
		;
	if ((o->has_mode || !o->has_hold) && !o->file && (!mode || m == POLICY_MODES)) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 400,
						.message = "not a mode of a policy",
						.field = "mode",
						.value = mode ? mode : "",
						.hint = "observe, advise, act, or file for "
							"what the configuration says; or hold: "
							"true or false"});
		return -1;
	}
	o->mode = (enum policy_mode)(m < POLICY_MODES ? m : 0);
	return 0;
}

static void
obey(struct gateway *g, struct endpoint *e, const struct order *o)
{
	const char *service = e->service->config->name, *name = e->config->name;

	if (o->has_mode) {
		steering_set_mode(g->steering, e, o->file ? NULL : &o->mode);
		journal_add(g->journal, JOURNAL_NOTICE, "policy", service, name, "mode %s",
				o->file ? "as in the file" : policy_mode_name(o->mode));
	}
	if (o->has_hold) {
		steering_hold(g->steering, e, o->hold);
		journal_add(g->journal, JOURNAL_NOTICE, "policy", service, name,
				o->hold ? "held: the policy keeps its hands off"
					: "released: the policy may act again");
	}
}

void
api_policy_change(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", "mode", "hold", NULL};
	const char *service = json_string_value(json_object_get(rq->body, "service"));
	const char *endpoint = json_string_value(json_object_get(rq->body, "endpoint"));
	struct order o = {0};
	struct service *s;
	size_t i;

	if (api_body_known(rq, known) < 0 || api_body_required(rq, "service") < 0 ||
			order_read(rq, &o) < 0)
		return;
	s = api_service_or_null(rq, service ? service : "");
	if (!s || (endpoint && !api_endpoint_or_null(rq, service, endpoint)))
		return;
	for (i = 0; i < s->endpoint_count; i++) {
		if (endpoint ? !strcmp(endpoint, s->endpoint[i]->config->name)
			     : s->endpoint[i]->shadow_count > 0)
			obey(rq->g, s->endpoint[i], &o);
	}
	gateway_apply(rq->g);
	api_reply_json(rq, json_pack("{s:o}", "policy", rows(rq->g, s, endpoint)));
}

static struct endpoint *
asked_or_null(struct api_request *rq)
{
	struct endpoint *e;
	uint64_t number = 0;

	if (!json_object_get(rq->body, "number"))
		return api_body_endpoint_or_null(rq);
	if (api_body_number(rq, "number", INT64_MAX, &number) < 0)
		return NULL;
	e = steering_asked_or_null(rq->g->steering, number);
	if (!e)
		api_reply_fault(rq,
				&(struct api_fault){.status = 409,
						.message = "no decision of that number awaits "
							   "approval",
						.field = "number",
						.hint = "see `understudyctl policy`"});
	return e;
}

void
api_policy_approve(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", "number", NULL};
	struct endpoint *e;

	if (api_body_known(rq, known) < 0)
		return;
	e = asked_or_null(rq);
	if (!e)
		return;
	if (steering_approve(rq->g->steering, e) < 0) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 409,
						.message = "nothing awaits approval there",
						.field = "endpoint",
						.value = e->config->name,
						.hint = "see `understudyctl policy`"});
		return;
	}
	journal_add(rq->g->journal, JOURNAL_NOTICE, "policy", e->service->config->name,
			e->config->name, "the shift was approved");
	api_reply_json(rq, json_pack("{s:o}", "policy", rows(rq->g, e->service, e->config->name)));
}
