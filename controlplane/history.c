/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   control thread ──queue──> writer thread ──> database <── reader thread
 *        ^ ^────────notes────────┘                               │
 *        └───────────────────────answers─────────────────────────┘
 */
#include "history.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway.h"
#include "history_reader.h"
#include "history_writer.h"

#define TURN_MS 250
#define NOTES 64
#define SERIES_MAX 65536 /* 2 KB each while they have samples */
#define BUCKETS 32768
/* Of records and models: all models of a thousand endpoints at once. */
#define QUEUED_BYTES_MAX (64 << 20)
#define NICENESS 5 /* behind the control thread, if they share a CPU */

struct listener {
	void (*fn)(void *arg, const char *name_prefix);
	void *arg;
};

struct history {
	struct history_shared shared;
	struct gateway *g;
	char *file;
	struct history_limits limits;
	cpu_set_t forwarding;
	struct history_writer *writer;
	struct history_reader *reader;
	struct loop_watch *notes_watch;
	pthread_t thread;
	int wake_fd;
	bool running, stop;

	uint64_t samples, records, models, dropped;
	struct history_series *bucket[BUCKETS];
	uint32_t series_count;
	bool told_full;
	struct listener listener[HISTORY_LISTENERS_MAX];
	uint32_t listener_count;
};

static uint32_t
hash_name(uint32_t h, const char *name)
{
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u; /* FNV-1a */
	return (h ^ '/') * 16777619u;
}

static uint32_t
bucket_of(const char *const name[3])
{
	uint32_t h = hash_name(hash_name(hash_name(2166136261u, name[0]), name[1]), name[2]);

	return (h ^ h >> 16) % BUCKETS;
}

static bool
is_named(const struct history_series *s, const char *const name[3])
{
	return !strcmp(s->name[2], name[2]) && !strcmp(s->name[1], name[1]) &&
			!strcmp(s->name[0], name[0]);
}

static struct history_series *
series_create(const char *const name[3])
{
	size_t size[3], all = 0;
	struct history_series *s;
	char *text;
	int k;

	for (k = 0; k < 3; k++) {
		size[k] = strlen(name[k]) + 1;
		all += size[k];
	}
	s = calloc(1, sizeof(*s) + all);
	if (!s)
		return NULL;
	text = (char *)(s + 1);
	for (k = 0; k < 3; k++) {
		s->name[k] = memcpy(text, name[k], size[k]);
		text += size[k];
	}
	return s;
}

static bool
has_room(struct history *h)
{
	if (h->series_count < SERIES_MAX)
		return true;
	if (!h->told_full)
		journal_add(h->g->journal, JOURNAL_WARNING, "history", NULL, NULL,
				"more than %u series since the start: those of further metrics and "
				"endpoints are not kept",
				SERIES_MAX);
	h->told_full = true;
	return false;
}

struct history_series *
history_series(struct history *h, const char *service, const char *endpoint, const char *metric)
{
	const char *const name[3] = {service, endpoint, metric};
	struct history_series *s, **bucket;

	if (!h)
		return NULL;
	bucket = &h->bucket[bucket_of(name)];
	for (s = *bucket; s; s = s->next) {
		if (is_named(s, name))
			return s;
	}
	s = has_room(h) ? series_create(name) : NULL;
	if (!s)
		return NULL;
	s->next = *bucket;
	*bucket = s;
	h->series_count++;
	return s;
}

void
history_sample(struct history *h, struct history_series *s, uint64_t wall_ms, double value)
{
	struct history_item item = {.series = s, .wall_ms = wall_ms, .value = value};

	if (!h)
		return;
	if (s && history_ring_put(&h->shared.queue, &item))
		h->samples++;
	else
		h->dropped++;
}

