/* SPDX-License-Identifier: Apache-2.0 */
#include "api_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_work.h"
#include "endpoint_walk.h"

struct listing {
	const struct api_listing *what;
	struct gateway *g;
	struct endpoint_walk walk;
	const char *endpoint; /* NULL: all */
	bool flag, any, failed;
	FILE *f;
	char *text;
	size_t size;
};

static int
listing_read(struct api_request *rq, struct listing *l)
{
	const char *const known[] = {"service", "endpoint", l->what->flag, NULL};
	const char *service = api_arg_or_null(rq, "service");
	uint64_t flag = 0;

	if (api_args_known(rq, known) < 0 ||
			(l->what->flag && api_arg_number(rq, l->what->flag, 1, &flag) < 0) ||
			(service && !api_service_or_null(rq, service)))
		return -1;
	l->endpoint = api_arg_or_null(rq, "endpoint");
	if (service && l->endpoint && !api_endpoint_or_null(rq, service, l->endpoint))
		return -1;
	l->flag = flag;
	endpoint_walk_init(&l->walk, l->g->registry, service);
	return 0;
}

static void
listing_free(void *state)
{
	struct listing *l = state;

	if (l->f)
		fclose(l->f);
	free(l->text);
	free(l);
}

static void
dump(struct listing *l, json_t *value)
{
	if (!value || json_dumpf(value, l->f, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0)
		l->failed = true;
	json_decref(value);
}

static void
begin(struct listing *l)
{
	rewind(l->f);
	l->any = l->failed = false;
	fputs("{\"endpoints\":[", l->f);
}

static void
add(struct listing *l, const struct endpoint *e)
{
	if (l->endpoint && strcmp(l->endpoint, e->config->name))
		return;
	if (l->any)
		fputc(',', l->f);
	l->any = true;
	dump(l, l->what->row(l->g, e, l->flag));
}

static void
finish(struct api_request *rq, struct listing *l)
{
	char *text = NULL;

	fputc(']', l->f);
	if (l->what->more) {
		fprintf(l->f, ",\"%s\":", l->what->more);
		dump(l, l->what->more_json(l->g));
	}
	fputc('}', l->f);
	l->failed |= ferror(l->f) != 0;
	l->failed |= fclose(l->f) != 0;
	l->f = NULL;
	if (!l->failed) {
		text = l->text;
		l->text = NULL;
	}
	api_reply_text(rq, text, "application/json");
}

static bool
turn(struct api_request *rq, void *state)
{
	uint64_t until = loop_now_ms() + API_TURN_MS;
	struct listing *l = state;
	const struct endpoint *e;

	if (endpoint_walk_stale(&l->walk)) {
		endpoint_walk_init(&l->walk, l->g->registry, l->walk.service);
		begin(l);
	}
	do {
		e = endpoint_walk_next_or_null(&l->walk);
		if (e)
			add(l, e);
	} while (e && loop_now_ms() < until);
	if (!e)
		finish(rq, l);
	return !e;
}

void
api_listing_start(struct api_request *rq, const struct api_listing *what)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		api_reply_json(rq, NULL);
		return;
	}
	l->what = what;
	l->g = rq->g;
	if (listing_read(rq, l) < 0) {
		listing_free(l);
		return;
	}
	l->f = open_memstream(&l->text, &l->size);
	if (!l->f) {
		listing_free(l);
		api_reply_json(rq, NULL);
		return;
	}
	begin(l);
	api_work_start(rq, turn, listing_free, l);
}
