/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdio.h>

#include "api_listing.h"
#include "api_show.h"
#include "collect.h"
#include "health.h"

static const char *const leg_name[LEG_COUNT] = {
		[LEG_SERVER] = "server",
		[LEG_CLIENT] = "client",
		[LEG_SHADOW] = "shadow",
};

const char *
api_endpoint_state(const struct endpoint *e)
{
	if (e->health == HEALTH_DOWN)
		return "down";
	if (e->health == HEALTH_UNKNOWN && e->config->check.kind != CHECK_NONE)
		return "checking";
	if (!e->resolved)
		return "no-neighbour";
	return e->drain ? "drain" : "up";
}

/* Endpoints without weight only stand by. */
const char *
api_service_state(const struct service *s)
{
	size_t i, primaries = 0, primaries_up = 0, up = 0;
	const struct endpoint *e;

	for (i = 0; i < s->endpoint_count; i++) {
		e = s->endpoint[i];
		up += registry_endpoint_is_up(e);
		primaries += e->weight > 0;
		primaries_up += e->weight > 0 && registry_endpoint_is_up(e);
	}
	if (up == 0 || primaries == 0) /* without weight there is no table to choose from */
		return "down";
	return primaries_up == primaries ? "up" : "degraded";
}

static json_t *
leg_counters_json(const struct leg_counters *c)
{
	json_t *out = json_object();

#define X(name, text) json_object_set_new(out, #name, api_count(c->name));
	LEG_COUNTER_LIST(X)
#undef X
	return out;
}

static json_t *
leg_rates(const struct leg_counters *d, double s)
{
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "flows",
			api_rate(d->flows_new, s), "packets_to", api_rate(d->packets_to, s),
			"packets_from", api_rate(d->packets_from, s), "bits_to",
			api_rate(d->bytes_to * 8, s), "bits_from", api_rate(d->bytes_from * 8, s),
			"requests", api_rate(d->requests, s), "replies", api_rate(d->replies, s),
			"unanswered", api_rate(d->unanswered, s), "connects_refused",
			api_rate(d->connects_refused, s), "connects_unanswered",
			api_rate(d->connects_unanswered, s), "resets_from",
			api_rate(d->resets_from, s));
}

static json_t *
leg_json(struct gateway *g, uint32_t eid, enum leg leg, bool counters)
{
	struct leg_counters total;
	struct leg_interval in;
	json_t *out;

	collector_interval(g->collector, eid, leg, &in);
	out = json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "seconds",
			api_real(in.seconds), "flows_active", api_count(in.flows_active),
			"per_second", leg_rates(&in.delta, in.seconds), "handshake_p50_us",
			api_real(in.handshake_p50), "handshake_p99_us", api_real(in.handshake_p99),
			"reply_p50_us", api_real(in.reply_p50), "reply_p90_us",
			api_real(in.reply_p90), "reply_p99_us", api_real(in.reply_p99),
			"reply_mean_us", api_real(in.reply_mean), "reply_jitter_us",
			api_real(in.reply_jitter), "loss_to", api_real(in.loss_to), "loss_from",
			api_real(in.loss_from));
	if (!counters)
		return out;
	collector_leg(g->collector, eid, leg, &total);
	json_object_set_new(out, "total", leg_counters_json(&total));
	json_object_set_new(out, "interval", leg_counters_json(&in.delta));
	return out;
}

/* Legs that never carried anything are left out, but the server's. */
static json_t *
legs_json(struct gateway *g, uint32_t eid, bool counters)
{
	json_t *out = json_object();
	int leg;

	for (leg = 0; leg < LEG_COUNT; leg++) {
		if (leg == LEG_SERVER || collector_leg_used(g->collector, eid, leg))
			json_object_set_new(out, leg_name[leg], leg_json(g, eid, leg, counters));
	}
	return out;
}

/* A weight set at run time ends with the next reload: the registry keeps no source of it. */
enum setting_source
api_weight_source(const struct endpoint *e)
{
	return e->weight == e->config->weight ? SETTING_FILE : SETTING_RUNTIME;
}

static const char *
source_name(enum setting_source source)
{
	return source == SETTING_RUNTIME ? "runtime" : "file";
}

static json_t *
shadow_names(const struct endpoint *e)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < e->shadow_count; i++)
		json_array_append_new(names, json_string(e->shadow[i]->config->name));
	return names;
}

