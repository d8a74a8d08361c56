/* SPDX-License-Identifier: Apache-2.0 */
#include "forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast_node.h"
#include "season_profile.h"

#define SAMPLES_FIRST 4 /* before them there is nothing to say */
#define LEVEL_RATE_MAX 0.02
#define TREND_RATE 0.02 /* of the level's own rate */
#define TREND_KEPT 0.995 /* per sample: the trend flattens out */
#define OUTLIER \
	6 /* mean absolute errors beyond which a sample moves level and seasons no further */
#define SCALE_RATE_MIN 0.002
#define UNREST_RATE 0.1
#define UNREST_MAX 6 /* of the errors lately to the usual ones, and back */
#define INPUT_MAX 30 /* units: mean absolute errors */
#define SPREAD_MAX 5 /* of the errors at a phase of the season to the usual ones, and back */
#define EVENT_RATE_MIN 0.02
#define LATELY_FAST 0.3
#define LATELY_SLOW 0.05

/* All of the state: no pointers, so that it can be kept. The rooms follow: nodes, then slots. */
struct forecast {
	struct forecast_settings settings;
	uint32_t size, node_count, slot_count, events_now;
	int64_t index, phase;
	uint64_t samples;
	double last; /* value; NAN after a gap */
	double level, trend;
	double left_over, left_fast, left_slow,
			left_season; /* of the seasons: now, and averages of it */
	double scale; /* mean absolute error of seasons and level */
	double error, unrest; /* of the next sample's forecasts: usual size, size lately / usual */
	double surprise;
	double effect[FORECAST_EVENTS_MAX], effect_seen[FORECAST_EVENTS_MAX];
	struct season_profile season[FORECAST_SEASONS_MAX];
	_Alignas(16) unsigned char room[];
};

static struct forecast_node *
nodes_of(const struct forecast *f)
{
	return (struct forecast_node *)f->room;
}

static struct season_slot *
slots_of(const struct forecast *f)
{
	return (struct season_slot *)(f->room + f->node_count * sizeof(struct forecast_node));
}

/* 1, 2, 3, 4, 6, 8, 12 .. and the longest. */
static uint32_t
next_ahead(uint32_t ahead, uint32_t horizon)
{
	uint32_t next = ahead + 1, power;

	if (ahead >= 4) {
		for (power = 4; power * 2 <= ahead; power *= 2)
			;
		next = ahead + power / 2;
	}
	return next < horizon ? next : horizon;
}

static uint32_t
count_nodes(uint32_t horizon)
{
	uint32_t ahead, n = 1;

	for (ahead = 1; ahead < horizon; ahead = next_ahead(ahead, horizon))
		n++;
	return n;
}

static bool
settings_usable(const struct forecast_settings *s)
{
	uint32_t i;

	if (s->seasons > FORECAST_SEASONS_MAX || s->horizon < 1 || s->horizon > 1u << 20 ||
			s->slots > FORECAST_SLOTS_MAX || !(s->floor >= 0) || !isfinite(s->floor))
		return false;
	for (i = 0; i < s->seasons; i++) {
		if (s->season[i] < 2 || (i > 0 && s->season[i] <= s->season[i - 1]))
			return false;
	}
	return true;
}

static void
init(struct forecast *f, const struct forecast *sizes)
{
	uint32_t i, ahead = 1;

	*f = *sizes;
	f->last = NAN;
	f->unrest = 1;
	for (i = 0; i < f->node_count; i++) {
		forecast_node_init(&nodes_of(f)[i], ahead);
		ahead = next_ahead(ahead, f->settings.horizon);
	}
}

struct forecast *
forecast_create(const struct forecast_settings *settings)
{
	struct forecast sizes = {.settings = *settings}, *f;
	uint32_t i, slots = settings->slots ? settings->slots : FORECAST_SLOTS_MAX;

	if (!settings_usable(settings))
		return NULL;
	for (i = 0; i < settings->seasons; i++) {
		season_profile_init(&sizes.season[i], settings->season[i], slots);
		sizes.season[i].first = sizes.slot_count;
		sizes.slot_count += sizes.season[i].slots;
	}
	sizes.node_count = count_nodes(settings->horizon);
	sizes.size = (uint32_t)(sizeof(sizes) + sizes.node_count * sizeof(struct forecast_node) +
			sizes.slot_count * sizeof(struct season_slot));
	f = calloc(1, sizes.size);
	if (f)
		init(f, &sizes);
	return f;
}

void
forecast_free(struct forecast *f)
{
	free(f);
}

