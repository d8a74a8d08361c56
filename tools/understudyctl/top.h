/* SPDX-License-Identifier: Apache-2.0 */
/* What `top` shows, apart from how: the newest replies, and short histories of rates. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define TOP_HISTORY 60 /* seconds */

struct history {
	double value[TOP_HISTORY]; /* the newest last; NAN before the first */
};

enum top_total {
	TOP_IN,
	TOP_OUT,
	TOP_NEW,
	TOP_DROPS,
	TOP_TOTALS
};

enum top_sort {
	SORT_CONFIG, /* in the order of the configuration */
	SORT_NAME,
	SORT_RATE,
	SORT_NEW,
	SORT_ACTIVE,
	SORT_P50,
	SORT_P99,
	SORT_LOSS,
	SORT_COUNT
};

/* One line: a service, or one of its endpoints. Strings belong to the replies. */
struct top_row {
	const char *service, *endpoint; /* endpoint NULL: the service itself */
	const char *detail, *state;
	double rate, flows_new, active, p50, p99, loss, shift, mirror;
	double share; /* of the service's requests (of new flows, if there are none) */
	bool drain;
	bool copies; /* what the endpoint does with the requests copied to it */
	struct history *history;
};

struct top_named {
	char *name;
	struct history history;
	bool seen;
};

struct top {
	json_t *status, *services, *endpoints;
	struct history total[TOP_TOTALS];
	struct top_named *named; /* histories by name */
	size_t named_count;
	struct top_row *row;
	size_t row_count, row_room;
	enum top_sort sort;
	bool copies; /* show what shadows do with copies */
	bool paused;
	int selected, first; /* row under the cursor; first row on the screen */
	char error[512]; /* the daemon does not answer; what is there is of `taken_at` */
	time_t taken_at;
};

/* Takes the new replies (references stolen) and builds the rows. */
void top_take(struct top *t, json_t *status, json_t *services, json_t *endpoints);
void top_build(struct top *t); /* again from the same replies: another order */
void top_fini(struct top *t);

void history_add(struct history *h, double value);

/* Once, with the locale set and the screen open. */
void top_draw_init(void);
/* Draws all of it. The screen is ncurses'. */
void top_draw(const struct top *t);
int top_rows_visible(void);
