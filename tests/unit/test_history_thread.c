/* SPDX-License-Identifier: Apache-2.0 */
/* The threads: what the control thread gives comes back by the loop, and it never waits. */
#include "history.h"

#include "collect.h"
#include "fake_gateway.h"
#include "history_feed.h"
#include "measure.h"
#include "predictor.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ENDPOINTS 1000
#define METRICS 16

static struct fake *f;
static char directory[64], file[96];
static uint64_t now_ms;

static void
configure(const char *path, uint32_t queue)
{
	struct config *c = (struct config *)(uintptr_t)registry_config(f->g.registry);

	free(c->history.file);
	c->history.file = strdup(path);
	c->history.queue = queue;
}

static int
setup(void **state)
{
	strcpy(directory, "/tmp/understudy-test-history-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/db", directory);
	f = fake_create("/nonexistent/api.sock");
	configure(file, 1 << 15);
	now_ms = loop_wall_ms();
	f->g.history = history_create(&f->g);
	return f->g.history ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	history_free(f->g.history);
	f->g.history = NULL;
	fake_free(f);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static size_t told, told_points;
static int told_error;

static void
take_points(void *arg, int error, const struct history_answer *series, size_t count)
{
	size_t i;

	told++;
	told_error = error;
	told_points = 0;
	for (i = 0; i < count; i++)
		told_points += series[i].count;
	loop_stop(f->g.loop);
}

static void
take_rows(void *arg, int error, json_t *rows)
{
	told++;
	told_error = error;
	told_points = json_array_size(rows);
	loop_stop(f->g.loop);
}

static struct history_ticket *
ask(size_t points_max)
{
	const struct history_query q = {.service = "web",
			.endpoint = "",
			.metric = "",
			.from_ms = 0,
			.to_ms = now_ms + 3600000,
			.step_ms = 1000,
			.points_max = points_max};

	told = 0;
	return history_query(f->g.history, &q, take_points, NULL);
}

static void
what_was_given_is_read_back_by_the_loop(void **state)
{
	struct history_series *s = history_series(f->g.history, "web", "web1", "loss");
	struct history_stats stats;
	int i;

	assert_ptr_equal(s, history_series(f->g.history, "web", "web1", "loss"));
	for (i = 0; i < 300; i++)
		history_sample(f->g.history, s, now_ms + (uint64_t)i * 1000, i);
	history_sync(f->g.history);
	assert_non_null(ask(1000));
	assert_int_equal(told, 0);
	loop_run(f->g.loop);
	assert_int_equal(told_error, 0);
	assert_int_equal(told_points, 300);
	assert_non_null(ask(299));
	loop_run(f->g.loop);
	assert_int_equal(told_error, -E2BIG);
	history_stats(f->g.history, &stats);
	assert_true(stats.usable);
	assert_int_equal(stats.samples, 300);
	assert_int_equal(stats.dropped + stats.lost, 0);
	assert_true(stats.bytes_on_disk > 4096);
}

static void
records_and_models_come_back(void **state)
{
	const struct history_record_query decisions = {.kind = "decision", .max = 10};
	json_t *record = json_pack("{s:i}", "rung", 3);

	history_record(f->g.history, "decision", "web", "web1", now_ms, record);
	json_decref(record);
	history_model_save(f->g.history, "anomaly/web/web1/loss", 2, "state", 5);
	history_sync(f->g.history);
	told = 0;
	history_records(f->g.history, &decisions, take_rows, NULL);
	loop_run(f->g.loop);
	assert_int_equal(told_points, 1);
	history_model_list(f->g.history, "anomaly/", take_rows, NULL);
	loop_run(f->g.loop);
	assert_int_equal(told_points, 1);
	history_list(f->g.history, "", "", take_rows, NULL);
	loop_run(f->g.loop);
	assert_int_equal(told_points, 0);
	assert_int_equal(told, 3);
}

static char forgotten[64];

static void
on_forget(void *arg, const char *name_prefix)
{
	snprintf(forgotten, sizeof(forgotten), "%s", name_prefix);
}

static void
who_has_models_is_told_that_they_are_forgotten(void **state)
{
	history_model_save(f->g.history, "anomaly/a", 1, "x", 1);
	history_model_save(f->g.history, "risk/a", 1, "x", 1);
	history_model_listen(f->g.history, on_forget, NULL);
	history_model_forget(f->g.history, "anomaly/");
	assert_string_equal(forgotten, "anomaly/");
	history_sync(f->g.history);
	history_model_list(f->g.history, "", take_rows, NULL);
	loop_run(f->g.loop);
	assert_int_equal(told_points, 1);
}

static void
answers_that_are_not_wanted_any_more_are_not_given(void **state)
{
	struct history_ticket *t = ask(10);

	assert_non_null(t);
	history_cancel(t);
	history_list(f->g.history, "", "", take_rows, NULL);
	loop_run(f->g.loop);
	assert_int_equal(told, 1);
}

static void
too_many_questions_at_once_are_refused(void **state)
{
	int n = 0;

	while (n < 1000 && ask(10))
		n++;
	assert_in_range(n, 16, 64);
}

static void
what_the_queue_cannot_take_is_dropped_and_counted(void **state)
{
	struct history_series *s;
	struct history_stats stats;
	int i;

	history_free(f->g.history);
	configure(file, 1024);
	f->g.history = history_create(&f->g);
	s = history_series(f->g.history, "web", "web1", "loss");
	for (i = 0; i < 1000000; i++)
		history_sample(f->g.history, s, now_ms + (uint64_t)i / 1000, i);
	history_sample(f->g.history, NULL, now_ms, 0);
	history_sync(f->g.history);
	history_stats(f->g.history, &stats);
	assert_true(stats.dropped > 0);
	assert_int_equal(stats.samples + stats.dropped, 1000001);
}

static void
two_restarts_keep_it_all(void **state)
{
	struct history_series *s;
	int round, i;

	for (round = 0; round < 3; round++) {
		s = history_series(f->g.history, "web", "web1", "loss");
		for (i = 0; i < 100; i++)
			history_sample(f->g.history, s, now_ms + (uint64_t)(round * 100 + i) * 1000,
					i);
		history_free(f->g.history);
		f->g.history = history_create(&f->g);
		assert_non_null(f->g.history);
	}
	ask(1000);
	loop_run(f->g.loop);
	assert_int_equal(told_points, 300);
}

static void
without_a_file_nothing_is_kept_and_nothing_fails(void **state)
{
	struct history_stats stats;

	history_free(f->g.history);
	configure("", 1024);
	f->g.history = history_create(&f->g);
	assert_null(f->g.history);
	assert_null(history_series(NULL, "a", "b", "c"));
	history_sample(NULL, NULL, now_ms, 1);
	history_record(NULL, "decision", "", "", now_ms, NULL);
	history_model_save(NULL, "a", 1, "", 0);
	history_model_forget(NULL, "");
	assert_null(ask(10));
	history_stats(NULL, &stats);
	assert_false(stats.usable);
}

static void
a_database_that_cannot_be_opened_is_told_and_the_gateway_goes_on(void **state)
{
	struct history_stats stats;
	json_t *events;

	history_free(f->g.history);
	configure("/dev/null/history.db", 1024);
	f->g.history = history_create(&f->g);
	assert_non_null(f->g.history);
	history_sample(f->g.history, history_series(f->g.history, "a", "b", "c"), now_ms, 1);
	history_sync(f->g.history);
	history_stats(f->g.history, &stats);
	assert_false(stats.usable);
	events = journal_since(f->g.journal, 0, 100);
	assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "level")),
			"error");
	json_decref(events);
	ask(10);
	loop_run(f->g.loop);
	assert_true(told_error < 0);
}

