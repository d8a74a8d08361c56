/* SPDX-License-Identifier: Apache-2.0 */
#include "api_change.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "api_show.h"

/* As the configuration allows. */
#define WEIGHT_MAX 65535

static uint64_t
generation(struct gateway *g)
{
	struct publish_stats p;

	publish_stats(g->publisher, &p);
	return p.generation;
}

static void
answer(struct api_request *rq, const struct endpoint *e)
{
	gateway_apply(rq->g);
	api_reply_json(rq,
			json_pack("{s:o s:o}", "generation", api_count(generation(rq->g)),
					"endpoint", api_endpoint_row(rq->g, e, false)));
}

static void
refuse(struct api_request *rq, const struct endpoint *e, const char *message, const char *hint)
{
	api_reply_fault(rq,
			&(struct api_fault){.status = 409,
					.message = message,
					.field = "endpoint",
					.value = e->config->name,
					.hint = hint});
}

/* The registry's answer, told. True if it took the change. */
static bool
accepted(struct api_request *rq, const struct endpoint *e, int rc)
{
	if (rc == 0)
		return true;
	if (rc == -ENOENT)
		refuse(rq, e, "the endpoint has no shadow",
				"name one under `shadows` of the endpoint and reload");
	else if (rc == -EHOSTUNREACH)
		refuse(rq, e, "no other endpoint of the service can take its flows",
				"see `understudyctl endpoints` for what is down or drained");
	else if (rc == -ENOMEM)
		api_reply_fault(rq, &(struct api_fault){.status = 500, .message = "out of memory"});
	else
		refuse(rq, e, strerror(-rc), NULL);
	return false;
}

void
api_change_shift(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", "share", NULL};
	struct endpoint *e;
	uint32_t share = 0, before;

	if (api_body_known(rq, known) < 0 || api_body_required(rq, "share") < 0 ||
			api_body_share(rq, "share", &share) < 0)
		return;
	e = api_body_endpoint_or_null(rq);
	if (!e)
		return;
	before = e->shift;
	if (!accepted(rq, e, registry_set_shift(rq->g->registry, e, share, SETTING_RUNTIME)))
		return;
	journal_add(rq->g->journal, JOURNAL_NOTICE, "shift", e->service->config->name,
			e->config->name, "share of new flows to the shadow %.4g %% (was %.4g %%)",
			share * 100.0 / SHARE_ONE, before * 100.0 / SHARE_ONE);
	answer(rq, e);
}

static int
mirror_read(struct api_request *rq, struct config_mirror *m)
{
	uint64_t shadows = m->shadows, pps = m->pps, bps = m->bps;

	if (api_body_share(rq, "share", &m->share) < 0 ||
			api_body_number(rq, "shadows", VIEW_SHADOWS_MAX, &shadows) < 0 ||
			api_body_number(rq, "packets_per_second", UINT32_MAX, &pps) < 0 ||
			api_body_number(rq, "bits_per_second", INT64_MAX, &bps) < 0)
		return -1;
	m->shadows = (uint32_t)shadows;
	m->pps = (uint32_t)pps;
	m->bps = bps;
	return 0;
}

static bool
mirror_possible(struct api_request *rq, const struct endpoint *e, const struct config_mirror *m)
{
	if (m->share == 0)
		return true;
	if (e->service->config->protocol == IPPROTO_TCP)
		refuse(rq, e, "a TCP service cannot be mirrored yet", "see docs/limits.md");
	else if (e->shadow_count == 0)
		refuse(rq, e, "the endpoint has no shadow",
				"name one under `shadows` of the endpoint and reload");
	else if (m->shadows > e->shadow_count)
		refuse(rq, e, "the endpoint has fewer shadows than that", NULL);
	else
		return true;
	return false;
}

