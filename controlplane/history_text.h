/* SPDX-License-Identifier: Apache-2.0 */
/* Points as JSON, as history_query_text() tells. Pure. */
#pragma once

#include "history_read.h"

char *history_text_or_null(const struct history_read_result *result, uint32_t step_ms);
