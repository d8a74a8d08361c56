/* SPDX-License-Identifier: Apache-2.0 */
#include "history_store.h"

#include "parent_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x55534854 /* "USHT" */
#define PAGE_SIZE 4096
#define BUSY_MS 2000 /* a person's sqlite3 may look into it */
#define WAL_KEPT (16 << 20) /* bytes; what a burst made longer is cut */

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	SERIES_FIND,
	SERIES_ADD,
	SERIES_SEEN,
	SERIES_FORGET,
	SERIES_LAST,
	TAIL_ADD,
	TAIL_TRIM,
	CHUNK_PUT,
	RECORD_ADD,
	RECORD_EXPIRE,
	MODEL_PUT,
	MODEL_FORGET,
	MODEL_EXPIRE,
	SLOT_OLDEST,
	SLOT_DELETE,
	PAGES,
	PAGES_FREE,
	TAIL_EACH,
	CHUNK_EACH,
	STATEMENTS
};

static const char *const statement_text[STATEMENTS] = {
		[BEGIN] = "BEGIN IMMEDIATE",
		[COMMIT] = "COMMIT",
		[ROLLBACK] = "ROLLBACK",
		[SERIES_FIND] = "SELECT id FROM series WHERE service=?1 AND endpoint=?2 AND "
				"metric=?3",
		[SERIES_ADD] = "INSERT INTO series(service, endpoint, metric, seen) "
			       "VALUES(?1, ?2, ?3, unixepoch())",
		[SERIES_SEEN] = "UPDATE series SET seen=?2 WHERE id=?1",
		[SERIES_FORGET] =
				"DELETE FROM series WHERE seen<(SELECT min(slot) FROM chunk WHERE "
				"tier=2)*3600",
		[SERIES_LAST] = "SELECT max(id) FROM series",
		[TAIL_ADD] = "INSERT INTO tail(second, samples) VALUES(?1, ?2)",
		[TAIL_TRIM] = "DELETE FROM tail WHERE second<?1",
		[CHUNK_PUT] = "INSERT OR REPLACE INTO chunk(tier, slot, series, samples) "
			      "VALUES(?1, ?2, ?3, ?4)",
		[RECORD_ADD] = "INSERT INTO record(time, kind, service, endpoint, record) "
			       "VALUES(?1, ?2, ?3, ?4, ?5)",
		[RECORD_EXPIRE] = "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE "
				  "time<?1 ORDER BY time LIMIT 1000)",
		[MODEL_PUT] = "INSERT OR REPLACE INTO model(name, version, time, state) "
			      "VALUES(?1, ?2, ?3, ?4)",
		[MODEL_FORGET] = "DELETE FROM model WHERE substr(name, 1, length(?1))=?1",
		[MODEL_EXPIRE] = "DELETE FROM model WHERE id IN (SELECT id FROM model WHERE "
				 "time<?1 ORDER BY time LIMIT 100)",
		[SLOT_OLDEST] = "SELECT min(slot) FROM chunk WHERE tier=?1",
		[SLOT_DELETE] = "DELETE FROM chunk WHERE tier=?1 AND slot=?2",
		[PAGES] = "PRAGMA page_count",
		[PAGES_FREE] = "PRAGMA freelist_count",
		[TAIL_EACH] = "SELECT second, samples FROM tail ORDER BY second, id",
		[CHUNK_EACH] = "SELECT slot, series, samples FROM chunk WHERE tier=?1 AND "
			       "slot>=?2 AND slot<?3 ORDER BY slot",
};

