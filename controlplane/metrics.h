/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is counted, as Prometheus text (exposition format 0.0.4). Control thread. */
#pragma once

#include "gateway.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* malloc'ed; NULL when out of memory. */
char *metrics_text(struct gateway *g);
