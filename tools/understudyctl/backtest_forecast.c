/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_forecast.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backtest.h"

enum {
	KEY_TIME = 0x200,
	KEY_EVERY,
	KEY_STEP,
	KEY_STATEMENT,
	KEY_PLOT,
	KEY_TEST,
};

static const struct argp_option option_table[] = {
		{"input", 'i', "FILE", 0, "The series, CSV: what the model learns from", 0},
		{"value", 'v', "COLUMN", 0, "What is forecast (default: value)", 0},
		{"time", KEY_TIME, "COLUMN", 0, "Timestamps (default: timestamp, if there is one)",
				0},
		{"season", 's', "N[,N]", 0, "Seasons, in rows: 48,336", 0},
		{"horizon", 'h', "H", 0, "Rows ahead", 0},
		{"quantiles", 'q', "Q[,Q]", 0, "Default: 0.1,0.5,0.9", 0},
		{"test", KEY_TEST, "FILE", 0,
				"Forecast the rows of this file, which follow the input's; its "
				"values "
				"are taken in as the forecasts pass them",
				0},
		{"every", KEY_EVERY, "N", 0,
				"Rows from one forecast to the next (default: H, so that each row "
				"is "
				"forecast once)",
				0},
		{"output", 'o', "FILE", 0, "Write the forecasts, CSV", 0},
		{"plot", KEY_PLOT, "FILE.png", 0, "Draw them", 0},
		{"statement", KEY_STATEMENT, "SENTENCE", 0,
				"Also judge \"80% chance of 20% more load within 5m\" at every row",
				0},
		{"step", KEY_STEP, "SECONDS", 0,
				"Time between rows (default: from the timestamps); only the "
				"statement "
				"needs it",
				0},
		{0}};

/* Positive numbers between commas, rising. */
static size_t
read_list(struct argp_state *state, const char *what, const char *text, double *out, size_t max)
{
	char *end;
	size_t n = 0;

	for (;; text = end + 1) {
		if (n == max)
			argp_error(state, "%s: at most %zu", what, max);
		out[n] = strtod(text, &end);
		if (end == text || (*end && *end != ',') || !(out[n] > 0))
			argp_error(state, "%s: \"%s\" is not a list of positive numbers", what,
					text);
		if (n > 0 && out[n] <= out[n - 1])
			argp_error(state, "%s: give them in rising order, each once", what);
		n++;
		if (!*end)
			return n;
	}
}

static uint32_t
read_count(struct argp_state *state, const char *what, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n < 1 || n > 1ul << 20)
		argp_error(state, "%s: \"%s\" is not a number of rows from 1 to 1048576", what,
				text);
	return (uint32_t)n;
}

static void
read_seasons(struct argp_state *state, struct backtest_forecast_options *o, const char *text)
{
	double season[FORECAST_SEASONS_MAX];
	uint32_t i;

	o->seasons = (uint32_t)read_list(state, "--season", text, season, FORECAST_SEASONS_MAX);
	for (i = 0; i < o->seasons; i++) {
		o->season[i] = (uint32_t)season[i];
		if (o->season[i] != season[i] || season[i] < 2)
			argp_error(state, "--season: %g is not a whole number of at least 2 rows",
					season[i]);
	}
}

static void
read_quantiles(struct argp_state *state, struct backtest_forecast_options *o, const char *text)
{
	o->quantiles = (uint32_t)read_list(
			state, "--quantiles", text, o->quantile, BACKTEST_QUANTILES_MAX);
	if (o->quantile[o->quantiles - 1] >= 1)
		argp_error(state, "--quantiles: they lie between 0 and 1");
}

static void
read_statement(struct argp_state *state, struct backtest_forecast_options *o, const char *text)
{
	char error[256];

	if (load_statement_parse(text, &o->statement, error, sizeof(error)) < 0)
		argp_error(state, "--statement: %s", error);
	o->has_statement = true;
}

