/* SPDX-License-Identifier: Apache-2.0 */
#include "trend.h"

#include <math.h>
#include <string.h>

#define CLIP_SD 3.0
#define CLIP_RUN 3 /* so many in a row are no outliers */
#define MAD_TO_SD 1.2533 /* sqrt(pi / 2) */
#define YOUNG 5 /* samples before outliers are told */
#define SPEAKS 20 /* before anything is said: the noise must be known */
#define GAP_MAX_S 60
#define MISS_RATE 0.25 /* of a new forecast error in the mean: the last four */
#define BISECTIONS 24
#define WORD_S 60 /* the scale that says most about so long has the word on when */
#define FAR_SD 5.0 /* farther than this is never: 3e-7, and saves most of the work */

void
trend_init(struct trend *t)
{
	memset(t, 0, sizeof(*t));
}

static void
begin(struct trend *t, double value)
{
	int k;

	memset(t, 0, sizeof(*t));
	for (k = 0; k < TREND_SCALES; k++)
		t->scale[k].level = t->scale[k].origin = value;
	t->last[0] = t->last[1] = value;
	t->seen = 1;
}

/* Steady growth rises nearly always; noise and a plateau do so every other time. */
static void
run_update(struct trend *t, double value)
{
	t->rising_s = value > t->last[1] ? t->rising_s + 1 : 0;
	t->falling_s = value < t->last[1] ? t->falling_s + 1 : 0;
	t->last[1] = t->last[0];
	t->last[0] = value;
}

/* The gains of a straight line through n samples, until the memory is as long as the scale's. */
static void
gains(unsigned k, uint32_t seen, double *alpha, double *beta)
{
	double theta = 1 - 1.0 / trend_span_s[k], n = (double)seen + 1;

	*alpha = fmax(1 - theta * theta, 2 * (2 * n - 1) / (n * (n + 1)));
	*beta = fmax((1 - theta) * (1 - theta), 6 / (n * (n + 1)));
}

/* Repeated misses of one sign are news: then they count in full. */
static double
clipped(struct trend_scale *s, double e)
{
	double bound = CLIP_SD * MAD_TO_SD * (double)s->noise;

	if (!(fabs(e) > bound)) {
		s->run = 0;
		return e;
	}
	if ((e > 0) != (s->run > 0))
		s->run = 0;
	if (s->run < CLIP_RUN && s->run > -CLIP_RUN)
		s->run = (int8_t)(s->run + (e > 0 ? 1 : -1));
	return s->run == CLIP_RUN || s->run == -CLIP_RUN ? e : copysign(bound, e);
}

static void
forecast_turn(struct trend_scale *s, unsigned k)
{
	double error;

	if (s->due_s > 0 && --s->due_s > 0)
		return;
	if (s->forecast) {
		error = (s->level - s->origin) - (double)s->forecast_from -
				(double)s->forecast_rise;
		s->miss += (float)((error * error - (double)s->miss) *
				fmax(MISS_RATE, 1.0 / (s->misses + 1)));
		s->misses += s->misses < UINT8_MAX;
	}
	s->forecast_from = (float)(s->level - s->origin);
	s->forecast_rise = (float)(s->slope * trend_span_s[k]);
	s->due_s = trend_span_s[k];
	s->forecast = true;
}

static void
scale_update(struct trend_scale *s, unsigned k, uint32_t seen, double value)
{
	double alpha, beta, e = value - (s->level + s->slope), used;
	double rate = fmax(1.0 / trend_span_s[k] / 2, 1.0 / (seen + 1));

	gains(k, seen, &alpha, &beta);
	used = seen < YOUNG ? e : clipped(s, e);
	s->level += s->slope + alpha * used;
	s->slope += beta * used;
	/* The first innovation is the whole difference of two samples: it stands for the noise as well. */
	s->noise += (float)((fmin(fabs(e), fmax(fabs(used), 4 * (double)s->noise)) -
					    (double)s->noise) *
			rate);
	if (seen >= trend_span_s[k] / 2)
		forecast_turn(s, k);
}

void
trend_update(struct trend *t, double value)
{
	unsigned k;

	if (!isfinite(value) || fabs(value) > 1e30) {
		t->gap_s += t->gap_s < UINT32_MAX;
		return;
	}
	if (t->seen == 0 || t->gap_s > GAP_MAX_S) {
		begin(t, value);
		return;
	}
	t->gap_s = 0;
	run_update(t, value);
	for (k = 0; k < TREND_SCALES; k++)
		scale_update(&t->scale[k], k, t->seen, value);
	t->seen += t->seen < UINT32_MAX;
}

/* ln of the standard normal's distribution function; by its asymptotic series where erfc underflows. */
static double
log_phi(double z)
{
	double z2 = z * z;

	if (z > -8)
		return log(0.5 * erfc(-z * M_SQRT1_2));
	return -z2 / 2 - log(-z) - 0.9189385332046727 + log1p(-1 / z2 + 3 / (z2 * z2));
}

