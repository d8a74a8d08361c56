/* SPDX-License-Identifier: Apache-2.0 */
#include "outside.h"

#include "fake_gateway.h"
#include "measure.h"
#include "outside_text.h"

#include <dlfcn.h>
#include <math.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECONDS 5 /* until a test has failed */
#define STEP_MS 5
#define SILENCE_MS 1500 /* of a name server: longer than a feed may take */

static struct fake *f;
static char path[64];

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	snprintf(path, sizeof(path), "/tmp/test_outside.%d", getpid());
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	fake_free(f);
	return 0;
}

static void
documents_are_read_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *name, *text, *error;
		int count;
	} cases[] = {
			{"none", "[]", NULL, 0},
			{"a zone",
					"[{\"zone\":\"a\",\"factor\":\"storm\",\"severity\":0.5,"
					"\"until\":1}]",
					NULL, 1},
			{"more keys",
					"[{\"region\":\"a\",\"factor\":\"x\",\"severity\":1,"
					"\"until\":1.5,"
					"\"source\":\"b\"}]",
					NULL, 1},
			{"no JSON", "storm", "line 1", -1},
			{"no array", "{}", "not an array", -1},
			{"no object", "[1]", "item 0 is not an object", -1},
			{"no place", "[{\"factor\":\"x\",\"severity\":1,\"until\":1}]",
					"zone nor region", -1},
			{"two places",
					"[{\"zone\":\"a\",\"region\":\"a\",\"factor\":\"x\","
					"\"severity\":1,"
					"\"until\":1}]",
					"both zone and region", -1},
			{"no factor", "[{\"zone\":\"a\",\"severity\":1,\"until\":1}]", "no factor",
					-1},
			{"too severe",
					"[{\"zone\":\"a\",\"factor\":\"x\",\"severity\":1.1,"
					"\"until\":1}]",
					"severity", -1},
			{"a word for a number",
					"[{\"zone\":\"a\",\"factor\":\"x\",\"severity\":\"1\","
					"\"until\":1}]",
					"severity", -1},
			{"no end", "[{\"zone\":\"a\",\"factor\":\"x\",\"severity\":1}]", "no until",
					-1},
			{"an end that is no time",
					"[{\"zone\":\"a\",\"factor\":\"x\",\"severity\":1,"
					"\"until\":\"tomorrow\"}]",
					"no until", -1},
			{"a name that is a command to a terminal",
					"[{\"zone\":\"a\",\"factor\":\"\\u001b[2J\",\"severity\":1,"
					"\"until\":1}]",
					"no factor", -1},
			{"and one in eight bits",
					"[{\"zone\":\"a\\u009b2J\",\"factor\":\"x\",\"severity\":1,"
					"\"until\":1}]",
					"zone nor region", -1},
			{"no JSON, but a command", "\033[2J", "line 1", -1},
			{"the second is wrong",
					"[{\"zone\":\"a\",\"factor\":\"x\",\"severity\":1,"
					"\"until\":1},{}]",
					"item 1", -1},
	};
	struct outside_factor factor[OUTSIDE_FACTORS_MAX];
	char error[128];
	size_t i;
	int n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = outside_parse(cases[i].text, strlen(cases[i].text), factor, error);
		if ((n < 0) != (cases[i].count < 0) || (n >= 0 && n != cases[i].count) ||
				(n < 0 && !strstr(error, cases[i].error)))
			fail_msg("%s: %d, '%s'", cases[i].name, n, n < 0 ? error : "");
		if (n < 0 && strchr(error, '\033'))
			fail_msg("%s: told with its command", cases[i].name);
	}
}

