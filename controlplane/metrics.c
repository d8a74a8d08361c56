/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exposition format wants all samples of a name together. The endpoints are nevertheless walked once, each leg read
 * once, and every name's samples gathered apart. A leg without traffic has no series.
 */
#include "metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_show.h"
#include "collect.h"
#include "endpoint_walk.h"
#include "history.h"
#include "metrics_policy.h"
#include "predictor.h"
#include "scrape.h"

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

/* One figure of the statements about each horizon; NaN where there were none to compute it from. */
static void
quality_of(FILE *f, struct gateway *g, const char *name, size_t offset)
{
	const struct risk_model *m = predictor_model(g->predictor);
	struct calibration_report r;
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++) {
		calibration_report(&m->score[k], &r);
		fprintf(f, "understudy_%s{horizon=\"%us\"} %.9g\n", name, risk_horizon_s[k],
				*(const double *)((const char *)&r + offset));
	}
}

static void
risk_metrics(FILE *f, struct gateway *g)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} figures[] = {
			{"risk_base_rate", "share of the risk statements that came true",
					offsetof(struct calibration_report, base_rate)},
			{"risk_brier_score", "mean squared error of the risk statements",
					offsetof(struct calibration_report, brier)},
			{"risk_calibration_error",
					"expected calibration error of the risk statements, 10 "
					"bins",
					offsetof(struct calibration_report, calibration_error)},
	};
	const struct risk_model *m = predictor_model(g->predictor);
	struct predictor_stats stats;
	size_t i;

	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		family(f, figures[i].name, "gauge", figures[i].help);
		quality_of(f, g, figures[i].name, figures[i].offset);
	}
	predictor_stats(g->predictor, &stats);
	one(f, "risk_failures_total", "counter", "failures of endpoints that were watched",
			(double)m->failures);
	one(f, "risk_failures_seen_total", "counter", "of these, those with an alarm before",
			(double)m->failures_seen);
	one(f, "risk_tick_seconds", "gauge", "work of the predictor in the last second",
			stats.tick_ms / 1000);
	one(f, "risk_late_total", "counter", "seconds that were too short for this work",
			(double)stats.late);
}

static void
history_metrics(FILE *f, struct gateway *g)
{
	struct history_stats s;

	if (!g->history)
		return;
	history_stats(g->history, &s);
	one(f, "history_usable", "gauge", "1: the database is written", s.usable);
	one(f, "history_series", "gauge", "series with samples of the last hour", s.series);
	one(f, "history_bytes", "gauge", "the database on disk", (double)s.bytes_on_disk);
	one(f, "history_samples_total", "counter", "samples taken", (double)s.samples);
	one(f, "history_records_total", "counter", "decisions and other records taken",
			(double)s.records);
	one(f, "history_models_total", "counter", "states of models taken", (double)s.models);
	one(f, "history_dropped_total", "counter", "samples and records the queue had no room for",
			(double)s.dropped);
	one(f, "history_lost_total", "counter", "chunks and records the disk did not take",
			(double)s.lost);
}

static double
risk_of(struct gateway *g, const struct endpoint *e, unsigned horizon)
{
	const struct risk *r = predictor_risk_or_null(g->predictor, e);

	return r ? r->probability[horizon] : NAN;
}

static double
gauge_risk_30s(struct gateway *g, const struct endpoint *e)
{
	return risk_of(g, e, 0);
}

static double
gauge_risk_60s(struct gateway *g, const struct endpoint *e)
{
	return risk_of(g, e, 1);
}

static double
gauge_risk_300s(struct gateway *g, const struct endpoint *e)
{
	return risk_of(g, e, 2);
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

static const struct gauge {
	const char *name, *help;
	double (*value)(struct gateway *g, const struct endpoint *e);
} gauges[] = {
		{"endpoint_up", "1 if the endpoint is healthy and reachable", gauge_up},
		{"endpoint_drain", "1 if the endpoint takes no new flows", gauge_drain},
		{"endpoint_shift", "share of its new flows that its shadow serves", gauge_shift},
		{"endpoint_mirror", "share of its flows that are mirrored", gauge_mirror},
		{"endpoint_flows_active", "flows that it serves, at the last tick", gauge_active},
		{"endpoint_risk_30s", "probability that it fails within 30 s", gauge_risk_30s},
		{"endpoint_risk_60s", "probability that it fails within 60 s", gauge_risk_60s},
		{"endpoint_risk_300s", "probability that it fails within 300 s", gauge_risk_300s},
};
#define GAUGES (sizeof(gauges) / sizeof(gauges[0]))

static const struct leg_metric {
	const char *name, *help;
	size_t offset;
} leg_metrics[] = {
#define X(field, text) {"endpoint_" #field "_total", text, offsetof(struct leg_counters, field)},
		LEG_COUNTER_LIST(X)
#undef X
};
#define LEG_METRICS (sizeof(leg_metrics) / sizeof(leg_metrics[0]))

static const struct time_metric {
	const char *name, *help;
	enum leg_histogram kind;
	size_t sum; /* offset of the sum in struct leg_counters, microseconds */
} time_metrics[] = {
		{"endpoint_handshake_seconds", "time from SYN to SYN-ACK; client leg: to the ACK",
				HISTOGRAM_HANDSHAKE, offsetof(struct leg_counters, handshake_us)},
		{"endpoint_reply_seconds", "time from request to the first byte of its reply",
				HISTOGRAM_REPLY, offsetof(struct leg_counters, reply_us)},
};
#define TIME_METRICS (sizeof(time_metrics) / sizeof(time_metrics[0]))

/* The samples of a name, as far as they are written. */
struct section {
	FILE *f;
	char *text;
	size_t size;
};

static const char scrapes_help[] = "scrapes of the endpoint by how they ended";

struct metrics {
	struct gateway *g;
	bool idle;
	struct endpoint_walk walk;
	struct section label; /* of the endpoint in hand, with its zero */
	struct section gauge[GAUGES], leg[LEG_METRICS], time[TIME_METRICS], scrapes;
	struct section policy[METRICS_POLICY];
};

static void
label_make(struct metrics *m, const struct endpoint *e)
{
	FILE *f = m->label.f;

	rewind(f);
	fputs("service=", f);
	quoted(f, e->service->config->name);
	fputs(",endpoint=", f);
	quoted(f, e->config->name);
	fputc('\0', f);
	fflush(f);
}

static void
gauge_samples(struct metrics *m, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < GAUGES; i++)
		fprintf(m->gauge[i].f, "understudy_%s{%s} %.9g\n", gauges[i].name, m->label.text,
				gauges[i].value(m->g, e));
}

