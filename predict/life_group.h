/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of units in groups: how much of a column's jumps the groups explain, and its level and scale in each.
 *
 * Levels are fitted to how rows differ from those around them, against how their groups do: wear is in both and falls out, so
 * that a group that is met by worn units more often keeps their wear (a partially linear model by double residuals: Robinson,
 * Root-N-consistent semiparametric regression, Econometrica 56, 1988, with the moving average as the smoother).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIFE_GROUPS_MAX 32

struct life_row {
	const double *value; /* [columns] */
	bool first; /* of its unit */
};

/* All belongs to the caller. */
struct life_groups {
	size_t rows;
	size_t stride; /* of the rows that are looked at where some do */
	const struct life_row *row; /* [rows] by unit, in order of time */
	const int8_t *group; /* [rows] below count; -1: in none */
	size_t count; /* at most LIFE_GROUPS_MAX */
};

/* Of a column's squared jumps between rows of different groups the share that is the difference of the groups' means; NAN:
 * there are no jumps. */
double life_groups_explain(const struct life_groups *groups, size_t column);

/* A column's level[count] and scale[count], > 0; infinite: the column is constant within groups. */
void life_groups_fit(const struct life_groups *groups, size_t column, double *level, double *scale);
