/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text exposition format of Prometheus (version 0.0.4), read piece by piece as it comes from the network. Memory is
 * bounded: one line is kept, and no more bytes are read than were allowed. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRAPE_LINE_MAX 65536
#define SCRAPE_LABELS_MAX 64

struct scrape_label {
	const char *name, *value; /* value without quotes and escapes */
};

struct scrape_sample {
	const char *name;
	struct scrape_label label[SCRAPE_LABELS_MAX];
	size_t label_count;
	double value; /* may be NAN or infinite */
};

/* Who reads: `wants` is asked for each sample's line, by what it begins with (not terminated): a line that nobody wants
 * is skipped without being looked into. `sample` is valid during the call alone. */
struct scrape_reader {
	bool (*wants)(void *arg, const char *line, size_t len);
	void (*sample)(void *arg, const struct scrape_sample *sample);
	void *arg;
};

struct scrape_text {
	struct scrape_reader reader;
	size_t bytes_max;
	size_t bytes, lines; /* read so far */
	char *line; /* the line that is not whole yet, then the one that is taken apart */
	size_t len, room;
	const char *fault; /* what is wrong with line `lines`; static; NULL: nothing */
};

void scrape_text_init(struct scrape_text *t, const struct scrape_reader *reader, size_t bytes_max);
void scrape_text_fini(struct scrape_text *t);

/* Begins a new page, keeping the memory. */
void scrape_text_begin(struct scrape_text *t);

/* 0, -E2BIG beyond bytes_max, -EBADMSG if it is not the format (see `fault`), -ENOMEM. Nothing is read after an error. */
int scrape_text_feed(struct scrape_text *t, const char *data, size_t len);

/* The page is over: a last line without its end is -EBADMSG, for it may have been cut. */
int scrape_text_end(struct scrape_text *t);
