/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exposition format wants all samples of a name together, so each name is one walk over what has it. Endpoints
 * without traffic on a leg have no series of it: 4096 idle endpoints cost nothing.
 */
#include "metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_show.h"
#include "collect.h"

/* Of the histograms' 128 buckets, as many edges as are useful to Prometheus: two per octave, 64 us to 67 s. In
 * buckets of counters.h: edge i is the lower end of bucket EDGE_FIRST + EDGE_STEP * i. */
#define EDGE_FIRST 20 /* histogram_lower(20) == 64 */
#define EDGE_STEP 2
#define EDGE_COUNT 41

static const char *const leg_name[LEG_COUNT] = {"server", "client", "shadow"};

static void
family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP understudy_%s %s\n# TYPE understudy_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline escaped. */
static void
quoted(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", f);
		else if (*text == '"' || *text == '\\')
			fprintf(f, "\\%c", *text);
		else
			fputc(*text, f);
	}
	fputc('"', f);
}

static void
endpoint_labels(FILE *f, const struct endpoint *e)
{
	fputs("service=", f);
	quoted(f, e->service->config->name);
	fputs(",endpoint=", f);
	quoted(f, e->config->name);
}

static void
lcores_of(FILE *f, struct gateway *g, const char *name, size_t offset)
{
	uint32_t i;

	for (i = 0; i < dataplane_lcore_count(g->dataplane); i++) {
		const char *c = (const char *)dataplane_lcore_counters(g->dataplane, i);

		fprintf(f, "understudy_%s{lcore=\"%u\"} %llu\n", name,
				dataplane_lcore_id(g->dataplane, i),
				(unsigned long long)counter_read((const uint64_t *)(c + offset)));
	}
}

static void
lcore_metrics(FILE *f, struct gateway *g)
{
#define X(name, text)                                        \
	family(f, "lcore_" #name "_total", "counter", text); \
	lcores_of(f, g, "lcore_" #name "_total", offsetof(struct lcore_counters, name));
	LCORE_COUNTER_LIST(X)
#undef X
	family(f, "lcore_view_generation", "gauge", "newest view that the lcore took into use");
	lcores_of(f, g, "lcore_view_generation", offsetof(struct lcore_counters, view_generation));
}

static void
end_metrics(FILE *f, struct gateway *g)
{
	uint32_t i;
	int e;

	family(f, "packet_end_total", "counter",
			"received packets that were not sent on, by what became of them");
	for (i = 0; i < dataplane_lcore_count(g->dataplane); i++) {
		const struct lcore_counters *c = dataplane_lcore_counters(g->dataplane, i);

		for (e = 0; e < PACKET_END_COUNT; e++)
			fprintf(f, "understudy_packet_end_total{lcore=\"%u\",reason=\"%s\"} %llu\n",
					dataplane_lcore_id(g->dataplane, i), packet_end_name(e),
					(unsigned long long)counter_read(&c->end[e]));
	}
}

static void
usage_metrics(FILE *f, struct gateway *g)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} gauges[] = {
			{"flows", "flows in the table", offsetof(struct dataplane_usage, flows)},
			{"flow_limit", "flows that the table holds at most",
					offsetof(struct dataplane_usage, flow_limit)},
			{"local4_ports_free", "IPv4 local ports neither in use nor resting",
					offsetof(struct dataplane_usage, local4_free)},
			{"local4_ports", "IPv4 local ports",
					offsetof(struct dataplane_usage, local4_total)},
			{"local6_ports_free", "IPv6 local ports neither in use nor resting",
					offsetof(struct dataplane_usage, local6_free)},
			{"local6_ports", "IPv6 local ports",
					offsetof(struct dataplane_usage, local6_total)},
	};
	struct dataplane_usage u;
	uint32_t lcore;
	size_t i;

	for (i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		family(f, gauges[i].name, "gauge", gauges[i].help);
		for (lcore = 0; lcore < dataplane_lcore_count(g->dataplane); lcore++) {
			dataplane_usage(g->dataplane, lcore, &u);
			fprintf(f, "understudy_%s{lcore=\"%u\"} %u\n", gauges[i].name,
					dataplane_lcore_id(g->dataplane, lcore),
					*(const uint32_t *)((const char *)&u + gauges[i].offset));
		}
	}
}

static void
ports_of(FILE *f, struct gateway *g, const char *name, size_t offset)
{
	const struct config *config = registry_config(g->registry);
	struct port_counters c;
	uint32_t i;

	for (i = 0; i < g->port_count; i++) {
		collector_port(g->collector, i, &c);
		fprintf(f, "understudy_%s{port=", name);
		quoted(f, config->port[i].name);
		fprintf(f, "} %llu\n",
				(unsigned long long)*(const uint64_t *)((const char *)&c + offset));
	}
}

