/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_risk.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backtest.h"
#include "backtest_output.h"

#define CAP 125.0 /* of C-MAPSS in the literature, where nothing is known of the fleet */
#define HORIZONS_MAX 16
#define NAME_SIZE 32 /* bytes, of a column */
#define HORIZON_SHARES 0.08, 0.24, 0.48 /* of the cap, where none are given: 10, 30 and 60 of 125 */
#define BEGIN_SHARE 0.08 /* of the cap: the shortest span that a level is seen over */
#define CAP_SHORT 0.2 /* of the typical life: below it nearly every forecast is the cap */
#define CAP_LONG 3.0 /* typical lives: hardly a unit gets so old */

struct request {
	const char *train, *test, *unit, *time, *output, *plot;
	double cap, horizon[HORIZONS_MAX];
	size_t horizons;
};

static double
positive(struct argp_state *state, const char *option, const char *text)
{
	double value;

	if (!backtest_number(text, &value) || !(value > 0) || !isfinite(value))
		argp_error(state, "--%s: \"%s\" is not a number above 0", option, text);
	return value;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the output, for people too: what prints alike is one horizon. */
static void
name_column(double horizon, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "p_%g", horizon);
}

static void
sort_horizons(struct argp_state *state, struct request *q)
{
	char name[NAME_SIZE], before[NAME_SIZE];
	size_t i;

	qsort(q->horizon, q->horizons, sizeof(q->horizon[0]), by_size);
	for (i = 1; i < q->horizons; i++) {
		name_column(q->horizon[i - 1], before);
		name_column(q->horizon[i], name);
		if (!strcmp(name, before))
			argp_error(state, "--horizon: %g is given twice", q->horizon[i]);
	}
}

static void
parse_horizons(struct argp_state *state, struct request *q, char *list)
{
	char *item;

	q->horizons = 0;
	while ((item = strsep(&list, ","))) {
		if (q->horizons == HORIZONS_MAX)
			argp_error(state, "--horizon: at most %d", HORIZONS_MAX);
		if (!item[strspn(item, " ")])
			argp_error(state, "--horizon: an item is empty; write 10,30,60");
		q->horizon[q->horizons++] = positive(state, "horizon", item);
	}
	sort_horizons(state, q);
}

