/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_fleet.h"

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

static struct backtest_table *
table_of(const char *text)
{
	char path[] = "/tmp/test_backtest_fleet.XXXXXX";
	struct backtest_table *table = NULL;
	struct backtest_error error = {""};
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	if (backtest_table_read(path, BACKTEST_DETECT, &table, &error))
		fail_msg("%s", error.text);
	unlink(path);
	return table;
}

static const char train[] = "engine,hour,heat,sound\n"
			    "a,1,10,1\n"
			    "a,2,11,1\n"
			    "b,1,20,2\n"
			    "b,2,21,2\n";

struct refusal {
	const char *name, *text, *says;
};

static void
a_column_of_words_is_no_sensor(void **state)
{
	struct backtest_table *table = table_of("engine,model,hour,heat,note\n"
						"a,X1,1,10,\n"
						"a,X1,2,11,\n"
						"b,X2,1,20,new\n");
	struct backtest_fleet_columns columns = {.unit = "engine", .time = "hour"};
	struct backtest_error error;

	(void)state;
	assert_int_equal(backtest_fleet_columns_take(&columns, table, &error), 0);
	assert_int_equal(columns.count, 1);
	assert_string_equal(columns.name[0], "heat");
	assert_int_equal(columns.words, 2);
	backtest_fleet_columns_fini(&columns);
	backtest_table_free(table);
}

static void
a_table_that_does_not_fit_is_refused(void **state)
{
	static const struct refusal cases[] = {
			{"a missing column", "engine,hour,heat\na,1,1\n", "no column \"sound\""},
			{"no unit column", "motor,hour,heat,sound\na,1,1,1\n",
					"no column \"engine\""},
			{"a cell that is no number",
					"engine,hour,heat,sound\na,1,1,1\na,2,warm,1\n", "warm"},
			{"an empty unit", "engine,hour,heat,sound\n,1,1,1\n", "line 2: no unit"},
			{"an empty time", "engine,hour,heat,sound\na,,1,1\n", "line 2: no time"},
			{"a time twice", "engine,hour,heat,sound\na,1,1,1\nb,1,1,1\na,1,2,2\n",
					"line 4: unit \"a\" has the time 1 twice"},
			{"a column without a value", "engine,hour,heat,sound\na,1,1,1\nb,1,1,nan\n",
					"unit \"b\" has no value in column \"sound\""},
	};
	struct backtest_table *first = table_of(train);
	struct backtest_fleet_columns columns = {.unit = "engine", .time = "hour"};
	struct backtest_error error;
	size_t i;

	(void)state;
	assert_int_equal(backtest_fleet_columns_take(&columns, first, &error), 0);
	assert_int_equal(columns.count, 2);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct backtest_table *table = table_of(cases[i].text);
		struct backtest_fleet fleet;

		error.text[0] = '\0';
		if (backtest_fleet_read(&fleet, table, &columns, &error) != -EINVAL ||
				!strstr(error.text, cases[i].says))
			fail_msg("%s: \"%s\"", cases[i].name, error.text);
		backtest_table_free(table);
	}
	backtest_fleet_columns_fini(&columns);
	backtest_table_free(first);
}

static void
rows_are_sorted_by_unit_and_time_and_columns_found_by_name(void **state)
{
	struct backtest_table *first = table_of(train);
	struct backtest_table *table = table_of("sound,extra,hour,heat,engine\n"
						"5,x,3,30,late\n"
						"6,x,9,90,early\n"
						"7,x,1,,late\n");
	struct backtest_fleet_columns columns = {.unit = "engine", .time = "hour"};
	struct backtest_fleet fleet;
	struct backtest_error error;
	const struct life_unit *late;

	(void)state;
	assert_int_equal(backtest_fleet_columns_take(&columns, first, &error), 0);
	assert_int_equal(backtest_fleet_read(&fleet, table, &columns, &error), 0);
	assert_int_equal(fleet.fleet.count, 2);
	assert_int_equal(fleet.gaps, 1);
	assert_string_equal(fleet.name[0], "late");
	late = &fleet.fleet.unit[0];
	assert_int_equal(late->rows, 2);
	assert_true(late->time[0] == 1 && late->time[1] == 3);
	assert_true(isnan(late->value[0]) && late->value[1] == 7);
	assert_true(late->value[2] == 30 && late->value[3] == 5);
	backtest_fleet_fini(&fleet);
	backtest_fleet_columns_fini(&columns);
	backtest_table_free(table);
	backtest_table_free(first);
}

static void
a_table_needs_a_sensor(void **state)
{
	struct backtest_table *table = table_of("engine,hour\na,1\n");
	struct backtest_fleet_columns columns = {.unit = "engine", .time = "hour"};
	struct backtest_error error = {""};

	(void)state;
	assert_int_equal(backtest_fleet_columns_take(&columns, table, &error), -EINVAL);
	assert_non_null(strstr(error.text, "needs a unit, a time and"));
	backtest_fleet_columns_fini(&columns);
	backtest_table_free(table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_column_of_words_is_no_sensor),
			cmocka_unit_test(a_table_that_does_not_fit_is_refused),
			cmocka_unit_test(
					rows_are_sorted_by_unit_and_time_and_columns_found_by_name),
			cmocka_unit_test(a_table_needs_a_sensor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
