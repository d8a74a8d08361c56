/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that decide on kernel-owned interfaces which packets are ours: XDP for net_af_xdp (ours to the socket,
 * the rest to the kernel), tc for net_af_packet (ours dropped in the kernel, which sees every packet too). Their maps
 * follow the registry. Control thread.
 */
#pragma once

#include "gateway.h"

/* The vdev arguments of a port's device with our XDP program added, or a copy of them if it is not net_af_xdp. Written
 * to `out`. 0 or -errno with `error`. Call before device_open(). */
int filter_device_args(const struct config_port *port, uint16_t queue, char *out, size_t out_size, char *error,
	size_t error_size);

/* Finds or loads the programs of all open devices. NULL with `error`. */
struct filter *filter_create(struct gateway *g, char *error, size_t error_size);
void filter_free(struct filter *f); /* detaches what it attached */

/* Brings the maps in line with the registry: additions before, removals after the view that needs them is published. */
int filter_sync_add(struct filter *f);
int filter_sync_remove(struct filter *f);

/* Counters of the programs by interface and verdict: array of objects. New reference. */
json_t *filter_json(const struct filter *f);
