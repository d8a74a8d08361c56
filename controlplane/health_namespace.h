/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace of our own, in which the kernel's stack speaks for the checks. Its only link is a TUN device; the
 * holder of the descriptor is the wire. No name of it is visible outside, so any number of gateways can run on a host.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct health_namespace;

/* With our addresses, and default routes of both families through the TUN device. NULL with errno (EPERM: needs
 * CAP_SYS_ADMIN and CAP_NET_ADMIN). The caller's thread is in its own namespace again afterwards. */
struct health_namespace *health_namespace_create(
		const struct ip_addr *own, size_t own_count, uint16_t mtu);
void health_namespace_free(struct health_namespace *n);

/* One read or write is one IP packet; does not block. */
int health_namespace_tun(const struct health_namespace *n);

/* socket(2) inside, not blocking; a descriptor or -errno. Never blocks: the calling thread is inside for the moment of
 * the call alone. */
int health_namespace_socket(const struct health_namespace *n, int family, int type, int protocol);
