/* SPDX-License-Identifier: Apache-2.0 */
/* The newest samples and their moments, computed anew each time: no drift, whatever went through. */
#pragma once

#include <stdint.h>

#define ANOMALY_WINDOW_MAX 64

struct anomaly_window {
	double ring[ANOMALY_WINDOW_MAX];
	uint16_t width, recent; /* samples of the window, and of its newest part */
	uint16_t filled, at;
};

struct anomaly_moments {
	double mean, variance;
};

/* 1 <= recent <= width <= ANOMALY_WINDOW_MAX. */
void anomaly_window_init(struct anomaly_window *w, uint16_t width, uint16_t recent);
void anomaly_window_push(struct anomaly_window *w, double x);
/* Of all, and of the newest `recent`; of as many as there are. At least one was pushed. */
struct anomaly_moments anomaly_window_all(const struct anomaly_window *w);
struct anomaly_moments anomaly_window_recent(const struct anomaly_window *w);
