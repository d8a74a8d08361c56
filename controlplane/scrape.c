/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   endpoint (eid) --row--> reads --> target (one URL) --fetch--> page --text--> metrics --> values
 *
 * Targets are asked one after the other, each at its own place in the interval, which follows from its URL. A reload
 * builds targets and rows anew, and moves over what it keeps of the old targets.
 */
#include "scrape.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config_scrape.h"
#include "endpoint_walk.h"
#include "fetch.h"
#include "scrape_metric.h"

#define BUCKETS 1024 /* a power of 2 */
#define STEP_MS 20 /* how closely a target's time is kept */
#define STALE_INTERVALS 3
#define TELL_AGAIN_MS 60000 /* a target that comes and goes is told of once in so long */
#define REASON_MAX 128
#define ACCEPT "text/plain;version=0.0.4;q=1,*/*;q=0.1"

/* What is taken out of a target's page. */
struct reading {
	char *key; /* all that tells it from others */
	struct scrape_metric *metric;
	double value;
};

struct target {
	struct target *next; /* in its bucket */
	struct scraper *scraper;
	char *url;
	char *service, *endpoint; /* the first that has it, to be named */
	uint32_t interval_ms, timeout_ms;
	uint64_t due_ms;
	struct fetch *fetch;
	struct scrape_text text;
	int error; /* of the page that comes */
	struct reading *reading;
	uint32_t count;
	bool rates_known; /* a page came before, so that there may be rates */
	enum scrape_state state;
	char reason[REASON_MAX];
	uint64_t since_ms, asked_ms, good_ms; /* wall clock; monotonic, 0: never */
	uint64_t bytes, took_ms;
	uint64_t ended[SCRAPE_STATES];
	uint64_t told_ms; /* of a failure; 0: never */
	bool told; /* and not taken back */
};

/* Where an endpoint's values are. */
struct read {
	struct target *target;
	uint32_t index;
};

struct row {
	uint32_t count;
	struct read read[];
};

struct table {
	struct target *bucket[BUCKETS];
	size_t count;
};

struct scraper {
	struct gateway *g;
	struct fetcher *fetcher;
	struct loop_watch *timer; /* while there are targets */
	struct table *table;
	struct row **row; /* by eid */
	uint32_t row_count;
};

static const char *const state_names[SCRAPE_STATES] = {
#define X(name, text) #name,
		SCRAPE_STATE_LIST(X)
#undef X
};

const char *
scrape_state_name(enum scrape_state state)
{
	return state_names[state];
}

/*
 * Pages
 */

static bool
line_wanted(void *arg, const char *line, size_t len)
{
	const struct target *t = arg;
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		if (scrape_metric_wants(t->reading[i].metric, line, len))
			return true;
	}
	return false;
}

static void
sample_taken(void *arg, const struct scrape_sample *sample)
{
	struct target *t = arg;
	uint32_t i;

	for (i = 0; i < t->count; i++)
		scrape_metric_sample(t->reading[i].metric, sample);
}

static bool
data_came(void *arg, const char *data, size_t len)
{
	struct target *t = arg;

	t->error = scrape_text_feed(&t->text, data, len);
	return t->error == 0;
}

static bool
is_stale(const struct target *t, uint64_t now)
{
	return !t->good_ms || now - t->good_ms > (uint64_t)STALE_INTERVALS * t->interval_ms;
}

/* At once when it begins; a target that comes and goes, once in a while. */
static void
tell(struct target *t, enum scrape_state before, uint64_t now)
{
	struct journal *j = t->scraper->g->journal;

	if (t->state == SCRAPE_ok && t->told) {
		t->told = false;
		journal_add(j, JOURNAL_NOTICE, "scrape", t->service, t->endpoint,
				"'%s' is scraped again", t->url);
	}
	if (t->state == SCRAPE_ok || (t->told && t->state == before) ||
			(t->told_ms && now - t->told_ms < TELL_AGAIN_MS))
		return;
	t->told = true;
	t->told_ms = now;
	journal_add(j, JOURNAL_WARNING, "scrape", t->service, t->endpoint,
			"'%s' gives no values (%s): %s", t->url, scrape_state_name(t->state),
			t->reason);
}

