/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   control thread: ask ──questions──> reader thread: read, blocking
 *                   fn  <──answers──┘  (eventfd wakes the loop)
 *
 * The connection is opened for the first question, and again when the writer has begun another database.
 */
#include "history_reader.h"
#include "history_text.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICKETS_MAX 64 /* asked and not answered */

struct history_reader {
	const char *file;
	struct history_shared *shared;
	struct history_ring questions, answers;
	int asked_fd, answered_fd;
	struct loop_watch *watch;
	uint32_t pending; /* the control thread's */
	pthread_t thread;
	bool running, stop;
	struct history_read *read; /* the reader thread's, as is: */
	uint32_t generation;
};

static void
wake(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* it is set already */
}

static void
ticket_free(struct history_ticket *t)
{
	int k;

	if (!t)
		return;
	for (k = 0; k < 3; k++)
		free(t->name[k]);
	history_read_result_fini(&t->points);
	json_decref(t->rows);
	free(t->text);
	free(t->state);
	free(t);
}

struct found {
	struct history_ticket *ticket;
	bool any;
};

static void
take_model(void *arg, const char *name, uint32_t version, const void *state, size_t size)
{
	struct found *f = arg;

	if (f->any || strcmp(name, f->ticket->name[0]) != 0)
		return;
	f->ticket->state = malloc(size ? size : 1);
	if (!f->ticket->state)
		return;
	memcpy(f->ticket->state, state, size);
	f->ticket->size = size;
	f->ticket->version = version;
	f->any = true;
}

static int
answer_model(struct history_read *r, struct history_ticket *t)
{
	struct found f = {.ticket = t};
	int error = history_read_models(r, t->name[0], take_model, &f);

	return error ? error : f.any ? 0 : -ENOENT;
}

static int
answer_text(struct history_read *r, struct history_ticket *t)
{
	int error = history_read_points(r, &t->query, &t->cancelled, &t->points);

	if (error)
		return error;
	t->text = history_text_or_null(&t->points, t->query.step_ms);
	return t->text ? 0 : -ENOMEM;
}

static int
answer_records(struct history_read *r, struct history_ticket *t,
		int (*read_rows)(struct history_read *r, const struct history_record_query *q,
				json_t **out))
{
	const struct history_record_query q = {.kind = t->name[0],
			.service = t->name[1],
			.endpoint = t->name[2],
			.since_ms = t->since_ms,
			.after = t->after,
			.max = t->max};

	return read_rows(r, &q, &t->rows);
}

static int
answer(struct history_read *r, struct history_ticket *t)
{
	switch (t->what) {
	case HISTORY_ASK_POINTS:
		return history_read_points(r, &t->query, &t->cancelled, &t->points);
	case HISTORY_ASK_TEXT:
		return answer_text(r, t);
	case HISTORY_ASK_LIST:
		return history_read_list(r, t->name[0], t->name[1], &t->rows);
	case HISTORY_ASK_RECORDS:
		return answer_records(r, t, history_read_records);
	case HISTORY_ASK_RECORDS_AFTER:
		return answer_records(r, t, history_read_records_after);
	case HISTORY_ASK_MODELS:
		return history_read_model_list(r, t->name[0], &t->rows);
	case HISTORY_ASK_MODEL:
		return answer_model(r, t);
	}
	return -EINVAL;
}

static int
connect_reader(struct history_reader *r)
{
	uint32_t generation = __atomic_load_n(&r->shared->generation, __ATOMIC_ACQUIRE);

	if (r->read && generation == r->generation)
		return 0;
	history_read_close(r->read);
	r->read = NULL;
	r->generation = generation;
	return history_read_open(r->file, &r->read);
}

static void
serve(struct history_reader *r, struct history_ticket *t)
{
	struct history_item item = {.message = t};

	t->error = connect_reader(r);
	if (t->error == 0)
		t->error = answer(r->read, t);
	if (t->error == -EUCLEAN) {
		history_read_close(r->read);
		r->read = NULL;
		/* Unless the writer has seen it meanwhile. */
		if (r->generation == __atomic_load_n(&r->shared->generation, __ATOMIC_ACQUIRE))
			history_writer_doubt(r->shared);
	}
	history_ring_put(&r->answers, &item); /* there is room for all tickets */
	wake(r->answered_fd);
}

