/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How surprising a number is against those before it: a histogram with 8 bins per octave over 14 octaves, which slides
 * up with the largest number, and an exponential fit of its upper tail. For numbers >= 0 of which large ones are strange.
 */
#pragma once

#include <stdint.h>

#define ANOMALY_BINS 112

struct anomaly_histogram {
	uint16_t count[ANOMALY_BINS]; /* [0]: zeros */
	uint32_t n; /* sum of count */
	int16_t base; /* exponent code of bin 0; 0 as long as there was no number over 0 */
	uint16_t tail; /* first bin of the tail, ANOMALY_BINS if there is none yet */
	uint32_t tail_n; /* in the tail's bins */
	float tail_sum; /* of their centres */
};

/*
 * -ln of the probability of `value` or more among those before it, in nats, 0 to ANOMALY_SURPRISE_MAX; then learns it. In
 * the body the rank (n + 1) / (up + 1), where equals count as not smaller; in the tail (the top 1 %, at least 10) an
 * exponential with its mean excess. `value` is finite. When `memory` are held all counts are halved.
 */
#define ANOMALY_SURPRISE_MAX 20.f
float anomaly_histogram_surprise(struct anomaly_histogram *h, float value, uint32_t memory);

/* The number that one in `rarity` (> 1) is over, by the fit of the tail; 0 as long as there is none, or if that lies in the body. */
float anomaly_histogram_level(const struct anomaly_histogram *h, float rarity);
