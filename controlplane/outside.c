/* SPDX-License-Identifier: Apache-2.0 */
#include "outside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "outside_text.h"

#define DOCUMENT_MAX (1u << 20)
#define REASON_MAX 160
#define ACCEPT "application/json,*/*;q=0.1"

struct feed {
	struct outside *outside;
	char *url;
	struct config_outside_weight *weight; /* copies */
	size_t weight_count;
	struct fetch *fetch;
	struct loop_watch *timer;
	char *text; /* of the document that comes */
	size_t len;
	struct outside_factor *factor; /* room for OUTSIDE_FACTORS_MAX */
	size_t factor_count;
	uint64_t good_ms; /* monotonic; 0: never */
	bool failed; /* the last time, and told */
	char reason[REASON_MAX];
};

struct outside {
	struct gateway *g;
	struct fetcher *fetcher;
	struct feed **feed;
	size_t feed_count;
};

/* Once when it begins, once when it is over. */
static void
fail(struct feed *f, const char *what, const char *reason)
{
	snprintf(f->reason, sizeof(f->reason), "%s: %s", what, reason);
	if (!f->failed)
		journal_add(f->outside->g->journal, JOURNAL_WARNING, "outside", NULL, NULL,
				"feed '%s' is %s; what it said before holds until it ends", f->url,
				f->reason);
	f->failed = true;
}

static void
document_taken(struct feed *f)
{
	struct outside_factor *factor = calloc(OUTSIDE_FACTORS_MAX, sizeof(*factor));
	char error[128];
	int n;

	if (!factor)
		return;
	n = outside_parse(f->text ? f->text : "", f->len, factor, error);
	if (n < 0) {
		fail(f, "malformed", error);
		free(factor);
		return;
	}
	free(f->factor);
	f->factor = factor;
	f->factor_count = (size_t)n;
	f->good_ms = loop_now_ms();
	if (f->failed)
		journal_add(f->outside->g->journal, JOURNAL_NOTICE, "outside", NULL, NULL,
				"feed '%s' is read again", f->url);
	f->failed = false;
	f->reason[0] = '\0';
}

static bool
data_came(void *arg, const char *data, size_t len)
{
	struct feed *f = arg;
	char *grown;

	if (len > DOCUMENT_MAX - f->len)
		return false;
	grown = realloc(f->text, f->len + len);
	if (!grown)
		return false;
	f->text = grown;
	memcpy(f->text + f->len, data, len);
	f->len += len;
	return true;
}

static void
document_ended(void *arg, enum fetch_outcome outcome, const char *reason)
{
	struct feed *f = arg;

	switch (outcome) {
	case FETCH_OK:
		document_taken(f);
		break;
	case FETCH_LATE:
		fail(f, "late", reason);
		break;
	case FETCH_REFUSED:
		fail(f, "not to be reached", reason);
		break;
	case FETCH_STATUS:
		fail(f, "refused", reason);
		break;
	case FETCH_STOPPED:
		fail(f, "too large", "more than 1 MiB");
		break;
	case FETCH_BROKEN:
		fail(f, "not to be read", reason);
		break;
	}
	free(f->text);
	f->text = NULL;
	f->len = 0;
}

static void
feed_due(void *arg)
{
	struct feed *f = arg;
	int err = fetch_start(f->fetch);

	if (err == -EINVAL)
		fail(f, "not to be read", "it is no regular file");
}

static void
feed_free(struct feed *f)
{
	size_t i;

	if (!f)
		return;
	loop_unwatch(f->timer);
	fetch_free(f->fetch);
	for (i = 0; i < f->weight_count; i++)
		free(f->weight[i].factor);
	free(f->weight);
	free(f->text);
	free(f->factor);
	free(f->url);
	free(f);
}

static bool
weights_copy(struct feed *f, const struct config_outside *config)
{
	size_t i;

	f->weight = calloc(config->weight_count + 1, sizeof(*f->weight));
	for (i = 0; f->weight && i < config->weight_count; i++) {
		f->weight[i].weight = config->weight[i].weight;
		f->weight[i].factor = strdup(config->weight[i].factor);
		if (!f->weight[i].factor)
			return false;
		f->weight_count++;
	}
	return f->weight != NULL;
}

static struct feed *
feed_create(struct outside *o, const struct config_outside *config)
{
	struct feed *f = calloc(1, sizeof(*f));
	struct fetch_request request = {.url = config->url,
			.protocols = "http,https,file",
			.accept = ACCEPT,
			.timeout_ms = config->timeout_ms,
			.data = data_came,
			.done = document_ended,
			.arg = f};

	if (!f)
		return NULL;
	f->outside = o;
	f->url = strdup(config->url);
	f->fetch = fetch_create(o->fetcher, &request);
	if (f->url && f->fetch && weights_copy(f, config))
		f->timer = loop_timer(o->g->loop, 1, config->interval_ms, feed_due, f);
	if (f->timer)
		return f;
	feed_free(f);
	return NULL;
}