static void
ended(struct target *t, enum scrape_state state, const char *reason)
{
	enum scrape_state before = t->state;
	uint64_t now = loop_now_ms();

	t->ended[state]++;
	t->took_ms = now - t->asked_ms;
	t->bytes = t->text.bytes;
	t->state = state;
	snprintf(t->reason, sizeof(t->reason), "%s", reason);
	if (state != before)
		t->since_ms = loop_wall_ms();
	tell(t, before, now);
}

static void
values_taken(struct target *t)
{
	uint64_t now = loop_now_ms();
	bool any = t->count == 0 || !t->rates_known;
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		t->reading[i].value = scrape_metric_end(t->reading[i].metric, now);
		any |= !isnan(t->reading[i].value);
	}
	t->good_ms = now;
	t->rates_known = true;
	if (any)
		ended(t, SCRAPE_ok, "");
	else
		ended(t, SCRAPE_no_values,
				"none of its metrics is there, or none has a finite value");
}

static void
values_dropped(struct target *t)
{
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		t->reading[i].value = NAN;
		scrape_metric_cancel(t->reading[i].metric);
	}
}

static void
page_bad(struct target *t)
{
	char reason[REASON_MAX];

	if (t->error == -E2BIG) {
		snprintf(reason, sizeof(reason), "larger than %zu MiB", t->text.bytes_max >> 20);
		ended(t, SCRAPE_too_big, reason);
	} else if (t->error == -EBADMSG) {
		snprintf(reason, sizeof(reason), "line %zu: %s", t->text.lines, t->text.fault);
		ended(t, SCRAPE_malformed, reason);
	} else {
		ended(t, SCRAPE_broken, strerror(-t->error));
	}
}

static void
failed(struct target *t, enum fetch_outcome outcome, const char *reason)
{
	static const enum scrape_state state_of[] = {
			[FETCH_LATE] = SCRAPE_late,
			[FETCH_REFUSED] = SCRAPE_refused,
			[FETCH_STATUS] = SCRAPE_status,
			[FETCH_BROKEN] = SCRAPE_broken,
	};

	ended(t, state_of[outcome], reason);
}

static void
page_ended(void *arg, enum fetch_outcome outcome, const char *reason)
{
	struct target *t = arg;

	if (outcome == FETCH_OK && t->error == 0)
		t->error = scrape_text_end(&t->text);
	if (outcome == FETCH_OK && t->error == 0) {
		values_taken(t);
		return;
	}
	values_dropped(t);
	if (t->error)
		page_bad(t);
	else
		failed(t, outcome, reason);
}

static void
target_ask(struct target *t, uint64_t now)
{
	uint32_t i;
	int err;

	t->asked_ms = now;
	t->error = 0;
	scrape_text_begin(&t->text);
	for (i = 0; i < t->count; i++) {
		scrape_metric_begin(t->reading[i].metric);
		if (is_stale(t, now))
			scrape_metric_forget(t->reading[i].metric);
	}
	t->rates_known &= !is_stale(t, now);
	err = fetch_start(t->fetch);
	if (err == -ENOMEM)
		ended(t, SCRAPE_broken, strerror(-err));
}

static void
target_due(struct target *t, uint64_t now)
{
	if (now < t->due_ms)
		return;
	while (t->due_ms <= now)
		t->due_ms += t->interval_ms;
	if (!fetch_is_busy(t->fetch))
		target_ask(t, now);
}

static void
on_step(void *arg)
{
	struct scraper *s = arg;
	uint64_t now = loop_now_ms();
	struct target *t;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		for (t = s->table->bucket[i]; t; t = t->next)
			target_due(t, now);
	}
}

