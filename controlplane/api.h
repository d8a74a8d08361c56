/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP and JSON over a UNIX socket (docs/api.md), and Prometheus text at /metrics. Control thread. */
#pragma once

#include "gateway.h"

struct api *api_create(struct gateway *g, char *error, size_t error_size);
void api_free(struct api *a);
