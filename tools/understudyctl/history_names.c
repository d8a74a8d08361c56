/* SPDX-License-Identifier: Apache-2.0 */
#include "history_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const char *const kind[HISTORY_NAMES] = {"service", "endpoint", "metric"};

/* By the first `count` names. */
static bool
matches(const json_t *row, const char *const *name, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (*name[i] && strcmp(command_text(row, kind[i]), name[i]) != 0)
			return false;
	return true;
}

/* Of the rows before `end` too: then it has been told. */
static bool
is_repeated(const json_t *series, size_t end, const char *const *name, size_t level)
{
	const char *value = command_text(json_array_get(series, end), kind[level]);
	const json_t *row;
	size_t i;

	for (i = 0; i < end; i++) {
		row = json_array_get(series, i);
		if (matches(row, name, level) && !strcmp(command_text(row, kind[level]), value))
			return true;
	}
	return false;
}

/* How many names, from the left, some series has. */
static size_t
known_names(const json_t *series, const char *const *name)
{
	size_t best = 0, i;

	for (i = 0; i < json_array_size(series); i++)
		while (best < HISTORY_NAMES && matches(json_array_get(series, i), name, best + 1))
			best++;
	return best;
}

static void
print_alternatives(FILE *out, const json_t *series, const char *const *name, size_t level)
{
	const char *before = "; there are";
	const json_t *row;
	size_t i;

	for (i = 0; i < json_array_size(series); i++) {
		row = json_array_get(series, i);
		if (!matches(row, name, level) || is_repeated(series, i, name, level))
			continue;
		fprintf(out, "%s \"%s\"", before, command_text(row, kind[level]));
		before = ",";
	}
}

char *
history_names_unknown_or_null(const json_t *series, const char *const name[HISTORY_NAMES])
{
	size_t level = known_names(series, name), size, i;
	char *text = NULL;
	FILE *out;

	if (level == HISTORY_NAMES || !(out = open_memstream(&text, &size)))
		return NULL;
	fprintf(out, "nothing is kept of %s \"%s\"", kind[level], name[level]);
	for (i = level; i-- > 0;)
		if (*name[i])
			fprintf(out, " of %s \"%s\"", kind[i], name[i]);
	print_alternatives(out, series, name, level);
	fclose(out);
	return text;
}
