/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sample's way: window and level tell what is usual -> eight views, each a number that grows with strangeness -> eight
 * surprises, each against that view's past -> their mean is the score -> the alarm's rule. Each part learns the sample
 * after it judged it. The mean asks several views to agree, which passes over single spikes; the tail of a histogram has
 * no bound but ANOMALY_SURPRISE_MAX, so one overwhelming view is enough.
 */
#include "anomaly.h"

#include <math.h>
#include <string.h>

#define DAY_S 86400.
#define FAST_S \
	60. /* series with more samples must hold a score for two: a second's peak is no news, five minutes' is */
#define THRESHOLD 2.3f /* nats; 2.0 to 2.5 measure alike on series of 5 minutes */
#define RISE .3f
#define RISE_TAU 6.f /* learning lengths, but not less than a day */
#define QUIET_SHARE 5 /* of the learning length */
#define WIDTH_SHARE 15 /* of the learning length; 12 to 18 measure the same */
#define WIDTH_LEAST 8
#define RECENT_LEAST 3
#define SEGMENT_SHARE 104 /* of the learning length: a course of 8 segments is 1/13 of it */
#define STILL_FLOOR 1e-8 /* of the long-run variance: no stiller than this */
#define MEMORY 60000 /* samples; a count holds 65,535 */

static uint16_t
width_of(const struct anomaly_settings *s)
{
	uint32_t width = s->learn / WIDTH_SHARE;

	if (width < WIDTH_LEAST)
		return WIDTH_LEAST;
	return width < ANOMALY_WINDOW_MAX ? (uint16_t)width : ANOMALY_WINDOW_MAX;
}

static uint16_t
recent_of(uint16_t width)
{
	return width / 4 < RECENT_LEAST ? RECENT_LEAST : width / 4;
}

static uint16_t
segment_of(const struct anomaly_settings *s)
{
	uint32_t length = s->learn / SEGMENT_SHARE;

	return length < 1 ? 1 : length < UINT16_MAX ? (uint16_t)length : UINT16_MAX;
}

void
anomaly_settings_init(struct anomaly_settings *s, double cadence_s, uint32_t learn)
{
	float day = (float)(DAY_S / cadence_s), tau;
	bool fast = cadence_s < FAST_S;

	if (learn < 1)
		learn = 1;
	tau = RISE_TAU * (float)learn;
	*s = (struct anomaly_settings){
			.learn = learn,
			.memory = MEMORY,
			.fast = fast,
			.alarm = {.threshold = THRESHOLD,
					.rarity = fast ? day : 0,
					.rise = RISE,
					.rise_tau = tau > day ? tau : day,
					.quiet = learn / QUIET_SHARE,
					.memory = MEMORY,
					.holds = fast},
	};
}

void
anomaly_init(struct anomaly *a, const struct anomaly_settings *s)
{
	uint16_t width = width_of(s);

	memset(a, 0, sizeof(*a));
	anomaly_window_init(&a->window, width, recent_of(width));
	anomaly_pattern_init(&a->pattern, segment_of(s));
	anomaly_mix_init(&a->mix, width);
	anomaly_season_init(&a->season, !s->fast);
}

/* All views but the course, from the state before `x` but for the window, which holds it. */
static void
look(struct anomaly *a, double x, int64_t seconds, float view[ANOMALY_VIEWS])
{
	struct anomaly_expected usual = anomaly_season_expect(
			&a->season, x, seconds, a->level.n ? a->level.mean : x);
	struct anomaly_moments all = anomaly_window_all(&a->window);
	double scale = anomaly_level_inverse_sd(&a->level), rate = 2. / (a->window.width + 1);
	double still = all.variance + STILL_FLOOR * a->level.variance + 1e-24;

	a->drift += (x - usual.day - a->drift) * rate;
	a->steps += (fabs(x - a->last) - a->steps) * rate;
	a->last = x;
	view[ANOMALY_mix] = anomaly_mix_update(&a->mix, (x - a->level.mean) * scale);
	view[ANOMALY_rough] = (float)sqrt(all.variance);
	view[ANOMALY_still] = (float)(1 / sqrt(still));
	view[ANOMALY_steps] = (float)a->steps;
	view[ANOMALY_day] = (float)fabs(x - usual.day);
	view[ANOMALY_week] = (float)fabs(x - usual.week);
	view[ANOMALY_drift] = (float)fabs(a->drift);
}

static void
judge(struct anomaly *a, const struct anomaly_settings *s, const float view[ANOMALY_VIEWS],
		struct anomaly_result *r)
{
	static const float weight[ANOMALY_VIEWS] = {
#define X(name, weight_of, text) weight_of,
			ANOMALY_VIEW_LIST(X)
#undef X
	};
	float sum = 0, weights = 0, most = -1;
	int i;

	for (i = 0; i < ANOMALY_VIEWS; i++) {
		r->surprise[i] = i == ANOMALY_course && !(view[i] >= 0)
				? a->course
				: anomaly_histogram_surprise(&a->past[i], view[i], s->memory);
		if (r->surprise[i] > most) {
			most = r->surprise[i];
			r->cause = (enum anomaly_view)i;
		}
		sum += weight[i] * r->surprise[i];
		weights += weight[i];
	}
	a->course = r->surprise[ANOMALY_course];
	r->score = sum / weights;
}

struct anomaly_result
anomaly_update(struct anomaly *a, const struct anomaly_settings *s, double x, int64_t seconds)
{
	struct anomaly_result r = {.cause = ANOMALY_VIEWS};
	float view[ANOMALY_VIEWS], novelty;

	if (!(fabs(x) < ANOMALY_SAMPLE_MAX))
		return r;
	anomaly_window_push(&a->window, x);
	if (a->n++ == 0)
		a->last = x;
	look(a, x, seconds, view);
	view[ANOMALY_course] = -1;
	if (a->level.n >= ANOMALY_LEVEL_WARM &&
			anomaly_pattern_update(&a->pattern, x, &a->level, &novelty))
		view[ANOMALY_course] = novelty * novelty;
	r.sd = (float)((anomaly_window_recent(&a->window).mean - a->level.mean) *
			anomaly_level_inverse_sd(&a->level));
	if (a->n > a->window.width)
		judge(a, s, view, &r);
	anomaly_level_update(&a->level, x);
	r.threshold = anomaly_alarm_threshold(&a->alarm, &s->alarm);
	if (a->n > s->learn)
		r.alarm = anomaly_alarm_update(&a->alarm, &s->alarm, r.score);
	else if (a->n > a->window.width)
		anomaly_alarm_learn(&a->alarm, &s->alarm, r.score);
	return r;
}

void
anomaly_prefetch(const struct anomaly *a)
{
	const char *at = (const char *)a, *end = at + sizeof(*a);

	for (; at < end; at += 64)
		__builtin_prefetch(at, 1);
}

const char *
anomaly_view_text(enum anomaly_view view)
{
	switch (view) {
#define X(name, weight, text) \
	case ANOMALY_##name:  \
		return text;
		ANOMALY_VIEW_LIST(X)
#undef X
	case ANOMALY_VIEWS:
		break;
	}
	return "nothing";
}
