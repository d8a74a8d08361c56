/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "table.h"
#include "units.h"

#define RISK_WARN 0.2
#define RISK_BAD 0.5

static enum table_colour
risk_colour(double p)
{
	if (p >= RISK_BAD)
		return TABLE_BAD;
	return p >= RISK_WARN ? TABLE_WARN : TABLE_PLAIN;
}

/* 0.4 % and 99.7 % are news; 0 % and 100 % are promises that nobody made. */
static void
add_probability(struct table *t, const json_t *row, const char *horizon)
{
	double p = command_number(json_object_get(row, "probability"), horizon);
	char text[UNIT_TEXT];

	if (isnan(p))
		snprintf(text, sizeof(text), "-");
	else if (p < 0.001)
		snprintf(text, sizeof(text), "<0.1%%");
	else if (p > 0.99)
		snprintf(text, sizeof(text), ">99%%");
	else
		snprintf(text, sizeof(text), p < 0.1 ? "%.1f%%" : "%.0f%%", p * 100);
	table_add_coloured(t, risk_colour(p), text);
}

static bool
named(const json_t *row, const char *name)
{
	return !name || !strcmp(command_text(row, "endpoint"), name) ||
			!strcmp(command_text(row, "service"), name);
}

static void
add_row(struct table *t, const json_t *row)
{
	const char *state = command_text(row, "state");

	table_add(t, command_text(row, "service"));
	table_add(t, command_text(row, "endpoint"));
	table_add_coloured(t, !strcmp(state, "failing") ? TABLE_BAD : TABLE_PLAIN, state);
	add_probability(t, row, "30");
	add_probability(t, row, "60");
	add_probability(t, row, "300");
	table_add(t, command_text(row, "why"));
}

static void
print_rows(const json_t *rows, const char *name)
{
	struct table *t = table_create("SERVICE|ENDPOINT|STATE|>30s|>60s|>300s|WHY");
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (named(row, name))
			add_row(t, row);
	}
	table_print(t, stdout);
	table_free(t);
}

static void
print_reasons(const json_t *row)
{
	struct table *t = table_create(">LOG ODDS|REASON");
	const json_t *reasons = json_object_get(row, "reasons"), *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
	{
		table_addf(t, "%+.2f", command_number(reason, "weight"));
		table_add(t, command_text(reason, "text"));
	}
	if (table_rows(t))
		table_print(t, stdout);
	else
		puts("nothing speaks for a failure");
	table_free(t);
}

static void
add_value(struct table *t, const json_t *metric, const char *key)
{
	const char *unit = command_text(metric, "unit");
	double value = command_number(metric, key);
	char text[UNIT_TEXT];

	table_add(t, strcmp(unit, "us") ? unit_count(value, text) : unit_us(value, text));
}

static void
print_metrics(const json_t *row)
{
	struct table *t = table_create("METRIC|>NOW|>PEERS|>LIMIT|UNIT");
	const json_t *metrics = json_object_get(row, "metrics"), *metric;
	size_t i;

	json_array_foreach(metrics, i, metric)
	{
		table_add(t, command_text(metric, "metric"));
		add_value(t, metric, "value");
		add_value(t, metric, "peers");
		add_value(t, metric, "limit");
		table_add(t, command_text(metric, "unit"));
	}
	table_print(t, stdout);
	table_free(t);
}

static void
explain_row(const json_t *row)
{
	const json_t *risk = json_object_get(row, "probability");

	printf("%s/%s: %s", command_text(row, "service"), command_text(row, "endpoint"),
			command_text(row, "state"));
	if (!isnan(command_number(risk, "60")))
		printf("; fails within 30 s: %.2f %%, 60 s: %.2f %%, 300 s: %.2f %%",
				command_number(risk, "30") * 100, command_number(risk, "60") * 100,
				command_number(risk, "300") * 100);
	printf("; measured on its %s\n\n", command_text(row, "measured_on"));
	print_reasons(row);
	putchar('\n');
	print_metrics(row);
	putchar('\n');
}

/* Of the statements since the daemon's start whose outcome is known. */
static void
print_quality(const json_t *quality)
{
	struct table *t = table_create(">HORIZON|>STATEMENTS|>CAME TRUE|>BRIER|>SKILL|>ECE|"
				       ">PRECISION|>RECALL");
	const json_t *scores = json_object_get(quality, "statements"), *row;
	char text[UNIT_TEXT];
	size_t i;

	json_array_foreach(scores, i, row)
	{
		table_addf(t, "%.0fs", command_number(row, "horizon"));
		table_add(t, unit_count(command_number(row, "statements"), text));
		table_add(t, unit_count(command_number(row, "came_true"), text));
		table_add_figure(t, command_number(row, "brier"));
		table_add_figure(t, command_number(row, "skill"));
		table_add_figure(t, command_number(row, "calibration_error"));
		table_add_figure(t, command_number(row, "precision"));
		table_add_figure(t, command_number(row, "recall"));
	}
	table_print(t, stdout);
	table_free(t);
	printf("failures: %.0f, of which %.0f with an alarm before",
			command_number(quality, "failures"),
			command_number(quality, "failures_seen"));
	if (!isnan(command_number(quality, "lead_s_median")))
		printf(" (median lead %.0f s)", command_number(quality, "lead_s_median"));
	printf("; alarms: %.0f, of which %.0f came true within 60 s\n",
			command_number(quality, "alarms"), command_number(quality, "alarms_true"));
}

static size_t
count_named(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i, n = 0;

	json_array_foreach(rows, i, row) n += named(row, name);
	return n;
}

static void
print_explained(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (named(row, name))
			explain_row(row);
	}
}

/* SERVICE/ENDPOINT is asked for as such; a bare name may be either. */
static char *
path_of(const struct request *rq, const char **name)
{
	char *path = strdup("/v1/risk"), *service;
	const char *slash;

	*name = rq->arg_count ? rq->arg[0] : NULL;
	slash = *name ? strchr(*name, '/') : NULL;
	if (slash) {
		service = strndup(*name, (size_t)(slash - *name));
		path = client_query(path, "service", service);
		path = client_query(path, "endpoint", slash + 1);
		free(service);
		*name = NULL;
	}
	return rq->explain ? client_query(path, "explain", "1") : path;
}

enum client_result
show_risk(struct request *rq)
{
	enum client_result rc;
	const char *name;
	json_t *reply, *rows;
	char *path = path_of(rq, &name);
	bool done;

	rc = command_get(rq, path, &reply, &done);
	free(path);
	if (rc != CLIENT_OK || done)
		return rc;
	rows = json_object_get(reply, "endpoints");
	if (name && count_named(rows, name) == 0) {
		json_decref(reply);
		fprintf(stderr, "understudyctl: no service or endpoint \"%s\"\n", name);
		return CLIENT_REFUSED;
	}
	if (rq->explain)
		print_explained(rows, name);
	else
		print_rows(rows, name);
	if (!rq->arg_count) {
		putchar('\n');
		print_quality(json_object_get(reply, "quality"));
	}
	json_decref(reply);
	return CLIENT_OK;
}
