/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly and fragmentation on one lcore, with rte_ip_frag. Limits that come from it: eight fragments
 * to a packet, IPv6 fragment headers only directly behind the IPv6 header; what overlaps, or comes twice,
 * drops the whole packet.
 */
#pragma once

#include <stdint.h>

#include "counters.h"
#include "parse.h"

struct fragment_table;
struct rte_mbuf;
struct rte_mempool;

/* Enough for 65,535 bytes over an MTU of 576. */
#define FRAGMENT_OUT_MAX 128

struct fragment_config {
	uint32_t packets; /* in reassembly at once, at most */
	uint32_t timeout_ms; /* a packet must be complete within this */
	uint32_t whole_max; /* reassembled packets that may be on their way at once: 64 KiB of memory each */
	int socket;
	struct rte_mempool *pool; /* for the fragments that fragment_split makes */
	struct lcore_counters *counters; /* of the one lcore that uses the table */
};

/* NULL if memory is short or the configuration makes no sense. `name` is unique (it names a mempool). */
struct fragment_table *fragment_table_create(
		const char *name, const struct fragment_config *config);

/* Frees what is held, uncounted. Whole packets given out must have been freed before. */
void fragment_table_free(struct fragment_table *t);

/* Takes ownership of `m`, a PARSE_FRAGMENT with `p` its parse result, and returns the whole packet once it
 * is complete: one segment, Ethernet header of the first fragment, m->port kept, to be parsed again. Else
 * NULL. Every fragment that will not be part of a whole packet is counted and freed here; of those that
 * are, all but one are counted as fragment_held at that moment: the caller counts nothing for NULL. */
struct rte_mbuf *fragment_add(
		struct fragment_table *t, struct rte_mbuf *m, const struct packet *p, uint64_t tsc);

/* Drops what is too old. To be called now and then, since no fragment may come to do it. */
void fragment_expire(struct fragment_table *t, uint64_t tsc);

/* Splits an IP packet (Ethernet header in front, one segment) into frames of at most `mtu` bytes of IP in
 * out[FRAGMENT_OUT_MAX], each of one segment and with a valid IP header checksum; IPv4 without regard to
 * DF: that is the caller's to look at. Returns how many, `m` is then freed; 0 if it cannot be done (no
 * buffers, or MTU beyond the pool's data room): `m` is then untouched and nothing is counted. */
uint32_t fragment_split(
		struct fragment_table *t, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out);
