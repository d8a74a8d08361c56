/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept on disk: metrics, decisions, failures, statements and the states of models, in one SQLite database that
 * a thread of its own writes and another reads (docs/history.md). Everything here is called by the control thread and
 * never waits: what the bounded queue cannot take is dropped and counted. A NULL history, which is what there is with
 * `history: {file: ""}`, is fine everywhere: nothing is kept, and nothing is found.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway;
struct history;
struct history_series;
struct history_ticket;

/* NULL if none is configured (errno 0), or when out of memory. A database that is damaged is set aside. Opens the file
 * here and now, so before the loop runs. */
struct history *history_create(struct gateway *g);
void history_free(struct history *h); /* writes what is queued; NULL is fine */

/* The series of one metric of an endpoint: `metric` as in predict/metric.h, or "risk_30s", "risk_60s", "risk_300s",
 * "shift". The same names give the same handle, also after a restart; it is valid until history_free. NULL if there is
 * no history, or no room for one more. Looks names up (about 100 ns): keep the handle. */
struct history_series *history_series(
		struct history *h, const char *service, const char *endpoint, const char *metric);

/* One sample, once a second for every series (some 10 ns). NAN is a gap; a NULL series is counted as dropped. */
void history_sample(struct history *h, struct history_series *s, uint64_t wall_ms, double value);

/* A decision or a failure with all that led to it, as JSON (reference not taken; written out here and now, so it may
 * change afterwards). `kind`: "decision", "failure", "statement" ... `endpoint` and `service` may be "". */
void history_record(struct history *h, const char *kind, const char *service, const char *endpoint,
		uint64_t wall_ms, const json_t *record);

/* The newest state of a model, kept by name ("anomaly/web/web1/reply_p99"), with the version of its layout; copied. */
void history_model_save(struct history *h, const char *name, uint32_t version, const void *state,
		size_t size);
/* Calls fn for every model kept whose name begins with `name_prefix` ("": all). Reads the database here and now: only
 * before the loop runs. What was saved since the start is not told. */
void history_models(struct history *h, const char *name_prefix,
		void (*fn)(void *arg, const char *name, uint32_t version, const void *state,
				size_t size),
		void *arg);
/* Forgets those on disk and calls all listeners, who begin anew with theirs: understudyctl models reset. */
void history_model_forget(struct history *h, const char *name_prefix);
#define HISTORY_LISTENERS_MAX 8
void history_model_listen(
		struct history *h, void (*fn)(void *arg, const char *name_prefix), void *arg);

/* Reading. The answer comes by a call of fn from the loop, never before the function returned; what it is given is only
 * valid during the call. error: 0 or -errno (-ENOENT: no such series or model; -E2BIG: more than `points_max`). What was
 * written a second or more ago is in it. NULL, and no call, if there is no history or too much is asked at once. */

/* One step of a series: of the samples within [time_ms, time_ms + step_ms). */
struct history_point {
	uint64_t time_ms; /* since 1970; a multiple of step_ms */
	uint32_t count; /* of samples, > 0: steps without any are left out */
	double mean, min,
			max; /* min at most 0.4 % too low, max too high, where only steps of 10 s or more are kept */
};

struct history_query {
	const char *service, *endpoint, *metric; /* each may be "": of all */
	uint64_t from_ms, to_ms; /* to_ms is not in it */
	uint32_t step_ms; /* a multiple of 1000; less than what is kept of that time (1 s, 10 s, 1 min) has no effect */
	size_t points_max; /* of all series together */
};

/* In the order of names; points oldest first. */
struct history_answer {
	const char *service, *endpoint, *metric;
	const struct history_point *point;
	size_t count;
};
struct history_ticket *history_query(struct history *h, const struct history_query *q,
		void (*fn)(void *arg, int error, const struct history_answer *series, size_t count),
		void *arg);

/* The same as JSON, made by the reader; text is malloc'ed and given away, NULL on error:
 * {"step": S, "series": [{"service", "endpoint", "metric", "points": [[ms, mean, min, max, count], ...]}]}, where a
 * point of one sample is [ms, value]. */
struct history_ticket *history_query_text(struct history *h, const struct history_query *q,
		void (*fn)(void *arg, int error, char *text), void *arg);

typedef void (*history_json_fn)(void *arg, int error, json_t *rows); /* reference not given */

/* Array of {service, endpoint, metric}, of the names given, each of which may be "" for all. */
struct history_ticket *history_list(struct history *h, const char *service, const char *endpoint,
		history_json_fn fn, void *arg);

struct history_record_query {
	const char *kind, *service, *endpoint; /* each may be "": of all */
	uint64_t since_ms;
	uint64_t after; /* history_records_after(): id of the last one known; 0: from the beginning */
	uint32_t max;
};

/* Array of {id, time, kind, service, endpoint, record}, oldest first; the newest `max` of those since since_ms. */
struct history_ticket *history_records(struct history *h, const struct history_record_query *q,
		history_json_fn fn, void *arg);
/* The same in the order that they were written, the first `max` with an id greater than `after`: page by page. */
struct history_ticket *history_records_after(struct history *h,
		const struct history_record_query *q, history_json_fn fn, void *arg);

/* Array of {name, version, time, bytes} of the models with the prefix, by name; and one model's state. */
struct history_ticket *history_model_list(
		struct history *h, const char *name_prefix, history_json_fn fn, void *arg);
struct history_ticket *history_model_read(struct history *h, const char *name,
		void (*fn)(void *arg, int error, uint32_t version, const void *state, size_t size),
		void *arg);

/* The answer is not wanted any more: fn will not be called. Only before it was. */
void history_cancel(struct history_ticket *t);

struct history_stats {
	bool usable; /* is written to */
	uint64_t samples, records, models; /* taken since the start */
	uint64_t dropped; /* samples, records and models that the queue had no room for */
	uint64_t lost; /* that the disk did not take */
	uint64_t bytes_on_disk;
	uint32_t series; /* live */
};
void history_stats(const struct history *h, struct history_stats *out);

/* For tests: waits until all that was taken is on disk. */
void history_sync(struct history *h);