static uint64_t
word_at(const struct leg_counters *c, size_t offset)
{
	return *(const uint64_t *)((const char *)c + offset);
}

static void
leg_samples(struct metrics *m, enum leg leg, const struct leg_counters *c)
{
	size_t i;

	for (i = 0; i < LEG_METRICS; i++)
		fprintf(m->leg[i].f, "understudy_%s{%s,leg=\"%s\"} %llu\n", leg_metrics[i].name,
				m->label.text, leg_name[leg],
				(unsigned long long)word_at(c, leg_metrics[i].offset));
}

static void
time_sample(struct metrics *m, size_t i, const char *suffix, enum leg leg)
{
	fprintf(m->time[i].f, "understudy_%s_%s{%s,leg=\"%s\"", time_metrics[i].name, suffix,
			m->label.text, leg_name[leg]);
}

/* Returns the count of all. */
static uint64_t
time_buckets(struct metrics *m, size_t n, enum leg leg, const struct histogram_total *h)
{
	FILE *f = m->time[n].f;
	uint64_t below = 0;
	uint32_t i, b = 0;

	for (i = 0; i < EDGE_COUNT; i++) {
		for (; b < EDGE_FIRST + EDGE_STEP * i; b++)
			below += h->count[b];
		time_sample(m, n, "bucket", leg);
		fprintf(f, ",le=\"%.9g\"} %llu\n", (double)histogram_lower(b) / 1e6,
				(unsigned long long)below);
	}
	for (; b < HISTOGRAM_BUCKETS; b++)
		below += h->count[b];
	time_sample(m, n, "bucket", leg);
	fprintf(f, ",le=\"+Inf\"} %llu\n", (unsigned long long)below);
	return below;
}

static void
time_samples(struct metrics *m, const struct endpoint *e, enum leg leg,
		const struct leg_counters *c)
{
	struct histogram_total h;
	uint64_t count;
	size_t i;

	for (i = 0; i < TIME_METRICS; i++) {
		collector_histogram(m->g->collector, e->eid, leg, time_metrics[i].kind, &h);
		count = time_buckets(m, i, leg, &h);
		time_sample(m, i, "sum", leg);
		fprintf(m->time[i].f, "} %.6f\n", (double)word_at(c, time_metrics[i].sum) / 1e6);
		time_sample(m, i, "count", leg);
		fprintf(m->time[i].f, "} %llu\n", (unsigned long long)count);
	}
}

static void
scrape_samples(struct metrics *m, const struct endpoint *e)
{
	int state;

	if (!scraper_has(m->g->scraper, e))
		return;
	for (state = SCRAPE_ok; state < SCRAPE_STATES; state++)
		fprintf(m->scrapes.f, "understudy_endpoint_scrapes_total{%s,result=\"%s\"} %llu\n",
				m->label.text, scrape_state_name((enum scrape_state)state),
				(unsigned long long)scraper_count(
						m->g->scraper, e, (enum scrape_state)state));
}

static void
policy_samples(struct metrics *m, const struct endpoint *e)
{
	FILE *f[METRICS_POLICY];
	struct steering_view v;
	size_t i;

	if (!steering_view(m->g->steering, e, &v))
		return;
	for (i = 0; i < METRICS_POLICY; i++)
		f[i] = m->policy[i].f;
	metrics_policy_samples(f, m->label.text, &v);
}

