/* SPDX-License-Identifier: Apache-2.0 */
#include <langinfo.h>
#include <math.h>
#include <ncurses.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "command.h"
#include "table.h"
#include "top_order.h"
#include "units.h"

#define HEAD_LINES 6 /* above the rows */
#define FOOT_LINES 1

enum pair {
	PAIR_GOOD = 1,
	PAIR_WARN,
	PAIR_BAD,
	PAIR_GRAPH,
	PAIR_SHADE,
	PAIR_SHIFT,
};

/* What graphs are drawn with: blocks, or where the locale has none, ASCII. */
static const struct glyphs {
	const char *up[8], *right[8], *full, *none, *cursor, *sorted, *keys_move, *keys_sort;
} unicode = {{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}, "█",
		"·", "▶", "▼", "↑↓", "←→"},
  ascii = {{"_", ".", ".", "-", "-", "=", "+", "#"}, {"", "", "", "", "-", "-", "-", "-"}, "#", ".",
		  ">", "v", "up/down", "left/right"};

static const struct glyphs *glyphs = &ascii;

enum column_name {
	COLUMN_NAME,
	COLUMN_STATE,
	COLUMN_SHARE,
	COLUMN_RATE,
	COLUMN_NEW,
	COLUMN_ACTIVE,
	COLUMN_P50,
	COLUMN_P99,
	COLUMN_LOSS,
	COLUMN_SHIFT,
	COLUMN_MIRROR,
	COLUMN_HISTORY,
	COLUMN_COUNT
};

static const struct column {
	const char *head;
	int width;
	enum top_sort sort;
} columns[COLUMN_COUNT] = {
		[COLUMN_NAME] = {"SERVICE / ENDPOINT", 22, SORT_NAME},
		[COLUMN_STATE] = {"STATE", 12, SORT_CONFIG},
		[COLUMN_SHARE] = {"SHARE", 13, SORT_CONFIG},
		[COLUMN_RATE] = {"REQ/s", 7, SORT_RATE},
		[COLUMN_NEW] = {"NEW/s", 7, SORT_NEW},
		[COLUMN_ACTIVE] = {"ACTIVE", 7, SORT_ACTIVE},
		[COLUMN_P50] = {"p50", 7, SORT_P50},
		[COLUMN_P99] = {"p99", 7, SORT_P99},
		[COLUMN_LOSS] = {"LOSS", 6, SORT_LOSS},
		[COLUMN_SHIFT] = {"SHIFT", 9, SORT_CONFIG},
		[COLUMN_MIRROR] = {"MIRROR", 6, SORT_CONFIG},
		[COLUMN_HISTORY] = {"LAST MINUTE", 12, SORT_CONFIG}, /* at least */
};

/* Who gets a place first when the screen is narrow: names and states, then what a shift is watched by. */
static const enum column_name by_need[COLUMN_COUNT] = {COLUMN_NAME, COLUMN_STATE, COLUMN_RATE,
		COLUMN_P50, COLUMN_P99, COLUMN_SHIFT, COLUMN_LOSS, COLUMN_MIRROR, COLUMN_ACTIVE,
		COLUMN_NEW, COLUMN_SHARE, COLUMN_HISTORY};

/* Where columns begin on this screen; -1: no room. */
static int place[COLUMN_COUNT];

static void
columns_place(void)
{
	bool shown[COLUMN_COUNT] = {false};
	int i, at = 1;

	for (i = 0; i < COLUMN_COUNT && at + columns[by_need[i]].width <= COLS; i++) {
		shown[by_need[i]] = true;
		at += columns[by_need[i]].width + 1;
	}
	for (i = 0, at = 1; i < COLUMN_COUNT; i++) {
		place[i] = shown[i] ? at : -1;
		at += shown[i] ? columns[i].width + 1 : 0;
	}
}

/* Writes what fits between here and column `end`: a longer text would go on in the next line. Bytes that are no
 * characters of the locale become question marks. */
