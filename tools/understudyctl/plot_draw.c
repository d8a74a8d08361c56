/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "plot_axis.h"
#include "plot_layout.h"

#define FONT "sans-serif"
#define FONT_SIZE 11.
#define TITLE_SIZE 13.
#define MARGIN_LEFT 64.
#define MARGIN_RIGHT 18.
#define MARGIN_TOP 30.
#define MARGIN_BOTTOM 44.
#define TICK_WIDTH 90. /* a date and its space */
#define TICK_HEIGHT 34.
#define DOT 2.6
#define AIR .06 /* above and below the data */

/* Okabe and Ito, "Color Universal Design", 2008. */
static const double palette[][3] = {
		[PLOT_BLUE] = {0, .447, .698},
		[PLOT_ORANGE] = {.902, .624, 0},
		[PLOT_GREEN] = {0, .620, .451},
		[PLOT_RED] = {.835, .369, 0},
		[PLOT_PURPLE] = {.8, .475, .655},
		[PLOT_GREY] = {.5, .5, .5},
		[PLOT_BLACK] = {.1, .1, .1},
};

struct range {
	double min, max;
};

/* A panel being drawn: data to pixels. */
struct frame {
	cairo_t *cairo;
	struct plot_box box;
	struct range x, y;
};

static double
pixel_x(const struct frame *f, double x)
{
	return f->box.x + (x - f->x.min) / (f->x.max - f->x.min) * f->box.width;
}

static double
pixel_y(const struct frame *f, double y)
{
	return f->box.y + f->box.height - (y - f->y.min) / (f->y.max - f->y.min) * f->box.height;
}

static void
widen(struct range *r, const double *values, size_t count)
{
	size_t i;

	for (i = 0; values && i < count; i++) {
		if (!isfinite(values[i]))
			continue;
		if (!(values[i] >= r->min))
			r->min = values[i];
		if (!(values[i] <= r->max))
			r->max = values[i];
	}
}

/* Never empty, so that a constant series lies in the middle. */
static void
settle(struct range *r, double air)
{
	double pad;

	if (!(r->min <= r->max))
		*r = (struct range){0, 1};
	pad = (r->max - r->min) * air;
	if (r->max - r->min <= fabs(r->max) * 1e-12)
		pad = r->max != 0 ? fabs(r->max) * .1 : 1;
	r->min -= pad;
	r->max += pad;
}

static void
find_ranges(struct frame *f, const struct plot_cell *cell)
{
	const struct plot_part *part;
	const struct plot_series *s;

	bool dots = false;

	f->x = f->y = (struct range){NAN, NAN};
	for (part = cell->first; part; part = part->next) {
		s = &part->series;
		widen(&f->x, s->x, s->count);
		dots = dots || s->kind == PLOT_POINTS || s->kind == PLOT_INTERVALS;
		if (s->kind == PLOT_MARKS)
			continue;
		widen(s->kind == PLOT_SPANS ? &f->x : &f->y, s->low, s->count);
		widen(s->kind == PLOT_SPANS ? &f->x : &f->y, s->high, s->count);
		widen(&f->y, s->y, s->count);
	}
	settle(&f->x, dots ? AIR / 3 : 0); /* dots at the sides stay whole */
	settle(&f->y, AIR);
	if (cell->panel.y_min != 0 || cell->panel.y_max != 0)
		f->y = (struct range){cell->panel.y_min, cell->panel.y_max};
}

static void
ink(const struct frame *f, const struct plot_series *s)
{
	bool area = s->kind == PLOT_BAND || s->kind == PLOT_SPANS;
	double opacity = s->opacity > 0 ? s->opacity : area ? .25 : 1;
	const double *c = palette[s->colour];

	cairo_set_source_rgba(f->cairo, c[0], c[1], c[2], opacity);
}

/* Within one pixel column only its first, lowest, highest and last point are drawn. */
struct pencil {
	const struct frame *f;
	double column, low, high, last;
	bool down;
};

static void
finish_column(struct pencil *p)
{
	if (!p->down)
		return;
	cairo_line_to(p->f->cairo, p->column, p->low);
	cairo_line_to(p->f->cairo, p->column, p->high);
	cairo_line_to(p->f->cairo, p->column, p->last);
}

static void
move_pencil(struct pencil *p, double x, double y)
{
	bool dense = p->down && x - p->column < .5;

	if (!isfinite(x) || !isfinite(y)) {
		finish_column(p);
		p->down = false;
		return;
	}
	if (dense) {
		p->low = fmin(p->low, y);
		p->high = fmax(p->high, y);
		p->last = y;
		return;
	}
	finish_column(p);
	if (p->down)
		cairo_line_to(p->f->cairo, x, y);
	else
		cairo_move_to(p->f->cairo, x, y);
	*p = (struct pencil){p->f, x, y, y, y, true};
}

