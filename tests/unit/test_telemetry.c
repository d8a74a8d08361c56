/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK's side is replaced: the commands are called here as its threads call them, and what they add is written down. */
#include "telemetry.h"

#include "fake_gateway.h"

#include <errno.h>
#include <pthread.h>
#include <rte_telemetry.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct {
	const char *name;
	telemetry_cb fn;
} command[8];
static size_t commands;
static char told[8192];

int
rte_telemetry_register_cmd(const char *name, telemetry_cb fn, const char *help)
{
	command[commands].name = name;
	command[commands++].fn = fn;
	return 0;
}

static int
tell(const char *format, ...)
{
	size_t used = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + used, sizeof(told) - used, format, args);
	va_end(args);
	return 0;
}

int
rte_tel_data_start_dict(struct rte_tel_data *d)
{
	return tell("{");
}

int
rte_tel_data_start_array(struct rte_tel_data *d, enum rte_tel_value_type type)
{
	return tell("[");
}

int
rte_tel_data_add_array_string(struct rte_tel_data *d, const char *text)
{
	return tell("%s ", text);
}

int
rte_tel_data_add_dict_string(struct rte_tel_data *d, const char *name, const char *text)
{
	return tell("%s=%s ", name, text);
}

int
rte_tel_data_add_dict_u64(struct rte_tel_data *d, const char *name, uint64_t value)
{
	return tell("%s=%llu ", name, (unsigned long long)value);
}

struct question {
	const char *command, *params;
	int rc;
	bool over;
};

static void *
asker(void *arg)
{
	struct question *q = arg;
	size_t i;

	q->rc = -EINVAL;
	for (i = 0; i < commands; i++) {
		if (!strcmp(command[i].name, q->command))
			q->rc = command[i].fn(q->command, q->params, NULL);
	}
	__atomic_store_n(&q->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Asks as a thread of DPDK, and answers as the control thread with `poll`. */
static int
ask_with(const char *name, const char *params, void (*poll)(void))
{
	struct question q = {.command = name, .params = params};
	pthread_t thread;

	told[0] = '\0';
	assert_int_equal(pthread_create(&thread, NULL, asker, &q), 0);
	while (!__atomic_load_n(&q.over, __ATOMIC_ACQUIRE)) {
		poll();
		sched_yield();
	}
	pthread_join(thread, NULL);
	return q.rc;
}

static int
ask(const char *name, const char *params)
{
	return ask_with(name, params, telemetry_poll);
}

static struct fake *f;

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	commands = 0;
	return telemetry_start(&f->g);
}

static int
teardown(void **state)
{
	telemetry_stop();
	fake_free(f);
	return 0;
}

static void
a_command_tells_what_is_so_when_it_is_asked(void **state)
{
	static const struct {
		const char *name, *params, *wanted;
	} cases[] = {
			{"/understudy/status", NULL, " received=10000 "},
			{"/understudy/history", "", " dropped=0 "},
			{"/understudy/drops", "", " bad_ip_header=12 "},
			{"/understudy/lcores", NULL, "[1 2 "},
			{"/understudy/lcores", "2", " forwarded=4990 "},
			{"/understudy/endpoints", "", "[web/web1 web/web2 "},
			{"/understudy/endpoints", "web/web1", " flows_new=240 "},
			{"/understudy/endpoints", "web/web2", "state=up "},
	};
	size_t i;

	fake_traffic(f); /* no tick in between */
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ask(cases[i].name, cases[i].params), 0);
		if (!strstr(told, cases[i].wanted))
			fail_msg("%s,%s: %s", cases[i].name, cases[i].params, told);
	}
}

static void
what_is_not_there_is_an_error(void **state)
{
	assert_int_equal(ask("/understudy/lcores", "7"), -ENOENT);
	assert_int_equal(ask("/understudy/endpoints", "web"), -ENOENT);
	assert_int_equal(ask("/understudy/endpoints", "web/nobody"), -ENOENT);
}

static void
a_question_that_waits_when_the_gateway_stops_ends(void **state)
{
	assert_true(ask_with("/understudy/status", NULL, telemetry_stop) < 0);
	assert_string_equal(told, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup_teardown(a_command_tells_what_is_so_when_it_is_asked,
					setup, teardown),
			cmocka_unit_test_setup_teardown(
					what_is_not_there_is_an_error, setup, teardown),
			cmocka_unit_test_setup_teardown(
					a_question_that_waits_when_the_gateway_stops_ends, setup,
					teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