static void
put_text(int y, int x, int end, const char *text)
{
	size_t left = strlen(text), n;
	mbstate_t state = {0};
	wchar_t c;
	int width;

	for (move(y, x); left && x < end; text += n, left -= n, x += width) {
		n = mbrtowc(&c, text, left, &state);
		width = n <= left ? wcwidth(c) : -1;
		if (width < 0) {
			state = (mbstate_t){0};
			n = width = 1;
			addch('?');
		} else if (x + width <= end) {
			addnstr(text, (int)n);
		}
	}
}

static void __attribute__((format(printf, 3, 4))) put(int y, int x, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_text(y, x, COLS, text);
}

/* Where the last put ended. */
static int
column_now(void)
{
	return getcurx(stdscr);
}

int
top_rows_visible(void)
{
	int rows = LINES - HEAD_LINES - FOOT_LINES;

	return rows > 0 ? rows : 1;
}

/* The newest `width` values as a graph of its own scale. */
static void
sparkline(int y, int x, const struct history *h, int width)
{
	double max = 0, v;
	int i, first;

	if (width > COLS - x)
		width = COLS - x;
	if (width > TOP_HISTORY)
		width = TOP_HISTORY;
	first = TOP_HISTORY - width;
	for (i = first; i < TOP_HISTORY; i++) {
		if (h->value[i] > max)
			max = h->value[i];
	}
	attron(COLOR_PAIR(PAIR_GRAPH));
	for (i = first; i < TOP_HISTORY; i++) {
		v = h->value[i];
		if (isnan(v))
			continue;
		put(y, x + i - first, "%s",
				glyphs->up[max > 0 && v > 0 ? (int)(v / max * 7.499) : 0]);
	}
	attroff(COLOR_PAIR(PAIR_GRAPH));
}

/* `share` (0..1) of `width` columns, in eighths. */
static void
bar(int y, int x, int width, double share)
{
	int full, eighths = share > 0 ? (int)lround((share < 1 ? share : 1) * width * 8) : 0;

	for (full = 0; full < eighths / 8; full++)
		put(y, x + full, "%s", glyphs->full);
	if (eighths % 8)
		put(y, x + full, "%s", glyphs->right[eighths % 8]);
}

static void
cell_left(int y, enum column_name c, const char *text)
{
	if (place[c] >= 0)
		put_text(y, place[c], place[c] + columns[c].width, text);
}

static void
cell_right(int y, enum column_name c, const char *text)
{
	int pad = columns[c].width - (int)table_width(text);

	if (place[c] >= 0)
		put_text(y, place[c] + (pad > 0 ? pad : 0), place[c] + columns[c].width, text);
}

static int
state_pair(const char *state)
{
	switch (table_state_colour(state)) {
	case TABLE_GOOD:
		return PAIR_GOOD;
	case TABLE_WARN:
		return PAIR_WARN;
	case TABLE_BAD:
		return PAIR_BAD;
	case TABLE_PLAIN:
	case TABLE_DIM:
		break;
	}
	return 0;
}

static void
draw_share(int y, const struct top_row *r)
{
	int at = place[COLUMN_SHARE];
	char text[UNIT_TEXT];

	if (at < 0 || isnan(r->share))
		return;
	attron(COLOR_PAIR(PAIR_SHADE));
	bar(y, at, 8, r->share);
	attroff(COLOR_PAIR(PAIR_SHADE));
	put(y, at + 8, "%5s", unit_share(round(r->share * 100) / 100, text));
}

static void
draw_shift(int y, const struct top_row *r)
{
	char text[UNIT_TEXT];

	if (place[COLUMN_SHIFT] < 0 || isnan(r->shift))
		return;
	if (r->shift > 0) {
		attron(COLOR_PAIR(PAIR_SHIFT));
		bar(y, place[COLUMN_SHIFT], 4, r->shift);
		attroff(COLOR_PAIR(PAIR_SHIFT));
	}
	cell_right(y, COLUMN_SHIFT, r->shift > 0 ? unit_share(r->shift, text) : glyphs->none);
}

