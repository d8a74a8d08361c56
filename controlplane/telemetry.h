/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /understudy/status, /lcores, /drops and /endpoints[,SERVICE/ENDPOINT] for dpdk-telemetry.py. DPDK calls the commands
 * on a thread of its own and gives them no argument: they read the snapshot that the control thread published last.
 */
#pragma once

#include "gateway.h"

/* Registers the commands; there can be one gateway. 0 or -errno. After rte_eal_init. */
int telemetry_start(struct gateway *g);

/* Publishes a snapshot: after each collector_tick(). Never waits: if the other thread is reading, the old one stays. */
void telemetry_tick(void);

/* The commands answer nothing from now on. */
void telemetry_stop(void);
