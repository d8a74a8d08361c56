/* SPDX-License-Identifier: Apache-2.0 */
#include "life_axis.h"

#include <math.h>
#include <stdbool.h>

#define BINS 128 /* of a column's values; groups are apart if a bin between them is empty */
#define BIN_ROWS 16 /* at least, on average: fewer bins in small tables */
#define BINS_MIN 16
#define TRIM 0.002 /* share of the values at either end that the bins need not reach */
#define EMPTY 0.001 /* share of the values that a bin may hold and be empty */
#define MARGIN \
	0.25 /* of the distance to the next group: so far beyond its bins a value still belongs */
#define NARROW 3.0 /* bins: groups are not told apart by width below it */

/* Runs of bins that are not empty; 0 groups if there are too many. */
static void
take_runs(struct life_axis *a, const size_t *count, size_t bins, double empty)
{
	size_t b;
	bool inside = false;

	for (b = 0; b < bins; b++) {
		bool full = (double)count[b] > empty;

		if (full && !inside && a->groups == LIFE_AXIS_GROUPS_MAX) {
			a->groups = 0;
			return;
		}
		if (full && !inside)
			a->low[a->groups++] = (double)b;
		inside = full;
		if (!full)
			continue;
		a->high[a->groups - 1] = (double)b + 1;
		a->widest = fmax(a->widest, (double)b + 1 - a->low[a->groups - 1]);
	}
}

/* From bins to values, with a margin to either side. */
static void
widen(struct life_axis *a, double start, double width)
{
	size_t g, last = a->groups - 1;
	double gap[LIFE_AXIS_GROUPS_MAX + 1];

	for (g = 1; g <= last; g++)
		gap[g] = a->low[g] - a->high[g - 1];
	gap[0] = gap[1];
	gap[last + 1] = gap[last];
	for (g = 0; g <= last; g++) {
		a->low[g] = start + width * (a->low[g] - MARGIN * gap[g]);
		a->high[g] = start + width * (a->high[g] + MARGIN * gap[g + 1]);
	}
}

void
life_axis_fit(struct life_axis *a, const double *value, size_t n)
{
	size_t trim = (size_t)(TRIM * (double)n), i;
	size_t count[BINS] = {0}, bins = n / BIN_ROWS;
	double start, width;

	a->groups = 0;
	a->widest = NARROW;
	if (!n)
		return;
	bins = bins > BINS ? BINS : bins < BINS_MIN ? BINS_MIN : bins;
	start = value[trim];
	width = (value[n - 1 - trim] - start) / (double)bins;
	if (!(width > 0) || !isfinite(width))
		return;
	for (i = trim; i < n - trim; i++) {
		size_t b = (size_t)((value[i] - start) / width);

		count[b < bins ? b : bins - 1]++;
	}
	take_runs(a, count, bins, EMPTY * (double)n);
	if (a->groups < 2)
		a->groups = 0;
	else
		widen(a, start, width);
}

int
life_axis_group(const struct life_axis *a, double value)
{
	size_t g;

	for (g = 0; g < a->groups; g++)
		if (value >= a->low[g] && value <= a->high[g])
			return (int)g;
	return -1;
}
