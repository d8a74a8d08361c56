/* SPDX-License-Identifier: Apache-2.0 */
#include "eal_runtime.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Kept for the handler at exit, which takes no argument. */
static char at_exit[PATH_MAX];

/* As DPDK chooses it; its own function knows it only after the start. */
static const char *
runtime_root(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (getuid() == 0)
		return "/var/run";
	return dir != NULL ? dir : "/tmp";
}

static void
path_in(char *out, size_t size, const char *prefix, const char *name)
{
	snprintf(out, size, "%s/dpdk/%s%s%s", runtime_root(), prefix, name[0] != '\0' ? "/" : "",
			name);
}

pid_t
eal_runtime_holder(const char *file_prefix)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_MAX];
	pid_t holder = 0;
	int fd;

	path_in(path, sizeof(path), file_prefix, "config");
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		holder = lock.l_pid;
	close(fd);
	return holder;
}

/* Fails if another process has files there, as it should. */
static void
remove_directory(void)
{
	(void)rmdir(at_exit);
}

/* Handlers run in the reverse order: DPDK's, which removes its telemetry socket, comes before ours. */
void
eal_runtime_remove_at_exit(const char *file_prefix)
{
	path_in(at_exit, sizeof(at_exit), file_prefix, "");
	(void)atexit(remove_directory);
}

void
eal_runtime_remove(const char *pattern)
{
	glob_t found;
	size_t i;

	if (glob(pattern, GLOB_NOSORT, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

void
eal_runtime_clean(const char *file_prefix)
{
	static const char *const name[] = {"config", "hugepage_info", "fbarray_*", "mp_socket*"};
	char pattern[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		path_in(pattern, sizeof(pattern), file_prefix, name[i]);
		eal_runtime_remove(pattern);
	}
}
