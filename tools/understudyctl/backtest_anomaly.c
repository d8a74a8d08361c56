/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "anomaly.h"
#include "backtest.h"
#include "backtest_files.h"
#include "backtest_output.h"
#include "plot.h"

#define LEARN_SHARE_PERCENT 15 /* of a file, at most LEARN_MOST: what NAB gives to every detector */
#define LEARN_MOST 750
#define CADENCE_ROWS 100 /* from the start: their median step */
#define PANELS_MAX 60

struct options {
	const char *input, *output, *plot, *value, *time;
	double cadence_s; /* 0: of the first rows */
	uint32_t learn; /* 0: of the file's length */
};

/* One series and what was found in it. */
struct series {
	struct backtest_table *table;
	size_t rows, time_column, value_column;
	double *seconds, *value, *score;
	bool *alarm;
	struct anomaly_settings settings;
	double cadence_s;
	size_t alarms, missing;
};

struct totals {
	size_t files, failed, rows, alarms;
	double days, spent_s;
};

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median step of the first rows: known before the first alarm can be. */
static double
cadence_of(const struct series *s)
{
	double step[CADENCE_ROWS], d;
	size_t n = 0, i;

	for (i = 1; i < s->rows && n < CADENCE_ROWS; i++) {
		d = s->seconds[i] - s->seconds[i - 1];
		if (d > 0)
			step[n++] = d;
	}
	if (n == 0)
		return 1;
	qsort(step, n, sizeof(step[0]), by_size);
	return step[n / 2];
}

static void
close_series(struct series *s)
{
	backtest_table_free(s->table);
	free(s->seconds);
	free(s->value);
	free(s->score);
	free(s->alarm);
	*s = (struct series){0};
}

static int
open_series(struct series *s, const struct options *o, const char *path,
		struct backtest_error *error)
{
	size_t room;
	int rc = backtest_table_read(path, BACKTEST_DETECT, &s->table, error);

	if (rc)
		return rc;
	s->rows = backtest_table_rows(s->table);
	room = s->rows ? s->rows : 1;
	s->seconds = calloc(room, sizeof(*s->seconds));
	s->value = calloc(room, sizeof(*s->value));
	s->score = calloc(room, sizeof(*s->score));
	s->alarm = calloc(room, sizeof(*s->alarm));
	if (!s->seconds || !s->value || !s->score || !s->alarm) {
		snprintf(error->text, sizeof(error->text), "%s: no memory", path);
		return -ENOMEM;
	}
	rc = backtest_table_find(s->table, o->time, &s->time_column, error);
	if (!rc)
		rc = backtest_table_find(s->table, o->value, &s->value_column, error);
	if (!rc)
		rc = backtest_table_seconds(s->table, s->time_column, s->seconds, error);
	if (!rc)
		rc = backtest_table_numbers(s->table, s->value_column, s->value, error);
	return rc;
}

static void
detect(struct series *s, const struct options *o)
{
	uint32_t share = (uint32_t)(s->rows * LEARN_SHARE_PERCENT / 100);
	struct anomaly_result r;
	struct anomaly state;
	size_t i;

	s->cadence_s = o->cadence_s > 0 ? o->cadence_s : cadence_of(s);
	anomaly_settings_init(&s->settings, s->cadence_s,
			o->learn			     ? o->learn
					: share < LEARN_MOST ? share
							     : LEARN_MOST);
	anomaly_init(&state, &s->settings);
	for (i = 0; i < s->rows; i++) {
		r = anomaly_update(
				&state, &s->settings, s->value[i], (int64_t)floor(s->seconds[i]));
		s->score[i] = r.score;
		s->alarm[i] = r.alarm;
		s->alarms += r.alarm;
		s->missing += !(fabs(s->value[i]) < ANOMALY_SAMPLE_MAX);
	}
}

static int
write_series(const struct series *s, const struct options *o, const char *name,
		struct backtest_error *error)
{
	struct backtest_output out;
	char *path;
	size_t i;
	int rc;

