/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "top.h"

/* Endpoints within their service, by the chosen column: largest first, names ascending. Services stay in the order of
 * the configuration, each followed by its own. */
void top_order(struct top_row *rows, size_t count, enum top_sort sort);

const char *top_sort_name(enum top_sort sort);
