/* SPDX-License-Identifier: Apache-2.0 */
#include "top.h"

#include <errno.h>
#include <math.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "top_order.h"

#define REFRESH_MS 1000

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The three replies of one moment. On failure the old ones stay, with the error. */
static void
fetch(struct request *rq, struct top *t)
{
	static const char *const path[3] = {"/v1/status", "/v1/services", "/v1/endpoints"};
	json_t *reply[3] = {NULL};
	int i;

	for (i = 0; i < 3; i++) {
		if (client_get(rq->client, path[i], &reply[i]) != CLIENT_OK)
			break;
	}
	if (i == 3) {
		t->error[0] = '\0';
		t->taken_at = time(NULL);
		top_take(t, reply[0], reply[1], reply[2]);
		return;
	}
	snprintf(t->error, sizeof(t->error), "%s", client_error(rq->client));
	while (i-- > 0)
		json_decref(reply[i]);
}

static void
move_to(struct top *t, int row)
{
	int visible = top_rows_visible(), last = (int)t->row_count - 1;

	if (row > last)
		row = last;
	t->selected = row < 0 ? 0 : row;
	if (t->selected < t->first)
		t->first = t->selected;
	if (t->selected >= t->first + visible)
		t->first = t->selected - visible + 1;
}

static void
sort_by(struct top *t, int step)
{
	t->sort = (enum top_sort)(((int)t->sort + step + SORT_COUNT) % SORT_COUNT);
	top_build(t);
}

/* False: the user leaves. */
static bool
take_key(struct top *t, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
	case 27:
		return false;
	case KEY_UP:
	case 'k':
		move_to(t, t->selected - 1);
		break;
	case KEY_DOWN:
	case 'j':
		move_to(t, t->selected + 1);
		break;
	case KEY_PPAGE:
		move_to(t, t->selected - top_rows_visible());
		break;
	case KEY_NPAGE:
		move_to(t, t->selected + top_rows_visible());
		break;
	case KEY_HOME:
		move_to(t, 0);
		break;
	case KEY_END:
		move_to(t, (int)t->row_count - 1);
		break;
	case KEY_LEFT:
		sort_by(t, -1);
		break;
	case KEY_RIGHT:
		sort_by(t, 1);
		break;
	case 's':
		t->copies = !t->copies;
		top_build(t);
		move_to(t, t->selected);
		break;
	case 'p':
	case ' ':
		t->paused = !t->paused;
		break;
	case KEY_RESIZE:
		move_to(t, t->selected);
		break;
	default:
		break;
	}
	return true;
}

static void
loop(struct request *rq, struct top *t)
{
	double next = now_ms(), left;

	for (;;) {
		if (now_ms() >= next) {
			if (!t->paused)
				fetch(rq, t);
			next = now_ms() + REFRESH_MS;
			move_to(t, t->selected);
		}
		top_draw(t);
		left = next - now_ms();
		timeout(left > 0 ? (int)left + 1 : 0);
		if (!take_key(t, getch()))
			return;
	}
}

static void
colours_init(void)
{
	if (!has_colors() || getenv("NO_COLOR"))
		return;
	start_color();
	use_default_colors();
	init_pair(1, COLOR_GREEN, -1);
	init_pair(2, COLOR_YELLOW, -1);
	init_pair(3, COLOR_RED, -1);
	init_pair(4, COLOR_CYAN, -1);
	init_pair(5, COLOR_BLUE, -1);
	init_pair(6, COLOR_MAGENTA, -1);
}

static bool
screen_init(void)
{
	if (!newterm(NULL, stdout, stdin))
		return false;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	colours_init();
	top_draw_init();
	return true;
}

enum client_result
top_run(struct request *rq)
{
	struct top t = {0};
	int i, h;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return command_misused("top needs a terminal; `endpoints` prints once");
	for (i = 0; i < TOP_TOTALS; i++) {
		for (h = 0; h < TOP_HISTORY; h++)
			t.total[i].value[h] = NAN;
	}
	fetch(rq, &t);
	if (t.error[0]) { /* better told outside of the screen */
		top_fini(&t);
		return command_failed(rq, CLIENT_UNREACHABLE);
	}
	if (!screen_init()) {
		top_fini(&t);
		return command_misused("the terminal \"%s\" is not known; set TERM",
				getenv("TERM") ? getenv("TERM") : "");
	}
	loop(rq, &t);
	endwin();
	top_fini(&t);
	return CLIENT_OK;
}
