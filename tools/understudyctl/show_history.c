/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "history_graph.h"
#include "history_names.h"
#include "table.h"
#include "units.h"

#define SINCE_USUAL_S 3600.0
#define ROWS_USUAL 60

/* What is asked for. */
struct asked {
	const char *service, *endpoint, *metric; /* "": all */
	char *owned; /* SERVICE of SERVICE/ENDPOINT */
	double from_ms, to_ms, step_s;
};

/* Seconds of "90s", "15m", "1h" or "7d"; NAN if it is none. */
static double
duration(const char *text)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
	char *end;
	double n = strtod(text, &end);
	size_t i;

	for (i = 0; end != text && n >= 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(end, units[i].unit))
			return n * units[i].s;
	}
	return NAN;
}

double
command_moment(const char *text, double now_ms)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
			"%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
	double ago = duration(text);
	struct tm tm;
	const char *end;
	size_t i;

	if (!isnan(ago))
		return now_ms - ago * 1000;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		memset(&tm, 0, sizeof(tm));
		tm.tm_isdst = -1;
		end = strptime(text, formats[i], &tm);
		if (end && !*end)
			return (double)mktime(&tm) * 1000;
	}
	return NAN;
}

static bool
take_names(const struct request *rq, struct asked *a)
{
	const char *slash = rq->arg_count ? strchr(rq->arg[0], '/') : NULL;
	int at = 0;

	a->service = rq->arg_count > 0 ? rq->arg[at++] : "";
	if (slash) {
		a->owned = strndup(rq->arg[0], (size_t)(slash - rq->arg[0]));
		a->service = a->owned ? a->owned : "";
		a->endpoint = slash + 1;
	} else {
		a->endpoint = at < rq->arg_count ? rq->arg[at++] : "";
	}
	a->metric = at < rq->arg_count ? rq->arg[at++] : "";
	return at == rq->arg_count;
}

static double
usual_step(const struct request *rq, double seconds)
{
	double n = rq->plot ? 2.0 * history_graph_columns() : ROWS_USUAL;

	return rq->csv || seconds < n ? 1 : ceil(seconds / n);
}

static enum client_result
take_times(const struct request *rq, struct asked *a)
{
	struct timespec t;
	double now_ms;

	clock_gettime(CLOCK_REALTIME, &t);
	now_ms = (double)t.tv_sec * 1000;
	a->to_ms = rq->until ? command_moment(rq->until, now_ms) : now_ms + 1000;
	a->from_ms = rq->since ? command_moment(rq->since, now_ms)
			       : a->to_ms - SINCE_USUAL_S * 1000;
	if (isnan(a->from_ms) || isnan(a->to_ms))
		return command_misused(
				"\"%s\" is no time; write how long ago (90s, 15m, 1h, 7d) or "
				"2026-11-21T04:00",
				isnan(a->from_ms) ? rq->since : rq->until);
	if (a->from_ms >= a->to_ms || a->from_ms < 0)
		return command_misused("the time ends before it begins");
	a->step_s = rq->step ? duration(rq->step) : usual_step(rq, (a->to_ms - a->from_ms) / 1000);
	if (isnan(a->step_s) || a->step_s < 1 || a->step_s > 86400)
		return command_misused("\"%s\" is no step; write 1s to 1d", rq->step);
	return CLIENT_OK;
}

static char *
add_names(char *path, const struct asked *a)
{
	if (*a->service)
		path = client_query(path, "service", a->service);
	if (*a->endpoint)
		path = client_query(path, "endpoint", a->endpoint);
	return *a->metric ? client_query(path, "metric", a->metric) : path;
}

static char *
points_path(const struct asked *a)
{
	char number[32];
	char *path = add_names(strdup("/v1/history"), a);

	snprintf(number, sizeof(number), "%.0f", a->from_ms);
	path = client_query(path, "from", number);
	snprintf(number, sizeof(number), "%.0f", a->to_ms);
	path = client_query(path, "to", number);
	snprintf(number, sizeof(number), "%.0f", floor(a->step_s));
	return client_query(path, "step", number);
}

/* [ms, mean, min, max, count], or [ms, value]. */
static struct graph_point
point_of(const json_t *row, double *count)
{
	struct graph_point p = {.ms = unit_number(json_array_get(row, 0)),
			.mean = unit_number(json_array_get(row, 1))};
	bool one = json_array_size(row) == 2;

	p.min = one ? p.mean : unit_number(json_array_get(row, 2));
	p.max = one ? p.mean : unit_number(json_array_get(row, 3));
	*count = one ? 1 : unit_number(json_array_get(row, 4));
	return p;
}

static const char *
stamp(double ms, const char *format, char *text, size_t size)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	text[0] = '\0';
	if (localtime_r(&seconds, &tm))
		strftime(text, size, format, &tm);
	return text;
}

static void
print_csv(const json_t *series)
{
	struct graph_point p;
	double count;
	char text[32];
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(series, "points"), i, row)
	{
		p = point_of(row, &count);
		printf("%s,%s,%s,%s,%.9g,%.9g,%.9g,%.0f\n",
				stamp(p.ms, "%F %T", text, sizeof(text)),
				command_text(series, "service"), command_text(series, "endpoint"),
				command_text(series, "metric"), p.mean, p.min, p.max, count);
	}
}

