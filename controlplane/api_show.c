/* SPDX-License-Identifier: Apache-2.0 */
#include "api_show.h"

#include <rte_eal.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "filter.h"
#include "kernel_port.h"
#include "neighbour.h"

static const char *const no_args[] = {NULL};

/* Of the ends of a packet, those before this one are no faults (counters.h). */
#define FIRST_FAULT END_short_frame

static json_t *
services_summary(struct gateway *g)
{
	json_int_t up = 0, degraded = 0, down = 0;
	const char *state;
	size_t i;

	for (i = 0; i < registry_service_count(g->registry); i++) {
		state = api_service_state(registry_service_at(g->registry, i));
		up += !strcmp(state, "up");
		degraded += !strcmp(state, "degraded");
		down += !strcmp(state, "down");
	}
	return json_pack("{s:I s:I s:I}", "up", up, "degraded", degraded, "down", down);
}

static json_t *
setting_row(const struct endpoint *e, const char *setting, json_t *value, json_t *file)
{
	return json_pack("{s:s s:s s:s s:o s:o}", "service", e->service->config->name, "endpoint",
			e->config->name, "setting", setting, "value", value, "file", file);
}

static json_t *
mirror_value(const struct config_mirror *m)
{
	return json_pack("{s:o s:i s:i s:I}", "share", api_share(m->share), "shadows",
			(int)m->shadows, "packets_per_second", (int)m->pps, "bits_per_second",
			(json_int_t)m->bps);
}

static void
settings_of(json_t *rows, const struct endpoint *e)
{
	if (api_weight_source(e) == SETTING_RUNTIME)
		json_array_append_new(rows,
				setting_row(e, "weight", api_count(e->weight),
						api_count(e->config->weight)));
	if (e->shift_source == SETTING_RUNTIME)
		json_array_append_new(rows,
				setting_row(e, "shift", api_share(e->shift),
						api_share(e->config->shift)));
	if (e->mirror_source == SETTING_RUNTIME)
		json_array_append_new(rows,
				setting_row(e, "mirror", mirror_value(&e->mirror),
						mirror_value(&e->config->mirror)));
	if (e->drain_source == SETTING_RUNTIME)
		json_array_append_new(rows,
				setting_row(e, "drain", json_boolean(e->drain),
						json_boolean(e->config->drain)));
}

static json_t *
settings(struct gateway *g)
{
	json_t *rows = json_array();
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(g->registry); i++) {
		s = registry_service_at(g->registry, i);
		for (j = 0; j < s->endpoint_count; j++)
			settings_of(rows, s->endpoint[j]);
	}
	return rows;
}

static json_t *
timeouts(const struct view_timeouts *t)
{
	return json_pack("{s:I s:I s:I s:I s:I s:I s:I}", "tcp_half_open_ms",
			(json_int_t)t->tcp_half_open_ms, "tcp_established_ms",
			(json_int_t)t->tcp_established_ms, "tcp_closing_ms",
			(json_int_t)t->tcp_closing_ms, "udp_unanswered_ms",
			(json_int_t)t->udp_unanswered_ms, "udp_ms", (json_int_t)t->udp_ms,
			"rest_tcp_ms", (json_int_t)t->rest_tcp_ms, "rest_udp_ms",
			(json_int_t)t->rest_udp_ms);
}

static void
usage_add(struct dataplane_usage *sum, const struct dataplane_usage *one)
{
	int i;

	sum->flows += one->flows;
	sum->flow_limit += one->flow_limit;
	sum->local4_free += one->local4_free;
	sum->local4_total += one->local4_total;
	sum->local6_free += one->local6_free;
	sum->local6_total += one->local6_total;
	for (i = 0; i < FLOW_STATE_COUNT; i++)
		sum->by_state[i] += one->by_state[i];
}

static json_t *
usage_json(const struct dataplane_usage *u)
{
	json_t *states = json_object();
	int i;

	for (i = FLOW_FREE + 1; i < FLOW_STATE_COUNT; i++)
		json_object_set_new(states, flow_state_name(i), api_count(u->by_state[i]));
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o}", "used", api_count(u->flows), "limit",
			api_count(u->flow_limit), "local4_free", api_count(u->local4_free),
			"local4_total", api_count(u->local4_total), "local6_free",
			api_count(u->local6_free), "local6_total", api_count(u->local6_total),
			"states", states);
}

