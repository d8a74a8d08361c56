/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_table.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CMAPSS_COLUMNS 26
#define BLANKS " \t\r\n"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* Cells in one list, row by row, the header first; a cell is the offset of its text, which ends with 0. */
struct backtest_table {
	char *path;
	char *text;
	size_t text_used, text_size;
	size_t *cell;
	size_t cells, cells_size;
	uint32_t *line; /* by row, of its last line; the header's first */
	size_t lines, lines_size;
	size_t columns;
	bool numbered; /* the file has no header: this one is ours */
};

struct reading {
	struct backtest_table *t;
	struct backtest_error *error;
	uint32_t line;
	size_t in_row; /* cells of the row so far */
	bool blank; /* nothing but empty cells so far */
	int rc;
};

static int
say(struct backtest_error *error, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return rc;
}

/* Room for `more` items behind `used`; the array may move. */
static bool
grow(void **array, size_t *size, size_t need, size_t item)
{
	size_t wanted = *size ? *size : 1024;
	void *moved;

	if (need <= *size)
		return true;
	while (wanted < need)
		wanted *= 2;
	moved = realloc(*array, wanted * item);
	if (!moved)
		return false;
	*array = moved;
	*size = wanted;
	return true;
}

static void
take_cell(void *field, size_t length, void *arg)
{
	struct reading *r = arg;
	struct backtest_table *t = r->t;

	if (r->rc)
		return;
	if (!grow((void **)&t->text, &t->text_size, t->text_used + length + 1, 1) ||
			!grow((void **)&t->cell, &t->cells_size, t->cells + 1,
					sizeof(t->cell[0]))) {
		r->rc = say(r->error, -ENOMEM, "%s: no memory for its rows", t->path);
		return;
	}
	t->cell[t->cells++] = t->text_used;
	if (length)
		memcpy(t->text + t->text_used, field, length);
	t->text[t->text_used + length] = '\0';
	t->text_used += length + 1;
	r->in_row++;
	r->blank = r->blank && !length;
}

static void
take_row(int end, void *arg)
{
	struct reading *r = arg;
	struct backtest_table *t = r->t;

	if (r->rc)
		return;
	if (r->blank && r->in_row <= 1) {
		t->cells -= r->in_row;
	} else if (t->lines && r->in_row != t->columns) {
		r->rc = say(r->error, -EINVAL, "%s:%u: %zu cells, but %zu columns", t->path,
				r->line, r->in_row, t->columns);
	} else if (!grow((void **)&t->line, &t->lines_size, t->lines + 1, sizeof(t->line[0]))) {
		r->rc = say(r->error, -ENOMEM, "%s: no memory for its rows", t->path);
	} else {
		t->columns = r->in_row;
		t->line[t->lines++] = r->line;
	}
	r->in_row = 0;
	r->blank = true;
}

static bool
is_numbers(const char *line)
{
	char *copy = strdup(line), *at, *save = NULL;
	bool numbers = copy && !strchr(line, ',') && line[strspn(line, BLANKS)];
	double ignored;

	for (at = numbers ? strtok_r(copy, BLANKS, &save) : NULL; at && numbers;
			at = strtok_r(NULL, BLANKS, &save))
		numbers = backtest_number(at, &ignored);
	free(copy);
	return numbers;
}

static void
take_named_header(struct reading *r, size_t columns)
{
	static const char *const cmapss[] = {
			"unit", "cycle", "setting_1", "setting_2", "setting_3"};
	char name[32];
	size_t i;

	for (i = 0; i < columns; i++) {
		if (columns != CMAPSS_COLUMNS)
			snprintf(name, sizeof(name), "%zu", i + 1);
		else if (i < 5)
			snprintf(name, sizeof(name), "%s", cmapss[i]);
		else
			snprintf(name, sizeof(name), "sensor_%zu", i - 4);
		take_cell(name, strlen(name), r);
	}
	take_row('\n', r);
	r->t->numbered = true;
}

