/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "table.h"
#include "units.h"

#define GRAPH_MAX 80 /* columns */

static double
element(const json_t *array, size_t i)
{
	return unit_number(json_array_get(array, i));
}

/* The rows of `ahead` nearest to what the table shows. */
static const json_t *
ahead_of(const json_t *row, double seconds)
{
	const json_t *ahead = json_object_get(row, "ahead"), *at, *best = NULL;
	size_t i;

	json_array_foreach(ahead, i, at)
	{
		if (command_number(at, "seconds") <= seconds)
			best = at;
	}
	return best;
}

static void
add_load(struct table *t, double load)
{
	char text[UNIT_TEXT];

	table_add(t, unit_count(load, text));
}

static void
add_interval(struct table *t, const json_t *row, double seconds)
{
	const json_t *ahead = ahead_of(row, seconds);
	double median = ahead ? command_number(ahead, "q50") : NAN;
	char low[UNIT_TEXT], high[UNIT_TEXT];

	add_load(t, median);
	if (isnan(median))
		table_add(t, "-");
	else
		table_addf(t, "%s-%s", unit_count(command_number(ahead, "q10"), low),
				unit_count(command_number(ahead, "q90"), high));
}

static void
print_rows(const json_t *rows)
{
	struct table *t = table_create("SERVICE|ENDPOINT|LOAD|>NOW|>IN 1m|>80%|>IN 5m|>80%|"
				       ">IN 1h|>80%|>OF CAPACITY");
	const json_t *row;
	char text[UNIT_TEXT];
	size_t i;

	json_array_foreach(rows, i, row)
	{
		table_add(t, command_text(row, "service"));
		table_add(t,
				json_is_string(json_object_get(row, "endpoint"))
						? command_text(row, "endpoint")
						: "*");
		table_addf(t, "%s/s", command_text(row, "load"));
		add_load(t, command_number(row, "now"));
		add_interval(t, row, 60);
		add_interval(t, row, 300);
		add_interval(t, row, 3600);
		table_add(t, unit_share(command_number(row, "share_of_capacity"), text));
	}
	table_print(t, stdout);
	table_free(t);
}

static void
add_statement(struct table *t, const json_t *row, const json_t *s)
{
	double p = command_number(s, "probability");
	bool holds = json_is_true(json_object_get(s, "holds"));
	char text[UNIT_TEXT];

	table_add(t, command_text(row, "service"));
	table_add_coloured(t, holds ? TABLE_WARN : TABLE_PLAIN, command_text(s, "statement"));
	if (isnan(p))
		table_add(t, "-");
	else
		table_addf(t, "%.0f%%", 100 * p);
	table_add(t, holds ? "yes" : "no");
	table_add(t, unit_count(command_number(s, "statements"), text));
	table_add(t, unit_count(command_number(s, "came_true"), text));
	table_add_figure(t, command_number(s, "calibration_error"));
	table_add_figure(t, command_number(s, "skill"));
	table_add_figure(t, command_number(s, "precision"));
	table_add_figure(t, command_number(s, "recall"));
}

static void
print_statements(const json_t *rows)
{
	struct table *t = table_create("SERVICE|STATEMENT|>NOW|HOLDS|>SAID|>CAME TRUE|>ECE|>SKILL|"
				       ">PRECISION|>RECALL");
	const json_t *row, *s;
	size_t i, k;

	json_array_foreach(rows, i, row)
	{
		json_array_foreach(json_object_get(row, "statements"), k, s)
				add_statement(t, row, s);
	}
	if (table_rows(t)) {
		putchar('\n');
		table_print(t, stdout);
	}
	table_free(t);
}

static void
put_bar(double value, double most)
{
	static const char *const bar[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	int height = isnan(value) || !(most > 0) ? 0 : (int)(8 * value / most + 0.5);

	fputs(bar[height < 0 ? 0 : height > 8 ? 8 : height], stdout);
}

/* What was, and what comes: bars side by side on one scale, the latest in the middle. */
static void
print_graph(const json_t *row)
{
	const json_t *recent = json_object_get(row, "recent"), *ahead, *at;
	size_t i, n = json_array_size(recent);
	double most = 0;
	char text[UNIT_TEXT];

	ahead = json_object_get(row, "ahead");
	for (i = 0; i < n; i++)
		most = fmax(most, element(recent, i));
	json_array_foreach(ahead, i, at) most = fmax(most, command_number(at, "q50"));
	if (n < 2 || !(most > 0))
		return;
	putchar('\n');
	for (i = n > GRAPH_MAX ? n - GRAPH_MAX : 0; i < n; i++)
		put_bar(element(recent, i), most);
	fputs(" | ", stdout);
	json_array_foreach(ahead, i, at) put_bar(command_number(at, "q50"), most);
	printf("  up to %s/s; the last %zu intervals of %.0f s | ahead:", unit_count(most, text), n,
			command_number(row, "interval"));
	json_array_foreach(ahead, i, at)
			printf(" %s", unit_age(command_number(at, "seconds"), text));
	putchar('\n');
}

static void
print_events(const json_t *events)
{
	const json_t *name;
	size_t i;

	json_array_foreach(events, i, name) printf(
			"%s%s", i ? ", " : "\nnow by the calendar: ", json_string_value(name));
	if (json_array_size(events))
		putchar('\n');
}

/* A service's, or an endpoint's, given as two words or with a slash. */
static char *
path_of(const struct request *rq)
{
	const char *slash = rq->arg_count ? strchr(rq->arg[0], '/') : NULL;
	char *path = strdup("/v1/forecast"), *service;

	if (!rq->arg_count)
		return path;
	service = slash ? strndup(rq->arg[0], (size_t)(slash - rq->arg[0])) : strdup(rq->arg[0]);
	path = client_query(path, "service", service);
	free(service);
	if (slash || rq->arg_count > 1)
		path = client_query(path, "endpoint", slash ? slash + 1 : rq->arg[1]);
	return path;
}

enum client_result
show_forecast(struct request *rq)
{
	char *path = path_of(rq);
	enum client_result rc;
	const json_t *rows;
	json_t *reply;
	bool done;

	rc = command_get(rq, path, &reply, &done);
	free(path);
	if (rc != CLIENT_OK || done)
		return rc;
	rows = json_object_get(reply, "forecasts");
	print_rows(rows);
	print_statements(rows);
	if (rq->arg_count)
		print_graph(json_array_get(rows, 0));
	print_events(json_object_get(reply, "events"));
	json_decref(reply);
	return CLIENT_OK;
}
