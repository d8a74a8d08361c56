/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api_request.h"

/* Answers the request, or makes it wait (rq->waiting). */
void api_route(struct api_request *rq, const char *method, const char *path);

/* Reads the body of a POST into rq->body: an object, or nothing for {}. 0, or -1 with the reply made. */
int api_route_body(struct api_request *rq, const char *body, size_t size);
