/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "table.h"
#include "units.h"

static enum client_result
list(struct request *rq)
{
	struct table *t = table_create("MODEL|>VERSION|SAVED|>BYTES");
	char *path = strdup("/v1/models"), stamp[32];
	enum client_result rc;
	json_t *reply, *row;
	time_t seconds;
	struct tm tm;
	bool done;
	size_t i;

	if (rq->arg_count > 1)
		path = client_query(path, "prefix", rq->arg[1]);
	rc = command_get(rq, path, &reply, &done);
	free(path);
	if (rc != CLIENT_OK || done) {
		table_free(t);
		return rc;
	}
	json_array_foreach(json_object_get(reply, "models"), i, row)
	{
		seconds = (time_t)(command_number(row, "time") / 1000);
		stamp[0] = '\0';
		if (localtime_r(&seconds, &tm))
			strftime(stamp, sizeof(stamp), "%F %T", &tm);
		table_add(t, command_text(row, "name"));
		table_addf(t, "%.0f", command_number(row, "version"));
		table_add(t, stamp);
		table_addf(t, "%.0f", command_number(row, "bytes"));
	}
	table_print(t, stdout);
	table_free(t);
	json_decref(reply);
	return CLIENT_OK;
}

static enum client_result export(struct request *rq) {
	char *path = client_query(strdup("/v1/models/state"), "name", rq->arg[1]);
			enum client_result rc; json_t * reply;

			rc = client_get(rq->client, path, &reply); free(path);
			if (rc != CLIENT_OK) return command_failed(rq, rc);
			if (json_dump_file(reply, rq->arg[2], JSON_INDENT(2)) < 0){fprintf(stderr,
					"understudyctl: \"%s\" cannot be written: %s\n", rq->arg[2],
					strerror(errno));
					rc = CLIENT_REFUSED;
}
else
{
	printf("%s: version %.0f, %.0f bytes\n", rq->arg[2], command_number(reply, "version"),
			command_number(reply, "bytes"));
}
json_decref(reply);
return rc;
}

static enum client_result
reset(struct request *rq)
{
	const char *prefix = rq->arg_count > 1 ? rq->arg[1] : "";
	enum client_result rc;
	json_t *reply;
	bool done;

	rc = command_post(rq, "/v1/models/reset", json_pack("{s:s}", "prefix", prefix), &reply,
			&done);
	if (rc != CLIENT_OK || done)
		return rc;
	if (*prefix)
		printf("models whose names begin with %s begin anew\n", prefix);
	else
		printf("all models begin anew\n");
	json_decref(reply);
	return CLIENT_OK;
}

enum client_result
show_models(struct request *rq)
{
	const char *what = rq->arg_count ? rq->arg[0] : "list";

	if (!strcmp(what, "list") && rq->arg_count <= 2)
		return list(rq);
	if (!strcmp(what, "export") && rq->arg_count == 3)
		return export(rq);
	if (!strcmp(what, "reset") && rq->arg_count <= 2)
		return reset(rq);
	return command_misused(
			"write models list [PREFIX], models export NAME FILE, or models reset "
			"[PREFIX]");
}
