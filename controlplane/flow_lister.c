/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list asks all lcores at once, one page each:
 *
 *   IDLE --posted--> ASKED --done, more to come--> IDLE
 *                          --done, cursor 0-----> FINISHED
 *
 * A page in flight is the lcore's. A cancelled list therefore lives on, asks nothing more, and is freed when the
 * last page came back.
 */
#include "flow_lister.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Rows that an lcore fills between bursts, 160 bytes each. */
#define PAGE_ROWS 128
/* People look at a few lists at a time; each holds a page per lcore. */
#define LISTS_MAX 16

enum page_state {
	PAGE_IDLE,
	PAGE_ASKED,
	PAGE_FINISHED,
};

struct page {
	enum page_state state;
	struct flow_query query;
	struct flow_row row[PAGE_ROWS];
};

struct list {
	LIST_ENTRY(list) link;
	uint32_t max;
	uint32_t count;
	uint64_t progress_ms; /* when a page came last */
	bool cut; /* there was more than max */
	bool cancelled;
	flow_list_fn fn;
	void *arg;
	struct flow_row *rows; /* [max] */
	struct page page[]; /* of each lcore */
};

struct flow_lister {
	struct dataplane *dataplane;
	uint32_t lcores;
	uint32_t list_count;
	LIST_HEAD(, list) lists;
};

static void
list_free(struct flow_lister *l, struct list *list)
{
	LIST_REMOVE(list, link);
	l->list_count--;
	free(list->rows);
	free(list);
}

static void
rows_take(struct list *list, const struct flow_query *q)
{
	uint32_t n = q->row_count;

	if (n > list->max - list->count) {
		n = list->max - list->count;
		list->cut = true;
	}
	memcpy(&list->rows[list->count], q->rows, n * sizeof(*q->rows));
	list->count += n;
}

static void
page_ask(struct flow_lister *l, uint32_t lcore, struct page *p)
{
	p->query.row_max = PAGE_ROWS;
	p->query.row_count = 0;
	__atomic_store_n(&p->query.done, 0, __ATOMIC_RELAXED);
	/* A full ring is tried again with the next poll. */
	if (dataplane_query(l->dataplane, lcore, &p->query))
		p->state = PAGE_ASKED;
}

static void
page_take(struct list *list, struct page *p)
{
	if (!__atomic_load_n(&p->query.done, __ATOMIC_ACQUIRE))
		return;
	list->progress_ms = loop_now_ms();
	p->state = p->query.cursor ? PAGE_IDLE : PAGE_FINISHED;
	if (!list->cancelled)
		rows_take(list, &p->query);
}

/* Nothing more is wanted of it. A full list asks on until it knows whether there is more. */
static bool
list_sated(const struct list *list)
{
	return list->cancelled || list->cut;
}

/* True while a page is out, or to be asked for. */
static bool
page_poll(struct flow_lister *l, struct list *list, uint32_t lcore)
{
	struct page *p = &list->page[lcore];

	if (p->state == PAGE_ASKED)
		page_take(list, p);
	if (p->state == PAGE_IDLE && !list_sated(list))
		page_ask(l, lcore, p);
	return p->state == PAGE_ASKED || (p->state == PAGE_IDLE && !list_sated(list));
}

static void
list_poll(struct flow_lister *l, struct list *list)
{
	bool busy = false;
	uint32_t i;

	for (i = 0; i < l->lcores; i++)
		busy |= page_poll(l, list, i);
	if (busy)
		return;
	if (!list->cancelled)
		list->fn(list->arg, list->rows, list->count, !list->cut);
	list_free(l, list);
}

struct flow_lister *
flow_lister_create(struct gateway *g)
{
	struct flow_lister *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->dataplane = g->dataplane;
	l->lcores = dataplane_lcore_count(g->dataplane);
	LIST_INIT(&l->lists);
	return l;
}

void
flow_lister_free(struct flow_lister *l)
{
	struct list *list;

	if (!l)
		return;
	while ((list = LIST_FIRST(&l->lists)))
		list_free(l, list);
	free(l);
}

int
flow_list(struct flow_lister *l, const struct flow_filter *filter, uint32_t max, flow_list_fn fn,
		void *arg)
{
	struct list *list;
	uint32_t i;

	if (l->list_count >= LISTS_MAX)
		return -EBUSY;
	list = calloc(1, sizeof(*list) + l->lcores * sizeof(list->page[0]));
	if (!list)
		return -ENOMEM;
	list->rows = calloc(max ? max : 1, sizeof(*list->rows));
	if (!list->rows) {
		free(list);
		return -ENOMEM;
	}
	list->max = max;
	list->progress_ms = loop_now_ms();
	list->fn = fn;
	list->arg = arg;
	for (i = 0; i < l->lcores; i++) {
		list->page[i].query.filter = *filter;
		list->page[i].query.rows = list->page[i].row;
	}
	LIST_INSERT_HEAD(&l->lists, list, link);
	l->list_count++;
	return 0;
}

void
flow_list_cancel(struct flow_lister *l, void *arg)
{
	struct list *list;

	LIST_FOREACH (list, &l->lists, link) {
		if (list->arg == arg)
			list->cancelled = true;
	}
}

uint64_t
flow_list_progress_ms(const struct flow_lister *l, const void *arg)
{
	const struct list *list;

	LIST_FOREACH (list, &l->lists, link) {
		if (list->arg == arg)
			return list->progress_ms;
	}
	return 0;
}

void
flow_lister_poll(struct flow_lister *l)
{
	struct list *list, *next;

	for (list = LIST_FIRST(&l->lists); list; list = next) {
		next = LIST_NEXT(list, link);
		list_poll(l, list);
	}
}
