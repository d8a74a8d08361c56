/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces of the kernel at ports that DPDK owns alone (key `kernel` of a port): what is not ours reaches the host as
 * if the port were its own, and what the host sends leaves by the port. Without a VLAN tag here; egress puts the port's
 * on. Control thread.
 */
#pragma once

#include "gateway.h"

struct rte_mbuf;
struct kernel_ports;

/* Creates a TAP for each port that asks for one, with the port's MAC address and MTU, up; one that is there already and
 * that nobody has open is taken. It goes with the daemon unless it was there before. NULL with `error`. */
struct kernel_ports *kernel_ports_create(struct gateway *g, char *error, size_t error_size);
void kernel_ports_free(struct kernel_ports *k);

/* Shows the kernel a punted frame that neighbours_input() is about to take: ARP and ND, but for questions about
 * addresses of ours. Does not take ownership. */
void kernel_ports_overhear(struct kernel_ports *k, const struct rte_mbuf *frame);

/* A punted frame that nobody else takes; takes ownership. */
void kernel_ports_input(struct kernel_ports *k, struct rte_mbuf *frame);

/* {interface, to_kernel, from_kernel, ...} of a port, or null if it has none. New reference; `k` may be NULL. */
json_t *kernel_port_json(const struct kernel_ports *k, uint32_t port);
