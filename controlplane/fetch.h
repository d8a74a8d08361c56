/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting a document by its URL, again and again, over libcurl in the control thread's loop: connections are kept, and
 * nothing waits. From the host's ordinary network, whatever proxy the environment names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

enum fetch_outcome {
	FETCH_OK, /* status 200, or a file, read to its end */
	FETCH_LATE, /* not there in time */
	FETCH_REFUSED, /* no connection */
	FETCH_STATUS, /* an HTTP status that is not 200 */
	FETCH_STOPPED, /* `data` wanted no more */
	FETCH_BROKEN, /* anything else: closed in between, no HTTP, no such file */
};

struct fetch_request {
	const char *url;
	const char *protocols; /* of libcurl: "http", "http,https,file" */
	const char *accept; /* media types */
	uint32_t timeout_ms;
	bool (*data)(void *arg, const char *data, size_t len); /* false: no more */
	void (*done)(void *arg, enum fetch_outcome outcome, const char *reason);
	void *arg;
};

struct fetcher;
struct fetch;

struct fetcher *fetcher_create(struct loop *loop); /* NULL when out of memory */
void fetcher_free(struct fetcher *f); /* its fetches must have been freed */

/* Connections kept open: as many as there are servers. Raises the process's limit of descriptors if they need it. */
void fetcher_keep(struct fetcher *f, size_t connections);

/* NULL when out of memory. What the request points to is copied, but for `arg`. */
struct fetch *fetch_create(struct fetcher *f, const struct fetch_request *request);
void fetch_free(struct fetch *f); /* not inside its own callbacks */

/* `done` is called once, later, and always from the loop. -EBUSY while the last one goes on. */
int fetch_start(struct fetch *f);
/* Without calling `done`. */
void fetch_stop(struct fetch *f);
bool fetch_is_busy(const struct fetch *f);
