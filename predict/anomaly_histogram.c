/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_histogram.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define CODE_SHIFT 20 /* of a float's bits: what is above are 8 bins per octave */
#define FIRST_BIN (ANOMALY_BINS * 3 / 4) /* of the first number over 0: 4 octaves of room above */
#define VALUE_MIN 1e-30f /* less is 0 */
#define VALUE_MAX 1e30f
#define TAIL_SHARE .01f
#define TAIL_LEAST 10.f
#define TAIL_FIT_LEAST 5 /* numbers for a fit */
#define BODY_FIT_LEAST 20
#define EXCESS_LEAST .05f /* of the tail's edge: a step of the histogram has no narrower tail */

union float_bits {
	float value;
	uint32_t bits;
};

static int
code_of(float value)
{
	return (int)((union float_bits){.value = value}.bits >> CODE_SHIFT);
}

static float
edge_of(const struct anomaly_histogram *h, int bin)
{
	return (union float_bits){.bits = (uint32_t)(bin + h->base) << CODE_SHIFT}.value;
}

static float
centre_of(const struct anomaly_histogram *h, int bin)
{
	return .5f * (edge_of(h, bin) + edge_of(h, bin + 1));
}

/* The bins move down by `by`; what falls off the lower end becomes bin 1. */
static void
slide(struct anomaly_histogram *h, int by)
{
	int gone = by < ANOMALY_BINS - 2 ? by : ANOMALY_BINS - 2, i;
	uint32_t low = 0;

	for (i = 1; i <= gone + 1; i++)
		low += h->count[i];
	memmove(h->count + 2, h->count + 2 + gone,
			sizeof(h->count[0]) * (size_t)(ANOMALY_BINS - 2 - gone));
	memset(h->count + ANOMALY_BINS - gone, 0, sizeof(h->count[0]) * (size_t)gone);
	h->count[1] = (uint16_t)(low < UINT16_MAX - 1 ? low : UINT16_MAX - 1);
	h->base = (int16_t)(h->base + by);
}

static void
forget_tail(struct anomaly_histogram *h)
{
	h->tail = ANOMALY_BINS;
	h->tail_n = 0;
	h->tail_sum = 0;
}

static int
bin_of(struct anomaly_histogram *h, float value)
{
	int bin;

	if (!(value > 0))
		return 0;
	if (!h->base) {
		bin = code_of(value) - FIRST_BIN;
		h->base = (int16_t)(bin < 1 ? 1 : bin);
		forget_tail(h);
	}
	bin = code_of(value) - h->base;
	if (bin >= ANOMALY_BINS) {
		slide(h, bin - ANOMALY_BINS + 1);
		forget_tail(h);
		return ANOMALY_BINS - 1;
	}
	return bin < 1 ? 1 : bin;
}

/* The tail is the fewest bins from the top that hold its share; most samples leave its edge where it is. */
static void
fit_tail(struct anomaly_histogram *h)
{
	float share = TAIL_SHARE * (float)h->n, need = share < TAIL_LEAST ? TAIL_LEAST : share;
	int tail = h->tail ? h->tail : ANOMALY_BINS;

	while (tail < ANOMALY_BINS && (float)(h->tail_n - h->count[tail]) >= need) {
		h->tail_n -= h->count[tail];
		h->tail_sum -= (float)h->count[tail] * centre_of(h, tail);
		tail++;
	}
	while (tail > 1 && (float)h->tail_n < need) {
		tail--;
		h->tail_n += h->count[tail];
		if (h->count[tail])
			h->tail_sum += (float)h->count[tail] * centre_of(h, tail);
	}
	h->tail = (uint16_t)tail;
}

static float
surprise_of_rank(const struct anomaly_histogram *h, int bin)
{
	uint32_t up = 0;
	int i;

	for (i = bin; i < ANOMALY_BINS; i++)
		up += h->count[i];
	return logf((float)(h->n + 1) / (float)(up + 1));
}

static float
excess_of(const struct anomaly_histogram *h, float edge)
{
	float excess = h->tail_sum / (float)h->tail_n - edge;

	return excess >= EXCESS_LEAST * edge ? excess : EXCESS_LEAST * edge;
}

static bool
has_fit(const struct anomaly_histogram *h)
{
	return h->tail_n >= TAIL_FIT_LEAST && h->n >= BODY_FIT_LEAST;
}

static float
surprise_of_tail(const struct anomaly_histogram *h, float value)
{
	float edge = edge_of(h, h->tail);

	return logf((float)(h->n + 1) / (float)(h->tail_n + 1)) +
			(value - edge) / excess_of(h, edge);
}

static void
halve(struct anomaly_histogram *h)
{
	int i;

	h->n = 0;
	for (i = 0; i < ANOMALY_BINS; i++) {
		h->count[i] >>= 1;
		h->n += h->count[i];
	}
	forget_tail(h);
}

static void
learn(struct anomaly_histogram *h, int bin, uint32_t memory)
{
	h->n++;
	h->count[bin]++;
	if (bin >= h->tail && h->tail) {
		h->tail_n++;
		h->tail_sum += centre_of(h, bin);
	}
	if (h->count[bin] == UINT16_MAX || h->n >= memory)
		halve(h);
}

float
anomaly_histogram_surprise(struct anomaly_histogram *h, float value, uint32_t memory)
{
	float surprise;
	int bin;

	if (!(value > VALUE_MIN))
		value = 0;
	if (value > VALUE_MAX)
		value = VALUE_MAX;
	bin = bin_of(h, value);
	fit_tail(h);
	if (bin >= h->tail && has_fit(h))
		surprise = surprise_of_tail(h, value);
	else
		surprise = surprise_of_rank(h, bin);
	learn(h, bin, memory);
	if (!(surprise > 0))
		return 0;
	return surprise < ANOMALY_SURPRISE_MAX ? surprise : ANOMALY_SURPRISE_MAX;
}

float
anomaly_histogram_level(const struct anomaly_histogram *h, float rarity)
{
	float edge, nats;

	if (!has_fit(h))
		return 0;
	edge = edge_of(h, h->tail);
	nats = logf(rarity * (float)h->tail_n / (float)h->n);
	return nats > 0 ? edge + nats * excess_of(h, edge) : 0;
}
