/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_output.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
failed(struct backtest_error *error, const char *path, int number)
{
	snprintf(error->text, sizeof(error->text), "%s: cannot write: %s", path, strerror(number));
	return -number;
}

static int
create_folders(const char *path)
{
	char *copy = strdup(path), *slash;
	int rc = 0;

	if (!copy)
		return ENOMEM;
	for (slash = strchr(copy + 1, '/'); slash && !rc; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			rc = errno;
		*slash = '/';
	}
	free(copy);
	return rc;
}

/* A device, a pipe or a link must stay what it is: a rename would put a file in its place. */
static bool
is_special(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && !S_ISREG(st.st_mode);
}

int
backtest_output_open(struct backtest_output *o, const char *path, struct backtest_error *error)
{
	int number = create_folders(path);

	*o = (struct backtest_output){0};
	if (number)
		return failed(error, path, number);
	o->path = strdup(path);
	if (!o->path || (!is_special(path) && asprintf(&o->temporary, "%s.part", path) < 0)) {
		free(o->path);
		return failed(error, path, ENOMEM);
	}
	o->file = fopen(o->temporary ? o->temporary : path, "w");
	if (o->file)
		return 0;
	number = errno;
	free(o->path);
	free(o->temporary);
	return failed(error, path, number);
}

void
backtest_output_text(struct backtest_output *o, const char *text)
{
	if (text[strcspn(text, ",\"\r\n")])
		csv_fwrite(o->file, text, strlen(text));
	else
		fputs(text, o->file);
}

void
backtest_output_number(struct backtest_output *o, double value)
{
	if (!isnan(value))
		fprintf(o->file, "%.9g", value);
}

int
backtest_output_close(struct backtest_output *o, bool keep, struct backtest_error *error)
{
	int number = 0;

	errno = 0;
	if ((ferror(o->file) | fclose(o->file)) && keep)
		number = errno ? errno : EIO;
	if (keep && !number && o->temporary && rename(o->temporary, o->path))
		number = errno;
	if (o->temporary && (!keep || number))
		unlink(o->temporary);
	if (number)
		failed(error, o->path, number);
	free(o->path);
	free(o->temporary);
	*o = (struct backtest_output){0};
	return -number;
}
