/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that decide on kernel-owned interfaces which packets are ours: XDP for net_af_xdp (ours to the socket,
 * the rest to the kernel), tc for net_af_packet (ours dropped in the kernel, which sees every packet too). Their maps
 * follow the registry. Control thread.
 */
#pragma once

#include "gateway.h"

/* Addresses of ours that the host has too, where the kernel has an interface at a port: adds an error for each, which
 * names both. True if there are none. Before a start or a reload. */
bool filter_check(const struct config *config, struct config_errors *errors);

/* Loads the programs and attaches them to the interfaces of g->registry's ports. Before device_open(), for DPDK's
 * sockets join our program's map. NULL with `error`. */
struct filter *filter_create(struct gateway *g, char *error, size_t error_size);
void filter_free(struct filter *f); /* detaches; after device_close() */

/* Brings the maps in line with the registry's configuration: additions before, removals after the view that needs them
 * is published. At the start and at each reload. 0 or -errno (-E2BIG: a map is full). */
int filter_sync_add(struct filter *f);
int filter_sync_remove(struct filter *f);

/* From now on the maps also follow the host's own addresses. After the first filter_sync_add(). 0 or -errno. */
int filter_follow_host(struct filter *f);

/* Counters of the programs: array of {interface, program, mode, verdicts: {name: count}}. New reference. */
json_t *filter_json(const struct filter *f);
