/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "top_order.h"

static void *
must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void
history_add(struct history *h, double value)
{
	memmove(h->value, h->value + 1, sizeof(h->value) - sizeof(h->value[0]));
	h->value[TOP_HISTORY - 1] = value;
}

/* The history of a name, made if it is new. Valid until the next one is made. */
static struct top_named *
named(struct top *t, const char *name)
{
	struct top_named *n;
	size_t i;
	int h;

	for (i = 0; i < t->named_count; i++) {
		if (!strcmp(t->named[i].name, name))
			return &t->named[i];
	}
	t->named = must(reallocarray(t->named, t->named_count + 1, sizeof(*t->named)));
	n = &t->named[t->named_count++];
	n->name = must(strdup(name));
	for (h = 0; h < TOP_HISTORY; h++)
		n->history.value[h] = NAN;
	return n;
}

static void
row_name(const struct top_row *r, char *out, size_t size)
{
	snprintf(out, size, "%s/%s%s", r->service, r->endpoint ? r->endpoint : "",
			r->copies ? "/copies" : "");
}

/* Requests, or new flows where there are none (a TCP service whose clients only listen). */
static double
load_of(const json_t *rates)
{
	double requests = command_number(rates, "requests");

	return requests > 0 ? requests : command_number(rates, "flows");
}

static void
rates_take(struct top_row *r, const json_t *rates)
{
	r->rate = command_number(rates, "requests");
	r->flows_new = command_number(rates, "flows");
}

static struct top_row
service_row(const json_t *s)
{
	struct top_row r = {.service = command_text(s, "service"),
			.state = command_text(s, "state"),
			.detail = command_text(s, "protocol"),
			.active = command_number(s, "flows_active"),
			.p50 = NAN,
			.p99 = NAN,
			.loss = NAN,
			.shift = NAN,
			.mirror = NAN,
			.share = NAN};

	rates_take(&r, json_object_get(s, "per_second"));
	return r;
}

static struct top_row
leg_row(const json_t *e, const json_t *leg)
{
	struct top_row r = {.service = command_text(e, "service"),
			.endpoint = command_text(e, "endpoint"),
			.state = command_text(e, "state"),
			.detail = command_text(e, "address"),
			.active = command_number(leg, "flows_active"),
			.p50 = command_number(leg, "reply_p50_us"),
			.p99 = command_number(leg, "reply_p99_us"),
			.loss = command_number(leg, "loss_to"),
			.shift = command_number(e, "shift"),
			.mirror = command_number(json_object_get(e, "mirror"), "share"),
			.drain = json_is_true(json_object_get(e, "drain")),
			.share = NAN};

	rates_take(&r, json_object_get(leg, "per_second"));
	return r;
}

static void
row_add(struct top *t, const struct top_row *r)
{
	if (t->row_count == t->row_room) {
		t->row_room = t->row_room ? t->row_room * 2 : 64;
		t->row = must(reallocarray(t->row, t->row_room, sizeof(*t->row)));
	}
	t->row[t->row_count++] = *r;
}

static void
copies_add(struct top *t, const json_t *e)
{
	const json_t *leg = json_object_get(json_object_get(e, "legs"), "shadow");
	struct top_row r;

	if (!t->copies || !leg)
		return;
	r = leg_row(e, leg);
	r.copies = true;
	r.shift = r.mirror = NAN;
	row_add(t, &r);
}

static void
endpoints_add(struct top *t, const json_t *service)
{
	const char *name = command_text(service, "service");
	double load = load_of(json_object_get(service, "per_second"));
	const json_t *leg;
	struct top_row r;
	json_t *e;
	size_t i;

	json_array_foreach(json_object_get(t->endpoints, "endpoints"), i, e)
	{
		if (strcmp(command_text(e, "service"), name))
			continue;
		leg = json_object_get(json_object_get(e, "legs"), "server");
		r = leg_row(e, leg);
		if (load > 0)
			r.share = load_of(json_object_get(leg, "per_second")) / load;
		row_add(t, &r);
		copies_add(t, e);
	}
}

/* After all are made, since a new one moves the others. */
static void
histories_attach(struct top *t)
{
	char name[256];
	size_t i;

	for (i = 0; i < t->row_count; i++) {
		row_name(&t->row[i], name, sizeof(name));
		named(t, name);
	}
	for (i = 0; i < t->row_count; i++) {
		row_name(&t->row[i], name, sizeof(name));
		t->row[i].history = &named(t, name)->history;
	}
}

void
top_build(struct top *t)
{
	size_t i, first;
	struct top_row r;
	json_t *s;

	t->row_count = 0;
	json_array_foreach(json_object_get(t->services, "services"), i, s)
	{
		r = service_row(s);
		row_add(t, &r);
		first = t->row_count;
		endpoints_add(t, s);
		if (t->row_count > first)
			top_order(&t->row[first], t->row_count - first, t->sort);
	}
	histories_attach(t);
}

void
top_take(struct top *t, json_t *status, json_t *services, json_t *endpoints)
{
	static const char *const key[TOP_TOTALS] = {
			"received_per_second", "forwarded_per_second", "flows_per_second", "drops"};
	const json_t *traffic = json_object_get(status, "traffic");
	size_t i;

	json_decref(t->status);
	json_decref(t->services);
	json_decref(t->endpoints);
	t->status = status;
	t->services = services;
	t->endpoints = endpoints;
	for (i = 0; i < TOP_TOTALS; i++)
		history_add(&t->total[i], command_number(traffic, key[i]));
	top_build(t);
	for (i = 0; i < t->row_count; i++)
		history_add(t->row[i].history,
				t->row[i].rate > 0 ? t->row[i].rate : t->row[i].flows_new);
}

void
top_fini(struct top *t)
{
	size_t i;

	json_decref(t->status);
	json_decref(t->services);
	json_decref(t->endpoints);
	for (i = 0; i < t->named_count; i++)
		free(t->named[i].name);
	free(t->named);
	free(t->row);
}

static double
sort_key(const struct top_row *r, enum top_sort sort)
{
	switch (sort) {
	case SORT_CONFIG:
	case SORT_NAME:
	case SORT_COUNT:
		return 0;
	case SORT_RATE:
		return r->rate;
	case SORT_NEW:
		return r->flows_new;
	case SORT_ACTIVE:
		return r->active;
	case SORT_P50:
		return r->p50;
	case SORT_P99:
		return r->p99;
	case SORT_LOSS:
		return r->loss;
	}
	return 0;
}

/* Does `a` belong behind `b`? NAN stands last. */
static bool
behind(const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
	double x = sort_key(a, sort), y = sort_key(b, sort);

	if (sort == SORT_NAME)
		return strcmp(a->endpoint, b->endpoint) > 0;
	return x < y || (isnan(x) && !isnan(y));
}

/* Insertion: stable, and a service has few endpoints. */
void
top_order(struct top_row *rows, size_t count, enum top_sort sort)
{
	struct top_row moved;
	size_t i, j;

	for (i = 1; i < count; i++) {
		moved = rows[i];
		for (j = i; j > 0 && behind(&rows[j - 1], &moved, sort); j--)
			rows[j] = rows[j - 1];
		rows[j] = moved;
	}
}

const char *
top_sort_name(enum top_sort sort)
{
	static const char *const names[SORT_COUNT] = {"configuration", "name", "requests",
			"new flows", "active flows", "p50", "p99", "loss"};

	return names[sort];
}
