/* SPDX-License-Identifier: Apache-2.0 */
/* The long-run mean and variance of a series, exponentially weighted over some 2,000 samples, without bias at the start. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct anomaly_level {
	double mean, variance;
	double weight; /* 0 to 1: how far the start is forgotten */
	uint32_t n; /* samples; stays at ANOMALY_LEVEL_WARM once there */
	uint32_t reserved;
};

#define ANOMALY_LEVEL_WARM 20

void anomaly_level_update(struct anomaly_level *l, double x);
/* 1 / standard deviation; 0 until warm. */
double anomaly_level_inverse_sd(const struct anomaly_level *l);