/* What the old feed of that URL knew goes on, and what was told of it is not told again. */
static void
feed_inherit(struct feed *f, struct feed **old, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(old[i]->url, f->url) != 0)
			continue;
		f->failed = old[i]->failed;
		memcpy(f->reason, old[i]->reason, sizeof(f->reason));
		if (!old[i]->factor)
			continue;
		free(f->factor);
		f->factor = old[i]->factor;
		f->factor_count = old[i]->factor_count;
		f->good_ms = old[i]->good_ms;
		old[i]->factor = NULL;
		old[i]->factor_count = 0;
	}
}

static void
feeds_free(struct feed **feed, size_t count)
{
	size_t i;

	for (i = 0; feed && i < count; i++)
		feed_free(feed[i]);
	free(feed);
}

void
outside_sync(struct outside *o)
{
	const struct config *config = registry_config(o->g->registry);
	struct feed **old = o->feed, **feed = calloc(config->outside_count + 1, sizeof(*feed));
	size_t i, n = 0, old_count = o->feed_count;

	if (!feed)
		return;
	for (i = 0; i < config->outside_count; i++) {
		feed[n] = feed_create(o, &config->outside[i]);
		if (!feed[n])
			continue;
		feed_inherit(feed[n++], old, old_count);
	}
	o->feed = feed;
	o->feed_count = n;
	feeds_free(old, old_count);
}

static double
weight_of(const struct feed *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->weight_count; i++) {
		if (strcmp(f->weight[i].factor, name) == 0)
			return f->weight[i].weight;
	}
	return 1;
}

static const struct outside_factor *
feed_worst_or_null(const struct feed *f, const char *zone, uint64_t wall_ms, double *severity)
{
	const struct outside_factor *worst = NULL;
	double here;
	size_t i;

	for (i = 0; i < f->factor_count; i++) {
		if (f->factor[i].until_ms <= wall_ms || !outside_is_at(&f->factor[i], zone))
			continue;
		here = f->factor[i].severity * weight_of(f, f->factor[i].name);
		if (!(here > *severity))
			continue;
		*severity = here;
		worst = &f->factor[i];
	}
	return worst;
}

double
outside_at(const struct outside *o, const char *zone, char *name, size_t size)
{
	const struct outside_factor *worst;
	uint64_t now = o->feed_count ? loop_wall_ms() : 0;
	double severity = 0;
	size_t i;

	if (size > 0)
		name[0] = '\0';
	for (i = 0; i < o->feed_count && zone[0]; i++) {
		worst = feed_worst_or_null(o->feed[i], zone, now, &severity);
		if (worst)
			snprintf(name, size, "%s", worst->name);
	}
	return severity < 1 ? severity : 1;
}

static json_t *
factors_json(const struct feed *f)
{
	uint64_t now = loop_wall_ms();
	json_t *out = json_array();
	size_t i;

	for (i = 0; i < f->factor_count; i++) {
		const struct outside_factor *factor = &f->factor[i];

		if (factor->until_ms > now)
			json_array_append_new(out,
					json_pack("{s:s s:s s:f s:I}",
							factor->region ? "region" : "zone",
							factor->place, "factor", factor->name,
							"severity", factor->severity, "until",
							(json_int_t)factor->until_ms));
	}
	return out;
}

static const char *
state_of(const struct feed *f)
{
	if (f->failed)
		return "failed";
	return f->good_ms ? "ok" : "pending";
}

json_t *
outside_json(const struct outside *o)
{
	json_t *out = json_array(), *row;
	size_t i;

	for (i = 0; i < o->feed_count; i++) {
		const struct feed *f = o->feed[i];

		row = json_pack("{s:s s:s s:s s:o}", "url", f->url, "state", state_of(f), "reason",
				f->reason, "factors", factors_json(f));
		json_object_set_new(row, "age_ms",
				f->good_ms ? json_integer((json_int_t)(loop_now_ms() - f->good_ms))
					   : json_null());
		json_array_append_new(out, row);
	}
	return out;
}

struct outside *
outside_create(struct gateway *g)
{
	struct outside *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->g = g;
	o->fetcher = fetcher_create(g->loop);
	if (!o->fetcher) {
		outside_free(o);
		return NULL;
	}
	outside_sync(o);
	return o;
}

void
outside_free(struct outside *o)
{
	if (!o)
		return;
	feeds_free(o->feed, o->feed_count);
	fetcher_free(o->fetcher);
	free(o);
}
