/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct maglev;

/* One endpoint as Maglev sees it: `name_hash` fixes its preferences, so it must depend on nothing but the
 * endpoint's identity; weight 0 takes no bucket. */
struct maglev_entry {
	uint32_t eid;
	uint32_t weight;
	uint64_t name_hash;
};

/* The table of Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016),
 * section 3.4, with weights: an endpoint's turns are in proportion to its weight, evenly spread among those of
 * the others. The order of the entries does not matter. `size` must be prime. NULL when out of memory or when no entry has weight. Free with maglev_free. */
struct maglev *maglev_build(const struct maglev_entry *entries, uint32_t count, uint32_t size);
void maglev_free(struct maglev *m);

/* Smallest prime of the built-in list (4099 to 65537) that is at least 100 x endpoints, 65537 at most
 * (section 5.3: shares are then even to about 1 %). */
uint32_t maglev_size(uint32_t endpoints);

/* Fills `table[size]` from explicit permutations, for the paper's Table 1; permutation[i * size + j] is the
 * j-th preference of entry i, and the table gets the numbers of the entries. 0, or -ENOMEM. */
int maglev_fill(uint32_t *table, uint32_t size, const uint32_t *permutation,
		const uint32_t *weights, uint32_t count);
