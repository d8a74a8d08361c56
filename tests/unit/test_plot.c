/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cairo.h>
#include <cmocka.h>

#include "plot_axis.h"

static char path[] = "/tmp/plot.XXXXXX";

static int
create_file(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	return unlink(path);
}

static void
every_kind_is_drawn_over_gaps_and_constants(void **state)
{
	static const double x[] = {0, 1, 2, NAN, 4}, y[] = {3, 3, NAN, 3, INFINITY};
	static const double low[] = {1, 2, NAN, 1, 1}, high[] = {4, 5, 6, 7, NAN};
	struct plot *p = plot_create(2, 300, 200);
	cairo_surface_t *image;
	int kind;

	assert_non_null(p);
	assert_int_equal(plot_title(p, "all"), 0);
	for (kind = PLOT_LINE; kind <= PLOT_LEVEL; kind++) {
		struct plot_series s = {.kind = (enum plot_kind)kind,
				.label = "label",
				.count = 5,
				.x = x,
				.y = y,
				.low = low,
				.high = high};

		assert_int_equal(plot_panel_add(p,
						 &(struct plot_panel){.title = "panel",
								 .x_label = "time",
								 .y_label = "ms",
								 .x_time = kind % 2}),
				0);
		assert_int_equal(plot_series_add(p, &s), 0);
		s.count = 0;
		assert_int_equal(plot_series_add(p, &s), 0);
	}
	assert_int_equal(plot_write(p, path), 0);
	plot_free(p);
	image = cairo_image_surface_create_from_png(path);
	assert_int_equal(cairo_image_surface_get_width(image), 600);
	assert_int_equal(cairo_image_surface_get_height(image), 4 * 200 + 40);
	cairo_surface_destroy(image);
}

static void
what_cannot_be_written_is_an_error(void **state)
{
	struct plot *p = plot_create(1, 100, 100), *wide = plot_create(1, 1e6, 100);

	assert_int_equal(plot_panel_add(p, &(struct plot_panel){0}), 0);
	assert_int_equal(plot_write(p, "/nowhere/x.png"), -ENOENT);
	assert_int_equal(plot_panel_add(wide, &(struct plot_panel){0}), 0);
	assert_int_equal(plot_write(wide, path), -E2BIG);
	plot_free(p);
	plot_free(wide);
	plot_free(NULL);
}

static void
ticks_are_round_and_within(void **state)
{
	static const struct {
		double min, max;
		const char *first;
	} cases[] = {
			{0, 10, "0"},
			{-.3, .4, "-0.2"},
			{0, 1e6, "0"},
			{15000, 90000, "20k"},
			{1e9, 5e9, "1G"},
			{1e-9, 9e-9, "2e-09"},
			{99.9991, 99.9999, "99.9992"},
	};
	struct plot_ticks t;
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plot_ticks_numbers(&t, cases[i].min, cases[i].max, 5);
		assert_in_range(t.count, 3, PLOT_TICKS_MAX);
		assert_string_equal(t.text[0], cases[i].first);
		for (k = 0; k < t.count; k++)
			assert_true(t.at[k] >= cases[i].min - 1e-12 &&
					t.at[k] <= cases[i].max * (1 + 1e-12));
	}
}

static void
times_are_told_in_full_hours_and_days(void **state)
{
	static const struct {
		double min, max;
		const char *first;
	} cases[] = {
			{3600, 4 * 3600., "Jan 1 01:00"},
			{100, 86400 * 5, "Jan 2"},
			{10, 30, "00:00:10"},
			{0, 10. * 365 * 86400, "1970"},
	};
	struct plot_ticks t;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plot_ticks_times(&t, cases[i].min, cases[i].max, 5);
		assert_in_range(t.count, 2, PLOT_TICKS_MAX);
		assert_string_equal(t.text[0], cases[i].first);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(every_kind_is_drawn_over_gaps_and_constants),
			cmocka_unit_test(what_cannot_be_written_is_an_error),
			cmocka_unit_test(ticks_are_round_and_within),
			cmocka_unit_test(times_are_told_in_full_hours_and_days),
	};

	return cmocka_run_group_tests(tests, create_file, remove_file);
}
