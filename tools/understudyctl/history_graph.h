/* SPDX-License-Identifier: Apache-2.0 */
/* A series as a picture on the terminal: braille dots where the locale has them, else ASCII; with axes. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct graph_point {
	double ms; /* since 1970 */
	double mean, min, max;
};

struct graph {
	const char *title;
	double from_ms, to_ms;
	const struct graph_point *point; /* by time */
	size_t count;
	int columns; /* of the terminal */
};

void history_graph_print(const struct graph *g, FILE *out);

/* Columns of the terminal on standard output, or $COLUMNS, or 80. */
int history_graph_columns(void);
