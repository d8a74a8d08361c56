/* SPDX-License-Identifier: Apache-2.0 */
/* The keys `scrape` and `outside`. */
#pragma once

#include "config_schema.h"
#include "config_validate.h"
#include "metric.h"

extern const struct key_group config_scrape_group, config_outside_group;

/* The metrics of an endpoint's scrape, node_exporter's first: at most METRICS_MAX less the passive ones. */
size_t config_scrape_metrics(const struct config_scrape *scrape,
		const struct config_scrape_metric *out[METRICS_MAX]);

/* Is a metric of that name measured of any endpoint of the service, from packets or by scraping? */
bool config_scrape_measures(const struct config_service *s, const char *name);
