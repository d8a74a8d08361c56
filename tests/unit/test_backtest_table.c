/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_table.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/backtest_table.XXXXXX";
static struct backtest_error error;

static int
create_file(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	return unlink(path);
}

static int
read_bytes(const char *text, size_t size, struct backtest_table **t)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fwrite(text, 1, size, out);
	fclose(out);
	error.text[0] = '\0';
	return backtest_table_read(path, BACKTEST_DETECT, t, &error);
}

static int
read_text(const char *text, struct backtest_table **t)
{
	return read_bytes(text, strlen(text), t);
}

static void
a_csv_has_named_columns_and_text(void **state)
{
	struct backtest_table *t;
	size_t column;

	assert_int_equal(read_text("a,\"b, c\"\r\n1,\"say \"\"x\"\"\"\r\n\r\n2,", &t), 0);
	assert_int_equal(backtest_table_rows(t), 2);
	assert_int_equal(backtest_table_columns(t), 2);
	assert_int_equal(backtest_table_find(t, "b, c", &column, &error), 0);
	assert_string_equal(backtest_table_text(t, 0, column), "say \"x\"");
	assert_string_equal(backtest_table_text(t, 1, column), "");
	assert_int_equal(backtest_table_line(t, 1), 4);
	backtest_table_free(t);
}

static void
numbers_between_blanks_need_no_header(void **state)
{
	struct backtest_table *t;
	double out[2];

	assert_int_equal(read_text("1 2  3.5 \n4\t5 6\n", &t), 0);
	assert_int_equal(backtest_table_rows(t), 2);
	assert_string_equal(backtest_table_name(t, 2), "3");
	assert_int_equal(backtest_table_numbers(t, 2, out, &error), 0);
	assert_float_equal(out[0], 3.5, 0);
	assert_float_equal(out[1], 6, 0);
	backtest_table_free(t);
}

static void
a_header_tells_how_cells_are_separated(void **state)
{
	static const char *const texts[] = {"t,two words\n1,2.5\n", "t;two words\r\n1;2.5\r\n",
			"t\ttwo words\n1\t2.5\n", "\xef\xbb\xbft,two words\n1,2.5\n",
			"\"t\";\"two words\"\n1;2.5\n"};
	struct backtest_table *t;
	size_t i, first, second;
	double out;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (read_text(texts[i], &t))
			fail_msg("\"%s\": %s", texts[i], error.text);
		assert_int_equal(backtest_table_find(t, "t", &first, &error), 0);
		assert_int_equal(backtest_table_find(t, "two words", &second, &error), 0);
		assert_int_equal(backtest_table_numbers(t, second, &out, &error), 0);
		assert_float_equal(out, 2.5, 0);
		backtest_table_free(t);
	}
}

static void
words_between_blanks_are_a_header(void **state)
{
	struct backtest_table *t;
	size_t column;

	assert_int_equal(read_text(" unit  cycle heat\nA 1 2.5 \nA 2 3\n", &t), 0);
	assert_int_equal(backtest_table_rows(t), 2);
	assert_int_equal(backtest_table_find(t, "heat", &column, &error), 0);
	assert_string_equal(backtest_table_text(t, 1, column), "3");
	assert_string_equal(backtest_table_text(t, 0, 0), "A");
	backtest_table_free(t);
}

static void
twenty_six_columns_are_named_as_cmapss_names_them(void **state)
{
	struct backtest_table *t;
	size_t column;

	assert_int_equal(read_text("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 "
				   "25 26\n",
					 &t),
			0);
	assert_int_equal(backtest_table_find(t, "unit", &column, &error), 0);
	assert_int_equal(column, 0);
	assert_int_equal(backtest_table_find(t, "sensor_21", &column, &error), 0);
	assert_int_equal(column, 25);
	backtest_table_free(t);
}

static void
what_is_missing_is_nan_and_infinity_stays(void **state)
{
	struct backtest_table *t;
	double out[6];

	assert_int_equal(read_text("t,v\n1,\n2,NaN\n3,null\n4,-inf\n5,1e-320\n6, 7 \n", &t), 0);
	assert_int_equal(backtest_table_numbers(t, 1, out, &error), 0);
	assert_true(isnan(out[0]) && isnan(out[1]) && isnan(out[2]));
	assert_true(isinf(out[3]) && out[3] < 0);
	assert_true(out[4] > 0);
	assert_float_equal(out[5], 7, 0);
	backtest_table_free(t);
}

