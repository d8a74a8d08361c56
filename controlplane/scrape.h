/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus scraping of the endpoints that have `scrape`. Endpoints with the same URL share one target, which is asked
 * once. A scrape that fails takes its values back, is counted, and told when it begins and when it ends. Control thread.
 */
#pragma once

#include <jansson.h>

#include "gateway.h"

/* How a scrape ended. X(name, text) */
#define SCRAPE_STATE_LIST(X)                                                     \
	X(pending, "not asked yet")                                              \
	X(ok, "values came")                                                     \
	X(late, "the page was not there in time")                                \
	X(refused, "no connection")                                              \
	X(status, "an HTTP status that is not 200")                              \
	X(too_big, "the page is larger than max_size")                           \
	X(malformed, "the page is not Prometheus' text format")                  \
	X(no_values, "none of the metrics is in the page, or none has a number") \
	X(broken, "the connection ended early, or what came is no HTTP")

enum scrape_state {
#define X(name, text) SCRAPE_##name,
	SCRAPE_STATE_LIST(X)
#undef X
	SCRAPE_STATES
};

const char *scrape_state_name(enum scrape_state state);

struct scraper;

struct scraper *scraper_create(struct gateway *g); /* NULL when out of memory */
void scraper_free(struct scraper *s);

/* Takes over the configuration in force: targets, connections and counters that it keeps stay. */
void scraper_sync(struct scraper *s);

/* The endpoint's scraped values now, in the order of config_scrape_metrics(); NAN where there is none or it is older
 * than three intervals. Writes `count` of them. */
void scraper_values(const struct scraper *s, const struct endpoint *e, double *out, size_t count);

/* Scrapes of the endpoint's targets that ended so, since start. */
uint64_t scraper_count(const struct scraper *s, const struct endpoint *e, enum scrape_state state);
bool scraper_has(const struct scraper *s, const struct endpoint *e);

/* Array of the endpoint's targets: {url, state, reason, since, age_ms, bytes, counts}. New reference. */
json_t *scraper_json(const struct scraper *s, const struct endpoint *e);
