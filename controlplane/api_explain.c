/* SPDX-License-Identifier: Apache-2.0 */
/* Why a flow goes where it goes: the lcores' own steer() on the view in force, and the live flow if there is one. */
#include <netinet/in.h>
#include <rte_byteorder.h>
#include <string.h>

#include "api_flows.h"
#include "api_show.h"
#include "classifier.h"
#include "steer.h"

struct question {
	struct flow_key key;
	uint16_t src_port, dst_port; /* host order; src_port 0: not given */
	uint8_t protocol; /* 0: whichever service matches */
};

static int
bad_address(struct api_request *rq, const char *key, const char *hint)
{
	const char *value = api_arg_or_null(rq, key);

	api_reply_fault(rq,
			&(struct api_fault){.status = 400,
					.message = value ? "bad value" : "missing field",
					.field = key,
					.value = value,
					.hint = hint});
	return -1;
}

static int
question_read(struct api_request *rq, struct question *q)
{
	static const char *const known[] = {"src", "dst", "protocol", NULL};
	const char *src = api_arg_or_null(rq, "src"), *dst = api_arg_or_null(rq, "dst");

	memset(q, 0, sizeof(*q));
	if (api_args_known(rq, known) < 0 || api_arg_protocol(rq, &q->protocol) < 0)
		return -1;
	if (!src ||
			(ip_parse(src, &q->key.src) < 0 &&
					ip_port_parse(src, &q->key.src, &q->src_port) < 0))
		return bad_address(rq, "src", "the client: ADDRESS:PORT or ADDRESS");
	if (!dst || ip_port_parse(dst, &q->key.dst, &q->dst_port) < 0)
		return bad_address(rq, "dst", "the service: ADDRESS:PORT");
	q->key.src_port_be = rte_cpu_to_be_16(q->src_port);
	q->key.dst_port_be = rte_cpu_to_be_16(q->dst_port);
	return 0;
}

/* sid, or -1; settles the protocol. */
static int64_t
question_service(const struct view *v, struct question *q)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	uint8_t wanted = q->protocol;
	int64_t sid;
	size_t i;

	for (i = 0; i < sizeof(protocols); i++) {
		if (wanted && wanted != protocols[i])
			continue;
		sid = classifier_service(v->classifier, &q->key.dst, protocols[i], q->dst_port);
		if (sid < 0)
			continue;
		q->protocol = q->key.protocol = protocols[i];
		return sid;
	}
	return -1;
}

static const char *
no_service_text(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_FOREIGN:
		return "the address is not ours: the packet is left to the kernel";
	case ADDRESS_SERVICE:
		return "a service has this address, but none has this protocol and port";
	case ADDRESS_LOCAL:
		return "the address is the source of fullnat flows: only replies go there";
	case ADDRESS_OWN:
		return "the address is a port's own: the control thread answers";
	}
	return "unknown";
}

static json_t *
endpoint_json(struct gateway *g, uint32_t eid)
{
	const struct endpoint *e =
			eid == ENDPOINT_NONE ? NULL : registry_endpoint_by_id(g->registry, eid);

	return e ? json_string(e->config->name) : json_null();
}

/* How the bucket's endpoint is, if the flow does not go there because it cannot take it. */
static json_t *
primary_json(struct gateway *g, const struct steer_result *r)
{
	const struct endpoint *e = r->primary == ENDPOINT_NONE
			? NULL
			: registry_endpoint_by_id(g->registry, r->primary);

	if (!e ||
			(r->reason != STEER_STANDBY && r->reason != STEER_OTHER &&
					r->reason != STEER_NONE_UP))
		return json_null();
	return json_pack("{s:s s:b s:s s:o}", "state", api_endpoint_state(e), "suspect", e->suspect,
			"health_reason", e->health_reason, "health_since",
			api_count(e->health_since_ms));
}

static json_t *
cohort_json(const struct view_service *s, const struct steer_result *r)
{
	char text[IP_TEXT_SIZE];
	uint32_t i;

	if (r->reason != STEER_COHORT)
		return json_null();
	for (i = 0; i < s->cohort_count; i++) {
		if (s->cohort[i].rule == r->cohort)
			return json_pack("{s:I s:s}", "rule", (json_int_t)r->cohort, "source",
					ip_prefix_format(&s->cohort[i].source, text));
	}
	return json_null();
}

