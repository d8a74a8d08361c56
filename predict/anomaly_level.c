/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_level.h"

#include <math.h>

#define RATE 5e-4 /* per sample; 2.5e-4 to 2e-3 measure the same */
#define VARIANCE_LEAST 1e-24

void
anomaly_level_update(struct anomaly_level *l, double x)
{
	double share, step;

	if (l->n == 0)
		l->mean = x;
	if (l->n < ANOMALY_LEVEL_WARM)
		l->n++;
	l->weight += (1 - l->weight) * RATE;
	share = RATE / l->weight;
	step = x - l->mean;
	l->mean += share * step;
	l->variance = (1 - share) * (l->variance + share * step * step);
}

double
anomaly_level_inverse_sd(const struct anomaly_level *l)
{
	if (l->n < ANOMALY_LEVEL_WARM)
		return 0;
	return 1 / sqrt(l->variance > VARIANCE_LEAST ? l->variance : VARIANCE_LEAST);
}