static void
port_metrics(FILE *f, struct gateway *g)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} counters[] = {
			{"port_rx_packets_total", "packets received on the port",
					offsetof(struct port_counters, rx_packets)},
			{"port_rx_bytes_total", "bytes received on the port",
					offsetof(struct port_counters, rx_bytes)},
			{"port_tx_packets_total", "packets sent on the port",
					offsetof(struct port_counters, tx_packets)},
			{"port_tx_bytes_total", "bytes sent on the port",
					offsetof(struct port_counters, tx_bytes)},
			{"port_tx_full_total", "packets that the transmit queue did not take",
					offsetof(struct port_counters, tx_full)},
	};
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		family(f, counters[i].name, "counter", counters[i].help);
		ports_of(f, g, counters[i].name, counters[i].offset);
	}
}

static void
device_metrics(FILE *f, struct gateway *g)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} counters[] = {
			{"device_rx_missed_total",
					"packets that the device dropped: its queue was full",
					offsetof(struct device_stats, rx_missed)},
			{"device_rx_errors_total", "packets received with errors",
					offsetof(struct device_stats, rx_errors)},
			{"device_rx_no_buffer_total", "receptions that found no buffer",
					offsetof(struct device_stats, rx_no_mbuf)},
			{"device_tx_errors_total", "packets that the device did not send",
					offsetof(struct device_stats, tx_errors)},
	};
	struct device_stats s[DATAPLANE_PORTS_MAX];
	uint32_t d;
	size_t i;

	for (d = 0; d < g->device_count; d++)
		device_stats(&g->device[d], &s[d]);
	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		family(f, counters[i].name, "counter", counters[i].help);
		for (d = 0; d < g->device_count; d++) {
			fprintf(f, "understudy_%s{device=", counters[i].name);
			quoted(f, g->device[d].args);
			fprintf(f, "} %llu\n",
					(unsigned long long)*(
							const uint64_t *)((const char *)&s[d] +
							counters[i].offset));
		}
	}
}

/* Calls fn for every endpoint. */
static void
each_endpoint(FILE *f, struct gateway *g,
		void (*fn)(FILE *f, struct gateway *g, const struct endpoint *e, const void *arg),
		const void *arg) /* five would be less than a struct for one caller */
{
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(g->registry); i++) {
		s = registry_service_at(g->registry, i);
		for (j = 0; j < s->endpoint_count; j++)
			fn(f, g, s->endpoint[j], arg);
	}
}

struct leg_metric {
	const char *name;
	size_t offset;
};

static void
leg_samples(FILE *f, struct gateway *g, const struct endpoint *e, const void *arg)
{
	const struct leg_metric *m = arg;
	struct leg_counters c;
	int leg;

	for (leg = 0; leg < LEG_COUNT; leg++) {
		if (leg != LEG_SERVER && !collector_leg_used(g->collector, e->eid, leg))
			continue;
		collector_leg(g->collector, e->eid, leg, &c);
		fprintf(f, "understudy_%s{", m->name);
		endpoint_labels(f, e);
		fprintf(f, ",leg=\"%s\"} %llu\n", leg_name[leg],
				(unsigned long long)*(
						const uint64_t *)((const char *)&c + m->offset));
	}
}

