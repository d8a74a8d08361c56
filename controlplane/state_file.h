/* SPDX-License-Identifier: Apache-2.0 */
/* What was set at run time, kept across restarts in one JSON file that is replaced whole. Control thread. */
#pragma once

#include "registry.h"

/* Restores what the file holds; a file that is missing is fine, one that is damaged is set aside as FILE.damaged and
 * journalled by the caller: -EINVAL then, with `error`. */
int state_file_load(const char *file, struct registry *r, char *error, size_t error_size);

/* Writes the present state if it differs from what was written last (`last`, a reference that this function replaces).
 * 0 or -errno. */
int state_file_save(const char *file, const struct registry *r, json_t **last);