/* A cohort or a shift may have kept it from the bucket's own endpoint. */
static json_t *
draw_json(const struct view *v, uint32_t primary, uint64_t hash)
{
	const struct view_endpoint *e =
			primary == ENDPOINT_NONE ? NULL : view_endpoint_or_null(v, primary);

	if (!e)
		return json_null();
	return json_pack("{s:o s:o s:o s:o s:b}", "shift", api_share(e->shift), "shift_draw",
			api_share(steer_shift_draw(hash)), "mirror", api_share(e->mirror_share),
			"mirror_draw", api_share(steer_mirror_draw(hash)), "mirrored",
			e->mirror_count > 0 && steer_mirror_draw(hash) < e->mirror_share);
}

static json_t *
decision(struct gateway *g, const struct view *v, const struct view_service *s,
		const struct question *q)
{
	uint64_t hash = steer_hash(v->hash_seed, &q->key, s->hash);
	struct steer_result r = steer(v, s, &q->key.src, hash);
	const struct service *service = registry_service_by_id(g->registry, s->sid);

	return json_pack("{s:s s:s s:s s:o s:o s:o s:o s:o s:s s:s s:o s:o s:o s:n}", "service",
			service ? service->config->name : "?", "protocol",
			q->protocol == IPPROTO_TCP ? "tcp" : "udp", "hash",
			s->hash == HASH_SOURCE ? "source" : "5-tuple", "bucket",
			api_count(r.bucket), "buckets", api_count(s->maglev ? s->maglev->size : 0),
			"primary", endpoint_json(g, r.primary), "primary_state",
			primary_json(g, &r), "endpoint", endpoint_json(g, r.eid), "side",
			r.side == SIDE_SHADOW ? "shadow" : "primary", "reason",
			steer_reason_text(r.reason), "cohort", cohort_json(s, &r), "draw",
			draw_json(v, r.primary, hash), "generation", api_count(v->generation),
			"flow");
}

static void
flow_found(void *arg, const struct flow_row *rows, uint32_t count, bool complete)
{
	struct api_request *rq = arg;

	(void)complete;
	if (count)
		json_object_set_new(rq->draft, "flow", api_flow_row(rq->g, &rows[0]));
	api_reply_json(rq, json_incref(rq->draft));
	api_request_finish(rq);
}

static void
ask_flow(struct api_request *rq, const struct question *q)
{
	struct flow_filter f;

	api_flow_filter_init(&f);
	f.any_client = false;
	f.client.addr = q->key.src;
	f.client.len = ip_is_v4(&q->key.src) ? 32 : 128;
	f.client_port = q->src_port;
	f.dst = q->key.dst;
	f.dst_port = q->dst_port;
	f.protocol = q->protocol;
	api_flows_ask(rq, &f, 1, flow_found);
}

static void
explain_no_service(struct api_request *rq, const struct view *v, const struct question *q)
{
	struct address_entry a = classifier_address(v->classifier, &q->key.dst);

	api_reply_json(rq,
			json_pack("{s:n s:s s:o s:n}", "service", "reason", no_service_text(a.kind),
					"generation", api_count(v->generation), "flow"));
}

void
api_flows_explain(struct api_request *rq)
{
	const struct view *v = publish_view(rq->g->publisher);
	const struct view_service *s = NULL;
	struct question q;
	int64_t sid;

	if (question_read(rq, &q) < 0)
		return;
	sid = v ? question_service(v, &q) : -1;
	if (sid >= 0 && sid < v->service_count)
		s = v->service[sid];
	if (!v) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 503,
						.message = "nothing is published yet"});
	} else if (!s) {
		explain_no_service(rq, v, &q);
	} else if (!q.src_port && s->hash == HASH_5_TUPLE) {
		bad_address(rq, "src", "this service hashes the 5-tuple: give ADDRESS:PORT");
	} else {
		rq->draft = decision(rq->g, v, s, &q);
		ask_flow(rq, &q);
	}
}
