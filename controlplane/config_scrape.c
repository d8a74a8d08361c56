/* SPDX-License-Identifier: Apache-2.0 */
#include "config_scrape.h"

#include "config_read.h"
#include "scrape_metric.h"

#include <math.h>
#include <string.h>

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define LIST(type, member, number) FIELD(type, member), .count = offsetof(type, number)
#define GROUP(keys) .key = keys, .key_count = sizeof(keys) / sizeof((keys)[0])
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND_MS 1000ull
#define HOUR_MS (3600 * SECOND_MS)
#define VALUE_MAX 1000000000 /* of a limit or a floor */

static const struct key_choice aggregates[] = {
		{"sum", SCRAPE_SUM, NULL},
		{"max", SCRAPE_MAX, NULL},
		{"min", SCRAPE_MIN, NULL},
		{"average", SCRAPE_AVERAGE, NULL},
		{"count", SCRAPE_COUNT, NULL},
		{NULL, 0, NULL},
};
static const struct key_choice worses[] = {
		{"up", SCRAPE_WORSE_UP, NULL},
		{"down", SCRAPE_WORSE_DOWN, NULL},
		{"neither", SCRAPE_WORSE_NEITHER, NULL},
		{NULL, 0, NULL},
};

#define METRIC(member) FIELD(struct config_scrape_metric, member)
static const struct key metric_keys[] = {
		{"name", KEY_NAME, KEY_REQUIRED, METRIC(name)},
		{"metric", KEY_TEXT, KEY_REQUIRED, METRIC(metric), .min = 1, .max = 1024},
		{"per", KEY_TEXT, KEY_OMITTED, METRIC(per), .max = 1024},
		{"rate", KEY_BOOL, METRIC(rate), .fallback = "false"},
		{"per_rate", KEY_BOOL, METRIC(per_rate), .fallback = "false"},
		{"complement", KEY_BOOL, METRIC(complement), .fallback = "false"},
		{"aggregate", KEY_CHOICE, METRIC(aggregate), .choice = aggregates,
				.fallback = "sum"},
		{"per_aggregate", KEY_CHOICE, METRIC(per_aggregate), .choice = aggregates,
				.fallback = "sum"},
		{"worse", KEY_CHOICE, METRIC(worse), .choice = worses, .fallback = "up"},
		{"limit", KEY_REAL, METRIC(limit), .max = VALUE_MAX, .fallback = "0"},
		{"floor", KEY_REAL, METRIC(floor), .max = VALUE_MAX, .fallback = "0"},
		{"unit", KEY_TEXT, KEY_OMITTED, METRIC(unit), .max = 7},
		{"port", KEY_COUNT, KEY_OMITTED, METRIC(port), .max = 65535, .fallback = "0"},
		{"path", KEY_TEXT, KEY_OMITTED, METRIC(path), .max = 1024},
};
static const struct key_group metric_group = {
		"a metric", sizeof(struct config_scrape_metric), .flow = true, GROUP(metric_keys)};

/* `address` stands first: a group whose first key has a default would be read where it is not given. */
static const struct key scrape_keys[] = {
		{"address", KEY_ADDRESS, KEY_OMITTED, FIELD(struct config_scrape, addr)},
		{"port", KEY_COUNT, FIELD(struct config_scrape, port), .max = 65535,
				.fallback = "9100"},
		{"path", KEY_TEXT, FIELD(struct config_scrape, path), .min = 1, .max = 1024,
				.fallback = "/metrics"},
		{"interval", KEY_MS, FIELD(struct config_scrape, interval_ms), .min = 100,
				.max = HOUR_MS, .fallback = "1s"},
		{"timeout", KEY_MS, KEY_COMPUTED, FIELD(struct config_scrape, timeout_ms),
				.min = 10, .max = HOUR_MS, .fallback = "900ms"},
		{"max_size", KEY_MIB, FIELD(struct config_scrape, max_mb), .min = 1, .max = 64,
				.fallback = "4M"},
		{"node", KEY_BOOL, FIELD(struct config_scrape, node), .fallback = "true"},
		{"metrics", KEY_LIST, KEY_OMITTED, LIST(struct config_scrape, metric, metric_count),
				.max = METRICS_MAX - METRIC_PASSIVE_COUNT, .group = &metric_group},
};
const struct key_group config_scrape_group = {
		"a scrape", sizeof(struct config_scrape), GROUP(scrape_keys)};

_Static_assert(sizeof(struct config_scrape) <= 256, "config_read.c reads a template into so much");

static const struct key weight_keys[] = {
		{"factor", KEY_TEXT, KEY_REQUIRED, FIELD(struct config_outside_weight, factor),
				.min = 1, .max = 63},
		{"weight", KEY_REAL, KEY_REQUIRED, FIELD(struct config_outside_weight, weight),
				.max = 1},
};
static const struct key_group weight_group = {
		"a weight", sizeof(struct config_outside_weight), .flow = true, GROUP(weight_keys)};

