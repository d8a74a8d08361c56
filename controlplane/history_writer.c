/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   queue ─> live series ──slot over──> chunk ┐
 *        ├─> tail: all samples of the second ─┼─> one transaction a turn
 *        └─> records, models ─────────────────┘
 *
 * The tail is what makes a kill cost nothing: it has every sample since the beginning of the slots of 2 minutes that
 * are open, and is deleted when they are chunks. At a start the unfinished slots of the coarser tiers are made again
 * from the finer ones' chunks and the tail.
 *
 * Time is that of the samples.
 */
#include "history_writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Samples may come so late that their slot is over by others' clock. */
#define GRACE_S 2
#define TIDY_S 10 /* between looks at what is too old, or too much */
/* A clock that runs away and comes back must not empty the history: so many slots go in one look. */
#define EXPIRE_SLOTS 2
#define DROP_SLOTS 20
#define RETRY_S 10 /* to open the database; twice as long after each time that it was in vain */
#define RETRY_MAX_S 640
#define ITEMS_A_TURN 65536
#define SLOT_S 120 /* of the finest tier */
/* Of the size, for the log beside the file. */
#define WAL_SHARE 16

struct history_live {
	int64_t id;
	struct history_series *handle; /* NULL: read back, and not asked for yet */
	uint32_t at; /* in `live` */
	struct history_slots slots;
};

struct history_writer {
	const char *file;
	const struct history_limits *limits;
	struct history_shared *shared;
	struct history_store *store; /* NULL: unusable */
	time_t retry_at; /* monotonic */
	uint32_t retry_s;
	bool told; /* that it is unusable */
	bool anew; /* it replaces one that was set aside */
	bool writing; /* in a transaction */
	int failed; /* -errno: nothing more is written in this turn */
	bool resumed;

	struct history_live **live;
	uint32_t live_count, live_room;
	struct history_live **by_id;
	size_t by_id_room;
	int64_t id_last; /* at the start: no damaged blob can name others */

	uint32_t second; /* of the newest sample */
	uint32_t swept, tidied, trimmed;

	uint8_t *tail;
	size_t tail_size, tail_room;
	int64_t tail_id;

	sem_t *synced[16];
	uint32_t synced_count;
};

static time_t
monotonic_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void __attribute__((format(printf, 3, 4)))
note(struct history_writer *w, bool error, const char *format, ...)
{
	struct history_item item = {0};
	struct history_note *n;
	uint64_t one = 1;
	va_list args;

	n = malloc(sizeof(*n) + 512);
	if (!n)
		return;
	n->error = error;
	va_start(args, format);
	vsnprintf(n->text, 512, format, args);
	va_end(args);
	item.message = n;
	if (!history_ring_put(&w->shared->notes, &item))
		free(n);
	else if (w->shared->notes_fd >= 0 && write(w->shared->notes_fd, &one, sizeof(one)) < 0)
		return; /* it is set already */
}

static void
lose(struct history_writer *w, uint64_t n)
{
	__atomic_fetch_add(&w->shared->lost, n, __ATOMIC_RELAXED);
}

static void
set_usable(struct history_writer *w, bool usable)
{
	__atomic_store_n(&w->shared->usable, usable, __ATOMIC_RELAXED);
}

static void
live_free(struct history_writer *w, struct history_live *l)
{
	if (l->handle)
		l->handle->live = NULL;
	if (l->id > 0 && (size_t)l->id < w->by_id_room)
		w->by_id[l->id] = NULL;
	w->live[l->at] = w->live[--w->live_count];
	w->live[l->at]->at = l->at;
	free(l);
}

static bool
by_id_reserve(struct history_writer *w, int64_t id)
{
	size_t room = w->by_id_room ? w->by_id_room : 1024;
	struct history_live **grown;

	while (room <= (size_t)id)
		room *= 2;
	if (room == w->by_id_room)
		return true;
	grown = reallocarray(w->by_id, room, sizeof(*grown));
	if (!grown)
		return false;
	memset(grown + w->by_id_room, 0, (room - w->by_id_room) * sizeof(*grown));
	w->by_id = grown;
	w->by_id_room = room;
	return true;
}

static struct history_live *
live_add_or_null(struct history_writer *w, int64_t id)
{
	struct history_live *l, **grown;

	if (w->live_count == w->live_room) {
		grown = reallocarray(w->live, w->live_room * 2 + 64, sizeof(*grown));
		if (!grown)
			return NULL;
		w->live = grown;
		w->live_room = w->live_room * 2 + 64;
	}
	l = malloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct history_live){.id = id, .at = w->live_count};
	history_slots_init(&l->slots);
	w->live[w->live_count++] = l;
	if (id > 0 && by_id_reserve(w, id))
		w->by_id[id] = l;
	return l;
}

