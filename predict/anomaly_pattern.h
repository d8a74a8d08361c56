/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Novelty of a course: the last 8 segments of the series as a point in [0, 255]^8, and a book of boxes that hold the
 * points seen before (fuzzy ART with complement coding: Carpenter, Grossberg, Rosen 1991, is such boxes). The more the best
 * box would have to grow to hold the newest point, the newer is the course.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "anomaly_level.h"

#define ANOMALY_COURSE 8
#define ANOMALY_BOXES 96

struct anomaly_pattern {
	double sum, min, max; /* of the segment in progress */
	uint16_t n, length; /* its samples so far; of a whole one */
	uint16_t boxes;
	uint16_t filled; /* segments in `course` */
	uint16_t box_n[ANOMALY_BOXES]; /* points that it took */
	uint8_t course[ANOMALY_COURSE]; /* oldest first */
	uint8_t low[ANOMALY_BOXES][ANOMALY_COURSE], high[ANOMALY_BOXES][ANOMALY_COURSE];
};

void anomaly_pattern_init(struct anomaly_pattern *p, uint16_t segment_length);

/* True at the end of a segment, if there is a book to compare with: then the novelty, 0 to 1, is in `out`. `level` is warm. */
bool anomaly_pattern_update(
		struct anomaly_pattern *p, double x, const struct anomaly_level *level, float *out);
