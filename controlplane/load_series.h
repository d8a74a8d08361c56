/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of one service or endpoint: seconds into intervals, intervals into the forecast, the forecast into the
 * sentences of the configuration. No clock, no I/O. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calendar.h"
#include "config.h"
#include "forecast.h"
#include "load_statement.h"

#define LOAD_NAME_MAX 64 /* of a service or endpoint, with the NUL */
#define LOAD_RECENT 60 /* intervals that are kept to be shown */
#define LOAD_CACHED 4

/* One sentence of `when`. */
struct load_when {
	struct load_statement statement;
	char text[LOAD_STATEMENT_TEXT_MAX];
	struct load_watch watch;
	bool holds;
};

/* When the named events last: bit by bit as the forecasts know them. */
struct load_calendar {
	struct calendar_event *event;
	uint8_t *bit; /* by event */
	size_t count;
	char name[FORECAST_EVENTS_MAX][LOAD_NAME_MAX]; /* by bit; "" if free */
};

struct load_series {
	char service[LOAD_NAME_MAX],
			endpoint[LOAD_NAME_MAX]; /* endpoint "" for the service itself */
	struct forecast *model;
	uint32_t interval_s;
	uint32_t offset_s; /* so that not all intervals end in one second */
	int64_t index; /* of the interval being filled, by the wall clock */
	int64_t lead; /* what the model's numbers, which never fall, are ahead of that: the clock was set back */
	bool begun;
	double sum;
	uint32_t seconds; /* in the sum */
	double recent[LOAD_RECENT]; /* ring */
	uint32_t recent_at;
	struct load_when *when;
	size_t when_count;
	struct {
		double ahead_s, q, value;
	} cached[LOAD_CACHED];
	uint32_t cached_at;
};

/* `endpoint` "" for the service. NULL when out of memory. */
struct load_series *load_series_create(const struct config_service *config, const char *endpoint);
void load_series_free(struct load_series *s);

/* Would create make the same? Else what was learnt does not fit, and the series begins anew. */
bool load_series_fits(const struct load_series *s, const struct config_service *config);

/* One second's load, NAN if it was not measured. `wall_s`: UTC; `zone_s`: what local time is ahead of it. True if an
 * interval ended with it, so that the forecast is new. */
bool load_series_add(struct load_series *s, const struct load_calendar *c, int64_t wall_s,
		int32_t zone_s, double load);

/* The q-quantile of the load `ahead_s` from the last whole interval, of the calendar's events then; NAN until enough was
 * seen. What is beyond the horizon is taken at it. */
double load_series_quantile(const struct load_series *s, const struct load_calendar *c,
		int32_t zone_s, double ahead_s, double q);
/* The highest of them until then; remembered until the next interval ends. */
double load_series_highest(struct load_series *s, const struct load_calendar *c, int32_t zone_s,
		double ahead_s, double q);
double load_series_now(const struct load_series *s); /* of the last whole interval; NAN */

/* Bit mask of the events at that local time. */
uint32_t load_calendar_at(const struct load_calendar *c, int64_t civil_s);
