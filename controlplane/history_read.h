/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the database, on a connection of one's own, while another thread writes. Blocks. Functions return 0 or
 * -errno: -ENOENT: no such series or model; -E2BIG: more than asked for; -ECANCELED: *cancelled became true;
 * -EUCLEAN: the database is damaged.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "history.h"

struct history_read;

/* -ENOENT if there is no such file. */
int history_read_open(const char *file, struct history_read **out);
void history_read_close(struct history_read *r); /* NULL is fine */

struct history_read_series {
	char *name[3]; /* service, endpoint, metric */
	int64_t id;
	struct history_point *point;
	size_t count, room;
	uint32_t chunks_end; /* second up to which there are chunks of the finest tier */
};

struct history_read_result {
	struct history_read_series *series;
	size_t count;
	size_t points, points_max;
};
void history_read_result_fini(struct history_read_result *out);

/* All series of the names, each of which may be "" for any, with their points. `out` is to be freed in any case. */
int history_read_points(struct history_read *r, const struct history_query *q,
		const bool *cancelled, struct history_read_result *out);

/* As history_list(), history_records(), history_records_after() and history_model_list() tell. New references. */
int history_read_list(
		struct history_read *r, const char *service, const char *endpoint, json_t **out);
int history_read_records(
		struct history_read *r, const struct history_record_query *q, json_t **out);
int history_read_records_after(
		struct history_read *r, const struct history_record_query *q, json_t **out);
int history_read_model_list(struct history_read *r, const char *name_prefix, json_t **out);

/* Calls fn for every model with the prefix, in the order of names. */
int history_read_models(struct history_read *r, const char *name_prefix,
		void (*fn)(void *arg, const char *name, uint32_t version, const void *state,
				size_t size),
		void *arg);
