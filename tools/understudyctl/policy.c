/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "table.h"
#include "units.h"

#define FOLLOW_S 1
#define PAGE_DECISIONS 1000 /* some 2 MB */
#define DAY_S 86400.0

static void
print_stamp(double ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char stamp[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(stamp, sizeof(stamp), "%F %T", &tm);
	printf("%s.%03d ", stamp, (int)(ms - 1000.0 * (double)seconds));
}

static void
print_inputs(const json_t *inputs)
{
	const json_t *risk = json_object_get(inputs, "risk"),
		     *compared = json_object_get(inputs, "comparison"), *reason;
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT];
	size_t i;

	printf("    risk %s / %s / %s, shadow %s; ", unit_share(command_number(risk, "30s"), a),
			unit_share(command_number(risk, "60s"), b),
			unit_share(command_number(risk, "300s"), c),
			isnan(command_number(inputs, "shadow_risk")) ? "-" : "known");
	printf("%s requests/s; compared: %s over %.0f requests\n",
			unit_count(command_number(inputs, "requests_per_second"), a),
			command_text(compared, "verdict"), command_number(compared, "requests"));
	json_array_foreach(json_object_get(risk, "reasons"), i, reason)
			printf("    %s\n", json_string_value(reason));
}

static void
print_decision(const json_t *d)
{
	const char *outcome = command_text(d, "outcome");
	char was[UNIT_TEXT], now[UNIT_TEXT];

	print_stamp(command_number(d, "time"));
	printf("#%.0f %s/%s %s%s%s %s: %s -> %s, shift %s -> %s\n", command_number(d, "number"),
			command_text(d, "service"), command_text(d, "endpoint"),
			table_escape(!strcmp(outcome, "done") ? TABLE_GOOD : TABLE_WARN, stdout),
			outcome, table_escape(TABLE_PLAIN, stdout), command_text(d, "rung"),
			command_text(d, "state_was"), command_text(d, "state"),
			unit_share(command_number(d, "shift_was"), was),
			unit_share(command_number(d, "shift"), now));
	printf("    %s\n", command_text(d, "text"));
	print_inputs(json_object_get(d, "inputs"));
}

static void
print_decisions(const struct request *rq, const json_t *reply)
{
	json_t *d;
	size_t i;

	if (rq->json && !rq->follow) {
		command_print_json(reply);
		return;
	}
	json_array_foreach(json_object_get(reply, "decisions"), i, d)
	{
		if (!rq->json) {
			print_decision(d);
		} else {
			json_dumpf(d, stdout, JSON_COMPACT);
			putchar('\n');
		}
	}
	fflush(stdout);
}

/* "15m", "2h", "1d": so many seconds; NAN if it is none. */
static double
seconds_of(const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || !(n >= 0))
		return NAN;
	if (!strcmp(end, "s"))
		return n;
	if (!strcmp(end, "m"))
		return n * 60;
	if (!strcmp(end, "h"))
		return n * 3600;
	return strcmp(end, "d") ? NAN : n * DAY_S;
}

/* So long ago; 0 before 1970. */
static uint64_t
ms_ago(double seconds)
{
	double now = (double)time(NULL);

	return seconds < now ? (uint64_t)(now - seconds) * 1000 : 0;
}

static void
tell_missing(const json_t *reply)
{
	const char *history = command_text(reply, "history");

	if (!strcmp(history, "unreadable"))
		fputs("the history cannot be read: older decisions are missing (see `understudyctl "
		      "events`)\n",
				stderr);
	else if (!strcmp(history, "off"))
		fputs("no history is kept: decisions of before the start are missing\n", stderr);
}

static void
gather(json_t **all, json_t *reply)
{
	json_t *more = json_object_get(reply, "decisions");

	if (!*all) {
		*all = json_incref(reply);
		return;
	}
	json_array_extend(json_object_get(*all, "decisions"), more);
	json_object_set(*all, "last", json_object_get(reply, "last"));
	json_object_set(*all, "next", json_object_get(reply, "next"));
}

/* All since then, page by page: printed as they come, but for one JSON document. */
static enum client_result
decisions_since(struct request *rq, uint64_t since_ms, double *last)
{
	bool one_document = rq->json && !rq->follow, first = true, more;
	json_t *all = NULL, *reply;
	enum client_result rc;
	char path[160], page[64] = "";

	do {
		snprintf(path, sizeof(path), "/v1/decisions?since=%llu&limit=%u%s%s",
				(unsigned long long)since_ms, PAGE_DECISIONS, *page ? "&page=" : "",
				page);
		rc = client_get(rq->client, path, &reply);
		if (rc != CLIENT_OK)
			break;
		if (one_document)
			gather(&all, reply);
		else
			print_decisions(rq, reply);
		if (first)
			tell_missing(reply);
		first = false;
		more = json_is_string(json_object_get(reply, "next"));
		snprintf(page, sizeof(page), "%s", more ? command_text(reply, "next") : "");
		*last = command_number(reply, "last");
		json_decref(reply);
	} while (more && !ferror(stdout));
	if (rc == CLIENT_OK && one_document)
		command_print_json(all);
	json_decref(all);
	return rc;
}

static enum client_result
decisions_at(struct request *rq, const char *path, double *last)
{
	json_t *reply;
	enum client_result rc = client_get(rq->client, path, &reply);

	if (rc != CLIENT_OK)
		return rc;
	print_decisions(rq, reply);
	*last = command_number(reply, "last");
	json_decref(reply);
	return CLIENT_OK;
}