const void *
forecast_state(const struct forecast *f, size_t *size)
{
	*size = f->size;
	return f;
}

static bool
sound(const struct forecast *f)
{
	double sum = f->level + f->trend + f->left_over + f->left_fast + f->left_slow +
			f->left_season + f->scale + f->error + f->unrest + f->surprise;
	uint32_t i;

	for (i = 0; i < FORECAST_EVENTS_MAX; i++)
		sum += f->effect[i] + f->effect_seen[i];
	for (i = 0; i < f->slot_count; i++)
		sum += slots_of(f)[i].level + slots_of(f)[i].recent + slots_of(f)[i].spread +
				slots_of(f)[i].seen;
	for (i = 0; i < f->node_count; i++) {
		if (!forecast_node_valid(&nodes_of(f)[i]))
			return false;
	}
	return isfinite(sum) && f->scale >= 0 && f->error >= 0 && f->unrest >= 0;
}

bool
forecast_restore(struct forecast *f, uint32_t version, const void *state, size_t size)
{
	struct forecast *other;
	bool fits;

	if (version != FORECAST_VERSION || size != f->size)
		return false;
	other = malloc(size);
	if (!other)
		return false;
	memcpy(other, state, size);
	fits = !memcmp(&other->settings, &f->settings, sizeof(f->settings)) &&
			!memcmp(other->season, f->season, sizeof(f->season)) &&
			other->size == f->size && other->node_count == f->node_count &&
			other->slot_count == f->slot_count && sound(other);
	if (fits)
		memcpy(f, other, size);
	free(other);
	return fits;
}

void
forecast_set_phase(struct forecast *f, int64_t phase)
{
	f->phase = phase;
}

double
forecast_to_scale(const struct forecast *f, double value)
{
	double floor = f->settings.floor;

	if (!isfinite(value))
		return NAN;
	return floor > 0 ? log(fmax(value, 0) + floor) : value;
}

double
forecast_from_scale(const struct forecast *f, double scaled)
{
	double floor = f->settings.floor;

	return floor > 0 ? fmax(exp(scaled) - floor, 0) : scaled;
}

static double
effects(const struct forecast *f, uint32_t events)
{
	double sum = 0;
	uint32_t i;

	for (i = 0; i < FORECAST_EVENTS_MAX; i++) {
		if (events >> i & 1)
			sum += f->effect[i];
	}
	return sum;
}

/* Level, trend and seasons at a sample from now on, without events. */
static double
base_at(const struct forecast *f, uint32_t ahead)
{
	int64_t at = f->index + ahead + f->phase;
	double sum = f->level;
	uint32_t i;

	sum += f->trend * (1 - pow(TREND_KEPT, ahead)) / (1 - TREND_KEPT);
	for (i = 0; i < f->settings.seasons; i++)
		sum += season_profile_level(&f->season[i], slots_of(f), at);
	return sum;
}

/* A ratio, either way. */
static double
bound(double ratio, double most)
{
	return fmin(fmax(ratio, 1 / most), most);
}

/* How uncertain the sample then is, relative to the usual. */
static double
spread_at(const struct forecast *f, uint32_t ahead)
{
	int64_t at = f->index + ahead + f->phase;
	double spread = pow(bound(f->unrest, UNREST_MAX), 0.6 / (1 + 0.05 * ahead));

	if (f->settings.seasons > 0 && f->error > 0)
		spread *= bound(season_profile_spread(&f->season[0], slots_of(f), at, f->error) /
						f->error,
				SPREAD_MAX);
	return spread;
}

/* Of a series that hardly varies anything is many units away. */
static float
in_units(double x, double unit)
{
	return (float)fmin(fmax(x / unit, -INPUT_MAX), INPUT_MAX);
}

/* What the regression sees of the sample then. */
static void
inputs_at(const struct forecast *f, uint32_t ahead, double unit, float out[FORECAST_INPUTS])
{
	int64_t at = f->index + ahead + f->phase;
	double own = 0, around_it = 0;
	uint32_t i;

	memset(out, 0, FORECAST_INPUTS * sizeof(out[0]));
	out[0] = in_units(f->left_over, unit);
	out[1] = in_units(f->left_fast, unit);
	out[2] = in_units(f->left_slow, unit);
	out[3] = in_units(f->left_season, unit);
	for (i = 0; i < f->settings.seasons; i++) {
		out[4 + i] = in_units(season_profile_recent(&f->season[i], slots_of(f), at), unit);
		own += season_profile_level(&f->season[i], slots_of(f), at);
		around_it += season_profile_around(&f->season[i], slots_of(f), at);
	}
	out[7] = in_units(around_it - own, unit);
	out[8] = in_units(own, unit);
	out[9] = 1;
}

