/* SPDX-License-Identifier: Apache-2.0 */
/* The scraper against an exporter on the loopback, which answers as each case wants it. */
#include "scrape.h"

#include "fake_gateway.h"
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SECONDS 5 /* until a test has failed */
#define STEP_MS 5

/* What the exporter does with a request. */
enum answer {
	ANSWER_PAGE, /* `page`, and keeps the connection */
	ANSWER_NEVER,
	ANSWER_HUGE, /* comments without end */
	ANSWER_STATUS,
	ANSWER_CUT, /* less than it promised, and closes */
	ANSWER_NOT_HTTP,
};

static struct {
	int listener;
	uint16_t port;
	enum answer answer; /* the test's; read by the threads */
	char page[8192];
	uint32_t requests, connections;
} exporter;

static struct fake *f;

static void
answer_page(int fd)
{
	char head[128];
	int n = snprintf(head, sizeof(head),
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
			"Content-Length: %zu\r\n\r\n",
			strlen(exporter.page));

	send(fd, head, (size_t)n, MSG_NOSIGNAL);
	send(fd, exporter.page, strlen(exporter.page), MSG_NOSIGNAL);
}

static void
answer_text(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
answer_huge(int fd)
{
	static char comment[65536];

	memset(comment, '#', sizeof(comment));
	comment[sizeof(comment) - 1] = '\n';
	answer_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (send(fd, comment, sizeof(comment), MSG_NOSIGNAL) > 0)
		;
}

/* True: the connection goes on. */
static bool
answer(int fd)
{
	switch (__atomic_load_n(&exporter.answer, __ATOMIC_ACQUIRE)) {
	case ANSWER_PAGE:
		answer_page(fd);
		return true;
	case ANSWER_NEVER:
		return true;
	case ANSWER_HUGE:
		answer_huge(fd);
		return false;
	case ANSWER_STATUS:
		answer_text(fd, "HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nno\n");
		return true;
	case ANSWER_CUT:
		answer_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n");
		return false;
	case ANSWER_NOT_HTTP:
		answer_text(fd, "\x7f\x45LF\r\n\r\n");
		return false;
	}
	return false;
}

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char request[4096];

	while (recv(fd, request, sizeof(request), 0) > 0) {
		__atomic_add_fetch(&exporter.requests, 1, __ATOMIC_RELAXED);
		if (!answer(fd))
			break;
	}
	close(fd);
	return NULL;
}

static void *
listen_on(void *arg)
{
	pthread_t thread;
	int fd;

	while ((fd = accept(exporter.listener, NULL, NULL)) >= 0) {
		__atomic_add_fetch(&exporter.connections, 1, __ATOMIC_RELAXED);
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

static int
exporter_start(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	pthread_t thread;

	exporter.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(exporter.listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(exporter.listener, 64), 0);
	assert_int_equal(getsockname(exporter.listener, (struct sockaddr *)&a, &len), 0);
	exporter.port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&thread, NULL, listen_on, NULL), 0);
	pthread_detach(thread);
	return 0;
}

/* The fake's configuration with a scrape of web's endpoints. */
static void
configure(const char *scrape)
{
	struct config_errors errors = {0};
	const char *at = strstr(fake_config, "    endpoints:\n");
	struct config *config;
	char *text;

	assert_true(asprintf(&text, "%.*s    scrape: %s\n%s", (int)(at - fake_config), fake_config,
				    scrape, at) > 0);
	config = config_parse(text, strlen(text), "test.yaml", &errors);
	if (!config)
		fail_msg("%s", errors.line[0]);
	config_errors_free(&errors);
	free(text);
	assert_int_equal(registry_reload(f->g.registry, config), 0);
	measurements_reload(f->g.measurements);
}

static void
configure_exporter(const char *more)
{
	char scrape[1024];

	snprintf(scrape, sizeof(scrape),
			"{address: 127.0.0.1, port: %u, interval: 100ms, timeout: 100ms, max_size: "
			"1M, %s}",
			exporter.port, more);
	configure(scrape);
}

static void
set_page(const char *page)
{
	strcpy(exporter.page, page);
	__atomic_store_n(&exporter.answer, ANSWER_PAGE, __ATOMIC_RELEASE);
}

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	exporter.requests = exporter.connections = 0;
	set_page("a 5\n");
	return 0;
}

static int
teardown(void **state)
{
	fake_free(f);
	return 0;
}

