/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are damaged, deleted, full, of others: what is kept, and what goes on. */
#include "history_fixture.h"

static void
write_file(const char *path, const void *bytes, size_t size, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_true(pwrite(fd, bytes, size, at) == (ssize_t)size);
	close(fd);
}

static bool
is_set_aside(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s.damaged", file);
	return access(path, F_OK) == 0;
}

static void
garbage(void)
{
	static char bytes[20000];

	memset(bytes, 'x', sizeof(bytes));
	write_file(file, bytes, sizeof(bytes), 0);
}

static void
cut_off(void)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(truncate(file, st.st_size / 8192 * 4096), 0);
}

static void
execute(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
later_layout(void)
{
	execute("PRAGMA user_version=99");
}

static void
something_else(void)
{
	unlink(file);
	execute("CREATE TABLE cake(recipe)");
}

static void
lacking_a_table(void)
{
	execute("DROP TABLE chunk");
}

static void
a_damaged_database_is_set_aside_and_a_new_one_begun(void **state)
{
	static const struct {
		const char *name;
		void (*damage)(void);
	} cases[] = {{"garbage", garbage}, {"cut off", cut_off}, {"later layout", later_layout},
			{"something else", something_else}, {"lacking a table", lacking_a_table}};
	char aside[128];
	const char *text;
	size_t i;

	snprintf(aside, sizeof(aside), "%s.damaged", file);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		samples(NOON, NOON + 2000, ramp);
		end();
		unlink(aside);
		cases[i].damage();
		name_series();
		begin();
		text = noted();
		if (strncmp(text, "ERR ", 4) != 0 || !is_set_aside() || !shared.usable)
			fail_msg("%s: '%s'", cases[i].name, text);
		samples(NOON + 3000, NOON + 3100, ramp);
		expect_ramp(NOON + 3000, NOON + 3100);
	}
}

/* Every page but the first is overwritten while the writer and readers have it open. */
static void
damage_found_while_running_costs_what_was_kept_and_no_more(void **state)
{
	static char bytes[1 << 20];
	struct stat st;
	uint32_t t;
	int i;

	samples(NOON, NOON + 9000, ramp);
	execute("PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(stat(file, &st), 0);
	memset(bytes, 0xa5, sizeof(bytes));
	assert_true(st.st_size < (off_t)sizeof(bytes));
	write_file(file, bytes, (size_t)st.st_size - 4096, 4096);
	t = NOON + 9000;
	for (i = 0; i < 10 && !is_set_aside(); i++, t += 130)
		samples(t, t + 130, ramp);
	assert_true(is_set_aside());
	assert_non_null(strstr(noted(), "ERR "));
	samples(t, t + 300, ramp);
	expect_ramp(t, t + 300);
}

static void
a_database_that_was_deleted_is_begun_anew(void **state)
{
	samples(NOON, NOON + 300, ramp);
	assert_int_equal(unlink(file), 0);
	samples(NOON + 300, NOON + 330, ramp);
	assert_non_null(strstr(noted(), "deleted or replaced"));
	assert_true(shared.usable);
	samples(NOON + 330, NOON + 600, ramp);
	assert_int_equal(access(file, F_OK), 0);
	expect_ramp(NOON + 330, NOON + 600);
	end();
	begin();
	expect_ramp(NOON + 330, NOON + 600);
}

static void
what_readers_find_damaged_is_set_aside_too(void **state)
{
	samples(NOON, NOON + 10, ramp);
	history_writer_doubt(&shared);
	samples(NOON + 10, NOON + 20, ramp);
	assert_true(is_set_aside());
	assert_true(shared.usable);
	samples(NOON + 20, NOON + 30, ramp);
	expect_ramp(NOON + 20, NOON + 30);
}

static void
a_full_disk_is_survived(void **state)
{
	char small[80], filler[128];
	uint32_t t;

	end();
	snprintf(small, sizeof(small), "%.64s/small", directory);
	snprintf(file, sizeof(file), "%s/db", small);
	assert_int_equal(mkdir(small, 0700), 0);
	if (mount("none", small, "tmpfs", 0, "size=512k") < 0) {
		print_message("# needs to mount a tmpfs: %s\n", strerror(errno));
		snprintf(file, sizeof(file), "%s/db", directory);
		begin();
		skip();
	}
	name_series();
	begin();
	for (t = NOON; t < NOON + DAY && shared.lost == 0; t++) {
		sample(0, t, sin(t) * t);
		sample(1, t, cos(t) * t);
		if (t % 100 == 0)
			history_writer_turn(writer);
	}
	snprintf(filler, sizeof(filler), "%s.damaged", file);
	assert_true(shared.lost > 0);
	assert_non_null(strstr(noted(), "ERR database"));
	samples(t, t + 3000, ramp);
	unlink(filler);
	end();
	begin();
	name_series();
	samples(t + 3000, t + 3100, ramp);
	assert_true(shared.usable);
	expect_ramp(t + 3000, t + 3100);
	end();
	umount(small);
	snprintf(file, sizeof(file), "%s/db", directory);
	begin();
}

static void
one_file_is_for_one_gateway(void **state)
{
	struct history_store *s = NULL;
	char why[128];

	assert_int_equal(history_store_open(file, &s, why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "another process"));
	assert_false(is_set_aside());
}

/* The log cannot be taken into the file while somebody reads what was there before: then the file is shorter than the
 * database. */
static void
who_reads_while_it_is_opened_makes_it_no_damaged_one(void **state)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	static char big[1 << 20];
	struct history_message m = {.model = {"risk/model", 1, 1, big, sizeof(big)}};

	samples(NOON, NOON + 5, ramp);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM tail", -1, &st, NULL),
			SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	send(HISTORY_MODEL, &m);
	samples(NOON + 5, NOON + 100, ramp);
	again();
	assert_string_equal(noted(), "");
	assert_false(is_set_aside());
	sqlite3_finalize(st);
	sqlite3_close(db);
	expect_ramp(NOON, NOON + 100);
}

/* No checksum covers a blob: a flipped bit may name a series by a number that takes gigabytes to index. */
static void
a_tail_that_names_unknown_series_costs_no_memory(void **state)
{
	samples(NOON, NOON + 5, ramp);
	end();
	/* Series 2^20, sample 0. */
	execute("INSERT INTO tail(second, samples) VALUES(1795219205, x'80808001' || x'00')");
	name_series();
	begin();
	assert_int_equal(shared.live, 1);
	expect_ramp(NOON, NOON + 5);
}

int
main(void)
{
#define IN_DATABASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
			IN_DATABASE(a_damaged_database_is_set_aside_and_a_new_one_begun),
			IN_DATABASE(damage_found_while_running_costs_what_was_kept_and_no_more),
			IN_DATABASE(a_database_that_was_deleted_is_begun_anew),
			IN_DATABASE(what_readers_find_damaged_is_set_aside_too),
			IN_DATABASE(a_full_disk_is_survived),
			IN_DATABASE(who_reads_while_it_is_opened_makes_it_no_damaged_one),
			IN_DATABASE(a_tail_that_names_unknown_series_costs_no_memory),
			IN_DATABASE(one_file_is_for_one_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
