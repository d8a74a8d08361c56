/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <ncurses.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

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

static const char *const eighths_up[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const eighths_right[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};

/* Columns of the table: their place and width. */
static const struct column {
	const char *head;
	int at, width;
	enum top_sort sort;
} columns[] = {
		{"SERVICE / ENDPOINT", 1, 22, SORT_NAME},
		{"STATE", 24, 12, SORT_CONFIG},
		{"SHARE", 37, 13, SORT_CONFIG},
		{"REQ/s", 51, 7, SORT_RATE},
		{"NEW/s", 59, 7, SORT_NEW},
		{"ACTIVE", 67, 7, SORT_ACTIVE},
		{"p50", 75, 7, SORT_P50},
		{"p99", 83, 7, SORT_P99},
		{"LOSS", 91, 6, SORT_LOSS},
		{"SHIFT", 98, 9, SORT_CONFIG},
		{"MIRROR", 108, 6, SORT_CONFIG},
		{"LAST MINUTE", 115, 0, SORT_CONFIG},
};

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
		mvaddstr(y, x + i - first,
				max > 0 && v > 0 ? eighths_up[(int)(v / max * 7.499)] : "▁");
	}
	attroff(COLOR_PAIR(PAIR_GRAPH));
}

/* `share` (0..1) of `width` columns, in eighths. */
static void
bar(int y, int x, int width, double share)
{
	int full, eighths = share > 0 ? (int)lround((share < 1 ? share : 1) * width * 8) : 0;

	for (full = 0; full < eighths / 8; full++)
		mvaddstr(y, x + full, "█");
	if (eighths % 8)
		mvaddstr(y, x + full, eighths_right[eighths % 8]);
}

static void
cell_left(int y, enum column_name c, const char *text)
{
	char cut[128];

	/* names are cut by bytes: they are what the configuration allows, ASCII mostly */
	snprintf(cut, sizeof(cut), "%.*s", columns[c].width, text);
	mvaddstr(y, columns[c].at, cut);
}

static void
cell_right(int y, enum column_name c, const char *text)
{
	int pad = columns[c].width - (int)table_width(text);

	mvaddstr(y, columns[c].at + (pad > 0 ? pad : 0), text);
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
	char text[UNIT_TEXT];

	if (isnan(r->share))
		return;
	attron(COLOR_PAIR(PAIR_SHADE));
	bar(y, columns[COLUMN_SHARE].at, 8, r->share);
	attroff(COLOR_PAIR(PAIR_SHADE));
	mvprintw(y, columns[COLUMN_SHARE].at + 8, "%5s",
			unit_share(round(r->share * 100) / 100, text));
}

static void
draw_shift(int y, const struct top_row *r)
{
	char text[UNIT_TEXT];

	if (isnan(r->shift))
		return;
	if (r->shift > 0) {
		attron(COLOR_PAIR(PAIR_SHIFT));
		bar(y, columns[COLUMN_SHIFT].at, 4, r->shift);
		attroff(COLOR_PAIR(PAIR_SHIFT));
	}
	cell_right(y, COLUMN_SHIFT, r->shift > 0 ? unit_share(r->shift, text) : "·");
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
		cell_right(y, COLUMN_MIRROR, r->mirror > 0 ? unit_share(r->mirror, text) : "·");
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
		mvaddstr(y, 0, "▶");
	draw_name(y, r);
	draw_share(y, r);
	draw_numbers(y, r);
	draw_shift(y, r);
	if (COLS > columns[COLUMN_HISTORY].at)
		sparkline(y, columns[COLUMN_HISTORY].at, r->history,
				COLS - columns[COLUMN_HISTORY].at);
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
				sort != SORT_CONFIG && columns[i].sort == sort ? "▼" : "",
				columns[i].head);
		if (i >= COLUMN_RATE && i <= COLUMN_MIRROR)
			cell_right(y, i, text);
		else
			mvaddstr(y, columns[i].at, text);
	}
	attroff(A_REVERSE);
}

/* "name  value  graph" at a quarter of the screen. */
static void
draw_total(const struct top *t, enum top_total which, const char *name, const char *value)
{
	int width = COLS / 2, x = which % 2 ? width : 1, y = 1 + which / 2;

	mvprintw(y, x, "%-6s", name);
	attron(A_BOLD);
	mvprintw(y, x + 7, "%8s", value);
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
	char uptime[UNIT_TEXT], clock[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	attron(A_BOLD);
	mvprintw(0, 1, "understudy %s", command_text(t->status, "version"));
	attroff(A_BOLD);
	printw("  %s  up %s  view %.0f  cores %zu", command_text(t->status, "config_file"),
			unit_age(command_number(t->status, "uptime_s"), uptime),
			command_number(t->status, "generation"),
			json_array_size(json_object_get(t->status, "lcores")));
	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (COLS > 10)
		mvaddstr(0, COLS - 9, clock);
}

static void
draw_flows(const struct top *t)
{
	const json_t *flows = json_object_get(t->status, "flows");
	const json_t *traffic = json_object_get(t->status, "traffic");
	const json_t *services = json_object_get(t->status, "services");
	double used = command_number(flows, "used"), limit = command_number(flows, "limit");
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT], d[UNIT_TEXT];

	mvprintw(3, 1, "%-6s %8s of %s ", "flows", unit_count(used, a), unit_count(limit, b));
	attron(COLOR_PAIR(limit > 0 && used / limit > 0.8 ? PAIR_BAD : PAIR_SHADE));
	bar(3, 26, 10, limit > 0 ? used / limit : 0);
	attroff(COLOR_PAIR(PAIR_BAD));
	mvprintw(3, 38, "%sbit/s out, %s mirrored/s; services:",
			unit_count(command_number(traffic, "forwarded_bits_per_second"), c),
			unit_count(command_number(traffic, "mirrored_per_second"), d));
	attron(COLOR_PAIR(PAIR_GOOD));
	printw(" %.0f up", command_number(services, "up"));
	if (command_number(services, "degraded") > 0) {
		attron(COLOR_PAIR(PAIR_WARN));
		printw(" %.0f degraded", command_number(services, "degraded"));
	}
	if (command_number(services, "down") > 0) {
		attron(COLOR_PAIR(PAIR_BAD));
		printw(" %.0f down", command_number(services, "down"));
	}
	attrset(A_NORMAL);
}

static void
draw_foot(const struct top *t)
{
	if (t->error[0]) {
		attron(COLOR_PAIR(PAIR_BAD));
		mvprintw(LINES - 1, 1, "%.*s", (int)strcspn(t->error, "\n"), t->error);
		attroff(COLOR_PAIR(PAIR_BAD));
		return;
	}
	attron(A_DIM);
	mvprintw(LINES - 1, 1, "q quit   ↑↓ move   ←→ sort: %s   s copies %s   p %s",
			top_sort_name(t->sort), t->copies ? "on" : "off",
			t->paused ? "go on (paused)" : "pause");
	attroff(A_DIM);
}

void
top_draw(const struct top *t)
{
	int i, visible = top_rows_visible(), row;

	erase();
	draw_first_line(t);
	draw_totals(t);
	draw_flows(t);
	draw_heads(5, t->sort);
	for (i = 0; i < visible; i++) {
		row = t->first + i;
		if (row < (int)t->row_count)
			draw_row(HEAD_LINES + i, &t->row[row], row == t->selected);
	}
	draw_foot(t);
	refresh();
}
