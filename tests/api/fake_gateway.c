/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_gateway.h"

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_rcu_qsbr.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "filter.h"
#include "health.h"
#include "kernel_port.h"
#include "load_forecast.h"
#include "measure.h"
#include "neighbour.h"
#include "outside.h"
#include "predictor.h"
#include "scrape.h"
#include "steering.h"

static struct fake *fake;
static struct rte_rcu_qsbr *qsbr;
static const struct view *view;

const char fake_config[] =
		"gateway: {lcores: [1, 2], main_lcore: 0, hugepages: false, api: /run/fake.sock}\n"
		"limits: {endpoints: 16, services: 4}\n"
		"ports:\n"
		"  - {name: lan, device: 'net_tap0,iface=fake0', addresses: [10.0.0.2/24]}\n"
		"local_addresses: [10.0.0.3]\n"
		"services:\n"
		"  - name: web\n"
		"    address: 10.0.0.100\n"
		"    protocol: tcp\n"
		"    port: 80\n"
		"    forward: fullnat\n"
		"    endpoints:\n"
		"      - {name: web1, address: 10.0.0.11, zone: a, shadows: [web1s]}\n"
		"      - {name: web2, address: 10.0.0.12, zone: b, shadows: [web2s]}\n"
		"      - {name: web1s, address: 10.0.0.21, weight: 0}\n"
		"      - {name: web2s, address: 10.0.0.22, weight: 0}\n"
		"  - name: dns\n"
		"    address: 10.0.0.100\n"
		"    protocol: udp\n"
		"    port: 53\n"
		"    forward: fullnat\n"
		"    hash: source\n"
		"    per_request: true\n"
		"    endpoints:\n"
		"      - {name: dns1, address: 10.0.0.13, shadows: [dns1s]}\n"
		"      - {name: dns1s, address: 10.0.0.23, weight: 0}\n"
		"      - {name: dns2, address: 10.0.0.14}\n";

static void
die(const char *what)
{
	fprintf(stderr, "fake gateway: %s\n", what);
	exit(1);
}

static struct config *
config_make(const char *socket_path)
{
	struct config_errors errors = {0};
	struct config *c = config_parse(fake_config, strlen(fake_config), "fake.yaml", &errors);

	if (!c)
		die(errors.count ? errors.line[0] : "no configuration");
	config_errors_free(&errors);
	free(c->gateway.api);
	c->gateway.api = strdup(socket_path);
	return c;
}

static void
all_up(struct fake *f)
{
	struct view_l2 l2 = {.dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}};
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(f->g.registry); i++) {
		s = registry_service_at(f->g.registry, i);
		for (j = 0; j < s->endpoint_count; j++) {
			l2.dst[5] = (uint8_t)s->endpoint[j]->eid;
			registry_set_neighbour(f->g.registry, s->endpoint[j], &l2, 1500);
			registry_set_health(f->g.registry, s->endpoint[j], HEALTH_UP, "check: ok");
		}
	}
}

struct fake *
fake_create(const char *socket_path)
{
	struct fake *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);

	if (!f)
		die("out of memory");
	memset(f, 0, sizeof(*f));
	fake = f;
	f->page_rows = UINT32_MAX;
	f->g.dataplane = (struct dataplane *)f;
	f->g.loop = loop_create();
	f->g.journal = journal_create(100);
	f->g.registry = registry_create(config_make(socket_path), FAKE_LCORES);
	f->g.config_file = "fake.yaml";
	f->g.started_ms = loop_wall_ms();
	f->g.device_count = f->g.port_count = 1;
	strcpy(f->g.device[0].driver, "net_tap");
	strcpy(f->g.device[0].args, "net_tap0,iface=fake0");
	f->g.port[0] = (struct view_port){.mac = {{2, 0, 0, 0, 0, 9}}, .mtu = 1500};
	qsbr = aligned_alloc(64, (rte_rcu_qsbr_get_memsize(4) + 63) & ~(size_t)63);
	if (!qsbr || rte_rcu_qsbr_init(qsbr, 4) != 0)
		die("rcu");
	if (!f->g.registry || registry_set_ports(f->g.registry, f->g.port, 1) < 0)
		die("registry");
	f->g.publisher = publisher_create(f->g.dataplane, f->g.registry);
	all_up(f);
	if (publish_run(f->g.publisher) < 0)
		die("publish");
	f->g.collector = collector_create(&f->g);
	f->g.scraper = scraper_create(&f->g);
	f->g.outside = outside_create(&f->g);
	f->g.measurements = measurements_create(&f->g);
	f->g.predictor = predictor_create(&f->g);
	f->g.load_forecasts = load_forecasts_create(&f->g);
	f->g.steering = steering_create(&f->g);
	if (!f->g.collector || !f->g.measurements || !f->g.predictor || !f->g.steering ||
			!f->g.load_forecasts)
		die("measurements");
	return f;
}

