/* SPDX-License-Identifier: Apache-2.0 */
/*
 * understudyctl backtest: the models of the daemon over files, without a daemon. Each subcommand parses its own line
 * (argv[0] is a name for messages, such as "understudyctl backtest anomaly") and returns an exit status: 0 done, 1 refused
 * (bad data, unwritable output), 2 wrong usage.
 */
#pragma once

#include "backtest_table.h"

struct argp_state;

int backtest_anomaly(int argc, char **argv);
int backtest_forecast(int argc, char **argv);
int backtest_risk(int argc, char **argv);

/* The table: argv[0] is "backtest", argv[1] the subcommand. */
int backtest_run(int argc, char **argv);

/* Says on standard error how many rows of a series are not later than the one before: clocks that were set back, files
 * that were put together. Nothing if none is. */
void backtest_tell_order(const char *path, const double *seconds, size_t rows);

/* The value of --plot, or argp_error if it does not end with .png: pictures are nothing else. */
char *backtest_picture(struct argp_state *state, char *path);

/* "understudyctl: TEXT" on standard error; returns 1. */
int backtest_failed(const struct backtest_error *error);
