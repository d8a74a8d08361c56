/* SPDX-License-Identifier: Apache-2.0 */
#include "trickle.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define PAST_RATE (1.0f / 600) /* some ten minutes */
#define INTERVALS_MIN 3
#define GROUPS_MIN 2

static void
shift_in(float span[TRICKLE_SPAN], double value)
{
	memmove(span + 1, span, (TRICKLE_SPAN - 1) * sizeof(*span));
	span[0] = (float)(value > 0 ? value : 0);
}

/* What leaves the span joins the past. */
void
trickle_update(struct trickle *t, double part, double whole)
{
	t->past_part += t->part[TRICKLE_SPAN - 1] - t->past_part * PAST_RATE;
	t->past_whole += t->whole[TRICKLE_SPAN - 1] - t->past_whole * PAST_RATE;
	shift_in(t->part, part);
	shift_in(t->whole, whole);
}

static double
sum(const float span[TRICKLE_SPAN])
{
	double total = 0;
	int i;

	for (i = 0; i < TRICKLE_SPAN; i++)
		total += (double)span[i];
	return total;
}

static bool
comes_and_goes(const float part[TRICKLE_SPAN])
{
	int i, intervals = 0, groups = 0;

	for (i = 0; i < TRICKLE_SPAN; i++) {
		if (!(part[i] > 0))
			continue;
		intervals++;
		groups += i == 0 || !(part[i - 1] > 0);
	}
	return intervals >= INTERVALS_MIN && groups >= GROUPS_MIN;
}

double
trickle_sd(const struct trickle *t, double anywhere, double least)
{
	double part = sum(t->part), whole = sum(t->whole);
	double usual = ((double)t->past_part + 0.5) / ((double)t->past_whole + 0.5 / anywhere);
	double expected = usual * whole;

	if (!comes_and_goes(t->part) || !(part > expected) || part < whole * least)
		return 0;
	return sqrt(2 * (part * log(part / expected) - (part - expected)));
}

double
trickle_count(const struct trickle *t)
{
	return sum(t->part);
}
