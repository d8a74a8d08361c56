/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes the folder of a file, for the owner and its group, unless it is there. 0 or -errno: its own parent must exist. */
int parent_folder_make(const char *file);
