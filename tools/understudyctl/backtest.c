/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LENGTH 64

static const struct subcommand {
	const char *name, *doc;
	int (*run)(int argc, char **argv);
} subcommands[] = {
		{"anomaly", "find what is strange in series", backtest_anomaly},
		{"forecast", "forecast a series, and how good that is", backtest_forecast},
		{"risk", "tell the remaining life of units from others that failed", backtest_risk},
};

#define SUBCOMMAND_COUNT (sizeof(subcommands) / sizeof(subcommands[0]))

static void
print_usage(FILE *out)
{
	size_t i;

	fputs("Usage: understudyctl backtest SUBCOMMAND [OPTION...]\n"
	      "Runs the daemon's models over files; needs no daemon.\n\n",
			out);
	for (i = 0; i < SUBCOMMAND_COUNT; i++)
		fprintf(out, "  %-10s%s\n", subcommands[i].name, subcommands[i].doc);
	fputs("\nunderstudyctl backtest SUBCOMMAND --help tells its options.\n", out);
}

void
backtest_tell_order(const char *path, const double *seconds, size_t rows)
{
	size_t late = 0, i;

	for (i = 1; i < rows; i++)
		late += !(seconds[i] > seconds[i - 1]);
	if (late)
		fprintf(stderr,
				"understudyctl: %s: %zu of %zu rows are not later than the row "
				"before; they are taken in the order of the file\n",
				path, late, rows);
}

char *
backtest_picture(struct argp_state *state, char *path)
{
	const char *ending = strrchr(path, '.');

	if (!ending || strcasecmp(ending, ".png") != 0)
		argp_error(state, "--plot: \"%s\" does not end with .png", path);
	return path;
}

int
backtest_failed(const struct backtest_error *error)
{
	fprintf(stderr, "understudyctl: %s\n", error->text);
	return 1;
}

int
backtest_run(int argc, char **argv)
{
	char name[NAME_MAX_LENGTH];
	size_t i;

	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?")) {
		print_usage(stdout);
		return 0;
	}
	for (i = 0; i < SUBCOMMAND_COUNT; i++) {
		if (strcmp(argv[1], subcommands[i].name))
			continue;
		snprintf(name, sizeof(name), "understudyctl backtest %s", subcommands[i].name);
		argv[1] = name;
		return subcommands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "understudyctl: no backtest of \"%s\"\n", argv[1]);
	print_usage(stderr);
	return 2;
}
