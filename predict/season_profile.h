/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a season adds to a series at each of its phases: a ring of slots, each an average that learns by the count of
 * what it saw and then slowly. A season of more samples than slots shares them and is read by interpolation. Plain
 * memory. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct season_slot {
	float level; /* added to the series here */
	float recent; /* what was left over at the last time here */
	float spread; /* mean absolute error of the forecasts of the next sample here */
	float seen; /* samples */
};

struct season_profile {
	uint32_t period; /* samples */
	uint32_t slots;
	uint32_t first; /* in the array of all seasons' slots */
	uint32_t spare;
};

void season_profile_init(struct season_profile *p, uint32_t period, uint32_t slots_max);

/* `slot`: the array of all seasons' slots; `at`: number of a sample, also negative. */
double season_profile_level(
		const struct season_profile *p, const struct season_slot *slot, int64_t at);
/* Average of the slots within a sixtieth of the season to both sides. */
double season_profile_around(
		const struct season_profile *p, const struct season_slot *slot, int64_t at);
double season_profile_recent(
		const struct season_profile *p, const struct season_slot *slot, int64_t at);
/* Shrunk towards `usual` where little was seen. */
double season_profile_spread(const struct season_profile *p, const struct season_slot *slot,
		int64_t at, double usual);

/* Learns what is left over of the series; returns what the profile took of it. */
double season_profile_learn(const struct season_profile *p, struct season_slot *slot, int64_t at,
		double left_over);
void season_profile_learn_spread(
		const struct season_profile *p, struct season_slot *slot, int64_t at, double error);
