/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_load.h"

#include <math.h>

#define NOW_S 5.0
#define USUAL_S 120.0
#define AWAY_S 600.0 /* a load that came to stay is usual after some minutes */
#define YOUNG 30
#define UNUSUAL 1.5
#define NOISE_SD 3

void
policy_load_update(struct policy_load *l, double requests, bool well)
{
	double span = AWAY_S;

	if (!(requests >= 0) || isinf(requests))
		return;
	l->seen++;
	if (well || l->seen < YOUNG)
		span = fmin(l->seen, USUAL_S);
	l->now += (requests - l->now) / fmin(l->seen, NOW_S);
	l->usual += (requests - l->usual) / span;
}

bool
policy_load_is_unusual(const struct policy_load *l)
{
	double more = l->now - l->usual;

	return l->seen >= YOUNG && l->now > UNUSUAL * l->usual &&
			more > NOISE_SD * sqrt(l->usual / NOW_S);
}
