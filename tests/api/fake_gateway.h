/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway without lcores: the real registry, publisher, journal and collector over a data plane that only has what
 * the test wrote into it. One at a time.
 */
#pragma once

#include "gateway.h"

#define FAKE_LCORES 2
#define FAKE_ENDPOINTS 16
#define FAKE_FLOWS 64
#define FAKE_ASKED 8

/* Its configuration, but for `api`. */
extern const char fake_config[];

struct fake {
	struct gateway g;
	struct lcore_counters lcore[FAKE_LCORES];
	struct endpoint_counters endpoint[FAKE_LCORES][FAKE_ENDPOINTS];
	struct port_counters port[FAKE_LCORES];
	struct histogram view_latency;
	struct dataplane_usage usage;
	struct device_stats device;
	struct flow_row flow[FAKE_FLOWS];
	uint32_t flow_count;

	/* How queries are answered: at most so many rows each; at once, or when fake_answer() is called. */
	uint32_t page_rows;
	bool hold, ring_full;
	struct flow_query *asked[FAKE_ASKED];
	uint32_t asked_lcore[FAKE_ASKED];
	uint32_t asked_count;

	const char *reload_error; /* gateway_reload refuses with it */
	uint32_t applied; /* calls of gateway_apply */
};

/* web (TCP: web1, web2, their shadows web1s, web2s) and dns (UDP: dns1, dns1s) on 10.0.0.100, all up; without `flows`
 * and `api`. Exits on failure. */
struct fake *fake_create(const char *socket_path);
void fake_free(struct fake *f);

/* Answers the queries that are held. */
void fake_answer(struct fake *f);

struct endpoint *fake_endpoint(struct fake *f, const char *service, const char *endpoint);

/* A second's traffic, and flows, with numbers to be recognised. */
void fake_traffic(struct fake *f);
