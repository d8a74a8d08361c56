/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements of probability and what came of them: how good they were, and a map from raw to calibrated that learns
 * from it. Plain memory without pointers: kept by copying it (CALIBRATION_VERSION). Pure; NAN is ignored, counted.
 *
 * Statements that overlap in time share their outcome's cause: one a second about the next 60 s are worth one a
 * minute. calibration_weight() is that worth; the scores' figures are weighted by it, so that a change of rhythm does
 * not move them, and the map does not learn the same surprise 60 times.
 */
#pragma once

#include "regression.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALIBRATION_VERSION 1
#define CALIBRATION_BINS 10

/* Of a statement about the next `horizon` made every `step` (same unit): step / horizon, at most 1. */
double calibration_weight(double step, double horizon);

struct calibration_bin {
	double weight, probability, outcome; /* sums, weighted */
};

struct calibration_score {
	double threshold; /* at or above it a statement was an alarm */
	uint64_t statements, came_true, ignored;
	double weight; /* sum */
	double squared_error; /* weighted sum */
	double alarm_true, alarm_false, missed; /* weighted */
	struct calibration_bin bin[CALIBRATION_BINS]; /* of width 1 / CALIBRATION_BINS */
};

void calibration_score_init(struct calibration_score *s, double threshold);

/* Ignored: a probability outside 0 to 1 or NAN, a weight that is not above 0. */
void calibration_score_add(
		struct calibration_score *s, double probability, bool came_true, double weight);

/* Figures without a single statement (or alarm, or event) to compute them from are NAN. */
struct calibration_report {
	uint64_t statements, came_true;
	double independent; /* the statements' worth: the sum of their weights */
	double base_rate;
	double brier; /* mean squared error (Brier 1950) */
	double skill; /* 1 - brier / brier of always saying the base rate; NAN if all had one outcome */
	double calibration_error; /* ECE: mean of |said - came true| over the bins, by weight (Naeini 2015) */
	double precision, recall; /* of the alarms */
};
void calibration_report(const struct calibration_score *s, struct calibration_report *out);

/*
 * Beta calibration (Kull, Silva Filho, Flach 2017): logit(q) = a ln(p) - b ln(1 - p) + c with a, b > 0, which is
 * monotone and the identity at a = b = 1, c = 0. The three are learnt online (regression.h) from the identity on; what is
 * old fades back to it. What this shape cannot follow a line through eleven knots does, each the average of what came
 * of statements next to it (an isotonic regression of bounded memory), from the identity on as well.
 */
struct calibration_map {
	struct regression logistic; /* of ln(p), -ln(1 - p), 1: weights a, b, c */
	double knot[CALIBRATION_BINS + 1]; /* what 0, 0.1 .. 1 of the logistic mean; never falls */
	double knot_seen[CALIBRATION_BINS + 1]; /* weight of the outcomes next to it */
};

/* `prior_sd`: how far a, b and c may be from the identity by the first belief (0.3 is strong, 1 weak). `memory`: weight
 * after which an outcome counts for 1 / e; 1000 suits. */
void calibration_map_init(struct calibration_map *m, double prior_sd, double memory);

/* Raw to calibrated, 0 to 1; NAN for NAN. Monotone in `raw`. */
double calibration_map_apply(const struct calibration_map *m, double raw);

/* Learns the outcome of a statement whose raw probability was `raw`. Ignores what score_add would. */
void calibration_map_learn(struct calibration_map *m, double raw, bool came_true, double weight);

/* After a restore: finite, monotone, a precision that can be used? */
bool calibration_map_valid(const struct calibration_map *m);
bool calibration_score_valid(const struct calibration_score *s);
