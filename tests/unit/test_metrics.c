/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include "collect.h"
#include "fake_gateway.h"
#include "metrics_policy.h"
#include "steering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fake *f;
static char *text;

static char *
metrics_whole(void)
{
	struct metrics *m = metrics_create(&f->g, false);
	char *page;

	while (!metrics_run(m, 0)) /* one endpoint at a time */
		;
	page = metrics_take(m);
	metrics_free(m);
	return page;
}

static int
setup(void **state)
{
	f = fake_create("/nonexistent");
	collector_tick_at(f->g.collector, 1000);
	fake_traffic(f);
	collector_tick_at(f->g.collector, 2000);
	text = metrics_whole();
	return text ? 0 : -1;
}

static int
teardown(void **state)
{
	free(text);
	fake_free(f);
	return 0;
}

/* The value of a sample, by its name and labels as they stand. */
static double
sample(const char *series)
{
	const char *at = text;
	size_t n = strlen(series);

	while ((at = strstr(at, series))) {
		if ((at == text || at[-1] == '\n') && at[n] == ' ')
			return strtod(at + n + 1, NULL);
		at += n;
	}
	fail_msg("no sample %s", series);
	return 0;
}

static void
every_counter_of_the_lists_is_there_with_its_value(void **state)
{
	static const char web1s[] = "{service=\"web\",endpoint=\"web1s\",leg=\"server\"}";
	char series[160];
	int i;

#define X(name, help)                                                                      \
	snprintf(series, sizeof(series), "understudy_lcore_%s_total{lcore=\"2\"}", #name); \
	assert_true(sample(series) == (double)f->lcore[1].name);
	LCORE_COUNTER_LIST(X)
#undef X
	for (i = 0; i < PACKET_END_COUNT; i++) {
		snprintf(series, sizeof(series),
				"understudy_packet_end_total{lcore=\"1\",reason=\"%s\"}",
				packet_end_name(i));
		assert_true(sample(series) == (double)f->lcore[0].end[i]);
	}
#define X(name, help)                                                                              \
	snprintf(series, sizeof(series), "understudy_endpoint_%s_total%s", #name, web1s);          \
	assert_true(sample(series) ==                                                              \
			2 *                                                                        \
					(double)f->endpoint[0]                                     \
							   [fake_endpoint(f, "web", "web1s")->eid] \
									   .leg[LEG_SERVER]        \
									   .name);
	LEG_COUNTER_LIST(X)
#undef X
}

static void
a_leg_without_traffic_is_told_when_asked_for_and_a_gauge_always(void **state)
{
	static const char series[] = "endpoint_flows_new_total{service=\"web\",endpoint=\"web2\","
				     "leg=\"server\"} 0\n";
	struct metrics *m = metrics_create(&f->g, true);

	assert_null(strstr(text, series));
	assert_true(sample("understudy_endpoint_up{service=\"web\",endpoint=\"web2\"}") == 1);
	while (!metrics_run(m, 1000))
		;
	free(text);
	text = metrics_take(m);
	metrics_free(m);
	assert_non_null(strstr(text, series));
}

static void
a_reload_in_between_begins_the_page_anew(void **state)
{
	struct metrics *m = metrics_create(&f->g, false);
	struct config_errors errors = {0};
	char *before = text;
	struct config *c;

	metrics_run(m, 0);
	metrics_run(m, 0);
	c = config_parse(fake_config, strlen(fake_config), "fake.yaml", &errors);
	assert_non_null(c);
	assert_int_equal(registry_reload(f->g.registry, c), 0);
	while (!metrics_run(m, 0))
		;
	text = metrics_take(m);
	metrics_free(m);
	assert_string_equal(text, before);
	free(before);
}

static void
the_policy_tells_how_each_pair_stands_and_counts_decisions(void **state)
{
#define WEB1 "{service=\"web\",endpoint=\"web1\""
	assert_null(strstr(text, "understudy_endpoint_policy_share" WEB1));
	registry_set_health(f->g.registry, fake_endpoint(f, "web", "web1"), HEALTH_DOWN, "a test");
	steering_tick_at(f->g.steering, 1000);
	free(text);
	text = metrics_whole();
	assert_true(sample("understudy_endpoint_policy_state" WEB1 ",state=\"watch\"}") == 1);
	assert_true(sample("understudy_endpoint_policy_state" WEB1 ",state=\"shifted\"}") == 0);
	assert_true(sample("understudy_endpoint_policy_mode" WEB1 ",mode=\"observe\"}") == 1);
	assert_true(sample("understudy_endpoint_policy_share" WEB1 "}") == 0);
	assert_true(sample("understudy_endpoint_policy_held" WEB1 "}") == 0);
	assert_true(sample("understudy_endpoint_policy_asked" WEB1 "}") == 0);
	assert_true(sample("understudy_endpoint_policy_verdict" WEB1 ",verdict=\"unsure\"}") == 1);
	assert_true(sample("understudy_endpoint_decisions_total" WEB1
			   ",rung=\"primary_down\",outcome=\"observed\"}") == 1);
	assert_null(strstr(text,
			"understudy_endpoint_policy_share{service=\"web\","
			"endpoint=\"web1s\""));
}

static void
the_page_of_the_api_names_every_metric_of_the_policy(void **state)
{
	const char *root = getenv("SOURCE_ROOT");
	char path[512], name[80], *page = NULL;
	size_t size = 0, i;
	FILE *in;

	snprintf(path, sizeof(path), "%s/docs/api.md", root ? root : ".");
	in = fopen(path, "r");
	if (!in || getdelim(&page, &size, '\0', in) < 0)
		fail_msg("'%s' cannot be read", path);
	fclose(in);
	for (i = 0; i < METRICS_POLICY; i++) {
		snprintf(name, sizeof(name), "`%s", metrics_policy_family[i].name);
		if (!strstr(page, name))
			fail_msg("%s` is not explained", name);
	}
	free(page);
}

static void
histograms_are_cumulative_in_seconds(void **state)
{
#define REPLY(leg, le)                                                                            \
	sample("understudy_endpoint_reply_seconds_bucket{service=\"dns\",endpoint=\"dns1s\",leg=" \
	       "\"" leg "\",le=\"" le "\"}")
	assert_true(REPLY("shadow", "0.000192") == 0);
	assert_true(REPLY("shadow", "0.000256") == 200);
	assert_true(REPLY("shadow", "+Inf") == 200);
	assert_true(sample("understudy_endpoint_reply_seconds_sum{service=\"dns\",endpoint="
			   "\"dns1s\","
			   "leg=\"shadow\"}") == 0.04);
	assert_true(sample("understudy_endpoint_reply_seconds_count{service=\"dns\",endpoint="
			   "\"dns1s\","
			   "leg=\"shadow\"}") == 200);
}

/* A strict reader of the exposition format, as far as we use it: a family is announced once by HELP and TYPE, and all
 * its samples follow; no series stands twice. */
struct reader {
	char family[128], type[16];
	char *seen; /* every family before, each in newlines */
};

static const char *
skip_name(const char *at)
{
	size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");

	assert_true(n > 0);
	return at + n;
}

static const char *
skip_labels(const char *at)
{
	if (*at != '{')
		return at;
	do {
		at = skip_name(at + 1);
		assert_true(at[0] == '=' && at[1] == '"');
		for (at += 2; *at != '"'; at++) {
			assert_true(*at && *at != '\n');
			at += *at == '\\';
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return at + 1;
}

static bool
belongs(const struct reader *r, const char *name, size_t n)
{
	static const char *const suffix[] = {"_bucket", "_sum", "_count"};
	size_t base = strlen(r->family);
	int i;

	if (strncmp(name, r->family, base) || strcmp(r->type, "histogram"))
		return n == base && !strncmp(name, r->family, base);
	for (i = 0; i < 3; i++) {
		if (n == base + strlen(suffix[i]) && !strncmp(name + base, suffix[i], n - base))
			return true;
	}
	return false;
}

static void
read_sample(const struct reader *r, const char *line)
{
	const char *name_end = skip_name(line), *at = skip_labels(name_end);
	char *end;

	if (!belongs(r, line, (size_t)(name_end - line)))
		fail_msg("sample outside of its family: %.60s", line);
	assert_int_equal(*at, ' ');
	strtod(at + 1, &end);
	assert_true(end != at + 1 && *end == '\0');
	if (!strcmp(r->type, "counter"))
		assert_true(name_end - line > 6 && !strncmp(name_end - 6, "_total", 6));
}

static void
read_line(struct reader *r, char *line)
{
	char wrapped[160];
	int used;

	if (sscanf(line, "# HELP %127s %n", r->family, &used) == 1) {
		assert_true(line[used] != '\0');
		snprintf(wrapped, sizeof(wrapped), "\n%s\n", r->family);
		if (strstr(r->seen, wrapped))
			fail_msg("announced twice: %s", r->family);
		strcat(r->seen, wrapped);
		r->type[0] = '\0';
	} else if (!strncmp(line, "# TYPE ", 7)) {
		assert_int_equal(sscanf(line + 7 + strlen(r->family), " %15s", r->type), 1);
		assert_false(strncmp(line + 7, r->family, strlen(r->family)));
	} else {
		assert_true(r->type[0]);
		read_sample(r, line);
	}
}

static void
a_strict_reader_takes_all_of_it(void **state)
{
	struct reader r = {.seen = calloc(1, strlen(text) + 1)};
	char *rest = text, *line;
	int lines = 0;

	while ((line = strsep(&rest, "\n")) && *line) {
		read_line(&r, line);
		lines++;
	}
	assert_true(lines > 250);
	free(r.seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test_setup_teardown(
					the_policy_tells_how_each_pair_stands_and_counts_decisions,
					setup, teardown),
			cmocka_unit_test(the_page_of_the_api_names_every_metric_of_the_policy),
			cmocka_unit_test_setup_teardown(
					every_counter_of_the_lists_is_there_with_its_value, setup,
					teardown),
			cmocka_unit_test_setup_teardown(
					a_leg_without_traffic_is_told_when_asked_for_and_a_gauge_always,
					setup, teardown),
			cmocka_unit_test_setup_teardown(
					a_reload_in_between_begins_the_page_anew, setup, teardown),
			cmocka_unit_test_setup_teardown(
					histograms_are_cumulative_in_seconds, setup, teardown),
			cmocka_unit_test_setup_teardown(
					a_strict_reader_takes_all_of_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
