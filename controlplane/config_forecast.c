/* SPDX-License-Identifier: Apache-2.0 */
#include "config_forecast.h"

#include "forecast.h"
#include "load_statement.h"

#include <string.h>

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define LIST(type, member, number) FIELD(type, member), .count = offsetof(type, number)
#define GROUP(keys) .key = keys, .key_count = sizeof(keys) / sizeof((keys)[0])
#define MINUTE_MS (60 * 1000ull)
#define DAY_MS (24 * 60 * MINUTE_MS)

static const struct key item_season = {
		"", KEY_MS, .size = sizeof(uint64_t), .min = MINUTE_MS, .max = 366 * DAY_MS};
static const struct key item_sentence = {
		"", KEY_TEXT, .size = sizeof(char *), .min = 1, .max = 128};

static const struct key_choice loads[] = {{"requests", LOAD_REQUESTS, NULL},
		{"flows", LOAD_FLOWS, NULL}, {"bytes", LOAD_BYTES, NULL}, {NULL, 0, NULL}};
static const struct key_choice repeats[] = {{"never", CALENDAR_ONCE, NULL},
		{"daily", CALENDAR_DAILY, NULL}, {"weekly", CALENDAR_WEEKLY, NULL},
		{"yearly", CALENDAR_YEARLY, NULL}, {NULL, 0, NULL}};

static const struct key forecast_keys[] = {
		{"load", KEY_CHOICE, FIELD(struct config_forecast, load), .choice = loads,
				.fallback = "requests"},
		{"interval", KEY_MS, FIELD(struct config_forecast, interval_ms), .min = 1000,
				.max = 10 * MINUTE_MS, .fallback = "10s"},
		{"seasons", KEY_LIST, KEY_OMITTED,
				LIST(struct config_forecast, season_ms, season_count),
				.max = FORECAST_SEASONS_MAX, .item = &item_season},
		{"capacity", KEY_REAL, FIELD(struct config_forecast, capacity),
				.max = 1000000000000, .fallback = "0"},
		{"when", KEY_LIST, KEY_OMITTED, LIST(struct config_forecast, when, when_count),
				.max = CONFIG_WHEN_MAX, .item = &item_sentence},
};
const struct key_group config_forecast_group = {
		"a forecast", sizeof(struct config_forecast), GROUP(forecast_keys)};

static const struct key event_keys[] = {
		{"name", KEY_NAME, KEY_REQUIRED, FIELD(struct config_event, name)},
		{"from", KEY_TEXT, KEY_REQUIRED, FIELD(struct config_event, from), .max = 19},
		{"to", KEY_TEXT, KEY_REQUIRED, FIELD(struct config_event, to), .max = 19},
		{"repeat", KEY_CHOICE, FIELD(struct config_event, repeat), .choice = repeats,
				.fallback = "never"},
};
const struct key_group config_event_group = {
		"an event", sizeof(struct config_event), .flow = true, GROUP(event_keys)};

static void
validate_seasons(const struct validation *v, const struct config_forecast *f, struct yaml *node)
{
	size_t i;

	for (i = 0; i < f->season_count; i++) {
		if (f->season_ms[i] % 1000 || f->season_ms[i] < 2 * (uint64_t)f->interval_ms)
			yaml_complain_key(v->complaints, node, "seasons",
					"one is not of whole seconds, or shorter than two "
					"intervals; "
					"write such as [1d, 7d]");
		else if (i > 0 && f->season_ms[i] <= f->season_ms[i - 1])
			yaml_complain_key(v->complaints, node, "seasons",
					"not in rising order; write the shortest first, each once");
		else
			continue;
		return;
	}
}

/* A window of too many intervals would cost more time than it is worth. */
static void
validate_sentence(const struct validation *v, const struct config_forecast *f, size_t i,
		struct yaml *node)
{
	struct load_statement s;
	char error[256];

	if (load_statement_parse(f->when[i], &s, error, sizeof(error)) < 0)
		yaml_complain_key(v->complaints, node, "when", "\"%s\": %s", f->when[i], error);
	else if (s.window_s * 1000ull > (uint64_t)f->interval_ms * CONFIG_WINDOW_MAX)
		yaml_complain_key(v->complaints, node, "when",
				"\"%s\": the window has more than %d intervals; shorten it, or "
				"write "
				"a longer 'interval'",
				f->when[i], CONFIG_WINDOW_MAX);
}

void
validate_forecast(const struct validation *v, const struct config_service *s, struct yaml *node)
{
	struct yaml *forecast = yaml_child(node, "forecast");
	const struct config_forecast *f = &s->forecast;
	size_t i;

	if (!forecast || forecast->tainted)
		return;
	if (f->interval_ms % 1000)
		yaml_complain_key(v->complaints, forecast, "interval",
				"not of whole seconds; write such as 10s");
	validate_seasons(v, f, forecast);
	for (i = 0; i < f->when_count; i++)
		validate_sentence(v, f, i, forecast);
}

static void
validate_event(const struct validation *v, const struct config_event *e, struct yaml *node)
{
	int64_t from, to;

	if (calendar_time_parse(e->from, &from) < 0)
		yaml_complain_key(v->complaints, node, "from",
				"not a time; write such as \"2026-11-27 08:30\" or 2026-11-27");
	else if (calendar_time_parse(e->to, &to) < 0)
		yaml_complain_key(v->complaints, node, "to",
				"not a time; write such as \"2026-11-28 18:00\" or 2026-11-28");
	else if (to <= from)
		yaml_complain_key(v->complaints, node, "to", "not after 'from'");
	else if (to - from > calendar_period(e->repeat))
		yaml_complain_key(v->complaints, node, "to",
				"the event would begin again before it ends; shorten it, or repeat "
				"it "
				"less often");
}

static size_t
distinct_names(const struct config *config)
{
	size_t i, k, n = 0;

	for (i = 0; i < config->event_count; i++) {
		for (k = 0; k < i && strcmp(config->event[k].name, config->event[i].name); k++)
			;
		n += k == i;
	}
	return n;
}

void
validate_calendar(const struct validation *v)
{
	struct yaml *list = yaml_child(v->root, "calendar");
	const struct config *config = v->config;
	size_t i;

	if (!list)
		return;
	for (i = 0; i < config->event_count && i < list->count; i++) {
		if (!list->child[i]->tainted)
			validate_event(v, &config->event[i], list->child[i]);
	}
	for (i = 0; i < config->event_count; i++) {
		if (!config->event[i].name)
			return;
	}
	if (distinct_names(config) > FORECAST_EVENTS_MAX)
		yaml_complain_key(v->complaints, v->root, "calendar",
				"more than %d different names; give events of one kind the same",
				FORECAST_EVENTS_MAX);
}
