/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a column's values fall into few groups, apart from each other, and which. */
#pragma once

#include <stddef.h>

#define LIFE_AXIS_GROUPS_MAX 16

struct life_axis {
	size_t column, groups; /* 0: none, or too many */
	double widest; /* group, in bins of the column's span; all that are narrow enough alike */
	double low[LIFE_AXIS_GROUPS_MAX],
			high[LIFE_AXIS_GROUPS_MAX]; /* [groups] ascending, apart */
};

/* From values[n] in ascending order, finite. Leaves the column as it is. */
void life_axis_fit(struct life_axis *axis, const double *value, size_t n);

/* From 0; -1: of none, as values between groups and beyond them, and NAN. */
int life_axis_group(const struct life_axis *axis, double value);
