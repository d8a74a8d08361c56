/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "table.h"
#include "units.h"

static void
line(const char *name)
{
	printf("%s%-9s%s ", table_escape(TABLE_DIM, stdout), name,
			table_escape(TABLE_PLAIN, stdout));
}

static void
print_draw(const json_t *r)
{
	const json_t *d = json_object_get(r, "draw");
	char a[UNIT_TEXT], b[UNIT_TEXT];

	if (!json_is_object(d))
		return;
	line("shift");
	printf("%s; this flow's draw is %s: shifted when the shift is above it\n",
			unit_share(command_number(d, "shift"), a),
			unit_share(command_number(d, "shift_draw"), b));
	line("mirror");
	printf("%s; this flow's draw is %s: %s\n", unit_share(command_number(d, "mirror"), a),
			unit_share(command_number(d, "mirror_draw"), b),
			json_is_true(json_object_get(d, "mirrored")) ? "mirrored" : "not mirrored");
}

static void
print_cohort(const json_t *r)
{
	const json_t *c = json_object_get(r, "cohort");

	if (!json_is_object(c))
		return;
	line("cohort");
	printf("rule %.0f, %s\n", command_number(c, "rule"), command_text(c, "source"));
}

static void
print_flow(const json_t *r)
{
	const json_t *f = json_object_get(r, "flow");
	char a[UNIT_TEXT], b[UNIT_TEXT];

	line("flow");
	if (!json_is_object(f)) {
		printf("none live: the above is where a new one would go\n");
		return;
	}
	printf("live on %s (%s), %s, age %s, idle %s%s\n", command_text(f, "endpoint"),
			command_text(f, "side"), command_text(f, "state"),
			unit_age(command_number(f, "age_ms") / 1000, a),
			unit_age(command_number(f, "idle_ms") / 1000, b),
			json_is_true(json_object_get(f, "mirrored")) ? ", mirrored" : "");
	line("");
	printf("it went there because: %s\n", command_text(f, "reason"));
	if (strcmp(command_text(f, "endpoint"), command_text(r, "endpoint"))) {
		line("");
		printf("a flow stays where it began; a new one would go to %s\n",
				command_text(r, "endpoint"));
	}
}

/* Why the bucket's own endpoint cannot take it. */
static void
print_primary(const json_t *r)
{
	const json_t *p = json_object_get(r, "primary_state");
	const char *state = command_text(p, "state"), *why = command_text(p, "health_reason");
	time_t since = (time_t)(command_number(p, "health_since") / 1000);
	char when[32] = "";
	struct tm tm;

	if (!json_is_object(p))
		return;
	line("");
	if (!strcmp(state, "drain"))
		printf("%s is drained\n", command_text(r, "primary"));
	else if (!strcmp(state, "up"))
		printf("%s is %s\n", command_text(r, "primary"),
				json_is_true(json_object_get(p, "suspect"))
						? "suspect: it is being confirmed whether it is "
						  "down"
						: "up by now");
	else {
		if (!strcmp(state, "down") && localtime_r(&since, &tm))
			strftime(when, sizeof(when), " since %F %T", &tm);
		printf("%s is %s%s%s%s\n", command_text(r, "primary"), state, when,
				*why ? ": " : "", why);
	}
}

static void
print_explanation(const json_t *r)
{
	line("service");
	printf("%s (%s, hash %s)\n", command_text(r, "service"), command_text(r, "protocol"),
			command_text(r, "hash"));
	if (*command_text(r, "primary")) {
		line("bucket");
		printf("%.0f of %.0f, which belongs to %s\n", command_number(r, "bucket"),
				command_number(r, "buckets"), command_text(r, "primary"));
	}
	line("endpoint");
	if (*command_text(r, "endpoint"))
		printf("%s (%s)\n", command_text(r, "endpoint"), command_text(r, "side"));
	else
		printf("none: a new flow is dropped\n");
	line("because");
	printf("%s\n", command_text(r, "reason"));
	print_primary(r);
	print_cohort(r);
	print_draw(r);
	print_flow(r);
}

enum client_result
show_explain(struct request *rq)
{
	char *path = strdup("/v1/explain");
	enum client_result rc;
	json_t *r = NULL;
	bool done;

	path = client_query(path, "src", rq->arg[0]);
	path = client_query(path, "dst", rq->arg[1]);
	if (rq->arg_count > 2)
		path = client_query(path, "protocol", rq->arg[2]);
	rc = command_get(rq, path, &r, &done);
	free(path);
	if (rc != CLIENT_OK || done)
		return rc;
	if (json_is_null(json_object_get(r, "service")))
		printf("no service: %s\n", command_text(r, "reason"));
	else
		print_explanation(r);
	json_decref(r);
	return CLIENT_OK;
}
