/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include "api_events.h"
#include "api_listing.h"
#include "api_route.h"
#include "api_work.h"
#include "collect.h"
#include "fake_gateway.h"
#include "flow_lister.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct fake *f;
static char directory[64], path[96];
static struct api_request rq;
static struct api_request_list waiters;

static int
setup(void **state)
{
	strcpy(directory, "/tmp/understudy-test-api-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/api.sock", directory);
	f = fake_create(path);
	fake_traffic(f);
	f->g.flows = flow_lister_create(&f->g);
	LIST_INIT(&waiters);
	memset(&rq, 0, sizeof(rq));
	return 0;
}

static int
teardown(void **state)
{
	api_request_fini(&rq);
	flow_lister_free(f->g.flows);
	fake_free(f);
	unlink(path);
	rmdir(directory);
	return 0;
}

static int
post(const char *resource, const char *body)
{
	api_request_fini(&rq);
	rq = (struct api_request){.g = &f->g, .event_waiters = &waiters};
	if (api_route_body(&rq, body, strlen(body)) == 0)
		api_route(&rq, "POST", resource);
	return rq.reply.status;
}

static void
on_answered(void *arg)
{
	loop_stop(arg);
}

/* A long answer takes more than one turn where the machine is slow. */
static void
finish_work(void)
{
	if (!rq.waiting || !rq.work.run)
		return;
	rq.finished = on_answered;
	rq.finished_arg = f->g.loop;
	assert_int_equal(loop_run(f->g.loop), 0);
}

static int
get(const char *resource, const char *key, const char *value)
{
	api_request_fini(&rq);
	rq = (struct api_request){.g = &f->g, .event_waiters = &waiters};
	if (key)
		rq.arg[rq.arg_count++] = (struct api_arg){key, value};
	api_route(&rq, "GET", resource);
	finish_work();
	return rq.reply.status;
}

static const char *
fault(const char *what)
{
	const char *text = json_string_value(
			json_object_get(json_object_get(rq.reply.body, "error"), what));

	return text ? text : "";
}

