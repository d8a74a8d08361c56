/* SPDX-License-Identifier: Apache-2.0 */
#include "load_series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400
#define ENDPOINT_HORIZON_S 300 /* the risk's longest */
#define SERVICE_HORIZON_S 3600
#define HORIZON_MAX CONFIG_WINDOW_MAX
#define ENDPOINT_SLOTS 336 /* 5 min of a day, half an hour of a week: 30 KB an endpoint in all */
#define SERVICE_SLOTS 1008
#define FLOOR 1 /* of requests or flows per second: less does not matter */
#define FLOOR_BYTES 1000
#define FLOOR_OF_CAPACITY 0.002
#define SEEN_LEAST 0.5 /* share of an interval's seconds */

static uint32_t
intervals(uint64_t seconds, uint32_t interval_s)
{
	return (uint32_t)((seconds + interval_s - 1) / interval_s);
}

static uint32_t
horizon_of(const struct config_service *config, bool service)
{
	uint32_t interval_s = config->forecast.interval_ms / 1000;
	uint32_t n = intervals(service ? SERVICE_HORIZON_S : ENDPOINT_HORIZON_S, interval_s);

	return n < HORIZON_MAX ? n : HORIZON_MAX;
}

static double
floor_of(const struct config_forecast *f)
{
	double least = f->load == LOAD_BYTES ? FLOOR_BYTES : FLOOR;

	return fmax(least, FLOOR_OF_CAPACITY * f->capacity);
}

static void
settings_of(const struct config_service *config, bool service, struct forecast_settings *out)
{
	static const uint64_t usual[] = {DAY_S * 1000ull, 7 * DAY_S * 1000ull};
	const struct config_forecast *f = &config->forecast;
	const uint64_t *season = f->season_count ? f->season_ms : usual;
	size_t i, n = f->season_count ? f->season_count : 2;

	memset(out, 0, sizeof(*out));
	out->horizon = horizon_of(config, service);
	out->slots = service ? SERVICE_SLOTS : ENDPOINT_SLOTS;
	out->floor = floor_of(f);
	for (i = 0; i < n && i < FORECAST_SEASONS_MAX; i++)
		out->season[out->seasons++] =
				(uint32_t)((season[i] + f->interval_ms / 2) / f->interval_ms);
}

static uint32_t
spread(const char *a, const char *b)
{
	uint32_t hash = 2166136261u;

	for (; *a; a++)
		hash = (hash ^ (uint8_t)*a) * 16777619u;
	for (; *b; b++)
		hash = (hash ^ (uint8_t)*b) * 16777619u;
	return hash;
}

/* The longest window sets the horizon of those that need more than the usual. */
static int
make_when(struct load_series *s, const struct config_forecast *f,
		struct forecast_settings *settings)
{
	char error[256];
	uint32_t window;
	size_t i;

	s->when = f->when_count ? calloc(f->when_count, sizeof(*s->when)) : NULL;
	if (f->when_count && !s->when)
		return -ENOMEM;
	for (i = 0; i < f->when_count; i++) {
		if (load_statement_parse(f->when[i], &s->when[i].statement, error, sizeof(error)) <
				0)
			return -EINVAL; /* the configuration was validated: our own mistake */
		load_statement_format(
				&s->when[i].statement, s->when[i].text, sizeof(s->when[i].text));
		window = intervals(s->when[i].statement.window_s, s->interval_s);
		if (window > settings->horizon)
			settings->horizon = window;
		s->when_count++;
	}
	return 0;
}

static int
make_watches(struct load_series *s)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < s->when_count && rc == 0; i++)
		rc = load_watch_init(
				&s->when[i].watch, &s->when[i].statement, s->interval_s, s->model);
	return rc;
}

struct load_series *
load_series_create(const struct config_service *config, const char *endpoint)
{
	struct load_series *s = calloc(1, sizeof(*s));
	struct forecast_settings settings;
	size_t i;

	if (!s)
		return NULL;
	strncpy(s->service, config->name, LOAD_NAME_MAX - 1);
	strncpy(s->endpoint, endpoint, LOAD_NAME_MAX - 1);
	s->interval_s = config->forecast.interval_ms / 1000;
	s->offset_s = spread(config->name, endpoint) % s->interval_s;
	for (i = 0; i < LOAD_RECENT; i++)
		s->recent[i] = NAN;
	settings_of(config, !*endpoint, &settings);
	if (*endpoint || make_when(s, &config->forecast, &settings) == 0)
		s->model = forecast_create(&settings);
	if (s->model && make_watches(s) == 0)
		return s;
	load_series_free(s);
	return NULL;
}

void
load_series_free(struct load_series *s)
{
	if (!s)
		return;
	forecast_free(s->model);
	free(s->when);
	free(s);
}

static bool
same_sentences(const struct load_series *s, const struct config_forecast *f)
{
	struct load_statement other;
	char error[256], text[LOAD_STATEMENT_TEXT_MAX];
	size_t i;

	if (s->when_count != f->when_count)
		return false;
	for (i = 0; i < s->when_count; i++) {
		if (load_statement_parse(f->when[i], &other, error, sizeof(error)) < 0)
			return false;
		load_statement_format(&other, text, sizeof(text));
		if (strcmp(text, s->when[i].text))
			return false;
	}
	return true;
}

