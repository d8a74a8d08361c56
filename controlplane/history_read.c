/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question over some time is answered from the finest tier that still has that time:
 *
 *   1 min chunks │ 10 s chunks │ 1 s chunks │ tail
 *                10 s oldest   1 s oldest   what is in no chunk yet
 */
#include "history_read.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "history_store.h"

#define BUSY_MS 2000
#define LIST_MAX 100000 /* series */

enum statement {
	BEGIN,
	END,
	FIND,
	OLDEST,
	NEWEST,
	TAIL_OLDEST,
	CHUNK,
	TAIL,
	RECORDS,
	RECORDS_AFTER,
	MODELS,
	STATEMENTS
};

#define NAMED "(?1='' OR service=?1) AND (?2='' OR endpoint=?2) AND (?3='' OR metric=?3)"

#define RECORD_COLUMNS "time, kind, service, endpoint, record, id"
#define RECORDS_WANTED \
	"time>=?1 AND (?2='' OR kind=?2) AND (?3='' OR service=?3) AND (?4='' OR endpoint=?4)"

static const char *const statement_text[STATEMENTS] = {
		[BEGIN] = "BEGIN",
		[END] = "COMMIT",
		[FIND] = "SELECT id, service, endpoint, metric, seen FROM series WHERE " NAMED
			 " ORDER BY service, endpoint, metric",
		[OLDEST] = "SELECT min(slot) FROM chunk WHERE tier=?1",
		[NEWEST] = "SELECT max(slot) FROM chunk WHERE tier=?1",
		[TAIL_OLDEST] = "SELECT min(second) FROM tail",
		[CHUNK] = "SELECT samples FROM chunk WHERE tier=?1 AND slot=?2 AND series=?3",
		[TAIL] = "SELECT second, samples FROM tail WHERE second>=?1 AND second<?2 "
			 "ORDER BY second, id",
		[RECORDS] = "SELECT " RECORD_COLUMNS " FROM record WHERE " RECORDS_WANTED
			    " ORDER BY time DESC, id DESC LIMIT ?5",
		/* The first page finds where to begin in the index of times. */
		[RECORDS_AFTER] = "SELECT " RECORD_COLUMNS " FROM record WHERE id>CASE WHEN ?6>0 "
				  "THEN ?6 ELSE (SELECT min(id)-1 FROM record WHERE time>=?1) END "
				  "AND " RECORDS_WANTED " ORDER BY id LIMIT ?5",
		[MODELS] = "SELECT name, version, time, length(state), state FROM model WHERE "
			   "substr(name, 1, length(?1))=?1 ORDER BY name",
};

struct history_read {
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
};

int
history_read_open(const char *file, struct history_read **out)
{
	struct history_read *r = calloc(1, sizeof(*r));
	int i, rc, error;

	if (!r)
		return -ENOMEM;
	/* Not read-only: the log's index must be written to even so. */
	rc = sqlite3_open_v2(file, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(r->db, 1);
		sqlite3_busy_timeout(r->db, BUSY_MS);
	}
	for (i = 0; i < STATEMENTS && rc == SQLITE_OK; i++)
		rc = sqlite3_prepare_v2(r->db, statement_text[i], -1, &r->statement[i], NULL);
	error = rc == SQLITE_CANTOPEN ? -ENOENT : history_store_error(r->db, rc);
	if (error)
		history_read_close(r);
	else
		*out = r;
	return error;
}

void
history_read_close(struct history_read *r)
{
	int i;

	if (!r)
		return;
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(r->statement[i]);
	sqlite3_close(r->db);
	free(r);
}

static int
end(struct history_read *r, enum statement which, int rc)
{
	int error = history_store_error(r->db, rc);

	sqlite3_reset(r->statement[which]);
	return error;
}

static int
run(struct history_read *r, enum statement which)
{
	return end(r, which, sqlite3_step(r->statement[which]));
}

