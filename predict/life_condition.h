/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operating conditions, found in the table itself: a column (or up to LIFE_AXES_MAX of them together) whose values fall
 * into few groups, such that most of what most other columns jump by, when the group changes from one row to the next, is
 * the difference of the groups' means; and units return to groups they have left, or it would be wear. Of several such
 * columns the one with the narrowest groups, and of those the first. Rows are then put on their condition's scale
 * (life_group.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "life.h"
#include "life_axis.h"
#include "life_group.h"

struct life_condition {
	size_t columns; /* of the table */
	size_t axes, count; /* columns that make conditions, and conditions; 0: none found */
	double explained; /* share of the jumps, of more than half of the other columns at least */
	struct life_axis axis[LIFE_AXES_MAX];
	uint32_t code[LIFE_GROUPS_MAX]; /* [count] the groups on the axes as one number, ascending */
	double level[LIFE_GROUPS_MAX][LIFE_COLUMNS_MAX]; /* [count][columns] */
	double scale[LIFE_GROUPS_MAX][LIFE_COLUMNS_MAX]; /* as life_groups_fit has them */
};

/* From a valid fleet. 0 or -ENOMEM. */
int life_condition_fit(struct life_condition *c, const struct life_fleet *fleet);

/* The condition of row[columns], from 0; -1: in none that was learnt, or the columns that make them are not known. */
int life_condition_of(const struct life_condition *c, const double *row);

/* The row on its condition's scale: `row` itself where no conditions were found, or `room`[columns]. A row in none that was
 * learnt says nothing: all NAN. */
const double *life_condition_apply(const struct life_condition *c, const double *row, double *room);
