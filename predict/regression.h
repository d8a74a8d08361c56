/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Online ridge regression of few inputs, linear or logistic: a Gaussian belief about the weights that starts at a
 * prior, takes one Newton step per outcome (for the linear case that is exact recursive least squares; for the
 * logistic one the extended Kalman filter of West, Harrison, Migon 1985), and fades back to the prior with its memory,
 * so that inputs that never move cannot blow it up. Plain memory without pointers. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGRESSION_INPUTS_MAX 10

struct regression {
	uint32_t inputs;
	uint32_t spare;
	double prior[REGRESSION_INPUTS_MAX]; /* mean of the start */
	double prior_precision;
	double memory; /* weight after which an outcome counts for 1 / e */
	double learnt; /* weight of the outcomes seen */
	double mean[REGRESSION_INPUTS_MAX];
	double precision[REGRESSION_INPUTS_MAX][REGRESSION_INPUTS_MAX];
};

/* `prior`: as many as inputs; `prior_sd`: how far from it the weights may be, in units of outcome per input. */
void regression_init(struct regression *r, size_t inputs, const double *prior, double prior_sd);

double regression_sum(const struct regression *r, const double *x);
double regression_probability(const struct regression *r, const double *x); /* logistic */

/* Nothing is learnt from inputs, outcomes or weights that are not finite, or a weight that is not above 0. */
void regression_learn(struct regression *r, const double *x, double y, double weight);
void regression_learn_outcome(struct regression *r, const double *x, bool outcome, double weight);

/* Moves one weight to at least `least`; the others follow by their correlation with it. */
void regression_lift(struct regression *r, size_t input, double least);

/* After a restore: finite, and a precision that can be used? */
bool regression_valid(const struct regression *r);
