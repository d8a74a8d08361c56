/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load to come of every endpoint and service: what it serves itself, in requests (or flows) per second, forecast
 * by time of day, day of week and the calendar, with quantiles; and the sentences of `forecast: {when: [...]}` with
 * how often they came true. Control thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway.h"
#include "registry.h"

struct load_forecasts;

struct load_forecasts *load_forecasts_create(struct gateway *g); /* NULL when out of memory */
void load_forecasts_free(struct load_forecasts *f); /* saves the models */

/* Once a second, after measurements_tick(). */
void load_forecasts_tick(struct load_forecasts *f);

/* The q-quantile (0 to 1) of an endpoint's load `ahead_s` from now, in 1/s; NAN until enough was seen. */
double load_forecast_endpoint(
		struct load_forecasts *f, const struct endpoint *e, double ahead_s, double q);
double load_forecast_service(
		struct load_forecasts *f, const struct service *s, double ahead_s, double q);

/* The same for the endpoint as a share of what it can take (`capacity`), at its highest from now to then; NAN without
 * a capacity. For the risk's RISK_LOAD. */
double load_forecast_share_of_capacity(
		struct load_forecasts *f, const struct endpoint *e, double ahead_s, double q);

/* A sentence of the service's `when:` that holds now, or NULL: for the policy, which prepares then. Valid until the
 * next reload. */
const char *load_forecast_holds_or_null(struct load_forecasts *f, const struct service *s);

/* For the API: all services, or those named. A new reference; NULL when out of memory. */
json_t *load_forecasts_json(struct load_forecasts *f, const char *service_or_null,
		const char *endpoint_or_null);