static void
make(const struct forecast *f, const struct forecast_node *n, uint32_t ahead,
		struct forecast_made *out)
{
	double input[FORECAST_INPUTS];
	size_t i;

	out->target = f->index + ahead;
	out->unit = (float)fmax(f->scale, 1e-9);
	out->base = (float)base_at(f, ahead);
	out->spread = (float)spread_at(f, ahead);
	inputs_at(f, ahead, out->unit, out->input);
	for (i = 0; i < FORECAST_INPUTS; i++)
		input[i] = out->input[i];
	out->center = (float)(out->base + out->unit * regression_sum(&n->weights, input));
}

/* The forecasts made for this sample learn from it; the shortest tells how restless the series is. */
static void
learn_errors(struct forecast *f, double scaled)
{
	struct forecast_node *n = nodes_of(f);
	struct forecast_made *made;
	double error;
	uint32_t i;

	made = forecast_node_due(n, f->index);
	f->surprise = 0;
	if (made && n->error > 0) {
		error = scaled - made->center;
		f->surprise = error / (made->spread * n->error);
		error = fmin(fabs(error), 4 * OUTLIER * fmax(f->error, 1e-9));
		f->error += fmax(1 / (n->seen + 1), SCALE_RATE_MIN) * (error - f->error);
		f->unrest += UNREST_RATE * (fmin(fabs(f->surprise), OUTLIER) - f->unrest);
		if (f->settings.seasons > 0)
			season_profile_learn_spread(
					f->season, slots_of(f), f->index + f->phase, error);
	}
	for (i = 0; i < f->node_count; i++, n++) {
		made = forecast_node_due(n, f->index);
		if (made)
			forecast_node_learn(n, made, scaled);
	}
}

static void
learn_effects(struct forecast *f, uint32_t events, double left_over)
{
	uint32_t i;

	for (i = 0; i < FORECAST_EVENTS_MAX; i++) {
		if (!(events >> i & 1))
			continue;
		f->effect_seen[i]++;
		f->effect[i] += left_over / __builtin_popcount(events) *
				fmax(1 / (f->effect_seen[i] + 1), EVENT_RATE_MIN);
	}
}

static double
level_rate(const struct forecast *f)
{
	uint32_t n = f->settings.seasons;
	double period = n > 0 ? f->settings.season[n - 1] : 0;

	/* In its first turn a season is learnt against a level that stands still. */
	if (n > 0 && f->samples < f->settings.season[0])
		return 0;
	return fmin(LEVEL_RATE_MAX, 1 / fmax(period, 1));
}

static bool
settled(const struct forecast *f)
{
	uint32_t n = f->settings.seasons;

	return f->samples > 20 && (n == 0 || f->samples > 2ull * f->settings.season[n - 1]);
}

/* Level, trend and seasons share what is left over; an event takes it before them. */
static void
learn_base(struct forecast *f, double scaled, uint32_t events)
{
	double left = scaled - base_at(f, 0) - effects(f, events), bounded = left,
	       rate = level_rate(f);
	uint32_t i;

	f->left_over = left;
	if (settled(f) && fabs(left) > OUTLIER * f->scale)
		bounded = copysign(OUTLIER * f->scale, left);
	f->scale += fmax(1.0 / ((double)f->samples + 1), SCALE_RATE_MIN) *
			(fabs(bounded) - f->scale);
	if (events) {
		learn_effects(f, events, bounded);
	} else {
		f->level += rate * bounded;
		if (settled(f))
			f->trend += TREND_RATE * rate * rate * bounded;
		bounded -= rate * bounded;
		for (i = 0; i < f->settings.seasons; i++)
			bounded -= season_profile_learn(
					&f->season[i], slots_of(f), f->index + f->phase, bounded);
	}
}

static void
learn_lately(struct forecast *f)
{
	uint32_t n = f->settings.seasons;
	double season_rate = n > 0 ? 1 / fmax(f->settings.season[0], 40) : 0.01;
	double bounded = f->left_over;

	if (settled(f) && fabs(bounded) > OUTLIER * f->scale)
		bounded = copysign(OUTLIER * f->scale, bounded);
	f->left_fast += LATELY_FAST * (f->left_over - f->left_fast);
	f->left_slow += LATELY_SLOW * (bounded - f->left_slow);
	f->left_season += season_rate * (bounded - f->left_season);
}