static void
take_spaced_line(struct reading *r, char *line)
{
	char *copy, *at, *save = NULL;
	size_t columns = 0;

	if (!r->t->lines && is_numbers(line)) {
		copy = strdup(line);
		for (at = copy ? strtok_r(copy, BLANKS, &save) : NULL; at;
				at = strtok_r(NULL, BLANKS, &save))
			columns++;
		free(copy);
		if (columns)
			take_named_header(r, columns);
	}
	for (at = strtok_r(line, BLANKS, &save); at; at = strtok_r(NULL, BLANKS, &save))
		take_cell(at, strlen(at), r);
	take_row('\n', r);
}

/* What separates the cells of a first line: of several candidates the comma. 0: none of them. */
static char
separator_of(const char *line)
{
	static const char candidates[] = ",;\t";
	const char *c;

	for (c = candidates; *c; c++)
		if (strchr(line, *c))
			return *c;
	return 0;
}

/* Numbers between blanks, or a header of words between blanks: no single column is asked for with this layout. */
static enum backtest_layout
layout_of(const char *line)
{
	const char *word = line + strspn(line, BLANKS);

	word += strcspn(word, BLANKS);
	word += strspn(word, BLANKS);
	return is_numbers(line) || (!separator_of(line) && !strchr(line, '"') && *word)
			? BACKTEST_SPACES
			: BACKTEST_CSV;
}

/* Spreadsheets put it before the first name. */
static ssize_t
drop_byte_order_mark(char *line, ssize_t length)
{
	size_t mark = sizeof(BYTE_ORDER_MARK) - 1;

	if (strncmp(line, BYTE_ORDER_MARK, mark) != 0)
		return length;
	memmove(line, line + mark, (size_t)length - mark + 1);
	return length - (ssize_t)mark;
}

static int
read_lines(struct reading *r, FILE *in, enum backtest_layout layout)
{
	struct csv_parser csv;
	char *line = NULL, separator;
	size_t size = 0;
	ssize_t length;

	if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI))
		return -ENOMEM;
	while (!r->rc && (length = getline(&line, &size, in)) >= 0) {
		if (++r->line == 1) {
			length = drop_byte_order_mark(line, length);
			layout = layout == BACKTEST_DETECT ? layout_of(line) : layout;
			separator = separator_of(line);
			csv_set_delim(&csv, (unsigned char)(separator ? separator : ','));
		}
		if (strlen(line) != (size_t)length)
			r->rc = say(r->error, -EINVAL, "%s:%u: a zero byte: not a text file",
					r->t->path, r->line);
		else if (layout == BACKTEST_SPACES)
			take_spaced_line(r, line);
		else if (csv_parse(&csv, line, (size_t)length, take_cell, take_row, r) !=
				(size_t)length)
			r->rc = say(r->error, -EINVAL, "%s:%u: %s", r->t->path, r->line,
					csv_strerror(csv_error(&csv)));
	}
	if (!r->rc && csv_fini(&csv, take_cell, take_row, r))
		r->rc = say(r->error, -EINVAL, "%s:%u: a quote is not closed", r->t->path, r->line);
	if (!r->rc && ferror(in))
		r->rc = say(r->error, -EIO, "%s: cannot be read", r->t->path);
	csv_free(&csv);
	free(line);
	return r->rc;
}

int
backtest_table_read(const char *path, enum backtest_layout layout, struct backtest_table **out,
		struct backtest_error *error)
{
	struct reading r = {.t = calloc(1, sizeof(*r.t)), .error = error, .blank = true};
	FILE *in = NULL;
	int rc;

	if (!r.t || !(r.t->path = strdup(path))) {
		free(r.t);
		return say(error, -ENOMEM, "%s: no memory", path);
	}
	in = fopen(path, "r");
	rc = in ? read_lines(&r, in, layout) : say(error, -errno, "%s: %s", path, strerror(errno));
	if (in)
		fclose(in);
	if (!rc && r.t->lines == 0)
		rc = say(error, -EINVAL, "%s: is empty", path);
	if (rc) {
		backtest_table_free(r.t);
		return rc;
	}
	*out = r.t;
	return 0;
}