/* Ids are of a database: a new one gives new ones (handles without a live series see it by the generation). What nobody
 * holds a handle of cannot be named any more. */
static void
forget_ids(struct history_writer *w)
{
	uint32_t i;

	for (i = w->live_count; i-- > 0;) {
		if (!w->live[i]->handle) {
			live_free(w, w->live[i]);
			continue;
		}
		w->live[i]->id = 0;
	}
	if (w->by_id)
		memset(w->by_id, 0, w->by_id_room * sizeof(*w->by_id));
}

static bool
is_damage(int error)
{
	return error == -EUCLEAN || error == -ENOSPC || error == -EIO;
}

/* Ids and readers' connections are of the old one. */
static void
leave_database(struct history_writer *w)
{
	__atomic_fetch_add(&w->shared->generation, 1, __ATOMIC_RELEASE);
	forget_ids(w);
}

/* What replaced a database because the disk was full, and could not either, is nothing to keep: what was set aside is
 * worth more. */
static void
set_aside(struct history_writer *w, int why, const char *text)
{
	int error = 0;

	if (why == -ENOSPC && w->anew)
		history_store_discard(w->file);
	else
		error = history_store_set_aside(w->file);
	if (error)
		note(w, true, "database '%s': %s; and it could not be moved: %s", w->file, text,
				strerror(-error));
	else if (why != -ENOSPC || !w->anew)
		note(w, true,
				"database '%s': %s; set aside as %s.damaged, and a new one is "
				"begun",
				w->file, text, w->file);
	w->anew = true;
	leave_database(w);
}

/* Somebody deleted it, or put another in its place, which is opened as it is. */
static void
give_up(struct history_writer *w)
{
	history_store_discard_log(w->file);
	note(w, true,
			"database '%s': deleted or replaced while it was used; what is there is "
			"opened, or a new one begun",
			w->file);
	leave_database(w);
}

static int
try_open(struct history_writer *w, char *why, size_t size)
{
	int error = history_store_open(w->file, &w->store, why, size);

	if (error)
		return error;
	set_usable(w, true);
	if (w->told)
		note(w, false, "database '%s' is written again", w->file);
	w->told = false;
	return 0;
}

static void
retry_later(struct history_writer *w)
{
	w->retry_at = monotonic_s() + w->retry_s;
	if (w->retry_s < RETRY_MAX_S)
		w->retry_s *= 2;
}

static void
open_store(struct history_writer *w)
{
	char why[256];
	int error;

	error = try_open(w, why, sizeof(why));
	if (is_damage(error)) {
		set_aside(w, error, why);
		error = try_open(w, why, sizeof(why));
	}
	if (error == 0)
		return;
	retry_later(w);
	if (!w->told)
		note(w, true,
				"database '%s': %s; nothing is kept until it can be opened, which "
				"is tried again and again",
				w->file, why);
	w->told = true;
}

static const char *
error_text(int error)
{
	return error == -EUCLEAN ? "is damaged" : strerror(-error);
}

/* The transaction is lost; whether the file is too, the error tells. */
static void
recover(struct history_writer *w)
{
	int error = w->failed;

	history_store_close(w->store);
	w->store = NULL;
	w->writing = false;
	w->failed = 0;
	set_usable(w, false);
	if (error == -ESTALE) {
		give_up(w);
	} else if (!is_damage(error)) {
		note(w, true, "database '%s': %s", w->file, error_text(error));
		w->told = true;
	} else if (error == -ENOSPC && w->anew) {
		set_aside(w, error, error_text(error));
		retry_later(w);
		return;
	} else {
		set_aside(w, error, error_text(error));
	}
	open_store(w);
}

/* Counts what could not be written. The first error ends writing for this turn; recover() comes at its end. */
static bool
wrote(struct history_writer *w, int error, uint64_t n)
{
	if (error == 0)
		return true;
	lose(w, n);
	if (!w->failed)
		w->failed = error;
	return false;
}

/* True if there is a database in a transaction. */
static bool
writable(struct history_writer *w)
{
	if (!w->store || w->failed)
		return false;
	if (!w->writing)
		w->writing = wrote(w, history_store_begin(w->store), 0);
	return w->writing;
}

