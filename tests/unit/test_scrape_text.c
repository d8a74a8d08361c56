/* SPDX-License-Identifier: Apache-2.0 */
#include "scrape_metric.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES_MAX 1000000

/* The samples of a page as "name{label=value;}=number|". */
static char seen[4096];

static bool
want_all_but_skip(void *arg, const char *line, size_t len)
{
	return len < 4 || memcmp(line, "skip", 4) != 0;
}

static void
see(void *arg, const struct scrape_sample *s)
{
	size_t i, n = strlen(seen);

	n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%s", s->name);
	for (i = 0; i < s->label_count; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "{%s=%s}", s->label[i].name,
				s->label[i].value);
	snprintf(seen + n, sizeof(seen) - n, "=%g|", s->value);
}

/* In pieces of `piece` bytes, each on the heap at its exact size. */
static int
read_page(struct scrape_text *t, const char *page, size_t len, size_t piece)
{
	size_t n;
	char *copy;
	int err = 0;

	seen[0] = '\0';
	scrape_text_begin(t);
	for (; len && !err; page += n, len -= n) {
		n = len < piece ? len : piece;
		copy = malloc(n);
		memcpy(copy, page, n);
		err = scrape_text_feed(t, copy, n);
		free(copy);
	}
	return err ? err : scrape_text_end(t);
}

#define TEXT(text) text, sizeof(text) - 1

static const struct {
	const char *name, *page;
	size_t len;
	int err;
	const char *seen;
} pages[] = {
		{"nothing", TEXT(""), 0, ""},
		{"comments and empty lines", TEXT("# HELP a b\n\n# TYPE a counter\n  \n"), 0, ""},
		{"a value", TEXT("up 1\n"), 0, "up=1|"},
		{"with a time stamp", TEXT("up 1 1700000000000\n"), 0, "up=1|"},
		{"with an exemplar", TEXT("up 1 # {id=\"7\"} 1\n"), 0, "up=1|"},
		{"labels", TEXT("a{x=\"1\",y=\"two\"} 3e2\n"), 0, "a{x=1}{y=two}=300|"},
		{"no labels in braces", TEXT("a{} 1\n"), 0, "a=1|"},
		{"a comma at the end", TEXT("a{x=\"1\",} 1\n"), 0, "a{x=1}=1|"},
		{"blanks everywhere", TEXT("\ta { x = \"1\" , y=\"2\" }\t4 \n"), 0,
				"a{x=1}{y=2}=4|"},
		{"escapes", TEXT("a{x=\"\\\\ \\\" } , # \\n\"} 1\n"), 0, "a{x=\\ \" } , # \n}=1|"},
		{"no blank before the value", TEXT("a{x=\"1\"}5\n"), 0, "a{x=1}=5|"},
		{"not numbers", TEXT("a NaN\nb +Inf\nc -Inf\n"), 0, "a=nan|b=inf|c=-inf|"},
		{"what nobody wants is skipped", TEXT("skip{x=\"\n{{{{\nup 1\n"), -EBADMSG, ""},
		{"what nobody wants is not looked into", TEXT("skip{x=\" ~~\nup 1\n"), 0, "up=1|"},
		{"a page of another kind", TEXT("<html><body>\n"), -EBADMSG, ""},
		{"bytes", TEXT("\x7f\x45LF\x02\x01\n"), -EBADMSG, ""},
		{"no value", TEXT("up\n"), -EBADMSG, ""},
		{"a word for a value", TEXT("up yes\n"), -EBADMSG, ""},
		{"something behind the value", TEXT("up 1x\n"), -EBADMSG, ""},
		{"something behind the time stamp", TEXT("up 1 5 6\n"), -EBADMSG, ""},
		{"a label without quotes", TEXT("a{x=1} 1\n"), -EBADMSG, ""},
		{"a label that does not end", TEXT("a{x=\"1} 1\n"), -EBADMSG, ""},
		{"an unknown escape", TEXT("a{x=\"\\t\"} 1\n"), -EBADMSG, ""},
		{"braces that do not end", TEXT("a{x=\"1\" 1\n"), -EBADMSG, ""},
		{"a label without a name", TEXT("a{=\"1\"} 1\n"), -EBADMSG, ""},
		{"a NUL", TEXT("a\0b 1\n"), -EBADMSG, ""},
		{"a last line without its end", TEXT("a 1\nb 2"), -EBADMSG, "a=1|"},
		{"samples before the fault are told", TEXT("a 1\nb two\nc 3\n"), -EBADMSG, "a=1|"},
};

