/* SPDX-License-Identifier: Apache-2.0 */
#include "history_fixture.h"

static void
samples_come_back_as_soon_as_they_are_written(void **state)
{
	samples(NOON + 17, NOON + 18, ramp);
	expect_ramp(NOON + 17, NOON + 18);
	samples(NOON + 18, NOON + 700, ramp);
	expect_ramp(NOON + 17, NOON + 700);
	assert_int_equal(read_series("red", NOON, NOON + 1, 1), -ENOENT);
}

static void
steps_are_summed_up_from_what_is_there(void **state)
{
	const struct history_point *p;
	size_t n;

	samples(NOON, NOON + 600, ramp);
	assert_int_equal(read_series("reply_p99", NOON, NOON + 600, 60), 0);
	p = points(&n);
	assert_int_equal(n, 10);
	assert_int_equal(p[1].count, 60);
	assert_true(p[1].min == 60 && p[1].max == 119);
	assert_true(fabs(p[1].mean - 89.5) < 0.001);
}

static void
gaps_are_left_out(void **state)
{
	size_t n;

	sample(0, NOON, 1);
	sample(0, NOON + 1, NAN);
	sample(0, NOON + 2, 3);
	sample(0, NOON + 500, 4);
	history_writer_turn(writer);
	assert_int_equal(read_series("reply_p99", NOON, NOON + 600, 1), 0);
	points(&n);
	assert_int_equal(n, 3);
}