static void
wake(struct history *h)
{
	uint64_t one = 1;

	if (write(h->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is set already */
}

/* NULL, and counted, if the queue has no room for so much. */
static struct history_message *
message_create(struct history *h, enum history_message_kind kind, size_t data)
{
	size_t size = sizeof(struct history_message) + data;
	struct history_message *m = NULL;

	if (__atomic_load_n(&h->shared.queued_bytes, __ATOMIC_RELAXED) + size <= QUEUED_BYTES_MAX)
		m = malloc(size);
	if (!m) {
		h->dropped++;
		return NULL;
	}
	m->kind = kind;
	m->size = size;
	return m;
}

/* Takes the message. */
static bool
message_send(struct history *h, struct history_message *m)
{
	struct history_item item = {.message = m};
	size_t size = m->size;

	__atomic_fetch_add(&h->shared.queued_bytes, size, __ATOMIC_RELAXED);
	if (history_ring_put(&h->shared.queue, &item))
		return true;
	__atomic_fetch_sub(&h->shared.queued_bytes, size, __ATOMIC_RELAXED);
	free(m);
	h->dropped++;
	return false;
}

static const char *
text_put(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*at, text, size);

	*at += size;
	return copy;
}

void
history_record(struct history *h, const char *kind, const char *service, const char *endpoint,
		uint64_t wall_ms, const json_t *record)
{
	struct history_message *m;
	char *text, *at;

	if (!h)
		return;
	text = json_dumps(record, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
	m = text ? message_create(h, HISTORY_RECORD,
				   strlen(kind) + strlen(service) + strlen(endpoint) +
						   strlen(text) + 4)
		 : NULL;
	if (m) {
		at = m->data;
		m->entry.wall_ms = wall_ms;
		m->entry.kind = text_put(&at, kind);
		m->entry.service = text_put(&at, service);
		m->entry.endpoint = text_put(&at, endpoint);
		m->entry.text = text_put(&at, text);
		h->records += message_send(h, m);
	}
	free(text);
}

void
history_model_save(struct history *h, const char *name, uint32_t version, const void *state,
		size_t size)
{
	struct history_message *m;
	char *at;

	if (!h)
		return;
	m = message_create(h, HISTORY_MODEL, strlen(name) + 1 + size);
	if (!m)
		return;
	at = m->data;
	m->model = (struct history_model){
			.version = version, .wall_ms = loop_wall_ms(), .size = size};
	m->model.name = text_put(&at, name);
	m->model.state = memcpy(at, state, size);
	h->models += message_send(h, m);
}

void
history_models(struct history *h, const char *name_prefix,
		void (*fn)(void *arg, const char *name, uint32_t version, const void *state,
				size_t size),
		void *arg)
{
	struct history_read *r;

	if (!h || history_read_open(h->file, &r) < 0)
		return;
	if (history_read_models(r, name_prefix, fn, arg) < 0)
		journal_add(h->g->journal, JOURNAL_WARNING, "history", NULL, NULL,
				"models could not be read from '%s': they begin anew", h->file);
	history_read_close(r);
}

void
history_model_forget(struct history *h, const char *name_prefix)
{
	struct history_message *m;
	char *at;
	uint32_t i;

	if (!h)
		return;
	m = message_create(h, HISTORY_FORGET, strlen(name_prefix) + 1);
	if (m) {
		at = m->data;
		m->name_prefix = text_put(&at, name_prefix);
		message_send(h, m);
		wake(h);
	}
	for (i = 0; i < h->listener_count; i++)
		h->listener[i].fn(h->listener[i].arg, name_prefix);
}

void
history_model_listen(struct history *h, void (*fn)(void *arg, const char *name_prefix), void *arg)
{
	if (h && h->listener_count < HISTORY_LISTENERS_MAX)
		h->listener[h->listener_count++] = (struct listener){fn, arg};
}

struct history_ticket *
history_query(struct history *h, const struct history_query *q,
		void (*fn)(void *arg, int error, const struct history_answer *series, size_t count),
		void *arg)
{
	struct history_ticket t = {
			.what = HISTORY_ASK_POINTS, .query = *q, .on_points = fn, .arg = arg};

	return h ? history_reader_ask_or_null(h->reader, &t,
				   (const char *[]){q->service, q->endpoint, q->metric})
		 : NULL;
}

struct history_ticket *
history_query_text(struct history *h, const struct history_query *q,
		void (*fn)(void *arg, int error, char *text), void *arg)
{
	struct history_ticket t = {
			.what = HISTORY_ASK_TEXT, .query = *q, .on_text = fn, .arg = arg};

	return h ? history_reader_ask_or_null(h->reader, &t,
				   (const char *[]){q->service, q->endpoint, q->metric})
		 : NULL;
}

struct history_ticket *
history_list(struct history *h, const char *service, const char *endpoint, history_json_fn fn,
		void *arg)
{
	struct history_ticket t = {.what = HISTORY_ASK_LIST, .on_rows = fn, .arg = arg};

	return h ? history_reader_ask_or_null(
				   h->reader, &t, (const char *[]){service, endpoint, ""})
		 : NULL;
}

static struct history_ticket *
ask_records(struct history *h, enum history_question what, const struct history_record_query *q,
		const struct history_ticket *answer)
{
	struct history_ticket t = {.what = what,
			.since_ms = q->since_ms,
			.after = q->after,
			.max = q->max,
			.on_rows = answer->on_rows,
			.arg = answer->arg};

	return h ? history_reader_ask_or_null(h->reader, &t,
				   (const char *[]){q->kind, q->service, q->endpoint})
		 : NULL;
}

struct history_ticket *
history_records(struct history *h, const struct history_record_query *q, history_json_fn fn,
		void *arg)
{
	return ask_records(h, HISTORY_ASK_RECORDS, q,
			&(struct history_ticket){.on_rows = fn, .arg = arg});
}

struct history_ticket *
history_records_after(struct history *h, const struct history_record_query *q, history_json_fn fn,
		void *arg)
{
	return ask_records(h, HISTORY_ASK_RECORDS_AFTER, q,
			&(struct history_ticket){.on_rows = fn, .arg = arg});
}

struct history_ticket *
history_model_list(struct history *h, const char *name_prefix, history_json_fn fn, void *arg)
{
	struct history_ticket t = {.what = HISTORY_ASK_MODELS, .on_rows = fn, .arg = arg};

	return h ? history_reader_ask_or_null(h->reader, &t, (const char *[]){name_prefix, "", ""})
		 : NULL;
}

struct history_ticket *
history_model_read(struct history *h, const char *name,
		void (*fn)(void *arg, int error, uint32_t version, const void *state, size_t size),
		void *arg)
{
	struct history_ticket t = {.what = HISTORY_ASK_MODEL, .on_model = fn, .arg = arg};

	return h ? history_reader_ask_or_null(h->reader, &t, (const char *[]){name, "", ""}) : NULL;
}

void
history_cancel(struct history_ticket *t)
{
	__atomic_store_n(&t->cancelled, true, __ATOMIC_RELAXED);
}

void
history_stats(const struct history *h, struct history_stats *out)
{
	*out = (struct history_stats){0};
	if (!h)
		return;
	*out = (struct history_stats){
			.usable = __atomic_load_n(&h->shared.usable, __ATOMIC_RELAXED),
			.samples = h->samples,
			.records = h->records,
			.models = h->models,
			.dropped = h->dropped,
			.lost = __atomic_load_n(&h->shared.lost, __ATOMIC_RELAXED),
			.bytes_on_disk =
					__atomic_load_n(&h->shared.bytes_on_disk, __ATOMIC_RELAXED),
			.series = __atomic_load_n(&h->shared.live, __ATOMIC_RELAXED),
	};
}

void
history_sync(struct history *h)
{
	struct history_item item;
	sem_t synced;

	if (!h)
		return;
	sem_init(&synced, 0, 0);
	item = (struct history_item){.message = malloc(sizeof(struct history_message))};
	if (item.message) {
		*(struct history_message *)item.message =
				(struct history_message){.kind = HISTORY_SYNC, .synced = &synced};
		while (!history_ring_put(&h->shared.queue, &item))
			sched_yield();
		wake(h);
		while (sem_wait(&synced) < 0)
			;
	}
	sem_destroy(&synced);
}

/* Forwarding CPUs are not ours, and the control thread is more urgent. */
static void
move_aside(const struct history *h)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &h->forwarding))
			CPU_SET(cpu, &set);
	}
	sched_setaffinity(0, sizeof(set), &set);
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
}