static void
pages_are_read_as_the_format_says_in_pieces_of_any_size(void **state)
{
	static const size_t pieces[] = {1, 2, 3, 7, 1000};
	struct scrape_reader reader = {want_all_but_skip, see, NULL};
	struct scrape_text t;
	size_t i, k;
	int err;

	scrape_text_init(&t, &reader, BYTES_MAX);
	for (i = 0; i < COUNT(pages); i++) {
		for (k = 0; k < COUNT(pieces); k++) {
			err = read_page(&t, pages[i].page, pages[i].len, pieces[k]);
			if (err != pages[i].err || strcmp(seen, pages[i].seen) != 0)
				fail_msg("%s: %d (%s), '%s'", pages[i].name, err,
						t.fault ? t.fault : "", seen);
			assert_true(!t.fault == !err);
		}
	}
	scrape_text_fini(&t);
}

static void
a_page_and_a_line_have_a_largest_size(void **state)
{
	struct scrape_reader reader = {want_all_but_skip, see, NULL};
	char *line = malloc(SCRAPE_LINE_MAX);
	struct scrape_text t;

	memset(line, 'a', SCRAPE_LINE_MAX);
	scrape_text_init(&t, &reader, 10);
	assert_int_equal(read_page(&t, TEXT("a 1\nb 2\n"), 100), 0);
	assert_int_equal(read_page(&t, TEXT("a 1\nb 2\nc 3\n"), 5), -E2BIG);
	scrape_text_fini(&t);
	scrape_text_init(&t, &reader, BYTES_MAX);
	assert_int_equal(read_page(&t, line, SCRAPE_LINE_MAX, 1000), -EBADMSG);
	assert_string_equal(t.fault, "longer than 64 KiB");
	assert_int_equal(t.lines, 1);
	assert_int_equal(read_page(&t, line, SCRAPE_LINE_MAX, SCRAPE_LINE_MAX), -EBADMSG);
	assert_int_equal(t.lines, 1);
	scrape_text_fini(&t);
	free(line);
}

static bool
wants(void *arg, const char *line, size_t len)
{
	return scrape_metric_wants(arg, line, len);
}

static void
sample(void *arg, const struct scrape_sample *s)
{
	scrape_metric_sample(arg, s);
}

static void
selectors_are_read_and_match(void **state)
{
	static const struct {
		const char *name, *selector;
		const char *page;
		bool matches;
	} cases[] = {
			{"a name", "up", "up 1\n", true},
			{"a longer name", "up", "upper 1\n", false},
			{"labels do not matter", "up", "up{a=\"1\"} 1\n", true},
			{"a label", "up{a=\"1\"}", "up{a=\"1\",b=\"2\"} 1\n", true},
			{"another value", "up{a=\"1\"}", "up{a=\"2\"} 1\n", false},
			{"a label that lacks", "up{a=\"1\"}", "up 1\n", false},
			{"a label that is to lack", "up{a=\"\"}", "up 1\n", true},
			{"not that value", "up{a!=\"1\"}", "up{a=\"2\"} 1\n", true},
			{"not that value, and it lacks", "up{a!=\"1\"}", "up 1\n", true},
			{"that value", "up{a!=\"1\"}", "up{a=\"1\"} 1\n", false},
			{"two", "up{ a = \"1\", b!=\"x\" }", "up{a=\"1\",b=\"y\"} 1\n", true},
			{"one of two", "up{a=\"1\",b!=\"x\"}", "up{a=\"1\",b=\"x\"} 1\n", false},
	};
	struct config_scrape_metric config = {.name = NULL};
	struct scrape_reader reader;
	struct scrape_metric *m;
	struct scrape_text t;
	double got;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		config.metric = (char *)(uintptr_t)cases[i].selector;
		m = scrape_metric_create(&config);
		if (!m)
			fail_msg("%s", cases[i].name);
		reader = (struct scrape_reader){wants, sample, m};
		scrape_text_init(&t, &reader, BYTES_MAX);
		scrape_metric_begin(m);
		assert_int_equal(read_page(&t, cases[i].page, strlen(cases[i].page), 1000), 0);
		got = scrape_metric_end(m, 1000);
		if (isnan(got) == cases[i].matches)
			fail_msg("%s: %f", cases[i].name, got);
		scrape_text_fini(&t);
		scrape_metric_free(m);
	}
}

