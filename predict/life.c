/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet -> lens -> features -> bins --+--> trees without fold 1 --> guesses for fold 1 --+
 *                                     +--> trees without fold 2 --> guesses for fold 2 --+--> pairs -> outcome
 *                                     +--> ... (in several rounds, units shuffled anew) --+
 *
 * A new unit's guess is the mean over all trees; a training row's is the mean over those that did not see its unit. The
 * shares that intervals aim at are then searched, by guess, so that held-out intervals hold LIFE_INTERVAL.
 */
#include "life.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "life_feature.h"
#include "life_outcome.h"
#include "life_tree.h"

#define FOLDS 6
#define ROUNDS 3
#define SEED 0x9e3779b97f4a7c15u
#define DOUBT \
	0.5 /* units: the weight of the belief that a life may end at any time, so that no chance is 0 or 1 */
#define SHARE_FOLDS 4 /* of units, to search the shares */
#define SHARE_GROUPS 8 /* of guesses */
#define SHARE_GROUP_UNITS 8 /* a group for so many units */
#define SHARE_LEAST 0.7 /* so that certainty elsewhere never pays for a careless interval */
#define SHARES 15 /* steps of the grid from it to 1 */
#define SHARE_PAIRS 6000 /* at most about this many forecasts */
#define AIM_LEAST 0.7
#define AIM_STEPS 16 /* halvings */

struct life {
	double cap;
	struct life_lens lens;
	size_t machines; /* sets of trees */
	struct life_trees *trees; /* [machines] */
	struct life_outcome outcome;
	size_t groups;
	double group_edge[SHARE_GROUPS - 1],
			share[SHARE_GROUPS]; /* that intervals aim at, by guess */
	struct life_quality quality;
	struct life_trial *trial;
	size_t trials;
};

/* Only while training. */
struct school {
	const struct life_fleet *fleet;
	struct life *life;
	size_t rows;
	double *x; /* [rows][features] */
	double *target, *weight, *guess; /* [rows] */
	double *worth; /* [rows] in figures of quality */
	uint32_t *unit, *chosen; /* [rows] */
	uint32_t *order, *fold; /* [units] */
	struct life_pair *pair; /* [rows] */
	struct life_bins bins;
};

static bool
unit_valid(const struct life_unit *u)
{
	size_t i;

	if (!u->rows)
		return false;
	for (i = 0; i < u->rows; i++)
		if (!isfinite(u->time[i]) || (i && u->time[i] < u->time[i - 1]))
			return false;
	return true;
}

