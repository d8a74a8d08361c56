/* SPDX-License-Identifier: Apache-2.0 */
#include "history_graph.h"

#include <langinfo.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ROWS 12
#define COLUMNS_MAX 300
#define LABEL 10 /* columns of the axis on the left */
#define DOTS_DOWN 4 /* of a braille cell, which is two wide */
#define HEIGHT (ROWS * DOTS_DOWN)

/* One bit a dot of a cell, as Unicode numbers them from U+2800. */
static const uint8_t braille[DOTS_DOWN][2] = {
		{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

struct canvas {
	int width; /* cells */
	double low, high;
	uint8_t cell[ROWS][COLUMNS_MAX];
};

int
history_graph_columns(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	int columns = 80;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	else if (text && atoi(text) > 0)
		columns = atoi(text);
	return columns < 40 ? 40 : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

static void
scale(struct canvas *c, const struct graph *g)
{
	size_t i;

	c->low = INFINITY;
	c->high = -INFINITY;
	for (i = 0; i < g->count; i++) {
		if (g->point[i].min < c->low)
			c->low = g->point[i].min;
		if (g->point[i].max > c->high)
			c->high = g->point[i].max;
	}
	/* From zero on, if that costs no more than half of the height. */
	if (c->low > 0 && c->low < c->high / 2)
		c->low = 0;
	if (c->high - c->low > fabs(c->high) * 1e-9)
		return;
	c->low -= c->low != 0 ? fabs(c->low) / 2 : 0;
	c->high += c->high != 0 ? fabs(c->high) / 2 : 1;
}

static int
dot_of(const struct canvas *c, double value)
{
	int y = (int)lround((value - c->low) / (c->high - c->low) * (HEIGHT - 1));

	return y < 0 ? 0 : y >= HEIGHT ? HEIGHT - 1 : y;
}

static void
span(struct canvas *c, int x, int from, int to)
{
	int y, step = to < from ? -1 : 1, row;

	if (x < 0 || x >= 2 * c->width)
		return;
	for (y = from;; y += step) {
		row = ROWS - 1 - y / DOTS_DOWN;
		c->cell[row][x / 2] |= braille[DOTS_DOWN - 1 - y % DOTS_DOWN][x % 2];
		if (y == to)
			break;
	}
}

/* The line of the means, with what lay between least and greatest. */
static void
draw(struct canvas *c, const struct graph *g)
{
	double across = 2.0 * c->width / (g->to_ms - g->from_ms);
	int x, before = -2, y, y_before = 0;
	size_t i;

	for (i = 0; i < g->count; i++) {
		if (!isfinite(g->point[i].mean))
			continue;
		x = (int)((g->point[i].ms - g->from_ms) * across);
		y = dot_of(c, g->point[i].mean);
		span(c, x, x - before <= 2 && before >= 0 ? y_before : y, y);
		span(c, x, dot_of(c, g->point[i].min), dot_of(c, g->point[i].max));
		before = x;
		y_before = y;
	}
}

static void
put_cell(uint8_t dots, bool unicode, FILE *out)
{
	if (!unicode)
		fputc(dots ? '*' : ' ', out);
	else if (dots == 0)
		fputc(' ', out);
	else /* U+2800 to U+28FF in UTF-8 */
		fprintf(out, "\xe2%c%c", 0xa0 | dots >> 6, 0x80 | (dots & 0x3f));
}

static void
put_rows(const struct canvas *c, bool unicode, FILE *out)
{
	int row, x, last;

	for (row = 0; row < ROWS; row++) {
		if (row % 4 == 0 || row == ROWS - 1)
			fprintf(out, "%*.4g %s", LABEL - 2,
					c->high - (c->high - c->low) * row / (ROWS - 1),
					unicode ? "\xe2\x94\xa4" : "+");
		else
			fprintf(out, "%*s%s", LABEL - 1, "", unicode ? "\xe2\x94\x82" : "|");
		for (last = c->width; last > 0 && !c->cell[row][last - 1]; last--)
			;
		for (x = 0; x < last; x++)
			put_cell(c->cell[row][x], unicode, out);
		fputc('\n', out);
	}
}

static void
time_label(double ms, double spanned_ms, char *text, size_t size)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	text[0] = '\0';
	if (localtime_r(&seconds, &tm))
		strftime(text, size,
				spanned_ms > 2 * 86400e3	     ? "%F"
						: spanned_ms > 600e3 ? "%F %H:%M"
								     : "%H:%M:%S",
				&tm);
}

static void
put_times(const struct canvas *c, const struct graph *g, FILE *out)
{
	double spanned = g->to_ms - g->from_ms;
	char from[32], to[32];
	int pad;

	time_label(g->from_ms, spanned, from, sizeof(from));
	time_label(g->to_ms, spanned, to, sizeof(to));
	pad = c->width - (int)strlen(from) - (int)strlen(to);
	fprintf(out, "%*s%s%*s%s\n", LABEL, "", from, pad > 1 ? pad : 1, "", to);
}

void
history_graph_print(const struct graph *g, FILE *out)
{
	bool unicode = !strcmp(nl_langinfo(CODESET), "UTF-8");
	struct canvas c = {.width = g->columns - LABEL};

	fprintf(out, "%s\n", g->title);
	if (g->count == 0 || g->to_ms <= g->from_ms) {
		fputs("nothing is kept of this time\n", out);
		return;
	}
	scale(&c, g);
	draw(&c, g);
	put_rows(&c, unicode, out);
	put_times(&c, g, out);
}
