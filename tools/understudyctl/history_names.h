/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#define HISTORY_NAMES 3 /* service, endpoint, metric */

/* Why names match none of the series that /v1/history lists, and which names there are instead; NULL if one matches.
 * A name "" matches all. For the caller to free; NULL without memory too. */
char *history_names_unknown_or_null(const json_t *series, const char *const name[HISTORY_NAMES]);