static void *
run(void *arg)
{
	struct history *h = arg;
	struct pollfd p = {.fd = h->wake_fd, .events = POLLIN};
	bool more = false;
	uint64_t n;

	pthread_setname_np(pthread_self(), "history-write");
	move_aside(h);
	history_writer_resume(h->writer);
	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		if (poll(&p, 1, more ? 0 : TURN_MS) > 0 && read(h->wake_fd, &n, sizeof(n)) < 0)
			continue;
		more = history_writer_turn(h->writer);
	}
	return NULL;
}

static void
on_notes(void *arg)
{
	struct history *h = arg;
	struct history_item item;
	struct history_note *note;
	uint64_t n;

	if (read(h->shared.notes_fd, &n, sizeof(n)) < 0)
		n = 0; /* at the end they are asked for without having been told of */
	while (history_ring_take(&h->shared.notes, &item)) {
		note = item.message;
		journal_add(h->g->journal, note->error ? JOURNAL_ERR : JOURNAL_NOTICE, "history",
				NULL, NULL, "%s", note->text);
		free(note);
	}
}

static void
take_config(struct history *h, const struct config *config)
{
	const struct config_history *c = &config->history;
	size_t i;

	h->limits = (struct history_limits){
			.size = (uint64_t)c->size_mib << 20,
			.keep_s = {(uint32_t)(c->keep.second_ms / 1000),
					(uint32_t)(c->keep.ten_seconds_ms / 1000),
					(uint32_t)(c->keep.minute_ms / 1000)},
			.keep_records_s = (uint32_t)(c->keep.records_ms / 1000),
	};
	for (i = 0; i < config->gateway.lcore_count; i++)
		CPU_SET(config->gateway.lcore[i], &h->forwarding);
	h->file = strdup(c->file);
}

