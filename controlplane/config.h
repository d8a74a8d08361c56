/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file as data. Parsed whole, validated whole, never changed afterwards; a bad file
 * yields every error it has and no config. Strings are owned by the struct. Durations in ms, rates per
 * second, shares of SHARE_ONE. Every number has its default filled in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "addr.h"
#include "calendar.h"
#include "policy_config.h"
#include "view.h"

enum check_kind {
	CHECK_NONE,
	CHECK_TCP, /* connection established */
	CHECK_HTTP, /* GET path, status within expect */
	CHECK_UDP, /* payload sent, any reply (or the expected bytes) */
	CHECK_ICMP, /* echo answered */
};
const char *config_check_name(enum check_kind kind); /* as in the file */

/* check: of a service, and of an endpoint that overrides it. */
struct config_check {
	enum check_kind kind;
	uint32_t interval_ms, timeout_ms;
	uint32_t rise, fall; /* consecutive results that change the state */
	uint16_t port; /* 0: the endpoint's */
	char *path, *host; /* http */
	uint16_t expect_first, expect_last; /* http status */
	uint8_t *payload; /* udp request: text, or hex: */
	size_t payload_len;
	uint8_t *expect; /* udp: what the reply must start with; NULL: any */
	size_t expect_len;
};

enum scrape_aggregate {
	SCRAPE_SUM,
	SCRAPE_MAX,
	SCRAPE_MIN,
	SCRAPE_AVERAGE,
	SCRAPE_COUNT, /* of series, whatever their values */
};

/* Which way a metric is bad news. */
enum scrape_worse {
	SCRAPE_WORSE_UP,
	SCRAPE_WORSE_DOWN,
	SCRAPE_WORSE_NEITHER, /* both are news */
};

/* One metric out of what is scraped. */
struct config_scrape_metric {
	char *name; /* ours */
	char *metric; /* name and labels: scrape_metric.h */
	char *per; /* divided by these; "" or NULL: not divided */
	bool rate, per_rate; /* a counter: what it gains in a second */
	bool complement; /* 1 minus the quotient */
	uint8_t aggregate, per_aggregate; /* enum scrape_aggregate: of all series that match */
	uint8_t worse; /* enum scrape_worse */
	double limit; /* 0: none */
	double floor; /* 0: by kind, see docs/collecting.md */
	char *unit;
	uint16_t port; /* 0: the scrape's */
	char *path; /* "" or NULL: the scrape's */
};

/* scrape: of a service, and of an endpoint that overrides it. */
struct config_scrape {
	struct ip_addr addr; /* none: the endpoint's */
	uint16_t port; /* 0: nothing is scraped */
	char *path;
	uint32_t interval_ms, timeout_ms;
	uint32_t max_mb; /* of one page */
	bool node; /* node_exporter's cpu, memory, disk and load */
	struct config_scrape_metric *metric;
	size_t metric_count;
};

/* mirror: of a service, and of an endpoint that overrides it. */
struct config_mirror {
	uint32_t share; /* of flows */
	uint32_t shadows; /* copies go to the first so many shadows */
	uint32_t pps; /* of all lcores; 0: no limit */
	uint64_t bps; /* bits/s */
	bool to_primary; /* after a shift: copies go to the old primary */
};

struct config_endpoint {
	char *name; /* unique in its service */
	struct ip_addr addr;
	uint16_t port; /* 0: the service's */
	uint32_t weight; /* default 100; 0 for one that is only a shadow of others */
	char *zone; /* "" if none */
	char **shadow; /* names of endpoints of the same service, in order of preference */
	size_t shadow_count;
	uint32_t shift;
	bool drain;
	struct config_mirror mirror;
	struct config_check check;
	struct config_scrape scrape;
	int line; /* where it stands, for errors found later */
};

struct config_cohort {
	struct ip_prefix source;
	enum cohort_side side;
};

enum established_policy {
	ESTABLISHED_KEEP, /* stay until they end */
	ESTABLISHED_RESET_AFTER, /* are reset once a shift is complete (100 %) */
};

enum down_policy {
	DOWN_RESET, /* TCP flows of an endpoint that went down are reset towards the client at once */
	DOWN_KEEP, /* and left alone */
};

/* How a failure is told from the first bytes of a reply. */
enum replies_kind {
	REPLIES_NONE, /* not looked at */
	REPLIES_HTTP, /* HTTP/1 status 5xx */
	REPLIES_DNS, /* SERVFAIL, REFUSED */
};

/* What the load of a service is. */
enum load_kind {
	LOAD_REQUESTS, /* begun per second */
	LOAD_FLOWS, /* the same */
	LOAD_BYTES, /* both ways, per second */
};

#define CONFIG_WHEN_MAX 8
#define CONFIG_WINDOW_MAX 360 /* intervals of a sentence's window: an hour at the default */

struct config_forecast {
	enum load_kind load;
	uint32_t interval_ms; /* the load is averaged over; whole seconds */
	uint64_t *season_ms; /* rising; none: a day and a week */
	size_t season_count;
	double capacity; /* load that an endpoint can take, 1/s; 0: not known */
	char **when; /* load_statement.h */
	size_t when_count;
};

