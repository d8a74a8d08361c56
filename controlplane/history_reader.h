/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who answers questions: a thread with a connection of its own. Questions go to it by one ring and come back by
 * another, so that neither side waits for the other.
 */
#pragma once

#include "history.h"
#include "history_read.h"
#include "history_writer.h"
#include "loop.h"

enum history_question {
	HISTORY_ASK_POINTS,
	HISTORY_ASK_TEXT,
	HISTORY_ASK_LIST,
	HISTORY_ASK_RECORDS,
	HISTORY_ASK_RECORDS_AFTER,
	HISTORY_ASK_MODELS,
	HISTORY_ASK_MODEL,
};

/* One question, and its answer. Owned by who asks, but for the time that it is with the reader. */
struct history_ticket {
	enum history_question what;
	char *name[3]; /* as the question has them: service, endpoint, metric; kind, service, endpoint; model */
	struct history_query query;
	uint64_t since_ms, after;
	uint32_t max;
	bool cancelled; /* set by who asked */

	int error;
	struct history_read_result points;
	char *text;
	json_t *rows;
	uint32_t version;
	void *state;
	size_t size;

	void (*on_points)(void *arg, int error, const struct history_answer *series, size_t count);
	void (*on_text)(void *arg, int error, char *text);
	history_json_fn on_rows;
	void (*on_model)(void *arg, int error, uint32_t version, const void *state, size_t size);
	void *arg;
};

struct history_reader;

/* `file` and `shared` are the caller's. NULL when out of memory or threads. */
struct history_reader *history_reader_create(
		const char *file, struct history_shared *shared, struct loop *loop);
void history_reader_free(struct history_reader *r); /* calls nobody back; NULL is fine */

/* A copy of the question with copies of the names. NULL without room. */
struct history_ticket *history_reader_ask_or_null(struct history_reader *r,
		const struct history_ticket *question, const char *const name[3]);