/* Turns the loop until it holds. */
struct wait {
	bool (*holds)(const void *arg);
	const void *arg;
	bool held;
	uint64_t until_ms;
};

static void
look(void *arg)
{
	struct wait *w = arg;

	w->held = w->holds(w->arg);
	if (w->held || loop_now_ms() > w->until_ms)
		loop_stop(f->g.loop);
}

static void
wait_until(const char *what, bool (*holds)(const void *arg), const void *arg)
{
	struct wait w = {holds, arg, false, loop_now_ms() + SECONDS * 1000};
	struct loop_watch *timer = loop_timer(f->g.loop, 1, STEP_MS, look, &w);

	assert_int_equal(loop_run(f->g.loop), 0);
	loop_unwatch(timer);
	if (!w.held)
		fail_msg("not in %d s: %s", SECONDS, what);
}

static struct endpoint *
web1(void)
{
	return fake_endpoint(f, "web", "web1");
}

/* The first scraped value of web1, as measured. */
static double
value(enum measure_side side)
{
	measurements_tick(f->g.measurements);
	return measurements_values(f->g.measurements, web1(), side)[METRIC_PASSIVE_COUNT];
}

static bool
has_ended(const void *arg)
{
	return scraper_count(f->g.scraper, web1(), *(const enum scrape_state *)arg) > 0;
}

static bool
has_ended_twice(const void *arg)
{
	return scraper_count(f->g.scraper, web1(), *(const enum scrape_state *)arg) > 1;
}

static bool
has_value(const void *arg)
{
	return fabs(value(MEASURE_SERVING) - *(const double *)arg) < 1e-9;
}

static uint32_t
told(const char *level)
{
	json_t *events = journal_since(f->g.journal, 0, 1000), *e;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(events, i, e)
	{
		n += !strcmp(json_string_value(json_object_get(e, "kind")), "scrape") &&
				!strcmp(json_string_value(json_object_get(e, "level")), level);
	}
	json_decref(events);
	return n;
}

static void
a_value_is_there_for_both_sides_and_named(void **state)
{
	double five = 5;
	const struct metric *m;
	size_t count;

	configure_exporter("node: false, metrics: [{name: depth, metric: a, limit: 10}]");
	assert_true(isnan(value(MEASURE_SERVING)));
	wait_until("a value", has_value, &five);
	assert_true(value(MEASURE_COPIES) == 5);
	m = measurements_metrics(f->g.measurements, web1()->service, &count);
	assert_int_equal(count, METRIC_PASSIVE_COUNT + 1);
	m += METRIC_PASSIVE_COUNT;
	assert_string_equal(m->name, "depth");
	assert_true(m->scraped && m->limit == 10 && m->worse == 1 && m->floor == 0.1);
	assert_int_equal(told("warning"), 0);
}

static void
one_url_is_fetched_once_for_all_over_one_connection(void **state)
{
	double five = 5;
	uint32_t before;
	enum scrape_state ok = SCRAPE_ok;

	configure_exporter("node: false, metrics: [{name: depth, metric: a}]");
	wait_until("a value", has_value, &five);
	before = __atomic_load_n(&exporter.requests, __ATOMIC_RELAXED);
	assert_true(before <= scraper_count(f->g.scraper, web1(), ok) + 1);
	assert_int_equal(scraper_count(f->g.scraper, fake_endpoint(f, "web", "web2"), ok),
			scraper_count(f->g.scraper, web1(), ok));
	strcpy(exporter.page, "a 6\n");
	wait_until("the next", has_value, (double[]){6});
	assert_int_equal(exporter.connections, 1);
}