static int
start(struct history *h, uint32_t queue)
{
	h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	h->shared.notes_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!h->file || h->wake_fd < 0 || h->shared.notes_fd < 0 ||
			history_ring_init(&h->shared.queue, queue) < 0 ||
			history_ring_init(&h->shared.notes, NOTES) < 0)
		return -1;
	h->notes_watch = loop_watch(h->g->loop, h->shared.notes_fd, on_notes, h);
	h->writer = history_writer_create(h->file, &h->limits, &h->shared);
	h->reader = history_reader_create(h->file, &h->shared, h->g->loop);
	if (!h->notes_watch || !h->writer || !h->reader ||
			pthread_create(&h->thread, NULL, run, h) != 0)
		return -1;
	h->running = true;
	on_notes(h);
	return 0;
}

struct history *
history_create(struct gateway *g)
{
	const struct config *config = registry_config(g->registry);
	struct history *h;

	errno = 0;
	if (!config->history.file[0])
		return NULL;
	h = aligned_alloc(64, (sizeof(*h) + 63) & ~(size_t)63);
	if (!h)
		return NULL;
	memset(h, 0, sizeof(*h));
	h->g = g;
	h->wake_fd = h->shared.notes_fd = -1;
	take_config(h, config);
	if (start(h, config->history.queue) == 0)
		return h;
	history_free(h);
	errno = ENOMEM;
	return NULL;
}

static void
series_free(struct history *h)
{
	struct history_series *s;
	uint32_t i;

	for (i = 0; i < BUCKETS; i++) {
		while ((s = h->bucket[i])) {
			h->bucket[i] = s->next;
			free(s);
		}
	}
}

void
history_free(struct history *h)
{
	if (!h)
		return;
	history_reader_free(h->reader);
	if (h->running) {
		__atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
		wake(h);
		pthread_join(h->thread, NULL);
	}
	history_writer_free(h->writer);
	if (h->shared.notes.item)
		on_notes(h);
	loop_unwatch(h->notes_watch);
	if (h->wake_fd >= 0)
		close(h->wake_fd);
	if (h->shared.notes_fd >= 0)
		close(h->shared.notes_fd);
	series_free(h);
	history_ring_fini(&h->shared.queue);
	history_ring_fini(&h->shared.notes);
	free(h->file);
	free(h);
}
