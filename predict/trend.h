/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a metric is going: level and slope over three spans of the past, and when it reaches its limit. Pure; fixed
 * size; may be copied and saved byte by byte.
 *
 * Each scale is a discounted least squares line (Brown's double smoothing: alpha = 1 - theta^2, beta = (1 - theta)^2,
 * theta = 1 - 1/span; Abraham & Ledolter, Statistical Methods for Forecasting, 1983, ch. 3), which is the steady state
 * of the Kalman filter of a local linear trend; while young, the line of all samples (growing memory). Innovations are
 * clipped at 3 robust standard deviations until three of the same sign follow each other, so an outlier moves nothing
 * and a real change is followed.
 *
 * What the line is worth is measured, not assumed: each scale keeps one forecast over its own span and compares it,
 * when it is due, with the level of that time. That error per second is the diffusion of the first passage.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TREND_SCALES 3
#define TREND_REACH 6 /* spans that a line may be drawn out */
static const uint16_t trend_span_s[TREND_SCALES] = {8, 30, 120};

struct trend_scale {
	double level, slope; /* in the metric's unit, and per second */
	float noise; /* mean |innovation|; 1.2533 x that is a robust standard deviation */
	float miss; /* mean square error of the level forecast one span ahead */
	float forecast_rise; /* outstanding forecast: rise over the level of when it was made */
	float forecast_from; /* level when made, relative to `origin` */
	double origin;
	uint16_t due_s; /* until the forecast is due; 0: none */
	int8_t run; /* consecutive innovations beyond the clip, signed */
	uint8_t misses; /* forecasts compared, 255 at most */
	bool forecast; /* there is one outstanding */
};

struct trend {
	struct trend_scale scale[TREND_SCALES];
	uint32_t seen; /* samples */
	uint32_t gap_s; /* since the last one */
	double last[2]; /* the newest two */
	uint32_t rising_s, falling_s; /* samples in a row beyond the one two before */
};

void trend_init(struct trend *t);

/* A sample a second after the last; NAN is a gap, and after 60 s of them the trend begins anew. */
void trend_update(struct trend *t, double value);

/* The line of one scale as the first passage sees it. */
struct trend_passage {
	double distance; /* to the limit; <= 0: reached */
	double slope, slope_var; /* towards it, per second */
	double level_var;
	double diffusion; /* variance per second */
};

/*
 * P(limit reached within `seconds`): first passage of a Brownian motion with drift N(slope, slope_var) and variance
 * `diffusion` per second (inverse Gaussian with normal drift: Peng & Tseng, IEEE Trans. Reliability 58(3), 2009;
 * Whitmore, 1986). 0 to 1; NAN in gives 0.
 */
double trend_passage_probability(const struct trend_passage *p, double seconds);

/* The metric's limit is above the values (worse > 0) or below them. */
struct trend_limit {
	double limit;
	int worse; /* +1, -1 */
	double sd; /* of a sample at least, if more is known than its innovations show; else 0 */
};

/* P(limit reached within `seconds`) by the scale that says most; no scale speaks beyond TREND_REACH spans. 0 with fewer
 * than 5 samples or an unknown limit. `first_scale` leaves out the shorter spans. */
double trend_reach(const struct trend *t, const struct trend_limit *l, unsigned first_scale,
		double seconds);

/* Seconds until the limit is reached: median and 80 % interval; `high` is INFINITY if it may never be. False if no scale
 * gives it 10 % within its reach. */
struct trend_time {
	double median, low, high;
};
bool trend_time_to_limit(const struct trend *t, const struct trend_limit *l, unsigned first_scale,
		struct trend_time *out);