static double
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Some 10 ns; what is allowed leaves room for sanitizers and busy machines. */
static void
a_tick_of_a_thousand_endpoints_is_cheap(void **state)
{
	static struct history_series *s[ENDPOINTS * METRICS];
	double began, best = 1e9, each;
	char endpoint[16], metric[16];
	struct history_stats stats;
	int i, tick;

	for (i = 0; i < ENDPOINTS * METRICS; i++) {
		snprintf(endpoint, sizeof(endpoint), "e%d", i / METRICS);
		snprintf(metric, sizeof(metric), "m%d", i % METRICS);
		s[i] = history_series(f->g.history, "web", endpoint, metric);
		assert_non_null(s[i]);
	}
	for (tick = 0; tick < 8; tick++) {
		began = cpu_ns();
		for (i = 0; i < ENDPOINTS * METRICS; i++)
			history_sample(f->g.history, s[i], now_ms + (uint64_t)tick * 1000,
					i * 0.37 + tick);
		each = (cpu_ns() - began) / (ENDPOINTS * METRICS);
		best = each < best ? each : best;
		history_sync(f->g.history);
	}
	history_stats(f->g.history, &stats);
	assert_int_equal(stats.dropped, 0);
	assert_int_equal(stats.series, ENDPOINTS * METRICS);
	print_message("# %.1f ns a sample, %.1f bytes of tail\n", best,
			(double)stats.bytes_on_disk / (8.0 * ENDPOINTS * METRICS));
	assert_true(best < 1000);
}

