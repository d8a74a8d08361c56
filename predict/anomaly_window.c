/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_window.h"

#include <string.h>

#define LANES 4 /* sums side by side: one sum waits 4 cycles for each addition */

void
anomaly_window_init(struct anomaly_window *w, uint16_t width, uint16_t recent)
{
	memset(w, 0, sizeof(*w));
	w->width = width;
	w->recent = recent;
}

void
anomaly_window_push(struct anomaly_window *w, double x)
{
	w->ring[w->at] = x;
	w->at = (uint16_t)(w->at + 1 == w->width ? 0 : w->at + 1);
	if (w->filled < w->width)
		w->filled++;
}

static double
sum_of(const double *x, int n)
{
	double sum[LANES] = {0};
	int i, lane;

	for (i = 0; i + LANES <= n; i += LANES)
		for (lane = 0; lane < LANES; lane++)
			sum[lane] += x[i + lane];
	for (; i < n; i++)
		sum[0] += x[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static double
squares_of(const double *x, int n, double mean)
{
	double sum[LANES] = {0}, d;
	int i, lane;

	for (i = 0; i + LANES <= n; i += LANES) {
		for (lane = 0; lane < LANES; lane++) {
			d = x[i + lane] - mean;
			sum[lane] += d * d;
		}
	}
	for (; i < n; i++)
		sum[0] += (x[i] - mean) * (x[i] - mean);
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

struct anomaly_moments
anomaly_window_all(const struct anomaly_window *w)
{
	double mean = sum_of(w->ring, w->filled) / w->filled;

	return (struct anomaly_moments){mean, squares_of(w->ring, w->filled, mean) / w->filled};
}

struct anomaly_moments
anomaly_window_recent(const struct anomaly_window *w)
{
	int n = w->filled < w->recent ? w->filled : w->recent;
	int high = w->at < n ? w->at : n, low = n - high; /* low: at the end of the ring */
	const double *old = w->ring + w->width - low, *young = w->ring + w->at - high;
	double mean = (sum_of(old, low) + sum_of(young, high)) / n;

	return (struct anomaly_moments){
			mean, (squares_of(old, low, mean) + squares_of(young, high, mean)) / n};
}
