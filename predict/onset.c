/* SPDX-License-Identifier: Apache-2.0 */
#include "onset.h"

#include <math.h>
#include <stdbool.h>

#define LAG 16 /* samples until one belongs to the past: else a climb would hide in it */
#define PAST_RATE (1.0 / 600)
#define PAST_MIN 10
#define YOUNG_SD 6.0 /* a standard deviation of n samples is taken 6 / n wider */
#define CLIP_SD 3.0
#define CLIP_FROM 10
#define SEEN_MIN 3 /* samples of a climb: fewer may be a jump on its way */
#define BEFORE_JUMP 3 /* samples of the past that are seen before one */
#define AGE_MAX (2 * ONSET_SPAN) /* a climb may have begun before the oldest sample */
#define RAISED 2.0 /* standard deviations by which the newest three exceed the past at least */
#define PRIOR_CLIMB 1e-3 /* against 1 for nothing; of all ages together */
#define PRIOR_JUMP 1e-2
#define SLOPE_S 30.0 /* a usual climb reaches the limit in about so long */
#define JUMP_WAY 0.5 /* a usual jump goes so much of the way */
#define TEMPER 0.5 /* of the evidence: neighbouring samples are not independent */
#define TENTH_SD 1.2816 /* a normal variable is lower by more one time in ten */
/* How long a climb lasts is not known: (age + 2) / (age + 2 + rest) to this power. */
#define LASTS_S 2.0
#define LASTS_POWER 0.5
#define WEIGHT_MIN 1e-6 /* of the heaviest: less is not asked */

static double
past_sd(const struct onset *o, double sd_min)
{
	return fmax(sqrt((double)o->var), sd_min) * (1 + YOUNG_SD / (o->known + 1));
}

/* Clipped, so that what is strange does not become the past at once. */
static void
learn(struct onset *o, double x)
{
	double d = x - (double)o->mean, bound = CLIP_SD * past_sd(o, 0);
	double rate = fmax(PAST_RATE, 1.0 / (o->known + 1));

	if (o->known >= CLIP_FROM)
		d = fmin(fmax(d, -bound), bound);
	o->mean += (float)(rate * d);
	o->var = (float)((1 - rate) * ((double)o->var + rate * d * d));
	o->known++;
}

void
onset_update(struct onset *o, double value)
{
	double old = (double)o->value[(o->seen + ONSET_SPAN - LAG) % ONSET_SPAN];

	if (o->seen >= LAG && !isnan(old))
		learn(o, old);
	o->value[o->seen % ONSET_SPAN] = isfinite(value) && fabs(value) < 1e30 ? (float)value : NAN;
	o->seen++;
}

/* Of the samples since some second: y in standard deviations from the past, x in seconds since then, the first at 1. */
struct sums {
	double n, x, xx, y, xy;
};

/* A change some seconds ago, by least squares through the origin, with a normal prior of the size. */
struct change {
	double size, precision; /* slope or height; 1 / its variance */
	double gain; /* by how much it lessens the sum of squares */
	bool known; /* enough samples speak for it */
};

struct weighing {
	double y[ONSET_SPAN]; /* newest first; NAN: missing */
	unsigned length, count; /* of y; of those not missing */
	double distance; /* of the limit */
	double all; /* sum of y^2 */
	double noise; /* variance that the best explanation leaves; at least 1 */
	struct sums since[AGE_MAX + 1]; /* by age */
};

static void
look(struct weighing *w, const struct onset *o, const struct onset_limit *l)
{
	double mean = (double)o->mean, sd = past_sd(o, l->sd_min);
	unsigned i;

	sd = sqrt(sd * sd + fmax(l->more_var, 0));

	w->length = o->seen < ONSET_SPAN ? o->seen : ONSET_SPAN;
	w->count = 0;
	w->all = 0;
	w->distance = (l->limit - mean) * l->worse / sd;
	for (i = 0; i < w->length; i++) {
		w->y[i] = ((double)o->value[(o->seen - 1 - i) % ONSET_SPAN] - mean) * l->worse / sd;
		if (isnan(w->y[i]))
			continue;
		w->count++;
		w->all += w->y[i] * w->y[i];
	}
}

/* Nearly always nothing climbs, and this is all that is asked. */
static bool
is_raised(const struct weighing *w)
{
	double sum = 0;
	unsigned i, n = 0;

	for (i = 0; i < 3 && i < w->length; i++) {
		if (isnan(w->y[i]))
			continue;
		sum += w->y[i];
		n++;
	}
	return n > 0 && sum > RAISED * n;
}

/* A second earlier: what is there gets older by one, and the sample of that second joins. */
static void
grow(struct sums *s, double y)
{
	s->xx += 2 * s->x + s->n;
	s->x += s->n;
	s->xy += s->y;
	if (isnan(y))
		return;
	s->n++;
	s->x++;
	s->xx++;
	s->y += y;
	s->xy += y;
}

static void
sums_fill(struct weighing *w)
{
	struct sums s = {0};
	unsigned age;

	for (age = 1; age <= AGE_MAX; age++) {
		grow(&s, age <= w->length ? w->y[age - 1] : NAN);
		w->since[age] = s;
	}
}

static struct change
change_of(double square, double product, double prior_sd, double noise)
{
	struct change c = {.precision = square / noise + 1 / (prior_sd * prior_sd)};

	c.size = product / noise / c.precision;
	c.gain = c.size > 0 ? c.size * product / noise : 0;
	return c;
}

