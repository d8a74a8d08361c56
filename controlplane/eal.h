/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK's environment, started from the configuration. Main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "journal.h"

#define EAL_ARGUMENTS_MAX 96
#define EAL_TEXT_SIZE 8192

/* An argument vector for rte_eal_init(), which may reorder it. */
struct eal_arguments {
	int count;
	char *argument[EAL_ARGUMENTS_MAX];
	size_t used;
	char text[EAL_TEXT_SIZE];
};

/* Memory that DPDK needs for the configuration, in MB: `memory`, or an estimate from the limits. */
unsigned eal_memory_mb(const struct config *config, bool hugepages);

/* The arguments for a configuration; without hugepages if `hugepages` is false. 0 or -E2BIG. */
int eal_arguments_build(const struct config *config, bool hugepages, struct eal_arguments *out);

/* Starts DPDK: the caller's thread becomes the main lcore, on main_lcore; the n-th forwarding lcore gets the DPDK id
 * eal_lcore(n) and the n-th CPU of `lcores`. Falls back to plain memory if there are too few hugepages, and journals
 * what then cannot be done. 0 or -errno with `error`. */
int eal_start(const struct config *config, struct journal *journal, char *error, size_t error_size);

/* Call before the devices are closed: the AF_XDP driver would then report that it cannot remove a program that is not
 * its own, but ours. */
void eal_stopping(void);

/* Stops DPDK and gives the hugepages back; nothing of it may be used any more. */
void eal_stop(const char *file_prefix);

unsigned eal_lcore(unsigned n);
