/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_mix.h"

#include <string.h>

#define RATE 5e-4f /* per sample, as the long-run level's */
#define RARE .01f /* share of a class that has hardly been seen: keeps the quotient finite */

static uint8_t
class_of(double z)
{
	static const double edges[ANOMALY_CLASSES - 1] = {-4, -2, -1, -.5, -.2, .2, .5, 1, 2, 4};
	uint8_t class = 0;

	while (class < ANOMALY_CLASSES - 1 && z > edges[class])
		class ++;
	return class;
}

void
anomaly_mix_init(struct anomaly_mix *m, uint16_t width)
{
	memset(m, 0, sizeof(*m));
	m->width = width;
}

static void
push(struct anomaly_mix *m, uint8_t class)
{
	if (m->filled == m->width)
		m->count[m->ring[m->at]]--;
	else
		m->filled++;
	m->ring[m->at] = class;
	m->count[class]++;
	m->at = (uint16_t)(m->at + 1 == m->width ? 0 : m->at + 1);
}

float
anomaly_mix_update(struct anomaly_mix *m, double z)
{
	uint8_t class = class_of(z);
	float unlike = 0, share, off;
	int i;

	push(m, class);
	share = 1.f / (float)m->filled;
	for (i = 0; i < ANOMALY_CLASSES; i++) {
		off = (float)m->count[i] * share - m->usual[i];
		unlike += off * off / (m->usual[i] + RARE);
	}
	m->weight += (1 - m->weight) * RATE;
	share = RATE / m->weight;
	for (i = 0; i < ANOMALY_CLASSES; i++)
		m->usual[i] += share * ((i == class) - m->usual[i]);
	return unlike;
}