static void
leg_metrics(FILE *f, struct gateway *g)
{
#define X(field, text)                                                    \
	family(f, "endpoint_" #field "_total", "counter", text);          \
	each_endpoint(f, g, leg_samples,                                  \
			&(struct leg_metric){"endpoint_" #field "_total", \
					offsetof(struct leg_counters, field)});
	LEG_COUNTER_LIST(X)
#undef X
}

struct time_metric {
	const char *name;
	enum leg_histogram kind;
	size_t sum; /* offset of the sum in struct leg_counters, microseconds */
};

static void
time_sample(FILE *f, const struct time_metric *m, const struct endpoint *e, int leg,
		const char *suffix) /* five: a struct would say nothing */
{
	fprintf(f, "understudy_%s_%s{", m->name, suffix);
	endpoint_labels(f, e);
	fprintf(f, ",leg=\"%s\"", leg_name[leg]);
}

/* Returns the count of all. */
static uint64_t
time_buckets(FILE *f, const struct time_metric *m, const struct endpoint *e, int leg,
		const struct histogram_total *h) /* five: the same */
{
	uint64_t below = 0;
	uint32_t i, b = 0;

	for (i = 0; i < EDGE_COUNT; i++) {
		for (; b < EDGE_FIRST + EDGE_STEP * i; b++)
			below += h->count[b];
		time_sample(f, m, e, leg, "bucket");
		fprintf(f, ",le=\"%.9g\"} %llu\n", (double)histogram_lower(b) / 1e6,
				(unsigned long long)below);
	}
	for (; b < HISTOGRAM_BUCKETS; b++)
		below += h->count[b];
	time_sample(f, m, e, leg, "bucket");
	fprintf(f, ",le=\"+Inf\"} %llu\n", (unsigned long long)below);
	return below;
}

static void
time_histogram(FILE *f, struct gateway *g, const struct endpoint *e, int leg,
		const struct time_metric *m) /* five: as its caller walks */
{
	struct histogram_total h;
	struct leg_counters c;
	uint64_t count;

	collector_leg(g->collector, e->eid, leg, &c);
	collector_histogram(g->collector, e->eid, leg, m->kind, &h);
	count = time_buckets(f, m, e, leg, &h);
	time_sample(f, m, e, leg, "sum");
	fprintf(f, "} %.6f\n", (double)*(const uint64_t *)((const char *)&c + m->sum) / 1e6);
	time_sample(f, m, e, leg, "count");
	fprintf(f, "} %llu\n", (unsigned long long)count);
}

static void
time_samples(FILE *f, struct gateway *g, const struct endpoint *e, const void *arg)
{
	int leg;

	for (leg = 0; leg < LEG_COUNT; leg++) {
		if (collector_leg_used(g->collector, e->eid, leg))
			time_histogram(f, g, e, leg, arg);
	}
}

static void
time_metrics(FILE *f, struct gateway *g)
{
	static const struct time_metric handshake = {"endpoint_handshake_seconds",
			HISTOGRAM_HANDSHAKE, offsetof(struct leg_counters, handshake_us)};
	static const struct time_metric reply = {"endpoint_reply_seconds", HISTOGRAM_REPLY,
			offsetof(struct leg_counters, reply_us)};

	family(f, handshake.name, "histogram", "time from SYN to SYN-ACK; client leg: to the ACK");
	each_endpoint(f, g, time_samples, &handshake);
	family(f, reply.name, "histogram", "time from request to the first byte of its reply");
	each_endpoint(f, g, time_samples, &reply);
}

static double
gauge_up(struct gateway *g, const struct endpoint *e)
{
	const char *state = api_endpoint_state(e);

	return !strcmp(state, "up") || !strcmp(state, "drain");
}

static double
gauge_drain(struct gateway *g, const struct endpoint *e)
{
	return e->drain;
}

static double
gauge_shift(struct gateway *g, const struct endpoint *e)
{
	return (double)e->shift / SHARE_ONE;
}

static double
gauge_mirror(struct gateway *g, const struct endpoint *e)
{
	return (double)e->mirror.share / SHARE_ONE;
}

static double
gauge_active(struct gateway *g, const struct endpoint *e)
{
	struct leg_interval in;

	collector_interval(g->collector, e->eid, LEG_SERVER, &in);
	return (double)in.flows_active;
}

struct gauge {
	const char *name, *help;
	double (*value)(struct gateway *g, const struct endpoint *e);
};

static void
gauge_sample(FILE *f, struct gateway *g, const struct endpoint *e, const void *arg)
{
	const struct gauge *gauge = arg;

	fprintf(f, "understudy_%s{", gauge->name);
	endpoint_labels(f, e);
	fprintf(f, "} %.9g\n", gauge->value(g, e));
}

static void
endpoint_gauges(FILE *f, struct gateway *g)
{
	static const struct gauge gauges[] = {
			{"endpoint_up", "1 if the endpoint is healthy and reachable", gauge_up},
			{"endpoint_drain", "1 if the endpoint takes no new flows", gauge_drain},
			{"endpoint_shift", "share of its new flows that its shadow serves",
					gauge_shift},
			{"endpoint_mirror", "share of its flows that are mirrored", gauge_mirror},
			{"endpoint_flows_active", "flows that it serves, at the last tick",
					gauge_active},
	};
	size_t i;

	for (i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		family(f, gauges[i].name, "gauge", gauges[i].help);
		each_endpoint(f, g, gauge_sample, &gauges[i]);
	}
}

static void
one(FILE *f, const char *name, const char *type, const char *help, double value)
{
	family(f, name, type, help);
	fprintf(f, "understudy_%s %.17g\n", name, value);
}

static void
process_metrics(FILE *f, struct gateway *g)
{
	struct publish_stats p;

	publish_stats(g->publisher, &p);
	family(f, "build_info", "gauge", "the version that runs");
	fputs("understudy_build_info{version=\"" UNDERSTUDY_VERSION "\"} 1\n", f);
	one(f, "start_time_seconds", "gauge", "when the daemon started, since 1970",
			(double)g->started_ms / 1000);
	one(f, "view_generation", "gauge", "the view in force", (double)p.generation);
	one(f, "views_published_total", "counter", "views published", (double)p.published);
	one(f, "views_failed_total", "counter", "views not built: out of memory", (double)p.failed);
	one(f, "views_waiting", "gauge", "views retired and not yet reclaimed", p.waiting);
	one(f, "loop_overruns_total", "counter", "timer periods that the control thread missed",
			(double)loop_overruns(g->loop));
}

char *
metrics_text(struct gateway *g)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	process_metrics(f, g);
	lcore_metrics(f, g);
	end_metrics(f, g);
	usage_metrics(f, g);
	port_metrics(f, g);
	device_metrics(f, g);
	endpoint_gauges(f, g);
	leg_metrics(f, g);
	time_metrics(f, g);
	if (ferror(f) || fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