static void
selectors_that_are_none_are_refused(void **state)
{
	static const char *const cases[] = {"", "5xx", "a b", "a{", "a{x}", "a{x=1}", "a{x=\"1}",
			"a{x=\"1\"", "a{x=~\"1\"}", "a{x=\"1\"} 2", "a{x=\"1\" y=\"2\"}",
			"{x=\"1\"}"};
	struct scrape_selector s;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		if (!scrape_selector_parse(cases[i], &s))
			fail_msg("'%s'", cases[i]);
	}
}

/* Pages a second apart unless `at` says else, and the value of the last. */
struct metric_case {
	const char *name;
	struct config_scrape_metric config;
	const char *page[4];
	uint64_t at[4];
	double value;
};

#define M(text) .metric = (char *)(uintptr_t)(text)
#define PER(text) .per = (char *)(uintptr_t)(text)

static const struct metric_case metric_cases[] = {
		{"a value", {M("a")}, {"a 5\n"}, {0}, 5},
		{"nothing there", {M("a")}, {"b 5\n"}, {0}, NAN},
		{"the sum", {M("a")}, {"a{x=\"1\"} 5\na{x=\"2\"} 6\n"}, {0}, 11},
		{"the largest", {M("a"), .aggregate = SCRAPE_MAX},
				{"a{x=\"1\"} -5\na{x=\"2\"} -6\n"}, {0}, -5},
		{"the smallest", {M("a"), .aggregate = SCRAPE_MIN},
				{"a{x=\"1\"} 5\na{x=\"2\"} 6\n"}, {0}, 5},
		{"the mean", {M("a"), .aggregate = SCRAPE_AVERAGE},
				{"a{x=\"1\"} 5\na{x=\"2\"} 6\n"}, {0}, 5.5},
		{"how many", {M("a"), .aggregate = SCRAPE_COUNT}, {"a{x=\"1\"} 5\na{x=\"2\"} 6\n"},
				{0}, 2},
		{"NaN", {M("a")}, {"a NaN\n"}, {0}, NAN},
		{"one NaN among numbers", {M("a")}, {"a{x=\"1\"} 1\na{x=\"2\"} NaN\n"}, {0}, NAN},
		{"infinity", {M("a")}, {"a +Inf\n"}, {0}, NAN},
		{"a ratio", {M("a"), PER("b")}, {"a 1\nb 4\n"}, {0}, 0.25},
		{"what is left of it", {M("a"), PER("b"), .complement = true}, {"a 1\nb 4\n"}, {0},
				0.75},
		{"a ratio to nothing", {M("a"), PER("b")}, {"a 1\nb 0\n"}, {0}, NAN},
		{"a ratio to what is not there", {M("a"), PER("b")}, {"a 1\n"}, {0}, NAN},
		{"a rate of one page", {M("a"), .rate = true}, {"a 5\n"}, {0}, NAN},
		{"a rate", {M("a"), .rate = true}, {"a 5\n", "a 9\n"}, {0}, 4},
		{"a rate over two seconds", {M("a"), .rate = true}, {"a 5\n", "a 9\n"},
				{1000, 3000}, 2},
		{"a rate across a page that was no good", {M("a"), .rate = true},
				{"a 5\n", "!\n", "a 9\n"}, {0}, 2},
		{"a counter that fell", {M("a"), .rate = true}, {"a 5\n", "a 2\n"}, {0}, NAN},
		{"and goes on", {M("a"), .rate = true}, {"a 5\n", "a 2\n", "a 3\n"}, {0}, 1},
		{"rates of two series", {M("a"), .rate = true},
				{"a{x=\"1\"} 5\na{x=\"2\"} 100\n",
						"a{x=\"1\"} 6\na{x=\"2\"} 102\n"},
				{0}, 3},
		{"in another order", {M("a"), .rate = true},
				{"a{x=\"1\"} 5\na{x=\"2\"} 100\n",
						"a{x=\"2\"} 102\na{x=\"1\"} 6\n"},
				{0}, 3},
		{"one of two began anew", {M("a"), .rate = true},
				{"a{x=\"1\"} 5\na{x=\"2\"} 100\n", "a{x=\"1\"} 6\na{x=\"2\"} 2\n"},
				{0}, NAN},
		{"a series that is new began at 0", {M("a"), .rate = true},
				{"a{x=\"1\"} 5\n", "a{x=\"1\"} 6\na{x=\"2\"} 7\n"}, {0}, 8},
		{"a series that went is no loss", {M("a"), .rate = true},
				{"a{x=\"1\"} 5\na{x=\"2\"} 7\n", "a{x=\"1\"} 6\n"}, {0}, 1},
		{"the largest rate", {M("a"), .rate = true, .aggregate = SCRAPE_MAX},
				{"a{x=\"1\"} 5\na{x=\"2\"} 100\n",
						"a{x=\"1\"} 6\na{x=\"2\"} 102\n"},
				{0}, 2},
		{"the share of two rates", {M("e"), PER("r"), .rate = true, .per_rate = true},
				{"e 5\nr 100\n", "e 6\nr 120\n"}, {0}, 0.05},
		{"the share while nothing moves",
				{M("e"), PER("r"), .rate = true, .per_rate = true},
				{"e 5\nr 100\n", "e 5\nr 100\n"}, {0}, NAN},
		{"a rate to a limit", {M("c"), PER("q"), .rate = true},
				{"c 5\nq 4\n", "c 6\nq 4\n"}, {0}, 0.25},
		{"two pages at one time", {M("a"), .rate = true}, {"a 5\n", "a 6\n"}, {1000, 1000},
				NAN},
};