static void
bind_text(struct history_read *r, enum statement which, int at, const char *text)
{
	sqlite3_bind_text(r->statement[which], at, text ? text : "", -1, SQLITE_STATIC);
}

/* -1 if there is none. */
static int
number(struct history_read *r, enum statement which, int64_t *out)
{
	sqlite3_stmt *st = r->statement[which];
	int rc = sqlite3_step(st);

	*out = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL
			? sqlite3_column_int64(st, 0)
			: -1;
	return end(r, which, rc);
}

void
history_read_result_fini(struct history_read_result *out)
{
	size_t i, k;

	for (i = 0; i < out->count; i++) {
		for (k = 0; k < 3; k++)
			free(out->series[i].name[k]);
		free(out->series[i].point);
	}
	free(out->series);
	*out = (struct history_read_result){0};
}

static int
series_add(struct history_read_result *out, sqlite3_stmt *st)
{
	struct history_read_series *grown, *s;
	int k;

	grown = reallocarray(out->series, out->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	out->series = grown;
	s = &grown[out->count++];
	*s = (struct history_read_series){.id = sqlite3_column_int64(st, 0)};
	for (k = 0; k < 3; k++) {
		s->name[k] = strdup((const char *)sqlite3_column_text(st, 1 + k));
		if (!s->name[k])
			return -ENOMEM;
	}
	return 0;
}

static int
find(struct history_read *r, const struct history_query *q, struct history_read_result *out)
{
	sqlite3_stmt *st = r->statement[FIND];
	int rc, error = 0;

	bind_text(r, FIND, 1, q->service);
	bind_text(r, FIND, 2, q->endpoint);
	bind_text(r, FIND, 3, q->metric);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && error == 0)
		error = series_add(out, st);
	rc = end(r, FIND, rc);
	if (error || rc)
		return error ? error : rc;
	return out->count ? 0 : -ENOENT;
}

/* A step, or a sample, into the point that it belongs to. */
struct piece {
	uint32_t second, count;
	double mean, min, max;
};

static int
point_add(struct history_read_result *out, struct history_read_series *s, uint64_t time_ms)
{
	struct history_point *grown;

	if (out->points == out->points_max)
		return -E2BIG;
	if (s->count == s->room) {
		grown = reallocarray(s->point, s->room * 2 + 64, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->point = grown;
		s->room = s->room * 2 + 64;
	}
	s->point[s->count++] = (struct history_point){.time_ms = time_ms};
	out->points++;
	return 0;
}

struct reading {
	const struct history_query *q;
	struct history_read_result *out;
	uint32_t from, to, step; /* seconds */
	uint32_t fine, middle; /* where the finest tier begins, and the next */
};

static int
piece_add(const struct reading *g, struct history_read_series *s, const struct piece *c)
{
	uint64_t time_ms = (uint64_t)(c->second / g->step * g->step) * 1000;
	struct history_point *p;
	int error;

	if (c->second < g->from || c->second >= g->to)
		return 0;
	if (s->count == 0 || s->point[s->count - 1].time_ms != time_ms) {
		error = point_add(g->out, s, time_ms);
		if (error)
			return error;
	}
	p = &s->point[s->count - 1];
	p->min = p->count && p->min < c->min ? p->min : c->min;
	p->max = p->count && p->max > c->max ? p->max : c->max;
	p->mean += (c->mean - p->mean) * c->count / (p->count + c->count);
	p->count += c->count;
	return 0;
}

static int
sample_add(const struct reading *g, struct history_read_series *s, uint32_t second, int32_t q)
{
	double value = history_dequantise(q);

	return piece_add(g, s, &(struct piece){second, 1, value, value, value});
}

static int
samples_add(const struct reading *g, struct history_read_series *s, uint32_t begin,
		sqlite3_stmt *st)
{
	int32_t q[HISTORY_PLACES_MAX];
	int error = 0;
	uint32_t i;

	if (history_samples_decode(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0),
			    q, HISTORY_PLACES_MAX) < 0)
		return 0; /* one chunk less */
	for (i = 0; i < HISTORY_PLACES_MAX && error == 0; i++) {
		if (q[i] != HISTORY_GAP && begin + i >= g->fine)
			error = sample_add(g, s, begin + i, q[i]);
	}
	s->chunks_end = begin + HISTORY_PLACES_MAX;
	return error;
}

