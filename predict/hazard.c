/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

#include <math.h>
#include <string.h>

#define RATE 0.02 /* of the gradient: some 50 outcomes of one kind move a weight noticeably */
#define STEP_MAX 0.05 /* of one outcome in any weight */
#define RIDGE 0.002 /* pull to the start per outcome: what is not confirmed fades in 500 */
/* How far what is learnt goes, in log odds. Failures are rarer elsewhere than in the suite; where they are frequent and not
 * foreseen, an endpoint without any sign must still count as calm (the policy's `leave`), or nothing would ever return. */
#define BIAS_DOWN 1.5
#define BIAS_UP 0.4
#define WEIGHT_SHARE 0.75 /* of its start may a weight move, so that it keeps its sign */
#define ETA_MAX 30.0

/* By tools/fit_hazard on 53 recordings of the fault suite (docs/prediction-risk.md has the figures); what the suite does
 * not have, health, load and outside factors, and the last interval, which it is too short for, are judgement. */
static const double start_bias[HAZARD_INTERVALS] = {-3.48, -3.53, -6.00};

static const double start_weight[HAZARD_INTERVALS][HAZARD_FEATURES] = {
		[0] = {[HAZARD_own] = 0.10,
				[HAZARD_peers] = 0.10,
				[HAZARD_limit] = 0.67,
				[HAZARD_resource] = 0.91,
				[HAZARD_level] = 0.83,
				[HAZARD_near] = 2.00,
				[HAZARD_trickle] = 3.20,
				[HAZARD_full] = 2.40,
				[HAZARD_silence] = 0.80,
				[HAZARD_health] = 3.00,
				[HAZARD_load] = 0.60,
				[HAZARD_outside] = 2.50},
		[1] = {[HAZARD_own] = 0.16,
				[HAZARD_peers] = 0.25,
				[HAZARD_limit] = 0.25,
				[HAZARD_resource] = 1.30,
				[HAZARD_level] = 0.46,
				[HAZARD_near] = 0.55,
				[HAZARD_trickle] = 0.80,
				[HAZARD_full] = 1.04,
				[HAZARD_silence] = 0.40,
				[HAZARD_health] = 2.00,
				[HAZARD_load] = 0.60,
				[HAZARD_outside] = 2.50},
		[2] = {[HAZARD_own] = 0.30,
				[HAZARD_peers] = 0.50,
				[HAZARD_limit] = 1.00,
				[HAZARD_resource] = 1.00,
				[HAZARD_level] = 0.80,
				[HAZARD_near] = 1.50,
				[HAZARD_trickle] = 0.50,
				[HAZARD_full] = 1.00,
				[HAZARD_silence] = 0.30,
				[HAZARD_health] = 1.50,
				[HAZARD_load] = 0.60,
				[HAZARD_outside] = 2.50},
};

void
hazard_init(struct hazard *h)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->bias, start_bias, sizeof(h->bias));
	memcpy(h->weight, start_weight, sizeof(h->weight));
}

struct range {
	double low, high;
};

static struct range
bias_range(unsigned interval)
{
	return (struct range){start_bias[interval] - BIAS_DOWN, start_bias[interval] + BIAS_UP};
}

static struct range
weight_range(unsigned interval, unsigned f)
{
	double start = start_weight[interval][f];

	return (struct range){start * (1 - WEIGHT_SHARE), start * (1 + WEIGHT_SHARE)};
}

static bool
within(double value, struct range r)
{
	return value >= r.low - 1e-6 && value <= r.high + 1e-6;
}

bool
hazard_valid(const struct hazard *h)
{
	unsigned k, f;

	for (k = 0; k < HAZARD_INTERVALS; k++) {
		if (!within(h->bias[k], bias_range(k)))
			return false;
		for (f = 0; f < HAZARD_FEATURES; f++) {
			if (!within(h->weight[k][f], weight_range(k, f)))
				return false;
		}
	}
	return true;
}

/* NAN is no evidence. */
static double
bounded(double x)
{
	if (!(x > 0))
		return 0;
	return fmin(x, HAZARD_FEATURE_MAX);
}

static double
eta_of(const struct hazard *h, unsigned interval, const double x[HAZARD_FEATURES])
{
	double eta = h->bias[interval];
	unsigned f;

	for (f = 0; f < HAZARD_FEATURES; f++)
		eta += h->weight[interval][f] * bounded(x[f]);
	return fmin(fmax(eta, -ETA_MAX), ETA_MAX);
}

static double
logistic(double eta)
{
	return 1 / (1 + exp(-eta));
}

void
hazard_probability(
		const struct hazard *h, const struct hazard_input *in, double out[HAZARD_INTERVALS])
{
	double survival = 1;
	unsigned k;

	for (k = 0; k < HAZARD_INTERVALS; k++) {
		survival *= 1 - logistic(eta_of(h, k, in->x[k]));
		out[k] = 1 - survival;
	}
}

static double
log_odds(double p)
{
	p = fmin(fmax(p, 1e-12), 1 - 1e-12);
	return log(p / (1 - p));
}

double
hazard_contribution(const struct hazard *h, const struct hazard_input *in,
		enum hazard_feature feature, unsigned interval)
{
	double with = 1, without = 1, eta;
	unsigned k;

	for (k = 0; k <= interval; k++) {
		eta = eta_of(h, k, in->x[k]);
		with *= 1 - logistic(eta);
		without *= 1 - logistic(eta - h->weight[k][feature] * bounded(in->x[k][feature]));
	}
	return log_odds(1 - with) - log_odds(1 - without);
}

static void
move(double *value, double gradient, double start, struct range range)
{
	double step = fmin(fmax(RATE * gradient, -STEP_MAX), STEP_MAX);

	*value += step - RIDGE * fabs(gradient) * (*value - start);
	*value = fmin(fmax(*value, range.low), range.high);
}

void
hazard_learn(struct hazard *h, unsigned interval, const double x[HAZARD_FEATURES], bool failed,
		double step)
{
	double error;
	unsigned f;

	if (interval >= HAZARD_INTERVALS || !(step > 0))
		return;
	error = ((failed ? 1 : 0) - logistic(eta_of(h, interval, x))) * fmin(step, 1);
	move(&h->bias[interval], error, start_bias[interval], bias_range(interval));
	for (f = 0; f < HAZARD_FEATURES; f++)
		move(&h->weight[interval][f], error * bounded(x[f]), start_weight[interval][f],
				weight_range(interval, f));
	h->learnt++;
}

const char *
hazard_feature_name(enum hazard_feature f)
{
	static const char *const names[] = {
#define X(name, text) #name,
			HAZARD_FEATURE_LIST(X)
#undef X
	};

	return f < HAZARD_FEATURES ? names[f] : "";
}

const char *
hazard_feature_text(enum hazard_feature f)
{
	static const char *const texts[] = {
#define X(name, text) text,
			HAZARD_FEATURE_LIST(X)
#undef X
	};

	return f < HAZARD_FEATURES ? texts[f] : "";
}
