/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /understudy/status, /lcores, /drops and /endpoints[,SERVICE/ENDPOINT] for dpdk-telemetry.py. DPDK calls the commands
 * on threads of its own and gives them no argument: they ask the control thread.
 */
#pragma once

#include "gateway.h"

/* Registers the commands; there can be one gateway. 0 or -errno. After rte_eal_init. */
int telemetry_start(struct gateway *g);

/* Answers what is asked, if anything is. Never waits. Control thread, every millisecond. */
void telemetry_poll(void);

/* The commands answer nothing from now on. */
void telemetry_stop(void);
