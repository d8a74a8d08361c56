/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What journal_add wrote to stderr since the last call. */
static char captured[4096];
static FILE *capture_file;
static int saved_stderr;

static void
capture_start(void)
{
	capture_file = tmpfile();
	assert_non_null(capture_file);
	fflush(stderr);
	saved_stderr = dup(2);
	dup2(fileno(capture_file), 2);
}

static const char *
capture_end(void)
{
	size_t n;

	fflush(stderr);
	dup2(saved_stderr, 2);
	close(saved_stderr);
	rewind(capture_file);
	n = fread(captured, 1, sizeof(captured) - 1, capture_file);
	captured[n] = '\0';
	fclose(capture_file);
	return captured;
}

static uint64_t
number_at(const json_t *rows, size_t i)
{
	return (uint64_t)json_integer_value(json_object_get(json_array_get(rows, i), "number"));
}

static void
only_the_newest_are_kept_and_told_oldest_first(void **state)
{
	struct journal *j;
	json_t *rows;
	int i;

	capture_start();
	j = journal_create(3);
	for (i = 1; i <= 5; i++)
		journal_add(j, JOURNAL_NOTICE, "test", NULL, NULL, "event %d", i);
	capture_end();
	assert_int_equal(journal_last(j), 5);

	rows = journal_since(j, 0, 100);
	assert_int_equal(json_array_size(rows), 3);
	assert_int_equal(number_at(rows, 0), 3);
	assert_int_equal(number_at(rows, 2), 5);
	json_decref(rows);

	rows = journal_since(j, 3, 1);
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(number_at(rows, 0), 4);
	json_decref(rows);

	rows = journal_since(j, 5, 100);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	journal_free(j);
}

static void
an_event_tells_what_it_is_about(void **state)
{
	struct journal *j;
	json_t *rows, *row;

	capture_start();
	j = journal_create(10);
	journal_add(j, JOURNAL_WARNING, "endpoint-down", "web", NULL, "port %d\nrefused \xff", 80);
	capture_end();
	rows = journal_since(j, 0, 1);
	row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(row, "kind")), "endpoint-down");
	assert_string_equal(json_string_value(json_object_get(row, "service")), "web");
	assert_true(json_is_null(json_object_get(row, "endpoint")));
	assert_string_equal(json_string_value(json_object_get(row, "text")), "port 80 refused ?");
	assert_true(json_integer_value(json_object_get(row, "time")) > 1600000000000);
	json_decref(rows);
	journal_free(j);
}

static void
the_log_has_one_line_with_names_in_quotes(void **state)
{
	struct journal *j;

	unsetenv("JOURNAL_STREAM");
	capture_start();
	j = journal_create(10);
	journal_add(j, JOURNAL_NOTICE, "shift", "web", "web1", "50 %%\nnow");
	capture_end();
	assert_non_null(strstr(captured, "notice shift \"web\" \"web1\": 50 % now\n"));
	journal_free(j);
}

static void
under_systemd_lines_carry_priorities(void **state)
{
	static const char *const prefix[] = {"<3>", "<4>", "<5>", "<7>"};
	struct journal *j;
	unsigned level;

	setenv("JOURNAL_STREAM", "8:1", 1);
	for (level = JOURNAL_ERR; level <= JOURNAL_DEBUG; level++) {
		capture_start();
		j = journal_create(10);
		journal_add(j, level, "test", NULL, NULL, "x");
		capture_end();
		journal_free(j);
		assert_int_equal(strncmp(captured, prefix[level], 3), 0);
		assert_string_equal(captured + 3, "test: x\n");
	}
	unsetenv("JOURNAL_STREAM");
}

static void
heard(void *arg)
{
	++*(unsigned *)arg;
}

static void
the_listener_hears_of_each_event(void **state)
{
	struct journal *j;
	unsigned calls = 0;

	capture_start();
	j = journal_create(1);
	journal_listen(j, heard, &calls);
	journal_add(j, JOURNAL_DEBUG, "test", NULL, NULL, "a");
	journal_add(j, JOURNAL_DEBUG, "test", NULL, NULL, "b");
	capture_end();
	assert_int_equal(calls, 2);
	journal_free(j);
	journal_free(NULL);
}

/* Both ends of a pipe that is stderr. */
static void
pipe_start(int ends[2])
{
	assert_int_equal(pipe(ends), 0);
	saved_stderr = dup(2);
	dup2(ends[1], 2);
}

static void
pipe_end(int ends[2])
{
	dup2(saved_stderr, 2);
	close(saved_stderr);
	close(ends[0]);
	close(ends[1]);
}

static void
a_log_that_nobody_reads_loses_lines_and_tells_so_later(void **state)
{
	char rest[70000];
	struct journal *j;
	int ends[2], i;
	ssize_t n;

	pipe_start(ends);
	j = journal_create(10);
	alarm(10); /* instead of waiting for ever */
	for (i = 0; i < 3000; i++)
		journal_add(j, JOURNAL_NOTICE, "test", NULL, NULL, "a line of some length");
	n = read(ends[0], rest, sizeof(rest));
	assert_true(n > 60000);
	journal_add(j, JOURNAL_NOTICE, "test", NULL, NULL, "the last");
	alarm(0);
	n = read(ends[0], rest, sizeof(rest) - 1);
	pipe_end(ends);
	journal_free(j);
	rest[n] = '\0';
	assert_non_null(strstr(rest, " lines lost"));
	assert_non_null(strstr(rest, "test: the last\n"));
}

static void
the_others_on_stderr_find_it_as_it_was(void **state)
{
	struct journal *j;
	int ends[2];

	pipe_start(ends);
	j = journal_create(10);
	assert_int_equal(fcntl(2, F_GETFL) & O_NONBLOCK, 0);
	journal_free(j);
	pipe_end(ends);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(only_the_newest_are_kept_and_told_oldest_first),
			cmocka_unit_test(an_event_tells_what_it_is_about),
			cmocka_unit_test(the_log_has_one_line_with_names_in_quotes),
			cmocka_unit_test(under_systemd_lines_carry_priorities),
			cmocka_unit_test(a_log_that_nobody_reads_loses_lines_and_tells_so_later),
			cmocka_unit_test(the_others_on_stderr_find_it_as_it_was),
			cmocka_unit_test(the_listener_hears_of_each_event),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
