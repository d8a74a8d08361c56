/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers with a row for each endpoint, made in turns: {"endpoints": [...]}, and one thing more behind it. They take the
 * parameters `service` and `endpoint`. A reload in between begins the list anew. Control thread.
 */
#pragma once

#include "api_request.h"

struct api_listing {
	const char *flag; /* one more parameter, 0 or 1; NULL: none */
	/* New references; NULL: out of memory. */
	json_t *(*row)(struct gateway *g, const struct endpoint *e, bool flag);
	const char *more; /* key of what stands behind the rows; NULL: nothing does */
	json_t *(*more_json)(struct gateway *g);
};

/* `what` lives as long as the request: a static. */
void api_listing_start(struct api_request *rq, const struct api_listing *what);