static void
draw_numbers(int y, const struct top_row *r)
{
	char text[UNIT_TEXT];

	cell_right(y, COLUMN_RATE, unit_count(r->rate, text));
	cell_right(y, COLUMN_NEW, unit_count(r->flows_new, text));
	cell_right(y, COLUMN_ACTIVE, unit_count(r->active, text));
	if (!r->endpoint)
		return;
	cell_right(y, COLUMN_P50, unit_us(r->p50, text));
	cell_right(y, COLUMN_P99, unit_us(r->p99, text));
	if (r->loss > 0)
		attron(COLOR_PAIR(PAIR_WARN));
	cell_right(y, COLUMN_LOSS, unit_share(r->loss, text));
	attroff(COLOR_PAIR(PAIR_WARN));
	if (!isnan(r->mirror))
		cell_right(y, COLUMN_MIRROR,
				r->mirror > 0 ? unit_share(r->mirror, text) : glyphs->none);
}

static void
draw_name(int y, const struct top_row *r)
{
	char text[128];

	if (!r->endpoint)
		snprintf(text, sizeof(text), "%s (%s)", r->service, r->detail);
	else
		snprintf(text, sizeof(text), "%s%s", r->copies ? "    of copies: " : "  ",
				r->endpoint);
	if (!r->endpoint)
		attron(A_BOLD);
	cell_left(y, COLUMN_NAME, text);
	attroff(A_BOLD);
	if (r->copies)
		return;
	attron(COLOR_PAIR(state_pair(r->state)));
	cell_left(y, COLUMN_STATE, r->state);
	attroff(COLOR_PAIR(state_pair(r->state)));
}

static void
draw_row(int y, const struct top_row *r, bool selected)
{
	if (selected)
		put(y, 0, "%s", glyphs->cursor);
	draw_name(y, r);
	draw_share(y, r);
	draw_numbers(y, r);
	draw_shift(y, r);
	if (place[COLUMN_HISTORY] >= 0)
		sparkline(y, place[COLUMN_HISTORY], r->history, COLS);
}

static void
draw_heads(int y, enum top_sort sort)
{
	char text[64];
	int i;

	attron(A_REVERSE);
	mvhline(y, 0, ' ', COLS);
	for (i = 0; i < COLUMN_COUNT; i++) {
		snprintf(text, sizeof(text), "%s%s",
				sort != SORT_CONFIG && columns[i].sort == sort ? glyphs->sorted
									       : "",
				columns[i].head);
		if (i >= COLUMN_RATE && i <= COLUMN_MIRROR)
			cell_right(y, i, text);
		else
			cell_left(y, i, text);
	}
	attroff(A_REVERSE);
}

/* "name  value  graph" at a quarter of the screen. */
static void
draw_total(const struct top *t, enum top_total which, const char *name, const char *value)
{
	int width = COLS / 2, x = which % 2 ? width : 1, y = 1 + which / 2;

	put(y, x, "%-6s", name);
	attron(A_BOLD);
	put(y, x + 7, "%8s", value);
	attroff(A_BOLD);
	sparkline(y, x + 17, &t->total[which], width - 19);
}

static void
draw_totals(const struct top *t)
{
	const json_t *traffic = json_object_get(t->status, "traffic");
	char text[UNIT_TEXT];

	draw_total(t, TOP_IN, "in",
			unit_count(command_number(traffic, "received_per_second"), text));
	draw_total(t, TOP_OUT, "out",
			unit_count(command_number(traffic, "forwarded_per_second"), text));
	draw_total(t, TOP_NEW, "new",
			unit_count(command_number(traffic, "flows_per_second"), text));
	draw_total(t, TOP_DROPS, "drops", unit_count(command_number(traffic, "drops"), text));
}

