/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load to come of every endpoint and service: what it serves itself, in requests (or flows, or bytes) per second,
 * forecast by time of day, day of week and the calendar, with quantiles; and the sentences of
 * `forecast: {when: [...]}` with how often they came true. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway.h"
#include "registry.h"

struct load_calendar;
struct load_forecasts;
struct load_series;

/* After history, from which it restores its models. NULL when out of memory. */
struct load_forecasts *load_forecasts_create(struct gateway *g);
void load_forecasts_free(struct load_forecasts *f); /* saves the models; before history_free */

/* Once a second, after measurements_tick(). */
void load_forecasts_tick(struct load_forecasts *f);
/* The same at a time: UTC, and what local time is ahead of it. */
void load_forecasts_tick_at(struct load_forecasts *f, int64_t wall_s, int32_t zone_s);

/* The q-quantile (0 to 1) of an endpoint's load as a share of what it can take (`capacity`), at its highest from now to
 * `ahead_s` (what is beyond 5 min is taken at it); NAN without a capacity, until enough was seen, or if `f` is NULL.
 * Cheap: remembered until the next interval ends. For the risk's RISK_LOAD. */
double load_forecast_share_of_capacity(
		struct load_forecasts *f, const struct endpoint *e, double ahead_s, double q);

/* A sentence of the service's `when:` that holds now, or NULL: for the policy, which prepares then. Valid until the
 * next tick or reload. */
const char *load_forecast_holds_or_null(struct load_forecasts *f, const struct service *s);

/* For the API: the series itself, of the service if there is no endpoint; NULL if there is none. Valid until the next
 * tick. */
struct load_series *load_forecast_series_or_null(const struct load_forecasts *f,
		const struct service *service, const struct endpoint *endpoint_or_null);
/* The calendar, and the local time of the last tick. */
const struct load_calendar *load_forecast_calendar(
		const struct load_forecasts *f, int64_t *civil_s, int32_t *zone_s);