static int64_t
id_of(struct history_writer *w, struct history_live *l)
{
	int64_t id = 0;

	if (l->id || !l->handle || !writable(w))
		return l->id;
	if (!wrote(w, history_store_series(w->store, l->handle->name, &id), 0))
		return 0;
	if (!by_id_reserve(w, id))
		return 0;
	l->id = l->handle->id = id;
	l->handle->generation = w->shared->generation;
	w->by_id[id] = l;
	return id;
}

struct emission {
	struct history_writer *w;
	struct history_live *l;
};

static void
emit(void *arg, enum history_tier tier, uint32_t slot, const uint8_t *blob, size_t size)
{
	struct emission *e = arg;
	struct history_writer *w = e->w;
	struct history_chunk c = {tier, slot, 0, blob, size};

	if (w->limits->keep_s[tier] == 0)
		return;
	c.series = id_of(w, e->l);
	if (!c.series || !writable(w)) {
		lose(w, 1);
		return;
	}
	if (!wrote(w, history_store_chunk(w->store, &c), 1))
		return;
	if (tier == HISTORY_1M)
		wrote(w, history_store_seen(w->store, c.series, w->second), 0);
}

static void
tail_write(struct history_writer *w)
{
	if (w->tail_size && writable(w))
		wrote(w, history_store_tail(w->store, w->second, w->tail, w->tail_size), 1);
	w->tail_size = 0;
	w->tail_id = 0;
}

static void
tail_add(struct history_writer *w, int64_t id, double value)
{
	uint8_t *grown;

	if (w->tail_size + 2 * HISTORY_VARINT_MAX > w->tail_room) {
		grown = realloc(w->tail, w->tail_room * 2 + 4096);
		if (!grown)
			return;
		w->tail = grown;
		w->tail_room = w->tail_room * 2 + 4096;
	}
	w->tail_size += history_varint_put(id - w->tail_id, w->tail + w->tail_size);
	w->tail_size += history_varint_put(history_quantise(value), w->tail + w->tail_size);
	w->tail_id = id;
}

/* The series of a handle, with what was read back of it. */
static struct history_live *
live_of_or_null(struct history_writer *w, struct history_series *s)
{
	uint32_t generation = w->shared->generation;
	int64_t id;

	if (s->live)
		return s->live;
	id = s->generation == generation ? s->id : 0;
	if (id == 0 && writable(w))
		wrote(w, history_store_series(w->store, s->name, &id), 0);
	s->id = id;
	s->generation = generation;
	if (id > 0 && (size_t)id < w->by_id_room)
		s->live = w->by_id[id];
	if (!s->live)
		s->live = live_add_or_null(w, s->id);
	if (s->live)
		s->live->handle = s;
	return s->live;
}

static void
take_sample(struct history_writer *w, const struct history_item *item)
{
	uint32_t second = (uint32_t)((item->wall_ms + 500) / 1000);
	struct history_live *l = live_of_or_null(w, item->series);
	struct emission e = {w, l};
	int64_t id;

	if (!l || item->value != item->value)
		return;
	if (second != w->second)
		tail_write(w);
	w->second = second;
	history_slots_add(&l->slots, second, item->value, emit, &e);
	id = id_of(w, l);
	if (id)
		tail_add(w, id, item->value);
}

static int
write_message(struct history_writer *w, const struct history_message *m)
{
	switch (m->kind) {
	case HISTORY_RECORD:
		return history_store_record(w->store, &m->entry);
	case HISTORY_MODEL:
		return history_store_model(w->store, &m->model);
	case HISTORY_FORGET:
		return history_store_model_forget(w->store, m->name_prefix);
	case HISTORY_SYNC:
		return 0;
	}
	return 0;
}

static void
take_message(struct history_writer *w, struct history_message *m)
{
	if (m->kind == HISTORY_SYNC && w->synced_count < 16)
		w->synced[w->synced_count++] = m->synced;
	else if (writable(w))
		wrote(w, write_message(w, m), 1);
	else
		lose(w, 1);
	__atomic_fetch_sub(&w->shared->queued_bytes, m->size, __ATOMIC_RELAXED);
	free(m);
}

