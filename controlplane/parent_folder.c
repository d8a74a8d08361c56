/* SPDX-License-Identifier: Apache-2.0 */
#include "parent_folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int
parent_folder_make(const char *file)
{
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof(path), "%s", file);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return 0;
	*slash = '\0';
	return mkdir(path, 0750) < 0 && errno != EEXIST ? -errno : 0;
}
