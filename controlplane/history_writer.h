/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one who writes the database. Everything happens in turns: what is in the queue is taken, what is over becomes
 * chunks, what is too old goes; one transaction. history.c runs the turns on a thread; a test may run them itself.
 */
#pragma once

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history_ring.h"
#include "history_store.h"

struct history_live;

/* What history.c hands out. `live` and `id` are the writer's; the names never change. */
struct history_series {
	const char *name[3]; /* service, endpoint, metric */
	struct history_series *next; /* in its bucket of history.c */
	struct history_live *live; /* NULL: nothing is open */
	int64_t id; /* in the database of that generation; 0: not known yet */
	uint32_t generation;
};

enum history_message_kind {
	HISTORY_RECORD,
	HISTORY_MODEL,
	HISTORY_FORGET,
	HISTORY_SYNC, /* posts `synced` when all before it is on disk */
};

struct history_message {
	enum history_message_kind kind;
	size_t size; /* of all of it */
	union {
		struct history_entry entry;
		struct history_model model;
		const char *name_prefix;
		sem_t *synced;
	};
	char data[]; /* what the pointers point to */
};

struct history_limits {
	uint64_t size; /* bytes on disk */
	uint32_t keep_s[HISTORY_TIERS];
	uint32_t keep_records_s;
};

/* Between the threads: counters that one side writes and the other reads. */
struct history_shared {
	struct history_ring queue; /* from the control thread */
	struct history_ring notes; /* to it: message is a struct history_note */
	int notes_fd; /* eventfd; -1: nobody listens */
	size_t queued_bytes; /* of messages: added to by the one, taken from by the other */
	uint64_t lost, bytes_on_disk;
	uint32_t live; /* series */
	bool usable;
	bool doubted; /* history_writer_doubt() */
	uint32_t generation; /* of the database: one more each time it begins anew */
};

/* For the journal; freed by who takes it. */
struct history_note {
	bool error; /* else a notice */
	char text[];
};

struct history_writer;

/* Opens the database; one that is damaged is set aside. NULL when out of memory. All arguments are the caller's, for as
 * long as it lives. */
struct history_writer *history_writer_create(const char *file, const struct history_limits *limits,
		struct history_shared *shared);
void history_writer_free(struct history_writer *w); /* after a last turn */

/* Reads back what was unfinished when the file was last written. Once, before the first turn; may take a second. If the
 * database cannot be opened yet, the turn that opens it does it. */
void history_writer_resume(struct history_writer *w);

/* True if there is more to take. */
bool history_writer_turn(struct history_writer *w);

/* For tests: what could not be opened is tried again in the next turn. */
void history_writer_hurry(struct history_writer *w);

/* Somebody else found the database damaged. Any thread. */
void history_writer_doubt(struct history_shared *shared);