static const struct key outside_keys[] = {
		{"url", KEY_TEXT, KEY_REQUIRED, FIELD(struct config_outside, url), .min = 1,
				.max = 1024},
		{"interval", KEY_MS, FIELD(struct config_outside, interval_ms), .min = SECOND_MS,
				.max = 24 * HOUR_MS, .fallback = "30s"},
		{"timeout", KEY_MS, FIELD(struct config_outside, timeout_ms), .min = 10,
				.max = HOUR_MS, .fallback = "1s"},
		{"weights", KEY_LIST, KEY_OMITTED,
				LIST(struct config_outside, weight, weight_count), .max = 64,
				.group = &weight_group},
};
const struct key_group config_outside_group = {"an outside feed", sizeof(struct config_outside),
		offsetof(struct config_outside, line), GROUP(outside_keys)};

/* What node_exporter says of any Linux machine. */
#define TEXT(text) (char *)(uintptr_t)(text)
static const struct config_scrape_metric node_metrics[] = {
		{.name = TEXT("cpu"),
				.metric = TEXT("node_cpu_seconds_total{mode!=\"idle\",mode!="
					       "\"iowait\"}"),
				.per = TEXT("node_cpu_seconds_total"),
				.rate = true,
				.per_rate = true,
				.limit = 1,
				.floor = 0.02},
		{.name = TEXT("memory"),
				.metric = TEXT("node_memory_MemAvailable_bytes"),
				.per = TEXT("node_memory_MemTotal_bytes"),
				.complement = true,
				.limit = 1,
				.floor = 0.005},
		{.name = TEXT("disk"),
				.metric = TEXT("node_disk_io_time_seconds_total"),
				.rate = true,
				.aggregate = SCRAPE_MAX,
				.limit = 1,
				.floor = 0.02},
		{.name = TEXT("load"),
				.metric = TEXT("node_load1"),
				.per = TEXT("node_cpu_seconds_total{mode=\"idle\"}"),
				.per_aggregate = SCRAPE_COUNT,
				.floor = 0.05}, /* no limit: many servers do well above one */
};

size_t
config_scrape_metrics(const struct config_scrape *scrape,
		const struct config_scrape_metric *out[METRICS_MAX])
{
	size_t i, n = 0, room = METRICS_MAX - METRIC_PASSIVE_COUNT;

	if (scrape->port == 0)
		return 0;
	for (i = 0; scrape->node && i < COUNT(node_metrics); i++)
		out[n++] = &node_metrics[i];
	for (i = 0; i < scrape->metric_count && n < room; i++)
		out[n++] = &scrape->metric[i];
	return n;
}

/* The map that has the key: the endpoint's, else the service's. */
static struct yaml *
scrape_map(struct yaml *endpoint, const char *key)
{
	struct yaml *node = config_read_inherited(endpoint, "scrape", key);
	struct yaml *own = yaml_child(endpoint, "scrape");

	if (node)
		return node->parent;
	return own && own->kind == YAML_MAP ? own : yaml_child(endpoint->parent->parent, "scrape");
}

#define COMPLAIN(v, endpoint, key, ...) \
	yaml_complain_key((v)->complaints, scrape_map(endpoint, key), key, __VA_ARGS__)

static bool
is_passive_name(const char *name)
{
	struct metric passive[METRIC_PASSIVE_COUNT];
	size_t i;

	metric_passive_init(passive);
	for (i = 0; i < METRIC_PASSIVE_COUNT; i++) {
		if (strcmp(passive[i].name, name) == 0)
			return true;
	}
	return false;
}

bool
config_scrape_measures(const struct config_service *s, const char *name)
{
	const struct config_scrape_metric *metric[METRICS_MAX];
	size_t i, k, n;

	if (is_passive_name(name))
		return true;
	for (i = 0; i < s->endpoint_count; i++) {
		n = config_scrape_metrics(&s->endpoint[i].scrape, metric);
		for (k = 0; k < n; k++)
			if (metric[k]->name && !strcmp(metric[k]->name, name))
				return true;
	}
	return false;
}

static bool
is_taken(const struct config_scrape *s, size_t index, const char *name)
{
	size_t i;

	for (i = 0; s->node && i < COUNT(node_metrics); i++) {
		if (strcmp(node_metrics[i].name, name) == 0)
			return true;
	}
	for (i = 0; i < index; i++) {
		if (s->metric[i].name && strcmp(s->metric[i].name, name) == 0)
			return true;
	}
	return is_passive_name(name);
}

