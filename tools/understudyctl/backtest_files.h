/* SPDX-License-Identifier: Apache-2.0 */
/* What a backtest reads, and where the result of each goes: a file, or all *.csv below a directory by name. */
#pragma once

#include <stddef.h>

#include "backtest_table.h"

struct backtest_files {
	char **input; /* paths */
	char **name; /* below the directory; of a file its last part */
	size_t count;
};

/* 0 or -errno with text in `error`; none at all is -ENOENT. Sorted by name. */
int backtest_files_list(struct backtest_files *f, const char *path, struct backtest_error *error);
void backtest_files_free(struct backtest_files *f);
/* Results may not go to or below the directory they come from: -EINVAL. */
int backtest_files_apart(const char *input, const char *output, struct backtest_error *error);