static void *
run(void *arg)
{
	struct history_reader *r = arg;
	struct history_item item;
	struct pollfd p = {.fd = r->asked_fd, .events = POLLIN};
	uint64_t n;

	pthread_setname_np(pthread_self(), "history-read");
	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		if (poll(&p, 1, -1) > 0 && read(r->asked_fd, &n, sizeof(n)) < 0)
			continue;
		while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE) &&
				history_ring_take(&r->questions, &item))
			serve(r, item.message);
	}
	history_read_close(r->read);
	return NULL;
}

static void
tell_points(const struct history_ticket *t)
{
	struct history_answer *series = calloc(t->points.count + 1, sizeof(*series));
	const struct history_read_series *from;
	size_t i;

	if (!series) {
		t->on_points(t->arg, -ENOMEM, NULL, 0);
		return;
	}
	for (i = 0; i < t->points.count; i++) {
		from = &t->points.series[i];
		series[i] = (struct history_answer){from->name[0], from->name[1], from->name[2],
				from->point, from->count};
	}
	t->on_points(t->arg, t->error, series, t->error ? 0 : t->points.count);
	free(series);
}

static void
tell_text(struct history_ticket *t)
{
	char *text = t->text;

	t->text = NULL; /* it is given away */
	t->on_text(t->arg, t->error, text);
}

static void
tell(struct history_ticket *t)
{
	if (t->what == HISTORY_ASK_POINTS)
		tell_points(t);
	else if (t->what == HISTORY_ASK_TEXT)
		tell_text(t);
	else if (t->what == HISTORY_ASK_MODEL)
		t->on_model(t->arg, t->error, t->version, t->state, t->size);
	else
		t->on_rows(t->arg, t->error, t->rows);
}

static void
on_answers(void *arg)
{
	struct history_reader *r = arg;
	struct history_ticket *t;
	struct history_item item;
	uint64_t n;

	if (read(r->answered_fd, &n, sizeof(n)) < 0)
		return;
	while (history_ring_take(&r->answers, &item)) {
		t = item.message;
		r->pending--;
		if (!t->cancelled)
			tell(t);
		ticket_free(t);
	}
}

struct history_reader *
history_reader_create(const char *file, struct history_shared *shared, struct loop *loop)
{
	struct history_reader *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);

	if (!r)
		return NULL;
	*r = (struct history_reader){.file = file, .shared = shared};
	r->asked_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->answered_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (history_ring_init(&r->questions, TICKETS_MAX) < 0 ||
			history_ring_init(&r->answers, TICKETS_MAX) < 0 || r->asked_fd < 0 ||
			r->answered_fd < 0)
		goto fail;
	r->watch = loop_watch(loop, r->answered_fd, on_answers, r);
	if (!r->watch || pthread_create(&r->thread, NULL, run, r) != 0)
		goto fail;
	r->running = true;
	return r;
fail:
	history_reader_free(r);
	return NULL;
}

void
history_reader_free(struct history_reader *r)
{
	struct history_item item;

	if (!r)
		return;
	__atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
	if (r->running) {
		wake(r->asked_fd);
		pthread_join(r->thread, NULL);
	}
	while (r->questions.item && history_ring_take(&r->questions, &item))
		ticket_free(item.message);
	while (r->answers.item && history_ring_take(&r->answers, &item))
		ticket_free(item.message);
	loop_unwatch(r->watch);
	if (r->asked_fd >= 0)
		close(r->asked_fd);
	if (r->answered_fd >= 0)
		close(r->answered_fd);
	history_ring_fini(&r->questions);
	history_ring_fini(&r->answers);
	free(r);
}

struct history_ticket *
history_reader_ask_or_null(struct history_reader *r, const struct history_ticket *question,
		const char *const name[3])
{
	struct history_ticket *t = malloc(sizeof(*t));
	struct history_item item = {.message = t};
	bool good = true;
	int k;

	if (!t)
		return NULL;
	*t = *question;
	for (k = 0; k < 3; k++) {
		t->name[k] = strdup(name[k] ? name[k] : "");
		good = good && t->name[k];
	}
	t->query.service = t->name[0];
	t->query.endpoint = t->name[1];
	t->query.metric = t->name[2];
	if (!good || r->pending == TICKETS_MAX || !history_ring_put(&r->questions, &item)) {
		ticket_free(t);
		return NULL;
	}
	r->pending++;
	wake(r->asked_fd);
	return t;
}
