/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet checksums without reading what did not change: RFC 1624, equation 3,
 *     HC' = ~(~HC + ~m + m')
 * A delta is the folded one's complement sum of ~m + m' over all words that changed; deltas add up, and
 * are kept per flow. All words are as loaded from memory: the sum does not care for byte order (RFC 1071).
 */
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint16_t
checksum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* What replacing `len` (even) bytes at `old` by those at `new` does to a sum. */
static inline uint16_t
checksum_delta(const void *old, const void *new, uint32_t len)
{
	const uint8_t *from = old, *to = new;
	uint16_t a, b;
	uint32_t sum = 0;
	uint32_t i;

	for (i = 0; i < len; i += 2) {
		memcpy(&a, from + i, 2);
		memcpy(&b, to + i, 2);
		sum += (uint16_t)~a + (uint32_t)b;
	}
	return checksum_fold(sum);
}

/* Both changes together. */
static inline uint16_t
checksum_delta_add(uint16_t a, uint16_t b)
{
	return checksum_fold((uint32_t)a + b);
}

/* The delta of an IPv4 header whose TTL goes down by one: the word of TTL and protocol less 0x0100. */
static inline uint16_t
checksum_delta_ttl(void)
{
	static const uint8_t before[2] = {1, 0}, after[2] = {0, 0};

	return checksum_delta(before, after, 2);
}

/* A checksum field after the change. For IPv4 headers, TCP and ICMP. */
static inline uint16_t
checksum_apply(uint16_t check, uint16_t delta)
{
	return (uint16_t)~checksum_fold((uint32_t)(uint16_t)~check + delta);
}

/* The same for UDP: 0 means "none" and stays; a computed 0 is sent as 0xffff (RFC 768). */
static inline uint16_t
checksum_apply_udp(uint16_t check, uint16_t delta)
{
	uint16_t changed = checksum_apply(check, delta);

	if (check == 0)
		return 0;
	return changed ? changed : UINT16_MAX;
}
