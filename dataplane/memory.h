/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory for tables, on NUMA node `node` (-1: any) and in huge pages where the kernel has them to give; it does
 * not come out of DPDK's reserve, so tables work alike with and without one. `touch`: all pages are there at once, and
 * no lcore ever faults on them; else they come with their first use. NULL when there is none. */
void *memory_map(size_t bytes, int node, bool touch);
void memory_unmap(void *memory, size_t bytes);