/* What makes load differ at known times; entries of one name are of one kind. */
struct config_event {
	char *name;
	char *from, *to; /* calendar.h; local time */
	enum calendar_repeat repeat;
};

struct config_service {
	char *name; /* unique */
	struct ip_addr addr;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t port_first, port_last;
	enum forward_mode forward;
	enum hash_input hash;
	bool per_request;
	bool adopt;
	enum established_policy established;
	enum down_policy down;
	enum replies_kind replies;
	struct policy_objective objective;
	struct policy_config policy;
	struct config_forecast forecast;
	struct config_cohort *cohort;
	size_t cohort_count;
	struct config_endpoint *endpoint;
	size_t endpoint_count;
	int line;
};

struct config_route {
	struct ip_prefix to;
	struct ip_addr via;
};

/* A neighbour that is not asked for: known and never in doubt. */
struct config_neighbour {
	struct ip_addr addr;
	struct ether_mac mac;
};

/* A logical port. Several may share a device, each with its own VLAN. */
struct config_port {
	char *name;
	char *device; /* PCI address or DPDK vdev arguments */
	uint16_t queues;
	uint16_t mtu;
	uint16_t vlan; /* 0: untagged */
	char *kernel; /* interface that gets what is not ours, and sends on the port; NULL: none */
	struct ip_prefix *address;
	size_t address_count;
	struct config_route *route;
	size_t route_count;
	struct config_neighbour *neighbour;
	size_t neighbour_count;
	struct ip_addr gateway4, gateway6; /* none: no default route through this port */
	int line;
};

struct config_limits {
	uint32_t flows; /* of all lcores */
	int flows_line;
	uint32_t services, endpoints;
	uint32_t local_addresses; /* per family; default: as many as at start, at least 4 */
	bool local_addresses_given; /* in the file; no default then */
	uint32_t fragments; /* packets in reassembly, per lcore */
	uint32_t mbufs; /* buffers per lane; 0: computed from queues and flows in use */
	uint32_t neighbours;
	uint32_t events; /* kept for `events` */
};

struct config_gateway {
	unsigned *lcore; /* CPUs that forward */
	size_t lcore_count;
	unsigned main_lcore;
	int lcore_line, main_lcore_line; /* 1 if the file leaves them to the default */
	uint32_t idle_sleep_us;
	bool hugepages; /* false: --no-huge */
	uint32_t memory_mb; /* for DPDK; 0: computed from the limits */
	char *file_prefix;
	char *api; /* path of the UNIX socket */
	char *state_file; /* runtime state kept across restarts; "" for none */
	uint64_t hash_seed;
	uint32_t fragment_ms;
};

/* What a factor's severity counts for. */
struct config_outside_weight {
	char *factor;
	double weight; /* 0 to 1 */
};

/* outside: a feed of what may go wrong at a place, for reasons that no endpoint can know. */
struct config_outside {
	char *url; /* file:///..., http:// or https:// */
	uint32_t interval_ms, timeout_ms;
	struct config_outside_weight *weight; /* of other factors: 1 */
	size_t weight_count;
	int line;
};

struct config_history_keep {
	uint64_t second_ms, ten_seconds_ms, minute_ms; /* samples; steps of 10 s and of a minute */
	uint64_t records_ms;
};

struct config_history {
	char *file; /* the database; "" for none */
	uint32_t size_mib;
	struct config_history_keep keep;
	uint32_t queue; /* samples and records waiting for the disk */
};

struct config {
	char *file;
	struct config_gateway gateway;
	struct config_limits limits;
	struct view_timeouts timeouts;
	struct config_history history;
	struct config_event *event; /* calendar */
	size_t event_count;
	struct config_port *port;
	size_t port_count;
	struct ip_addr *local; /* local_addresses, both families */
	size_t local_count;
	struct config_service *service;
	size_t service_count;
	struct config_outside *outside;
	size_t outside_count;
};

/* Where errors go: one line each, "FILE:LINE: KEY: VALUE: what is wrong; what to do". */
struct config_errors {
	char **line;
	size_t count;
};

/* Reads and validates. NULL if there was any error; all of them are then in `errors`. `errors` must be
 * zeroed by the caller and freed with config_errors_free in any case (it may hold warnings). */
struct config *config_load(const char *file, struct config_errors *errors);
struct config *config_parse(
		const char *text, size_t len, const char *name, struct config_errors *errors);
void config_free(struct config *config);

void config_errors_add(struct config_errors *errors, const char *format, ...)
		__attribute__((format(printf, 2, 3)));
void config_errors_free(struct config_errors *errors);

/* Writes the effective configuration, defaults included, as YAML that config_parse reads back to the same. */
int config_print(const struct config *config, FILE *out);

bool config_equal(const struct config *a, const struct config *b);

/* What in `to` cannot be taken over from `from` without a restart (ports, lcores, limits, ...): adds one error
 * for each, by name; true if there is none. */
bool config_reloadable(
		const struct config *from, const struct config *to, struct config_errors *errors);