static struct change
climb_of(const struct weighing *w, unsigned age)
{
	const struct sums *s = &w->since[age];
	struct change c = change_of(s->xx, s->xy, w->distance / SLOPE_S, w->noise);

	c.known = s->n >= SEEN_MIN && c.size > 0;
	return c;
}

static struct change
jump_of(const struct weighing *w, unsigned age)
{
	const struct sums *s = &w->since[age];
	struct change c = change_of(s->n, s->y, w->distance * JUMP_WAY, w->noise);

	c.known = s->n > 0 && c.size > 0;
	return c;
}

/* What no explanation explains is noise. */
static void
noise_find(struct weighing *w)
{
	double best = 0;
	unsigned age;

	w->noise = 1;
	for (age = 1; age <= AGE_MAX; age++) {
		best = fmax(best, climb_of(w, age).gain);
		if (age <= w->length)
			best = fmax(best, jump_of(w, age).gain);
	}
	w->noise = fmax(1, (w->all - best) / fmax(w->count - 2, 1));
}

/* ln of the marginal likelihood against nothing having happened (Laplace; exact for a normal prior). */
static double
evidence(const struct change *c, double prior_sd)
{
	return TEMPER * c->gain / 2 - log(c->precision * prior_sd * prior_sd) / 2;
}

/* The older a climb is, the longer it is likely to go on; Pareto, as for lives of which only the age is known. */
static double
lasts(const struct change *c, double distance, double age, double seconds)
{
	double rest = fmin(fmax(distance / c->size - age, 0), seconds);

	return pow((age + LASTS_S) / (age + LASTS_S + rest), LASTS_POWER);
}

static double
sd_of(const struct change *c)
{
	return 1 / sqrt(c->precision * TEMPER);
}

static double
reaches(const struct change *c, double distance, double age, double seconds)
{
	double short_of = (distance / (age + seconds) - c->size) / sd_of(c);
	double steep = 0.5 * erfc(short_of * M_SQRT1_2);

	return steep * lasts(c, distance, age, seconds);
}

/* ln of the weights against nothing having happened; -INFINITY for what too few samples speak for. */
struct weights {
	double climb[AGE_MAX + 1], jump[ONSET_SPAN + 1], most;
};

static void
weights_find(const struct weighing *w, struct weights *l)
{
	struct change c;
	unsigned age;

	l->most = 0;
	for (age = 1; age <= AGE_MAX; age++) {
		c = climb_of(w, age);
		l->climb[age] = c.known
				? log(PRIOR_CLIMB / AGE_MAX) + evidence(&c, w->distance / SLOPE_S)
				: -INFINITY;
		l->most = fmax(l->most, l->climb[age]);
		if (age > ONSET_SPAN)
			continue;
		c = jump_of(w, age);
		l->jump[age] = c.known && age <= w->length ? log(PRIOR_JUMP / ONSET_SPAN) +
						evidence(&c, w->distance * JUMP_WAY)
							   : -INFINITY;
		l->most = fmax(l->most, l->jump[age]);
	}
}

static double
seconds_at(const struct weighing *w, unsigned age, double slope)
{
	return slope > 0 ? fmax(w->distance / slope - age, 0) : INFINITY;
}

/* By the climb that explains most. */
static void
times_find(const struct weighing *w, const struct weights *l, struct onset_climb *out)
{
	struct change c;
	unsigned age, best = 1;
	double sd;

	for (age = 2; age <= AGE_MAX; age++) {
		if (l->climb[age] > l->climb[best])
			best = age;
	}
	c = climb_of(w, best);
	if (!c.known)
		return;
	sd = sd_of(&c);
	out->median_s = seconds_at(w, best, c.size);
	out->low_s = seconds_at(w, best, c.size + TENTH_SD * sd);
	out->high_s = seconds_at(w, best, c.size - TENTH_SD * sd);
}

static void
average(const struct weighing *w, const struct weights *l, const uint16_t seconds[ONSET_HORIZONS],
		struct onset_climb *out)
{
	double whole = exp(-l->most), weight;
	struct change c;
	unsigned age, k;

	for (age = 1; age <= AGE_MAX; age++) {
		weight = age <= ONSET_SPAN ? exp(l->jump[age] - l->most) : 0;
		whole += weight;
		out->jumped += age + BEFORE_JUMP <= w->length ? weight : 0;
		weight = exp(l->climb[age] - l->most);
		if (!(weight > WEIGHT_MIN))
			continue;
		whole += weight;
		c = climb_of(w, age);
		for (k = 0; k < ONSET_HORIZONS; k++)
			out->reach[k] += weight * reaches(&c, w->distance, age, seconds[k]);
	}
	for (k = 0; k < ONSET_HORIZONS; k++)
		out->reach[k] /= whole;
	out->jumped /= whole;
}

void
onset_look(const struct onset *o, const struct onset_limit *limit,
		const uint16_t seconds[ONSET_HORIZONS], struct onset_climb *out)
{
	struct weighing w;
	struct weights l;

	*out = (struct onset_climb){.median_s = NAN, .low_s = NAN, .high_s = NAN};
	if (!(limit->sd_min > 0) || o->known < PAST_MIN)
		return;
	look(&w, o, limit);
	if (!(w.distance > 0) || !isfinite(w.distance * w.all) || !is_raised(&w))
		return;
	sums_fill(&w);
	noise_find(&w);
	weights_find(&w, &l);
	average(&w, &l, seconds, out);
	times_find(&w, &l, out);
}
