/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of series as PNG: a grid of panels, each with axes, units, a grid, a title and a legend. Made for series of any
 * length: what falls into one pixel column is drawn as its range. Everything given is copied. NAN in x or y leaves a gap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum plot_kind {
	PLOT_LINE, /* y over x */
	PLOT_STEPS, /* y holds until the next x */
	PLOT_BAND, /* the area between low and high over x */
	PLOT_POINTS, /* a dot at each (x, y) */
	PLOT_INTERVALS, /* a bar from low to high at each x, and a dot at y if there is one */
	PLOT_MARKS, /* a vertical line through the panel at each x: alarms, events */
	PLOT_SPANS, /* the background from low to high, on the x axis: windows, phases */
	PLOT_LEVEL, /* a horizontal line through the panel at each y: thresholds */
};

/* A palette that the colour-blind can tell apart, and that stays legible in print. */
enum plot_colour {
	PLOT_BLUE,
	PLOT_ORANGE,
	PLOT_GREEN,
	PLOT_RED,
	PLOT_PURPLE,
	PLOT_GREY,
	PLOT_BLACK,
};

struct plot_series {
	enum plot_kind kind;
	enum plot_colour colour;
	double opacity; /* 0: the kind's own: 1, or .25 for bands and spans */
	const char *label; /* in the legend; NULL: not there */
	size_t count;
	const double *x, *y, *low, *high; /* those the kind needs; the others NULL */
};

struct plot_panel {
	const char *title; /* NULL: none */
	const char *x_label, *y_label; /* with units: "latency (ms)"; NULL: none */
	bool x_time; /* x are seconds since the epoch: dates and times in UTC on the axis */
	double y_min, y_max; /* both 0: from the data, by what is finite */
	double height; /* share of its row's height against others'; 0: 1 */
};

struct plot;

/* `columns` panels side by side, rows as needed; a panel is width x height pixels. NULL without memory. */
struct plot *plot_create(size_t columns, double width, double height);
void plot_free(struct plot *p);
/* Over all panels; NULL: none. 0 or -ENOMEM. */
int plot_title(struct plot *p, const char *title);
/* Appends a panel; row by row. 0 or -ENOMEM. */
int plot_panel_add(struct plot *p, const struct plot_panel *panel);
/* To the panel added last, over what is there already. 0 or -ENOMEM. */
int plot_series_add(struct plot *p, const struct plot_series *series);
/* 0 or -errno, -EIO if cairo failed. Sizes above 16,000 pixels are -E2BIG. */
int plot_write(const struct plot *p, const char *path);
