/* SPDX-License-Identifier: Apache-2.0 */
/* ARP (RFC 826), neighbour discovery (RFC 4861) and echo (RFC 792, 4443) as bytes. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

enum neighbour_kind {
	NEIGHBOUR_OTHER, /* none of these */
	NEIGHBOUR_MALFORMED, /* one of these, and not as it must be */
	NEIGHBOUR_REQUEST, /* ARP request, neighbour solicitation */
	NEIGHBOUR_REPLY, /* ARP reply, neighbour advertisement */
	NEIGHBOUR_ECHO, /* ICMP or ICMPv6 echo request */
};

struct neighbour_packet {
	struct ether_mac frame_src;
	struct ip_addr sender; /* none: an ARP probe, or duplicate address detection */
	struct ip_addr target; /* asked for, or told of; echo: destination address. ARP reply: as sender */
	bool has_mac; /* of `sender` for a request, of `target` for a reply */
	struct ether_mac mac;
	bool solicited; /* the reply says that it was asked for */
	bool override; /* and that it may replace what is known */
};

/* Looks at `len` bytes from the Ethernet header on (no VLAN tag). `out` is written for the last three kinds alone. */
enum neighbour_kind neighbour_decode(
		const uint8_t *frame, size_t len, struct neighbour_packet *out);

/* Room that each encoder needs; they return the length written, the 60 bytes of a shortest frame at least. */
#define NEIGHBOUR_FRAME_MAX 96

/* What a frame of ours says. */
struct neighbour_message {
	struct ether_mac our_mac;
	struct ip_addr our_addr; /* ask: our own on that port (none: an ARP probe); tell, announce: the address told of */
	struct ether_mac mac; /* ask_one, tell: where the frame goes */
	struct ip_addr addr; /* ask: wanted; tell: who asked, none for whom all are told instead */
};

size_t neighbour_ask_all(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m);
size_t neighbour_ask_one(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m);
size_t neighbour_tell(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m);
size_t neighbour_announce(uint8_t out[NEIGHBOUR_FRAME_MAX], const struct neighbour_message *m);

/* Turns an echo request, which neighbour_decode took for one, into its reply, in place. Returns its length. */
size_t neighbour_echo_reply(uint8_t *frame, const struct ether_mac *our_mac);