/* What is over by now, of series that get no samples any more too. */
static void
sweep(struct history_writer *w)
{
	uint32_t over = w->second - GRACE_S, i;
	struct emission e = {.w = w};

	if (w->second == w->swept || w->second < GRACE_S)
		return;
	w->swept = w->second;
	for (i = w->live_count; i-- > 0;) {
		e.l = w->live[i];
		history_slots_close(&e.l->slots, over, emit, &e);
		if (history_slots_empty(&e.l->slots))
			live_free(w, e.l);
	}
	if (over / SLOT_S == w->trimmed || !writable(w))
		return;
	w->trimmed = over / SLOT_S;
	wrote(w, history_store_tail_trim(w->store, w->trimmed * SLOT_S), 0);
}

static int
expire(struct history_writer *w)
{
	const struct history_limits *l = w->limits;
	enum history_tier tier;
	bool deleted;
	int i, error = 0;

	for (tier = 0; tier < HISTORY_TIERS; tier++) {
		deleted = l->keep_s[tier] < w->second;
		for (i = 0; i < EXPIRE_SLOTS && deleted && error == 0; i++)
			error = history_store_expire(
					w->store, tier, w->second - l->keep_s[tier], &deleted);
	}
	if (l->keep_records_s >= w->second)
		return error;
	if (error == 0)
		error = history_store_expire_records(
				w->store, (w->second - l->keep_records_s) * 1000ull);
	if (error == 0)
		error = history_store_expire_models(
				w->store, (w->second - l->keep_records_s) * 1000ull);
	return error;
}

static int
shrink(struct history_writer *w)
{
	uint64_t room = w->limits->size - w->limits->size / WAL_SHARE, used = 0;
	int i, error = history_store_used(w->store, &used);

	for (i = 0; i < DROP_SLOTS && error == 0 && used > room; i++) {
		error = history_store_drop_oldest(w->store);
		if (error == 0)
			error = history_store_used(w->store, &used);
	}
	return error;
}

static void
tidy(struct history_writer *w)
{
	if (w->second / TIDY_S == w->tidied || !writable(w))
		return;
	w->tidied = w->second / TIDY_S;
	if (wrote(w, history_store_check_place(w->store), 0) && wrote(w, expire(w), 0))
		wrote(w, shrink(w), 0);
}

static void
commit(struct history_writer *w)
{
	uint32_t i;

	if (w->store && w->writing && !w->failed) {
		w->writing = false;
		wrote(w, history_store_commit(w->store), 1);
	}
	if (w->failed)
		recover(w);
	for (i = 0; i < w->synced_count; i++)
		sem_post(w->synced[i]);
	w->synced_count = 0;
	__atomic_store_n(&w->shared->live, w->live_count, __ATOMIC_RELAXED);
	__atomic_store_n(&w->shared->bytes_on_disk, w->store ? history_store_on_disk(w->store) : 0,
			__ATOMIC_RELAXED);
}

/* Who reads has found damage that writing did not meet. */
static void
check_doubt(struct history_writer *w)
{
	if (__atomic_exchange_n(&w->shared->doubted, false, __ATOMIC_ACQUIRE) && w->store)
		w->failed = -EUCLEAN;
}

void
history_writer_hurry(struct history_writer *w)
{
	w->retry_at = 0;
}

void
history_writer_doubt(struct history_shared *shared)
{
	__atomic_store_n(&shared->doubted, true, __ATOMIC_RELEASE);
}

static struct history_live *
live_by_id_or_null(struct history_writer *w, int64_t id)
{
	if (id <= 0 || id > w->id_last)
		return NULL;
	if ((size_t)id < w->by_id_room && w->by_id[id])
		return w->by_id[id];
	return live_add_or_null(w, id);
}

static int
resume_first(void *arg, uint32_t second, const uint8_t *blob, size_t size)
{
	*(uint32_t *)arg = second;
	return -ECANCELED; /* one is enough */
}

static int
resume_steps(void *arg, const struct history_chunk *c)
{
	struct history_live *l = live_by_id_or_null(arg, c->series);
	uint32_t i, begin = c->slot * history_shape[HISTORY_10S].slot_s;
	struct history_step step[HISTORY_STEP_PLACES];

	if (!l || history_steps_decode(c->blob, c->size, step, HISTORY_STEP_PLACES) < 0)
		return 0;
	for (i = 0; i < HISTORY_STEP_PLACES; i++)
		history_slots_add_step(&l->slots, begin + 10 * i, &step[i]);
	return 0;
}

static int
resume_samples(void *arg, const struct history_chunk *c)
{
	struct history_live *l = live_by_id_or_null(arg, c->series);
	int32_t q[HISTORY_PLACES_MAX];
	uint32_t i;

	if (!l || history_samples_decode(c->blob, c->size, q, HISTORY_PLACES_MAX) < 0)
		return 0;
	for (i = 0; i < HISTORY_PLACES_MAX; i++)
		history_slots_add(&l->slots, c->slot * SLOT_S + i, history_dequantise(q[i]), NULL,
				NULL);
	return 0;
}

