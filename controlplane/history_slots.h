/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One series on its way to the disk. Time is cut into slots, the same for all series; in each tier the newest slot
 * collects samples, and becomes a chunk when it is over:
 *
 *   sample ─> 1 s: 120 places, a slot is 2 minutes
 *        ├──> 10 s: count, mean, min, max; 60 places, 10 minutes
 *        └──> 1 min: the same; 60 places, an hour
 *
 * The boundaries of a coarser tier's slots are also boundaries of the finer ones', so that an unfinished coarse slot
 * can be made again from finished finer ones. Pure: time is an argument, in seconds since 1970.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history_codec.h"

enum history_tier {
	HISTORY_1S,
	HISTORY_10S,
	HISTORY_1M,
	HISTORY_TIERS
};

struct history_shape {
	uint32_t step_s, places, slot_s;
};
extern const struct history_shape history_shape[HISTORY_TIERS];

/* As in struct history_step, packed: there are many. */
struct history_place {
	int32_t mean;
	int32_t min : 21, count : 11;
	int32_t max : 21, : 11;
};
_Static_assert(sizeof(struct history_place) == 12, "there are 120 in every series");

struct history_sum {
	uint32_t step; /* steps since 1970; 0: none */
	uint32_t count;
	double sum, min, max;
};

#define HISTORY_STEP_PLACES 60

struct history_slots {
	uint32_t slot[HISTORY_TIERS]; /* slots since 1970; 0: none is open */
	int32_t sample[HISTORY_PLACES_MAX];
	struct history_place place[HISTORY_TIERS - 1][HISTORY_STEP_PLACES];
	struct history_sum sum[HISTORY_TIERS - 1];
};

/* A chunk is ready to be kept; the blob is valid during the call. */
typedef void (*history_chunk_fn)(
		void *arg, enum history_tier tier, uint32_t slot, const uint8_t *blob, size_t size);

void history_slots_init(struct history_slots *s);

/* A sample; NAN is none. What is over by it goes to fn, which may be NULL. */
void history_slots_add(struct history_slots *s, uint32_t second, double value, history_chunk_fn fn,
		void *arg);

/* A step of 10 s that was kept already, which lacks in the 1 min tier alone. */
void history_slots_add_step(
		struct history_slots *s, uint32_t second, const struct history_step *step);

/* Ends the slots that end at `second` or before. */
void history_slots_close(struct history_slots *s, uint32_t second, history_chunk_fn fn, void *arg);

/* Takes in what was read back late of the same series: samples and steps that `s` lacks. Open slots of `older` that are
 * not those of `s` go to fn. `older` is empty then. */
void history_slots_merge(struct history_slots *s, struct history_slots *older, history_chunk_fn fn,
		void *arg);

bool history_slots_empty(const struct history_slots *s);
