/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log_sink.h"

/* One line of a log; longer sentences are cut. */
#define TEXT_SIZE 512
#define KIND_SIZE 32
/* With names; no more than a pipe takes whole or not at all (PIPE_BUF). */
#define LINE_SIZE 2048

struct entry {
	uint64_t number;
	uint64_t wall_ms;
	enum journal_level level;
	char kind[KIND_SIZE];
	char *service, *endpoint; /* NULL if about none */
	char *text;
};

struct journal {
	uint64_t last; /* number of the newest; event n stands in entry[n % limit] */
	uint32_t limit;
	bool systemd;
	struct log_sink log;
	void (*fn)(void *arg);
	void *arg;
	struct entry entry[];
};

static const char *
level_name(enum journal_level level)
{
	switch (level) {
	case JOURNAL_ERR:
		return "error";
	case JOURNAL_WARNING:
		return "warning";
	case JOURNAL_NOTICE:
		return "notice";
	case JOURNAL_DEBUG:
		return "debug";
	}
	return "unknown";
}

/* syslog(3) */
static int
level_priority(enum journal_level level)
{
	switch (level) {
	case JOURNAL_ERR:
		return 3;
	case JOURNAL_WARNING:
		return 4;
	case JOURNAL_NOTICE:
		return 5;
	case JOURNAL_DEBUG:
		return 7;
	}
	return 3;
}

/* One event is one line, whatever was put into it. */
static char *
line_copy(const char *text)
{
	char *copy = strdup(text);
	char *c;

	for (c = copy; c && *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return copy;
}

static void
entry_fini(struct entry *e)
{
	free(e->service);
	free(e->endpoint);
	free(e->text);
}

/* Appends to the line, as far as it has room. */
static size_t __attribute__((format(printf, 3, 4)))
put(char line[LINE_SIZE], size_t used, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + used, LINE_SIZE - used, format, args);
	va_end(args);
	if (n < 0)
		return used;
	return used + (size_t)n < LINE_SIZE ? used + (size_t)n : LINE_SIZE - 1;
}

static void
log_line(struct journal *j, const struct entry *e)
{
	time_t seconds = (time_t)(e->wall_ms / 1000);
	char line[LINE_SIZE], stamp[32] = "";
	size_t n = 0;
	struct tm tm;

	if (j->systemd) {
		n = put(line, n, "<%d>", level_priority(e->level));
	} else if (localtime_r(&seconds, &tm)) {
		strftime(stamp, sizeof(stamp), "%F %T", &tm);
		n = put(line, n, "%s.%03u %s ", stamp, (unsigned)(e->wall_ms % 1000),
				level_name(e->level));
	}
	n = put(line, n, "%s", e->kind);
	if (e->service)
		n = put(line, n, " \"%s\"", e->service);
	if (e->endpoint)
		n = put(line, n, " \"%s\"", e->endpoint);
	n = put(line, n, ": %s", e->text ? e->text : "(out of memory)");
	line[n < LINE_SIZE - 1 ? n : LINE_SIZE - 2] = '\n';
	log_sink_write(&j->log, line, (n < LINE_SIZE - 1 ? n : LINE_SIZE - 2) + 1);
}

struct journal *
journal_create(uint32_t limit)
{
	struct journal *j;

	if (limit == 0)
		limit = 1;
	j = calloc(1, sizeof(*j) + limit * sizeof(j->entry[0]));
	if (!j)
		return NULL;
	j->limit = limit;
	j->systemd = getenv("JOURNAL_STREAM") != NULL;
	log_sink_init(&j->log);
	return j;
}

void
journal_free(struct journal *j)
{
	uint32_t i;

	if (!j)
		return;
	for (i = 0; i < j->limit; i++)
		entry_fini(&j->entry[i]);
	log_sink_fini(&j->log);
	free(j);
}

static uint64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
journal_add(struct journal *j, enum journal_level level, const char *kind, const char *service,
		const char *endpoint, const char *format, ...)
{
	struct entry *e = &j->entry[(j->last + 1) % j->limit];
	char text[TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	entry_fini(e);
	e->number = ++j->last;
	e->wall_ms = wall_ms();
	e->level = level;
	snprintf(e->kind, sizeof(e->kind), "%s", kind);
	e->service = service ? line_copy(service) : NULL;
	e->endpoint = endpoint ? line_copy(endpoint) : NULL;
	e->text = line_copy(text);
	log_line(j, e);
	if (j->fn)
		j->fn(j->arg);
}

/* JSON is UTF-8; a name that is not is shown with its odd bytes replaced rather than not at all. */
static json_t *
json_text(const char *text)
{
	json_t *out = json_string(text ? text : "");
	char *ascii, *c;

	if (out)
		return out;
	ascii = strdup(text);
	if (!ascii)
		return json_null();
	for (c = ascii; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	out = json_string(ascii);
	free(ascii);
	return out;
}

static json_t *
entry_json(const struct entry *e)
{
	return json_pack("{s:I s:I s:s s:o s:o s:o s:o}", "number", (json_int_t)e->number, "time",
			(json_int_t)e->wall_ms, "level", level_name(e->level), "kind",
			json_text(e->kind), "service",
			e->service ? json_text(e->service) : json_null(), "endpoint",
			e->endpoint ? json_text(e->endpoint) : json_null(), "text",
			json_text(e->text));
}

json_t *
journal_since(const struct journal *j, uint64_t after, uint32_t max)
{
	uint64_t oldest = j->last >= j->limit ? j->last - j->limit + 1 : 1;
	json_t *rows = json_array();
	uint64_t n;

	for (n = after < oldest ? oldest : after + 1; n <= j->last && max > 0; n++, max--)
		json_array_append_new(rows, entry_json(&j->entry[n % j->limit]));
	return rows;
}

uint64_t
journal_last(const struct journal *j)
{
	return j->last;
}

void
journal_listen(struct journal *j, void (*fn)(void *arg), void *arg)
{
	j->fn = fn;
	j->arg = arg;
}
