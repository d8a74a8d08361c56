/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/decisions over the history and memory: what the daemon decided, now and before it was started. */
#include "api_route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_gateway.h"
#include "history.h"
#include "steering_record.h"

#define STARTED_MS 1800000000000
#define KEPT 2000 /* in memory */

static struct fake *f;
static char directory[64], file[96];
static struct api_request rq;
static struct steering_record *record;

static void
configure(const char *path)
{
	struct config *c = (struct config *)(uintptr_t)registry_config(f->g.registry);

	free(c->history.file);
	c->history.file = strdup(path);
}

static int
setup(void **state)
{
	strcpy(directory, "/tmp/understudy-test-decisions-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/db", directory);
	f = fake_create("/nonexistent/api.sock");
	f->g.started_ms = STARTED_MS;
	record = steering_record_of(f->g.steering);
	configure(file);
	f->g.history = history_create(&f->g);
	memset(&rq, 0, sizeof(rq));
	return f->g.history ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	api_request_fini(&rq);
	history_free(f->g.history);
	f->g.history = NULL;
	fake_free(f);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* The daemon ended, and is started again. */
static void
restart(void)
{
	struct fake *old = f;
	struct gateway *g;

	history_free(old->g.history);
	old->g.history = NULL;
	fake_free(old);
	f = fake_create("/nonexistent/api.sock");
	g = &f->g;
	g->started_ms = STARTED_MS + 3600000;
	record = steering_record_of(g->steering);
	configure(file);
	g->history = history_create(g);
	assert_non_null(g->history);
}

static void
decide(const char *service, const char *endpoint)
{
	static const struct policy policy;
	static const struct policy_input input;
	static const struct comparison comparison;
	static const struct policy_decision decision;
	const struct steering_case c = {.endpoint = fake_endpoint(f, service, endpoint),
			.policy = &policy,
			.input = &input,
			.comparison = &comparison,
			.decision = &decision};

	steering_record_add(record, &c);
}

static void
decide_times(int n)
{
	while (n-- > 0)
		decide("web", "web1");
	history_sync(f->g.history);
}

static void
on_answered(void *arg)
{
	loop_stop(arg);
}

static void
get(const struct api_arg *arg, size_t count)
{
	api_request_fini(&rq);
	rq = (struct api_request){.g = &f->g, .arg_count = count};
	if (count)
		memcpy(rq.arg, arg, count * sizeof(*arg));
	rq.finished = on_answered;
	rq.finished_arg = f->g.loop;
	api_route(&rq, "GET", "/v1/decisions");
	if (rq.waiting)
		assert_int_equal(loop_run(f->g.loop), 0);
}

static json_int_t
integer(const char *key, size_t i)
{
	const json_t *row = json_array_get(json_object_get(rq.reply.body, "decisions"), i);

	return json_integer_value(json_object_get(row, key));
}

static size_t
count(void)
{
	return json_array_size(json_object_get(rq.reply.body, "decisions"));
}

/* All pages since the beginning: how many decisions, in the order of runs and numbers, none twice. */
static size_t
read_all(const char *limit, const char *service)
{
	struct api_arg arg[4] = {{"since", "0"}, {"limit", limit}, {"service", service}};
	json_int_t run = 0, number = 0;
	char page[64] = "";
	size_t all = 0, i;

	do {
		arg[3] = (struct api_arg){"page", page};
		get(arg, *page ? 4 : 3);
		assert_int_equal(rq.reply.status, 200);
		for (i = 0; i < count(); i++) {
			assert_true(integer("run", i) > run ||
					(integer("run", i) == run &&
							integer("number", i) > number));
			run = integer("run", i);
			number = integer("number", i);
		}
		all += count();
		snprintf(page, sizeof(page), "%s",
				json_is_string(json_object_get(rq.reply.body, "next"))
						? json_string_value(json_object_get(
								  rq.reply.body, "next"))
						: "");
	} while (*page);
	return all;
}

static void
what_was_decided_before_the_restart_is_listed(void **state)
{
	const struct api_arg since[] = {{"since", "0"}};

	decide_times(3);
	restart();
	decide_times(2);
	get(since, 1);
	assert_int_equal(rq.reply.status, 200);
	assert_int_equal(count(), 5);
	assert_int_equal(integer("number", 2), 3);
	assert_int_equal(integer("number", 4), 2);
	get(NULL, 0);
	assert_int_equal(count(), 5);
	assert_int_equal(integer("number", 4), 2);
}

static void
pages_have_each_decision_once_and_in_order(void **state)
{
	static const char *const limit[] = {"1", "3", "7", "100"};
	size_t i;

	decide_times(10);
	restart();
	decide_times(10);
	for (i = 0; i < sizeof(limit) / sizeof(limit[0]); i++)
		assert_int_equal(read_all(limit[i], "web"), 20);
	assert_int_equal(read_all("7", "dns"), 0);
}

static void
what_memory_no_longer_has_comes_from_the_history(void **state)
{
	const struct api_arg newest[] = {{"limit", "10"}};

	decide_times(5);
	restart();
	decide_times(KEPT + 50);
	assert_int_equal(read_all("333", "web"), KEPT + 55);
	get(newest, 1);
	assert_int_equal(count(), 10);
	assert_int_equal(integer("number", 9), KEPT + 50);
}

static void
what_is_not_on_disk_yet_is_listed_too(void **state)
{
	decide_times(5);
	decide("web", "web1");
	decide("dns", "dns1");
	assert_int_equal(read_all("4", "web"), 6);
	assert_int_equal(read_all("4", "dns"), 1);
}

static void
after_a_number_only_newer_ones_of_this_run_come(void **state)
{
	const struct api_arg after[] = {{"after", "3"}};

	decide_times(9);
	restart();
	decide_times(5);
	get(after, 1);
	assert_int_equal(count(), 2);
	assert_int_equal(integer("number", 0), 4);
	assert_int_equal(json_integer_value(json_object_get(rq.reply.body, "last")), 5);
}

static void
without_a_history_memory_alone_is_listed_and_said_so(void **state)
{
	decide_times(3);
	history_free(f->g.history);
	f->g.history = NULL;
	assert_int_equal(read_all("2", "web"), 3);
	assert_string_equal(json_string_value(json_object_get(rq.reply.body, "history")), "off");
}

static void
a_page_that_never_was_is_refused(void **state)
{
	static const char *const bad[] = {"", "x", "1", "1.", "1.2.3", "1.2x", "-1.0"};
	struct api_arg page = {.key = "page"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		page.value = bad[i];
		get(&page, 1);
		assert_int_equal(rq.reply.status, 400);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
			TEST(what_was_decided_before_the_restart_is_listed),
			TEST(pages_have_each_decision_once_and_in_order),
			TEST(what_memory_no_longer_has_comes_from_the_history),
			TEST(what_is_not_on_disk_yet_is_listed_too),
			TEST(after_a_number_only_newer_ones_of_this_run_come),
			TEST(without_a_history_memory_alone_is_listed_and_said_so),
			TEST(a_page_that_never_was_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
