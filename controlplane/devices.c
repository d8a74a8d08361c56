/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <errno.h>
#include <string.h>

/* The index of the device that an earlier port with the same one has, or -1. */
static int
device_of_earlier(const struct gateway *g, const struct config *config, size_t port)
{
	size_t i;

	for (i = 0; i < port; i++) {
		if (strcmp(config->port[i].device, config->port[port].device) == 0)
			return g->port[i].dpdk_device;
	}
	return -1;
}

/* Tags of all ports that share the device. */
static uint32_t
vlans_of_device(const struct config *config, const char *device, uint16_t vlan[DATAPLANE_PORTS_MAX])
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < config->port_count; i++) {
		if (config->port[i].vlan && strcmp(config->port[i].device, device) == 0)
			vlan[n++] = config->port[i].vlan;
	}
	return n;
}

static int
open_device(struct gateway *g, const struct config *config, const struct config_port *port,
		char *error, size_t size)
{
	uint16_t vlan[DATAPLANE_PORTS_MAX];
	struct device_config dc = {
			.name = port->name,
			.args = port->device,
			.queues = port->queues,
			.mtu = port->mtu,
			.mbufs = config->limits.mbufs,
			.vlan_count = vlans_of_device(config, port->device, vlan),
			.vlan = vlan,
	};
	int rc = device_open(&dc, &g->device[g->device_count], error, (unsigned)size);

	if (rc == 0)
		g->device_count++;
	return rc;
}

static void
own_addresses(struct view_port *vp, const struct config_port *port)
{
	size_t i;

	for (i = 0; i < port->address_count; i++) {
		const struct ip_addr *a = &port->address[i].addr;

		if (ip_is_v4(a) && ip_is_none(&vp->own4))
			vp->own4 = *a;
		else if (!ip_is_v4(a) && ip_is_none(&vp->own6))
			vp->own6 = *a;
	}
}

static int
open_port(struct gateway *g, const struct config *config, size_t i, char *error, size_t size)
{
	const struct config_port *port = &config->port[i];
	struct view_port *vp = &g->port[i];
	int device = device_of_earlier(g, config, i);
	int rc = 0;

	if (device < 0) {
		rc = open_device(g, config, port, error, size);
		device = (int)g->device_count - 1;
	}
	if (rc)
		return rc;
	*vp = (struct view_port){
			.mac = g->device[device].mac,
			.mtu = port->mtu,
			.vlan = port->vlan,
			.dpdk_device = (uint16_t)device,
			.to_kernel = port->kernel,
	};
	own_addresses(vp, port);
	return 0;
}

int
devices_open(struct gateway *g, const struct config *config, char *error, size_t error_size)
{
	size_t i;
	int rc;

	for (i = 0; i < config->port_count; i++) {
		rc = open_port(g, config, i, error, error_size);
		if (rc)
			return rc;
		g->port_count++;
	}
	return 0;
}

void
devices_close(struct gateway *g)
{
	while (g->device_count)
		device_close(&g->device[--g->device_count]);
	g->port_count = 0;
}
