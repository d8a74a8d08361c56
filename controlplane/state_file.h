/* SPDX-License-Identifier: Apache-2.0 */
/* What was set at run time, kept across restarts in one JSON file that is replaced whole. Control thread. */
#pragma once

#include "registry.h"

/* Restores what the file holds; a file that is missing is fine, one that is damaged is set aside as FILE.damaged and
 * journalled by the caller: -EINVAL then, with `error`. */
int state_file_load(const char *file, struct registry *r, char *error, size_t error_size);

/* Writes the present state if it differs from what was written last (`last`, a reference that this function replaces
 * when it is written). Does not wait for the disk: if the machine itself loses power within seconds, the file may be
 * damaged or old. 0 or -errno; then to be tried again. */
int state_file_save(const char *file, const struct registry *r, json_t **last);

/* Waits until the file is on the disk: when nothing else waits any more. 0 or -errno. */
int state_file_sync(const char *file);
