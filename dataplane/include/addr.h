/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* An IPv4 or IPv6 address in network order. IPv4 is kept as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so
 * that one type, one hash and one comparison serve both families. All zero means "none". */
struct ip_addr {
	union {
		uint8_t b[16];
		uint16_t h[8];
		uint32_t w[4];
		uint64_t q[2];
	};
};

/* An address with the length of its prefix: 0..32 for IPv4, 0..128 for IPv6. */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len;
};

struct ether_mac {
	uint8_t b[6];
};

/* Big enough for any text that the functions below write. */
#define IP_TEXT_SIZE 64

/* The 32-bit word that precedes an IPv4 address inside struct ip_addr, as loaded from memory. */
#define IP_V4_MARK 0xffff0000u

static inline bool
ip_is_v4(const struct ip_addr *a)
{
	return a->q[0] == 0 && a->w[2] == IP_V4_MARK;
}

static inline bool
ip_is_none(const struct ip_addr *a)
{
	return (a->q[0] | a->q[1]) == 0;
}

static inline bool
ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}

/* `v4` in network order. */
static inline struct ip_addr
ip_from_v4_be(uint32_t v4_be)
{
	struct ip_addr a = {.w = {0, 0, IP_V4_MARK, v4_be}};
	return a;
}

static inline struct ip_addr
ip_from_v6(const void *bytes16)
{
	struct ip_addr a;
	memcpy(a.b, bytes16, sizeof(a.b));
	return a;
}

static inline uint32_t
ip_v4_be(const struct ip_addr *a)
{
	return a->w[3];
}

/* Parsers take text without spaces around it and return 0, or -EINVAL (out is then untouched).
 * ip_prefix_parse accepts a bare address as its full-length prefix and keeps the host bits. */
int ip_parse(const char *text, struct ip_addr *out);
int ip_prefix_parse(const char *text, struct ip_prefix *out);

/* Write the usual text of an address or prefix (RFC 5952) into `buf` and return `buf`. */
const char *ip_format(const struct ip_addr *a, char buf[IP_TEXT_SIZE]);
const char *ip_prefix_format(const struct ip_prefix *p, char buf[IP_TEXT_SIZE]);

/* "a.b.c.d:port" or "[v6]:port"; `port` in host order. ip_port_parse wants both parts. */
const char *ip_port_format(const struct ip_addr *a, uint16_t port, char buf[IP_TEXT_SIZE]);
int ip_port_parse(const char *text, struct ip_addr *addr, uint16_t *port);

/* Is `a` (of the same family) inside the prefix? */
bool ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);
