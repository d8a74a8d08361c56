/* SPDX-License-Identifier: Apache-2.0 */
#include "load_forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "history.h"
#include "load_series.h"
#include "measure.h"

#define MODEL_PREFIX "forecast/"
#define WHEN_PREFIX "when: "
#define CALENDAR_NAME "calendar/names"
#define CALENDAR_VERSION 1
#define MODEL_NAME_MAX (2 * LOAD_NAME_MAX + LOAD_STATEMENT_TEXT_MAX + 32)
#define SAVE_S 600 /* each model once in */
#define STEP_BACK_S 2 /* leap seconds and slewing are no steps */
#define STEP_AHEAD_S 60 /* a tick a second: so late it never is */
#define LEAVE_SHARE \
	0.8 /* of its probability: a sentence ends to hold below that, so that it does not flicker */

struct load_forecasts {
	struct gateway *g;
	uint64_t generation; /* of the configuration of which the calendar is, and the series; 0: none yet */
	bool reloaded; /* since the last tick */
	struct load_calendar calendar;
	struct load_series **service; /* by sid */
	struct load_series **endpoint; /* by eid; NULL: it had no load yet */
	uint32_t services, endpoints; /* lengths */
	int64_t wall_s;
	int32_t zone_s;
};

/*
 * Calendar: a name keeps its bit while it is configured, and over restarts
 */

static void
calendar_fini(struct load_calendar *c)
{
	free(c->event);
	free(c->bit);
	c->event = NULL;
	c->bit = NULL;
	c->count = 0;
}

static bool
is_configured(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->event_count; i++) {
		if (!strcmp(config->event[i].name, name))
			return true;
	}
	return false;
}

/* A free bit, else one whose name is not configured any more. There are no more names than bits. */
static uint8_t
bit_of(struct load_calendar *c, const struct config *config, const char *name)
{
	uint8_t i, other = 0;

	for (i = 0; i < FORECAST_EVENTS_MAX; i++) {
		if (!strcmp(c->name[i], name))
			return i;
	}
	for (i = FORECAST_EVENTS_MAX; i-- > 0;) {
		if (!is_configured(config, c->name[i]))
			other = i;
	}
	for (i = FORECAST_EVENTS_MAX; i-- > 0;) {
		if (!*c->name[i])
			other = i;
	}
	strncpy(c->name[other], name, LOAD_NAME_MAX - 1);
	return other;
}

static void
calendar_build(struct load_forecasts *f, const struct config *config)
{
	struct load_calendar *c = &f->calendar;
	size_t i;

	calendar_fini(c);
	f->generation = registry_config_generation(f->g->registry);
	if (config->event_count == 0)
		return;
	c->event = calloc(config->event_count, sizeof(*c->event));
	c->bit = calloc(config->event_count, sizeof(*c->bit));
	if (!c->event || !c->bit) {
		calendar_fini(c);
		return;
	}
	for (i = 0; i < config->event_count; i++) {
		c->event[i].repeat = config->event[i].repeat;
		calendar_time_parse(config->event[i].from, &c->event[i].from_s);
		calendar_time_parse(config->event[i].to, &c->event[i].to_s);
		c->bit[i] = bit_of(c, config, config->event[i].name);
	}
	c->count = config->event_count;
}

static void
calendar_save(const struct load_forecasts *f)
{
	const struct load_calendar *c = &f->calendar;

	if (c->count)
		history_model_save(f->g->history, CALENDAR_NAME, CALENDAR_VERSION, c->name,
				sizeof(c->name));
}

/*
 * Models on disk
 */

static void
model_name(const struct load_series *s, const struct load_when *when_or_null, char *out)
{
	snprintf(out, MODEL_NAME_MAX, MODEL_PREFIX "%s%s%s%s%s", s->service,
			*s->endpoint ? "/" : "", s->endpoint, when_or_null ? "/" WHEN_PREFIX : "",
			when_or_null ? when_or_null->text : "");
}

