/* SPDX-License-Identifier: Apache-2.0 */
/* What a plot holds, for plot.c, which collects it, and plot_draw.c, which draws it. */
#pragma once

#include <cairo.h>

#include "plot.h"

struct plot_part {
	struct plot_series series; /* its arrays and label belong to the plot */
	struct plot_part *next;
};

struct plot_cell {
	struct plot_panel panel; /* its texts belong to the plot */
	struct plot_part *first, *last;
	struct plot_cell *next;
};

struct plot {
	char *title;
	size_t columns, cells;
	double width, height; /* of a panel */
	struct plot_cell *first, *last;
};

struct plot_box {
	double x, y, width, height; /* pixels */
};

/* One panel with its axes, titles and legend into `box`. */
void plot_draw_panel(cairo_t *cairo, const struct plot_cell *cell, struct plot_box box);
void plot_draw_title(cairo_t *cairo, const char *title, struct plot_box box);
