/* SPDX-License-Identifier: Apache-2.0 */
/* "METHOD PATH?KEY=VALUE&...\nBODY" to the API over a fake gateway: every answer is whole, and it is one. */
#include <stdlib.h>
#include <string.h>

#include "api_route.h"
#include "fake_gateway.h"
#include "flow_lister.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake *
gateway(void)
{
	static struct fake *f;

	if (!f) {
		f = fake_create("/nonexistent");
		fake_traffic(f);
		f->g.flows = flow_lister_create(&f->g);
	}
	return f;
}

static void
read_args(struct api_request *rq, char *query)
{
	char *arg, *value;

	while (rq->arg_count < API_ARGS_MAX && (arg = strsep(&query, "&"))) {
		value = strchr(arg, '=');
		if (value)
			*value++ = '\0';
		rq->arg[rq->arg_count++] = (struct api_arg){arg, value ? value : ""};
	}
}

static void
ask(struct api_request *rq, char *line, const char *body, size_t body_size)
{
	char *method = strsep(&line, " "), *path = strsep(&line, "?");

	if (line)
		read_args(rq, line);
	if (api_route_body(rq, body, body_size) == 0)
		api_route(rq, method, path ? path : "");
	flow_lister_poll(rq->g->flows);
	flow_lister_poll(rq->g->flows);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct api_request_list waiters = LIST_HEAD_INITIALIZER(waiters);
	struct fake *f = gateway();
	struct api_request rq = {.g = &f->g, .event_waiters = &waiters};
	const uint8_t *newline = memchr(data, '\n', size);
	size_t line_size = newline ? (size_t)(newline - data) : size;
	char *line = strndup((const char *)data, line_size);

	if (!line)
		return 0;
	ask(&rq, line, newline ? (const char *)newline + 1 : "",
			newline ? size - line_size - 1 : 0);
	if (!rq.waiting && (rq.reply.status < 200 || (!rq.reply.body && !rq.reply.text)))
		abort();
	api_request_fini(&rq);
	free(line);
	return 0;
}