static void
save(const struct load_forecasts *f, const struct load_series *s)
{
	char name[MODEL_NAME_MAX];
	const void *state;
	size_t size, i;

	if (forecast_samples(s->model) == 0)
		return;
	state = forecast_state(s->model, &size);
	model_name(s, NULL, name);
	history_model_save(f->g->history, name, FORECAST_VERSION, state, size);
	for (i = 0; i < s->when_count; i++) {
		model_name(s, &s->when[i], name);
		history_model_save(f->g->history, name, LOAD_WATCH_VERSION, &s->when[i].watch,
				sizeof(s->when[i].watch));
	}
}

static void
restore_when(struct load_series *s, const char *text, const void *state, size_t size)
{
	struct load_watch watch;
	size_t i;

	if (size != sizeof(watch))
		return;
	memcpy(&watch, state, sizeof(watch));
	for (i = 0; i < s->when_count; i++) {
		if (!strcmp(s->when[i].text, text) &&
				load_watch_valid(&watch, &s->when[i].statement, s->interval_s))
			s->when[i].watch = watch;
	}
}

static bool
is_of(const struct load_series *s, const struct config_service *config, const char *endpoint)
{
	return !strcmp(s->service, config->name) && !strcmp(s->endpoint, endpoint);
}

/* NULL when out of memory: tried again with the next load. */
static struct load_series *
series_of(struct load_series **slot, const struct config_service *config, const char *endpoint)
{
	struct load_series *s = *slot;

	if (s && is_of(s, config, endpoint) && load_series_fits(s, config))
		return s;
	load_series_free(s);
	*slot = load_series_create(config, endpoint);
	return *slot;
}

/* NULL if nothing of that name is configured. */
static struct load_series *
series_named(struct load_forecasts *f, const char *service, const char *endpoint)
{
	const struct service *s = registry_service_by_name(f->g->registry, service);
	const struct endpoint *e;

	if (!s || s->sid >= f->services)
		return NULL;
	if (!*endpoint)
		return series_of(&f->service[s->sid], s->config, "");
	e = registry_endpoint_by_name(f->g->registry, service, endpoint);
	return e && e->eid < f->endpoints
			? series_of(&f->endpoint[e->eid], s->config, e->config->name)
			: NULL;
}

static void
restore(void *arg, const char *name, uint32_t version, const void *state, size_t size)
{
	const char *rest = name + strlen(MODEL_PREFIX), *slash = strchr(rest, '/');
	size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
	bool when = slash && !strncmp(slash + 1, WHEN_PREFIX, strlen(WHEN_PREFIX));
	char service[LOAD_NAME_MAX] = "";
	struct load_series *s;

	if (len >= sizeof(service))
		return;
	memcpy(service, rest, len);
	s = series_named(arg, service, slash && !when ? slash + 1 : "");
	if (s && when && version == LOAD_WATCH_VERSION)
		restore_when(s, slash + 1 + strlen(WHEN_PREFIX), state, size);
	else if (s && !when)
		forecast_restore(s->model, version, state, size);
}

static void
restore_calendar(void *arg, const char *name, uint32_t version, const void *state, size_t size)
{
	struct load_forecasts *f = arg;
	size_t i;

	if (version != CALENDAR_VERSION || size != sizeof(f->calendar.name))
		return;
	memcpy(f->calendar.name, state, size);
	for (i = 0; i < FORECAST_EVENTS_MAX; i++)
		f->calendar.name[i][LOAD_NAME_MAX - 1] = '\0';
}

static void
forget(struct load_series **s, const char *prefix)
{
	char name[MODEL_NAME_MAX];

	if (!*s)
		return;
	model_name(*s, NULL, name);
	if (strncmp(name, prefix, strlen(prefix)))
		return;
	load_series_free(*s);
	*s = NULL; /* the next load makes it anew */
}