void
backtest_table_free(struct backtest_table *t)
{
	if (!t)
		return;
	free(t->path);
	free(t->text);
	free(t->cell);
	free(t->line);
	free(t);
}

size_t
backtest_table_rows(const struct backtest_table *t)
{
	return t->lines - 1;
}

size_t
backtest_table_columns(const struct backtest_table *t)
{
	return t->columns;
}

const char *
backtest_table_path(const struct backtest_table *t)
{
	return t->path;
}

const char *
backtest_table_name(const struct backtest_table *t, size_t column)
{
	return t->text + t->cell[column];
}

const char *
backtest_table_text(const struct backtest_table *t, size_t row, size_t column)
{
	return t->text + t->cell[(row + 1) * t->columns + column];
}

uint32_t
backtest_table_line(const struct backtest_table *t, size_t row)
{
	return t->line[row + 1];
}

/* Most of the names are numbers or times: the first line is a row. */
static bool
lacks_header(const struct backtest_table *t)
{
	size_t values = 0, i;
	double ignored;

	for (i = 0; i < t->columns && !t->numbered; i++)
		values += backtest_seconds(backtest_table_name(t, i), &ignored);
	return 2 * values > t->columns;
}

int
backtest_table_find(const struct backtest_table *t, const char *name, size_t *column,
		struct backtest_error *error)
{
	size_t i, used;

	for (i = 0; i < t->columns; i++) {
		if (!strcmp(backtest_table_name(t, i), name)) {
			*column = i;
			return 0;
		}
	}
	say(error, 0, "%s: no column \"%s\"; %s", t->path, name,
			lacks_header(t) ? "the first line must name the columns, and seems to "
					  "hold values:"
					: "there are");
	for (i = 0; i < t->columns; i++) {
		used = strlen(error->text);
		snprintf(error->text + used, sizeof(error->text) - used, "%s \"%s\"", i ? "," : "",
				backtest_table_name(t, i));
	}
	return -ENOENT;
}

static bool
is_missing(const char *text)
{
	return !*text || !strcasecmp(text, "nan") || !strcasecmp(text, "na") ||
			!strcasecmp(text, "null");
}

bool
backtest_number(const char *text, double *out)
{
	char *end;
	double value;

	if (is_missing(text)) {
		*out = NAN;
		return true;
	}
	value = strtod(text, &end);
	if (end == text || end[strspn(end, BLANKS)])
		return false;
	*out = value;
	return true;
}

bool
backtest_seconds(const char *text, double *out)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
			"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
	double fraction = 0;
	struct tm tm;
	char *end;
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		tm = (struct tm){0};
		end = strptime(text, formats[i], &tm);
		if (!end)
			continue;
		if (*end == '.')
			fraction = strtod(end, &end);
		if (*end == 'Z')
			end++;
		if (end[strspn(end, BLANKS)])
			continue;
		*out = (double)timegm(&tm) + fraction;
		return true;
	}
	return !is_missing(text) && backtest_number(text, out);
}

static int
convert(const struct backtest_table *t, size_t column, double *out, struct backtest_error *error,
		bool (*parse)(const char *, double *))
{
	const char *what = parse == backtest_number ? "a number" : "a time";
	size_t i;

	for (i = 0; i < backtest_table_rows(t); i++) {
		if (!parse(backtest_table_text(t, i, column), &out[i]))
			return say(error, -EINVAL, "%s:%u: column \"%s\": \"%s\" is not %s",
					t->path, backtest_table_line(t, i),
					backtest_table_name(t, column),
					backtest_table_text(t, i, column), what);
	}
	return 0;
}

int
backtest_table_numbers(const struct backtest_table *t, size_t column, double *out,
		struct backtest_error *error)
{
	return convert(t, column, out, error, backtest_number);
}

int
backtest_table_seconds(const struct backtest_table *t, size_t column, double *out,
		struct backtest_error *error)
{
	return convert(t, column, out, error, backtest_seconds);
}
