/* SPDX-License-Identifier: Apache-2.0 */
/* Units of a run-to-failure table: rows by unit, in order of time. */
#pragma once

#include "backtest_table.h"
#include "life.h"

/* Which columns: the unit's, the time's, and the rest, by the training file's order. */
struct backtest_fleet_columns {
	const char *unit, *time; /* names */
	size_t count;
	char **name; /* [count] */
	size_t words; /* columns left out because no cell of them is a number */
};

/* Every column but the two and those of words (a model, a place), by the table's header and cells. 0, -ENOMEM, or -EINVAL with text in `error`. */
int backtest_fleet_columns_take(struct backtest_fleet_columns *c, const struct backtest_table *t,
		struct backtest_error *error);
void backtest_fleet_columns_fini(struct backtest_fleet_columns *c);

struct backtest_fleet {
	struct life_fleet fleet;
	const char **name; /* [fleet.count] of the units, as they stand in the table */
	double *value, *time; /* of all rows, by unit */
	size_t rows, gaps; /* cells without a number */
};

/* Of a table that must outlive it. 0, -ENOMEM, or -EINVAL with text in `error`: a column that is not there, a cell that is
 * no number, a unit or a time that is missing, a time that a unit has twice, a unit without any value of a column. */
int backtest_fleet_read(struct backtest_fleet *f, const struct backtest_table *t,
		const struct backtest_fleet_columns *columns, struct backtest_error *error);
void backtest_fleet_fini(struct backtest_fleet *f);