static json_t *
settings_json(const struct endpoint *e)
{
	return json_pack("{s:s s:o s:s s:{s:o s:o s:o s:o} s:s s:b s:s}", "weight_source",
			source_name(api_weight_source(e)), "shift", api_share(e->shift),
			"shift_source", source_name(e->shift_source), "mirror", "share",
			api_share(e->mirror.share), "shadows", api_count(e->mirror.shadows),
			"packets_per_second", api_count(e->mirror.pps), "bits_per_second",
			api_count(e->mirror.bps), "mirror_source", source_name(e->mirror_source),
			"drain", e->drain, "drain_source", source_name(e->drain_source));
}

static json_t *
mac_json(const struct endpoint *e)
{
	const uint8_t *m = e->l2.dst;
	char mac[18];

	if (!e->resolved)
		return json_null();
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
			m[5]);
	return json_string(mac);
}

static uint16_t
port_of(const struct endpoint *e)
{
	return e->config->port ? e->config->port : e->service->config->port_first;
}

json_t *
api_endpoint_row(struct gateway *g, const struct endpoint *e, bool counters)
{
	char address[IP_TEXT_SIZE];
	json_t *row;

	row = json_pack("{s:s s:s s:o s:s s:s s:o s:s s:s s:o s:o s:o s:o s:o}", "service",
			e->service->config->name, "endpoint", e->config->name, "id",
			api_count(e->eid), "address",
			ip_port_format(&e->config->addr, port_of(e), address), "zone",
			e->config->zone ? e->config->zone : "", "weight", api_count(e->weight),
			"state", api_endpoint_state(e), "health_reason", e->health_reason,
			"health_since", api_count(e->health_since_ms), "mac", mac_json(e),
			"shadows", shadow_names(e), "check",
			g->health ? health_json(g->health, e) : json_null(), "legs",
			legs_json(g, e->eid, counters));
	json_object_update_new(row, settings_json(e));
	return row;
}

void
api_show_endpoints(struct api_request *rq)
{
	static const struct api_listing what = {.flag = "counters", .row = api_endpoint_row};

	api_listing_start(rq, &what);
}

struct service_sum {
	struct leg_counters delta;
	uint64_t flows_active;
	uint64_t shadow_flows; /* new ones that endpoints without weight served */
	size_t up;
	double seconds;
};

static void
service_add(struct gateway *g, const struct endpoint *e, struct service_sum *sum)
{
	struct leg_interval in;

	collector_interval(g->collector, e->eid, LEG_SERVER, &in);
#define X(name, text) sum->delta.name += in.delta.name;
	LEG_COUNTER_LIST(X)
#undef X
	sum->flows_active += in.flows_active;
	if (e->weight == 0)
		sum->shadow_flows += in.delta.flows_new;
	sum->up += registry_endpoint_is_up(e);
	sum->seconds = in.seconds;
}

static const char *
forward_name(enum forward_mode mode)
{
	switch (mode) {
	case FORWARD_NAT:
		return "nat";
	case FORWARD_FULLNAT:
		return "fullnat";
	case FORWARD_DSR_L2:
		return "dsr-l2";
	}
	return "unknown";
}

static void
port_text(const struct config_service *c, char *out, size_t size)
{
	if (c->port_first == c->port_last)
		snprintf(out, size, "%u", c->port_first);
	else
		snprintf(out, size, "%u-%u", c->port_first, c->port_last);
}

static json_t *
service_row(struct gateway *g, const struct service *s)
{
	const struct config_service *c = s->config;
	struct service_sum sum = {0};
	char port[16];
	size_t i;

	for (i = 0; i < s->endpoint_count; i++)
		service_add(g, s->endpoint[i], &sum);
	port_text(c, port, sizeof(port));
	return json_pack("{s:s s:o s:o s:s s:s s:s s:s s:b s:s s:o s:o s:o s:o s:o}", "service",
			c->name, "id", api_count(s->sid), "address", api_address(&c->addr),
			"protocol", c->protocol == IPPROTO_TCP ? "tcp" : "udp", "port", port,
			"forward", forward_name(c->forward), "hash",
			c->hash == HASH_SOURCE ? "source" : "5-tuple", "per_request",
			c->per_request, "state", api_service_state(s), "endpoints",
			api_count(s->endpoint_count), "endpoints_up", api_count(sum.up),
			"flows_active", api_count(sum.flows_active), "standby_flows_per_second",
			api_rate(sum.shadow_flows, sum.seconds), "per_second",
			leg_rates(&sum.delta, sum.seconds));
}

void
api_show_services(struct api_request *rq)
{
	static const char *const known[] = {NULL};
	json_t *rows;
	size_t i;

	if (api_args_known(rq, known) < 0)
		return;
	rows = json_array();
	for (i = 0; i < registry_service_count(rq->g->registry); i++)
		json_array_append_new(
				rows, service_row(rq->g, registry_service_at(rq->g->registry, i)));
	api_reply_json(rq, json_pack("{s:o}", "services", rows));
}
