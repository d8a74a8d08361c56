/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discrete-time hazard of failing: for each interval of time ahead, (0, 30], (30, 60] and (60, 300] s, the probability
 * of failing in it given that it was survived up to then, as a logistic regression on what is seen now (Allison:
 * Discrete-time methods for the analysis of event histories, Sociological Methodology 13, 1982; Singer & Willett,
 * J. Educ. Stat. 18(2), 1993). P(failed within h) = 1 - product of the intervals' survival up to h, so that a longer
 * horizon is never less probable, and what could not be watched to the end is censored by leaving the intervals out
 * that were not.
 *
 * Pure; plain memory, saved byte by byte (HAZARD_VERSION). The starting weights and where they come from:
 * docs/prediction-risk.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HAZARD_VERSION 2
#define HAZARD_INTERVALS 3
static const uint16_t hazard_end_s[HAZARD_INTERVALS] = {30, 60, 300};

/* X(name, text): each 0 when nothing speaks for failing, HAZARD_FEATURE_MAX at most. */
#define HAZARD_FEATURE_LIST(X)                                                                  \
	X(own, "strange against its own past: robust standard deviations beyond 3")             \
	X(peers, "worse than its peers: log ratio beyond what is usual between them")           \
	X(limit, "log odds that a packet metric reaches the objective's limit, beyond 2%")      \
	X(resource, "the same of a scraped metric: memory, CPU, pools")                         \
	X(level, "octaves by which slow or failed requests exceed a quarter of the allowed")    \
	X(near, "how much of the way from its past to its limit a packet metric has gone")      \
	X(trickle,                                                                              \
			"single failures or losses, more than used to be: standard deviations " \
			"beyond 2")                                                             \
	X(full, "a scraped metric's level between 80% of its limit (0) and 100% (1)")           \
	X(silence, "phi of the silence of the endpoint while requests wait, beyond 1")          \
	X(health, "a check fails, or new flows are kept away from it")                          \
	X(load, "load expected within the interval beyond 80% of the capacity, in tenths")      \
	X(outside, "severity of an outside factor of its zone")

enum hazard_feature {
#define X(name, text) HAZARD_##name,
	HAZARD_FEATURE_LIST(X)
#undef X
	HAZARD_FEATURES
};

#define HAZARD_FEATURE_MAX 10.0

/* What is known of each interval ahead; most features are the same in all. */
struct hazard_input {
	double x[HAZARD_INTERVALS][HAZARD_FEATURES];
};

struct hazard {
	double bias[HAZARD_INTERVALS];
	double weight[HAZARD_INTERVALS][HAZARD_FEATURES];
	uint64_t learnt; /* outcomes */
};

void hazard_init(struct hazard *h); /* the starting weights */
bool hazard_valid(const struct hazard *h); /* after a restore */

/* P(failed by the end of each interval). A NAN feature counts as 0. */
void hazard_probability(const struct hazard *h, const struct hazard_input *in,
		double out[HAZARD_INTERVALS]);

/* What the feature adds to the log odds of having failed by the end of the interval: leave one out. */
double hazard_contribution(const struct hazard *h, const struct hazard_input *in,
		enum hazard_feature feature, unsigned interval);

/* One outcome of one interval that was entered alive: a step of stochastic gradient on its log loss, bounded, pulled back
 * to the starting weights (ridge). `step` is the outcome's worth: of overlapping statements, step / horizon. */
void hazard_learn(struct hazard *h, unsigned interval, const double x[HAZARD_FEATURES], bool failed,
		double step);

const char *hazard_feature_name(enum hazard_feature f);
const char *hazard_feature_text(enum hazard_feature f);