static void
what_is_refused_is_named_and_changes_nothing(void **state)
{
	static const struct {
		const char *resource, *body;
		int status;
		const char *field;
	} cases[] = {
			{"/v1/shift", "{", 400, "body"},
			{"/v1/shift", "[]", 400, "body"},
			{"/v1/shift", "{\"share\": 1, \"share\": 0}", 400, "body"},
			{"/v1/shift", "{}", 400, "share"},
			{"/v1/shift", "{\"share\": 1}", 400, "service"},
			{"/v1/shift", "{\"share\": 1, \"service\": \"web\"}", 400, "endpoint"},
			{"/v1/shift", "{\"share\": 1, \"service\": 7}", 400, "service"},
			{"/v1/shift", "{\"share\": 1, \"service\": \"x\", \"endpoint\": \"y\"}",
					404, "service"},
			{"/v1/shift", "{\"share\": 1, \"service\": \"web\", \"endpoint\": \"y\"}",
					404, "endpoint"},
			{"/v1/shift",
					"{\"share\": 1.5, \"service\": \"web\", \"endpoint\": "
					"\"web1\"}",
					400, "share"},
			{"/v1/shift",
					"{\"share\": \"1\", \"service\": \"web\", \"endpoint\": "
					"\"web1\"}",
					400, "share"},
			{"/v1/shift",
					"{\"share\": 1, \"service\": \"dns\", \"endpoint\": "
					"\"dns2\"}",
					409, "endpoint"},
			{"/v1/shift",
					"{\"share\": 1, \"service\": \"web\", \"endpoint\": "
					"\"web1\", "
					"\"red\": 1}",
					400, "red"},
			{"/v1/mirror",
					"{\"share\": 1, \"service\": \"web\", \"endpoint\": "
					"\"web1\"}",
					409, "endpoint"},
			{"/v1/mirror",
					"{\"shadows\": 9, \"service\": \"dns\", \"endpoint\": "
					"\"dns1\"}",
					400, "shadows"},
			{"/v1/drain",
					"{\"drain\": 1, \"service\": \"web\", \"endpoint\": "
					"\"web1\"}",
					400, "drain"},
			{"/v1/weight",
					"{\"weight\": -1, \"service\": \"web\", \"endpoint\": "
					"\"web1\"}",
					400, "weight"},
			{"/v1/status", "{}", 405, "method"},
			{"/v1/red", "{}", 404, "path"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (post(cases[i].resource, cases[i].body) != cases[i].status ||
				strcmp(fault("field"), cases[i].field) || !*fault("message"))
			fail_msg("%s %s: %d %s", cases[i].resource, cases[i].body, rq.reply.status,
					fault("field"));
	}
	assert_int_equal(f->applied, 0);
}

static void
a_change_is_applied_and_answered_with_the_new_view(void **state)
{
	assert_int_equal(post("/v1/shift",
					 "{\"service\": \"web\", \"endpoint\": \"web1\", "
					 "\"share\": 0.25}"),
			200);
	assert_int_equal(f->applied, 1);
	assert_int_equal(fake_endpoint(f, "web", "web1")->shift, SHARE_ONE / 4);
	assert_int_equal(json_integer_value(json_object_get(rq.reply.body, "generation")),
			publish_view(f->g.publisher)->generation);
}

static void
the_last_weight_of_a_service_cannot_be_taken(void **state)
{
	assert_int_equal(post("/v1/weight",
					 "{\"weight\": 0, \"service\": \"web\", \"endpoint\": "
					 "\"web1\"}"),
			200);
	assert_int_equal(post("/v1/weight",
					 "{\"weight\": 0, \"service\": \"web\", \"endpoint\": "
					 "\"web2\"}"),
			409);
	assert_string_equal(fault("field"), "endpoint");
	assert_int_equal(fake_endpoint(f, "web", "web2")->weight, 100);
}

static void
settings_of_a_mirror_that_are_not_named_stay(void **state)
{
	const struct config_mirror *m = &fake_endpoint(f, "dns", "dns1")->mirror;

	post("/v1/mirror",
			"{\"service\": \"dns\", \"endpoint\": \"dns1\", \"share\": 0.5, "
			"\"packets_per_second\": 1000}");
	assert_int_equal(post("/v1/mirror",
					 "{\"service\": \"dns\", \"endpoint\": \"dns1\", "
					 "\"bits_per_second\": 1000000}"),
			200);
	assert_int_equal(m->share, SHARE_ONE / 2);
	assert_int_equal(m->pps, 1000);
	assert_int_equal(m->bps, 1000000);
}

static void
a_reload_that_is_refused_tells_every_error(void **state)
{
	f->reload_error = "fake.yaml:7: services.web: \"red\": no";
	assert_int_equal(post("/v1/reload", "{}"), 422);
	assert_string_equal(json_string_value(json_array_get(
					    json_object_get(json_object_get(rq.reply.body, "error"),
							    "errors"),
					    0)),
			f->reload_error);
}

static void
parameters_that_are_refused_are_named(void **state)
{
	static const struct {
		const char *resource, *key, *value;
		int status;
	} cases[] = {
			{"/v1/status", "red", "1", 400},
			{"/v1/endpoints", "service", "red", 404},
			{"/v1/endpoints", "counters", "2", 400},
			{"/v1/flows", "limit", "-1", 400},
			{"/v1/flows", "limit", "10001", 400},
			{"/v1/flows", "limit", "", 400},
			{"/v1/flows", "endpoint", "web1", 400},
			{"/v1/flows", "client", "10.0.0.0/33", 400},
			{"/v1/flows", "protocol", "sctp", 400},
			{"/v1/flows", "state", "free", 400},
			{"/v1/events", "wait", "61", 400},
			{"/v1/explain", "src", "192.0.2.1:99999", 400},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (get(cases[i].resource, cases[i].key, cases[i].value) != cases[i].status ||
				strcmp(fault("field"), cases[i].key))
			fail_msg("%s?%s=%s: %d %s", cases[i].resource, cases[i].key, cases[i].value,
					rq.reply.status, fault("field"));
	}
}

static void
events_are_waited_for_and_told_at_once(void **state)
{
	get("/v1/events", "wait", "60");
	assert_true(rq.waiting);
	journal_add(f->g.journal, JOURNAL_NOTICE, "test", "web", NULL, "something");
	api_events_wake(&waiters);
	assert_false(rq.waiting);
	assert_int_equal(rq.reply.status, 200);
	assert_int_equal(json_array_size(json_object_get(rq.reply.body, "events")), 1);
	assert_true(LIST_EMPTY(&waiters));
}

static bool
third_turn(struct api_request *request, void *state)
{
	int *turns = state;

	if (++*turns == 3)
		api_reply_json(request, json_object());
	return *turns == 3;
}

static void
released(void *state)
{
	*(int *)state += 100;
}

static void
end_loop(void *arg)
{
	loop_stop(f->g.loop);
}

static void
a_long_answer_is_made_in_turns_of_the_loop(void **state)
{
	int turns = 0;

	rq.g = &f->g;
	rq.finished = end_loop;
	api_work_start(&rq, third_turn, released, &turns);
	assert_true(rq.waiting);
	assert_int_equal(turns, 1);
	loop_run(f->g.loop);
	assert_int_equal(rq.reply.status, 200);
	assert_int_equal(turns, 103);
}

static void
a_long_answer_that_is_given_up_is_released_once(void **state)
{
	int turns = 0;

	rq.g = &f->g;
	api_work_start(&rq, third_turn, released, &turns);
	api_request_fini(&rq);
	assert_int_equal(turns, 101);
	api_request_fini(&rq);
	assert_int_equal(turns, 101);
}

static size_t
endpoints_listed(const char *key, const char *value)
{
	json_t *all;
	size_t n;

	assert_int_equal(get("/v1/endpoints", key, value), 200);
	all = json_loads(rq.reply.text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(all);
	n = json_array_size(json_object_get(all, "endpoints"));
	json_decref(all);
	return n;
}

static void
endpoints_are_listed_whole_or_as_asked(void **state)
{
	assert_int_equal(endpoints_listed("counters", "1"), 7);
	assert_int_equal(endpoints_listed("service", "dns"), 3);
	assert_int_equal(endpoints_listed("endpoint", "web1"), 1);
}

static json_t *
one_lacks_memory(struct gateway *g, const struct endpoint *e, bool flag)
{
	return strcmp(e->config->name, "dns1") ? json_object() : NULL;
}

static json_t *
none(struct gateway *g)
{
	return NULL;
}

static void
a_list_that_is_not_whole_is_no_answer(void **state)
{
	static const struct api_listing row = {.row = one_lacks_memory};
	static const struct api_listing more = {
			.row = one_lacks_memory, .more = "more", .more_json = none};

	rq = (struct api_request){.g = &f->g};
	api_listing_start(&rq, &row);
	assert_int_equal(rq.reply.status, 500);
	assert_null(rq.reply.text);
	api_request_fini(&rq);
	rq = (struct api_request){.g = &f->g, .arg = {{"service", "web"}}, .arg_count = 1};
	api_listing_start(&rq, &row);
	assert_int_equal(rq.reply.status, 200);
	api_request_fini(&rq);
	rq = (struct api_request){.g = &f->g, .arg = {{"service", "web"}}, .arg_count = 1};
	api_listing_start(&rq, &more);
	assert_int_equal(rq.reply.status, 500);
}

static void
a_request_that_is_given_up_is_forgotten(void **state)
{
	get("/v1/events", "wait", "60");
	api_request_fini(&rq);
	assert_true(LIST_EMPTY(&waiters));

	f->hold = true;
	get("/v1/flows", NULL, NULL);
	assert_true(rq.waiting);
	flow_lister_poll(f->g.flows);
	api_request_fini(&rq);
	memset(&rq, 0, sizeof(rq));
	fake_answer(f);
	flow_lister_poll(f->g.flows); /* would write into the request */
	assert_int_equal(rq.reply.status, 0);
}

static void
a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct api *first, *second;
	char error[256] = "";
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* leaves the file behind */
	first = api_create(&f->g, error, sizeof(error));
	if (!first)
		fail_msg("%s", error);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	second = api_create(&f->g, error, sizeof(error));
	assert_null(second);
	assert_non_null(strstr(error, "another process answers"));
	assert_int_equal(stat(path, &st), 0);
	api_free(first);
	assert_int_equal(stat(path, &st), -1);
}

static void
a_file_that_is_no_socket_is_left_alone(void **state)
{
	FILE *file = fopen(path, "w");
	char error[256] = "";
	struct stat st;

	fclose(file);
	assert_null(api_create(&f->g, error, sizeof(error)));
	assert_non_null(strstr(error, "not a socket"));
	assert_int_equal(stat(path, &st), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(what_is_refused_is_named_and_changes_nothing),
			TEST(a_change_is_applied_and_answered_with_the_new_view),
			TEST(the_last_weight_of_a_service_cannot_be_taken),
			TEST(settings_of_a_mirror_that_are_not_named_stay),
			TEST(a_reload_that_is_refused_tells_every_error),
			TEST(parameters_that_are_refused_are_named),
			TEST(events_are_waited_for_and_told_at_once),
			TEST(a_long_answer_is_made_in_turns_of_the_loop),
			TEST(a_long_answer_that_is_given_up_is_released_once),
			TEST(endpoints_are_listed_whole_or_as_asked),
			TEST(a_list_that_is_not_whole_is_no_answer),
			TEST(a_request_that_is_given_up_is_forgotten),
			TEST(a_stale_socket_is_replaced_and_a_live_one_is_not),
			TEST(a_file_that_is_no_socket_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
