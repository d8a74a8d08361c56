/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's parts, and how they hang together:
 *
 *   config -> registry -> publish -> dataplane
 *               ^  ^                    |
 *      health --+  +-- neighbour <------+ punted packets
 *         ^-- passive signals <---------+ events
 *   kernel_port <-- what is not ours <--+ punted packets
 *   api -> registry, flows, collect
 *
 * One thread (loop.h) owns all of it.
 */
#pragma once

#include <stdint.h>

#include "config.h"
#include "dataplane.h"
#include "journal.h"
#include "loop.h"
#include "publish.h"
#include "registry.h"

struct api;
struct collector;
struct filter;
struct flow_lister;
struct health;
struct history;
struct history_feed;
struct kernel_ports;
struct load_forecasts;
struct measurements;
struct neighbours;
struct outside;
struct scraper;
struct predictor;
struct steering;

struct gateway {
	struct loop *loop;
	struct journal *journal;
	struct registry *registry;
	struct dataplane *dataplane;
	struct publisher *publisher;
	struct neighbours *neighbours; /* neighbour.h */
	struct health *health; /* health.h */
	struct kernel_ports *kernel_ports; /* kernel_port.h: gets what neither of them takes */
	struct filter *filter; /* filter.h: XDP and tc programs of kernel-owned interfaces */
	struct collector *collector; /* collect.h */
	struct history *history; /* history.h; NULL: none is kept */
	struct history_feed *history_feed; /* history_feed.h */
	struct measurements *measurements; /* measure.h */
	struct scraper *scraper; /* scrape.h */
	struct outside *outside; /* outside.h */
	struct predictor *predictor; /* predictor.h */
	struct steering *steering; /* steering.h */
	struct flow_lister *flows; /* flow_lister.h */
	struct load_forecasts *load_forecasts; /* load_forecast.h */
	struct api *api; /* api.h */
	struct device device[DATAPLANE_PORTS_MAX];
	uint32_t device_count;
	struct view_port port
			[DATAPLANE_PORTS_MAX]; /* logical ports, in the order of the configuration */
	uint32_t port_count;
	const char *config_file;
	uint64_t started_ms; /* wall clock */
	struct loop_watch *save; /* the state file is to be written soon */
	json_t *saved; /* what it holds */
	bool save_failed; /* the last time */
	bool running; /* the lcores are */
};

/* Reloads on SIGHUP, stops the loop on SIGTERM and SIGINT. Before DPDK starts. 0 or -errno. */
int gateway_signals(struct gateway *g);

/* Brings everything up (DPDK runs already; takes ownership of `config`), and takes down what is up. Errors are
 * journalled. */
int gateway_start(struct gateway *g, struct config *config);
void gateway_stop(struct gateway *g);

/* Reads the configuration again and puts it in force; errors name what was refused. 0 or -EINVAL. */
int gateway_reload(struct gateway *g, struct config_errors *errors);

/* Publishes what changed, and saves the runtime state if it did. Call after any change of the registry. */
void gateway_apply(struct gateway *g);