static void
validate_selector(const struct validation *v, const char *text, const char *key, struct yaml *node)
{
	struct scrape_selector s;
	const char *wrong;

	if (!text || !text[0])
		return;
	wrong = scrape_selector_parse(text, &s);
	if (wrong)
		yaml_complain_key(v->complaints, node, key, "%s", wrong);
	else
		scrape_selector_fini(&s);
}

static void
validate_metric(const struct validation *v, const struct config_scrape *s, size_t index,
		struct yaml *node)
{
	const struct config_scrape_metric *m = &s->metric[index];

	if (node->kind != YAML_MAP)
		return;
	if (m->name && is_taken(s, index, m->name))
		yaml_complain_key(v->complaints, node, "name",
				"the name is taken: by a metric above, one of node_exporter's "
				"(cpu, memory, disk, load) or one that the gateway measures; "
				"choose another");
	if (m->name && strlen(m->name) >= METRIC_NAME_MAX)
		yaml_complain_key(v->complaints, node, "name", "too long; shorten it to %d",
				METRIC_NAME_MAX - 1);
	validate_selector(v, m->metric, "metric", node);
	validate_selector(v, m->per, "per", node);
	if (!m->per && m->per_rate)
		yaml_complain_key(v->complaints, node, "per_rate",
				"there is no 'per'; add it or remove this");
	if (m->path && m->path[0] && m->path[0] != '/')
		yaml_complain_key(v->complaints, node, "path",
				"not the path of a URL; begin it with '/'");
}

static void
validate_metrics(const struct validation *v, const struct config_scrape *s, struct yaml *list)
{
	size_t i, node = s->node ? COUNT(node_metrics) : 0;

	for (i = 0; i < s->metric_count; i++)
		validate_metric(v, s, i, list->child[i]);
	if (node + s->metric_count > METRICS_MAX - METRIC_PASSIVE_COUNT)
		yaml_complain(v->complaints, list,
				"%zu metrics beside node_exporter's four; keep %zu, or write "
				"'node: false'",
				s->metric_count, METRICS_MAX - METRIC_PASSIVE_COUNT - node);
}

static bool
same_metrics(const struct config_scrape *a, const struct config_scrape *b)
{
	const struct key *metrics = key_group_find(&config_scrape_group, "metrics");

	return a->node == b->node && config_key_equal(metrics, a, b);
}

/* All endpoints of a service have the same metrics: they are compared with each other. */
static const struct config_scrape *
first_scrape(const struct config_service *s)
{
	size_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		if (s->endpoint[i].scrape.port)
			return &s->endpoint[i].scrape;
	}
	return NULL;
}

void
validate_scrape(const struct validation *v, const struct config_service *s,
		const struct config_endpoint *e, struct yaml *node)
{
	const struct config_scrape *scrape = &e->scrape, *first = first_scrape(s);
	struct yaml *list = node->kind == YAML_MAP
			? config_read_inherited(node, "scrape", "metrics")
			: NULL;
	struct yaml *map = node->kind == YAML_MAP ? scrape_map(node, "port") : NULL;

	if (!map || map->tainted || scrape->port == 0)
		return;
	if (scrape->path && (scrape->path[0] != '/' || strchr(scrape->path, ' ')))
		COMPLAIN(v, node, "path",
				"not the path of a URL; begin it with '/' and write %%20 for a "
				"space");
	if (scrape->timeout_ms > scrape->interval_ms)
		COMPLAIN(v, node, "timeout",
				"longer than the interval, so that scrapes would pile up; write "
				"at most %u ms",
				scrape->interval_ms);
	/* Of a list that several endpoints take over the mistakes are told once. */
	if (list && list->kind == YAML_LIST && !list->tainted && !list->bad &&
			(first == scrape || list->parent->parent == node))
		validate_metrics(v, scrape, list);
	if (first && first != scrape && !same_metrics(first, scrape))
		COMPLAIN(v, node, "metrics",
				"others than the first endpoint of the service has; all endpoints "
				"of a service have the same");
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

void
validate_outside(const struct validation *v)
{
	struct yaml *list = yaml_child(v->root, "outside");
	const struct config_outside *o;
	size_t i;

	for (i = 0; i < v->config->outside_count; i++) {
		o = &v->config->outside[i];
		if (list->child[i]->tainted)
			continue;
		if (o->url && !begins(o->url, "file:///") && !begins(o->url, "http://") &&
				!begins(o->url, "https://"))
			yaml_complain_key(v->complaints, list->child[i], "url",
					"not a URL that can be fetched; begin it with file:///, "
					"http:// or https://");
		if (o->timeout_ms > o->interval_ms)
			yaml_complain_key(v->complaints, list->child[i], "timeout",
					"longer than the interval; write at most %u ms",
					o->interval_ms);
	}
}
