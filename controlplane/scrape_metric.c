/* SPDX-License-Identifier: Apache-2.0 */
#include "scrape_metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Steps of searching for series that come in another order than on the last page. */
#define SEARCH_MAX (1u << 18)

struct series {
	uint64_t hash; /* of name and labels */
	double value;
};

struct page {
	struct series *series;
	uint32_t count, room;
	uint64_t at_ms; /* 0: none */
};

/* The numerator, or the denominator. */
struct part {
	struct scrape_selector selector;
	enum scrape_aggregate aggregate;
	bool rate;
	struct page last, next; /* of rates */
	uint32_t cursor; /* in `last`, where the next series is likely to be */
	uint32_t searched;
	uint32_t matched;
	bool unusable; /* a value that is no number, a counter that fell, too many series */
	double sum, max, min;
};

struct scrape_metric {
	struct part value, per;
	bool has_per, complement;
};

/*
 * Selectors
 */

static char *
skip_blanks(char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

static char *
skip_name(char *p)
{
	if (*p >= '0' && *p <= '9')
		return p;
	while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || *p == ':' ||
			(*p >= '0' && *p <= '9'))
		p++;
	return p;
}

/* label="value" or label!="value"; behind it, or NULL. */
static char *
matcher_parse(char *p, struct scrape_matcher *out)
{
	char *name = p, *end = skip_name(p), *op = skip_blanks(end);

	out->differs = *op == '!';
	op += out->differs;
	if (end == name || *op != '=')
		return NULL;
	p = skip_blanks(op + 1);
	if (*p != '"' || !strchr(p + 1, '"'))
		return NULL;
	*end = '\0';
	out->label = name;
	out->value = p + 1;
	p = strchr(p + 1, '"');
	*p = '\0';
	return p + 1;
}

static const char *
matchers_parse(char *p, struct scrape_selector *s)
{
	for (p = skip_blanks(p); *p != '}'; p = skip_blanks(p)) {
		if (s->matcher_count == SCRAPE_MATCHERS_MAX)
			return "has more than 16 labels; leave some out";
		p = matcher_parse(p, &s->matcher[s->matcher_count++]);
		if (!p)
			return "not a choice of labels; write them as {name=\"value\"} or "
			       "{name!=\"value\"}";
		p = skip_blanks(p);
		if (*p == ',')
			p++;
		else if (*p != '}')
			return "lacks a comma or '}' behind a label; add it";
	}
	return p[1] ? "has something behind its '}'; remove it" : NULL;
}

const char *
scrape_selector_parse(const char *text, struct scrape_selector *out)
{
	struct scrape_selector s = {.text = strdup(text)};
	const char *wrong = NULL;
	char *end;

	if (!s.text)
		return "out of memory";
	end = skip_name(s.text);
	s.name = s.text;
	s.name_len = (size_t)(end - s.text);
	if (s.name_len == 0 || (*end != '\0' && *end != '{'))
		wrong = "not the name of a metric; write one such as http_requests or "
			"http_requests{code=\"500\"}";
	else if (*end == '{')
		wrong = matchers_parse(end + 1, &s);
	*end = '\0';
	if (wrong)
		scrape_selector_fini(&s);
	else
		*out = s;
	return wrong;
}

void
scrape_selector_fini(struct scrape_selector *s)
{
	free(s->text);
	s->text = NULL;
}

static const char *
label_of(const struct scrape_sample *sample, const char *name)
{
	size_t i;

	for (i = 0; i < sample->label_count; i++) {
		if (strcmp(sample->label[i].name, name) == 0)
			return sample->label[i].value;
	}
	return "";
}

bool
scrape_selector_matches(const struct scrape_selector *s, const struct scrape_sample *sample)
{
	const struct scrape_matcher *m;
	size_t i;

	if (strcmp(sample->name, s->name) != 0)
		return false;
	for (i = 0; i < s->matcher_count; i++) {
		m = &s->matcher[i];
		if ((strcmp(label_of(sample, m->label), m->value) != 0) != m->differs)
			return false;
	}
	return true;
}

static bool
selector_wants(const struct scrape_selector *s, const char *line, size_t len)
{
	return len > s->name_len && memcmp(line, s->name, s->name_len) == 0 &&
			(line[s->name_len] == '{' || line[s->name_len] == ' ' ||
					line[s->name_len] == '\t');
}

/*
 * Series
 */

/* FNV-1a over the text and the zero behind it. */
static uint64_t
hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return hash * 0x100000001b3u;
}

static uint64_t
series_hash(const struct scrape_sample *s)
{
	uint64_t hash = 0xcbf29ce484222325u;
	size_t i;

	for (i = 0; i < s->label_count; i++)
		hash = hash_text(hash_text(hash, s->label[i].name), s->label[i].value);
	return hash;
}

static bool
page_add(struct page *p, uint64_t hash, double value)
{
	uint32_t room = p->room ? 2 * p->room : 16;
	struct series *grown;

	if (p->count == SCRAPE_SERIES_MAX)
		return false;
	if (p->count == p->room) {
		grown = realloc(p->series, room * sizeof(*grown));
		if (!grown)
			return false;
		p->series = grown;
		p->room = room;
	}
	p->series[p->count++] = (struct series){hash, value};
	return true;
}

