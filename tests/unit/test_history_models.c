/* SPDX-License-Identifier: Apache-2.0 */
/* Which models the database lets go of, in simulated time. */
#include "history_read.h"
#include "history_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR 3600u
#define DAY (24 * HOUR)
#define NOON 1795219200u /* of a day in 2026 */
#define MODEL_BYTES (64 << 10)
#define EVERY_S 600

static char directory[64], file[96];
static struct history_limits limits;
static struct history_shared shared;
static struct history_writer *writer;
static struct history_series series;

static int
setup(void **state)
{
	strcpy(directory, "/tmp/understudy-test-history-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/db", directory);
	limits = (struct history_limits){.size = 1ull << 30,
			.keep_s = {HOUR, DAY, 90 * DAY},
			.keep_records_s = HOUR};
	series = (struct history_series){.name = {"web", "web1", "loss"}};
	memset(&shared, 0, sizeof(shared));
	shared.notes_fd = -1;
	assert_int_equal(history_ring_init(&shared.queue, 1 << 12), 0);
	assert_int_equal(history_ring_init(&shared.notes, 16), 0);
	writer = history_writer_create(file, &limits, &shared);
	return writer ? 0 : -1;
}

static int
teardown(void **state)
{
	struct history_item item;
	char command[128];

	history_writer_free(writer);
	while (history_ring_take(&shared.notes, &item))
		free(item.message);
	history_ring_fini(&shared.queue);
	history_ring_fini(&shared.notes);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* Each of another endpoint. */
static void
save(uint32_t second)
{
	static char state[MODEL_BYTES], name[64][24];
	static unsigned next;
	struct history_item item = {.message = malloc(sizeof(struct history_message))};

	assert_non_null(item.message);
	snprintf(name[next % 64], sizeof(name[0]), "risk/endpoint/web/%u", next);
	*(struct history_message *)item.message = (struct history_message){.kind = HISTORY_MODEL,
			.model = {name[next++ % 64], 1, second * 1000ull, state, sizeof(state)}};
	assert_true(history_ring_put(&shared.queue, &item));
}

static void
sample(uint32_t from, uint32_t to)
{
	struct history_item item = {.series = &series};
	uint32_t t;

	for (t = from; t < to; t++) {
		item.wall_ms = t * 1000ull;
		item.value = t % HOUR;
		assert_true(history_ring_put(&shared.queue, &item));
		if (t % 10 == 0)
			history_writer_turn(writer);
	}
}

static void
count_model(void *arg, const char *name, uint32_t version, const void *state, size_t size)
{
	(*(size_t *)arg)++;
}

static size_t
kept(void)
{
	struct history_read *r;
	size_t n = 0;

	assert_int_equal(history_read_open(file, &r), 0);
	assert_int_equal(history_read_models(r, "", count_model, &n), 0);
	history_read_close(r);
	return n;
}

/* Of endpoints that come and go, each by a name of its own. */
static void
models_that_nobody_saves_any_more_go(void **state)
{
	uint32_t i;

	for (i = 0; i < 20; i++)
		save(NOON + i * EVERY_S);
	sample(NOON, NOON + 20 * EVERY_S);
	assert_in_range(kept(), 6, 7); /* of the last hour */
}

static void
where_room_lacks_they_go_before_what_is_younger(void **state)
{
	uint32_t i;

	limits.keep_records_s = 365 * DAY;
	for (i = 0; i < 20; i++)
		save(NOON + i * EVERY_S);
	sample(NOON, NOON + 20 * EVERY_S);
	assert_int_equal(kept(), 20);
	limits.size = 4 * MODEL_BYTES;
	sample(NOON + 20 * EVERY_S, NOON + DAY);
	assert_in_range(kept(), 0, 3);
}

int
main(void)
{
#define IN_DATABASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
			IN_DATABASE(models_that_nobody_saves_any_more_go),
			IN_DATABASE(where_room_lacks_they_go_before_what_is_younger),
	};

	return cmocka_run_group_tests_name("history_models", tests, NULL, NULL);
}
