/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number out of a page of samples: series chosen by name and labels, summed (or the largest, smallest, mean, count
 * of them), as they are or as rates since the last page, over those of another choice. Pure; times are arguments.
 */
#pragma once

#include "config.h"
#include "scrape_text.h"

#define SCRAPE_SERIES_MAX 4096 /* of one choice: 8 modes of 512 CPUs */
#define SCRAPE_MATCHERS_MAX 16

struct scrape_matcher {
	char *label, *value;
	bool differs; /* != */
};

/* "name{label="value",other!="value"}" */
struct scrape_selector {
	char *text; /* what the others point into */
	const char *name;
	size_t name_len;
	struct scrape_matcher matcher[SCRAPE_MATCHERS_MAX];
	size_t matcher_count;
};

/* NULL, or what is wrong with the text, for a configuration's error; nothing is kept then. */
const char *scrape_selector_parse(const char *text, struct scrape_selector *out);
void scrape_selector_fini(struct scrape_selector *s);
/* A label that a sample lacks is "". */
bool scrape_selector_matches(const struct scrape_selector *s, const struct scrape_sample *sample);

struct scrape_metric;

/* NULL when out of memory. The selectors of `config` must parse; nothing of it is kept. */
struct scrape_metric *scrape_metric_create(const struct config_scrape_metric *config);
void scrape_metric_free(struct scrape_metric *m);

/* Is the line one of a name that the metric is made of? */
bool scrape_metric_wants(const struct scrape_metric *m, const char *line, size_t len);

/* A page: begin, its samples, and the value. `now_ms` is monotonic and not 0. */
void scrape_metric_begin(struct scrape_metric *m);
void scrape_metric_sample(struct scrape_metric *m, const struct scrape_sample *sample);
/* NAN if no series matched, a value is not finite, a counter fell (its process began anew), the whole of a ratio is 0,
 * or there is no page before this one to take a rate from. */
double scrape_metric_end(struct scrape_metric *m, uint64_t now_ms);

/* The page was no good: the next rate is over the time since the last one that was. */
void scrape_metric_cancel(struct scrape_metric *m);

/* Too old to take a rate from: the next page is the first. */
void scrape_metric_forget(struct scrape_metric *m);