static void
times_are_those_of_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} cases[] = {
			{"1970-01-01T00:00:00Z", 0},
			{"2026-01-31T12:00:00Z", 1769860800},
			{"2026-01-31T13:00:00+01:00", 1769860800},
			{"2026-01-31T06:30:00-05:30", 1769860800},
			{"2026-01-31T12:00:00.999Z", 1769860800},
			{"2026-01-31T12:00:00", -1},
			{"2026-01-31", -1},
			{"2026-01-31T12:00:00+1", -1},
			{"2026-01-31T12:00:00Zx", -1},
			{"1969-12-31T23:59:59Z", -1},
			{"", -1},
	};
	uint64_t ms;
	size_t i;
	int err;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = outside_time_parse(cases[i].text, &ms);
		if ((err < 0) != (cases[i].seconds < 0) ||
				(err == 0 && ms != (uint64_t)cases[i].seconds * 1000))
			fail_msg("'%s'", cases[i].text);
	}
}

static void
a_region_is_all_zones_that_go_on_behind_it(void **state)
{
	static const struct {
		const char *place, *zone;
		bool region, at;
	} cases[] = {
			{"eu", "eu", false, true},
			{"eu", "eu", true, true},
			{"eu", "eu-1", false, false},
			{"eu", "eu-1", true, true},
			{"eu", "eu-1.b", true, true},
			{"eu-1", "eu-1.b", true, true},
			{"eu", "europe", true, false},
			{"eu-1", "eu", true, false},
	};
	struct outside_factor factor = {.severity = 1};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(factor.place, cases[i].place);
		factor.region = cases[i].region;
		if (outside_is_at(&factor, cases[i].zone) != cases[i].at)
			fail_msg("%s at %s", cases[i].place, cases[i].zone);
	}
}

static void
configure_url(const char *url)
{
	struct config_errors errors = {0};
	struct config *config;
	char *text;

	assert_true(asprintf(&text,
				    "%soutside:\n  - {url: \"%s\", interval: 1s, timeout: 100ms, "
				    "weights: [{factor: rain, weight: 0.1}]}\n",
				    fake_config, url) > 0);
	config = config_parse(text, strlen(text), "test.yaml", &errors);
	if (!config)
		fail_msg("%s", errors.line[0]);
	config_errors_free(&errors);
	free(text);
	assert_int_equal(registry_reload(f->g.registry, config), 0);
	measurements_reload(f->g.measurements);
}

static void
configure(void)
{
	char url[96];

	snprintf(url, sizeof(url), "file://%s", path);
	configure_url(url);
}

