/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One horizon of a forecast: the regression of what is left over of the seasons then on what is left over now, how
 * large its errors are, and their quantiles; and the forecasts made that still wait for their sample. Long horizons
 * keep only every stride-th of them: their errors overlap anyway. Plain memory. Internal to forecast.c.
 */
#pragma once

#include "quantile_track.h"
#include <stdbool.h>

#include "regression.h"

#define FORECAST_PENDING 8
#define FORECAST_INPUTS REGRESSION_INPUTS_MAX

/* Of one forecast: `unit` is what inputs and errors are measured in. */
struct forecast_made {
	int64_t target; /* 0 with spread 0: none */
	float base; /* without what the events add */
	float center; /* the whole, without what the events add */
	float spread; /* relative to the node's own error */
	float unit;
	float input[FORECAST_INPUTS];
};

struct forecast_node {
	uint32_t ahead, stride;
	double error; /* mean absolute error, each divided by its spread */
	double seen;
	struct regression weights;
	struct quantile_track errors; /* divided by spread x error */
	struct forecast_made made[FORECAST_PENDING];
};

void forecast_node_init(struct forecast_node *n, uint32_t ahead);

/* Keeps a forecast made at `index`, if it is that one's turn. */
void forecast_node_keep(struct forecast_node *n, int64_t index, const struct forecast_made *made);

/* The forecast that was made for sample `target`, or NULL. */
struct forecast_made *forecast_node_due(struct forecast_node *n, int64_t target);

/* Learns from the sample (less what the events add), and forgets the forecast. */
void forecast_node_learn(struct forecast_node *n, struct forecast_made *made, double scaled);

bool forecast_node_valid(const struct forecast_node *n);
