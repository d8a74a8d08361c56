/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add_value(struct table *t, const json_t *row, const char *key)
{
	double value = command_number(row, key);

	if (isnan(value))
		table_add_coloured(t, TABLE_DIM, "-");
	else
		table_addf(t, "%.6g", value);
}

static void
print_metrics(const json_t *endpoints)
{
	struct table *t = table_create("SERVICE|ENDPOINT|METRIC|>TRAFFIC|>COPIES|UNIT|>LIMIT|FROM");
	const json_t *row, *metric;
	size_t i, k;

	json_array_foreach(endpoints, i, row)
	{
		json_array_foreach(json_object_get(row, "metrics"), k, metric)
		{
			table_add(t, command_text(row, "service"));
			table_add(t, command_text(row, "endpoint"));
			table_add(t, command_text(metric, "metric"));
			add_value(t, metric, "traffic");
			add_value(t, metric, "copies");
			table_add(t, command_text(metric, "unit"));
			add_value(t, metric, "limit");
			table_add(t,
					json_is_true(json_object_get(metric, "scraped"))
							? "scrape"
							: "packets");
		}
	}
	table_print(t, stdout);
	table_free(t);
}

static enum table_colour
scrape_colour(const char *state)
{
	if (strcmp(state, "ok") == 0)
		return TABLE_GOOD;
	return strcmp(state, "pending") == 0 ? TABLE_DIM : TABLE_BAD;
}

static double
failures(const json_t *scrape)
{
	json_t *counts = json_object_get(scrape, "counts"), *value;
	const char *key;
	double sum = 0;

	json_object_foreach(counts, key, value)
	{
		if (strcmp(key, "ok") != 0)
			sum += json_number_value(value);
	}
	return sum;
}

static void
print_scrapes(const json_t *endpoints)
{
	struct table *t = table_create("ENDPOINT|URL|SCRAPE|>AGE|>TOOK|>BYTES|>FAILED|REASON");
	const json_t *row, *scrape;
	size_t i, k;

	json_array_foreach(endpoints, i, row)
	{
		json_array_foreach(json_object_get(row, "scrapes"), k, scrape)
		{
			table_add(t, command_text(row, "endpoint"));
			table_add(t, command_text(scrape, "url"));
			table_add_coloured(t, scrape_colour(command_text(scrape, "state")),
					command_text(scrape, "state"));
			if (isnan(command_number(scrape, "age_ms")))
				table_add(t, "-");
			else
				table_addf(t, "%.1f s", command_number(scrape, "age_ms") / 1000);
			table_addf(t, "%.0f ms", command_number(scrape, "took_ms"));
			table_addf(t, "%.0f", command_number(scrape, "bytes"));
			table_addf(t, "%.0f", failures(scrape));
			table_add(t, command_text(scrape, "reason"));
		}
	}
	if (table_rows(t)) {
		putchar('\n');
		table_print(t, stdout);
	}
	table_free(t);
}

static void
print_outside(const json_t *feeds)
{
	struct table *t = table_create("FEED|STATE|PLACE|FACTOR|>SEVERITY|REASON");
	const json_t *feed, *factor;
	size_t i, k;

	json_array_foreach(feeds, i, feed)
	{
		table_add(t, command_text(feed, "url"));
		table_add(t, command_text(feed, "state"));
		table_add(t, "");
		table_add(t, "");
		table_add(t, "");
		table_add(t, command_text(feed, "reason"));
		json_array_foreach(json_object_get(feed, "factors"), k, factor)
		{
			table_add(t, "");
			table_add(t, "");
			table_add(t,
					command_text(factor,
							json_object_get(factor, "zone")
									? "zone"
									: "region"));
			table_add(t, command_text(factor, "factor"));
			table_addf(t, "%.2f", command_number(factor, "severity"));
			table_add(t, "");
		}
	}
	if (table_rows(t)) {
		putchar('\n');
		table_print(t, stdout);
	}
	table_free(t);
}

/* SERVICE, SERVICE ENDPOINT or SERVICE/ENDPOINT. */
static char *
path_of(const struct request *rq)
{
	const char *slash = rq->arg_count ? strchr(rq->arg[0], '/') : NULL;
	const char *endpoint = slash ? slash + 1 : rq->arg_count > 1 ? rq->arg[1] : NULL;
	char *path = strdup("/v1/measurements"), *service;

	if (!rq->arg_count)
		return path;
	service = slash ? strndup(rq->arg[0], (size_t)(slash - rq->arg[0])) : strdup(rq->arg[0]);
	path = client_query(path, "service", service);
	free(service);
	return endpoint ? client_query(path, "endpoint", endpoint) : path;
}

enum client_result
show_measurements(struct request *rq)
{
	char *path = path_of(rq);
	enum client_result rc;
	json_t *reply;
	bool done;

	rc = command_get(rq, path, &reply, &done);
	free(path);
	if (rc != CLIENT_OK || done)
		return rc;
	print_metrics(json_object_get(reply, "endpoints"));
	print_scrapes(json_object_get(reply, "endpoints"));
	print_outside(json_object_get(reply, "outside"));
	json_decref(reply);
	return CLIENT_OK;
}
