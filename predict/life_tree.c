/* SPDX-License-Identifier: Apache-2.0 */
#include "life_tree.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RATE 0.06 /* share of a tree's correction that is taken */
#define RIDGE 5.0 /* weight of the belief that a leaf corrects nothing */
#define LEAF_ROWS_MAX 50 /* fewest rows of a leaf; less in small tables */
#define LEAF_ROWS_MIN 3
#define LEAF_SHARE 400 /* fewest rows of a leaf: this part of all */

struct sums {
	double residual, weight;
};

struct leaf {
	size_t begin, end; /* its rows */
	struct sums all;
	struct sums *bin; /* [features][LIFE_TREE_BINS] */
	double gain; /* of its best split; 0: none */
	size_t split_feature, split_bin;
	uint8_t node;
};

struct grower {
	const struct life_tree_lesson *lesson;
	size_t features, leaf_rows;
	uint32_t *row, *spare; /* [count]: rows by leaf */
	double *residual; /* [rows of bins] */
	struct sums *bins; /* of all leaves */
	struct leaf leaf[LIFE_TREE_LEAVES];
	size_t leaves;
};

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Quantiles as edges; equal ones leave bins empty, which does no harm. */
static void
edges_of(double *edge, const double *sorted, size_t rows)
{
	size_t i;

	for (i = 0; i < LIFE_TREE_BINS - 1; i++)
		edge[i] = sorted[(i + 1) * (rows - 1) / LIFE_TREE_BINS];
}

