/* SPDX-License-Identifier: Apache-2.0 */
/* A history in a directory of its own, written by hand: `begin` and `end` of a writer, samples, and what readers see. */
#pragma once

#include "history_read.h"
#include "history_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR 3600u
#define DAY (24 * HOUR)
/* Of a day in 2026, and the beginning of a slot in every tier. */
#define NOON 1795219200u

static char directory[64], file[96];
static struct history_limits limits;
static struct history_shared shared;
static struct history_writer *writer;
static struct history_series series[4];
static struct history_read_result result;

static inline void
begin(void)
{
	memset(&shared, 0, sizeof(shared));
	shared.notes_fd = -1;
	assert_int_equal(history_ring_init(&shared.queue, 1 << 16), 0);
	assert_int_equal(history_ring_init(&shared.notes, 16), 0);
	writer = history_writer_create(file, &limits, &shared);
	assert_non_null(writer);
	history_writer_resume(writer);
}

/* The text of the oldest note, or "". */
static inline const char *
noted(void)
{
	static char text[600];
	struct history_item item;
	struct history_note *note;

	text[0] = '\0';
	if (!history_ring_take(&shared.notes, &item))
		return text;
	note = item.message;
	snprintf(text, sizeof(text), "%s%s", note->error ? "ERR " : "", note->text);
	free(note);
	return text;
}

static inline void
end(void)
{
	history_writer_free(writer);
	writer = NULL;
	while (*noted())
		;
	history_ring_fini(&shared.queue);
	history_ring_fini(&shared.notes);
}

static inline void
name_series(void)
{
	static const char *const metric[4] = {"reply_p99", "loss", "requests", "shift"};
	size_t i;

	for (i = 0; i < 4; i++)
		series[i] = (struct history_series){.name = {"web", "web1", metric[i]}};
}

static inline int
setup(void **state)
{
	strcpy(directory, "/tmp/understudy-test-history-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/db", directory);
	limits = (struct history_limits){.size = 1ull << 30,
			.keep_s = {HOUR, DAY, 90 * DAY},
			.keep_records_s = 365 * DAY};
	name_series();
	begin();
	return 0;
}

static inline int
teardown(void **state)
{
	char command[128];

	history_read_result_fini(&result);
	if (writer)
		end();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static inline void
again(void)
{
	end();
	name_series();
	begin();
}

static inline void
sample(size_t which, uint32_t second, double value)
{
	struct history_item item = {.series = &series[which],
			.wall_ms = (uint64_t)second * 1000,
			.value = value};

	assert_true(history_ring_put(&shared.queue, &item));
}

/* One sample a second of the first series, and a turn each. */
static inline void
samples(uint32_t from, uint32_t to, double (*at)(uint32_t second))
{
	uint32_t t;

	for (t = from; t < to; t++) {
		sample(0, t, at(t));
		if (t % 7 == 0 || t + 1 == to)
			history_writer_turn(writer);
	}
}

static inline double
ramp(uint32_t second)
{
	return second % HOUR;
}

static inline int
read_series(const char *metric, uint32_t from, uint32_t to, uint32_t step)
{
	const struct history_query q = {.service = "web",
			.endpoint = "",
			.metric = metric,
			.from_ms = from * 1000ull,
			.to_ms = to * 1000ull,
			.step_ms = step * 1000,
			.points_max = 1000000};
	static const bool cancelled;
	struct history_read *r;
	int error;

	history_read_result_fini(&result);
	error = history_read_open(file, &r);
	if (error)
		return error;
	error = history_read_points(r, &q, &cancelled, &result);
	history_read_close(r);
	return error;
}

static inline const struct history_point *
points(size_t *count)
{
	*count = result.count ? result.series[0].count : 0;
	return result.count ? result.series[0].point : NULL;
}

/* Every second of [from, to) is there once, as the ramp has it. */
static inline void
expect_ramp(uint32_t from, uint32_t to)
{
	const struct history_point *p;
	size_t i, n;

	assert_int_equal(read_series("reply_p99", from, to, 1), 0);
	p = points(&n);
	assert_int_equal(n, to - from);
	for (i = 0; i < n; i++) {
		assert_int_equal(p[i].time_ms, (from + i) * 1000ull);
		assert_int_equal(p[i].count, 1);
		assert_true(p[i].mean == ramp(from + (uint32_t)i));
	}
}

static inline void
send(enum history_message_kind kind, const struct history_message *like)
{
	struct history_item item = {.message = malloc(sizeof(*like))};

	assert_non_null(item.message);
	memcpy(item.message, like, sizeof(*like));
	((struct history_message *)item.message)->kind = kind;
	assert_true(history_ring_put(&shared.queue, &item));
}