static int
steps_add(const struct reading *g, struct history_read_series *s, enum history_tier tier,
		uint32_t begin, sqlite3_stmt *st)
{
	struct history_step step[HISTORY_STEP_PLACES];
	uint32_t i, second, end_of = tier == HISTORY_1M ? g->middle : g->fine;
	uint32_t begin_of = tier == HISTORY_1M ? 0 : g->middle;
	struct piece c;
	int error = 0;

	if (history_steps_decode(sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0),
			    step, HISTORY_STEP_PLACES) < 0)
		return 0;
	for (i = 0; i < HISTORY_STEP_PLACES && error == 0; i++) {
		second = begin + i * history_shape[tier].step_s;
		if (step[i].count == 0 || second < begin_of || second >= end_of)
			continue;
		c = (struct piece){second, step[i].count, history_dequantise(step[i].mean),
				history_dequantise(step[i].min), history_dequantise(step[i].max)};
		error = piece_add(g, s, &c);
	}
	return error;
}

/* The chunk of one slot, if the series has one. */
static int
slot_add(struct history_read *r, const struct reading *g, struct history_read_series *s,
		enum history_tier tier, uint32_t slot)
{
	sqlite3_stmt *st = r->statement[CHUNK];
	uint32_t begin = slot * history_shape[tier].slot_s;
	int rc, error = 0, ended;

	sqlite3_bind_int(st, 1, (int)tier);
	sqlite3_bind_int64(st, 2, slot);
	sqlite3_bind_int64(st, 3, s->id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && tier == HISTORY_1S)
		error = samples_add(g, s, begin, st);
	else if (rc == SQLITE_ROW)
		error = steps_add(g, s, tier, begin, st);
	ended = end(r, CHUNK, rc);
	return error ? error : ended;
}

static int
tier_add(struct history_read *r, const struct reading *g, enum history_tier tier,
		const bool *cancelled)
{
	int64_t oldest = 0, newest = 0, slot, last = (int64_t)g->to / history_shape[tier].slot_s;
	int error;
	size_t i;

	sqlite3_bind_int(r->statement[OLDEST], 1, (int)tier);
	sqlite3_bind_int(r->statement[NEWEST], 1, (int)tier);
	error = number(r, OLDEST, &oldest);
	if (error == 0)
		error = number(r, NEWEST, &newest);
	if (error || oldest < 0)
		return error;
	slot = (int64_t)g->from / history_shape[tier].slot_s;
	slot = slot > oldest ? slot : oldest;
	last = last < newest ? last : newest;
	for (; slot <= last && error == 0; slot++) {
		if (__atomic_load_n(cancelled, __ATOMIC_RELAXED))
			return -ECANCELED;
		for (i = 0; i < g->out->count && error == 0; i++)
			error = slot_add(r, g, &g->out->series[i], tier, (uint32_t)slot);
	}
	return error;
}