static json_t *
flows_summary(struct gateway *g)
{
	struct dataplane_usage sum = {0}, one;
	uint32_t i;

	for (i = 0; i < dataplane_lcore_count(g->dataplane); i++) {
		dataplane_usage(g->dataplane, i, &one);
		usage_add(&sum, &one);
	}
	return usage_json(&sum);
}

static uint64_t
faults(const struct lcore_counters *c)
{
	uint64_t sum = 0;
	int i;

	for (i = FIRST_FAULT; i < PACKET_END_COUNT; i++)
		sum += c->end[i];
	return sum;
}

static json_t *
traffic_json(const struct collector *c)
{
	double s = collector_seconds(c);
	struct lcore_counters d;

	collector_delta(c, &d);
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o}", "seconds", api_real(s),
			"received_per_second", api_rate(d.received, s), "forwarded_per_second",
			api_rate(d.forwarded, s), "forwarded_bits_per_second",
			api_rate(d.forwarded_bytes * 8, s), "mirrored_per_second",
			api_rate(d.mirrored, s), "flows_per_second", api_rate(d.flows_created, s),
			"drops", api_count(faults(&d)));
}

/* [[lower end of a bucket in microseconds, count], ...] of those that are not empty. */
static json_t *
seen_json(const struct histogram *h)
{
	json_t *out = json_array();
	uint32_t b;

	for (b = 0; b < HISTOGRAM_BUCKETS; b++) {
		if (h->count[b])
			json_array_append_new(out,
					json_pack("[o, o]",
							api_real((double)histogram_lower(b) / 10),
							api_count(h->count[b])));
	}
	return out;
}

static json_t *
publish_json(struct gateway *g)
{
	struct publish_stats p;
	struct histogram seen;

	publish_stats(g->publisher, &p);
	collector_view_latency(g->collector, &seen);
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o}", "published", api_count(p.published),
			"reclaimed", api_count(p.reclaimed), "failed", api_count(p.failed),
			"waiting", api_count(p.waiting), "build_us_last",
			api_real((double)p.build_ns_last / 1000), "build_us_max",
			api_real((double)p.build_ns_max / 1000), "seen_us_p99",
			api_real(collector_quantile(&seen, 0.99) / 10), "seen_us",
			seen_json(&seen));
}

static json_t *
lcore_ids(struct gateway *g)
{
	json_t *ids = json_array();
	uint32_t i;

	for (i = 0; i < dataplane_lcore_count(g->dataplane); i++)
		json_array_append_new(ids, api_count(dataplane_lcore_id(g->dataplane, i)));
	return ids;
}

static json_t *
port_names(struct gateway *g)
{
	const struct config *config = registry_config(g->registry);
	json_t *names = json_array();
	uint32_t i;

	for (i = 0; i < config->port_count; i++)
		json_array_append_new(names, json_string(config->port[i].name));
	return names;
}

void
api_show_status(struct api_request *rq)
{
	struct gateway *g = rq->g;
	struct publish_stats p;
	uint64_t now = loop_wall_ms();

	if (api_args_known(rq, no_args) < 0)
		return;
	publish_stats(g->publisher, &p);
	api_reply_json(rq,
			json_pack("{s:s s:o s:o s:o s:s s:o s:o s:b s:o s:o s:o s:o s:o s:o s:o}",
					"version", UNDERSTUDY_VERSION, "uptime_s",
					api_count(now > g->started_ms ? (now - g->started_ms) / 1000
								      : 0),
					"started", api_count(g->started_ms), "generation",
					api_count(p.generation), "config_file",
					g->config_file ? g->config_file : "", "lcores",
					lcore_ids(g), "ports", port_names(g), "hugepages",
					rte_eal_has_hugepages() != 0, "services",
					services_summary(g), "flows", flows_summary(g), "traffic",
					traffic_json(g->collector), "settings", settings(g),
					"timeouts",
					timeouts(&registry_config(g->registry)->timeouts),
					"publish", publish_json(g), "loop_overruns",
					api_count(loop_overruns(g->loop))));
}

static json_t *
lcore_counters_json(const struct lcore_counters *c)
{
	json_t *out = json_object();

#define X(name, text) json_object_set_new(out, #name, api_count(counter_read(&c->name)));
	LCORE_COUNTER_LIST(X)
#undef X
	return out;
}

