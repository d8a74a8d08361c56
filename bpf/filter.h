/* SPDX-License-Identifier: Apache-2.0 */
/* What the filter's programs and their loader share. All fields in network order unless they say otherwise. */
#pragma once

#include <linux/types.h>

/* IPv4 as ::ffff:a.b.c.d, like struct ip_addr. */
struct filter_address {
	__u8 b[16];
};

_Static_assert(sizeof(struct filter_address) == 16, "key of the address map");

/* What an address is. Bits; the value of the address map, a __u32 in host order. */
enum filter_flag {
	FILTER_HOST = 1 << 0, /* of one of the host's interfaces: the kernel's, whatever else it is */
	FILTER_OURS = 1 << 1, /* a service's, a local or an own address of the gateway */
	FILTER_NAT_TCP = 1 << 2, /* an endpoint of a TCP service in nat */
	FILTER_NAT_UDP = 1 << 3, /* the same of a UDP service */
};

/* An endpoint of a nat service. `port` 0 is the entry for its port ranges. */
struct filter_endpoint {
	struct filter_address address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

_Static_assert(sizeof(struct filter_endpoint) == 20, "key of the endpoint map");

/* Ports that an endpoint entry stands for, both included, in host order. */
struct filter_ports {
	__u16 first, last;
};

_Static_assert(sizeof(struct filter_ports) == 4, "value of the endpoint map");

/* The ways out of the ladder. X(name, text); gateway_* are ours. */
#define FILTER_VERDICT_LIST(X)                                                  \
	X(kernel_malformed, "too short or too odd to tell")                     \
	X(kernel_other, "neither ARP nor IP")                                   \
	X(kernel_arp, "ARP that is not about our addresses")                    \
	X(kernel_host, "to an address of the host")                             \
	X(kernel_ip, "IP that is not ours")                                     \
	X(gateway_arp, "ARP for one of our addresses, or an answer to one")     \
	X(gateway_address, "IP to a service, local or own address")             \
	X(gateway_discovery, "neighbour solicitation for one of our addresses") \
	X(gateway_endpoint, "reply of an endpoint of a nat service")            \
	X(gateway_fragment, "fragment from an endpoint of a nat service")       \
	X(gateway_icmp, "ICMP error about a packet of ours")                    \
	X(no_socket, "of the gateway_* above: no socket on the queue, left to the kernel")

enum filter_verdict {
#define X(name, text) FILTER_##name,
	FILTER_VERDICT_LIST(X)
#undef X
	FILTER_VERDICT_COUNT
};

#define FILTER_FIRST_GATEWAY FILTER_gateway_arp
#define FILTER_QUEUES_MAX 64
#define FILTER_ADDRESSES_MAX 262144 /* of services, local, own, the host, nat endpoints */
#define FILTER_ENDPOINTS_MAX 262144
