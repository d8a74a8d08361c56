/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP questions: libcurl's multi interface on our loop. Part of health_probe.c; control thread. */
#pragma once

#include "health_probe.h"

struct health_http;
struct health_get;

struct health_http *health_http_create(struct loop *loop, struct health_namespace *n);
void health_http_free(struct health_http *h);

/* As health_probe_start; `get` is freed by the caller, inside fn or after. NULL: out of memory. */
struct health_get *health_get_start(struct health_http *h, const struct health_target *t,
		health_probe_fn fn, void *arg);
void health_get_free(struct health_get *g);

/* A socket inside, bound to the target's source. A descriptor or -errno. */
int health_probe_socket(
		struct health_namespace *n, const struct health_target *t, int type, int protocol);