double
trend_passage_probability(const struct trend_passage *p, double h)
{
	double s2 = p->diffusion, d = p->distance, drift_var = p->slope_var * h * h;
	double var = p->level_var + drift_var + s2 * h, ahead = d - p->slope * h;
	double spread, first, second;

	if (d <= 0)
		return 1;
	if (!(h > 0) || !isfinite(ahead) || !isfinite(var))
		return 0;
	if (ahead > 0 && ahead * ahead > FAR_SD * FAR_SD * var)
		return 0;
	if (!(var > 0))
		return ahead <= 0;
	spread = sqrt(var);
	first = 0.5 * erfc(ahead / spread * M_SQRT1_2);
	if (s2 * h < 1e-4 * d * d) /* the reflected paths are too few to count, and overflow */
		return first;
	second = exp(2 * p->slope * d / s2 + 2 * p->slope_var * d * d / (s2 * s2) +
			log_phi(-(2 * p->slope_var * d * h + s2 * (p->slope * h + d)) /
					(s2 * sqrt(drift_var + s2 * h))));
	return fmin(1, first + (isfinite(second) ? second : 0));
}

/* Variances of the line's level and slope for white noise (Abraham & Ledolter, 3.3 and 2.2 while young). */
static void
passage_of(const struct trend *t, unsigned k, const struct trend_limit *l,
		struct trend_passage *out)
{
	const struct trend_scale *s = &t->scale[k];
	double c = 1 - 1.0 / trend_span_s[k], sd = fmax(MAD_TO_SD * (double)s->noise, l->sd);
	double noise = sd * sd;
	double n = t->seen, sum = (1 + c) * (1 + c) * (1 + c);
	double var = 2 * (1 - c) * (1 - c) * (1 - c) / sum;

	/* From where it is now: the long spans lag behind a bend. */
	out->distance = (l->limit - t->scale[0].level) * l->worse;
	out->slope = s->slope * l->worse;
	out->slope_var = noise * fmax(var, 12 / (n * (n * n - 1)));
	out->level_var = noise * fmax((1 - c) * (1 + 4 * c + 5 * c * c) / sum, 4 / n);
	out->diffusion = (double)s->miss / trend_span_s[k];
}

static bool
speaks(const struct trend *t, const struct trend_limit *l)
{
	return t->seen >= SPEAKS && t->gap_s <= trend_span_s[0] && isfinite(l->limit) &&
			l->worse != 0;
}

/* A slope that may as well be none says nothing, however wide the noise may carry the metric. */
static double
reach_of(const struct trend_passage *p, unsigned k, double seconds)
{
	double sd = sqrt(p->slope_var + p->diffusion / trend_span_s[k] / 16);
	double sure = p->distance <= 0 ? 1 : fmin(fmax(p->slope / fmax(sd, 1e-300) - 1, 0), 1);

	if (!(sure > 0))
		return 0;
	return sure * trend_passage_probability(p, fmin(seconds, TREND_REACH * trend_span_s[k]));
}

double
trend_reach(const struct trend *t, const struct trend_limit *l, unsigned first_scale,
		double seconds)
{
	struct trend_passage p;
	double most = 0;
	unsigned k;

	if (!speaks(t, l))
		return 0;
	for (k = first_scale; k < TREND_SCALES; k++) {
		passage_of(t, k, l, &p);
		most = fmax(most, reach_of(&p, k, seconds));
	}
	return most;
}

/* Smallest time with at least this probability; INFINITY if there is none up to `end`. */
static double
time_of(const struct trend_passage *p, double probability, double end)
{
	double low = 0, high = end;
	int i;

	if (trend_passage_probability(p, end) < probability)
		return INFINITY;
	for (i = 0; i < BISECTIONS; i++) {
		if (trend_passage_probability(p, (low + high) / 2) < probability)
			low = (low + high) / 2;
		else
			high = (low + high) / 2;
	}
	return high;
}

bool
trend_time_to_limit(const struct trend *t, const struct trend_limit *l, unsigned first_scale,
		struct trend_time *out)
{
	struct trend_passage p, best;
	double most = 0.02, at;
	bool found = false;
	unsigned k;

	if (!speaks(t, l))
		return false;
	for (k = first_scale; k < TREND_SCALES; k++) {
		passage_of(t, k, l, &p);
		at = reach_of(&p, k, WORD_S);
		if (at >= most) { /* the longer span where they agree */
			most = fmin(at, 0.95);
			best = p;
			found = true;
		}
	}
	if (!found)
		return false;
	/* Seen from now, drawn out as far as the median needs: beyond the reach the interval shows how little is known. */
	out->low = time_of(&best, 0.1, 3600);
	out->median = time_of(&best, 0.5, 3600);
	out->high = time_of(&best, 0.9, 3600);
	return isfinite(out->low);
}