/* The key puts the chunks of one slot, written together, side by side, and the oldest ones to be deleted too. */
static const char schema[] =
		"CREATE TABLE series(id INTEGER PRIMARY KEY, service TEXT NOT NULL, endpoint TEXT "
		"NOT NULL, metric TEXT NOT NULL, seen INTEGER NOT NULL, "
		"UNIQUE(service, endpoint, metric));"
		"CREATE TABLE chunk(tier INTEGER NOT NULL, slot INTEGER NOT NULL, series INTEGER "
		"NOT NULL, samples BLOB NOT NULL, PRIMARY KEY(tier, slot, series)) WITHOUT ROWID;"
		"CREATE TABLE tail(id INTEGER PRIMARY KEY, second INTEGER NOT NULL, samples BLOB "
		"NOT NULL);"
		"CREATE TABLE record(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT "
		"NULL, service TEXT NOT NULL, endpoint TEXT NOT NULL, record TEXT NOT NULL);"
		"CREATE INDEX record_time ON record(time);"
		"CREATE TABLE model(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version "
		"INTEGER NOT NULL, time INTEGER NOT NULL, state BLOB NOT NULL);";

struct history_store {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	char *file;
	int lock_fd;
};

int
history_store_error(struct sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: /* "no such table": somebody else's database */
		return -EUCLEAN;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_IOERR:
		/* A database that was cut off reads short. */
		if (rc == SQLITE_IOERR_SHORT_READ)
			return -EUCLEAN;
		return db && sqlite3_system_errno(db) ? -sqlite3_system_errno(db) : -EIO;
	default:
		return db && sqlite3_system_errno(db) ? -sqlite3_system_errno(db) : -EIO;
	}
}

/* Runs a statement that has its parameters and returns no rows. */
static int
run(struct history_store *s, enum statement which)
{
	sqlite3_stmt *st = s->statement[which];
	int rc = sqlite3_step(st), error = history_store_error(s->db, rc);

	sqlite3_reset(st);
	return error;
}

/* The first column of the first row; `none` if there is no row, or NULL in it. */
static int
number(struct history_store *s, enum statement which, int64_t none, int64_t *out)
{
	sqlite3_stmt *st = s->statement[which];
	int rc = sqlite3_step(st), error = history_store_error(s->db, rc);

	if (error == 0)
		*out = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL
				? sqlite3_column_int64(st, 0)
				: none;
	sqlite3_reset(st);
	return error;
}

static int
execute(struct history_store *s, const char *text)
{
	return history_store_error(s->db, sqlite3_exec(s->db, text, NULL, NULL, NULL));
}

static int
pragma(struct history_store *s, const char *text, int64_t *out)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(s->db, text, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		*out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
		sqlite3_finalize(st);
	}
	return history_store_error(s->db, rc);
}

static int
prepare(struct history_store *s)
{
	int i, rc = SQLITE_OK;

	for (i = 0; i < STATEMENTS && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v3(s->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
				&s->statement[i], NULL);
	return history_store_error(s->db, rc);
}

/* SQLite only finds that the end is missing when it comes there. While somebody reads, a part of it may still be in the
 * log: then nothing can be said. */
static int
check_length(struct history_store *s)
{
	int64_t busy = 0, pages = 0;
	struct stat st;
	int error;

	error = pragma(s, "PRAGMA wal_checkpoint(TRUNCATE)", &busy);
	if (error || busy)
		return error;
	error = pragma(s, "PRAGMA page_count", &pages);
	if (error == 0 && stat(s->file, &st) == 0 && st.st_size < pages * PAGE_SIZE)
		error = -EUCLEAN;
	return error;
}

static int
create_schema(struct history_store *s)
{
	char text[128];
	int error = execute(s, "BEGIN IMMEDIATE");

	snprintf(text, sizeof(text), "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
			APPLICATION_ID, HISTORY_SCHEMA);
	if (error == 0)
		error = execute(s, schema);
	return error ? error : execute(s, text);
}

static int
check_schema(struct history_store *s, char *why, size_t size)
{
	int64_t tables = 0, id = 0, version = 0;
	int error = pragma(s, "SELECT count(*) FROM sqlite_schema", &tables);

	if (error == 0)
		error = pragma(s, "PRAGMA application_id", &id);
	if (error == 0)
		error = pragma(s, "PRAGMA user_version", &version);
	if (error)
		return error;
	if (tables == 0)
		return create_schema(s);
	if (id == APPLICATION_ID && version == HISTORY_SCHEMA)
		return check_length(s);
	if (id == APPLICATION_ID)
		snprintf(why, size, "has layout %lld, and this is for %d", (long long)version,
				HISTORY_SCHEMA);
	else
		snprintf(why, size, "is a database of something else");
	return -EUCLEAN;
}

/* One gateway to a file. Not the database itself: closing any descriptor of that would end SQLite's locks. */
static int
lock(struct history_store *s)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.lock", s->file);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0)
		return -errno;
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return 0;
}