static int
resume_tail(void *arg, uint32_t second, const uint8_t *blob, size_t size)
{
	struct history_writer *w = arg;
	struct emission e = {.w = w};
	int64_t id = 0, gap, q;
	size_t n;

	for (; size; blob += n, size -= n) {
		n = history_varint_get(blob, size, &gap);
		blob += n;
		size -= n;
		n = n ? history_varint_get(blob, size, &q) : 0;
		if (n == 0)
			return 0; /* damaged: the rest is lost */
		id += gap;
		e.l = live_by_id_or_null(w, id);
		if (e.l)
			history_slots_add(&e.l->slots, second, history_dequantise((int32_t)q), emit,
					&e);
	}
	return 0;
}

static int
resume_from(struct history_writer *w, uint32_t first)
{
	uint32_t hour = first / 3600 * 3600, ten = first / 600 * 600;
	int error;

	error = history_store_each_chunk(
			w->store, HISTORY_10S, hour / 600, ten / 600, resume_steps, w);
	if (error == 0)
		error = history_store_each_chunk(w->store, HISTORY_1S, ten / SLOT_S, first / SLOT_S,
				resume_samples, w);
	return error ? error : history_store_each_tail(w->store, resume_tail, w);
}

void
history_writer_resume(struct history_writer *w)
{
	uint32_t first = 0;
	int error;

	if (w->resumed || !writable(w))
		return;
	w->resumed = true;
	error = history_store_forget_series(w->store);
	if (error == 0)
		error = history_store_last_series(w->store, &w->id_last);
	if (error == 0)
		error = history_store_each_tail(w->store, resume_first, &first);
	if (error == -ECANCELED)
		error = resume_from(w, first);
	wrote(w, error, 0);
	commit(w);
}

/* Of a series that has samples since the start: the id that the database has for it, and what was read back. */
static void
adopt(struct history_writer *w, struct history_live *l)
{
	struct emission e = {w, l};
	struct history_live *old;
	int64_t id = 0;

	if (!writable(w) || !wrote(w, history_store_series(w->store, l->handle->name, &id), 0))
		return;
	old = (size_t)id < w->by_id_room ? w->by_id[id] : NULL;
	if (!by_id_reserve(w, id))
		return;
	l->id = l->handle->id = id;
	l->handle->generation = w->shared->generation;
	if (old) {
		history_slots_merge(&l->slots, &old->slots, emit, &e);
		live_free(w, old);
	}
	w->by_id[id] = l;
}

/* The database could not be opened at the start: what it ended with and what was measured since become one. */
static void
resume_late(struct history_writer *w)
{
	uint32_t i, count = w->live_count;
	struct history_live **own = calloc(count + 1, sizeof(*own));

	if (!own)
		return; /* the next turn tries again */
	if (count > 0)
		memcpy(own, w->live, count * sizeof(*own));
	history_writer_resume(w);
	for (i = 0; i < count; i++) {
		if (own[i]->handle && own[i]->id == 0)
			adopt(w, own[i]);
	}
	free(own);
}

bool
history_writer_turn(struct history_writer *w)
{
	struct history_item item;
	uint32_t n;

	check_doubt(w);
	if (!w->store && monotonic_s() >= w->retry_at)
		open_store(w);
	if (w->store && !w->resumed)
		resume_late(w);
	for (n = 0; n < ITEMS_A_TURN && history_ring_take(&w->shared->queue, &item); n++) {
		if (item.series)
			take_sample(w, &item);
		else
			take_message(w, item.message);
	}
	tail_write(w);
	sweep(w);
	tidy(w);
	commit(w);
	return n == ITEMS_A_TURN;
}

struct history_writer *
history_writer_create(const char *file, const struct history_limits *limits,
		struct history_shared *shared)
{
	struct history_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->file = file;
	w->limits = limits;
	w->shared = shared;
	w->retry_s = RETRY_S;
	open_store(w);
	return w;
}

void
history_writer_free(struct history_writer *w)
{
	if (!w)
		return;
	while (history_writer_turn(w))
		;
	while (w->live_count)
		live_free(w, w->live[0]);
	history_store_close(w->store);
	free(w->live);
	free(w->by_id);
	free(w->tail);
	free(w);
}
