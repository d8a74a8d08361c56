/* SPDX-License-Identifier: Apache-2.0 */
#include "state_file.h"

#include "parent_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_SIZE_MAX (16u << 20)

static int
set_aside(const char *file, const char *why, char *error, size_t error_size)
{
	char damaged[PATH_MAX];

	snprintf(damaged, sizeof(damaged), "%s.damaged", file);
	if (rename(file, damaged) < 0)
		snprintf(damaged, sizeof(damaged), "(could not be moved: %s)", strerror(errno));
	snprintf(error, error_size,
			"state file '%s': %s; set aside as %s, starting as the configuration says",
			file, why, damaged);
	return -EINVAL;
}

int
state_file_load(const char *file, struct registry *r, char *error, size_t error_size)
{
	json_error_t je;
	struct stat st;
	json_t *state;
	int rc;

	if (!*file || (stat(file, &st) < 0 && errno == ENOENT))
		return 0;
	if (st.st_size > STATE_SIZE_MAX)
		return set_aside(file, "too large", error, error_size);
	state = json_load_file(file, JSON_REJECT_DUPLICATES, &je);
	if (!state)
		return set_aside(file, je.text, error, error_size);
	rc = registry_restore(r, state);
	json_decref(state);
	return rc ? set_aside(file, "not the state of a gateway", error, error_size) : 0;
}

/* Beside the file first, then in its place: a crash of ours leaves the old or the new one, whole. Nothing waits for the
 * disk here. */
static int
replace(const char *file, const json_t *state)
{
	char next[PATH_MAX];
	FILE *out;
	int rc;

	snprintf(next, sizeof(next), "%s.next", file);
	out = fopen(next, "we");
	if (!out)
		return -errno;
	rc = json_dumpf(state, out, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (fputc('\n', out) == EOF || fflush(out) == EOF)
		rc = -1;
	if (fclose(out) == EOF || rc)
		return -EIO;
	return rename(next, file) < 0 ? -errno : 0;
}

int
state_file_save(const char *file, const struct registry *r, json_t **last)
{
	json_t *state;
	int rc;

	if (!*file)
		return 0;
	state = registry_state(r);
	if (!state)
		return -ENOMEM;
	if (*last && json_equal(*last, state)) {
		json_decref(state);
		return 0;
	}
	rc = parent_folder_make(file);
	if (rc == 0)
		rc = replace(file, state);
	if (rc) {
		json_decref(state);
		return rc;
	}
	json_decref(*last);
	*last = state;
	return 0;
}

int
state_file_sync(const char *file)
{
	int fd, rc;

	if (!*file)
		return 0;
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	rc = fdatasync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}