bool
load_series_fits(const struct load_series *s, const struct config_service *config)
{
	const struct forecast_settings *have = forecast_settings_of(s->model);
	struct forecast_settings settings;

	settings_of(config, !*s->endpoint, &settings);
	if (!*s->endpoint && !same_sentences(s, &config->forecast))
		return false;
	if (settings.horizon < have->horizon)
		settings.horizon = have->horizon; /* of a long window */
	return s->interval_s == config->forecast.interval_ms / 1000 &&
			!memcmp(&settings, have, sizeof(settings));
}

uint32_t
load_calendar_at(const struct load_calendar *c, int64_t civil_s)
{
	uint32_t mask = 0;
	size_t i;

	for (i = 0; i < c->count; i++) {
		if (calendar_lasts(&c->event[i], civil_s))
			mask |= 1u << c->bit[i];
	}
	return mask;
}

/* Local time at the middle of an interval. */
static int64_t
civil_of(const struct load_series *s, int64_t index, int32_t zone_s)
{
	return index * s->interval_s - s->offset_s + s->interval_s / 2 + zone_s;
}

static uint32_t
events_at(const struct load_series *s, const struct load_calendar *c, int64_t index, int32_t zone_s)
{
	return c->count ? load_calendar_at(c, civil_of(s, index, zone_s)) : 0;
}

static void
watch(struct load_series *s, const struct load_calendar *c, int32_t zone_s)
{
	uint32_t events[HORIZON_MAX], ahead;
	size_t i;

	for (ahead = 0; ahead < HORIZON_MAX && s->when_count; ahead++)
		events[ahead] = events_at(s, c, s->index + 1 + ahead, zone_s);
	for (i = 0; i < s->when_count; i++)
		load_watch_update(&s->when[i].watch, s->model, events);
}

/* A clock that was set back goes on with the next number; the phase keeps the seasons by the clock. */
static void
follow_clock(struct load_series *s, int32_t zone_s)
{
	int64_t last = forecast_index(s->model);

	if (forecast_samples(s->model) > 0 && s->index + s->lead <= last)
		s->lead = last + 1 - s->index;
	forecast_set_phase(s->model, zone_s / (int32_t)s->interval_s - s->lead);
}

static void
end_interval(struct load_series *s, const struct load_calendar *c, int32_t zone_s)
{
	double load = s->seconds >= SEEN_LEAST * s->interval_s ? s->sum / s->seconds : NAN;

	follow_clock(s, zone_s);
	forecast_update(s->model, s->index + s->lead, load, events_at(s, c, s->index, zone_s));
	s->recent[s->recent_at++ % LOAD_RECENT] = load;
	memset(s->cached, 0, sizeof(s->cached));
	watch(s, c, zone_s);
}

bool
load_series_add(struct load_series *s, const struct load_calendar *c, int64_t wall_s,
		int32_t zone_s, double load)
{
	int64_t index = (wall_s + s->offset_s) / s->interval_s;
	bool ended = s->begun && index != s->index;

	if (ended)
		end_interval(s, c, zone_s);
	if (!s->begun || ended) {
		s->index = index;
		s->sum = 0;
		s->seconds = 0;
		s->begun = true;
	}
	if (load >= 0 && isfinite(load)) {
		s->sum += load;
		s->seconds++;
	}
	return ended;
}

static uint32_t
ahead_of(const struct load_series *s, double ahead_s)
{
	uint32_t horizon = forecast_settings_of(s->model)->horizon;
	double ahead = ceil(ahead_s / s->interval_s);

	if (!(ahead > 1))
		return 1;
	return ahead < horizon ? (uint32_t)ahead : horizon;
}

static double
quantile(const struct load_series *s, const struct load_calendar *c, int32_t zone_s, uint32_t ahead,
		double q)
{
	int64_t index = forecast_index(s->model) - s->lead + ahead;

	return forecast_quantile(s->model, ahead, events_at(s, c, index, zone_s), q);
}

double
load_series_quantile(const struct load_series *s, const struct load_calendar *c, int32_t zone_s,
		double ahead_s, double q)
{
	return quantile(s, c, zone_s, ahead_of(s, ahead_s), q);
}

static double
highest(const struct load_series *s, const struct load_calendar *c, int32_t zone_s, uint32_t last,
		double q)
{
	double most = NAN;
	uint32_t ahead;

	for (ahead = 1; ahead < last; ahead += 1 + ahead / 2)
		most = fmax(most, quantile(s, c, zone_s, ahead, q));
	return fmax(most, quantile(s, c, zone_s, last, q));
}

double
load_series_highest(struct load_series *s, const struct load_calendar *c, int32_t zone_s,
		double ahead_s, double q)
{
	double value;
	size_t i;

	for (i = 0; i < LOAD_CACHED; i++) {
		if (s->cached[i].q == q && s->cached[i].ahead_s == ahead_s)
			return s->cached[i].value;
	}
	value = highest(s, c, zone_s, ahead_of(s, ahead_s), q);
	i = s->cached_at++ % LOAD_CACHED;
	s->cached[i].ahead_s = ahead_s;
	s->cached[i].q = q;
	s->cached[i].value = value;
	return value;
}

double
load_series_now(const struct load_series *s)
{
	return s->recent[(s->recent_at + LOAD_RECENT - 1) % LOAD_RECENT];
}
