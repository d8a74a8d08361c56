/* SPDX-License-Identifier: Apache-2.0 */
#include "api_flows.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_byteorder.h>
#include <string.h>

#include "flow_lister.h"

#define FLOWS_DEFAULT 100
#define FLOWS_MAX 10000
/* An lcore that does not answer within this hangs. */
#define ANSWER_MS 5000

static const char *
side_name(uint8_t side)
{
	return side == SIDE_SHADOW ? "shadow" : "primary";
}

static json_t *
endpoint_name(struct gateway *g, uint32_t eid)
{
	const struct endpoint *e = registry_endpoint_by_id(g->registry, eid);

	return e ? json_string(e->config->name) : json_null();
}

static json_t *
service_name(struct gateway *g, uint32_t sid)
{
	const struct service *s = registry_service_by_id(g->registry, sid);

	return s ? json_string(s->config->name) : json_null();
}

static json_t *
address_port(const struct ip_addr *a, uint16_t port)
{
	char text[IP_TEXT_SIZE];

	return ip_is_none(a) ? json_null() : json_string(ip_port_format(a, port, text));
}

/* The CPU, as everywhere else, of an lcore's index. */
static int
lcore_id(struct gateway *g, uint32_t lcore)
{
	return (int)(lcore < dataplane_lcore_count(g->dataplane)
					? dataplane_lcore_id(g->dataplane, lcore)
					: lcore);
}

json_t *
api_flow_row(struct gateway *g, const struct flow_row *f)
{
	const struct flow_key *k = &f->key;

	return json_pack(
			"{s:s s:o s:o s:o s:o s:o s:s s:s s:b s:s s:i s:o s:o s:o s:o s:o s:o s:o}",
			"protocol", k->protocol == IPPROTO_TCP ? "tcp" : "udp", "client",
			address_port(&k->src, rte_be_to_cpu_16(k->src_port_be)), "destination",
			address_port(&k->dst, rte_be_to_cpu_16(k->dst_port_be)), "service",
			service_name(g, f->sid), "endpoint", endpoint_name(g, f->eid), "local",
			address_port(&f->local, f->local_port), "state", flow_state_name(f->state),
			"side", side_name(f->side), "mirrored", f->mirrored != 0, "reason",
			steer_reason_text(f->reason), "lcore", lcore_id(g, f->lcore), "age_ms",
			api_count(f->age_ms), "idle_ms", api_count(f->idle_ms), "timeout_ms",
			api_count(f->timeout_ms), "packets_to", api_count(f->packets_to),
			"bytes_to", api_count(f->bytes_to), "packets_from",
			api_count(f->packets_from), "bytes_from", api_count(f->bytes_from));
}

void
api_flow_filter_init(struct flow_filter *f)
{
	memset(f, 0, sizeof(*f));
	f->any_client = true;
	f->sid = UINT32_MAX;
	f->eid = UINT32_MAX;
}

static int
bad_arg(struct api_request *rq, const char *key, const char *hint)
{
	api_reply_fault(rq,
			&(struct api_fault){.status = 400,
					.message = "bad value",
					.field = key,
					.value = api_arg_or_null(rq, key),
					.hint = hint});
	return -1;
}

int
api_arg_protocol(struct api_request *rq, uint8_t *out)
{
	const char *text = api_arg_or_null(rq, "protocol");

	if (!text)
		return 0;
	if (!strcmp(text, "tcp"))
		*out = IPPROTO_TCP;
	else if (!strcmp(text, "udp"))
		*out = IPPROTO_UDP;
	else
		return bad_arg(rq, "protocol", "tcp or udp");
	return 0;
}

static int
arg_state(struct api_request *rq, uint8_t *out)
{
	const char *text = api_arg_or_null(rq, "state");
	int i;

	if (!text)
		return 0;
	for (i = FLOW_FREE + 1; i < FLOW_STATE_COUNT; i++) {
		if (!strcmp(text, flow_state_name(i))) {
			*out = (uint8_t)i;
			return 0;
		}
	}
	return bad_arg(rq, "state", "half-open, established, closing, unanswered or answered");
}

