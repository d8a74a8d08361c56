/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_pattern.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define STEPS_PER_SD (255. / 12) /* a byte holds 6 sd either way */
#define MIDDLE 127.5
#define SPIKE_SD .25 /* an extreme this far from the segment's mean stands for it */
#define SIZE_FULL (255.f * ANOMALY_COURSE)
#define VIGILANCE .04f /* largest box: .48 sd for its mean side; .02 to .07 measure the same */

void
anomaly_pattern_init(struct anomaly_pattern *p, uint16_t segment_length)
{
	memset(p, 0, sizeof(*p));
	p->length = segment_length;
}

static bool
collect(struct anomaly_pattern *p, double x)
{
	if (p->n == 0) {
		p->sum = 0;
		p->min = p->max = x;
	}
	p->sum += x;
	p->min = x < p->min ? x : p->min;
	p->max = x > p->max ? x : p->max;
	p->n++;
	return p->n >= p->length;
}

static void
push_segment(struct anomaly_pattern *p, const struct anomaly_level *level)
{
	double mean = p->sum / p->n, scale = anomaly_level_inverse_sd(level), at;
	double far = p->max - level->mean > level->mean - p->min ? p->max : p->min;

	if (!(fabs(far - mean) * scale >= SPIKE_SD))
		far = mean;
	at = MIDDLE + (far - level->mean) * scale * STEPS_PER_SD;
	memmove(p->course, p->course + 1, ANOMALY_COURSE - 1);
	p->course[ANOMALY_COURSE - 1] = (uint8_t)(at > 0 ? at < 255 ? at : 255 : 0);
	if (p->filled < ANOMALY_COURSE)
		p->filled++;
	p->n = 0;
}

static int
grown_size(const struct anomaly_pattern *p, int box)
{
	int size = 0, i;

	for (i = 0; i < ANOMALY_COURSE; i++) {
		uint8_t at = p->course[i], low = p->low[box][i], high = p->high[box][i];

		size += (at > high ? at : high) - (at < low ? at : low);
	}
	return size;
}

static int
best_box(const struct anomaly_pattern *p, int *size)
{
	int best = 0, i, grown;

	*size = INT_MAX;
	for (i = 0; i < p->boxes; i++) {
		grown = grown_size(p, i);
		if (grown < *size) {
			*size = grown;
			best = i;
		}
	}
	return best;
}

/* Half of the way towards the point, rounded up. */
static void
grow(struct anomaly_pattern *p, int box)
{
	int i, at;

	if (p->box_n[box] < UINT16_MAX)
		p->box_n[box]++;
	for (i = 0; i < ANOMALY_COURSE; i++) {
		uint8_t *low = &p->low[box][i], *high = &p->high[box][i];

		at = p->course[i];
		if (at < *low)
			*low = (uint8_t)(*low - (*low - at + 1) / 2);
		if (at > *high)
			*high = (uint8_t)(*high + (at - *high + 1) / 2);
	}
}

/* A full book gives up its rarest. */
static void
open_box(struct anomaly_pattern *p)
{
	int box = p->boxes, i;

	if (box < ANOMALY_BOXES) {
		p->boxes++;
	} else {
		for (box = 0, i = 1; i < ANOMALY_BOXES; i++)
			box = p->box_n[i] < p->box_n[box] ? i : box;
	}
	memcpy(p->low[box], p->course, ANOMALY_COURSE);
	memcpy(p->high[box], p->course, ANOMALY_COURSE);
	p->box_n[box] = 1;
}

bool
anomaly_pattern_update(
		struct anomaly_pattern *p, double x, const struct anomaly_level *level, float *out)
{
	bool is_first = p->boxes == 0;
	int best, size;
	float share;

	if (!collect(p, x))
		return false;
	push_segment(p, level);
	if (p->filled < ANOMALY_COURSE)
		return false;
	best = best_box(p, &size);
	share = (float)size / SIZE_FULL;
	if (!is_first && share <= VIGILANCE)
		grow(p, best);
	else
		open_box(p);
	if (is_first)
		return false;
	*out = share;
	return true;
}
