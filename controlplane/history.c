/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct history {
	struct history_stats stats;
};

struct history *
history_create(struct gateway *g)
{
	errno = 0;
	return NULL;
}

void
history_free(struct history *h)
{
	free(h);
}

struct history_series *
history_series(struct history *h, const char *service, const char *endpoint, const char *metric)
{
	return NULL;
}

void
history_sample(struct history *h, struct history_series *s, uint64_t wall_ms, double value)
{
}

void
history_record(struct history *h, const char *kind, const char *service, const char *endpoint,
		uint64_t wall_ms, const json_t *record)
{
}

void
history_model_save(struct history *h, const char *name, uint32_t version, const void *state,
		size_t size)
{
}

void
history_models(struct history *h, const char *name_prefix,
		void (*fn)(void *arg, const char *name, uint32_t version, const void *state,
				size_t size),
		void *arg)
{
}

void
history_model_forget(struct history *h, const char *name_prefix)
{
}

void
history_model_listen(struct history *h, void (*fn)(void *arg, const char *name_prefix), void *arg)
{
}

struct history_ticket *
history_query(struct history *h, const struct history_query *q,
		void (*fn)(void *arg, int error, const struct history_point *point, size_t count),
		void *arg)
{
	return NULL;
}

struct history_ticket *
history_list(struct history *h, const char *service, const char *endpoint,
		void (*fn)(void *arg, int error, json_t *series), void *arg)
{
	return NULL;
}

struct history_ticket *
history_records(struct history *h, const char *kind, uint64_t since_ms, uint32_t max,
		void (*fn)(void *arg, int error, json_t *records), void *arg)
{
	return NULL;
}

void
history_cancel(struct history_ticket *t)
{
}

void
history_stats(const struct history *h, struct history_stats *out)
{
	*out = h ? h->stats : (struct history_stats){0};
}