static bool
fleet_valid(const struct life_fleet *f, size_t *rows)
{
	size_t i;

	*rows = 0;
	if (f->count < LIFE_UNITS_MIN || !f->columns || f->columns > LIFE_COLUMNS_MAX)
		return false;
	for (i = 0; i < f->count; i++) {
		if (!unit_valid(&f->unit[i]) || f->unit[i].rows > LIFE_ROWS_MAX - *rows)
			return false;
		*rows += f->unit[i].rows;
	}
	return true;
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
life_of(const struct life_unit *u)
{
	return u->time[u->rows - 1] - u->time[0];
}

static int
typical_life(const struct life_fleet *f, double *out)
{
	double *life = malloc(f->count * sizeof(*life));
	size_t i;

	if (!life)
		return -ENOMEM;
	for (i = 0; i < f->count; i++)
		life[i] = life_of(&f->unit[i]);
	qsort(life, f->count, sizeof(*life), ascending);
	*out = life[f->count / 2];
	free(life);
	return 0;
}

/* xorshift* (Vigna 2016): the shuffles need no more. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

/* A fold for each unit, folds of equal size. */
static void
shuffle(struct school *s, uint64_t *state, size_t folds)
{
	size_t n = s->fleet->count, i;

	for (i = 0; i < n; i++)
		s->order[i] = (uint32_t)i;
	for (i = n - 1; i > 0; i--) {
		size_t j = next_random(state) % (i + 1);
		uint32_t kept = s->order[i];

		s->order[i] = s->order[j];
		s->order[j] = kept;
	}
	for (i = 0; i < n; i++)
		s->fold[s->order[i]] = (uint32_t)(i % folds);
}

static int
school_open(struct school *s)
{
	size_t n = s->rows, units = s->fleet->count;

	s->x = malloc(n * s->life->lens.features * sizeof(*s->x));
	s->target = malloc(n * sizeof(*s->target));
	s->weight = malloc(n * sizeof(*s->weight));
	s->worth = malloc(n * sizeof(*s->worth));
	s->guess = calloc(n, sizeof(*s->guess));
	s->unit = malloc(n * sizeof(*s->unit));
	s->chosen = malloc(n * sizeof(*s->chosen));
	s->pair = malloc(n * sizeof(*s->pair));
	s->order = malloc(units * sizeof(*s->order));
	s->fold = malloc(units * sizeof(*s->fold));
	return s->x && s->target && s->weight && s->worth && s->guess && s->unit && s->chosen &&
					s->pair && s->order && s->fold
			? 0
			: -ENOMEM;
}

static void
school_close(struct school *s)
{
	free(s->x);
	free(s->target);
	free(s->weight);
	free(s->worth);
	free(s->guess);
	free(s->unit);
	free(s->chosen);
	free(s->pair);
	free(s->order);
	free(s->fold);
	life_bins_fini(&s->bins);
}

/* Features, remaining lives and weights of all rows. Chances are learnt from rows alike: of the units that get as old and
 * look as worn, how many fail soon. Figures of quality weigh units alike, so that a few long lives do not make them. */
static int
school_fill(struct school *s)
{
	size_t u, i, row = 0;

	for (u = 0; u < s->fleet->count; u++) {
		const struct life_unit *unit = &s->fleet->unit[u];
		double end = unit->time[unit->rows - 1];

		if (life_lens_look(&s->life->lens, unit, 0, s->x + row * s->life->lens.features))
			return -ENOMEM;
		for (i = 0; i < unit->rows; i++, row++) {
			s->unit[row] = (uint32_t)u;
			s->target[row] = fmin(end - unit->time[i], s->life->cap);
			s->weight[row] = 1;
			s->worth[row] = 1 / (double)unit->rows;
		}
	}
	return life_bins_build(&s->bins, s->x, s->rows, s->life->lens.features);
}

/* One set of trees without the fold, and its guesses for the fold. */
static int
learn_without(struct school *s, struct life_trees *trees, uint32_t fold)
{
	struct life_tree_lesson lesson = {.bins = &s->bins,
			.target = s->target,
			.weight = s->weight,
			.row = s->chosen};
	size_t i;
	int rc;

	for (i = 0; i < s->rows; i++)
		if (s->fold[s->unit[i]] != fold)
			s->chosen[lesson.count++] = (uint32_t)i;
	rc = life_trees_train(trees, &lesson);
	for (i = 0; i < s->rows && !rc; i++)
		if (s->fold[s->unit[i]] == fold)
			s->guess[i] += life_trees_apply(trees, s->x + i * s->life->lens.features) /
					ROUNDS;
	return rc;
}

static int
learn(struct school *s)
{
	size_t folds = s->fleet->count < FOLDS ? s->fleet->count : FOLDS, round, k;
	struct life *life = s->life;
	uint64_t state = SEED;
	int rc = 0;

	life->trees = malloc(ROUNDS * folds * sizeof(*life->trees));
	if (!life->trees)
		return -ENOMEM;
	for (round = 0; round < ROUNDS && !rc; round++) {
		shuffle(s, &state, folds);
		for (k = 0; k < folds && !rc; k++)
			rc = learn_without(s, &life->trees[life->machines++], (uint32_t)k);
	}
	return rc;
}

/* Sums over held-out forecasts. */
struct tally {
	double weight, width, squares;
	double group_weight[SHARE_GROUPS];
	double covered[SHARE_GROUPS][SHARES + 1]; /* by intervals of each share on the grid */
};

static double
grid_share(size_t i)
{
	return SHARE_LEAST + (1 - SHARE_LEAST) * (double)i / SHARES;
}

static size_t
group_of(const struct life *life, double guess)
{
	size_t g = 0;

	while (g + 1 < life->groups && guess > life->group_edge[g])
		g++;
	return g;
}

static double
share_for(const struct life *life, double guess)
{
	return life->share[group_of(life, guess)];
}

/* Groups of equal size, by guess; in a small fleet fewer. */
static void
set_groups(struct school *s)
{
	struct life *life = s->life;
	size_t wanted = s->fleet->count / SHARE_GROUP_UNITS, g;

	life->groups = wanted < 1 ? 1 : wanted > SHARE_GROUPS ? SHARE_GROUPS : wanted;
	for (g = 0; g + 1 < life->groups; g++)
		life->group_edge[g] = s->pair[(g + 1) * s->rows / life->groups].guess;
}

static bool
covers(const struct life_forecast *f, double life)
{
	return life >= f->low && life <= f->high;
}

typedef void (*tally_pair)(const struct life *life, struct tally *t, struct life_forecast *f,
		const struct life_pair *p);

static void
tally_shares(const struct life *life, struct tally *t, struct life_forecast *f,
		const struct life_pair *p)
{
	size_t g = group_of(life, p->guess), i;

	t->group_weight[g] += p->worth;
	for (i = 0; i <= SHARES; i++) {
		life_interval(f, grid_share(i));
		if (covers(f, p->life))
			t->covered[g][i] += p->worth;
	}
}

static void
tally_quality(const struct life *life, struct tally *t, struct life_forecast *f,
		const struct life_pair *p)
{
	life_interval(f, share_for(life, p->guess));
	t->weight += p->worth;
	t->squares += p->worth * (f->median - p->life) * (f->median - p->life);
	t->width += p->worth * (f->high - f->low);
	t->covered[0][0] += covers(f, p->life) ? p->worth : 0;
}

/* Forecasts for every `stride`-th pair by distributions that its unit had no part in. */
static void
tally_all(const struct school *s, const struct life_outcome *fold, tally_pair add, struct tally *t)
{
	size_t stride = s->rows / SHARE_PAIRS + 1, i;
	struct life_forecast f;

	for (i = stride / 2; i < s->rows; i += stride) {
		life_outcome_tell(&fold[s->pair[i].unit % SHARE_FOLDS], s->pair[i].guess,
				LIFE_INTERVAL, &f);
		add(s->life, t, &f, &s->pair[i]);
	}
}

/* The least share on the grid's line by which intervals of the group hold `target`, and what they hold then. */
static double
share_of_group(const struct tally *t, size_t g, double target, double *held)
{
	double weight = t->group_weight[g], before = 0, after = 0;
	size_t i;

	for (i = 0; i <= SHARES; i++, before = after) {
		after = weight > 0 ? t->covered[g][i] / weight : 1;
		if (after < target)
			continue;
		*held = i ? target : after;
		return i ? grid_share(i - 1) +
						(grid_share(i) - grid_share(i - 1)) *
								(target - before) / (after - before)
			 : grid_share(0);
	}
	*held = after;
	return 1;
}

/* What all intervals hold if each group aims at `target`; sets the shares. */
static double
aim(struct life *life, const struct tally *t, double target)
{
	double sum = 0, total = 0, held;
	size_t g;

	for (g = 0; g < life->groups; g++) {
		life->share[g] = share_of_group(t, g, target, &held);
		sum += t->group_weight[g] * held;
		total += t->group_weight[g];
	}
	return sum / total;
}

/* Where a unit surely reaches the cap even the least interval holds more than LIFE_INTERVAL; the other groups aim at as
 * much less, alike. */
static void
search_shares(struct school *s, const struct life_outcome *fold)
{
	struct life_quality *q = &s->life->quality;
	struct tally t = {0}, last = {0};
	double low = AIM_LEAST, high = LIFE_INTERVAL + 0.1;
	int i;

	set_groups(s);
	tally_all(s, fold, tally_shares, &t);
	for (i = 0; i < AIM_STEPS; i++) {
		q->aim = (low + high) / 2;
		if (aim(s->life, &t, q->aim) < LIFE_INTERVAL)
			low = q->aim;
		else
			high = q->aim;
	}
	tally_all(s, fold, tally_quality, &last);
	q->rmse = sqrt(last.squares / last.weight);
	q->coverage = last.covered[0][0] / last.weight;
	q->width = last.width / last.weight;
}

static int
calibrate(struct school *s)
{
	struct life_outcome fold[SHARE_FOLDS] = {0};
	struct life_selection from = {.pair = s->pair,
			.count = s->rows,
			.folds = SHARE_FOLDS,
			.doubt = DOUBT / (double)s->fleet->count};
	int rc = 0;

	for (from.without = 0; from.without < SHARE_FOLDS && !rc; from.without++)
		rc = life_outcome_build(&fold[from.without], &from, s->life->cap);
	if (!rc)
		search_shares(s, fold);
	for (from.without = 0; from.without < SHARE_FOLDS; from.without++)
		life_outcome_fini(&fold[from.without]);
	return rc;
}

static int
judge(struct school *s)
{
	struct life *life = s->life;
	struct life_selection all = {.pair = s->pair,
			.count = s->rows,
			.doubt = DOUBT / (double)s->fleet->count};
	struct life_forecast f;
	size_t i;

	for (i = 0; i < s->rows; i++)
		s->pair[i] = (struct life_pair){.guess = s->guess[i],
				.life = s->target[i],
				.weight = s->weight[i],
				.worth = s->worth[i],
				.unit = s->unit[i]};
	life_pairs_sort(s->pair, s->rows);
	if (life_outcome_build(&life->outcome, &all, life->cap) || calibrate(s))
		return -ENOMEM;
	life->trials = s->rows;
	life->trial = malloc(s->rows * sizeof(*life->trial));
	if (!life->trial)
		return -ENOMEM;
	for (i = 0; i < s->rows; i++) {
		life_outcome_tell(&life->outcome, s->guess[i], share_for(life, s->guess[i]), &f);
		life->trial[i] = (struct life_trial){.truth = s->target[i], .median = f.median};
	}
	return 0;
}

static void
tell_conditions(struct life_quality *q, const struct life_condition *c)
{
	size_t k;

	q->conditions = c->count;
	q->axes = c->axes;
	for (k = 0; k < c->axes; k++)
		q->axis[k] = c->axis[k].column;
}

static int
train(struct school *s)
{
	struct life_quality *q = &s->life->quality;
	double typical;

	if (typical_life(s->fleet, &typical))
		return -ENOMEM;
	q->units = s->fleet->count;
	q->rows = s->rows;
	q->typical_life = typical;
	/* units that all fail at their first row: any span does */
	if (life_lens_fit(&s->life->lens, s->fleet,
			    typical > 0 ? fmin(typical, s->life->cap) : s->life->cap))
		return -ENOMEM;
	q->channels = s->life->lens.channels;
	q->columns_used = s->life->lens.used;
	tell_conditions(q, &s->life->lens.condition);
	if (school_open(s) || school_fill(s) || learn(s))
		return -ENOMEM;
	return judge(s);
}

int
life_train(const struct life_fleet *fleet, double cap, struct life **out)
{
	struct school s = {.fleet = fleet};
	int rc;

	if (!fleet_valid(fleet, &s.rows) || !(cap > 0) || !isfinite(cap))
		return -EINVAL;
	s.life = calloc(1, sizeof(*s.life));
	if (!s.life)
		return -ENOMEM;
	s.life->cap = cap;
	rc = train(&s);
	school_close(&s);
	if (rc)
		life_free(s.life);
	else
		*out = s.life;
	return rc;
}

void
life_free(struct life *life)
{
	if (!life)
		return;
	life_outcome_fini(&life->outcome);
	free(life->trees);
	free(life->trial);
	free(life);
}

int
life_follow(const struct life *life, const struct life_unit *unit, size_t first,
		struct life_forecast *out)
{
	size_t n, i, m;
	double *x;

	if (!unit_valid(unit) || first >= unit->rows)
		return -EINVAL;
	n = unit->rows - first;
	x = malloc(n * life->lens.features * sizeof(*x));
	if (!x || life_lens_look(&life->lens, unit, first, x)) {
		free(x);
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		double guess = 0;

		for (m = 0; m < life->machines; m++)
			guess += life_trees_apply(&life->trees[m], x + i * life->lens.features);
		guess /= (double)life->machines;
		life_outcome_tell(&life->outcome, guess, share_for(life, guess), &out[i]);
	}
	free(x);
	return 0;
}

double
life_probability(const struct life_forecast *f, double horizon)
{
	double position = horizon / f->cap * LIFE_STEPS, part;
	size_t i;

	if (!(horizon <= f->cap))
		return NAN;
	if (horizon < 0)
		return 0;
	if (position >= LIFE_STEPS)
		return f->below[LIFE_STEPS];
	i = (size_t)position;
	part = position - (double)i;
	return (1 - part) * f->below[i] + part * f->below[i + 1];
}

size_t
life_strangers(const struct life *life, const struct life_unit *unit)
{
	const struct life_condition *c = &life->lens.condition;
	size_t i, strangers = 0;

	for (i = 0; c->count && i < unit->rows; i++)
		strangers += life_condition_of(c, unit->value + i * c->columns) < 0;
	return strangers;
}

void
life_quality(const struct life *life, struct life_quality *out)
{
	*out = life->quality;
}

const struct life_trial *
life_trials(const struct life *life, size_t *count)
{
	*count = life->trials;
	return life->trial;
}