static json_t *
ends_json(const struct lcore_counters *c)
{
	json_t *out = json_object();
	int i;

	for (i = 0; i < PACKET_END_COUNT; i++)
		json_object_set_new(out, packet_end_name(i), api_count(counter_read(&c->end[i])));
	return out;
}

static double
busy_share(const struct lcore_counters *d)
{
	uint64_t all = d->cycles_busy + d->cycles_idle;

	return all ? (double)d->cycles_busy / (double)all : 0.0 / 0.0;
}

static json_t *
lcore_row(struct gateway *g, uint32_t i)
{
	const struct lcore_counters *now = dataplane_lcore_counters(g->dataplane, i);
	double s = collector_seconds(g->collector);
	struct dataplane_usage usage;
	struct lcore_counters d;

	collector_lcore_delta(g->collector, i, &d);
	dataplane_usage(g->dataplane, i, &usage);
	return json_pack("{s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "lcore",
			api_count(dataplane_lcore_id(g->dataplane, i)), "busy",
			api_real(busy_share(&d)), "received_per_second", api_rate(d.received, s),
			"forwarded_per_second", api_rate(d.forwarded, s),
			"forwarded_bits_per_second", api_rate(d.forwarded_bytes * 8, s),
			"drops_per_second", api_rate(faults(&d), s), "generation",
			api_count(counter_read(&now->view_generation)), "flows", usage_json(&usage),
			"counters", lcore_counters_json(now), "ends", ends_json(now));
}

void
api_show_lcores(struct api_request *rq)
{
	json_t *rows;
	uint32_t i;

	if (api_args_known(rq, no_args) < 0)
		return;
	rows = json_array();
	for (i = 0; i < dataplane_lcore_count(rq->g->dataplane); i++)
		json_array_append_new(rows, lcore_row(rq->g, i));
	api_reply_json(rq, json_pack("{s:o}", "lcores", rows));
}

static json_t *
driver_json(const struct device *device)
{
	struct device_stats s;

	device_stats(device, &s);
	return json_pack("{s:s s:b s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "driver", device->driver,
			"link_up", s.link_up, "link_mbps",
			s.link_mbps == UINT32_MAX ? json_null() : api_count(s.link_mbps),
			"rx_packets", api_count(s.rx_packets), "rx_bytes", api_count(s.rx_bytes),
			"tx_packets", api_count(s.tx_packets), "tx_bytes", api_count(s.tx_bytes),
			"rx_missed", api_count(s.rx_missed), "rx_errors", api_count(s.rx_errors),
			"rx_no_mbuf", api_count(s.rx_no_mbuf), "tx_errors", api_count(s.tx_errors));
}

static json_t *
port_counters_json(const struct port_counters *c)
{
	return json_pack("{s:o s:o s:o s:o s:o}", "rx_packets", api_count(c->rx_packets),
			"rx_bytes", api_count(c->rx_bytes), "tx_packets", api_count(c->tx_packets),
			"tx_bytes", api_count(c->tx_bytes), "tx_full", api_count(c->tx_full));
}

static json_t *
port_rates_json(const struct port_counters *d, double s)
{
	return json_pack("{s:o s:o s:o s:o}", "rx_packets", api_rate(d->rx_packets, s), "rx_bits",
			api_rate(d->rx_bytes * 8, s), "tx_packets", api_rate(d->tx_packets, s),
			"tx_bits", api_rate(d->tx_bytes * 8, s));
}

static json_t *
port_addresses(const struct config_port *config)
{
	json_t *rows = json_array();
	char text[IP_TEXT_SIZE];
	size_t i;

	for (i = 0; i < config->address_count; i++)
		json_array_append_new(
				rows, json_string(ip_prefix_format(&config->address[i], text)));
	return rows;
}

static json_t *
port_row(struct gateway *g, uint32_t i)
{
	const struct config_port *config = &registry_config(g->registry)->port[i];
	const struct view_port *port = &g->port[i];
	const uint8_t *m = port->mac.b;
	struct port_counters total, delta;
	char mac[18];

	collector_port(g->collector, i, &total);
	collector_port_delta(g->collector, i, &delta);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
			m[5]);
	return json_pack("{s:s s:s s:s s:i s:i s:o s:o s:o s:o s:o}", "name", config->name,
			"device", config->device, "mac", mac, "mtu", port->mtu, "vlan", port->vlan,
			"addresses", port_addresses(config), "counters", port_counters_json(&total),
			"per_second", port_rates_json(&delta, collector_seconds(g->collector)),
			"kernel", kernel_port_json(g->kernel_ports, i), "driver",
			port->dpdk_device < g->device_count
					? driver_json(&g->device[port->dpdk_device])
					: json_null());
}

