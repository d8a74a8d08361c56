/* SPDX-License-Identifier: Apache-2.0 */
#include "history_slots.h"

#include <math.h>
#include <string.h>

#define COARSE_SHIFT 8 /* least and greatest are multiples of 256 (history_codec.h) */
#define COUNT_MAX 1023

const struct history_shape history_shape[HISTORY_TIERS] = {
		[HISTORY_1S] = {1, 120, 120},
		[HISTORY_10S] = {10, 60, 600},
		[HISTORY_1M] = {60, 60, 3600},
};

static void
clear(struct history_slots *s, enum history_tier tier)
{
	uint32_t i;

	s->slot[tier] = 0;
	if (tier != HISTORY_1S) {
		memset(s->place[tier - 1], 0, sizeof(s->place[tier - 1]));
		return;
	}
	for (i = 0; i < HISTORY_PLACES_MAX; i++)
		s->sample[i] = HISTORY_GAP;
}

void
history_slots_init(struct history_slots *s)
{
	memset(s, 0, sizeof(*s));
	clear(s, HISTORY_1S);
}

static void
place_put(struct history_slots *s, enum history_tier tier, const struct history_sum *sum)
{
	struct history_place *p = &s->place[tier - 1][sum->step % HISTORY_STEP_PLACES];

	/* Infinities of both signs have no mean. */
	p->mean = isnan(sum->sum) ? 0 : history_quantise(sum->sum / sum->count);
	p->min = history_quantise_down(sum->min) >> COARSE_SHIFT;
	p->max = history_quantise_up(sum->max) >> COARSE_SHIFT;
	p->count = (int32_t)(sum->count < COUNT_MAX ? sum->count : COUNT_MAX);
}

/* The step that was being summed up becomes a place of the open slot. */
static void
sum_end(struct history_slots *s, enum history_tier tier)
{
	struct history_sum *sum = &s->sum[tier - 1];

	if (sum->count)
		place_put(s, tier, sum);
	*sum = (struct history_sum){0};
}

static size_t
encode(const struct history_slots *s, enum history_tier tier, uint8_t out[HISTORY_BLOB_MAX])
{
	struct history_step step[HISTORY_STEP_PLACES];
	const struct history_place *p;
	uint32_t i;

	if (tier == HISTORY_1S)
		return history_samples_encode(s->sample, HISTORY_PLACES_MAX, out);
	for (i = 0; i < HISTORY_STEP_PLACES; i++) {
		p = &s->place[tier - 1][i];
		step[i] = (struct history_step){(uint32_t)p->count, p->mean,
				p->min * (1 << COARSE_SHIFT), p->max * (1 << COARSE_SHIFT)};
	}
	return history_steps_encode(step, HISTORY_STEP_PLACES, out);
}

static void
slot_end(struct history_slots *s, enum history_tier tier, history_chunk_fn fn, void *arg)
{
	uint8_t blob[HISTORY_BLOB_MAX];
	size_t size;

	if (s->slot[tier] == 0)
		return;
	if (tier != HISTORY_1S)
		sum_end(s, tier);
	size = fn ? encode(s, tier, blob) : 0;
	if (size)
		fn(arg, tier, s->slot[tier], blob, size);
	clear(s, tier);
}

/* The slot of that time is the open one; what was open before it is over. */
static void
slot_open(struct history_slots *s, enum history_tier tier, uint32_t second, history_chunk_fn fn,
		void *arg)
{
	uint32_t slot = second / history_shape[tier].slot_s;

	if (s->slot[tier] == slot)
		return;
	slot_end(s, tier, fn, arg);
	s->slot[tier] = slot;
}

static void
sum_open(struct history_slots *s, enum history_tier tier, uint32_t second)
{
	struct history_sum *sum = &s->sum[tier - 1];
	uint32_t step = second / history_shape[tier].step_s;

	if (sum->step == step)
		return;
	sum_end(s, tier);
	*sum = (struct history_sum){.step = step, .min = INFINITY, .max = -INFINITY};
}