static int
connect_file(struct history_store *s)
{
	int rc = sqlite3_open_v2(s->file, &s->db,
			SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	char text[256];

	if (rc != SQLITE_OK)
		return history_store_error(s->db, rc);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	snprintf(text, sizeof(text),
			"PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL; "
			"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
			"PRAGMA journal_size_limit=%d; PRAGMA cell_size_check=ON",
			PAGE_SIZE, WAL_KEPT);
	return execute(s, text);
}

int
history_store_open(const char *file, struct history_store **out, char *error, size_t size)
{
	struct history_store *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	error[0] = '\0';
	if (!s)
		goto fail;
	s->lock_fd = -1;
	s->file = strdup(file);
	if (!s->file)
		goto fail;
	rc = parent_folder_make(file);
	if (rc == 0)
		rc = lock(s);
	if (rc == 0)
		rc = connect_file(s);
	if (rc == 0)
		rc = check_schema(s, error, size);
	if (rc == 0)
		rc = prepare(s);
	if (rc)
		goto fail;
	*out = s;
	return 0;
fail:
	if (!error[0] && rc == -EBUSY)
		snprintf(error, size, "another process uses it");
	else if (!error[0])
		snprintf(error, size, "%s",
				s && s->db && rc == -EUCLEAN ? sqlite3_errmsg(s->db)
							     : strerror(-rc));
	history_store_close(s);
	return rc;
}

void
history_store_close(struct history_store *s)
{
	int i;

	if (!s)
		return;
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->statement[i]);
	sqlite3_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->file);
	free(s);
}

