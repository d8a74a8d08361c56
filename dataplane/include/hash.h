/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit hashing by multiply and fold: the 128-bit product of two words, its halves xored (the step of
 * wyhash and of Steele and Vigna, "Computationally easy, spectrally good multipliers", 2021, 5). The
 * results are frozen by vectors in the tests: gateways of a group must agree on them whatever they run on.
 */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 2^64 divided by the golden ratio, odd: the increment of splitmix64. */
#define HASH_GOLDEN 0x9e3779b97f4a7c15ULL

static inline uint64_t
hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A bijection in which every input bit moves every output bit with probability 1/2 (splitmix64's). */
static inline uint64_t
hash_avalanche(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* The n-th key that belongs to a seed. Folding with keys that a sender does not know keeps it from
 * choosing a word that makes a factor zero. */
static inline uint64_t
hash_key(uint64_t seed, uint64_t n)
{
	return hash_avalanche(seed + n * HASH_GOLDEN);
}

static inline uint64_t
hash_load64(const void *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

/* Of 16 bytes: an address. */
static inline uint64_t
hash_16(uint64_t seed, const void *bytes)
{
	const uint8_t *b = bytes;

	return hash_avalanche(hash_fold(hash_load64(b) ^ hash_key(seed, 1),
			hash_load64(b + 8) ^ hash_key(seed, 2)));
}

/* Of any bytes: names. Not for the packet path. */
static inline uint64_t
hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	uint64_t h = hash_key(seed, 1) + len;

	for (; len >= 8; b += 8, len -= 8)
		h = hash_avalanche(hash_load64(b) ^ h) + HASH_GOLDEN;
	if (len) {
		uint8_t rest[8] = {0};

		memcpy(rest, b, len);
		h = hash_avalanche(hash_load64(rest) ^ h) + HASH_GOLDEN;
	}
	return hash_avalanche(h);
}