/* Series come in the same order on most pages. */
static const struct series *
series_before_or_null(struct part *p, uint64_t hash)
{
	uint32_t i, at, n = p->last.count;

	for (i = 0; i < n && p->searched < SEARCH_MAX; i++, p->searched++) {
		at = (p->cursor + i) % n;
		if (p->last.series[at].hash == hash) {
			p->cursor = at + 1;
			return &p->last.series[at];
		}
	}
	return NULL;
}

/* What was added since the last page. A series that was not there then began at 0, as counters do. */
static double
part_increase(struct part *p, uint64_t hash, double value)
{
	const struct series *before;

	if (!page_add(&p->next, hash, value))
		p->unusable = true;
	if (!p->last.at_ms)
		return 0;
	before = series_before_or_null(p, hash);
	if ((before && value < before->value) || p->searched >= SEARCH_MAX)
		p->unusable = true;
	return before ? value - before->value : value;
}

static void
part_sample(struct part *p, const struct scrape_sample *sample)
{
	double value = sample->value;

	if (!scrape_selector_matches(&p->selector, sample))
		return;
	if (!isfinite(value)) {
		p->unusable = true;
		return;
	}
	if (p->rate)
		value = part_increase(p, series_hash(sample), value);
	p->max = p->matched == 0 || value > p->max ? value : p->max;
	p->min = p->matched == 0 || value < p->min ? value : p->min;
	p->sum += value;
	p->matched++;
}

static void
part_begin(struct part *p)
{
	p->next.count = 0;
	p->cursor = p->searched = p->matched = 0;
	p->unusable = false;
	p->sum = p->max = p->min = 0;
}

static double
part_aggregate(const struct part *p)
{
	switch (p->aggregate) {
	case SCRAPE_SUM:
		return p->sum;
	case SCRAPE_MAX:
		return p->max;
	case SCRAPE_MIN:
		return p->min;
	case SCRAPE_AVERAGE:
		return p->sum / p->matched;
	case SCRAPE_COUNT:
		return p->matched;
	}
	return NAN;
}

/* Seconds since the last page, by which a rate is divided; the next page becomes the last. */
static double
part_turn(struct part *p, uint64_t now_ms)
{
	uint64_t before = p->last.at_ms;
	struct page last = p->last;

	if (!p->rate)
		return 1;
	p->last = p->next;
	p->last.at_ms = now_ms;
	p->next = last;
	return before && now_ms > before ? (double)(now_ms - before) / 1000 : NAN;
}

static double
part_end(struct part *p, uint64_t now_ms)
{
	double seconds = part_turn(p, now_ms);

	if (p->matched == 0 || p->unusable)
		return NAN;
	if (p->aggregate == SCRAPE_COUNT)
		return p->matched;
	return part_aggregate(p) / seconds;
}

static void
part_fini(struct part *p)
{
	scrape_selector_fini(&p->selector);
	free(p->last.series);
	free(p->next.series);
}

/*
 * Metrics
 */

struct scrape_metric *
scrape_metric_create(const struct config_scrape_metric *config)
{
	struct scrape_metric *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->has_per = config->per && config->per[0];
	m->complement = config->complement;
	m->value.aggregate = config->aggregate;
	m->value.rate = config->rate;
	m->per.aggregate = config->per_aggregate;
	m->per.rate = config->per_rate;
	if (!scrape_selector_parse(config->metric, &m->value.selector) &&
			(!m->has_per || !scrape_selector_parse(config->per, &m->per.selector)))
		return m;
	scrape_metric_free(m);
	return NULL;
}

void
scrape_metric_free(struct scrape_metric *m)
{
	if (!m)
		return;
	part_fini(&m->value);
	part_fini(&m->per);
	free(m);
}

bool
scrape_metric_wants(const struct scrape_metric *m, const char *line, size_t len)
{
	return selector_wants(&m->value.selector, line, len) ||
			(m->has_per && selector_wants(&m->per.selector, line, len));
}

void
scrape_metric_begin(struct scrape_metric *m)
{
	part_begin(&m->value);
	part_begin(&m->per);
}

void
scrape_metric_sample(struct scrape_metric *m, const struct scrape_sample *sample)
{
	part_sample(&m->value, sample);
	if (m->has_per)
		part_sample(&m->per, sample);
}

double
scrape_metric_end(struct scrape_metric *m, uint64_t now_ms)
{
	double value = part_end(&m->value, now_ms), per = 1;

	if (m->has_per)
		per = part_end(&m->per, now_ms);
	value = per != 0 ? value / per : NAN;
	return m->complement ? 1 - value : value;
}

void
scrape_metric_cancel(struct scrape_metric *m)
{
	part_begin(&m->value);
	part_begin(&m->per);
}

void
scrape_metric_forget(struct scrape_metric *m)
{
	m->value.last.at_ms = m->per.last.at_ms = 0;
}