static void
a_kill_loses_nothing_that_was_written(void **state)
{
	const struct history_point *p;
	size_t i, n;
	pid_t child;
	int round, status;
	uint32_t at = NOON + 1000;

	limits.keep_s[HISTORY_1S] = 2 * HOUR;
	end();
	for (round = 0; round < 3; round++, at += 1500) {
		child = fork();
		if (child == 0) {
			name_series();
			begin();
			samples(at, at + 1500, ramp);
			kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		expect_ramp(NOON + 1000, at + 1500);
	}
	/* And the coarser steps are as whole as if nothing had happened. */
	name_series();
	begin();
	samples(at, NOON + 3 * HOUR, ramp);
	assert_int_equal(read_series("reply_p99", NOON, NOON + 3 * HOUR, 60), 0);
	p = points(&n);
	for (i = 0; i < n; i++)
		assert_int_equal(p[i].count, i == 0 ? 20 : 60);
	assert_int_equal(p[n - 1].time_ms, (NOON + 3 * HOUR - 60) * 1000ull);
}

/* Another process held it at the start: what it wrote last, and what was measured meanwhile, become one. */
static void
a_database_that_opens_late_goes_on_where_it_ended(void **state)
{
	struct history_store *other = NULL;
	const struct history_point *p;
	char why[128];
	size_t i, n;

	limits.keep_s[HISTORY_1S] = 4 * HOUR;
	samples(NOON + 1000, NOON + 1500, ramp);
	end();
	assert_int_equal(history_store_open(file, &other, why, sizeof(why)), 0);
	name_series();
	begin();
	samples(NOON + 1500, NOON + 1553, ramp);
	assert_false(shared.usable);
	history_store_close(other);
	history_writer_hurry(writer);
	samples(NOON + 1553, NOON + 1700, ramp);
	assert_true(shared.usable);
	expect_ramp(NOON + 1000, NOON + 1700);
	samples(NOON + 1700, NOON + 3 * HOUR, ramp);
	expect_ramp(NOON + 1000, NOON + 3 * HOUR);
	assert_int_equal(read_series("reply_p99", NOON, NOON + 3 * HOUR, 60), 0);
	p = points(&n);
	assert_int_equal(n, 3 * HOUR / 60 - 16);
	for (i = 0; i < n; i++)
		assert_int_equal(p[i].count, i == 0 ? 20 : 60);
	again();
	limits.keep_s[HISTORY_1S] = HOUR;
	samples(NOON + 3 * HOUR, NOON + 6 * HOUR, ramp);
	assert_int_equal(read_series("reply_p99", NOON, NOON + HOUR, 60), 0);
	p = points(&n);
	for (i = 0; i < n; i++) {
		assert_int_equal(p[i].count, i == 0 ? 20 : 60);
		assert_true(p[i].min >= ramp(NOON) && p[i].max < 1.01 * HOUR);
	}
}

static void
finer_steps_go_and_coarser_ones_stay(void **state)
{
	const struct history_point *p;
	uint32_t end_at = NOON + 4 * HOUR;
	size_t i, n, ones = 0, tens = 0, minutes = 0;

	limits.keep_s[HISTORY_10S] = 2 * HOUR;
	samples(NOON, end_at, ramp);
	assert_int_equal(read_series("reply_p99", NOON, end_at, 1), 0);
	p = points(&n);
	for (i = 0; i + 1 < n; i++) {
		ones += p[i].count == 1;
		tens += p[i].count == 10;
		minutes += p[i].count == 60;
		assert_true(p[i + 1].time_ms - p[i].time_ms == p[i].count * 1000);
	}
	assert_in_range(ones, HOUR, HOUR + 300);
	assert_in_range(tens, (HOUR - 300) / 10, (HOUR + 900) / 10);
	assert_in_range(minutes, (2 * HOUR - 1200) / 60, 2 * HOUR / 60);
	for (i = 0; i < n; i++)
		assert_true(fabs(p[i].mean -
					    (ramp((uint32_t)(p[i].time_ms / 1000)) +
							    (p[i].count - 1) / 2.0)) < 0.1);
}

static void
the_oldest_goes_when_there_is_too_much(void **state)
{
	struct history_store *s;
	uint32_t t;
	uint64_t used = 0;
	char why[128];
	size_t k, n;

	limits.size = 256 << 10;
	for (t = NOON; t < NOON + 2 * DAY; t += 10) {
		for (k = 0; k < 4; k++)
			sample(k, t, sin(t * (double)(k + 1)) * t);
		if (t % 600 == 0)
			history_writer_turn(writer);
	}
	end();
	assert_int_equal(history_store_open(file, &s, why, sizeof(why)), 0);
	history_store_used(s, &used);
	assert_in_range(used, 100 << 10, 280 << 10);
	history_store_close(s);
	assert_int_equal(read_series("reply_p99", NOON, NOON + 2 * DAY, 60), 0);
	assert_true(points(&n)[0].time_ms > (NOON + 6 * HOUR) * 1000ull);
	assert_true(points(&n)[n - 1].time_ms >= (NOON + 2 * DAY - 120) * 1000ull);
	begin();
}

static size_t states;

static void
take_model(void *arg, const char *name, uint32_t version, const void *state, size_t size)
{
	states++;
	assert_string_equal(name, "anomaly/web/web1/loss");
	assert_int_equal(version, 3);
	assert_int_equal(size, 5);
	assert_memory_equal(state, "after", 5);
}

static void
of_a_model_the_newest_state_is_kept_until_it_is_forgotten(void **state)
{
	struct history_message m = {.model = {"anomaly/web/web1/loss", 3, 1, "first", 5}};
	struct history_read *r;

	send(HISTORY_MODEL, &m);
	m.model.state = "after";
	send(HISTORY_MODEL, &m);
	history_writer_turn(writer);
	again();
	states = 0;
	assert_int_equal(history_read_open(file, &r), 0);
	assert_int_equal(history_read_models(r, "anomaly/", take_model, NULL), 0);
	assert_int_equal(states, 1);
	assert_int_equal(history_read_models(r, "anomaly_", take_model, NULL), 0);
	assert_int_equal(states, 1);
	m.name_prefix = "anomaly/web/";
	send(HISTORY_FORGET, &m);
	history_writer_turn(writer);
	assert_int_equal(history_read_models(r, "", take_model, NULL), 0);
	assert_int_equal(states, 1);
	history_read_close(r);
}

static void
records_come_back_oldest_first_and_go_when_they_are_old(void **state)
{
	const struct history_record_query decisions = {.kind = "decision", .max = 3};
	const struct history_record_query all = {.max = 10};
	struct history_message m = {.entry = {"decision", "web", "web1", "{\"rung\":7}", 0}};
	struct history_read *r;
	json_t *rows;
	int i;

	for (i = 0; i < 5; i++) {
		m.entry.wall_ms = (NOON + (uint32_t)i) * 1000ull;
		m.entry.kind = i == 3 ? "failure" : "decision";
		send(HISTORY_RECORD, &m);
	}
	history_writer_turn(writer);
	assert_int_equal(history_read_open(file, &r), 0);
	assert_int_equal(history_read_records(r, &decisions, &rows), 0);
	assert_int_equal(json_array_size(rows), 3);
	assert_true(json_integer_value(json_object_get(json_array_get(rows, 0), "time")) ==
			(NOON + 1) * 1000ll);
	assert_int_equal(json_integer_value(json_object_get(
					 json_object_get(json_array_get(rows, 2), "record"),
					 "rung")),
			7);
	json_decref(rows);
	limits.keep_records_s = HOUR;
	samples(NOON + 2 * HOUR, NOON + 2 * HOUR + 20, ramp);
	assert_int_equal(history_read_records(r, &all, &rows), 0);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	history_read_close(r);
}

static void
series_of_one_question_are_told_apart(void **state)
{
	uint32_t t;
	size_t k;

	for (t = NOON; t < NOON + 300; t++) {
		for (k = 0; k < 4; k++)
			sample(k, t, (double)k);
		history_writer_turn(writer);
	}
	assert_int_equal(read_series("", NOON, NOON + 300, 1), 0);
	assert_int_equal(result.count, 4);
	for (k = 0; k < 4; k++)
		assert_int_equal(result.series[k].count, 300);
	assert_string_equal(result.series[0].name[2], "loss");
	assert_true(result.series[0].point[150].mean == 1);
	assert_string_equal(result.series[3].name[2], "shift");
	assert_true(result.series[3].point[299].mean == 3);
}

static void
a_clock_that_runs_away_for_a_moment_costs_little(void **state)
{
	size_t n;

	samples(NOON, NOON + 2000, ramp);
	samples(NOON + 400 * DAY, NOON + 400 * DAY + 3, ramp);
	samples(NOON + 2000, NOON + 2100, ramp);
	assert_int_equal(read_series("reply_p99", NOON, NOON + 2100, 1), 0);
	points(&n);
	assert_in_range(n, 2100 - 400, 2100);
}

static uint64_t noise_seed = 88172645463325252ull;

static double
noise(void)
{
	double sum = 0;
	int i;

	for (i = 0; i < 12; i++) {
		noise_seed ^= noise_seed << 13;
		noise_seed ^= noise_seed >> 7;
		noise_seed ^= noise_seed << 17;
		sum += (double)(noise_seed >> 11) / 9007199254740992.0;
	}
	return sum - 6;
}

/* An endpoint's twelve metrics as a busy one has them: times, rates, counts, shares that are mostly zero. */
static double
like_a_real_one(unsigned metric, uint32_t t)
{
	double day = 1 + 0.5 * sin(t * 2 * M_PI / DAY);

	switch (metric % 12) {
	case 0:
	case 1:
	case 2:
	case 3:
		return 500 * (1 + metric % 4) * exp(0.15 * (1 + metric % 4) * noise());
	case 4:
	case 5:
		return noise() > 2 ? 0.0005 * floor(1 + 2 * fabs(noise())) : 0;
	case 6:
	case 7:
		return metric % 12 == 6 ? floor(fabs(5 * noise())) : 0;
	case 8:
	case 9:
		return floor(2000 * day + 40 * noise()) / (1 + 0.0003 * noise());
	case 10:
		return floor(300 * day + 10 * noise());
	default:
		return 3e6 * day * (1 + 0.03 * noise());
	}
}

/* Bytes of the chunks of a tier for each of their steps, and of the file for each sample. docs/history.md has them. */
static void
series_like_real_ones_take_few_bytes(void **state)
{
	static const double bytes_max[HISTORY_TIERS] = {1.7, 5, 5};
	static const double step_s[HISTORY_TIERS] = {1, 10, 60};
	static struct history_series many[24];
	const uint32_t from = NOON, to = NOON + 4 * HOUR;
	char name[24][16], text[160];
	double bytes, steps;
	uint32_t t;
	unsigned k;
	sqlite3 *db;
	sqlite3_stmt *st;

	limits.keep_s[HISTORY_1S] = DAY;
	for (k = 0; k < 24; k++) {
		snprintf(name[k], sizeof(name[k]), "m%u", k);
		many[k] = (struct history_series){.name = {"web", "web1", name[k]}};
	}
	for (t = from; t < to + 10; t++) {
		for (k = 0; k < 24; k++) {
			struct history_item item = {.series = &many[k],
					.wall_ms = t * 1000ull,
					.value = like_a_real_one(k, t)};
			history_ring_put(&shared.queue, &item);
		}
		if (t % 60 == 0 || t > to)
			history_writer_turn(writer);
	}
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	for (k = 0; k < HISTORY_TIERS; k++) {
		snprintf(text, sizeof(text), "SELECT sum(length(samples)) FROM chunk WHERE tier=%u",
				k);
		sqlite3_prepare_v2(db, text, -1, &st, NULL);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		bytes = sqlite3_column_double(st, 0);
		sqlite3_finalize(st);
		steps = 24 * (to - from) / step_s[k];
		if (getenv("HISTORY_BYTES"))
			print_message("# tier %u: %.2f bytes a step\n", k, bytes / steps);
		assert_in_range(bytes, 1, bytes_max[k] * steps);
	}
	sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &st, NULL);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	bytes = sqlite3_column_double(st, 0) * 4096;
	sqlite3_finalize(st);
	sqlite3_close(db);
	if (getenv("HISTORY_BYTES"))
		print_message("# the file: %.2f bytes a sample\n", bytes / (24 * (to - from)));
	end();
}

int
main(void)
{
#define IN_DATABASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
			IN_DATABASE(samples_come_back_as_soon_as_they_are_written),
			IN_DATABASE(steps_are_summed_up_from_what_is_there),
			IN_DATABASE(gaps_are_left_out),
			IN_DATABASE(a_kill_loses_nothing_that_was_written),
			IN_DATABASE(a_database_that_opens_late_goes_on_where_it_ended),
			IN_DATABASE(finer_steps_go_and_coarser_ones_stay),
			IN_DATABASE(the_oldest_goes_when_there_is_too_much),
			IN_DATABASE(of_a_model_the_newest_state_is_kept_until_it_is_forgotten),
			IN_DATABASE(records_come_back_oldest_first_and_go_when_they_are_old),
			IN_DATABASE(series_of_one_question_are_told_apart),
			IN_DATABASE(series_like_real_ones_take_few_bytes),
			IN_DATABASE(a_clock_that_runs_away_for_a_moment_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
