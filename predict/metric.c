/* SPDX-License-Identifier: Apache-2.0 */
#include "metric.h"

#include <math.h>
#include <string.h>

void
metric_passive_init(struct metric out[METRIC_PASSIVE_COUNT])
{
	static const struct metric passive[METRIC_PASSIVE_COUNT] = {
#define X(id, unit_text, shape_of, worse_of, text) \
	[METRIC_##id] = {.name = #id,              \
			.unit = unit_text,         \
			.shape = shape_of,         \
			.worse = worse_of,         \
			.floor = 1,                \
			.limit = NAN},
			METRIC_PASSIVE_LIST(X)
#undef X
	};
	uint32_t i;

	memcpy(out, passive, sizeof(passive));
	for (i = 0; i < METRIC_PASSIVE_COUNT; i++) {
		if (out[i].shape == METRIC_SHARE)
			out[i].floor = 0.001;
		if (strcmp(out[i].unit, "us") == 0)
			out[i].floor = 100;
	}
}

double
metric_scale(const struct metric *m, double value)
{
	if (!(value >= 0) || m->shape != METRIC_LOG)
		return value;
	return log1p(value / m->floor);
}