void
fake_free(struct fake *f)
{
	steering_free(f->g.steering);
	predictor_free(f->g.predictor);
	load_forecasts_free(f->g.load_forecasts);
	measurements_free(f->g.measurements);
	outside_free(f->g.outside);
	scraper_free(f->g.scraper);
	collector_free(f->g.collector);
	publisher_free(f->g.publisher);
	registry_free(f->g.registry);
	journal_free(f->g.journal);
	loop_free(f->g.loop);
	free(qsbr);
	free(f);
	fake = NULL;
	view = NULL;
}

struct endpoint *
fake_endpoint(struct fake *f, const char *service, const char *endpoint)
{
	return registry_endpoint_by_name(f->g.registry, service, endpoint);
}

static void
leg_traffic(struct fake *f, const struct endpoint *e, enum leg leg, uint64_t n)
{
	struct leg_counters *c;
	uint64_t i;
	int l;

	for (l = 0; l < FAKE_LCORES; l++) {
		c = &f->endpoint[l][e->eid].leg[leg];
		c->flows_new += n;
		c->flows_closed += n / 2;
		c->packets_to += 5 * n;
		c->bytes_to += 500 * n;
		c->packets_from += 4 * n;
		c->bytes_from += 4000 * n;
		c->requests += n;
		c->replies += n;
		c->replies_timed += n;
		c->reply_us += 200 * n;
		for (i = 0; i < n; i++)
			histogram_add(&f->endpoint[l][e->eid].histogram[leg][HISTOGRAM_REPLY], 200);
	}
}

static void
flow_add(struct fake *f, const struct endpoint *e, uint16_t port)
{
	struct flow_row *row = &f->flow[f->flow_count++];
	const struct config_service *s = e->service->config;

	*row = (struct flow_row){.eid = e->eid,
			.sid = e->service->sid,
			.lcore = f->flow_count % FAKE_LCORES,
			.state = s->protocol == IPPROTO_TCP ? FLOW_ESTABLISHED : FLOW_ANSWERED,
			.side = e->weight ? SIDE_PRIMARY : SIDE_SHADOW,
			.reason = e->weight ? STEER_PRIMARY : STEER_SHIFT,
			.age_ms = 12000,
			.idle_ms = 400,
			.timeout_ms = 900000,
			.packets_to = 10,
			.bytes_to = 1000,
			.packets_from = 8,
			.bytes_from = 12000,
			.local_port = (uint16_t)(1024 + port)};
	ip_parse("192.0.2.7", &row->key.src);
	ip_parse("10.0.0.3", &row->local);
	row->key.dst = s->addr;
	row->key.protocol = s->protocol;
	row->key.src_port_be = rte_cpu_to_be_16(port);
	row->key.dst_port_be = rte_cpu_to_be_16(s->port_first);
}

void
fake_traffic(struct fake *f)
{
	int l;

	for (l = 0; l < FAKE_LCORES; l++) {
		f->lcore[l].received += 5000;
		f->lcore[l].received_bytes += 500000;
		f->lcore[l].forwarded += 4990;
		f->lcore[l].forwarded_bytes += 499000;
		f->lcore[l].end[END_punted] += 4;
		f->lcore[l].end[END_bad_ip_header] += 6;
		f->lcore[l].mirrored += 100;
		f->lcore[l].mirror_wanted += 107;
		f->lcore[l].mirror_over_budget += 7;
		f->lcore[l].flows_created += 250;
		f->lcore[l].cycles_busy += 300;
		f->lcore[l].cycles_idle += 700;
		f->lcore[l].view_generation = 1;
		f->port[l] = (struct port_counters){.rx_packets = f->lcore[l].received,
				.rx_bytes = f->lcore[l].received_bytes,
				.tx_packets = f->lcore[l].forwarded,
				.tx_bytes = f->lcore[l].forwarded_bytes};
	}
	leg_traffic(f, fake_endpoint(f, "web", "web1"), LEG_SERVER, 120);
	leg_traffic(f, fake_endpoint(f, "web", "web1s"), LEG_SERVER, 30);
	leg_traffic(f, fake_endpoint(f, "dns", "dns1"), LEG_SERVER, 100);
	leg_traffic(f, fake_endpoint(f, "dns", "dns1s"), LEG_SHADOW, 100);
	f->usage = (struct dataplane_usage){.flows = 220,
			.flow_limit = 524288,
			.local4_free = 64000,
			.local4_total = 64512};
	f->usage.by_state[FLOW_ESTABLISHED] = 120;
	f->usage.by_state[FLOW_ANSWERED] = 100;
	f->device = (struct device_stats){.rx_packets = 10000,
			.tx_packets = 9980,
			.rx_missed = 3,
			.link_up = true,
			.link_mbps = 10000};
	if (f->flow_count)
		return;
	flow_add(f, fake_endpoint(f, "web", "web1"), 40000);
	flow_add(f, fake_endpoint(f, "web", "web1s"), 40001);
	flow_add(f, fake_endpoint(f, "dns", "dns1"), 5353);
}