static double
last_value(const struct metric_case *c, struct scrape_metric *m)
{
	struct scrape_reader reader = {wants, sample, m};
	struct scrape_text t;
	double value = NAN;
	int i;

	scrape_text_init(&t, &reader, BYTES_MAX);
	for (i = 0; i < 4 && c->page[i]; i++) {
		scrape_metric_begin(m);
		if (read_page(&t, c->page[i], strlen(c->page[i]), 3) == 0)
			value = scrape_metric_end(
					m, c->at[0] ? c->at[i] : (uint64_t)(i + 1) * 1000);
		else
			scrape_metric_cancel(m);
	}
	scrape_text_fini(&t);
	return value;
}

static void
values_follow_from_the_pages(void **state)
{
	struct scrape_metric *m;
	double got;
	size_t i;

	for (i = 0; i < COUNT(metric_cases); i++) {
		m = scrape_metric_create(&metric_cases[i].config);
		assert_non_null(m);
		got = last_value(&metric_cases[i], m);
		if (isnan(got) != isnan(metric_cases[i].value) ||
				(!isnan(got) && fabs(got - metric_cases[i].value) > 1e-12))
			fail_msg("%s: %f", metric_cases[i].name, got);
		scrape_metric_free(m);
	}
}

static void
a_page_too_old_is_none_to_take_a_rate_from(void **state)
{
	struct config_scrape_metric config = {M("a"), .rate = true};
	struct scrape_metric *m = scrape_metric_create(&config);
	struct metric_case one = {"", config, {"a 5\n"}, {1000}, 0};

	last_value(&one, m);
	scrape_metric_forget(m);
	one.page[0] = "a 9\n";
	one.at[0] = 9000;
	assert_true(isnan(last_value(&one, m)));
	scrape_metric_free(m);
}

static void
a_choice_of_too_many_series_has_no_value(void **state)
{
	struct config_scrape_metric config = {M("a"), .rate = true};
	struct scrape_metric *m = scrape_metric_create(&config);
	char *page = malloc(40 * (SCRAPE_SERIES_MAX + 2)), *p = page;
	struct metric_case two = {"", config, {page, page}, {1000, 2000}, 0};
	int i;

	for (i = 0; i < SCRAPE_SERIES_MAX; i++)
		p += sprintf(p, "a{i=\"%d\"} 1\n", i);
	assert_true(last_value(&two, m) == 0);
	sprintf(p, "a{i=\"%d\"} 1\n", i);
	assert_true(isnan(last_value(&two, m)));
	scrape_metric_free(m);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(pages_are_read_as_the_format_says_in_pieces_of_any_size),
			cmocka_unit_test(a_page_and_a_line_have_a_largest_size),
			cmocka_unit_test(selectors_are_read_and_match),
			cmocka_unit_test(selectors_that_are_none_are_refused),
			cmocka_unit_test(values_follow_from_the_pages),
			cmocka_unit_test(a_page_too_old_is_none_to_take_a_rate_from),
			cmocka_unit_test(a_choice_of_too_many_series_has_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
