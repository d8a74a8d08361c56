/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `backtest forecast`: what is asked, the series, what was forecast of it, its picture. */
#pragma once

#include "backtest_table.h"
#include "calibration.h"
#include "forecast.h"
#include "load_statement.h"

#define BACKTEST_QUANTILES_MAX 32

struct backtest_forecast_options {
	const char *input, *test, *output, *plot; /* all but input may be NULL */
	const char *value, *time; /* columns; time NULL: "timestamp" if there is one */
	double quantile[BACKTEST_QUANTILES_MAX]; /* rising */
	uint32_t quantiles;
	uint32_t season[FORECAST_SEASONS_MAX]; /* rising */
	uint32_t seasons;
	uint32_t horizon; /* rows */
	uint32_t every; /* rows from one origin to the next */
	double step_s; /* between rows; 0: from the timestamps */
	bool has_statement;
	struct load_statement statement;
};

/* Rows of the input, then those of the test. */
struct backtest_series {
	size_t rows, first; /* the first that is forecast */
	double *value; /* NAN: gap */
	int64_t *index; /* number of the sample: rises by more than 1 where timestamps show that rows are missing */
	double *seconds; /* since the epoch; the row's number without timestamps */
	const char **stamp; /* text of the timestamp; NULL without */
	bool has_time;
	double step_s; /* NAN if not known */
	struct backtest_table *table[2];
};

/* 0, or a negative errno with text in `error`. */
int backtest_series_read(const struct backtest_forecast_options *o, struct backtest_series *s,
		struct backtest_error *error);
void backtest_series_free(struct backtest_series *s);

/* Forecast of one row. */
struct backtest_row {
	size_t row, origin;
	uint32_t horizon;
	double naive; /* the latest known row of the same phase of the longest season */
	double median;
	double quantile[BACKTEST_QUANTILES_MAX];
};

struct backtest_forecasts {
	struct backtest_row *row;
	size_t rows;
	double *said; /* by row of the series: probability of the statement; NAN: none */
	signed char *came_true; /* 1, 0, or -1: not known */
};

/* Runs the model over the series without looking ahead. 0, or a negative errno with text in `error`. */
int backtest_forecasts_run(const struct backtest_forecast_options *o,
		const struct backtest_series *s, struct backtest_forecasts *out,
		struct backtest_error *error);
void backtest_forecasts_free(struct backtest_forecasts *f);

int backtest_forecasts_write(const struct backtest_forecast_options *o,
		const struct backtest_series *s, const struct backtest_forecasts *f,
		struct backtest_error *error);
void backtest_forecasts_print(const struct backtest_forecast_options *o,
		const struct backtest_series *s, const struct backtest_forecasts *f);
int backtest_forecasts_plot(const struct backtest_forecast_options *o,
		const struct backtest_series *s, const struct backtest_forecasts *f,
		struct backtest_error *error);