/* Without samples a deviation is less and less to go by. */
static void
pass_gap(struct forecast *f, int64_t missed)
{
	double keep = missed > 200 ? 0 : pow(1 - LATELY_SLOW, (double)missed);

	f->level += f->trend * (1 - pow(TREND_KEPT, (double)missed)) / (1 - TREND_KEPT);
	f->trend *= pow(TREND_KEPT, (double)missed);
	f->left_over = f->left_slow + keep * (f->left_over - f->left_slow);
	f->left_fast = f->left_slow + keep * (f->left_fast - f->left_slow);
}

static void
keep_forecasts(struct forecast *f)
{
	struct forecast_node *n = nodes_of(f);
	struct forecast_made made;
	uint32_t i;

	for (i = 0; i < f->node_count; i++, n++) {
		if (f->index % n->stride != 0)
			continue;
		make(f, n, n->ahead, &made);
		forecast_node_keep(n, f->index, &made);
	}
}

static void
take_sample(struct forecast *f, double scaled, uint32_t events)
{
	if (f->samples == 0)
		f->level = scaled;
	f->level += f->trend;
	f->trend *= TREND_KEPT;
	if (f->samples >= SAMPLES_FIRST)
		learn_errors(f, scaled - effects(f, events));
	learn_base(f, scaled, events);
	learn_lately(f);
	f->samples++;
	if (f->samples >= SAMPLES_FIRST)
		keep_forecasts(f);
}

void
forecast_update(struct forecast *f, int64_t index, double value, uint32_t events)
{
	double scaled = forecast_to_scale(f, value);

	if (f->samples > 0 && index <= f->index)
		return;
	if (f->samples > 0 && index > f->index + 1)
		pass_gap(f, index - f->index - 1);
	f->index = index;
	f->last = isfinite(value) ? value : NAN;
	f->events_now = events;
	if (isfinite(scaled))
		take_sample(f, scaled, events);
	else if (f->samples > 0)
		pass_gap(f, 1);
}

uint64_t
forecast_samples(const struct forecast *f)
{
	return f->samples;
}

int64_t
forecast_index(const struct forecast *f)
{
	return f->index;
}

double
forecast_last(const struct forecast *f)
{
	return f->last;
}

const struct forecast_settings *
forecast_settings_of(const struct forecast *f)
{
	return &f->settings;
}

double
forecast_surprise(const struct forecast *f)
{
	return f->surprise;
}

double
forecast_unrest(const struct forecast *f)
{
	return f->unrest;
}

/* The two nodes around a horizon, and the share of the second. False if there is none to be asked. */
static bool
around(const struct forecast *f, uint32_t ahead, const struct forecast_node *out[2], double *share)
{
	const struct forecast_node *n = nodes_of(f);
	uint32_t i = 0;

	if (f->samples < SAMPLES_FIRST || ahead < 1 || ahead > f->settings.horizon)
		return false;
	while (n[i].ahead < ahead)
		i++;
	out[1] = &n[i];
	out[0] = n[i].ahead == ahead ? out[1] : &n[i - 1];
	*share = out[0] == out[1]
			? 0
			: (double)(ahead - out[0]->ahead) / (out[1]->ahead - out[0]->ahead);
	return out[0]->seen > 0 && (*share == 0 || out[1]->seen > 0);
}

double
forecast_quantile(const struct forecast *f, uint32_t ahead, uint32_t events, double q)
{
	const struct forecast_node *n[2];
	struct forecast_made made;
	double value[2], share;
	size_t i;

	if (!around(f, ahead, n, &share) || !(q > 0 && q < 1))
		return NAN;
	for (i = 0; i < 2; i++) {
		make(f, n[i], ahead, &made);
		value[i] = made.center +
				made.spread * n[i]->error * quantile_track_value(&n[i]->errors, q);
	}
	return forecast_from_scale(
			f, (1 - share) * value[0] + share * value[1] + effects(f, events));
}

bool
forecast_point(const struct forecast *f, uint32_t ahead, uint32_t events,
		struct forecast_point *out)
{
	const struct forecast_node *n[2];
	struct forecast_made made;
	double share, part;
	size_t i;

	if (!around(f, ahead, n, &share))
		return false;
	*out = (struct forecast_point){.center = effects(f, events)};
	for (i = 0; i < 2; i++) {
		part = i == 0 ? 1 - share : share;
		make(f, n[i], ahead, &made);
		out->center += part * made.center;
		out->spread += part * made.spread * n[i]->error;
	}
	return out->spread > 0;
}