static void
print_table(const json_t *series)
{
	struct table *t = table_create("TIME|>MEAN|>MIN|>MAX|>SAMPLES");
	struct graph_point p;
	double count;
	char text[32];
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(series, "points"), i, row)
	{
		p = point_of(row, &count);
		table_add(t, stamp(p.ms, "%F %T", text, sizeof(text)));
		table_addf(t, "%.6g", p.mean);
		table_addf(t, "%.6g", p.min);
		table_addf(t, "%.6g", p.max);
		table_addf(t, "%.0f", count);
	}
	printf("%s/%s %s\n", command_text(series, "service"), command_text(series, "endpoint"),
			command_text(series, "metric"));
	table_print(t, stdout);
	table_free(t);
}

static void
print_graph(const json_t *series, const struct asked *a)
{
	const json_t *rows = json_object_get(series, "points");
	struct graph_point *p = calloc(json_array_size(rows) + 1, sizeof(*p));
	struct graph g = {.from_ms = a->from_ms,
			.to_ms = a->to_ms,
			.point = p,
			.columns = history_graph_columns()};
	char title[256];
	double count;
	json_t *row;
	size_t i;

	if (!p)
		return;
	json_array_foreach(rows, i, row) p[g.count++] = point_of(row, &count);
	snprintf(title, sizeof(title), "%s/%s %s", command_text(series, "service"),
			command_text(series, "endpoint"), command_text(series, "metric"));
	g.title = title;
	history_graph_print(&g, stdout);
	free(p);
}

static void
print_points(const struct request *rq, const struct asked *a, const json_t *reply)
{
	json_t *series;
	size_t i;

	if (rq->csv)
		puts("timestamp,service,endpoint,metric,value,min,max,count");
	json_array_foreach(json_object_get(reply, "series"), i, series)
	{
		if (rq->csv) {
			print_csv(series);
			continue;
		}
		if (i)
			putchar('\n');
		if (rq->plot)
			print_graph(series, a);
		else
			print_table(series);
	}
}

static void
print_list(const json_t *reply)
{
	const json_t *h = json_object_get(reply, "history");
	struct table *t = table_create("SERVICE|ENDPOINT|METRIC");
	char bytes[UNIT_TEXT];
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "series"), i, row)
	{
		table_add(t, command_text(row, "service"));
		table_add(t, command_text(row, "endpoint"));
		table_add(t, command_text(row, "metric"));
	}
	table_print(t, stdout);
	table_free(t);
	printf("%s%sB on disk; dropped %.0f, lost %.0f\n",
			json_is_true(json_object_get(h, "usable")) ? ""
								   : "NOT USABLE: see events; ",
			unit_count(command_number(h, "bytes_on_disk"), bytes),
			command_number(h, "dropped"), command_number(h, "lost"));
}

static enum client_result
refuse(const struct request *rq, const char *text)
{
	json_t *error;

	if (!rq->json) {
		fprintf(stderr, "understudyctl: %s\n", text);
		return CLIENT_REFUSED;
	}
	error = json_pack("{s:{s:s s:n s:n s:n}}", "error", "message", text, "field", "value",
			"hint");
	command_print_json(error);
	json_decref(error);
	return CLIENT_REFUSED;
}

/* The daemon takes a name that it does not know for a list that is empty. */
static enum client_result
check_names(const struct request *rq, const struct asked *a)
{
	const char *const name[HISTORY_NAMES] = {a->service, a->endpoint, a->metric};
	enum client_result rc;
	json_t *reply;
	char *wrong;

	rc = client_get(rq->client, "/v1/history", &reply);
	if (rc != CLIENT_OK)
		return command_failed(rq, rc);
	wrong = history_names_unknown_or_null(json_object_get(reply, "series"), name);
	if (wrong)
		rc = refuse(rq, wrong);
	free(wrong);
	json_decref(reply);
	return rc;
}

static enum client_result
fetch(struct request *rq, const struct asked *a, bool points)
{
	char *path = points ? points_path(a) : add_names(strdup("/v1/history"), a);
	enum client_result rc;
	json_t *reply;
	bool done;

	rc = command_get(rq, path, &reply, &done);
	free(path);
	if (rc != CLIENT_OK || done)
		return rc;
	if (points)
		print_points(rq, a, reply);
	else
		print_list(reply);
	json_decref(reply);
	return CLIENT_OK;
}

enum client_result
show_history(struct request *rq)
{
	struct asked a = {0};
	enum client_result rc = CLIENT_OK;
	bool points;

	if (!take_names(rq, &a))
		rc = command_misused("write SERVICE ENDPOINT METRIC or SERVICE/ENDPOINT METRIC");
	if (rc == CLIENT_OK && rq->csv && rq->plot)
		rc = command_misused("--csv and --plot: give one of them");
	points = *a.metric || rq->since || rq->until || rq->step || rq->csv || rq->plot;
	if (rc == CLIENT_OK && points)
		rc = take_times(rq, &a);
	if (rc == CLIENT_OK && rq->arg_count)
		rc = check_names(rq, &a);
	if (rc == CLIENT_OK)
		rc = fetch(rq, &a, points);
	free(a.owned);
	return rc;
}
