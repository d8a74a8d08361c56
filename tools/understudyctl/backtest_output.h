/* SPDX-License-Identifier: Apache-2.0 */
/* CSV files that a backtest writes. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "backtest_table.h"

/* A file that appears under its name only when whole: written beside it, then renamed. What is there and is no plain
 * file (a device, a pipe, a link) is written to as it is. */
struct backtest_output {
	FILE *file;
	char *path, *temporary; /* temporary: NULL for what is no plain file */
};

/* Creates the folders above it. 0 or -errno with text in `error`. */
int backtest_output_open(struct backtest_output *o, const char *path, struct backtest_error *error);
/* One cell, quoted if it must be. */
void backtest_output_text(struct backtest_output *o, const char *text);
/* One cell: digits enough for a value to be told from its neighbours in print, empty if NAN. */
void backtest_output_number(struct backtest_output *o, double value);
/* 0 or -errno with text in `error`; the file is gone then. `keep` false: takes it back. */
int backtest_output_close(struct backtest_output *o, bool keep, struct backtest_error *error);
