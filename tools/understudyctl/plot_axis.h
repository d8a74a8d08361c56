/* SPDX-License-Identifier: Apache-2.0 */
/* Where the ticks of an axis stand, and what they say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PLOT_TICKS_MAX 16
#define PLOT_TICK_SIZE 32

struct plot_ticks {
	size_t count;
	double at[PLOT_TICKS_MAX];
	char text[PLOT_TICKS_MAX][PLOT_TICK_SIZE];
};

/* Round numbers between min and max, about `wanted` of them (2 to 12); min < max, both finite. */
void plot_ticks_numbers(struct plot_ticks *t, double min, double max, size_t wanted);
/* Full seconds, minutes, hours, days, months in UTC. */
void plot_ticks_times(struct plot_ticks *t, double min, double max, size_t wanted);