static bool
flow_matches(const struct flow_row *row, const struct flow_filter *q)
{
	return (q->sid == UINT32_MAX || q->sid == row->sid) &&
			(q->eid == UINT32_MAX || q->eid == row->eid) &&
			(!q->state || q->state == row->state) &&
			(!q->protocol || q->protocol == row->key.protocol) &&
			(!q->client_port ||
					q->client_port == rte_be_to_cpu_16(row->key.src_port_be)) &&
			(!q->dst_port || q->dst_port == rte_be_to_cpu_16(row->key.dst_port_be)) &&
			(ip_is_none(&q->dst) || ip_equal(&q->dst, &row->key.dst)) &&
			(q->any_client || ip_prefix_contains(&q->client, &row->key.src));
}

static void
query_answer(struct fake *f, struct flow_query *q, uint32_t lcore)
{
	uint32_t i, max = q->row_max < f->page_rows ? q->row_max : f->page_rows;

	q->row_count = 0;
	for (i = q->cursor; i < f->flow_count && q->row_count < max; i++) {
		if (f->flow[i].lcore == lcore && flow_matches(&f->flow[i], &q->filter))
			q->rows[q->row_count++] = f->flow[i];
	}
	q->cursor = i < f->flow_count ? i : 0;
	__atomic_store_n(&q->done, 1, __ATOMIC_RELEASE);
}

void
fake_answer(struct fake *f)
{
	uint32_t i, n = f->asked_count;

	f->asked_count = 0;
	for (i = 0; i < n; i++)
		query_answer(f, f->asked[i], f->asked_lcore[i]);
}

bool
dataplane_query(struct dataplane *d, uint32_t lcore, struct flow_query *query)
{
	if (fake->ring_full || (fake->hold && fake->asked_count == FAKE_ASKED))
		return false;
	if (fake->hold) {
		fake->asked_lcore[fake->asked_count] = lcore;
		fake->asked[fake->asked_count++] = query;
	} else {
		query_answer(fake, query, lcore);
	}
	return true;
}

const struct view *
dataplane_publish(struct dataplane *d, const struct view *v)
{
	const struct view *old = view;

	view = v;
	return old;
}

struct rte_rcu_qsbr *
dataplane_qsbr(struct dataplane *d)
{
	return qsbr;
}

uint32_t
dataplane_lcore_count(const struct dataplane *d)
{
	return FAKE_LCORES;
}

unsigned
dataplane_lcore_id(const struct dataplane *d, uint32_t lcore)
{
	return lcore + 1;
}

const struct lcore_counters *
dataplane_lcore_counters(const struct dataplane *d, uint32_t lcore)
{
	return &fake->lcore[lcore];
}

const struct endpoint_counters *
dataplane_endpoint_counters(const struct dataplane *d, uint32_t lcore, uint32_t eid)
{
	return &fake->endpoint[lcore][eid];
}

const struct port_counters *
dataplane_port_counters(const struct dataplane *d, uint32_t lcore, uint32_t port)
{
	return &fake->port[lcore];
}

const struct histogram *
dataplane_view_latency(const struct dataplane *d, uint32_t lcore)
{
	return &fake->view_latency;
}

void
dataplane_usage(const struct dataplane *d, uint32_t lcore, struct dataplane_usage *out)
{
	*out = fake->usage;
}

void
device_stats(const struct device *device, struct device_stats *out)
{
	*out = fake->device;
}

json_t *
neighbours_json(const struct neighbours *n)
{
	return json_pack("[{s:s s:s s:i s:s s:b s:i}]", "address", "10.0.0.11", "mac",
			"02:00:00:00:00:01", "port", 0, "state", "reachable", "endpoint", 1,
			"age_ms", 3000);
}

json_t *
neighbours_counters_json(const struct neighbours *n)
{
	return json_pack("{s:i}", "requests_sent", 3);
}

double
health_failing(const struct health *h, const struct endpoint *e)
{
	return 0;
}

json_t *
health_json(const struct health *h, const struct endpoint *e)
{
	return json_null();
}

json_t *
filter_json(const struct filter *f)
{
	return json_array();
}

json_t *
kernel_port_json(const struct kernel_ports *k, uint32_t port)
{
	return json_null();
}

int
gateway_reload(struct gateway *g, struct config_errors *errors)
{
	if (!fake->reload_error)
		return 0;
	config_errors_add(errors, "%s", fake->reload_error);
	return -EINVAL;
}

void
gateway_apply(struct gateway *g)
{
	fake->applied++;
	publish_run(g->publisher);
	publish_reclaim(g->publisher);
}

/* Weak: it is the data plane's when something else brings that in. */
__attribute__((weak)) const char *
flow_state_name(enum flow_state s)
{
	static const char *const names[] = {
			"free", "half-open", "established", "closing", "unanswered", "answered"};

	return names[s];
}