/*
 * Targets
 */

/* FNV-1a, its high half folded in. */
static uint32_t
hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return (uint32_t)(hash ^ (hash >> 32));
}

static void
reading_fini(struct reading *r)
{
	free(r->key);
	scrape_metric_free(r->metric);
}

static void
target_free(struct target *t)
{
	uint32_t i;

	if (!t)
		return;
	fetch_free(t->fetch);
	scrape_text_fini(&t->text);
	for (i = 0; i < t->count; i++)
		reading_fini(&t->reading[i]);
	free(t->reading);
	free(t->service);
	free(t->endpoint);
	free(t->url);
	free(t);
}

static void
table_free(struct table *table)
{
	struct target *t, *next;
	size_t i;

	for (i = 0; table && i < BUCKETS; i++) {
		for (t = table->bucket[i]; t; t = next) {
			next = t->next;
			target_free(t);
		}
	}
	free(table);
}

static struct target *
table_find_or_null(const struct table *table, const char *url)
{
	struct target *t = table ? table->bucket[hash_of(url) % BUCKETS] : NULL;

	while (t && strcmp(t->url, url) != 0)
		t = t->next;
	return t;
}

static void
table_add(struct table *table, struct target *t)
{
	struct target **bucket = &table->bucket[hash_of(t->url) % BUCKETS];

	t->next = *bucket;
	*bucket = t;
	table->count++;
}

/* Where a target is asked within its interval: spread, and the same after a restart. */
static uint64_t
first_due(const struct target *t)
{
	return loop_now_ms() + hash_of(t->url) % t->interval_ms;
}

static struct target *
target_create(struct scraper *s, const struct endpoint *e, const char *url)
{
	const struct config_scrape *config = &e->config->scrape;
	struct scrape_reader reader = {line_wanted, sample_taken, NULL};
	struct target *t = calloc(1, sizeof(*t));
	struct fetch_request request = {.url = url,
			.protocols = "http",
			.accept = ACCEPT,
			.timeout_ms = config->timeout_ms,
			.data = data_came,
			.done = page_ended,
			.arg = t};

	if (!t)
		return NULL;
	t->scraper = s;
	t->interval_ms = config->interval_ms;
	t->timeout_ms = config->timeout_ms;
	t->url = strdup(url);
	t->service = strdup(e->service->config->name);
	t->endpoint = strdup(e->config->name);
	t->since_ms = loop_wall_ms();
	reader.arg = t;
	scrape_text_init(&t->text, &reader, (size_t)config->max_mb << 20);
	t->fetch = fetch_create(s->fetcher, &request);
	if (!t->url || !t->service || !t->endpoint || !t->fetch) {
		target_free(t);
		return NULL;
	}
	t->due_ms = first_due(t);
	return t;
}

static char *
reading_key(const struct config_scrape_metric *m)
{
	char *key;

	if (asprintf(&key, "%s / %s %d%d%d %d %d", m->metric, m->per ? m->per : "", m->rate,
			    m->per_rate, m->complement, m->aggregate, m->per_aggregate) < 0)
		return NULL;
	return key;
}

static struct reading *
reading_find_or_null(struct target *t, const char *key)
{
	uint32_t i;

	for (i = 0; t && i < t->count; i++) {
		if (t->reading[i].key && strcmp(t->reading[i].key, key) == 0)
			return &t->reading[i];
	}
	return NULL;
}

/* Takes it over from the old target, with what its next rate begins from; or makes it. */
static bool
reading_fill(struct reading *r, char *key, const struct config_scrape_metric *m, struct target *old)
{
	struct reading *kept = reading_find_or_null(old, key);

	if (kept) {
		*r = *kept;
		kept->key = NULL;
		kept->metric = NULL;
		free(key);
		return true;
	}
	*r = (struct reading){.key = key, .metric = scrape_metric_create(m), .value = NAN};
	if (!r->metric)
		free(key);
	return r->metric != NULL;
}

