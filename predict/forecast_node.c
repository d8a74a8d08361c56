/* SPDX-License-Identifier: Apache-2.0 */
#include "forecast_node.h"

#include <math.h>
#include <string.h>

#define FIRST_ERRORS 30 /* are averaged; then the latest ERROR_MEMORY */
#define ERROR_MEMORY 300
#define ERROR_UNITS 20 /* of the series: an error counts no more */
#define OUTLIER 3 /* mean absolute errors from which on an error pulls no harder */
#define WEIGHTS_MEMORY 3000

/* A deviation lasts: that is the first belief of every horizon; long ones trust what lasted longer. */
void
forecast_node_init(struct forecast_node *n, uint32_t ahead)
{
	double fast = 0.5 * exp(-(ahead - 1.0) / 6);
	double prior[FORECAST_INPUTS] = {fast, 0.5 * (1 - fast), 0.25 * (1 - fast)};

	memset(n, 0, sizeof(*n));
	n->ahead = ahead;
	n->stride = (ahead + FORECAST_PENDING - 1) / FORECAST_PENDING;
	regression_init(&n->weights, FORECAST_INPUTS, prior, 0.3);
	n->weights.memory = WEIGHTS_MEMORY;
	quantile_track_init(&n->errors);
}

void
forecast_node_keep(struct forecast_node *n, int64_t index, const struct forecast_made *made)
{
	if (index % n->stride == 0)
		n->made[(uint64_t)(index / n->stride) % FORECAST_PENDING] = *made;
}

struct forecast_made *
forecast_node_due(struct forecast_node *n, int64_t target)
{
	int64_t index = target - n->ahead;
	struct forecast_made *made;

	if (index % n->stride != 0)
		return NULL;
	made = &n->made[(uint64_t)(index / n->stride) % FORECAST_PENDING];
	return made->spread > 0 && made->target == target ? made : NULL;
}

void
forecast_node_learn(struct forecast_node *n, struct forecast_made *made, double scaled)
{
	double error = scaled - made->center, size = fabs(error) / made->spread;
	double usual, weight, input[FORECAST_INPUTS];
	size_t i;

	size = fmin(size, ERROR_UNITS * made->unit / made->spread);
	usual = n->seen > 0 ? n->error : size;
	weight = size > OUTLIER * usual ? OUTLIER * usual / size : 1;
	for (i = 0; i < FORECAST_INPUTS; i++)
		input[i] = made->input[i];
	regression_learn(&n->weights, input, (scaled - made->base) / made->unit, weight);
	if (n->seen > 0 && n->error > 0)
		quantile_track_add(&n->errors, error / (made->spread * n->error), 1);
	n->seen++;
	n->error += (fmin(size, 4 * OUTLIER * usual) - n->error) /
			fmin(n->seen, n->seen < FIRST_ERRORS ? FIRST_ERRORS : ERROR_MEMORY);
	made->spread = 0;
}

bool
forecast_node_valid(const struct forecast_node *n)
{
	return n->ahead > 0 && n->stride > 0 && n->error >= 0 && n->seen >= 0 &&
			regression_valid(&n->weights) && quantile_track_valid(&n->errors);
}