static int
compare_ids(const void *a, const void *b)
{
	const struct history_read_series *x = *(struct history_read_series *const *)a;
	const struct history_read_series *y = *(struct history_read_series *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static struct history_read_series *
by_id_or_null(struct history_read_series **sorted, size_t count, int64_t id)
{
	struct history_read_series key = {.id = id}, *wanted = &key, **found;

	found = bsearch(&wanted, sorted, count, sizeof(*sorted), compare_ids);
	return found ? *found : NULL;
}

/* One second of all series: those that are asked for. */
static int
tail_row_add(const struct reading *g, struct history_read_series **sorted, uint32_t second,
		sqlite3_stmt *st)
{
	const uint8_t *blob = sqlite3_column_blob(st, 1);
	size_t n, size = (size_t)sqlite3_column_bytes(st, 1);
	struct history_read_series *s;
	int64_t id = 0, gap, q;
	int error = 0;

	for (; size && error == 0; blob += n, size -= n) {
		n = history_varint_get(blob, size, &gap);
		blob += n;
		size -= n;
		n = n ? history_varint_get(blob, size, &q) : 0;
		if (n == 0)
			return 0;
		id += gap;
		s = by_id_or_null(sorted, g->out->count, id);
		if (s && second >= s->chunks_end && second >= g->fine)
			error = sample_add(g, s, second, (int32_t)q);
	}
	return error;
}

static int
tail_add(struct history_read *r, const struct reading *g)
{
	struct history_read_series **sorted = calloc(g->out->count, sizeof(*sorted));
	sqlite3_stmt *st = r->statement[TAIL];
	int rc, error = 0;
	size_t i;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < g->out->count; i++)
		sorted[i] = &g->out->series[i];
	qsort(sorted, g->out->count, sizeof(*sorted), compare_ids);
	sqlite3_bind_int64(st, 1, g->from);
	sqlite3_bind_int64(st, 2, g->to);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && error == 0)
		error = tail_row_add(g, sorted, (uint32_t)sqlite3_column_int64(st, 0), st);
	rc = end(r, TAIL, rc);
	free(sorted);
	return error ? error : rc;
}

/* From where on each tier is asked. */
static int
divide(struct history_read *r, struct reading *g)
{
	int64_t fine = 0, middle = 0, tail = 0;
	int error;

	sqlite3_bind_int(r->statement[OLDEST], 1, HISTORY_1S);
	error = number(r, OLDEST, &fine);
	sqlite3_bind_int(r->statement[OLDEST], 1, HISTORY_10S);
	if (error == 0)
		error = number(r, OLDEST, &middle);
	if (error == 0)
		error = number(r, TAIL_OLDEST, &tail);
	if (error)
		return error;
	fine = fine >= 0	    ? fine * history_shape[HISTORY_1S].slot_s
			: tail >= 0 ? tail / HISTORY_PLACES_MAX * HISTORY_PLACES_MAX
				    : UINT32_MAX;
	middle = middle >= 0 ? middle * history_shape[HISTORY_10S].slot_s : fine;
	g->fine = (uint32_t)fine;
	g->middle = (uint32_t)(middle < fine ? middle : fine);
	return 0;
}

static uint32_t
seconds(uint64_t ms)
{
	return ms / 1000 < UINT32_MAX - 86400 ? (uint32_t)(ms / 1000) : UINT32_MAX - 86400;
}

static int
read_within(struct history_read *r, const struct history_query *q, const bool *cancelled,
		struct history_read_result *out)
{
	struct reading g = {.q = q,
			.out = out,
			.from = seconds(q->from_ms),
			.to = seconds(q->to_ms),
			.step = q->step_ms >= 1000 ? q->step_ms / 1000 : 1};
	int error = find(r, q, out);

	if (error == 0)
		error = divide(r, &g);
	if (error == 0)
		error = tier_add(r, &g, HISTORY_1M, cancelled);
	if (error == 0)
		error = tier_add(r, &g, HISTORY_10S, cancelled);
	if (error == 0)
		error = tier_add(r, &g, HISTORY_1S, cancelled);
	return error ? error : tail_add(r, &g);
}

int
history_read_points(struct history_read *r, const struct history_query *q, const bool *cancelled,
		struct history_read_result *out)
{
	int error, ended;

	*out = (struct history_read_result){.points_max = q->points_max};
	/* One state of the database for all of it. */
	error = run(r, BEGIN);
	if (error)
		return error;
	error = read_within(r, q, cancelled, out);
	ended = run(r, END);
	return error ? error : ended;
}

static json_t *
column_text(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);
	json_t *out = text ? json_string(text) : NULL;

	return out ? out : json_string("");
}

