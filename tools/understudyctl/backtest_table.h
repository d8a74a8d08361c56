/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of a file, all in memory: the text of every cell, and numbers by column when asked for. Two layouts: CSV
 * (RFC 4180; the header tells whether commas, semicolons or tabs separate) with a header line, and cells separated by
 * white space, without a header (the layout of C-MAPSS) or with one. Errors name file, line and column.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKTEST_ERROR_SIZE 512

enum backtest_layout {
	BACKTEST_DETECT, /* BACKTEST_SPACES if the first line is numbers without a comma, or words with blanks alone between them */
	BACKTEST_CSV,
	BACKTEST_SPACES, /* without a header columns are named "1", "2", ...; 26 of them as C-MAPSS names them: unit, cycle, setting_1 to _3, sensor_1 to _21 */
};

/* What went wrong, for people, without the program's name. */
struct backtest_error {
	char text[BACKTEST_ERROR_SIZE];
};

struct backtest_table; /* belongs to its caller */

/* 0, -ENOMEM, or -errno of reading, -EINVAL for bad content; then with text in `error` and nothing in `out`. A row with more or fewer cells than the header is an error; blank lines are passed over. */
int backtest_table_read(const char *path, enum backtest_layout layout, struct backtest_table **out,
		struct backtest_error *error);
void backtest_table_free(struct backtest_table *t);

size_t backtest_table_rows(const struct backtest_table *t); /* without the header */
size_t backtest_table_columns(const struct backtest_table *t);
const char *backtest_table_path(const struct backtest_table *t);
const char *backtest_table_name(const struct backtest_table *t, size_t column);
/* As it stands in the file, without quotes. Valid as long as the table. */
const char *backtest_table_text(const struct backtest_table *t, size_t row, size_t column);
uint32_t backtest_table_line(const struct backtest_table *t, size_t row); /* in the file, from 1 */

/* By name, case counts. -ENOENT with the names there are in `error`, and that a header is missing if most of them are
 * numbers or times. */
int backtest_table_find(const struct backtest_table *t, const char *name, size_t *column,
		struct backtest_error *error);

/* One column into out[rows]: NAN for an empty cell, "nan", "na" or "null" in any case; an infinite number stays. -EINVAL for other text. */
int backtest_table_numbers(const struct backtest_table *t, size_t column, double *out,
		struct backtest_error *error);

/* One column into out[rows] as seconds since the epoch, UTC: "2014-04-01 00:05:00", the same with T, fractions and Z, a date alone, or a number of seconds. -EINVAL for other text. */
int backtest_table_seconds(const struct backtest_table *t, size_t column, double *out,
		struct backtest_error *error);

/* False and nothing in `out` for other text. */
bool backtest_seconds(const char *text, double *out);
bool backtest_number(const char *text, double *out);