static void
write_feed(const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static bool
feed_is(const char *state)
{
	json_t *feeds = outside_json(f->g.outside);
	bool is = !strcmp(json_string_value(json_object_get(json_array_get(feeds, 0), "state")),
			state);

	json_decref(feeds);
	return is;
}

struct wait {
	const char *state;
	bool held;
	uint64_t until_ms;
};

static void
look(void *arg)
{
	struct wait *w = arg;

	w->held = feed_is(w->state);
	if (w->held || loop_now_ms() > w->until_ms)
		loop_stop(f->g.loop);
}

static void
wait_until(const char *state)
{
	struct wait w = {state, false, loop_now_ms() + SECONDS * 1000};
	struct loop_watch *timer = loop_timer(f->g.loop, 1, STEP_MS, look, &w);

	assert_int_equal(loop_run(f->g.loop), 0);
	loop_unwatch(timer);
	if (!w.held)
		fail_msg("the feed is not '%s'", state);
}

/* web1 is in zone a, web2 in zone b. */
static double
severity(const char *endpoint, char factor[64])
{
	return measurements_outside(
			f->g.measurements, fake_endpoint(f, "web", endpoint), factor, 64);
}

static void
the_worst_factor_in_force_is_told(void **state)
{
	char factor[64];

	write_feed("[{\"zone\":\"a\",\"factor\":\"storm\",\"severity\":0.5,\"until\":4000000000},"
		   "{\"zone\":\"a\",\"factor\":\"works\",\"severity\":0.9,\"until\":1000},"
		   "{\"zone\":\"a\",\"factor\":\"rain\",\"severity\":1,\"until\":4000000000},"
		   "{\"region\":\"a\",\"factor\":\"heat\",\"severity\":0.2,\"until\":4000000000}]");
	configure();
	wait_until("ok");
	assert_true(severity("web1", factor) == 0.5);
	assert_string_equal(factor, "storm");
	assert_true(severity("web2", factor) == 0);
	assert_string_equal(factor, "");
	assert_true(severity("web1s", factor) == 0); /* it has no zone */
}

static uint32_t
told(void)
{
	json_t *events = journal_since(f->g.journal, 0, 1000), *e;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(events, i, e) n +=
			!strcmp(json_string_value(json_object_get(e, "kind")), "outside");
	json_decref(events);
	return n;
}

static void
what_a_feed_said_holds_while_it_fails(void **state)
{
	char factor[64], *large = calloc(1, (1 << 20) + 2);

	write_feed("[{\"zone\":\"a\",\"factor\":\"storm\",\"severity\":0.5,\"until\":4000000000}]");
	configure();
	wait_until("ok");
	memset(large, ' ', (1 << 20) + 1);
	write_feed(large);
	free(large);
	wait_until("failed");
	assert_true(severity("web1", factor) == 0.5);
	assert_int_equal(told(), 1);
	write_feed("[]");
	wait_until("ok");
	assert_true(severity("web1", factor) == 0);
	assert_int_equal(told(), 2);
}

/* Opening it would wait for a writer for ever. */
static void
a_fifo_is_not_opened(void **state)
{
	assert_int_equal(mkfifo(path, 0600), 0);
	configure();
	wait_until("failed");
}

static void
a_file_that_is_not_there_is_told(void **state)
{
	configure();
	wait_until("failed");
	assert_int_equal(told(), 1);
}

static void
a_reload_does_not_tell_again(void **state)
{
	configure();
	wait_until("failed");
	configure();
	wait_until("failed");
	assert_int_equal(told(), 1);
	write_feed("[]");
	wait_until("ok");
	assert_int_equal(told(), 2);
}

/* libcurl's, in a thread of its own: of one name, a server that does not answer. */
static bool asked, answered;

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **out)
{
	typeof(getaddrinfo) *libc = (typeof(getaddrinfo) *)dlsym(RTLD_NEXT, "getaddrinfo");

	if (!node || strcmp(node, "silent.invalid") != 0)
		return libc(node, service, hints, out);
	__atomic_store_n(&asked, true, __ATOMIC_RELEASE);
	usleep(SILENCE_MS * 1000);
	__atomic_store_n(&answered, true, __ATOMIC_RELEASE);
	return EAI_AGAIN;
}

static void
a_name_server_that_is_silent_holds_up_nothing(void **state)
{
	uint64_t begun = loop_now_ms();

	configure_url("http://silent.invalid/");
	wait_until("failed");
	assert_true(__atomic_load_n(&asked, __ATOMIC_ACQUIRE));
	assert_true(loop_now_ms() - begun < SILENCE_MS);
	asked = false;
	while (!__atomic_load_n(&asked, __ATOMIC_ACQUIRE)) /* the next try */
		wait_until("failed");
	begun = loop_now_ms();
	configure_url("http://127.0.0.1:1/");
	assert_true(loop_now_ms() - begun < SILENCE_MS / 2);
	while (!__atomic_load_n(&answered, __ATOMIC_ACQUIRE))
		usleep(STEP_MS * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(documents_are_read_whole_or_not_at_all),
			cmocka_unit_test(times_are_those_of_rfc_3339),
			cmocka_unit_test(a_region_is_all_zones_that_go_on_behind_it),
			TEST(the_worst_factor_in_force_is_told),
			TEST(what_a_feed_said_holds_while_it_fails),
			TEST(a_fifo_is_not_opened),
			TEST(a_file_that_is_not_there_is_told),
			TEST(a_reload_does_not_tell_again),
			TEST(a_name_server_that_is_silent_holds_up_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
