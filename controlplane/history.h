/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept on disk: metrics, decisions, failures and the states of models, in one SQLite database that a thread of
 * its own writes. Everything here is called by the control thread and never waits: what the bounded queue cannot take
 * is dropped and counted. With `history: {file: ""}`, or after the database proved unusable, all calls do nothing.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway;
struct history;

struct history *history_create(
		struct gateway *g); /* NULL when out of memory; a bad database is set aside */
void history_free(struct history *h); /* writes what is queued */

/* One sample of a series of an endpoint: `metric` as in predict/metric.h, or "risk_30s", "risk_60s", "risk_300s",
 * "shift". NAN is a gap. Called for every series each second. */
void history_sample(struct history *h, const char *service, const char *endpoint,
		const char *metric, uint64_t wall_ms, double value);

/* A decision or a failure with all that led to it, as JSON (reference not taken). `kind`: "decision", "failure",
 * "statement" ... */
void history_record(struct history *h, const char *kind, const char *service, const char *endpoint,
		uint64_t wall_ms, json_t *record);

/* The newest state of a model, kept by name ("anomaly/web/web1/reply_p99"), with the version of its layout. */
void history_model_save(struct history *h, const char *name, uint32_t version, const void *state,
		size_t size);
/* Read at start, before the thread runs: calls fn for every model kept. */
void history_models(struct history *h,
		void (*fn)(void *arg, const char *name, uint32_t version, const void *state,
				size_t size),
		void *arg);
void history_model_forget(struct history *h, const char *name_prefix);

struct history_stats {
	bool usable;
	uint64_t samples, records, dropped, bytes_on_disk;
};
void history_stats(const struct history *h, struct history_stats *out);