/* client=ADDRESS, PREFIX or ADDRESS:PORT */
static int
arg_client(struct api_request *rq, struct flow_filter *f)
{
	const char *text = api_arg_or_null(rq, "client");

	if (!text)
		return 0;
	if (ip_prefix_parse(text, &f->client) < 0) {
		if (ip_port_parse(text, &f->client.addr, &f->client_port) < 0)
			return bad_arg(rq, "client", "ADDRESS, PREFIX or ADDRESS:PORT");
		f->client.len = ip_is_v4(&f->client.addr) ? 32 : 128;
	}
	f->any_client = false;
	return 0;
}

static int
arg_destination(struct api_request *rq, struct flow_filter *f)
{
	const char *text = api_arg_or_null(rq, "destination");

	if (!text || ip_parse(text, &f->dst) == 0 ||
			ip_port_parse(text, &f->dst, &f->dst_port) == 0)
		return 0;
	return bad_arg(rq, "destination", "ADDRESS or ADDRESS:PORT");
}

static int
arg_names(struct api_request *rq, struct flow_filter *f)
{
	const char *service = api_arg_or_null(rq, "service");
	const char *endpoint = api_arg_or_null(rq, "endpoint");
	const struct endpoint *e;
	const struct service *s;

	if (endpoint && !service)
		return bad_arg(rq, "endpoint", "name its service too: service=NAME");
	if (!service)
		return 0;
	s = api_service_or_null(rq, service);
	if (!s)
		return -1;
	f->sid = s->sid;
	if (!endpoint)
		return 0;
	e = api_endpoint_or_null(rq, service, endpoint);
	if (!e)
		return -1;
	f->eid = e->eid;
	return 0;
}

static int
filter_read(struct api_request *rq, struct flow_filter *f, uint64_t *limit)
{
	static const char *const known[] = {"service", "endpoint", "client", "destination",
			"protocol", "state", "limit", NULL};

	api_flow_filter_init(f);
	if (api_args_known(rq, known) < 0 || api_arg_number(rq, "limit", FLOWS_MAX, limit) < 0 ||
			arg_names(rq, f) < 0 || arg_client(rq, f) < 0 ||
			arg_destination(rq, f) < 0 || api_arg_protocol(rq, &f->protocol) < 0 ||
			arg_state(rq, &f->state) < 0)
		return -1;
	if (*limit == 0)
		return bad_arg(rq, "limit", "a whole number from 1 to 10000");
	return 0;
}

static void
list_cancel(struct api_request *rq)
{
	flow_list_cancel(rq->g->flows, rq);
}

static void timed_out(void *arg);

/* A long list of a full table takes its time: only one that stands still is given up. */
static void
watch_progress(struct api_request *rq)
{
	rq->timer = loop_timer(rq->g->loop, ANSWER_MS, 0, timed_out, rq);
}

static void
timed_out(void *arg)
{
	struct api_request *rq = arg;
	uint64_t progress = flow_list_progress_ms(rq->g->flows, rq);

	rq->timer = NULL; /* it ends by itself */
	if (loop_now_ms() < progress + ANSWER_MS) {
		watch_progress(rq);
		return;
	}
	flow_list_cancel(rq->g->flows, rq);
	api_reply_fault(rq,
			&(struct api_fault){.status = 503,
					.message = "a forwarding core does not answer",
					.hint = "GET /v1/lcores shows which one is stuck"});
	api_request_finish(rq);
}

int
api_flows_ask(struct api_request *rq, const struct flow_filter *filter, uint32_t max,
		flow_list_fn fn)
{
	int rc = flow_list(rq->g->flows, filter, max, fn, rq);

	if (rc < 0) {
		api_reply_fault(rq,
				&(struct api_fault){.status = 503,
						.message = rc == -EBUSY ? "too many flow lists at "
									  "the same time"
									: "out of memory",
						.hint = "try again in a moment"});
		return -1;
	}
	rq->waiting = true;
	rq->cancel = list_cancel;
	watch_progress(rq);
	return 0;
}

static void
listed(void *arg, const struct flow_row *rows, uint32_t count, bool complete)
{
	struct api_request *rq = arg;
	json_t *out = json_array();
	uint32_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(out, api_flow_row(rq->g, &rows[i]));
	api_reply_json(rq, json_pack("{s:o s:b}", "flows", out, "complete", complete));
	api_request_finish(rq);
}

void
api_flows_list(struct api_request *rq)
{
	uint64_t limit = FLOWS_DEFAULT;
	struct flow_filter filter;

	if (filter_read(rq, &filter, &limit) == 0)
		api_flows_ask(rq, &filter, (uint32_t)limit, listed);
}