void
api_show_ports(struct api_request *rq)
{
	json_t *rows;
	uint32_t i;

	if (api_args_known(rq, no_args) < 0)
		return;
	rows = json_array();
	for (i = 0; i < rq->g->port_count; i++)
		json_array_append_new(rows, port_row(rq->g, i));
	api_reply_json(rq,
			json_pack("{s:o s:o}", "ports", rows, "filters",
					rq->g->filter ? filter_json(rq->g->filter) : json_array()));
}

static json_t *
drop_row(const char *name, const char *text, uint64_t total, json_t *rate)
{
	return json_pack("{s:s s:s s:o s:o}", "name", name, "text", text, "total", api_count(total),
			"per_second", rate);
}

static json_t *
end_rows(const struct lcore_counters *t, const struct lcore_counters *d, double s)
{
	json_t *rows = json_array(), *row;
	int i;

	for (i = 0; i < PACKET_END_COUNT; i++) {
		row = drop_row(packet_end_name(i), packet_end_text(i), t->end[i],
				api_rate(d->end[i], s));
		json_object_set_new(row, "fault", json_boolean(i >= FIRST_FAULT));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* Counters of things that were given up and are no packets received. */
#define LOSS_LIST(X)          \
	X(mirror_over_budget) \
	X(mirror_no_buffer)   \
	X(mirror_shadow_down) \
	X(mirror_tx_full)     \
	X(events_lost)

static json_t *
loss_rows(const struct lcore_counters *t, const struct lcore_counters *d, double s)
{
	static const struct {
		const char *name, *text;
		size_t offset;
	} all[] = {
#define X(name, text) {#name, text, offsetof(struct lcore_counters, name)},
			LCORE_COUNTER_LIST(X)
#undef X
	};
	static const char *const wanted[] = {
#define X(name) #name,
			LOSS_LIST(X)
#undef X
					NULL};
	json_t *rows = json_array();
	size_t i, j;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (j = 0; wanted[j] && strcmp(wanted[j], all[i].name); j++)
			;
		if (wanted[j])
			json_array_append_new(rows,
					drop_row(all[i].name, all[i].text,
							*(const uint64_t *)((const char *)t +
									all[i].offset),
							api_rate(*(const uint64_t *)((const char *)d +
										 all[i].offset),
									s)));
	}
	return rows;
}

static json_t *
driver_rows(struct gateway *g)
{
	json_t *rows = json_array(), *row;
	uint32_t i;

	for (i = 0; i < g->device_count; i++) {
		row = driver_json(&g->device[i]);
		json_object_set_new(row, "device", json_string(g->device[i].args));
		json_array_append_new(rows, row);
	}
	return rows;
}

void
api_show_drops(struct api_request *rq)
{
	const struct collector *c = rq->g->collector;
	double s = collector_seconds(c);
	struct lcore_counters total, delta;

	if (api_args_known(rq, no_args) < 0)
		return;
	collector_totals(c, &total);
	collector_delta(c, &delta);
	api_reply_json(rq,
			json_pack("{s:o s:o s:o s:o s:o}", "received", api_count(total.received),
					"forwarded", api_count(total.forwarded), "ends",
					end_rows(&total, &delta, s), "losses",
					loss_rows(&total, &delta, s), "drivers",
					driver_rows(rq->g)));
}

void
api_show_neighbours(struct api_request *rq)
{
	if (api_args_known(rq, no_args) < 0)
		return;
	api_reply_json(rq,
			json_pack("{s:o s:o}", "neighbours", neighbours_json(rq->g->neighbours),
					"counters", neighbours_counters_json(rq->g->neighbours)));
}

void
api_show_config(struct api_request *rq)
{
	char *text = NULL;
	size_t size;
	FILE *out;
	int rc;

	if (api_args_known(rq, no_args) < 0)
		return;
	out = open_memstream(&text, &size);
	if (!out) {
		api_reply_text(rq, NULL, NULL);
		return;
	}
	rc = config_print(registry_config(rq->g->registry), out);
	if (fclose(out) != 0 || rc < 0) {
		free(text);
		text = NULL;
	}
	api_reply_text(rq, text, "application/yaml");
}