static uint8_t
bin_of(const double *edge, double value)
{
	size_t low = 0, high = LIFE_TREE_BINS - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (value <= edge[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return (uint8_t)low;
}

int
life_bins_build(struct life_bins *b, const double *x, size_t rows, size_t features)
{
	double *sorted = malloc(rows * sizeof(*sorted));
	size_t f, i;

	*b = (struct life_bins){.rows = rows, .features = features};
	b->edge = malloc(features * (LIFE_TREE_BINS - 1) * sizeof(*b->edge));
	b->code = malloc(rows * features);
	if (!sorted || !b->edge || !b->code) {
		free(sorted);
		life_bins_fini(b);
		return -ENOMEM;
	}
	for (f = 0; f < features; f++) {
		double *edge = b->edge + f * (LIFE_TREE_BINS - 1);

		for (i = 0; i < rows; i++)
			sorted[i] = x[i * features + f];
		qsort(sorted, rows, sizeof(*sorted), ascending);
		edges_of(edge, sorted, rows);
		for (i = 0; i < rows; i++)
			b->code[i * features + f] = bin_of(edge, x[i * features + f]);
	}
	free(sorted);
	return 0;
}

void
life_bins_fini(struct life_bins *b)
{
	free(b->edge);
	free(b->code);
	*b = (struct life_bins){0};
}

static void
sum_rows(const struct grower *g, struct leaf *leaf)
{
	const struct life_tree_lesson *l = g->lesson;
	size_t i, f;

	memset(leaf->bin, 0, g->features * LIFE_TREE_BINS * sizeof(*leaf->bin));
	leaf->all = (struct sums){0};
	for (i = leaf->begin; i < leaf->end; i++) {
		uint32_t row = g->row[i];
		const uint8_t *code = l->bins->code + row * g->features;
		double weight = l->weight[row], residual = weight * g->residual[row];

		leaf->all.weight += weight;
		leaf->all.residual += residual;
		for (f = 0; f < g->features; f++) {
			struct sums *bin = &leaf->bin[f * LIFE_TREE_BINS + code[f]];

			bin->residual += residual;
			bin->weight += weight;
		}
	}
}

/* The sibling's sums taken from the parent's, which `leaf` holds. */
static void
subtract_rows(const struct grower *g, struct leaf *leaf, const struct leaf *sibling)
{
	size_t i, n = g->features * LIFE_TREE_BINS;

	for (i = 0; i < n; i++) {
		leaf->bin[i].residual -= sibling->bin[i].residual;
		leaf->bin[i].weight -= sibling->bin[i].weight;
	}
	leaf->all.residual -= sibling->all.residual;
	leaf->all.weight -= sibling->all.weight;
}

static double
worth(struct sums s)
{
	return s.residual * s.residual / (s.weight + RIDGE);
}

static void
find_split_of(const struct grower *g, struct leaf *leaf, size_t feature)
{
	const struct sums *bin = leaf->bin + feature * LIFE_TREE_BINS;
	double enough = (double)g->leaf_rows, before = worth(leaf->all);
	struct sums left = {0}, right;
	size_t b;

	for (b = 0; b < LIFE_TREE_BINS - 1; b++) {
		double gain;

		left.residual += bin[b].residual;
		left.weight += bin[b].weight;
		right.residual = leaf->all.residual - left.residual;
		right.weight = leaf->all.weight - left.weight;
		if (right.weight < enough)
			return;
		if (left.weight < enough)
			continue;
		gain = worth(left) + worth(right) - before;
		if (gain > leaf->gain) {
			leaf->gain = gain;
			leaf->split_feature = feature;
			leaf->split_bin = b;
		}
	}
}

static void
find_split(const struct grower *g, struct leaf *leaf)
{
	size_t f;

	leaf->gain = 0;
	for (f = 0; f < g->features; f++)
		find_split_of(g, leaf, f);
}

/* Rows to the left of the split first, each side in its order; returns where the right side begins. */
static size_t
part_rows(struct grower *g, const struct leaf *leaf)
{
	size_t left = leaf->begin, right = 0, i;

	for (i = leaf->begin; i < leaf->end; i++) {
		uint32_t row = g->row[i];
		const uint8_t *code = g->lesson->bins->code + row * g->features;

		if (code[leaf->split_feature] <= leaf->split_bin)
			g->row[left++] = row;
		else
			g->spare[right++] = row;
	}
	memcpy(g->row + left, g->spare, right * sizeof(*g->spare));
	return left;
}

static void
split_leaf(struct grower *g, struct leaf *leaf, struct life_tree_node *node)
{
	struct leaf *other = &g->leaf[g->leaves], *small = leaf, *large = other;
	size_t middle = part_rows(g, leaf);
	struct life_tree_node *parent = &node[leaf->node];
	struct sums *bin, all = leaf->all;

	*parent = (struct life_tree_node){
			.edge = g->lesson->bins->edge[leaf->split_feature * (LIFE_TREE_BINS - 1) +
					leaf->split_bin],
			.feature = (uint16_t)leaf->split_feature,
			.left = (uint8_t)(2 * g->leaves - 1),
			.right = (uint8_t)(2 * g->leaves)};
	other->begin = middle;
	other->end = leaf->end;
	leaf->end = middle;
	leaf->node = parent->left;
	other->node = parent->right;
	g->leaves++;
	if (leaf->end - leaf->begin > other->end - other->begin) {
		small = other;
		large = leaf;
	}
	/* the parent's sums stay where the larger child finds them */
	bin = leaf->bin;
	if (large != leaf) {
		leaf->bin = other->bin;
		other->bin = bin;
	}
	large->all = all;
	sum_rows(g, small);
	subtract_rows(g, large, small);
	find_split(g, leaf);
	find_split(g, other);
}

static struct leaf *
best_leaf_or_null(struct grower *g)
{
	struct leaf *best = NULL;
	size_t i;

	for (i = 0; i < g->leaves; i++)
		if (g->leaf[i].gain > 0 && (!best || g->leaf[i].gain > best->gain))
			best = &g->leaf[i];
	return best;
}

/* The leaves' corrections, taken from the residuals at once. */
static void
settle_leaves(struct grower *g, struct life_tree_node *node)
{
	size_t i, k;

	for (i = 0; i < g->leaves; i++) {
		const struct leaf *leaf = &g->leaf[i];
		double value = RATE * leaf->all.residual / (leaf->all.weight + RIDGE);

		node[leaf->node] = (struct life_tree_node){.value = value};
		for (k = leaf->begin; k < leaf->end; k++)
			g->residual[g->row[k]] -= value;
	}
}

static void
grow_tree(struct grower *g, struct life_tree_node *node)
{
	struct leaf *leaf = &g->leaf[0];
	size_t i;

	for (i = 0; i < LIFE_TREE_LEAVES; i++)
		g->leaf[i].bin = g->bins + i * g->features * LIFE_TREE_BINS;
	leaf->begin = 0;
	leaf->end = g->lesson->count;
	leaf->node = 0;
	g->leaves = 1;
	sum_rows(g, leaf);
	find_split(g, leaf);
	while (g->leaves < LIFE_TREE_LEAVES && (leaf = best_leaf_or_null(g)))
		split_leaf(g, leaf, node);
	settle_leaves(g, node);
}

static double
start_residuals(struct grower *g)
{
	const struct life_tree_lesson *l = g->lesson;
	struct sums s = {0};
	double mean;
	size_t i;

	for (i = 0; i < l->count; i++) {
		s.residual += l->weight[l->row[i]] * l->target[l->row[i]];
		s.weight += l->weight[l->row[i]];
	}
	mean = s.residual / s.weight;
	for (i = 0; i < l->count; i++)
		g->residual[l->row[i]] = l->target[l->row[i]] - mean;
	return mean;
}

static size_t
leaf_rows_of(size_t count)
{
	size_t n = count / LEAF_SHARE;

	return n < LEAF_ROWS_MIN ? LEAF_ROWS_MIN : n > LEAF_ROWS_MAX ? LEAF_ROWS_MAX : n;
}

int
life_trees_train(struct life_trees *trees, const struct life_tree_lesson *lesson)
{
	struct grower g = {.lesson = lesson,
			.features = lesson->bins->features,
			.leaf_rows = leaf_rows_of(lesson->count)};
	size_t i;
	int rc = -ENOMEM;

	g.row = malloc(lesson->count * sizeof(*g.row));
	g.spare = malloc(lesson->count * sizeof(*g.spare));
	g.residual = malloc(lesson->bins->rows * sizeof(*g.residual));
	g.bins = malloc(LIFE_TREE_LEAVES * g.features * LIFE_TREE_BINS * sizeof(*g.bins));
	if (!g.row || !g.spare || !g.residual || !g.bins)
		goto done;
	memcpy(g.row, lesson->row, lesson->count * sizeof(*g.row));
	memset(trees, 0, sizeof(*trees));
	trees->start = start_residuals(&g);
	trees->count = LIFE_TREE_COUNT;
	for (i = 0; i < trees->count; i++)
		grow_tree(&g, trees->node[i]);
	rc = 0;
done:
	free(g.row);
	free(g.spare);
	free(g.residual);
	free(g.bins);
	return rc;
}

static double
tree_apply(const struct life_tree_node *node, const double *x)
{
	const struct life_tree_node *n = node;

	while (n->left)
		n = x[n->feature] <= n->edge ? &node[n->left] : &node[n->right];
	return n->value;
}

double
life_trees_apply(const struct life_trees *trees, const double *x)
{
	double sum = trees->start;
	size_t i;

	for (i = 0; i < trees->count; i++)
		sum += tree_apply(trees->node[i], x);
	return sum;
}
