/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "api.h"
#include "collect.h"
#include "devices.h"
#include "eal.h"
#include "filter.h"
#include "flow_lister.h"
#include "health.h"
#include "history.h"
#include "history_feed.h"
#include "kernel_port.h"
#include "load_forecast.h"
#include "measure.h"
#include "neighbour.h"
#include "outside.h"
#include "predictor.h"
#include "scrape.h"
#include "state_file.h"
#include "steering.h"
#include "telemetry.h"

#define DRAIN_MS 1 /* events that no eventfd told of wait no longer than this */
#define TICK_MS 1000
#define SAVE_MS 200 /* the state file follows changes this late, and bursts of them once */
#define SAVE_AGAIN_MS 2000
#define DRAIN_EVENTS 256
#define DRAIN_PACKETS 256

static int
refuse(const struct gateway *g, const char *error)
{
	journal_add(g->journal, JOURNAL_ERR, "start", NULL, NULL, "%s", error);
	return -EINVAL;
}

static void
drain_events(struct gateway *g)
{
	struct event event[DRAIN_EVENTS];
	uint32_t n = dataplane_events(g->dataplane, event, DRAIN_EVENTS);
	uint32_t i;

	for (i = 0; i < n; i++)
		health_event(g->health, &event[i]);
}

static void
drain_punted(struct gateway *g)
{
	struct rte_mbuf *frame[DRAIN_PACKETS];
	uint32_t n = dataplane_punted(g->dataplane, frame, DRAIN_PACKETS);
	uint32_t i;

	for (i = 0; i < n; i++) {
		kernel_ports_overhear(g->kernel_ports, frame[i]);
		if (!neighbours_input(g->neighbours, frame[i]) &&
				!health_input(g->health, frame[i]))
			kernel_ports_input(g->kernel_ports, frame[i]);
	}
}

static void
on_drain(void *arg)
{
	struct gateway *g = arg;

	drain_events(g);
	drain_punted(g);
	publish_reclaim(g->publisher);
	flow_lister_poll(g->flows);
	telemetry_poll();
}

static void
on_event(void *arg)
{
	drain_events(arg);
}

static void
on_tick(void *arg)
{
	struct gateway *g = arg;

	collector_tick(g->collector);
	measurements_tick(g->measurements);
	history_feed_tick(g->history_feed, loop_wall_ms());
	load_forecasts_tick(g->load_forecasts);
	predictor_tick(g->predictor);
	steering_tick(g->steering);
	if (publish_run(g->publisher) < 0)
		journal_add(g->journal, JOURNAL_ERR, "publish", NULL, NULL,
				"no memory for a new table: the old one stays in force");
}

/* Tells of the first failure, and of the end of a row of them. */
static void
save_result(struct gateway *g, int rc)
{
	const char *file = registry_config(g->registry)->gateway.state_file;

	if (rc && !g->save_failed)
		journal_add(g->journal, JOURNAL_WARNING, "state", NULL, NULL,
				"state file '%s' could not be written: %s; tried again until it "
				"can; a restart would lose what was set since",
				file, strerror(-rc));
	if (!rc && g->save_failed)
		journal_add(g->journal, JOURNAL_NOTICE, "state", NULL, NULL,
				"state file '%s' is written again", file);
	g->save_failed = rc != 0;
}

static void
on_save(void *arg)
{
	struct gateway *g = arg;
	int rc = state_file_save(
			registry_config(g->registry)->gateway.state_file, g->registry, &g->saved);

	g->save = rc ? loop_timer(g->loop, SAVE_AGAIN_MS, 0, on_save, g) : NULL;
	save_result(g, rc);
}

void
gateway_apply(struct gateway *g)
{
	if (publish_run(g->publisher) < 0)
		journal_add(g->journal, JOURNAL_ERR, "publish", NULL, NULL,
				"no memory for a new table: the old one stays in force, and is "
				"tried again in a second");
	if (!g->save)
		g->save = loop_timer(g->loop, SAVE_MS, 0, on_save, g);
}

/* What the kernel must let through comes before the view that needs it; what it need not any more, after. */
static void
apply_config(struct gateway *g)
{
	int rc = filter_sync_add(g->filter);

	if (rc)
		journal_add(g->journal, JOURNAL_ERR, "filter", NULL, NULL,
				"the maps of the interfaces' filter could not be filled: %s",
				strerror(-rc));
	gateway_apply(g);
	filter_sync_remove(g->filter);
}

/* NULL if it cannot be put in force here and now. */
static struct config *
load_for_reload(struct gateway *g, struct config_errors *errors)
{
	struct config *config = config_load(g->config_file, errors);

	if (!config)
		return NULL;
	if (config_reloadable(registry_config(g->registry), config, errors) &&
			filter_check(config, errors))
		return config;
	config_free(config);
	return NULL;
}