static void
what_is_measured_of_endpoints_is_fed(void **state)
{
	struct history_feed *feed;
	int i;

	feed = history_feed_create(&f->g);
	collector_tick_at(f->g.collector, 1000);
	for (i = 1; i < 4; i++) {
		fake_traffic(f);
		collector_tick_at(f->g.collector, 1000 + 1000 * (uint64_t)i);
		measurements_tick(f->g.measurements);
		history_feed_tick(feed, now_ms + 1000 * (uint64_t)i);
	}
	history_sync(f->g.history);
	history_list(f->g.history, "web", "web1", take_rows, NULL);
	loop_run(f->g.loop);
	assert_in_range(told_points, 8, METRIC_PASSIVE_COUNT + 1);
	history_list(f->g.history, "dns", "dns1s", take_rows, NULL);
	loop_run(f->g.loop);
	assert_in_range(told_points, 1, METRIC_PASSIVE_COUNT); /* copies alone */
	history_list(f->g.history, "dns", "dns2", take_rows, NULL);
	loop_run(f->g.loop);
	assert_int_equal(told_points, 0); /* no traffic */
	history_feed_free(feed);
}

static size_t
series_of(const char *service, const char *endpoint)
{
	history_sync(f->g.history);
	history_list(f->g.history, service, endpoint, take_rows, NULL);
	loop_run(f->g.loop);
	return told_points;
}

static void
a_risk_is_kept_from_when_it_is_known(void **state)
{
	uint64_t ms = 1000;
	int i;

	collector_tick_at(f->g.collector, ms);
	for (i = 0; i < 20; i++) {
		fake_traffic(f);
		ms += 1000;
		collector_tick_at(f->g.collector, ms);
		measurements_tick(f->g.measurements);
		predictor_tick_at(f->g.predictor, ms);
		if (i == 5)
			assert_int_equal(series_of("web", "web1"), 0);
	}
	assert_int_equal(series_of("web", "web1"), RISK_HORIZONS);
	assert_int_equal(series_of("web", "web2"), 0);
}

int
main(void)
{
#define WITH_THREADS(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
			WITH_THREADS(what_was_given_is_read_back_by_the_loop),
			WITH_THREADS(records_and_models_come_back),
			WITH_THREADS(who_has_models_is_told_that_they_are_forgotten),
			WITH_THREADS(answers_that_are_not_wanted_any_more_are_not_given),
			WITH_THREADS(too_many_questions_at_once_are_refused),
			WITH_THREADS(what_the_queue_cannot_take_is_dropped_and_counted),
			WITH_THREADS(two_restarts_keep_it_all),
			WITH_THREADS(without_a_file_nothing_is_kept_and_nothing_fails),
			WITH_THREADS(a_database_that_cannot_be_opened_is_told_and_the_gateway_goes_on),
			WITH_THREADS(a_tick_of_a_thousand_endpoints_is_cheap),
			WITH_THREADS(what_is_measured_of_endpoints_is_fed),
			WITH_THREADS(a_risk_is_kept_from_when_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