static void
draw_line(const struct frame *f, const struct plot_series *s, const double *y)
{
	struct pencil pencil = {.f = f};
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (s->kind == PLOT_STEPS && i && isfinite(y[i - 1]))
			move_pencil(&pencil, pixel_x(f, s->x[i]), pixel_y(f, y[i - 1]));
		move_pencil(&pencil, pixel_x(f, s->x[i]), pixel_y(f, y[i]));
	}
	finish_column(&pencil);
	cairo_set_line_width(f->cairo, 1.2);
	cairo_stroke(f->cairo);
}

static void
draw_band(const struct frame *f, const struct plot_series *s)
{
	size_t i = 0, first, back;

	while (i < s->count) {
		for (first = i; i < s->count && isfinite(s->low[i]) && isfinite(s->high[i]); i++)
			cairo_line_to(f->cairo, pixel_x(f, s->x[i]), pixel_y(f, s->high[i]));
		for (back = i; back > first; back--)
			cairo_line_to(f->cairo, pixel_x(f, s->x[back - 1]),
					pixel_y(f, s->low[back - 1]));
		if (i > first)
			cairo_close_path(f->cairo);
		i = i == first ? i + 1 : i;
	}
	cairo_fill(f->cairo);
}

static void
draw_points(const struct frame *f, const struct plot_series *s)
{
	size_t i;

	for (i = 0; s->y && i < s->count; i++) {
		if (!isfinite(s->x[i]) || !isfinite(s->y[i]))
			continue;
		cairo_new_sub_path(f->cairo);
		cairo_arc(f->cairo, pixel_x(f, s->x[i]), pixel_y(f, s->y[i]), DOT, 0, 2 * M_PI);
	}
	cairo_fill(f->cairo);
}

static void
draw_intervals(const struct frame *f, const struct plot_series *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (!isfinite(s->low[i]) || !isfinite(s->high[i]))
			continue;
		cairo_move_to(f->cairo, pixel_x(f, s->x[i]), pixel_y(f, s->low[i]));
		cairo_line_to(f->cairo, pixel_x(f, s->x[i]), pixel_y(f, s->high[i]));
	}
	cairo_set_line_width(f->cairo, 1.6);
	cairo_stroke(f->cairo);
	draw_points(f, s);
}

static void
draw_rules(const struct frame *f, const struct plot_series *s)
{
	const struct plot_box *b = &f->box;
	size_t i;

	for (i = 0; i < s->count; i++) {
		if (s->kind == PLOT_MARKS) {
			cairo_move_to(f->cairo, pixel_x(f, s->x[i]), b->y);
			cairo_line_to(f->cairo, pixel_x(f, s->x[i]), b->y + b->height);
		} else {
			cairo_move_to(f->cairo, b->x, pixel_y(f, s->y[i]));
			cairo_line_to(f->cairo, b->x + b->width, pixel_y(f, s->y[i]));
		}
	}
	cairo_set_line_width(f->cairo, s->kind == PLOT_MARKS ? 1.4 : 1);
	cairo_stroke(f->cairo);
}

static void
draw_spans(const struct frame *f, const struct plot_series *s)
{
	double from, until;
	size_t i;

	for (i = 0; i < s->count; i++) {
		from = pixel_x(f, s->low[i]);
		until = pixel_x(f, s->high[i]);
		cairo_rectangle(f->cairo, from, f->box.y, fmax(until - from, 1), f->box.height);
	}
	cairo_fill(f->cairo);
}

static void
draw_series(const struct frame *f, const struct plot_series *s)
{
	ink(f, s);
	switch (s->kind) {
	case PLOT_LINE:
	case PLOT_STEPS:
		draw_line(f, s, s->y);
		break;
	case PLOT_BAND:
		draw_band(f, s);
		break;
	case PLOT_POINTS:
		draw_points(f, s);
		break;
	case PLOT_INTERVALS:
		draw_intervals(f, s);
		break;
	case PLOT_MARKS:
	case PLOT_LEVEL:
		draw_rules(f, s);
		break;
	case PLOT_SPANS:
		draw_spans(f, s);
		break;
	}
}

enum anchor {
	ANCHOR_LEFT,
	ANCHOR_MIDDLE,
	ANCHOR_RIGHT,
};

static void
draw_text(cairo_t *cairo, const char *text, double x, double y, enum anchor anchor)
{
	cairo_text_extents_t size;

	cairo_text_extents(cairo, text, &size);
	cairo_move_to(cairo, x - size.x_advance * anchor / 2, y);
	cairo_show_text(cairo, text);
}