/* Ids of what was removed are in use until the last flow that names them ends. */
static void
reload_error(const struct gateway *g, int rc, struct config_errors *errors)
{
	const struct config *c = registry_config(g->registry);

	if (rc == -ENOSPC)
		config_errors_add(errors,
				"%s: no room beside services and endpoints that were removed and "
				"still have flows: limits.services: %u, limits.endpoints: %u; "
				"reload again when these have drained, or raise the limit and "
				"restart",
				g->config_file, c->limits.services, c->limits.endpoints);
	else
		config_errors_add(errors, "%s: no memory to take it over", g->config_file);
}

int
gateway_reload(struct gateway *g, struct config_errors *errors)
{
	struct config *config = load_for_reload(g, errors);
	int rc;

	if (!config)
		return -EINVAL;
	rc = registry_reload(g->registry, config);
	if (rc) {
		reload_error(g, rc, errors);
		return rc;
	}
	measurements_reload(g->measurements);
	apply_config(g);
	neighbours_sync(g->neighbours);
	health_sync(g->health);
	gateway_apply(g);
	journal_add(g->journal, JOURNAL_NOTICE, "reload", NULL, NULL,
			"configuration '%s' is in force", g->config_file);
	return 0;
}

static void
on_reload_signal(void *arg)
{
	struct config_errors errors = {0};
	struct gateway *g = arg;
	size_t i;

	if (gateway_reload(g, &errors) < 0) {
		for (i = 0; i < errors.count; i++)
			journal_add(g->journal, JOURNAL_ERR, "reload", NULL, NULL, "%s",
					errors.line[i]);
		journal_add(g->journal, JOURNAL_ERR, "reload", NULL, NULL,
				"refused: nothing was changed");
	}
	config_errors_free(&errors);
}

static void
on_stop_signal(void *arg)
{
	struct gateway *g = arg;

	journal_add(g->journal, JOURNAL_NOTICE, "stop", NULL, NULL, "told to stop");
	loop_stop(g->loop);
}

static uint32_t
lanes(const struct gateway *g)
{
	uint32_t i, n = 0;

	for (i = 0; i < g->device_count; i++)
		n += g->device[i].lane_count;
	return n;
}

static int
create_dataplane(struct gateway *g, const struct config *config)
{
	unsigned lcore[DATAPLANE_LCORES_MAX];
	struct dataplane_config dc = {
			.flows = config->limits.flows / (uint32_t)config->gateway.lcore_count,
			.endpoints = registry_endpoint_limit(g->registry),
			.local4 = config->limits.local_addresses,
			.local6 = config->limits.local_addresses,
			.fragments = config->limits.fragments,
			.fragment_ms = config->gateway.fragment_ms,
			.idle_sleep_us = config->gateway.idle_sleep_us,
			.device_count = g->device_count,
			.device = g->device,
			.lcore_count = (uint32_t)config->gateway.lcore_count,
			.lcore = lcore,
	};
	char error[256];
	uint32_t i;

	for (i = 0; i < dc.lcore_count; i++)
		lcore[i] = eal_lcore(i);
	g->dataplane = dataplane_create(&dc, error, sizeof(error));
	return g->dataplane ? 0 : refuse(g, error);
}

static void
restore(struct gateway *g)
{
	char error[512];

	if (state_file_load(registry_config(g->registry)->gateway.state_file, g->registry, error,
			    sizeof(error)) < 0)
		journal_add(g->journal, JOURNAL_ERR, "state", NULL, NULL, "%s", error);
}

/* Our filter is on the interfaces before DPDK opens sockets on them. */
static int
create_ports(struct gateway *g, const struct config *config)
{
	struct config_errors errors = {0};
	char error[512] = "no memory";
	bool clear = filter_check(config, &errors);
	size_t i;

	for (i = 0; i < errors.count; i++)
		refuse(g, errors.line[i]);
	config_errors_free(&errors);
	if (!clear)
		return -EINVAL;
	g->filter = filter_create(g, error, sizeof(error));
	if (!g->filter || devices_open(g, config, error, sizeof(error)) < 0)
		return refuse(g, error);
	if (lanes(g) < config->gateway.lcore_count)
		journal_add(g->journal, JOURNAL_WARNING, "start", NULL, NULL,
				"%u receive queues for %zu lcores: those without one only get what "
				"others hand over",
				lanes(g), config->gateway.lcore_count);
	return registry_set_ports(g->registry, g->port, g->port_count);
}

