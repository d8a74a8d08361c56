/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plot_layout.h"

#define TITLE_HEIGHT 40.
#define SIZE_MAX_PIXELS 16000.

struct plot *
plot_create(size_t columns, double width, double height)
{
	struct plot *p = calloc(1, sizeof(*p));

	if (p)
		*p = (struct plot){
				.columns = columns ? columns : 1, .width = width, .height = height};
	return p;
}

static void
free_part(struct plot_part *part)
{
	free((char *)part->series.label);
	free((double *)part->series.x);
	free((double *)part->series.y);
	free((double *)part->series.low);
	free((double *)part->series.high);
	free(part);
}

static void
free_cell(struct plot_cell *cell)
{
	struct plot_part *part, *next;

	for (part = cell->first; part; part = next) {
		next = part->next;
		free_part(part);
	}
	free((char *)cell->panel.title);
	free((char *)cell->panel.x_label);
	free((char *)cell->panel.y_label);
	free(cell);
}

void
plot_free(struct plot *p)
{
	struct plot_cell *cell, *next;

	if (!p)
		return;
	for (cell = p->first; cell; cell = next) {
		next = cell->next;
		free_cell(cell);
	}
	free(p->title);
	free(p);
}

static bool
copy_text(const char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return !text || *to;
}

static bool
copy_numbers(const double **to, const double *from, size_t count)
{
	double *copy = from ? malloc((count ? count : 1) * sizeof(*copy)) : NULL;

	*to = copy;
	if (copy)
		memcpy(copy, from, count * sizeof(*copy));
	return !from || copy;
}

int
plot_title(struct plot *p, const char *title)
{
	free(p->title);
	return copy_text((const char **)&p->title, title) ? 0 : -ENOMEM;
}

int
plot_panel_add(struct plot *p, const struct plot_panel *panel)
{
	struct plot_cell *cell = calloc(1, sizeof(*cell));
	bool whole;

	if (!cell)
		return -ENOMEM;
	cell->panel = *panel;
	/* All of them in any case, so that none is the caller's. */
	whole = copy_text(&cell->panel.title, panel->title);
	whole = copy_text(&cell->panel.x_label, panel->x_label) && whole;
	whole = copy_text(&cell->panel.y_label, panel->y_label) && whole;
	if (!whole) {
		free_cell(cell);
		return -ENOMEM;
	}
	if (p->last)
		p->last->next = cell;
	else
		p->first = cell;
	p->last = cell;
	p->cells++;
	return 0;
}

int
plot_series_add(struct plot *p, const struct plot_series *series)
{
	struct plot_part *part = calloc(1, sizeof(*part));
	struct plot_cell *cell = p->last;
	bool whole;

	if (!part || !cell) {
		free(part);
		return -ENOMEM;
	}
	part->series = *series;
	whole = copy_text(&part->series.label, series->label);
	whole = copy_numbers(&part->series.x, series->x, series->count) && whole;
	whole = copy_numbers(&part->series.y, series->y, series->count) && whole;
	whole = copy_numbers(&part->series.low, series->low, series->count) && whole;
	whole = copy_numbers(&part->series.high, series->high, series->count) && whole;
	if (!whole) {
		free_part(part);
		return -ENOMEM;
	}
	if (cell->last)
		cell->last->next = part;
	else
		cell->first = part;
	cell->last = part;
	return 0;
}

static double
share_of(const struct plot_cell *cell)
{
	return cell->panel.height > 0 ? cell->panel.height : 1;
}

/* The tallest panel of the row that begins here; `cell` moves on to the next row. */
static double
row_height(const struct plot *p, const struct plot_cell **cell)
{
	double height = 0;
	size_t i;

	for (i = 0; i < p->columns && *cell; i++, *cell = (*cell)->next)
		if (share_of(*cell) > height)
			height = share_of(*cell);
	return height * p->height;
}

static double
total_height(const struct plot *p)
{
	const struct plot_cell *cell = p->first;
	double height = p->title ? TITLE_HEIGHT : 0;

	while (cell)
		height += row_height(p, &cell);
	return height;
}

static void
draw(const struct plot *p, cairo_t *cairo)
{
	struct plot_box box = {.width = p->width, .y = p->title ? TITLE_HEIGHT : 0};
	const struct plot_cell *cell = p->first, *next = p->first;
	size_t i;

	cairo_set_source_rgb(cairo, 1, 1, 1);
	cairo_paint(cairo);
	if (p->title)
		plot_draw_title(cairo, p->title,
				(struct plot_box){.width = p->width * (double)p->columns,
						.height = TITLE_HEIGHT});
	while (cell) {
		box.height = row_height(p, &next);
		for (i = 0; i < p->columns && cell; i++, cell = cell->next) {
			box.x = (double)i * p->width;
			plot_draw_panel(cairo, cell, box);
		}
		box.y += box.height;
	}
}

int
plot_write(const struct plot *p, const char *path)
{
	double width = p->width * (double)p->columns, height = total_height(p);
	cairo_surface_t *surface;
	cairo_status_t status;
	cairo_t *cairo;

	if (!(width <= SIZE_MAX_PIXELS && height <= SIZE_MAX_PIXELS))
		return -E2BIG;
	surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
	cairo = cairo_create(surface);
	draw(p, cairo);
	cairo_destroy(cairo);
	errno = 0;
	status = cairo_surface_write_to_png(surface, path);
	cairo_surface_destroy(surface);
	if (status == CAIRO_STATUS_WRITE_ERROR && errno)
		return -errno;
	return status == CAIRO_STATUS_SUCCESS ? 0 : -EIO;
}