static void
endpoint_samples(struct metrics *m, const struct endpoint *e)
{
	struct leg_counters c;
	int leg;
	bool used;

	label_make(m, e);
	gauge_samples(m, e);
	scrape_samples(m, e);
	policy_samples(m, e);
	for (leg = 0; leg < LEG_COUNT; leg++) {
		used = collector_leg_used(m->g->collector, e->eid, leg);
		if (!used && !(m->idle && leg == LEG_SERVER))
			continue;
		collector_leg(m->g->collector, e->eid, leg, &c);
		leg_samples(m, leg, &c);
		if (used)
			time_samples(m, e, leg, &c);
	}
}

/* Also after a reload: what was written before is overwritten. */
static void
begin(struct metrics *m)
{
	size_t i;

	endpoint_walk_init(&m->walk, m->g->registry, NULL);
	for (i = 0; i < GAUGES; i++) {
		rewind(m->gauge[i].f);
		family(m->gauge[i].f, gauges[i].name, "gauge", gauges[i].help);
	}
	for (i = 0; i < LEG_METRICS; i++) {
		rewind(m->leg[i].f);
		family(m->leg[i].f, leg_metrics[i].name, "counter", leg_metrics[i].help);
	}
	for (i = 0; i < TIME_METRICS; i++) {
		rewind(m->time[i].f);
		family(m->time[i].f, time_metrics[i].name, "histogram", time_metrics[i].help);
	}
	rewind(m->scrapes.f);
	family(m->scrapes.f, "endpoint_scrapes_total", "counter", scrapes_help);
	for (i = 0; i < METRICS_POLICY; i++) {
		rewind(m->policy[i].f);
		family(m->policy[i].f, metrics_policy_family[i].name, metrics_policy_family[i].type,
				metrics_policy_family[i].help);
	}
}

/* Calls fn for each section until it fails. */
static bool
each_section(struct metrics *m, bool (*fn)(struct section *s, void *arg), void *arg)
{
	bool good = fn(&m->label, arg);
	size_t i;

	for (i = 0; i < GAUGES; i++)
		good = good && fn(&m->gauge[i], arg);
	for (i = 0; i < LEG_METRICS; i++)
		good = good && fn(&m->leg[i], arg);
	for (i = 0; i < TIME_METRICS; i++)
		good = good && fn(&m->time[i], arg);
	for (i = 0; i < METRICS_POLICY; i++)
		good = good && fn(&m->policy[i], arg);
	return good && fn(&m->scrapes, arg);
}

static bool
section_open(struct section *s, void *arg)
{
	s->f = open_memstream(&s->text, &s->size);
	return s->f != NULL;
}

static bool
section_free(struct section *s, void *arg)
{
	if (s->f)
		fclose(s->f);
	free(s->text);
	return true;
}

static bool
section_end(struct section *s, void *total)
{
	if (ferror(s->f) || fflush(s->f) == EOF)
		return false;
	*(size_t *)total += s->size;
	return true;
}

static void
section_append(char **to, const struct section *s)
{
	memcpy(*to, s->text, s->size);
	*to += s->size;
}

/* In one piece of the right size: growing one would copy it over and over. */
static char *
page_or_null(struct metrics *m, const struct section *head)
{
	size_t i, total = head->size + 1;
	char *page, *to;

	if (!each_section(m, section_end, &total))
		return NULL;
	to = page = malloc(total);
	if (!page)
		return NULL;
	section_append(&to, head);
	for (i = 0; i < GAUGES; i++)
		section_append(&to, &m->gauge[i]);
	for (i = 0; i < LEG_METRICS; i++)
		section_append(&to, &m->leg[i]);
	for (i = 0; i < TIME_METRICS; i++)
		section_append(&to, &m->time[i]);
	section_append(&to, &m->scrapes);
	for (i = 0; i < METRICS_POLICY; i++)
		section_append(&to, &m->policy[i]);
	*to = '\0';
	return page;
}

struct metrics *
metrics_create(struct gateway *g, bool idle)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->g = g;
	m->idle = idle;
	if (!each_section(m, section_open, NULL)) {
		metrics_free(m);
		return NULL;
	}
	begin(m);
	return m;
}

void
metrics_free(struct metrics *m)
{
	if (m)
		each_section(m, section_free, NULL);
	free(m);
}

bool
metrics_run(struct metrics *m, uint32_t ms)
{
	uint64_t until = loop_now_ms() + ms;
	const struct endpoint *e;

	if (endpoint_walk_stale(&m->walk))
		begin(m);
	do {
		e = endpoint_walk_next_or_null(&m->walk);
		if (e)
			endpoint_samples(m, e);
	} while (e && loop_now_ms() < until);
	return !e;
}

char *
metrics_take(struct metrics *m)
{
	struct section head = {0};
	char *page = NULL;
	bool good;

	if (!section_open(&head, NULL))
		return NULL;
	process_metrics(head.f, m->g);
	risk_metrics(head.f, m->g);
	history_metrics(head.f, m->g);
	lcore_metrics(head.f, m->g);
	end_metrics(head.f, m->g);
	usage_metrics(head.f, m->g);
	port_metrics(head.f, m->g);
	device_metrics(head.f, m->g);
	good = !ferror(head.f);
	if (fclose(head.f) == 0 && good)
		page = page_or_null(m, &head);
	free(head.text);
	return page;
}
