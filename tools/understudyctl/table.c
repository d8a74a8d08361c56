/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_MAX 24

struct cell {
	char *text;
	enum table_colour colour;
};

struct table {
	char *heads;
	char *head[COLUMNS_MAX];
	bool right[COLUMNS_MAX];
	size_t columns, cells, room;
	struct cell *cell;
};

static void *
must(void *memory)
{
	if (!memory) {
		fputs("understudyctl: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

struct table *
table_create(const char *heads)
{
	struct table *t = must(calloc(1, sizeof(*t)));
	char *rest, *head;

	rest = t->heads = must(strdup(heads));
	while ((head = strsep(&rest, "|")) && t->columns < COLUMNS_MAX) {
		t->right[t->columns] = *head == '>';
		t->head[t->columns++] = *head == '>' ? head + 1 : head;
	}
	return t;
}

void
table_free(struct table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->cells; i++)
		free(t->cell[i].text);
	free(t->cell);
	free(t->heads);
	free(t);
}

void
table_add_coloured(struct table *t, enum table_colour colour, const char *text)
{
	if (t->cells == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->cell = must(reallocarray(t->cell, t->room, sizeof(*t->cell)));
	}
	t->cell[t->cells++] = (struct cell){must(strdup(text ? text : "-")), colour};
}

void
table_add(struct table *t, const char *text)
{
	table_add_coloured(t, TABLE_PLAIN, text);
}

void
table_addf(struct table *t, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	table_add(t, text);
}

void
table_add_figure(struct table *t, double value)
{
	if (isnan(value))
		table_add(t, "-");
	else
		table_addf(t, "%.3f", value);
}

size_t
table_rows(const struct table *t)
{
	return t->cells / t->columns;
}

size_t
table_width(const char *text)
{
	wchar_t wide[512];
	size_t n = mbstowcs(wide, text, sizeof(wide) / sizeof(wide[0]) - 1);
	int width;

	if (n == (size_t)-1)
		return strlen(text);
	wide[n] = L'\0';
	width = wcswidth(wide, n);
	return width < 0 ? strlen(text) : (size_t)width;
}

const char *
table_escape(enum table_colour colour, FILE *out)
{
	if (!isatty(fileno(out)) || getenv("NO_COLOR"))
		return "";
	switch (colour) {
	case TABLE_PLAIN:
		return "\033[0m";
	case TABLE_GOOD:
		return "\033[32m";
	case TABLE_WARN:
		return "\033[33m";
	case TABLE_BAD:
		return "\033[31m";
	case TABLE_DIM:
		return "\033[2m";
	}
	return "";
}

enum table_colour
table_state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum table_colour colour;
	} colours[] = {
			{"up", TABLE_GOOD},
			{"degraded", TABLE_WARN},
			{"drain", TABLE_WARN},
			{"checking", TABLE_WARN},
			{"down", TABLE_BAD},
			{"no-neighbour", TABLE_BAD},
	};
	size_t i;

	for (i = 0; state && i < sizeof(colours) / sizeof(colours[0]); i++) {
		if (!strcmp(state, colours[i].state))
			return colours[i].colour;
	}
	return TABLE_PLAIN;
}

static size_t
column_width(const struct table *t, size_t column)
{
	size_t width = table_width(t->head[column]), w, i;

	for (i = column; i < t->cells; i += t->columns) {
		w = table_width(t->cell[i].text);
		width = w > width ? w : width;
	}
	return width;
}

struct place {
	size_t width;
	bool right, last;
};

static void
cell_print(const struct cell *c, struct place p, FILE *out)
{
	size_t pad = p.width - table_width(c->text);
	bool coloured = c->colour != TABLE_PLAIN;

	if (p.right)
		fprintf(out, "%*s", (int)pad, "");
	if (coloured)
		fputs(table_escape(c->colour, out), out);
	fputs(c->text, out);
	if (coloured)
		fputs(table_escape(TABLE_PLAIN, out), out);
	if (!p.right && !p.last)
		fprintf(out, "%*s", (int)pad, "");
	fputs(p.last ? "\n" : "  ", out);
}

void
table_print(const struct table *t, FILE *out)
{
	struct place place[COLUMNS_MAX];
	struct cell head;
	size_t i;

	for (i = 0; i < t->columns; i++)
		place[i] = (struct place){column_width(t, i), t->right[i], i == t->columns - 1};
	for (i = 0; i < t->columns; i++) {
		head = (struct cell){t->head[i], TABLE_DIM};
		cell_print(&head, place[i], out);
	}
	for (i = 0; i < t->cells; i++)
		cell_print(&t->cell[i], place[i % t->columns], out);
}