static void
draw_axes(const struct frame *f, const struct plot_panel *panel)
{
	const struct plot_box *b = &f->box;
	size_t across = (size_t)fmin(fmax(b->width / TICK_WIDTH, 2), 12), i;
	size_t up = (size_t)fmin(fmax(b->height / TICK_HEIGHT, 2), 12);
	struct plot_ticks ticks;

	cairo_set_line_width(f->cairo, 1);
	(panel->x_time ? plot_ticks_times : plot_ticks_numbers)(&ticks, f->x.min, f->x.max, across);
	for (i = 0; i < ticks.count; i++) {
		double x = floor(pixel_x(f, ticks.at[i])) + .5;

		cairo_set_source_rgb(f->cairo, .9, .9, .9);
		cairo_move_to(f->cairo, x, b->y);
		cairo_line_to(f->cairo, x, b->y + b->height);
		cairo_stroke(f->cairo);
		cairo_set_source_rgb(f->cairo, .25, .25, .25);
		draw_text(f->cairo, ticks.text[i], x, b->y + b->height + 15, ANCHOR_MIDDLE);
	}
	plot_ticks_numbers(&ticks, f->y.min, f->y.max, up);
	for (i = 0; i < ticks.count; i++) {
		double y = floor(pixel_y(f, ticks.at[i])) + .5;

		cairo_set_source_rgb(f->cairo, .9, .9, .9);
		cairo_move_to(f->cairo, b->x, y);
		cairo_line_to(f->cairo, b->x + b->width, y);
		cairo_stroke(f->cairo);
		cairo_set_source_rgb(f->cairo, .25, .25, .25);
		draw_text(f->cairo, ticks.text[i], b->x - 6, y + 4, ANCHOR_RIGHT);
	}
}

static void
draw_labels(const struct frame *f, const struct plot_panel *panel)
{
	const struct plot_box *b = &f->box;

	cairo_set_source_rgb(f->cairo, .25, .25, .25);
	cairo_rectangle(f->cairo, floor(b->x) + .5, floor(b->y) + .5, floor(b->width),
			floor(b->height));
	cairo_set_line_width(f->cairo, 1);
	cairo_stroke(f->cairo);
	if (panel->x_label)
		draw_text(f->cairo, panel->x_label, b->x + b->width / 2, b->y + b->height + 33,
				ANCHOR_MIDDLE);
	if (panel->y_label) {
		cairo_save(f->cairo);
		cairo_translate(f->cairo, b->x - MARGIN_LEFT + 14, b->y + b->height / 2);
		cairo_rotate(f->cairo, -M_PI / 2);
		draw_text(f->cairo, panel->y_label, 0, 0, ANCHOR_MIDDLE);
		cairo_restore(f->cairo);
	}
}

/* Above the data, so that it hides nothing; from the right to the left. Returns where it begins. */
static double
draw_legend(const struct frame *f, const struct plot_cell *cell)
{
	double right = f->box.x + f->box.width, y = f->box.y - 9;
	const struct plot_part *part;
	cairo_text_extents_t size;

	for (part = cell->first; part; part = part->next) {
		if (!part->series.label)
			continue;
		cairo_set_source_rgb(f->cairo, .25, .25, .25);
		cairo_text_extents(f->cairo, part->series.label, &size);
		right -= size.x_advance;
		draw_text(f->cairo, part->series.label, right, y, ANCHOR_LEFT);
		ink(f, &part->series);
		cairo_rectangle(f->cairo, right - 19, y - 8, 15, 8);
		cairo_fill(f->cairo);
		right -= 34;
	}
	return right;
}

/* Left of the legend, cut off where that begins. */
static void
draw_panel_title(const struct frame *f, const char *title, double until)
{
	cairo_save(f->cairo);
	cairo_rectangle(f->cairo, f->box.x, f->box.y - MARGIN_TOP, until - f->box.x, MARGIN_TOP);
	cairo_clip(f->cairo);
	cairo_set_font_size(f->cairo, TITLE_SIZE);
	cairo_set_source_rgb(f->cairo, .25, .25, .25);
	draw_text(f->cairo, title, f->box.x, f->box.y - 9, ANCHOR_LEFT);
	cairo_restore(f->cairo);
}

void
plot_draw_panel(cairo_t *cairo, const struct plot_cell *cell, struct plot_box box)
{
	const struct plot_part *part;
	double legend;
	struct frame f = {.cairo = cairo,
			.box = {.x = box.x + MARGIN_LEFT,
					.y = box.y + MARGIN_TOP,
					.width = box.width - MARGIN_LEFT - MARGIN_RIGHT,
					.height = box.height - MARGIN_TOP - MARGIN_BOTTOM}};

	cairo_select_font_face(cairo, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cairo, FONT_SIZE);
	find_ranges(&f, cell);
	draw_axes(&f, &cell->panel);
	cairo_save(cairo);
	cairo_rectangle(cairo, f.box.x, f.box.y, f.box.width, f.box.height);
	cairo_clip(cairo);
	for (part = cell->first; part; part = part->next)
		draw_series(&f, &part->series);
	cairo_restore(cairo);
	draw_labels(&f, &cell->panel);
	legend = draw_legend(&f, cell);
	if (cell->panel.title)
		draw_panel_title(&f, cell->panel.title, legend);
}

void
plot_draw_title(cairo_t *cairo, const char *title, struct plot_box box)
{
	cairo_select_font_face(cairo, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
	cairo_set_font_size(cairo, 16);
	cairo_set_source_rgb(cairo, .15, .15, .15);
	draw_text(cairo, title, box.x + box.width / 2, box.y + box.height - 12, ANCHOR_MIDDLE);
}