int
history_read_list(struct history_read *r, const char *service, const char *endpoint, json_t **out)
{
	sqlite3_stmt *st = r->statement[FIND];
	json_t *rows = json_array();
	int rc, n = 0;

	bind_text(r, FIND, 1, service);
	bind_text(r, FIND, 2, endpoint);
	bind_text(r, FIND, 3, "");
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && n++ < LIST_MAX)
		json_array_append_new(rows,
				json_pack("{s:o s:o s:o}", "service", column_text(st, 1),
						"endpoint", column_text(st, 2), "metric",
						column_text(st, 3)));
	rc = end(r, FIND, rc);
	if (rc)
		json_decref(rows);
	else
		*out = rows;
	return rc;
}

static json_t *
record_json(sqlite3_stmt *st)
{
	json_t *record =
			json_loads((const char *)sqlite3_column_text(st, 4), JSON_DECODE_ANY, NULL);

	return json_pack("{s:I s:I s:o s:o s:o s:o}", "id", (json_int_t)sqlite3_column_int64(st, 5),
			"time", (json_int_t)sqlite3_column_int64(st, 0), "kind", column_text(st, 1),
			"service", column_text(st, 2), "endpoint", column_text(st, 3), "record",
			record ? record : json_null());
}

static void
bind_records(struct history_read *r, enum statement which, const struct history_record_query *q)
{
	sqlite3_bind_int64(r->statement[which], 1, (int64_t)q->since_ms);
	bind_text(r, which, 2, q->kind);
	bind_text(r, which, 3, q->service);
	bind_text(r, which, 4, q->endpoint);
	sqlite3_bind_int64(r->statement[which], 5, q->max);
}

int
history_read_records(struct history_read *r, const struct history_record_query *q, json_t **out)
{
	sqlite3_stmt *st = r->statement[RECORDS];
	json_t *rows = json_array();
	int rc;

	bind_records(r, RECORDS, q);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		json_array_insert_new(rows, 0, record_json(st));
	rc = end(r, RECORDS, rc);
	if (rc)
		json_decref(rows);
	else
		*out = rows;
	return rc;
}

int
history_read_records_after(
		struct history_read *r, const struct history_record_query *q, json_t **out)
{
	sqlite3_stmt *st = r->statement[RECORDS_AFTER];
	json_t *rows = json_array();
	int rc;

	bind_records(r, RECORDS_AFTER, q);
	sqlite3_bind_int64(st, 6, (int64_t)q->after);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		json_array_append_new(rows, record_json(st));
	rc = end(r, RECORDS_AFTER, rc);
	if (rc)
		json_decref(rows);
	else
		*out = rows;
	return rc;
}

int
history_read_model_list(struct history_read *r, const char *name_prefix, json_t **out)
{
	sqlite3_stmt *st = r->statement[MODELS];
	json_t *rows = json_array();
	int rc;

	bind_text(r, MODELS, 1, name_prefix);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		json_array_append_new(rows,
				json_pack("{s:o s:I s:I s:I}", "name", column_text(st, 0),
						"version", (json_int_t)sqlite3_column_int64(st, 1),
						"time", (json_int_t)sqlite3_column_int64(st, 2),
						"bytes", (json_int_t)sqlite3_column_int64(st, 3)));
	rc = end(r, MODELS, rc);
	if (rc)
		json_decref(rows);
	else
		*out = rows;
	return rc;
}

int
history_read_models(struct history_read *r, const char *name_prefix,
		void (*fn)(void *arg, const char *name, uint32_t version, const void *state,
				size_t size),
		void *arg)
{
	sqlite3_stmt *st = r->statement[MODELS];
	int rc;

	bind_text(r, MODELS, 1, name_prefix);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, (const char *)sqlite3_column_text(st, 0),
				(uint32_t)sqlite3_column_int64(st, 1), sqlite3_column_blob(st, 4),
				(size_t)sqlite3_column_bytes(st, 4));
	return end(r, MODELS, rc);
}
