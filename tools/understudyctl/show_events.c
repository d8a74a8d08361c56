/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "table.h"

static enum table_colour
level_colour(const char *level)
{
	if (!strcmp(level, "error"))
		return TABLE_BAD;
	return !strcmp(level, "warning") ? TABLE_WARN : TABLE_PLAIN;
}

static void
print_event(const json_t *e)
{
	double ms = command_number(e, "time");
	time_t seconds = (time_t)(ms / 1000);
	const char *level = command_text(e, "level");
	char stamp[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(stamp, sizeof(stamp), "%F %T", &tm);
	printf("%s.%03d %s%-7s%s %s", stamp, (int)(ms - 1000.0 * (double)seconds),
			table_escape(level_colour(level), stdout), level,
			table_escape(TABLE_PLAIN, stdout), command_text(e, "kind"));
	if (*command_text(e, "service"))
		printf(" %s", command_text(e, "service"));
	if (*command_text(e, "endpoint"))
		printf("/%s", command_text(e, "endpoint"));
	printf(": %s\n", command_text(e, "text"));
}

/* Followed events are one line of JSON each, for programs that read a stream. */
static void
print_events(const struct request *rq, const json_t *reply)
{
	json_t *event;
	size_t i;

	if (rq->json && !rq->follow) {
		command_print_json(reply);
		return;
	}
	json_array_foreach(json_object_get(reply, "events"), i, event)
	{
		if (!rq->json) {
			print_event(event);
		} else {
			json_dumpf(event, stdout, JSON_COMPACT);
			putchar('\n');
		}
	}
	fflush(stdout);
}

static enum client_result
events_after(struct request *rq, double *last)
{
	enum client_result rc;
	char path[80];
	json_t *reply;

	snprintf(path, sizeof(path), "/v1/events?after=%.0f&wait=%d", *last,
			rq->follow && *last >= 0 ? 30 : 0);
	rc = client_get(rq->client, path, &reply);
	if (rc != CLIENT_OK)
		return command_failed(rq, rc);
	print_events(rq, reply);
	*last = command_number(reply, "last");
	json_decref(reply);
	return CLIENT_OK;
}

enum client_result
show_events(struct request *rq)
{
	enum client_result rc;
	double last = 0;

	do {
		rc = events_after(rq, &last);
	} while (rc == CLIENT_OK && rq->follow && !ferror(stdout));
	return rc;
}