static void
on_forget(void *arg, const char *prefix)
{
	struct load_forecasts *f = arg;
	uint32_t i;

	for (i = 0; i < f->services; i++)
		forget(&f->service[i], prefix);
	for (i = 0; i < f->endpoints; i++)
		forget(&f->endpoint[i], prefix);
}

/*
 * The tick
 */

static size_t
metric_of(enum load_kind kind)
{
	switch (kind) {
	case LOAD_FLOWS:
		return METRIC_flows_new;
	case LOAD_BYTES:
		return METRIC_bytes;
	case LOAD_REQUESTS:
		break;
	}
	return METRIC_requests;
}

/* Tells when a sentence begins and ends to hold. */
static void
judge(struct load_forecasts *f, const struct load_series *s, struct load_when *w)
{
	double p = w->watch.probability, enter = w->statement.probability;
	bool holds = w->holds ? p >= enter * LEAVE_SHARE : p >= enter;
	json_t *record;

	if (holds == w->holds)
		return;
	w->holds = holds;
	if (!holds) {
		journal_add(f->g->journal, JOURNAL_NOTICE, "forecast", s->service, NULL,
				"no longer: %s", w->text);
		return;
	}
	journal_add(f->g->journal, JOURNAL_NOTICE, "forecast", s->service, NULL,
			"%s: now %.0f%%, at %.4g/s", w->text, 100 * p, load_series_now(s));
	record = json_pack("{s:s s:f s:f}", "statement", w->text, "probability", p, "load",
			load_series_now(s));
	history_record(f->g->history, "statement", s->service, "", (uint64_t)f->wall_s * 1000,
			record);
	json_decref(record);
}

static void
add(struct load_forecasts *f, struct load_series *s, double load)
{
	size_t i;

	if (!s || !load_series_add(s, &f->calendar, f->wall_s, f->zone_s, load))
		return;
	for (i = 0; i < s->when_count; i++)
		judge(f, s, &s->when[i]);
	if ((f->wall_s + s->offset_s) % SAVE_S < s->interval_s)
		save(f, s);
}

/* It begins with its first load; what it is of changes with a reload alone. */
static struct load_series *
series_at(struct load_forecasts *f, const struct endpoint *e, double load)
{
	struct load_series **slot = &f->endpoint[e->eid];

	if (*slot ? f->reloaded : !isnan(load))
		return series_of(slot, e->service->config, e->config->name);
	return *slot;
}

static void
tick_service(struct load_forecasts *f, const struct service *service)
{
	const struct config_service *config = service->config;
	size_t i, metric = metric_of(config->forecast.load);
	double sum = NAN, load;
	const struct endpoint *e;

	for (i = 0; i < service->endpoint_count; i++) {
		e = service->endpoint[i];
		load = measurements_values(f->g->measurements, e, MEASURE_SERVING)[metric];
		if (!isnan(load))
			sum = (isnan(sum) ? 0 : sum) + load;
		if (e->eid < f->endpoints)
			add(f, series_at(f, e, load), load);
	}
	if (service->sid < f->services)
		add(f, series_of(&f->service[service->sid], config, ""), sum);
}

/* Seasons and calendar are by the clock's new time, whatever it said before. */
static void
notice_step(const struct load_forecasts *f, int64_t wall_s)
{
	int64_t step = wall_s - f->wall_s;

	if (f->wall_s == 0 || (step > -STEP_BACK_S && step < STEP_AHEAD_S))
		return;
	journal_add(f->g->journal, JOURNAL_WARNING, "clock", NULL, NULL,
			"the wall clock was set %lld s %s: forecasts go on by the new time of day, "
			"and "
			"what was learned in between may be of another",
			(long long)(step < 0 ? -step : step), step < 0 ? "back" : "ahead");
}