enum client_result
show_decisions(struct request *rq)
{
	double last = 0, since = rq->since ? seconds_of(rq->since) : 0;
	enum client_result rc;
	char path[80];

	if (isnan(since))
		return command_misused("\"%s\" is no duration; write 15m, 2h or 1d", rq->since);
	rc = rq->since ? decisions_since(rq, ms_ago(since), &last)
		       : decisions_at(rq, "/v1/decisions", &last);
	while (rc == CLIENT_OK && rq->follow && !ferror(stdout)) {
		sleep(FOLLOW_S);
		snprintf(path, sizeof(path), "/v1/decisions?after=%.0f", last);
		rc = decisions_at(rq, path, &last);
	}
	return rc == CLIENT_OK ? rc : command_failed(rq, rc);
}

static void
add_row(struct table *t, const json_t *row)
{
	char text[UNIT_TEXT];
	double asked = command_number(row, "asked");

	table_add(t, command_text(row, "service"));
	table_add(t, command_text(row, "endpoint"));
	table_add(t, command_text(row, "shadow"));
	table_addf(t, "%s%s", command_text(row, "mode"),
			!strcmp(command_text(row, "mode_source"), "file") ? "" : "*");
	table_add(t,
			json_is_true(json_object_get(row, "hold")) ? "held"
								   : command_text(row, "state"));
	table_add(t, unit_share(command_number(row, "shift"), text));
	table_add(t,
			isnan(command_number(row, "risk"))
					? "-"
					: unit_share(command_number(row, "risk"), text));
	table_add(t, command_text(json_object_get(row, "comparison"), "verdict"));
	if (asked > 0)
		table_addf(t, "awaits approval (#%.0f)", asked);
	else
		table_add(t, command_text(row, "text"));
}

/* Rules that cannot hold, since what they are about never came. */
static void
print_unseen(const json_t *row)
{
	json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(row, "rules"), i, rule)
	{
		if (json_is_true(json_object_get(rule, "never_seen")))
			printf("%s/%s: rule \"%s\" has never seen its metric\n",
					command_text(row, "service"), command_text(row, "endpoint"),
					command_text(rule, "rule"));
	}
}

static void
print_policy(const json_t *reply)
{
	struct table *t = table_create("SERVICE|ENDPOINT|SHADOW|MODE|STATE|>SHIFT|>RISK|"
				       "SHADOW IS|WHY");
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(reply, "policy"), i, row) add_row(t, row);
	table_print(t, stdout);
	table_free(t);
	json_array_foreach(json_object_get(reply, "policy"), i, row) print_unseen(row);
}

static enum client_result
order(struct request *rq, const char *path, json_t *body)
{
	enum client_result rc;
	json_t *reply;
	bool done;

	rc = command_post(rq, path, body, &reply, &done);
	if (rc != CLIENT_OK || done)
		return rc;
	print_policy(reply);
	json_decref(reply);
	return CLIENT_OK;
}

static json_t *
names_body(const char *service, const char *endpoint_or_null)
{
	const char *slash = strchr(service, '/');

	if (endpoint_or_null)
		return json_pack("{s:s s:s}", "service", service, "endpoint", endpoint_or_null);
	if (slash)
		return json_pack("{s:s% s:s}", "service", service, (size_t)(slash - service),
				"endpoint", slash + 1);
	return json_pack("{s:s}", "service", service);
}

/* The last word is the order, if it is one. */
static bool
add_order(json_t *body, const char *word)
{
	static const char *const modes[] = {"observe", "advise", "act", "file"};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(word, modes[i]))
			return json_object_set_new(body, "mode", json_string(word)) == 0;
	}
	if (!strcmp(word, "hold"))
		return json_object_set_new(body, "hold", json_true()) == 0;
	if (!strcmp(word, "release"))
		return json_object_set_new(body, "hold", json_false()) == 0;
	return false;
}

enum client_result
change_policy(struct request *rq)
{
	enum client_result rc;
	json_t *body, *reply;
	bool done;

	if (rq->arg_count < 2) {
		rc = command_get(rq, "/v1/policy", &reply, &done);
		if (rc != CLIENT_OK || done)
			return rc;
		print_policy(reply);
		json_decref(reply);
		return rc;
	}
	body = names_body(rq->arg[0], rq->arg_count == 3 ? rq->arg[1] : NULL);
	if (add_order(body, rq->arg[rq->arg_count - 1]))
		return order(rq, "/v1/policy", body);
	json_decref(body);
	return command_misused("\"%s\" is no order; write observe, advise, act, file, hold or "
			       "release",
			rq->arg[rq->arg_count - 1]);
}

enum client_result
change_approve(struct request *rq)
{
	char *end;
	unsigned long long number = strtoull(rq->arg[0], &end, 10);

	if (rq->arg_count == 1 && *rq->arg[0] && !*end)
		return order(rq, "/v1/approve", json_pack("{s:I}", "number", (json_int_t)number));
	if (rq->arg_count == 1 && !strchr(rq->arg[0], '/'))
		return command_misused("name the decision by its number, or the endpoint as "
				       "SERVICE ENDPOINT or SERVICE/ENDPOINT");
	return order(rq, "/v1/approve",
			names_body(rq->arg[0], rq->arg_count == 2 ? rq->arg[1] : NULL));
}