/* The index of the target's reading; -ENOMEM. */
static int64_t
reading_of(struct target *t, const struct config_scrape_metric *m, struct target *old)
{
	char *key = reading_key(m);
	struct reading *r = key ? reading_find_or_null(t, key) : NULL;

	if (r) {
		free(key);
		return r - t->reading;
	}
	r = key ? realloc(t->reading, (t->count + 1) * sizeof(*r)) : NULL;
	if (!r) {
		free(key);
		return -ENOMEM;
	}
	t->reading = r;
	if (!reading_fill(&r[t->count], key, m, old))
		return -ENOMEM;
	return t->count++;
}

static char *
url_of(const struct endpoint *e, const struct config_scrape_metric *m)
{
	const struct config_scrape *scrape = &e->config->scrape;
	const struct ip_addr *addr = ip_is_none(&scrape->addr) ? &e->config->addr : &scrape->addr;
	const char *path = m->path && m->path[0] ? m->path : scrape->path;
	char host[IP_TEXT_SIZE], *url;

	ip_port_format(addr, m->port ? m->port : scrape->port, host);
	return asprintf(&url, "http://%s%s", host, path) < 0 ? NULL : url;
}

/* What the old target had seen goes on. */
static void
target_inherit(struct target *t, const struct target *old)
{
	t->state = old->state;
	memcpy(t->reason, old->reason, sizeof(t->reason));
	t->since_ms = old->since_ms;
	t->asked_ms = old->asked_ms;
	t->good_ms = old->good_ms;
	t->rates_known = old->rates_known;
	t->bytes = old->bytes;
	t->took_ms = old->took_ms;
	memcpy(t->ended, old->ended, sizeof(t->ended));
	t->told_ms = old->told_ms;
	t->told = old->told;
	if (t->interval_ms == old->interval_ms)
		t->due_ms = old->due_ms;
}

/* Of endpoints that share a target the shortest interval holds; they are taken in the order of the configuration, so
 * that the first one's timeout and size are in force. */
static struct target *
target_of(struct scraper *s, struct table *table, const struct endpoint *e, const char *url)
{
	struct target *t = table_find_or_null(table, url), *old;

	if (t) {
		if (e->config->scrape.interval_ms < t->interval_ms)
			t->interval_ms = e->config->scrape.interval_ms;
		return t;
	}
	t = target_create(s, e, url);
	if (!t)
		return NULL;
	old = table_find_or_null(s->table, url);
	if (old)
		target_inherit(t, old);
	table_add(table, t);
	return t;
}

static bool
read_fill(struct scraper *s, struct table *table, const struct endpoint *e,
		const struct config_scrape_metric *m, struct read *out) /* five: all of one place */
{
	char *url = url_of(e, m);
	struct target *t = url ? target_of(s, table, e, url) : NULL;
	int64_t index = t ? reading_of(t, m, table_find_or_null(s->table, url)) : -ENOMEM;

	free(url);
	if (index < 0)
		return false;
	*out = (struct read){t, (uint32_t)index};
	return true;
}

static void
row_build(struct scraper *s, struct table *table, const struct endpoint *e)
{
	const struct config_scrape_metric *metric[METRICS_MAX];
	size_t i, n = config_scrape_metrics(&e->config->scrape, metric);
	struct row *row;

	if (n == 0 || e->eid >= s->row_count)
		return;
	row = calloc(1, sizeof(*row) + n * sizeof(row->read[0]));
	if (!row)
		return;
	row->count = (uint32_t)n;
	for (i = 0; i < n; i++) {
		if (!read_fill(s, table, e, metric[i], &row->read[i]))
			row->read[i].target = NULL;
	}
	s->row[e->eid] = row;
}

static void
rows_free(struct scraper *s)
{
	uint32_t i;

	for (i = 0; i < s->row_count; i++) {
		free(s->row[i]);
		s->row[i] = NULL;
	}
}

