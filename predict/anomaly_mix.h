/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values occur: how the values of the newest samples are spread over classes of distance from the long-run mean,
 * against how they usually are.
 */
#pragma once

#include <stdint.h>

#include "anomaly_window.h"

#define ANOMALY_CLASSES 11

struct anomaly_mix {
	float usual[ANOMALY_CLASSES]; /* shares, over some 2,000 samples */
	float weight; /* 0 to 1: how far the start is forgotten */
	uint16_t width, filled, at;
	uint8_t ring[ANOMALY_WINDOW_MAX]; /* classes of the newest samples */
	uint8_t count[ANOMALY_CLASSES]; /* in the ring */
	uint8_t reserved[3];
};

/* 1 <= width <= ANOMALY_WINDOW_MAX. */
void anomaly_mix_init(struct anomaly_mix *m, uint16_t width);

/* How unlike the usual mix the newest is, >= 0, in the manner of chi squared; then learns. `z`: standard deviations from
 * the long-run mean. */
float anomaly_mix_update(struct anomaly_mix *m, double z);
