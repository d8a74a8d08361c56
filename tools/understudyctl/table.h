/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people: columns as wide as their widest cell, colour only on a terminal. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum table_colour {
	TABLE_PLAIN,
	TABLE_GOOD,
	TABLE_WARN,
	TABLE_BAD,
	TABLE_DIM,
};

struct table;

/* `heads`: names of the columns between '|'; one that starts with '>' is aligned to the right. */
struct table *table_create(const char *heads);
void table_free(struct table *t);

/* The next cell of the row, copied; a row is complete with its last column. Exits when out of memory. */
void table_add(struct table *t, const char *text);
void table_add_coloured(struct table *t, enum table_colour colour, const char *text);
void table_add_figure(struct table *t, double value); /* three places; "-" for NAN */
void table_addf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t table_rows(const struct table *t);

/* Prints it with a line of heads. */
void table_print(const struct table *t, FILE *out);

/* The escape sequence of a colour, "" if `out` is no terminal or NO_COLOR is set. */
const char *table_escape(enum table_colour colour, FILE *out);

/* "up" is good, "degraded" and "drain" warn, "down" is bad, ... */
enum table_colour table_state_colour(const char *state);

/* Columns that a UTF-8 text takes on a terminal. */
size_t table_width(const char *text);