void
api_change_mirror(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", "share", "shadows",
			"packets_per_second", "bits_per_second", NULL};
	struct config_mirror mirror;
	struct endpoint *e;

	if (api_body_known(rq, known) < 0)
		return;
	e = api_body_endpoint_or_null(rq);
	if (!e)
		return;
	mirror = e->mirror;
	if (mirror_read(rq, &mirror) < 0)
		return;
	if (mirror.share && mirror.shadows == 0)
		mirror.shadows = 1;
	if (!mirror_possible(rq, e, &mirror) ||
			!accepted(rq, e,
					registry_set_mirror(rq->g->registry, e, &mirror,
							SETTING_RUNTIME)))
		return;
	journal_add(rq->g->journal, JOURNAL_NOTICE, "mirror", e->service->config->name,
			e->config->name, "share of flows mirrored %.4g %%, to %u shadow%s",
			mirror.share * 100.0 / SHARE_ONE, mirror.shadows,
			mirror.shadows == 1 ? "" : "s");
	answer(rq, e);
}

void
api_change_drain(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", "drain", NULL};
	struct endpoint *e;
	bool drain = true;

	if (api_body_known(rq, known) < 0 || api_body_bool(rq, "drain", &drain) < 0)
		return;
	e = api_body_endpoint_or_null(rq);
	if (!e || !accepted(rq, e, registry_set_drain(rq->g->registry, e, drain, SETTING_RUNTIME)))
		return;
	journal_add(rq->g->journal, JOURNAL_NOTICE, "drain", e->service->config->name,
			e->config->name, drain ? "takes no new flows" : "takes new flows again");
	answer(rq, e);
}

void
api_change_failover(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", NULL};
	struct endpoint *e;
	bool drained, by_drain;

	if (api_body_known(rq, known) < 0)
		return;
	e = api_body_endpoint_or_null(rq);
	if (!e)
		return;
	drained = e->drain;
	if (!accepted(rq, e, registry_fail_over(rq->g->registry, e)))
		return;
	by_drain = e->shift < SHARE_ONE || (e->drain && !drained);
	journal_add(rq->g->journal, JOURNAL_NOTICE, "failover", e->service->config->name,
			e->config->name, "all its flows moved off on request; it %s",
			by_drain ? "is drained" : "is shifted to its shadow");
	answer(rq, e);
	json_object_set_new(rq->reply.body, "by", json_string(by_drain ? "drain" : "shift"));
}

/* As the configuration is checked: without weight there is no table, and the service drops all new flows. */
static bool
weight_left(const struct endpoint *changed, uint64_t weight)
{
	const struct service *s = changed->service;
	size_t i;

	for (i = 0; i < s->endpoint_count && !weight; i++)
		weight = s->endpoint[i] == changed ? 0 : s->endpoint[i]->weight;
	return weight;
}

void
api_change_weight(struct api_request *rq)
{
	static const char *const known[] = {"service", "endpoint", "weight", NULL};
	struct endpoint *e;
	uint64_t weight = 0;

	if (api_body_known(rq, known) < 0 || api_body_required(rq, "weight") < 0 ||
			api_body_number(rq, "weight", WEIGHT_MAX, &weight) < 0)
		return;
	e = api_body_endpoint_or_null(rq);
	if (e && !weight_left(e, weight)) {
		refuse(rq, e, "no endpoint of the service would have weight",
				"the service would drop all new flows; `drain` gives them to "
				"others");
		return;
	}
	if (!e || !accepted(rq, e, registry_set_weight(rq->g->registry, e, (uint32_t)weight)))
		return;
	journal_add(rq->g->journal, JOURNAL_NOTICE, "weight", e->service->config->name,
			e->config->name, "weight %llu until the next reload",
			(unsigned long long)weight);
	answer(rq, e);
}

static json_t *
error_lines(const struct config_errors *errors)
{
	json_t *lines = json_array();
	size_t i;

	for (i = 0; i < errors->count; i++)
		json_array_append_new(lines, json_string(errors->line[i]));
	return lines;
}

void
api_change_reload(struct api_request *rq)
{
	static const char *const known[] = {NULL};
	struct config_errors errors = {0};
	int rc;

	if (api_body_known(rq, known) < 0)
		return;
	rc = gateway_reload(rq->g, &errors);
	if (rc < 0) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 422,
						.message = "the configuration was refused; nothing "
							   "changed",
						.field = "config_file",
						.value = rq->g->config_file});
		json_object_set_new(json_object_get(rq->reply.body, "error"), "errors",
				error_lines(&errors));
	} else {
		api_reply_json(rq,
				json_pack("{s:o s:o}", "generation", api_count(generation(rq->g)),
						"warnings", error_lines(&errors)));
	}
	config_errors_free(&errors);
}