static void
sum_add(struct history_sum *sum, uint32_t count, double mean, double min, double max)
{
	sum->count += count;
	sum->sum += mean * count;
	if (min < sum->min)
		sum->min = min;
	if (max > sum->max)
		sum->max = max;
}

void
history_slots_add(struct history_slots *s, uint32_t second, double value, history_chunk_fn fn,
		void *arg)
{
	enum history_tier tier;

	if (isnan(value) || second < history_shape[HISTORY_1M].slot_s)
		return;
	for (tier = 0; tier < HISTORY_TIERS; tier++) {
		slot_open(s, tier, second, fn, arg);
		if (tier == HISTORY_1S) {
			s->sample[second % HISTORY_PLACES_MAX] = history_quantise(value);
			continue;
		}
		sum_open(s, tier, second);
		sum_add(&s->sum[tier - 1], 1, value, value, value);
	}
}

void
history_slots_add_step(struct history_slots *s, uint32_t second, const struct history_step *step)
{
	if (step->count == 0)
		return;
	slot_open(s, HISTORY_1M, second, NULL, NULL);
	sum_open(s, HISTORY_1M, second);
	sum_add(&s->sum[HISTORY_1M - 1], step->count, history_dequantise(step->mean),
			history_dequantise(step->min), history_dequantise(step->max));
}

void
history_slots_close(struct history_slots *s, uint32_t second, history_chunk_fn fn, void *arg)
{
	enum history_tier tier;

	for (tier = 0; tier < HISTORY_TIERS; tier++) {
		if ((s->slot[tier] + 1ull) * history_shape[tier].slot_s <= second)
			slot_end(s, tier, fn, arg);
	}
}

static struct history_sum
sum_of_place(const struct history_place *p)
{
	return (struct history_sum){.count = (uint32_t)p->count,
			.sum = history_dequantise(p->mean) * p->count,
			.min = history_dequantise(p->min * (1 << COARSE_SHIFT)),
			.max = history_dequantise(p->max * (1 << COARSE_SHIFT))};
}

/* A place that both have is of a step that was half over. The one that `s` still sums up takes it in. */
static void
merge_steps(struct history_slots *s, const struct history_slots *older, enum history_tier tier)
{
	struct history_sum *open = &s->sum[tier - 1], sum, mine;
	const struct history_place *p;
	uint32_t i, first = s->slot[tier] * HISTORY_STEP_PLACES;

	for (i = 0; i < HISTORY_STEP_PLACES; i++) {
		p = &older->place[tier - 1][i];
		if (p->count == 0)
			continue;
		sum = sum_of_place(p);
		sum.step = first + i;
		if (open->count && open->step == sum.step) {
			sum_add(open, sum.count, sum.sum / sum.count, sum.min, sum.max);
			continue;
		}
		if (s->place[tier - 1][i].count) {
			mine = sum_of_place(&s->place[tier - 1][i]);
			sum_add(&sum, mine.count, mine.sum / mine.count, mine.min, mine.max);
		}
		place_put(s, tier, &sum);
	}
}

static void
merge_samples(struct history_slots *s, const struct history_slots *older)
{
	uint32_t i;

	for (i = 0; i < HISTORY_PLACES_MAX; i++) {
		if (s->sample[i] == HISTORY_GAP)
			s->sample[i] = older->sample[i];
	}
}

void
history_slots_merge(struct history_slots *s, struct history_slots *older, history_chunk_fn fn,
		void *arg)
{
	enum history_tier tier;

	for (tier = 0; tier < HISTORY_TIERS; tier++) {
		if (s->slot[tier] == 0)
			s->slot[tier] = older->slot[tier];
		if (s->slot[tier] != older->slot[tier]) {
			slot_end(older, tier, fn, arg);
			continue;
		}
		if (tier != HISTORY_1S) {
			sum_end(older, tier);
			merge_steps(s, older, tier);
		} else {
			merge_samples(s, older);
		}
		clear(older, tier);
	}
}

bool
history_slots_empty(const struct history_slots *s)
{
	return s->slot[HISTORY_1S] == 0 && s->slot[HISTORY_10S] == 0 && s->slot[HISTORY_1M] == 0;
}