	if (asprintf(&path, "%s/%s", o->output, name) < 0) {
		snprintf(error->text, sizeof(error->text), "%s: no memory", name);
		return -ENOMEM;
	}
	rc = backtest_output_open(&out, path, error);
	free(path);
	if (rc)
		return rc;
	fputs("timestamp,value,score,alarm\n", out.file);
	for (i = 0; i < s->rows; i++) {
		backtest_output_text(&out, backtest_table_text(s->table, i, s->time_column));
		putc(',', out.file);
		backtest_output_text(&out, backtest_table_text(s->table, i, s->value_column));
		fprintf(out.file, ",%.6g,%d\n", s->score[i], s->alarm[i]);
	}
	return backtest_output_close(&out, true, error);
}

static void
print_head(void)
{
	printf("%-52s%9s%11s%8s%9s%8s%8s\n", "SERIES", "SAMPLES", "CADENCE s", "LEARN", "MISSING",
			"ALARMS", "A DAY");
}

static void
print_series(const struct series *s, const char *name, struct totals *t)
{
	double days = (double)s->rows * s->cadence_s / 86400;

	printf("%-52s%9zu%11.6g%8u%9zu%8zu%8.2f\n", name, s->rows, s->cadence_s, s->settings.learn,
			s->missing, s->alarms, days > 0 ? (double)s->alarms / days : 0);
	t->files++;
	t->rows += s->rows;
	t->alarms += s->alarms;
	t->days += days;
}

static int
plot_alarms(struct plot *p, const struct series *s)
{
	double *at = calloc(s->alarms ? s->alarms : 1, sizeof(*at));
	size_t n = 0, i;
	int rc;

	if (!at)
		return -ENOMEM;
	for (i = 0; i < s->rows; i++)
		if (s->alarm[i])
			at[n++] = s->seconds[i];
	rc = plot_series_add(p,
			&(struct plot_series){.kind = PLOT_MARKS,
					.colour = PLOT_RED,
					.label = "alarm",
					.count = n,
					.x = at});
	free(at);
	return rc;
}

static int
plot_values(struct plot *p, const struct series *s, const struct options *o, const char *name)
{
	double learn[2] = {s->rows ? s->seconds[0] : 0, 0};
	size_t last = s->settings.learn < s->rows ? s->settings.learn : s->rows;
	int rc;

	learn[1] = last ? s->seconds[last - 1] : 0;
	rc = plot_panel_add(p,
			&(struct plot_panel){.title = name,
					.x_label = "time (UTC)",
					.y_label = o->value,
					.x_time = true});
	if (!rc)
		rc = plot_series_add(p,
				&(struct plot_series){.kind = PLOT_SPANS,
						.colour = PLOT_GREY,
						.label = "learns",
						.count = s->rows ? 1 : 0,
						.low = &learn[0],
						.high = &learn[1]});
	if (!rc)
		rc = plot_alarms(p, s);
	if (!rc)
		rc = plot_series_add(p,
				&(struct plot_series){.kind = PLOT_LINE,
						.colour = PLOT_BLUE,
						.label = o->value,
						.count = s->rows,
						.x = s->seconds,
						.y = s->value});
	return rc;
}

static int
plot_score(struct plot *p, const struct series *s)
{
	double threshold = s->settings.alarm.threshold;
	int rc = plot_panel_add(p,
			&(struct plot_panel){.x_label = "time (UTC)",
					.y_label = "score (nats)",
					.x_time = true,
					.height = .6});

	if (!rc)
		rc = plot_series_add(p,
				&(struct plot_series){.kind = PLOT_LINE,
						.colour = PLOT_PURPLE,
						.label = "score",
						.count = s->rows,
						.x = s->seconds,
						.y = s->score});
	if (!rc)
		rc = plot_series_add(p,
				&(struct plot_series){.kind = PLOT_LEVEL,
						.colour = PLOT_BLACK,
						.label = "threshold when quiet",
						.count = 1,
						.y = &threshold});
	return rc;
}

/* Reads, judges, writes, draws and prints one series. */
static int
run_series(const struct options *o, const struct backtest_files *files, size_t at, struct plot *p,
		struct totals *t)
{
	struct series s = {0};
	struct backtest_error error;
	int rc = open_series(&s, o, files->input[at], &error);
	double begin = now_s();