/* In the order in which the parts need each other; gateway_stop takes what there is. */
static int
create_tables(struct gateway *g, struct config *config)
{
	int rc;

	g->registry = registry_create(config, (uint32_t)config->gateway.lcore_count);
	if (!g->registry)
		return refuse(g, "no memory");
	rc = create_ports(g, config);
	if (rc == 0)
		rc = create_dataplane(g, config);
	if (rc)
		return rc;
	g->history = history_create(g);
	g->publisher = publisher_create(g->dataplane, g->registry);
	g->collector = collector_create(g);
	g->scraper = scraper_create(g);
	g->outside = outside_create(g);
	if (g->scraper && g->outside)
		g->measurements = measurements_create(g);
	g->predictor = g->measurements ? predictor_create(g) : NULL;
	g->history_feed = history_feed_create(g);
	g->load_forecasts = g->measurements ? load_forecasts_create(g) : NULL;
	g->steering = steering_create(g);
	if (!g->publisher || !g->collector || !g->history_feed || !g->measurements ||
			!g->predictor || !g->steering || !g->load_forecasts)
		return refuse(g, "no memory");
	registry_set_active_flows(g->registry, collector_active_flows, g->collector);
	restore(g);
	return 0;
}

static int
create_services(struct gateway *g)
{
	char error[512] = "no memory";

	g->neighbours = neighbours_create(g);
	g->health = health_create(g);
	g->flows = flow_lister_create(g);
	if (!g->neighbours || !g->health || !g->flows)
		return refuse(g, strerror(errno));
	g->kernel_ports = kernel_ports_create(g, error, sizeof(error));
	if (!g->kernel_ports)
		return refuse(g, error);
	if (telemetry_start(g) < 0)
		journal_add(g->journal, JOURNAL_WARNING, "start", NULL, NULL,
				"DPDK telemetry has no /understudy commands: %s", strerror(errno));
	g->api = api_create(g, error, sizeof(error));
	return g->api ? 0 : refuse(g, error);
}

static int
watch(struct gateway *g)
{
	struct loop *l = g->loop;

	if (!loop_watch(l, dataplane_event_fd(g->dataplane), on_event, g) ||
			!loop_timer(l, DRAIN_MS, DRAIN_MS, on_drain, g) ||
			!loop_timer(l, TICK_MS, TICK_MS, on_tick, g) ||
			filter_follow_host(g->filter) < 0)
		return refuse(g, strerror(errno));
	return 0;
}

int
gateway_signals(struct gateway *g)
{
	struct loop *l = g->loop;

	if (!loop_signal(l, SIGHUP, on_reload_signal, g) ||
			!loop_signal(l, SIGTERM, on_stop_signal, g) ||
			!loop_signal(l, SIGINT, on_stop_signal, g))
		return -errno;
	return 0;
}

int
gateway_start(struct gateway *g, struct config *config)
{
	int rc;

	g->started_ms = loop_wall_ms();
	rc = create_tables(g, config);
	if (rc)
		return rc;
	apply_config(g);
	rc = create_services(g);
	if (rc == 0)
		rc = watch(g);
	if (rc)
		return rc;
	/* So that the first packet finds what needs no question: configured neighbours. */
	neighbours_sync(g->neighbours);
	gateway_apply(g);
	g->running = true; /* also if only some of the lcores can be launched */
	rc = dataplane_start(g->dataplane);
	if (rc)
		return refuse(g, strerror(-rc));
	health_sync(g->health);
	gateway_apply(g);
	journal_add(g->journal, JOURNAL_NOTICE, "start", NULL, NULL,
			"%zu services on %u ports, %u lcores", registry_service_count(g->registry),
			g->port_count, dataplane_lcore_count(g->dataplane));
	return 0;
}

void
gateway_stop(struct gateway *g)
{
	if (g->running)
		dataplane_stop(g->dataplane);
	if (g->save)
		on_save(g);
	if (g->registry)
		state_file_sync(registry_config(g->registry)->gateway.state_file);
	telemetry_stop();
	api_free(g->api);
	flow_lister_free(g->flows);
	kernel_ports_free(g->kernel_ports);
	health_free(g->health);
	neighbours_free(g->neighbours);
	steering_free(g->steering);
	predictor_free(g->predictor);
	load_forecasts_free(g->load_forecasts);
	measurements_free(g->measurements);
	outside_free(g->outside);
	scraper_free(g->scraper);
	collector_free(g->collector);
	history_feed_free(g->history_feed);
	history_free(g->history); /* after all who have something to keep */
	publisher_free(g->publisher);
	devices_close(g); /* their rings hold buffers of the data plane's pools */
	dataplane_free(g->dataplane);
	registry_free(g->registry);
	filter_free(g->filter);
	json_decref(g->saved);
}
