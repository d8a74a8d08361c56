/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when addresses of this network namespace's interfaces change. Control thread. */
#pragma once

#include "loop.h"

struct host_watch;

/* Calls fn a while (SETTLE_MS) after a change, once for all that change within it. NULL with errno. */
struct host_watch *host_watch_create(struct loop *l, loop_fn fn, void *arg);
void host_watch_free(struct host_watch *w);
