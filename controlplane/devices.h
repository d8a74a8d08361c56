/* SPDX-License-Identifier: Apache-2.0 */
/* From the configured ports to open devices: ports with the same device, and different VLANs, share it. Main thread. */
#pragma once

#include "gateway.h"

/* Opens the devices of all configured ports and fills g->device and g->port. 0 or -errno with `error`; what was opened
 * stays in g for devices_close. */
int devices_open(struct gateway *g, const struct config *config, char *error, size_t error_size);
void devices_close(struct gateway *g);