	if (!rc) {
		backtest_tell_order(files->input[at], s.seconds, s.rows);
		detect(&s, o);
		t->spent_s += now_s() - begin;
		rc = o->output ? write_series(&s, o, files->name[at], &error) : 0;
	}
	if (rc) {
		backtest_failed(&error);
		t->failed++;
	} else {
		print_series(&s, files->name[at], t);
		if (p && at < PANELS_MAX)
			rc = plot_values(p, &s, o, files->name[at]);
		if (p && !rc && files->count == 1)
			rc = plot_score(p, &s);
	}
	close_series(&s);
	return rc;
}

static struct plot *
create_plot(const struct options *o, const struct backtest_files *files)
{
	if (!o->plot)
		return NULL;
	if (files->count == 1)
		return plot_create(1, 1300, 380);
	return plot_create(files->count < 3 ? files->count : 3, 640, 240);
}

static int
finish_plot(struct plot *p, const struct options *o, size_t files)
{
	int rc = plot_write(p, o->plot);

	plot_free(p);
	if (rc) {
		fprintf(stderr, "understudyctl: %s: cannot write: %s\n", o->plot, strerror(-rc));
		return 1;
	}
	if (files > PANELS_MAX)
		fprintf(stderr, "understudyctl: %s shows the first %d of %zu series\n", o->plot,
				PANELS_MAX, files);
	return 0;
}

static int
run(const struct options *o)
{
	struct backtest_files files;
	struct backtest_error error;
	struct totals t = {0};
	struct plot *p;
	size_t i;
	int status;

	if ((o->output && backtest_files_apart(o->input, o->output, &error)) ||
			backtest_files_list(&files, o->input, &error))
		return backtest_failed(&error);
	p = create_plot(o, &files);
	print_head();
	for (i = 0; i < files.count; i++)
		run_series(o, &files, i, p, &t);
	printf("%zu series, %zu samples, %zu alarms in %.1f days (%.2f a day), %.0f ns a sample\n",
			t.files, t.rows, t.alarms, t.days,
			t.days > 0 ? (double)t.alarms / t.days : 0,
			t.rows ? 1e9 * t.spent_s / (double)t.rows : 0);
	status = p ? finish_plot(p, o, files.count) : 0;
	backtest_files_free(&files);
	return t.failed ? 1 : status;
}

enum option_key {
	OPTION_PLOT = 0x100,
	OPTION_CADENCE,
	OPTION_LEARN,
	OPTION_VALUE,
	OPTION_TIME,
};

static double
positive(struct argp_state *state, const char *text, double most)
{
	double value;

	if (!backtest_number(text, &value) || !(value > 0 && value <= most))
		argp_error(state, "\"%s\" is not a number over 0 and up to %g", text, most);
	return value;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'i':
		o->input = arg;
		return 0;
	case 'o':
		o->output = arg;
		return 0;
	case OPTION_PLOT:
		o->plot = backtest_picture(state, arg);
		return 0;
	case OPTION_VALUE:
		o->value = arg;
		return 0;
	case OPTION_TIME:
		o->time = arg;
		return 0;
	case OPTION_CADENCE:
		o->cadence_s = positive(state, arg, 86400);
		return 0;
	case OPTION_LEARN:
		o->learn = (uint32_t)positive(state, arg, 1e6);
		return 0;
	case ARGP_KEY_END:
		if (!o->input || (!o->output && !o->plot))
			argp_error(state, "--input and one of --output and --plot are needed");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int
backtest_anomaly(int argc, char **argv)
{
	static const struct argp_option options[] = {
			{"input", 'i', "DIR|FILE", 0, "A series, or all *.csv below a directory",
					0},
			{"output", 'o', "DIR", 0,
					"Write timestamp,value,score,alarm here, by the same names",
					0},
			{"plot", OPTION_PLOT, "FILE.png", 0, "Draw the series and their alarms", 0},
			{"value", OPTION_VALUE, "COL", 0, "Column of the series (value)", 0},
			{"time", OPTION_TIME, "COL", 0, "Column of the time (timestamp)", 0},
			{"cadence", OPTION_CADENCE, "S", 0,
					"Seconds between samples (the median of the first rows)",
					0},
			{"learn", OPTION_LEARN, "N", 0,
					"Samples before the first alarm (15 % of the file, 750 at "
					"most)",
					0},
			{0}};
	static const struct argp argp = {.options = options,
			.parser = parse_option,
			.doc = "Finds what is strange in series, sample by sample, as the daemon "
			       "does."};
	struct options o = {.value = "value", .time = "timestamp"};

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return run(&o);
}