static void
timer_set(struct scraper *s)
{
	loop_unwatch(s->timer);
	s->timer = NULL;
	if (s->table->count)
		s->timer = loop_timer(s->g->loop, STEP_MS, STEP_MS, on_step, s);
}

void
scraper_sync(struct scraper *s)
{
	struct table *table = calloc(1, sizeof(*table));
	const struct endpoint *e;
	struct endpoint_walk walk;

	if (!table)
		return;
	rows_free(s);
	endpoint_walk_init(&walk, s->g->registry, NULL);
	while ((e = endpoint_walk_next_or_null(&walk)))
		row_build(s, table, e);
	table_free(s->table);
	s->table = table;
	fetcher_keep(s->fetcher, table->count);
	timer_set(s);
}

struct scraper *
scraper_create(struct gateway *g)
{
	struct scraper *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->g = g;
	s->row_count = registry_endpoint_limit(g->registry);
	s->row = calloc(s->row_count + 1, sizeof(struct row *));
	s->fetcher = fetcher_create(g->loop);
	if (s->row && s->fetcher)
		scraper_sync(s);
	if (!s->table) {
		scraper_free(s);
		return NULL;
	}
	return s;
}

void
scraper_free(struct scraper *s)
{
	if (!s)
		return;
	loop_unwatch(s->timer);
	table_free(s->table);
	if (s->row)
		rows_free(s);
	free(s->row);
	fetcher_free(s->fetcher);
	free(s);
}

/*
 * What came of it
 */

static const struct row *
row_or_null(const struct scraper *s, const struct endpoint *e)
{
	return e->eid < s->row_count ? s->row[e->eid] : NULL;
}

void
scraper_values(const struct scraper *s, const struct endpoint *e, double *out, size_t count)
{
	const struct row *row = row_or_null(s, e);
	uint64_t now = row ? loop_now_ms() : 0;
	size_t i;

	for (i = 0; i < count; i++) {
		out[i] = NAN;
		if (row && i < row->count && row->read[i].target &&
				!is_stale(row->read[i].target, now))
			out[i] = row->read[i].target->reading[row->read[i].index].value;
	}
}

bool
scraper_has(const struct scraper *s, const struct endpoint *e)
{
	return row_or_null(s, e) != NULL;
}

/* Is it the row's first read of its target? */
static bool
is_first(const struct row *row, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < index; i++) {
		if (row->read[i].target == row->read[index].target)
			return false;
	}
	return row->read[index].target != NULL;
}

uint64_t
scraper_count(const struct scraper *s, const struct endpoint *e, enum scrape_state state)
{
	const struct row *row = row_or_null(s, e);
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; row && i < row->count; i++) {
		if (is_first(row, i))
			sum += row->read[i].target->ended[state];
	}
	return sum;
}

static json_t *
target_json(const struct target *t, uint64_t now)
{
	json_t *counts = json_object(), *out;
	int state;

	for (state = SCRAPE_ok; state < SCRAPE_STATES; state++)
		json_object_set_new(counts, state_names[state],
				json_integer((json_int_t)t->ended[state]));
	out = json_pack("{s:s s:s s:s s:I s:I s:I s:o}", "url", t->url, "state",
			state_names[t->state], "reason", t->reason, "since",
			(json_int_t)t->since_ms, "bytes", (json_int_t)t->bytes, "took_ms",
			(json_int_t)t->took_ms, "counts", counts);
	json_object_set_new(out, "age_ms",
			t->good_ms ? json_integer((json_int_t)(now - t->good_ms)) : json_null());
	return out;
}

json_t *
scraper_json(const struct scraper *s, const struct endpoint *e)
{
	const struct row *row = row_or_null(s, e);
	json_t *out = json_array();
	uint32_t i;

	for (i = 0; row && i < row->count; i++) {
		if (is_first(row, i))
			json_array_append_new(out, target_json(row->read[i].target, loop_now_ms()));
	}
	return out;
}
