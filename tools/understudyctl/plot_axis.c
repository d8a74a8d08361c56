/* SPDX-License-Identifier: Apache-2.0 */
#include "plot_axis.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define DAY_S 86400.

static double
round_step(double raw)
{
	double scale = pow(10, floor(log10(raw))), share = raw / scale;

	return scale * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

static void
format_number(char *out, double value, double step)
{
	static const struct {
		double from;
		const char *name;
	} units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}};
	size_t i;
	double size = fabs(value);
	int digits;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (size < units[i].from || step < units[i].from / 1e3)
			continue;
		snprintf(out, PLOT_TICK_SIZE, "%.4g%s",
				value / (units[i].from == 1e4 ? 1e3 : units[i].from),
				units[i].name);
		return;
	}
	digits = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
	if (digits > 6)
		snprintf(out, PLOT_TICK_SIZE, "%.3g", value);
	else
		snprintf(out, PLOT_TICK_SIZE, "%.*f", digits, size < step / 1e3 ? 0 : value);
}

void
plot_ticks_numbers(struct plot_ticks *t, double min, double max, size_t wanted)
{
	double step = round_step((max - min) / (double)wanted), at;

	t->count = 0;
	for (at = ceil(min / step - 1e-9) * step;
			at <= max + step * 1e-9 && t->count < PLOT_TICKS_MAX; at += step) {
		format_number(t->text[t->count], at, step);
		t->at[t->count++] = at;
	}
}

static double
time_step(double raw)
{
	static const double steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
			7200, 10800, 21600, 43200, DAY_S, 2 * DAY_S, 3 * DAY_S, 7 * DAY_S,
			14 * DAY_S, 30 * DAY_S, 61 * DAY_S, 91 * DAY_S, 183 * DAY_S, 365 * DAY_S};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (raw <= steps[i])
			return steps[i];
	return round_step(raw / (365 * DAY_S)) * 365 * DAY_S;
}

void
plot_ticks_times(struct plot_ticks *t, double min, double max, size_t wanted)
{
	double step = time_step((max - min) / (double)wanted), at;
	const char *format = step >= 300 * DAY_S ? "%Y"
			: step >= DAY_S		 ? "%b %-d"
			: step >= 60		 ? "%b %-d %H:%M"
						 : "%H:%M:%S";
	struct tm tm;
	time_t seconds;

	t->count = 0;
	for (at = ceil(min / step) * step; at <= max && t->count < PLOT_TICKS_MAX; at += step) {
		seconds = (time_t)at;
		gmtime_r(&seconds, &tm);
		strftime(t->text[t->count], PLOT_TICK_SIZE, format, &tm);
		t->at[t->count++] = at;
	}
}
