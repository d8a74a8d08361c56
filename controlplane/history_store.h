/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database, as the thread that writes it sees it. Statements are prepared once; what is written between begin and
 * commit is on disk together or not at all. In WAL mode with synchronous=NORMAL: a commit survives the end of the
 * process, and the file is whole after a loss of power, which may cost the last seconds.
 *
 * Functions return 0 or -errno: -EUCLEAN: not a database of ours, or a damaged one; -ENOSPC: the disk is full; -EBUSY:
 * another gateway uses it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history_slots.h"

#define HISTORY_SCHEMA 1 /* user_version of the database */

struct history_store;

/* Makes file and folder if there are none; waits for nobody. `error` says why not. */
int history_store_open(const char *file, struct history_store **out, char *error, size_t size);
void history_store_close(struct history_store *s); /* NULL is fine */

/* Renames the file, and what belongs to it, to FILE.damaged; one that is there already is replaced. */
int history_store_set_aside(const char *file);

void history_store_discard(const char *file); /* deletes it */

/* Deletes the log of a database that is gone: it must not be taken for that of what stands in its place. */
void history_store_discard_log(const char *file);

/* -ESTALE if the file of that name is not the one that is open: deleted, or replaced. */
int history_store_check_place(struct history_store *s);

int history_store_begin(struct history_store *s);
int history_store_commit(struct history_store *s);

/* The id of a series, 1 or more, which is made if it is new. */
int history_store_series(struct history_store *s, const char *const name[3], int64_t *id);
/* Forgets series of which nothing is kept any more: `history_store_seen` is told of each chunk of the last tier. */
int history_store_seen(struct history_store *s, int64_t id, uint32_t second);
int history_store_forget_series(struct history_store *s);
/* The greatest id; 0 if there is none. */
int history_store_last_series(struct history_store *s, int64_t *id);

/* All series' samples of one second, as history_tail.h packs them, until they are in chunks. */
int history_store_tail(struct history_store *s, uint32_t second, const void *blob, size_t size);
int history_store_tail_trim(struct history_store *s, uint32_t before_second);

struct history_chunk {
	enum history_tier tier;
	uint32_t slot;
	int64_t series;
	const void *blob;
	size_t size;
};
int history_store_chunk(struct history_store *s, const struct history_chunk *c);

struct history_entry {
	const char *kind, *service, *endpoint, *text;
	uint64_t wall_ms;
};
int history_store_record(struct history_store *s, const struct history_entry *e);

struct history_model {
	const char *name;
	uint32_t version;
	uint64_t wall_ms;
	const void *state;
	size_t size;
};
int history_store_model(struct history_store *s, const struct history_model *m);
int history_store_model_forget(struct history_store *s, const char *name_prefix);

/* Deletes the oldest slot of a tier if it ended before that; *deleted tells. And the oldest records. */
int history_store_expire(struct history_store *s, enum history_tier tier, uint32_t before_second,
		bool *deleted);
int history_store_expire_records(struct history_store *s, uint64_t before_ms);
/* And models that nobody has saved since. */
int history_store_expire_models(struct history_store *s, uint64_t before_ms);
/* Deletes the oldest slot of all. */
int history_store_drop_oldest(struct history_store *s);

/* Bytes in use: the pages of the file that hold something. And all of the file with its log. */
int history_store_used(struct history_store *s, uint64_t *bytes);
uint64_t history_store_on_disk(const struct history_store *s);

/* What a new start needs: all tails, oldest first, and chunks of a tier by slot, from `first` on up to `end`. fn's
 * error ends it. */
int history_store_each_tail(struct history_store *s,
		int (*fn)(void *arg, uint32_t second, const uint8_t *blob, size_t size), void *arg);
int history_store_each_chunk(struct history_store *s, enum history_tier tier, uint32_t first,
		uint32_t end, int (*fn)(void *arg, const struct history_chunk *c), void *arg);

/* Of a result of SQLite; for those who read on a connection of their own. */
struct sqlite3;
int history_store_error(struct sqlite3 *db, int rc);
