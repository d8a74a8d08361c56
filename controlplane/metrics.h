/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that is counted, as Prometheus text (exposition format 0.0.4). A page with a hundred thousand endpoints
 * takes seconds to write, so it is written in turns. Control thread.
 */
#pragma once

#include "gateway.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics;

/* A page to be written; `idle`: with the server's leg of endpoints that never carried anything. NULL when out of
 * memory. */
struct metrics *metrics_create(struct gateway *g, bool idle);
void metrics_free(struct metrics *m);

/* Writes on for about so long; true when all is written. */
bool metrics_run(struct metrics *m, uint32_t ms);

/* Then, once: the page. malloc'ed; NULL when out of memory. */
char *metrics_take(struct metrics *m);
