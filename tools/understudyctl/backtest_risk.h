/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "backtest_fleet.h"

/* Forecasts of a test table's units, each at its last row, and what they come from. */
struct backtest_risk {
	const struct life *life;
	const struct backtest_fleet *test;
	const char *time; /* name of the column */
	const struct life_forecast *forecast; /* [test units] */
};

/* 0, or -errno with text in `error`. */
int backtest_risk_plot(
		const struct backtest_risk *r, const char *path, struct backtest_error *error);