static void
read_step(struct argp_state *state, struct backtest_forecast_options *o, const char *text)
{
	if (!backtest_number(text, &o->step_s) || !(o->step_s > 0) || !(o->step_s < 1e9))
		argp_error(state, "--step: \"%s\" is not a positive number of seconds", text);
}

static void
check(struct argp_state *state, struct backtest_forecast_options *o)
{
	if (state->arg_num > 0)
		argp_error(state, "\"%s\" is not an option", state->argv[state->argc - 1]);
	if (!o->input)
		argp_error(state, "give --input FILE");
	if (!o->horizon && !o->has_statement)
		argp_error(state, "give --horizon H, in rows");
	if (!o->horizon)
		o->horizon = 1;
	if (!o->every)
		o->every = o->horizon;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct backtest_forecast_options *o = state->input;

	switch (key) {
	case 'i':
		o->input = arg;
		return 0;
	case 'v':
		o->value = arg;
		return 0;
	case 's':
		read_seasons(state, o, arg);
		return 0;
	case 'h':
		o->horizon = read_count(state, "--horizon", arg);
		return 0;
	case 'q':
		read_quantiles(state, o, arg);
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case KEY_TIME:
		o->time = arg;
		return 0;
	case KEY_TEST:
		o->test = arg;
		return 0;
	case KEY_EVERY:
		o->every = read_count(state, "--every", arg);
		return 0;
	case KEY_PLOT:
		o->plot = backtest_picture(state, arg);
		return 0;
	case KEY_STATEMENT:
		read_statement(state, o, arg);
		return 0;
	case KEY_STEP:
		read_step(state, o, arg);
		return 0;
	case ARGP_KEY_END:
		check(state, o);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What did not come round twice is not told from a drift; rows that are missing count. */
static void
tell_seasons(const struct backtest_forecast_options *o, const struct backtest_series *s)
{
	size_t rows = (size_t)s->index[s->rows - 1] + 1;
	uint32_t i;

	for (i = 0; i < o->seasons; i++)
		if (2 * (size_t)o->season[i] > rows)
			fprintf(stderr,
					"understudyctl: --season: %u is longer than half of the "
					"series, %zu rows, and cannot be learnt\n",
					o->season[i], rows);
}

static int
run(const struct backtest_forecast_options *o, struct backtest_error *error)
{
	struct backtest_series series = {0};
	struct backtest_forecasts forecasts = {0};
	int rc = backtest_series_read(o, &series, error);

	if (rc == 0 && series.has_time)
		backtest_tell_order(o->test ? o->test : o->input, series.seconds, series.rows);
	if (rc == 0)
		tell_seasons(o, &series);
	if (rc == 0)
		rc = backtest_forecasts_run(o, &series, &forecasts, error);
	if (rc == 0 && o->output)
		rc = backtest_forecasts_write(o, &series, &forecasts, error);
	if (rc == 0 && o->plot)
		rc = backtest_forecasts_plot(o, &series, &forecasts, error);
	if (rc == 0)
		backtest_forecasts_print(o, &series, &forecasts);
	backtest_forecasts_free(&forecasts);
	backtest_series_free(&series);
	return rc;
}

int
backtest_forecast(int argc, char **argv)
{
	static const struct argp argp = {.options = option_table,
			.parser = parse,
			.doc = "Forecasts a series as the daemon would have, and says how good "
			       "that "
			       "was. Without --test the rows after a warm-up (two of the longest "
			       "season, "
			       "a tenth of the rows at least, half of them at most) are forecast. "
			       "Nothing looks ahead: from each origin the next H rows are "
			       "forecast, then "
			       "the rows up to the next origin are taken in."};
	struct backtest_forecast_options o = {
			.value = "value", .quantile = {0.1, 0.5, 0.9}, .quantiles = 3};
	struct backtest_error error = {""};

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return run(&o, &error) < 0 ? backtest_failed(&error) : 0;
}
