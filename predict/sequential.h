/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a candidate worse than a reference? A sequential test of a share (of requests that are too slow, that fail, that
 * stay unanswered), valid at every look: however often it is asked, and whatever makes one stop, a verdict is wrong
 * with probability alpha at most.
 *
 * The hypotheses are "at most reference + margin / 2" (rejected: worse) and "at least reference + margin" (rejected:
 * not worse); what lies between is too little to matter. For each, a mixture over a few alternatives q of the
 * likelihood ratio against the boundary b,
 *
 *   E = mean over q of (q / b)^hits * ((1 - q) / (1 - b))^(trials - hits),
 *
 * is a nonnegative supermartingale that begins at 1 under every share of its hypothesis, so that by Ville's inequality
 * it ever reaches 1 / alpha with probability alpha at most (Robbins 1970, "Statistical methods related to the law of
 * the iterated logarithm"; as a betting score: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random
 * variables by betting", JRSS B 86). E depends on the totals alone, so that these are the whole state. Requests of one
 * interval are not independent: an interval counts as SEQUENTIAL_BATCH trials at most, its ratio to a power below 1,
 * which stays a supermartingale (Jensen).
 *
 * Pure; a share knows neither load nor time, so that sides under different load compare.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQUENTIAL_BATCH 50.0

enum sequential_verdict {
	SEQUENTIAL_UNSURE,
	SEQUENTIAL_NOT_WORSE,
	SEQUENTIAL_WORSE,
};

struct sequential_share {
	double reference; /* share in the healthy past, 0 to 1; NAN: not known, never a verdict */
	double margin; /* a share larger by this much is worse; > 0 */
	double trials, hits; /* as they count */
};

void sequential_init(struct sequential_share *s, double reference, double margin);

/* An interval: `hits` of `trials` requests were bad. What is NAN, negative or more hits than trials is left out. */
void sequential_add(struct sequential_share *s, double trials, double hits);

/* log E of both hypotheses; 0 at the beginning. */
double sequential_log_worse(const struct sequential_share *s);
double sequential_log_not_worse(const struct sequential_share *s);

enum sequential_verdict sequential_verdict(const struct sequential_share *s, double alpha);

/* A share that is surely larger than this is worse. */
double sequential_allowed(const struct sequential_share *s);

/* Several shares of one candidate. */
enum comparison_kind {
	COMPARE_LATENCY, /* replies over a time */
	COMPARE_ERRORS, /* requests refused, reset, unanswered or answered with an error */
	COMPARE_ANSWERS, /* copies answered otherwise than the requests themselves */
	COMPARE_KINDS
};

struct comparison {
	struct sequential_share share[COMPARE_KINDS];
	double requests; /* of the candidate since the beginning */
	double confidence, min_requests;
};

/* No share is compared until comparison_reference() was told what to expect. */
void comparison_init(struct comparison *c, double confidence, double min_requests);
void comparison_reference(
		struct comparison *c, enum comparison_kind kind, double reference, double margin);
/* Forgets the evidence, keeps the references: at a new step. */
void comparison_restart(struct comparison *c);

void comparison_requests(struct comparison *c, double requests);
void comparison_add(struct comparison *c, enum comparison_kind kind, double trials, double hits);

/* Worse if any share is (alpha divided among them); not worse if each is not, after min_requests. Answers need not agree
 * where they are fewer than half of what is compared for errors: of traffic that is served there are no copies. `kind`, if
 * not NULL, gets the share that made it worse or keeps it unsure. */
enum sequential_verdict comparison_verdict(
		const struct comparison *c, enum comparison_kind *kind_or_null);

/* Did the one see a larger share of anything compared than the other, by more than the margin? No test: to tell two
 * that are both bad apart. False where either saw nothing. Answers were compared with the other's own, so that of them the
 * verdict counts. */
bool comparison_is_worse_than(const struct comparison *c, const struct comparison *other);

#define COMPARISON_TEXT_SIZE 96

/* What made it worse: "answers differ: 40 % of 120, allowed 5 %"; "" if it is not. */
void comparison_text(const struct comparison *c, char text[COMPARISON_TEXT_SIZE]);

const char *comparison_kind_name(enum comparison_kind kind);
const char *sequential_verdict_name(enum sequential_verdict verdict);
