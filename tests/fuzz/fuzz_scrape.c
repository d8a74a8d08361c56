/* SPDX-License-Identifier: Apache-2.0 */
/* A page of metrics: how it is cut into pieces must not matter, and no byte behind a piece may be looked at. The first
 * byte is the size of the pieces. */
#include "scrape_metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_scrape_metric config = {
		.metric = (char *)(uintptr_t) "a{x!=\"1\"}",
		.per = (char *)(uintptr_t) "b",
		.rate = true,
};

struct outcome {
	int err;
	double value;
	size_t samples;
	struct scrape_metric *metric;
};

static bool
wants(void *arg, const char *line, size_t len)
{
	struct outcome *o = arg;

	return len && (line[0] != 'z' || scrape_metric_wants(o->metric, line, len));
}

static void
sample(void *arg, const struct scrape_sample *s)
{
	struct outcome *o = arg;
	size_t i;

	for (i = 0; i < s->label_count; i++)
		o->samples += strlen(s->label[i].name) + strlen(s->label[i].value);
	o->samples++;
	scrape_metric_sample(o->metric, s);
}

static int
feed(struct scrape_text *t, const uint8_t *data, size_t size, size_t piece)
{
	int err = 0;
	char *copy;
	size_t n;

	for (; size && !err; data += n, size -= n) {
		n = size < piece ? size : piece;
		copy = malloc(n);
		if (!copy)
			abort();
		memcpy(copy, data, n);
		err = scrape_text_feed(t, copy, n);
		free(copy);
	}
	return err ? err : scrape_text_end(t);
}

/* Twice, so that there is a rate. */
static struct outcome
read_page(const uint8_t *data, size_t size, size_t piece)
{
	struct outcome o = {.metric = scrape_metric_create(&config)};
	struct scrape_reader reader = {wants, sample, &o};
	struct scrape_text t;
	uint64_t now;

	scrape_text_init(&t, &reader, BYTES_MAX);
	for (now = 1000; now <= 2000; now += 1000) {
		scrape_text_begin(&t);
		scrape_metric_begin(o.metric);
		o.err = feed(&t, data, size, piece);
		o.value = scrape_metric_end(o.metric, now);
		if (!t.fault != !o.err && o.err != -7 /* E2BIG */)
			abort();
	}
	scrape_text_fini(&t);
	scrape_metric_free(o.metric);
	return o;
}

static void
try_selector(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct scrape_selector s;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (!scrape_selector_parse(text, &s))
		scrape_selector_fini(&s);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome pieces, whole;

	if (size < 1)
		return 0;
	pieces = read_page(data + 1, size - 1, data[0] ? data[0] : 1);
	whole = read_page(data + 1, size - 1, size);
	if (pieces.err != whole.err || pieces.samples != whole.samples ||
			isnan(pieces.value) != isnan(whole.value))
		abort();
	try_selector(data + 1, size - 1);
	return 0;
}
