/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that DPDK keeps about a process, by its file prefix: who holds it, and its removal. Main thread. */
#pragma once

#include <sys/types.h>

/* The process that runs under the prefix as DPDK's primary, or 0. Not for after DPDK's start: it would drop our own
 * lock. Without hugepages DPDK takes no lock, so such a process is not seen. */
pid_t eal_runtime_holder(const char *file_prefix);

/* Has the directory removed at exit, after DPDK's own handlers. Call before DPDK's start, once. */
void eal_runtime_remove_at_exit(const char *file_prefix);

/* Removes the files that DPDK leaves in it. Call after DPDK's stop. */
void eal_runtime_clean(const char *file_prefix);

/* Removes the files that match a pattern of glob(3). */
void eal_runtime_remove(const char *pattern);