static void
an_error_names_file_line_and_column(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
			{"t,v\n1,2\n2,abc\n", ":3: column \"v\": \"abc\" is not a number"},
			{"t,v\n1,2\n2,3x\n", ":3: column \"v\": \"3x\" is not a number"},
			{"t,v\n1,2\n2\n", ":3: 1 cells, but 2 columns"},
			{"t,v\n1,2,3\n", ":2: 3 cells, but 2 columns"},
			{"t,v\n1,\"2\n", "a quote is not closed"},
			{"t,w\n1,2\n", "no column \"v\"; there are \"t\", \"w\""},
			{"1 2\n3\n", ":2: 1 cells, but 2 columns"},
			{"", "is empty"},
	};
	struct backtest_table *t;
	size_t i, column;
	double out[4];
	int rc;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t = NULL;
		rc = read_text(cases[i].text, &t);
		if (!rc)
			rc = backtest_table_find(t, "v", &column, &error);
		if (!rc)
			rc = backtest_table_numbers(t, column, out, &error);
		assert_true(rc < 0);
		if (strncmp(error.text, path, strlen(path)) || !strstr(error.text, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].says);
		backtest_table_free(t);
	}
}

static void
a_binary_file_is_refused(void **state)
{
	struct backtest_table *t;

	assert_int_equal(read_bytes("a,b\n1,\0002\n", 10, &t), -EINVAL);
	assert_non_null(strstr(error.text, ":2: a zero byte"));
}

static void
a_file_that_is_not_there_is_an_error(void **state)
{
	struct backtest_table *t;

	assert_int_equal(backtest_table_read("/nowhere/x.csv", BACKTEST_CSV, &t, &error), -ENOENT);
	assert_string_equal(error.text, "/nowhere/x.csv: No such file or directory");
}

static void
times_are_read_in_every_usual_form(void **state)
{
	static const struct {
		const char *text;
		double seconds; /* NAN: refused */
	} cases[] = {
			{"1970-01-02 00:00:01", 86401},
			{"1970-01-02T00:00:01Z", 86401},
			{"1970-01-01 00:00:01.25", 1.25},
			{"1970-01-02", 86400},
			{"1970-01-01 01:00", 3600},
			{"1700000000", 1700000000},
			{"12.5", 12.5},
			{"", NAN},
			{"yesterday", NAN},
			{"1970-01-02 00:00:01 or so", NAN},
			{"1970-13-02", NAN},
	};
	double out;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out = NAN;
		if (backtest_seconds(cases[i].text, &out) != !isnan(cases[i].seconds))
			fail_msg("\"%s\"", cases[i].text);
		if (!isnan(cases[i].seconds))
			assert_float_equal(out, cases[i].seconds, 0);
	}
}

static void
a_first_line_of_values_is_said_to_be_no_header(void **state)
{
	static const struct {
		const char *text;
		bool values;
	} cases[] = {
			{"82,1,3.5\n82,2,3.6\n", true},
			{"2014-04-01 00:00:00,19.7\n2014-04-01 00:05:00,19\n", true},
			{"pump 1,1,20.5\npump 1,2,20.6\n", true},
			{"machine,cycle,heat\n82,2,3.6\n", false},
			{"machine,2019,heat\n82,2,3.6\n", false}, {"machine,,\n82,2,3.6\n", false},
			{"82 1 3.5\n82 2 3.6\n", false}, /* needs none */
	};
	struct backtest_table *t;
	size_t column, i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(cases[i].text, &t), 0);
		assert_int_equal(backtest_table_find(t, "unit", &column, &error), -ENOENT);
		if (!strstr(error.text, "the first line must name the columns") == cases[i].values)
			fail_msg("%s%s", cases[i].text, error.text);
		backtest_table_free(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_csv_has_named_columns_and_text),
			cmocka_unit_test(numbers_between_blanks_need_no_header),
			cmocka_unit_test(a_header_tells_how_cells_are_separated),
			cmocka_unit_test(words_between_blanks_are_a_header),
			cmocka_unit_test(twenty_six_columns_are_named_as_cmapss_names_them),
			cmocka_unit_test(what_is_missing_is_nan_and_infinity_stays),
			cmocka_unit_test(an_error_names_file_line_and_column),
			cmocka_unit_test(a_first_line_of_values_is_said_to_be_no_header),
			cmocka_unit_test(a_binary_file_is_refused),
			cmocka_unit_test(a_file_that_is_not_there_is_an_error),
			cmocka_unit_test(times_are_read_in_every_usual_form),
	};

	return cmocka_run_group_tests(tests, create_file, remove_file);
}