int
history_store_set_aside(const char *file)
{
	static const char *const end[] = {"-wal", ""};
	char from[PATH_MAX], to[PATH_MAX];
	int error = 0;
	size_t i;

	for (i = 0; i < sizeof(end) / sizeof(end[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", file, end[i]);
		snprintf(to, sizeof(to), "%s.damaged%s", file, end[i]);
		unlink(to);
		if (rename(from, to) < 0 && errno != ENOENT)
			error = -errno;
	}
	snprintf(from, sizeof(from), "%s-shm", file);
	unlink(from);
	return error;
}

void
history_store_discard_log(const char *file)
{
	static const char *const end[] = {"-wal", "-shm"};
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(end) / sizeof(end[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", file, end[i]);
		unlink(path);
	}
}

void
history_store_discard(const char *file)
{
	unlink(file);
	history_store_discard_log(file);
}

int
history_store_check_place(struct history_store *s)
{
	int moved = 0;

	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved ? -ESTALE : 0;
}

int
history_store_begin(struct history_store *s)
{
	return run(s, BEGIN);
}

int
history_store_commit(struct history_store *s)
{
	int error = run(s, COMMIT);

	if (error)
		run(s, ROLLBACK);
	return error;
}

static void
bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

static void
bind_names(sqlite3_stmt *st, const char *const name[3])
{
	int i;

	for (i = 0; i < 3; i++)
		bind_text(st, i + 1, name[i]);
}

int
history_store_series(struct history_store *s, const char *const name[3], int64_t *id)
{
	int64_t found = 0;
	int error;

	bind_names(s->statement[SERIES_FIND], name);
	error = number(s, SERIES_FIND, 0, &found);
	if (error == 0 && found == 0) {
		bind_names(s->statement[SERIES_ADD], name);
		error = run(s, SERIES_ADD);
		found = sqlite3_last_insert_rowid(s->db);
	}
	if (error == 0)
		*id = found;
	return error;
}

int
history_store_seen(struct history_store *s, int64_t id, uint32_t second)
{
	sqlite3_bind_int64(s->statement[SERIES_SEEN], 1, id);
	sqlite3_bind_int64(s->statement[SERIES_SEEN], 2, second);
	return run(s, SERIES_SEEN);
}

int
history_store_forget_series(struct history_store *s)
{
	return run(s, SERIES_FORGET);
}

int
history_store_last_series(struct history_store *s, int64_t *id)
{
	return number(s, SERIES_LAST, 0, id);
}

int
history_store_tail(struct history_store *s, uint32_t second, const void *blob, size_t size)
{
	sqlite3_stmt *st = s->statement[TAIL_ADD];

	sqlite3_bind_int64(st, 1, second);
	sqlite3_bind_blob(st, 2, blob, (int)size, SQLITE_STATIC);
	return run(s, TAIL_ADD);
}

int
history_store_tail_trim(struct history_store *s, uint32_t before_second)
{
	sqlite3_bind_int64(s->statement[TAIL_TRIM], 1, before_second);
	return run(s, TAIL_TRIM);
}

int
history_store_chunk(struct history_store *s, const struct history_chunk *c)
{
	sqlite3_stmt *st = s->statement[CHUNK_PUT];

	sqlite3_bind_int(st, 1, (int)c->tier);
	sqlite3_bind_int64(st, 2, c->slot);
	sqlite3_bind_int64(st, 3, c->series);
	sqlite3_bind_blob(st, 4, c->blob, (int)c->size, SQLITE_STATIC);
	return run(s, CHUNK_PUT);
}

int
history_store_record(struct history_store *s, const struct history_entry *e)
{
	sqlite3_stmt *st = s->statement[RECORD_ADD];

	sqlite3_bind_int64(st, 1, (int64_t)e->wall_ms);
	bind_text(st, 2, e->kind);
	bind_text(st, 3, e->service);
	bind_text(st, 4, e->endpoint);
	bind_text(st, 5, e->text);
	return run(s, RECORD_ADD);
}

int
history_store_expire_records(struct history_store *s, uint64_t before_ms)
{
	sqlite3_bind_int64(s->statement[RECORD_EXPIRE], 1, (int64_t)before_ms);
	return run(s, RECORD_EXPIRE);
}

int
history_store_model(struct history_store *s, const struct history_model *m)
{
	sqlite3_stmt *st = s->statement[MODEL_PUT];

	bind_text(st, 1, m->name);
	sqlite3_bind_int64(st, 2, m->version);
	sqlite3_bind_int64(st, 3, (int64_t)m->wall_ms);
	sqlite3_bind_blob(st, 4, m->state, (int)m->size, SQLITE_STATIC);
	return run(s, MODEL_PUT);
}

int
history_store_model_forget(struct history_store *s, const char *name_prefix)
{
	bind_text(s->statement[MODEL_FORGET], 1, name_prefix);
	return run(s, MODEL_FORGET);
}

int
history_store_expire_models(struct history_store *s, uint64_t before_ms)
{
	sqlite3_bind_int64(s->statement[MODEL_EXPIRE], 1, (int64_t)before_ms);
	return run(s, MODEL_EXPIRE);
}

/* -1: the tier is empty. */
static int
oldest_slot(struct history_store *s, enum history_tier tier, int64_t *slot)
{
	sqlite3_bind_int(s->statement[SLOT_OLDEST], 1, (int)tier);
	return number(s, SLOT_OLDEST, -1, slot);
}

static int
delete_slot(struct history_store *s, enum history_tier tier, int64_t slot)
{
	sqlite3_bind_int(s->statement[SLOT_DELETE], 1, (int)tier);
	sqlite3_bind_int64(s->statement[SLOT_DELETE], 2, slot);
	return run(s, SLOT_DELETE);
}

int
history_store_expire(struct history_store *s, enum history_tier tier, uint32_t before_second,
		bool *deleted)
{
	int64_t slot = -1;
	int error = oldest_slot(s, tier, &slot);

	*deleted = false;
	if (error || slot < 0 || (slot + 1) * history_shape[tier].slot_s > before_second)
		return error;
	*deleted = true;
	return delete_slot(s, tier, slot);
}

int
history_store_drop_oldest(struct history_store *s)
{
	enum history_tier tier, oldest = HISTORY_TIERS;
	int64_t slot[HISTORY_TIERS], end, first_end = INT64_MAX;
	int error = 0;

	for (tier = 0; tier < HISTORY_TIERS && error == 0; tier++) {
		error = oldest_slot(s, tier, &slot[tier]);
		end = (slot[tier] + 1) * history_shape[tier].slot_s;
		if (error || slot[tier] < 0 || end >= first_end)
			continue;
		first_end = end;
		oldest = tier;
	}
	if (error || oldest == HISTORY_TIERS)
		return error;
	error = history_store_expire_records(s, (uint64_t)first_end * 1000);
	if (error == 0)
		error = history_store_expire_models(s, (uint64_t)first_end * 1000);
	return error ? error : delete_slot(s, oldest, slot[oldest]);
}

int
history_store_used(struct history_store *s, uint64_t *bytes)
{
	int64_t pages = 0, unused = 0;
	int error = number(s, PAGES, 0, &pages);

	if (error == 0)
		error = number(s, PAGES_FREE, 0, &unused);
	if (error == 0)
		*bytes = (uint64_t)(pages - unused) * PAGE_SIZE;
	return error;
}

uint64_t
history_store_on_disk(const struct history_store *s)
{
	static const char *const end[] = {"", "-wal", "-shm"};
	char path[PATH_MAX];
	uint64_t bytes = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(end) / sizeof(end[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", s->file, end[i]);
		if (stat(path, &st) == 0)
			bytes += (uint64_t)st.st_size;
	}
	return bytes;
}

int
history_store_each_tail(struct history_store *s,
		int (*fn)(void *arg, uint32_t second, const uint8_t *blob, size_t size), void *arg)
{
	sqlite3_stmt *st = s->statement[TAIL_EACH];
	int rc, error = 0;

	while (error == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
		error = fn(arg, (uint32_t)sqlite3_column_int64(st, 0), sqlite3_column_blob(st, 1),
				(size_t)sqlite3_column_bytes(st, 1));
	if (error == 0)
		error = history_store_error(s->db, rc);
	sqlite3_reset(st);
	return error;
}

int
history_store_each_chunk(struct history_store *s, enum history_tier tier, uint32_t first,
		uint32_t end, int (*fn)(void *arg, const struct history_chunk *c), void *arg)
{
	sqlite3_stmt *st = s->statement[CHUNK_EACH];
	struct history_chunk c = {.tier = tier};
	int rc, error = 0;

	sqlite3_bind_int(st, 1, (int)tier);
	sqlite3_bind_int64(st, 2, first);
	sqlite3_bind_int64(st, 3, end);
	while (error == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		c.slot = (uint32_t)sqlite3_column_int64(st, 0);
		c.series = sqlite3_column_int64(st, 1);
		c.blob = sqlite3_column_blob(st, 2);
		c.size = (size_t)sqlite3_column_bytes(st, 2);
		error = fn(arg, &c);
	}
	if (error == 0)
		error = history_store_error(s->db, rc);
	sqlite3_reset(st);
	return error;
}