static void
what_goes_wrong_is_told_once_and_costs_the_value(void **state)
{
	static const struct {
		const char *name;
		enum answer answer;
		const char *page;
		enum scrape_state state;
	} cases[] = {
			{"late", ANSWER_NEVER, "", SCRAPE_late},
			{"huge", ANSWER_HUGE, "", SCRAPE_too_big},
			{"an error", ANSWER_STATUS, "", SCRAPE_status},
			{"cut", ANSWER_CUT, "", SCRAPE_broken},
			{"not HTTP", ANSWER_NOT_HTTP, "", SCRAPE_broken},
			{"not the format", ANSWER_PAGE, "<html>\n", SCRAPE_malformed},
			{"cut in a line", ANSWER_PAGE, "a 5\nb", SCRAPE_malformed},
			{"NaN alone", ANSWER_PAGE, "a NaN\n", SCRAPE_no_values},
			{"without the metric", ANSWER_PAGE, "b 1\n", SCRAPE_no_values},
	};
	double five = 5;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		configure_exporter("node: false, metrics: [{name: depth, metric: a}]");
		wait_until("a value", has_value, &five);
		strcpy(exporter.page, cases[i].page);
		__atomic_store_n(&exporter.answer, cases[i].answer, __ATOMIC_RELEASE);
		wait_until(cases[i].name, has_ended, &cases[i].state);
		if (!isnan(value(MEASURE_SERVING)))
			fail_msg("%s: still a value", cases[i].name);
		wait_until("the second time", has_ended_twice, &cases[i].state);
		if (told("warning") != 1)
			fail_msg("%s: told %u times", cases[i].name, told("warning"));
		set_page("a 5\n");
		wait_until("a value again", has_value, &five);
		if (told("notice") != 1)
			fail_msg("%s: its end told %u times", cases[i].name, told("notice"));
		teardown(state);
	}
}

static void
nobody_listening_is_refused(void **state)
{
	static const enum scrape_state refused = SCRAPE_refused;

	configure("{address: 127.0.0.1, port: 1, interval: 100ms}");
	wait_until("refused", has_ended, &refused);
	assert_int_equal(told("warning"), 1);
}

static void
a_reload_keeps_what_it_does_not_change(void **state)
{
	static const enum scrape_state ok = SCRAPE_ok;
	double rate;

	set_page("a 5\n");
	configure_exporter("node: false, metrics: [{name: depth, metric: a, rate: true}]");
	wait_until("a page", has_ended, &ok);
	configure_exporter(
			"node: false, metrics: [{name: depth, metric: a, rate: true, limit: 7}]");
	rate = value(MEASURE_SERVING);
	assert_true(scraper_count(f->g.scraper, web1(), ok) > 0);
	assert_true(isnan(rate) || rate == 0);
	wait_until("a rate", has_value, (double[]){0});
	configure("{port: 0}");
	assert_false(scraper_has(f->g.scraper, web1()));
	assert_true(isnan(value(MEASURE_SERVING)));
}

/* As node_exporter 1.5 writes it, two CPUs, a second apart. */
static const char node_page[] =
		"# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n"
		"# TYPE node_cpu_seconds_total counter\n"
		"node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} %d\n"
		"node_cpu_seconds_total{cpu=\"0\",mode=\"iowait\"} 7.1\n"
		"node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} %d\n"
		"node_cpu_seconds_total{cpu=\"1\",mode=\"idle\"} 500\n"
		"node_cpu_seconds_total{cpu=\"1\",mode=\"user\"} %d\n"
		"node_disk_io_time_seconds_total{device=\"sda\"} 10\n"
		"node_load1 3\n"
		"node_memory_MemAvailable_bytes 2.5e+09\n"
		"node_memory_MemTotal_bytes 1e+10\n";

static void
page_of_node(int busy)
{
	char page[sizeof(exporter.page)];

	snprintf(page, sizeof(page), node_page, 1000 + busy, 50 + busy, 80 + 2 * busy);
	strcpy(exporter.page, page);
}

static void
node_exporters_names_are_known(void **state)
{
	static const char *const names[] = {"cpu", "memory", "disk", "load"};
	static const enum scrape_state ok = SCRAPE_ok;
	const struct metric *m;
	const double *v;
	size_t count, i;

	page_of_node(0);
	configure_exporter("node: true");
	wait_until("a page", has_ended, &ok);
	page_of_node(10);
	wait_until("three of four seconds busy", has_value, (double[]){0.75});
	m = measurements_metrics(f->g.measurements, web1()->service, &count);
	v = measurements_values(f->g.measurements, web1(), MEASURE_SERVING) + METRIC_PASSIVE_COUNT;
	assert_int_equal(count, METRIC_PASSIVE_COUNT + 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(m[METRIC_PASSIVE_COUNT + i].name, names[i]);
	assert_true(v[1] == 0.75 && v[2] == 0 && v[3] == 1.5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
			TEST(a_value_is_there_for_both_sides_and_named),
			TEST(one_url_is_fetched_once_for_all_over_one_connection),
			cmocka_unit_test(what_goes_wrong_is_told_once_and_costs_the_value),
			TEST(nobody_listening_is_refused),
			TEST(a_reload_keeps_what_it_does_not_change),
			TEST(node_exporters_names_are_known),
	};

	return cmocka_run_group_tests(tests, exporter_start, NULL);
}