static void
draw_first_line(const struct top *t)
{
	size_t cores = json_array_size(json_object_get(t->status, "lcores"));
	char uptime[UNIT_TEXT], clock[16] = "", text[512];
	time_t now = time(NULL);
	int clock_at = COLS - 9;
	struct tm tm;

	attron(A_BOLD);
	put(0, 1, "understudy %s", command_text(t->status, "version"));
	attroff(A_BOLD);
	/* the path last: it is the longest, and is cut if it must be */
	snprintf(text, sizeof(text), "  up %s  view %.0f  %zu core%s  %s",
			unit_age(command_number(t->status, "uptime_s"), uptime),
			command_number(t->status, "generation"), cores, cores == 1 ? "" : "s",
			command_text(t->status, "config_file"));
	put_text(0, column_now(), clock_at - 1, text);
	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (clock_at > 0)
		put(0, clock_at, "%s", clock);
}

static void
draw_flows(const struct top *t)
{
	const json_t *flows = json_object_get(t->status, "flows");
	const json_t *traffic = json_object_get(t->status, "traffic");
	double used = command_number(flows, "used"), limit = command_number(flows, "limit");
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT], d[UNIT_TEXT];

	put(3, 1, "%-6s %8s of %s ", "flows", unit_count(used, a), unit_count(limit, b));
	attron(COLOR_PAIR(limit > 0 && used / limit > 0.8 ? PAIR_BAD : PAIR_SHADE));
	bar(3, 26, 10, limit > 0 ? used / limit : 0);
	attrset(A_NORMAL);
	put(3, 38, "%sbit/s out, %s copies/s",
			unit_count(command_number(traffic, "forwarded_bits_per_second"), c),
			unit_count(command_number(traffic, "mirrored_per_second"), d));
}

static void
draw_services(const struct top *t)
{
	static const struct {
		const char *state;
		enum pair pair;
	} states[] = {{"up", PAIR_GOOD}, {"degraded", PAIR_WARN}, {"down", PAIR_BAD}};
	const json_t *services = json_object_get(t->status, "services");
	double n;
	size_t i;

	put(4, 1, "services");
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		n = command_number(services, states[i].state);
		if (!(n > 0))
			continue;
		attron(COLOR_PAIR(states[i].pair));
		put(4, column_now(), " %.0f %s", n, states[i].state);
		attrset(A_NORMAL);
	}
}

static void
draw_foot(const struct top *t)
{
	char age[UNIT_TEXT];

	if (t->error[0]) {
		attron(COLOR_PAIR(PAIR_BAD) | A_BOLD);
		put(LINES - 1, 1, "values of %s ago: %.*s",
				unit_age(difftime(time(NULL), t->taken_at), age),
				(int)strcspn(t->error, "\n"), t->error);
		attrset(A_NORMAL);
		return;
	}
	attron(A_DIM);
	put(LINES - 1, 1, "q quit   %s move   %s sort: %s   s copies %s   p %s", glyphs->keys_move,
			glyphs->keys_sort, top_sort_name(t->sort), t->copies ? "on" : "off",
			t->paused ? "go on (paused)" : "pause");
	attroff(A_DIM);
}

/* What is on the screen is no longer true. */
static void
dim_lines(void)
{
	int y;

	for (y = 0; y < LINES - FOOT_LINES; y++)
		mvchgat(y, 0, -1, A_DIM, 0, NULL);
}

void
top_draw_init(void)
{
	glyphs = strcmp(nl_langinfo(CODESET), "UTF-8") ? &ascii : &unicode;
}

void
top_draw(const struct top *t)
{
	int i, visible = top_rows_visible(), row;

	erase();
	columns_place();
	draw_first_line(t);
	draw_totals(t);
	draw_flows(t);
	draw_services(t);
	draw_heads(5, t->sort);
	for (i = 0; i < visible; i++) {
		row = t->first + i;
		if (row < (int)t->row_count)
			draw_row(HEAD_LINES + i, &t->row[row], row == t->selected);
	}
	if (t->error[0])
		dim_lines();
	draw_foot(t);
	refresh();
}
