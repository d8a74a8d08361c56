/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_files.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int
failed(struct backtest_error *error, const char *path, int number)
{
	snprintf(error->text, sizeof(error->text), "%s: %s", path, strerror(number));
	return -number;
}

static int
add(struct backtest_files *f, const char *path, const char *name)
{
	char **input = realloc(f->input, (f->count + 1) * sizeof(*input));
	char **names;

	if (!input)
		return -ENOMEM;
	f->input = input;
	names = realloc(f->name, (f->count + 1) * sizeof(*names));
	if (!names)
		return -ENOMEM;
	f->name = names;
	f->input[f->count] = strdup(path);
	f->name[f->count] = strdup(name);
	f->count++;
	return f->input[f->count - 1] && f->name[f->count - 1] ? 0 : -ENOMEM;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool
is_csv(const FTSENT *e)
{
	return e->fts_info == FTS_F && e->fts_namelen > 4 &&
			!strcmp(e->fts_name + e->fts_namelen - 4, ".csv");
}

static int
list_directory(struct backtest_files *f, const char *path, struct backtest_error *error)
{
	char *roots[] = {(char *)path, NULL};
	FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	size_t skip = strlen(path);
	FTSENT *e;
	int rc = walk ? 0 : -errno;

	while (!rc && (e = fts_read(walk))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			rc = failed(error, e->fts_path, e->fts_errno);
		else if (is_csv(e))
			rc = add(f, e->fts_path,
					e->fts_path + skip + strspn(e->fts_path + skip, "/"));
	}
	if (walk)
		fts_close(walk);
	if (rc == -ENOMEM)
		failed(error, path, ENOMEM);
	return rc;
}

int
backtest_files_list(struct backtest_files *f, const char *path, struct backtest_error *error)
{
	const char *last = strrchr(path, '/');
	struct stat st;
	int rc;

	*f = (struct backtest_files){0};
	if (stat(path, &st))
		return failed(error, path, errno);
	rc = S_ISDIR(st.st_mode) ? list_directory(f, path, error)
				 : add(f, path, last ? last + 1 : path);
	if (!rc && f->count == 0) {
		snprintf(error->text, sizeof(error->text), "%s: no *.csv in it", path);
		rc = -ENOENT;
	}
	if (rc)
		backtest_files_free(f);
	return rc;
}

void
backtest_files_free(struct backtest_files *f)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		free(f->input[i]);
		free(f->name[i]);
	}
	free(f->input);
	free(f->name);
	*f = (struct backtest_files){0};
}

/* Where a path leads, of which the last parts need not be there yet. */
static bool
resolve(const char *path, char out[PATH_MAX])
{
	char *copy = strdup(path), *slash;
	bool found = copy && realpath(copy, out);

	while (copy && !found && (slash = strrchr(copy, '/')) && slash > copy) {
		*slash = '\0';
		found = realpath(copy, out);
	}
	if (copy && !found)
		found = realpath(*path == '/' ? "/" : ".", out);
	free(copy);
	return found;
}

int
backtest_files_apart(const char *input, const char *output, struct backtest_error *error)
{
	char in[PATH_MAX], out[PATH_MAX];
	struct stat st;
	size_t length;
	bool inside;

	if (stat(input, &st) || !realpath(input, in) || !resolve(output, out))
		return 0; /* listing the input says what is wrong */
	if (!S_ISDIR(st.st_mode) && strrchr(in, '/') > in)
		*strrchr(in, '/') = '\0';
	length = strlen(in);
	inside = !strncmp(in, out, length) && (out[length] == '/' || !out[length]);
	if (S_ISDIR(st.st_mode) ? !inside : strcmp(in, out) != 0)
		return 0;
	snprintf(error->text, sizeof(error->text),
			"%s: results may not go where the series are: name another directory",
			output);
	return -EINVAL;
}