void
load_forecasts_tick_at(struct load_forecasts *f, int64_t wall_s, int32_t zone_s)
{
	size_t i;

	notice_step(f, wall_s);
	f->wall_s = wall_s;
	f->zone_s = zone_s;
	f->reloaded = f->generation != registry_config_generation(f->g->registry);
	if (f->reloaded)
		calendar_build(f, registry_config(f->g->registry));
	if (f->reloaded || wall_s % SAVE_S == 0)
		calendar_save(f);
	for (i = 0; i < registry_service_count(f->g->registry); i++)
		tick_service(f, registry_service_at(f->g->registry, i));
}

void
load_forecasts_tick(struct load_forecasts *f)
{
	time_t now = (time_t)(loop_wall_ms() / 1000);
	struct tm local;

	localtime_r(&now, &local);
	load_forecasts_tick_at(f, now, (int32_t)local.tm_gmtoff);
}

struct load_forecasts *
load_forecasts_create(struct gateway *g)
{
	struct load_forecasts *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->g = g;
	f->services = registry_config(g->registry)->limits.services;
	f->endpoints = registry_endpoint_limit(g->registry);
	f->service = calloc(f->services, sizeof(*f->service));
	f->endpoint = calloc(f->endpoints, sizeof(*f->endpoint));
	if (!f->service || !f->endpoint) {
		f->services = f->endpoints = 0;
		load_forecasts_free(f);
		return NULL;
	}
	history_models(g->history, MODEL_PREFIX, restore, f);
	history_models(g->history, CALENDAR_NAME, restore_calendar, f);
	history_model_listen(g->history, on_forget, f);
	return f;
}

void
load_forecasts_free(struct load_forecasts *f)
{
	uint32_t i;

	if (!f)
		return;
	for (i = 0; i < f->services; i++) {
		if (f->service[i])
			save(f, f->service[i]);
		load_series_free(f->service[i]);
	}
	for (i = 0; i < f->endpoints; i++) {
		if (f->endpoint[i])
			save(f, f->endpoint[i]);
		load_series_free(f->endpoint[i]);
	}
	calendar_fini(&f->calendar);
	free(f->service);
	free(f->endpoint);
	free(f);
}

/*
 * What others ask
 */

static struct load_series *
of_endpoint(const struct load_forecasts *f, const struct endpoint *e)
{
	struct load_series *s = f && e->eid < f->endpoints ? f->endpoint[e->eid] : NULL;

	return s && is_of(s, e->service->config, e->config->name) ? s : NULL;
}

static struct load_series *
of_service(const struct load_forecasts *f, const struct service *service)
{
	struct load_series *s = f && service->sid < f->services ? f->service[service->sid] : NULL;

	return s && is_of(s, service->config, "") ? s : NULL;
}

double
load_forecast_share_of_capacity(
		struct load_forecasts *f, const struct endpoint *e, double ahead_s, double q)
{
	double capacity = e->service->config->forecast.capacity;
	struct load_series *s = of_endpoint(f, e);

	if (!s || !(capacity > 0))
		return NAN;
	return load_series_highest(s, &f->calendar, f->zone_s, ahead_s, q) / capacity;
}

const char *
load_forecast_holds_or_null(struct load_forecasts *f, const struct service *service)
{
	const struct load_series *s = of_service(f, service);
	size_t i;

	for (i = 0; s && i < s->when_count; i++) {
		if (s->when[i].holds)
			return s->when[i].text;
	}
	return NULL;
}

struct load_series *
load_forecast_series_or_null(const struct load_forecasts *f, const struct service *service,
		const struct endpoint *endpoint_or_null)
{
	return endpoint_or_null ? of_endpoint(f, endpoint_or_null) : of_service(f, service);
}

const struct load_calendar *
load_forecast_calendar(const struct load_forecasts *f, int64_t *civil_s, int32_t *zone_s)
{
	*civil_s = f->wall_s + f->zone_s;
	*zone_s = f->zone_s;
	return &f->calendar;
}
