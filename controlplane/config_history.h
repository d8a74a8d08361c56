/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of `history`. */
#pragma once

#include "config_schema.h"

extern const struct key_group config_history_group;
