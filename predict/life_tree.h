/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regression by gradient-boosted trees (Friedman 2001) for the squared error, over features sorted into bins: leaves are
 * split best first, sums per bin of the larger child are its parent's less its sibling's. Pure, deterministic.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LIFE_TREE_BINS 64
#define LIFE_TREE_LEAVES 16
#define LIFE_TREE_COUNT 120

/* Features of all rows in bins of about equal count. */
struct life_bins {
	size_t rows, features;
	double *edge; /* [features][LIFE_TREE_BINS - 1], ascending; a value is in the first bin whose edge it is not above */
	uint8_t *code; /* [rows][features] */
};

/* From x[rows][features], finite. 0 or -ENOMEM. */
int life_bins_build(struct life_bins *b, const double *x, size_t rows, size_t features);
void life_bins_fini(struct life_bins *b);

struct life_tree_node {
	double edge; /* at most: left */
	double value; /* of a leaf */
	uint16_t feature;
	uint8_t left, right; /* indices; both 0: a leaf */
};

struct life_trees {
	double start;
	size_t count;
	struct life_tree_node node[LIFE_TREE_COUNT][2 * LIFE_TREE_LEAVES - 1];
};

struct life_tree_lesson {
	const struct life_bins *bins;
	const double *target, *weight; /* [rows of bins]; weight > 0 */
	const uint32_t *row; /* [count]: the rows to learn from */
	size_t count; /* >= 1 */
};

/* 0 or -ENOMEM. */
int life_trees_train(struct life_trees *trees, const struct life_tree_lesson *lesson);
double life_trees_apply(const struct life_trees *trees, const double *x);