static void
finish_request(struct argp_state *state, struct request *q)
{
	static const double share[] = {HORIZON_SHARES};
	size_t i;

	if (!q->train || !q->test || !q->unit || !q->time)
		argp_error(state, "--train, --test, --unit and --time are needed");
	if (!q->horizons)
		for (i = 0; i < sizeof(share) / sizeof(share[0]); i++)
			q->horizon[q->horizons++] = share[i] * q->cap;
	for (i = 0; i < q->horizons; i++)
		if (q->horizon[i] > q->cap)
			argp_error(state,
					"--horizon: %g is beyond --cap %g, where nothing is told "
					"apart",
					q->horizon[i], q->cap);
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct request *q = state->input;

	switch (key) {
	case 't':
		q->train = arg;
		return 0;
	case 'T':
		q->test = arg;
		return 0;
	case 'u':
		q->unit = arg;
		return 0;
	case 'c':
		q->time = arg;
		return 0;
	case 'o':
		q->output = arg;
		return 0;
	case 'p':
		q->plot = backtest_picture(state, arg);
		return 0;
	case 'C':
		q->cap = positive(state, "cap", arg);
		return 0;
	case 'H':
		parse_horizons(state, q, arg);
		return 0;
	case ARGP_KEY_END:
		finish_request(state, q);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
		{"train", 't', "FILE", 0, "Units that ran until they failed: each one's last row",
				0},
		{"test", 'T', "FILE", 0,
				"Units to tell the remaining life of, at each one's last row", 0},
		{"unit", 'u', "COL", 0, "Column that names the unit", 0},
		{"time", 'c', "COL", 0,
				"Column of the time, in any unit, or dates (then in seconds)", 0},
		{"cap", 'C', "N", 0, "Longest remaining life that is told, in units of time (125)",
				0},
		{"horizon", 'H', "N[,N]", 0,
				"Horizons of the probabilities (8, 24 and 48 % of the cap)", 0},
		{"output", 'o', "FILE", 0, "CSV of the forecasts (standard output)", 0},
		{"plot", 'p', "FILE.png", 0, "Draw the forecasts", 0}, {0}};

struct run {
	struct request request;
	struct backtest_table *train_table, *test_table;
	struct backtest_fleet_columns columns;
	struct backtest_fleet train, test;
	struct life *life;
	struct life_forecast *forecast;
	FILE *summary;
	struct backtest_error error;
};

static void
run_close(struct run *r)
{
	backtest_fleet_fini(&r->train);
	backtest_fleet_fini(&r->test);
	backtest_fleet_columns_fini(&r->columns);
	backtest_table_free(r->train_table);
	backtest_table_free(r->test_table);
	life_free(r->life);
	free(r->forecast);
}

static int
refused(struct run *r, int number)
{
	if (number == -ENOMEM)
		snprintf(r->error.text, sizeof(r->error.text), "out of memory");
	else
		snprintf(r->error.text, sizeof(r->error.text),
				"%s: %zu units and %zu rows; needs at least %d units that failed, "
				"and at most %u rows",
				r->request.train, r->train.fleet.count, r->train.rows,
				LIFE_UNITS_MIN, LIFE_ROWS_MAX);
	return number;
}

static int
run_read(struct run *r)
{
	const struct request *q = &r->request;

	if (backtest_table_read(q->train, BACKTEST_DETECT, &r->train_table, &r->error) ||
			backtest_table_read(q->test, BACKTEST_DETECT, &r->test_table, &r->error))
		return -EINVAL;
	if (backtest_fleet_columns_take(&r->columns, r->train_table, &r->error) ||
			backtest_fleet_read(&r->train, r->train_table, &r->columns, &r->error) ||
			backtest_fleet_read(&r->test, r->test_table, &r->columns, &r->error))
		return -EINVAL;
	if (r->test.rows)
		return 0;
	snprintf(r->error.text, sizeof(r->error.text), "%s: no rows", q->test);
	return -EINVAL;
}

static int
run_learn(struct run *r)
{
	const struct life_fleet *test = &r->test.fleet;
	size_t i;
	int rc = life_train(&r->train.fleet, r->request.cap, &r->life);

	r->forecast = rc ? NULL : malloc(test->count * sizeof(*r->forecast));
	if (!rc && !r->forecast)
		rc = -ENOMEM;
	for (i = 0; i < test->count && !rc; i++)
		rc = life_follow(r->life, &test->unit[i], test->unit[i].rows - 1, &r->forecast[i]);
	return rc ? refused(r, rc) : 0;
}

static void
write_row(const struct run *r, struct backtest_output *o, size_t i)
{
	const struct life_unit *u = &r->test.fleet.unit[i];
	const struct life_forecast *f = &r->forecast[i];
	size_t h;

	backtest_output_text(o, r->test.name[i]);
	fputc(',', o->file);
	backtest_output_number(o, u->time[u->rows - 1]);
	for (h = 0; h < r->request.horizons; h++)
		fprintf(o->file, ",%.5f", life_probability(f, r->request.horizon[h]));
	fprintf(o->file, ",%.6g,%.6g,%.6g\n", f->median, f->low, f->high);
}

static void
write_rows(const struct run *r, struct backtest_output *o)
{
	char name[NAME_SIZE];
	size_t i;

	fputs("unit,time", o->file);
	for (i = 0; i < r->request.horizons; i++) {
		name_column(r->request.horizon[i], name);
		fprintf(o->file, ",%s", name);
	}
	fputs(",median,low,high\n", o->file);
	for (i = 0; i < r->test.fleet.count; i++)
		write_row(r, o, i);
}

static int
run_write(struct run *r)
{
	struct backtest_output o = {.file = stdout};

	if (!r->request.output) {
		write_rows(r, &o);
		return 0;
	}
	if (backtest_output_open(&o, r->request.output, &r->error))
		return -EIO;
	write_rows(r, &o);
	return backtest_output_close(&o, true, &r->error);
}

static size_t
strangers(const struct run *r, const struct life_fleet *fleet)
{
	size_t u, rows = 0;

	for (u = 0; u < fleet->count; u++)
		rows += life_strangers(r->life, &fleet->unit[u]);
	return rows;
}

static void
print_conditions(const struct run *r, const struct life_quality *q)
{
	size_t k, train = strangers(r, &r->train.fleet), test = strangers(r, &r->test.fleet);

	fprintf(r->summary, "%zu operating conditions", q->conditions);
	for (k = 0; k < q->axes; k++)
		fprintf(r->summary, " %s %s", k ? "and" : "by", r->columns.name[q->axis[k]]);
	fputc('\n', r->summary);
	if (train || test)
		fprintf(r->summary,
				"rows in none of them: %zu in training, %zu in test; the last "
				"known values held\n",
				train, test);
}

static void
print_cap(const struct run *r, double typical_life)
{
	if (r->request.cap < CAP_SHORT * typical_life)
		fprintf(r->summary,
				"the cap is short against the lives: most forecasts will say \"%g "
				"or more\"; see --cap\n",
				r->request.cap);
	if (r->request.cap > CAP_LONG * typical_life)
		fprintf(r->summary,
				"the cap is long against the lives: it bounds nothing, and "
				"horizons "
				"that are shares of it say nothing; see --cap\n");
}

static void
print_training(const struct run *r)
{
	struct life_quality q;

	life_quality(r->life, &q);
	fprintf(r->summary,
			"learnt from %zu units, %zu rows: %zu of %zu columns vary, in %zu "
			"channels; typical life "
			"%g, cap %g\n",
			q.units, q.rows, q.columns_used, r->columns.count, q.channels,
			q.typical_life, r->request.cap);
	fprintf(r->summary,
			"held-out units: RMSE %.2f, 80 %% intervals hold %.1f %%, mean width "
			"%.2f\n",
			q.rmse, 100 * q.coverage, q.width);
	if (r->columns.words)
		fprintf(r->summary, "columns left out because they hold no numbers: %zu\n",
				r->columns.words);
	if (q.conditions)
		print_conditions(r, &q);
	if (r->train.gaps || r->test.gaps)
		fprintf(r->summary,
				"cells without a value: %zu in training, %zu in test; the last "
				"known value held\n",
				r->train.gaps, r->test.gaps);
	print_cap(r, q.typical_life);
}

/* Units of the test whose first rows are missing, where time is an age: all of the training begin alike. */
static size_t
beheaded(const struct run *r)
{
	const struct life_fleet *train = &r->train.fleet, *test = &r->test.fleet;
	double least = train->unit[0].time[0], most = least, allowed = BEGIN_SHARE * r->request.cap;
	size_t count = 0, i;

	for (i = 1; i < train->count; i++) {
		least = fmin(least, train->unit[i].time[0]);
		most = fmax(most, train->unit[i].time[0]);
	}
	for (i = 0; i < test->count && most - least <= allowed; i++)
		count += test->unit[i].time[0] > most + allowed;
	return count;
}

static size_t
soonest(const struct run *r)
{
	size_t best = 0, i;

	for (i = 1; i < r->test.fleet.count; i++)
		if (r->forecast[i].median < r->forecast[best].median)
			best = i;
	return best;
}

static void
print_forecasts(const struct run *r)
{
	const struct life_forecast *first = &r->forecast[soonest(r)];
	size_t i, h, late = beheaded(r);

	if (late)
		fprintf(r->summary,
				"%zu of %zu units begin later than all in training: a forecast "
				"takes "
				"them for younger than they are, and its interval is too sure of "
				"it; "
				"give their first rows, too\n",
				late, r->test.fleet.count);
	fprintf(r->summary, "%zu units told;", r->test.fleet.count);
	for (h = 0; h < r->request.horizons; h++) {
		double expected = 0;

		for (i = 0; i < r->test.fleet.count; i++)
			expected += life_probability(&r->forecast[i], r->request.horizon[h]);
		fprintf(r->summary, "%s %.1f within %g", h ? "," : " failures expected:", expected,
				r->request.horizon[h]);
	}
	fprintf(r->summary, "\nsoonest: unit %s, median %.4g (80 %%: %.4g to %.4g)\n",
			r->test.name[soonest(r)], first->median, first->low, first->high);
}

static int
run_all(struct run *r)
{
	struct backtest_risk view;

	if (run_read(r) || run_learn(r) || run_write(r))
		return backtest_failed(&r->error);
	print_training(r);
	print_forecasts(r);
	view = (struct backtest_risk){r->life, &r->test, r->request.time, r->forecast};
	if (r->request.plot && backtest_risk_plot(&view, r->request.plot, &r->error))
		return backtest_failed(&r->error);
	return 0;
}

int
backtest_risk(int argc, char **argv)
{
	static const struct argp argp = {.options = options,
			.parser = parse_option,
			.doc = "Learns from units that ran until they failed, and tells of others "
			       "the "
			       "probability of failure and the remaining life.\v"
			       "FILE: CSV with a header, or numbers separated by blanks (C-MAPSS: "
			       "unit, cycle, "
			       "setting_1 to _3, sensor_1 to _21)."};
	struct run r = {.request = {.cap = CAP}};
	int status;

	if (argp_parse(&argp, argc, argv, 0, NULL, &r.request))
		return 2;
	r.columns.unit = r.request.unit;
	r.columns.time = r.request.time;
	r.summary = r.request.output ? stdout : stderr;
	status = run_all(&r);
	run_close(&r);
	return status;
}
