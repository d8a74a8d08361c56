/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number per metric, endpoint and second: the passive measurements of the collector and what was scraped, in the
 * layout of predict/metric.h. Control thread.
 */
#pragma once

#include "gateway.h"
#include "metric.h"
#include "registry.h"

struct measurements;

/* The traffic that an endpoint serves itself, and the copies that it gets as a shadow, or after a shift. */
enum measure_side {
	MEASURE_SERVING,
	MEASURE_COPIES,
	MEASURE_SIDES
};

struct measurements *measurements_create(struct gateway *g); /* NULL when out of memory */
void measurements_free(struct measurements *m);

/* After every reload of the registry: metrics, scrapes and feeds follow the configuration. */
void measurements_reload(struct measurements *m);

/* Once a second, after collector_tick(). */
void measurements_tick(struct measurements *m);

/* Metrics of every endpoint of a service: METRIC_PASSIVE_COUNT passive ones, then the scraped ones. Valid until the
 * next reload; `limit` and `floor` follow the service's objective where it has one. */
const struct metric *measurements_metrics(
		struct measurements *m, const struct service *s, size_t *count);

/* Values of the last interval, as many as metrics; NAN where nothing was measured. Valid until the next tick; never
 * NULL. */
const double *measurements_values(
		struct measurements *m, const struct endpoint *e, enum measure_side side);

/* Was anything measured of the endpoint since the start, so that it has values? Until then it costs no time and no
 * memory. */
bool measurements_any(const struct measurements *m, const struct endpoint *e);

/* Ticks in a row, up to the last, in which it did nothing at all, so that its values are what they were; 0 of one that
 * is scraped. */
uint32_t measurements_still(const struct measurements *m, const struct endpoint *e);

/* Worst outside factor in force for the endpoint's zone: severity 0 to 1, and its name ("" if none). */
double measurements_outside(
		struct measurements *m, const struct endpoint *e, char *factor, size_t size);
