/* SPDX-License-Identifier: Apache-2.0 */
#include "season_profile.h"

#include <math.h>

#define RATE_MIN 0.12 /* per season: follows a change of habits within about 8 seasons */
#define SPREAD_PRIOR 6 /* samples that the usual spread is worth */

void
season_profile_init(struct season_profile *p, uint32_t period, uint32_t slots_max)
{
	uint32_t share = (period + slots_max - 1) / slots_max;

	p->period = period;
	p->slots = (period + share - 1) / share;
	p->first = 0;
	p->spare = 0;
}

static double
phase_of(const struct season_profile *p, int64_t at)
{
	int64_t phase = at % (int64_t)p->period;

	if (phase < 0)
		phase += p->period;
	return (double)phase * p->slots / p->period;
}

static uint32_t
slot_of(const struct season_profile *p, int64_t at)
{
	return p->first + (uint32_t)phase_of(p, at);
}

double
season_profile_level(const struct season_profile *p, const struct season_slot *slot, int64_t at)
{
	double phase = phase_of(p, at), part;
	uint32_t here, other;

	if (p->slots == p->period)
		return slot[p->first + (uint32_t)phase].level;
	/* A slot's average stands for its middle. */
	here = (uint32_t)phase;
	part = phase - here + 0.5 * p->slots / p->period - 0.5;
	other = part < 0 ? (here + p->slots - 1) % p->slots : (here + 1) % p->slots;
	part = fabs(part);
	return (1 - part) * slot[p->first + here].level + part * slot[p->first + other].level;
}

double
season_profile_around(const struct season_profile *p, const struct season_slot *slot, int64_t at)
{
	uint32_t reach = p->slots / 60 + 1, i, here = slot_of(p, at) - p->first + p->slots - reach;
	double sum = 0;

	for (i = 0; i <= 2 * reach; i++)
		sum += slot[p->first + (here + i) % p->slots].level;
	return sum / (2 * reach + 1);
}

double
season_profile_recent(const struct season_profile *p, const struct season_slot *slot, int64_t at)
{
	return slot[slot_of(p, at)].recent;
}

double
season_profile_spread(const struct season_profile *p, const struct season_slot *slot, int64_t at,
		double usual)
{
	const struct season_slot *s = &slot[slot_of(p, at)];

	return (s->seen * s->spread + SPREAD_PRIOR * usual) / (s->seen + SPREAD_PRIOR);
}

static double
rate_of(const struct season_profile *p, const struct season_slot *s)
{
	return fmax(1 / (s->seen + 1), RATE_MIN * p->slots / p->period);
}

double
season_profile_learn(const struct season_profile *p, struct season_slot *slot, int64_t at,
		double left_over)
{
	struct season_slot *s = &slot[slot_of(p, at)];
	double took = rate_of(p, s) * left_over;

	s->level += (float)took;
	s->recent = (float)(left_over - took);
	s->seen++;
	return took;
}

void
season_profile_learn_spread(
		const struct season_profile *p, struct season_slot *slot, int64_t at, double error)
{
	struct season_slot *s = &slot[slot_of(p, at)];

	s->spread += (float)(rate_of(p, s) * (fabs(error) - s->spread));
}
