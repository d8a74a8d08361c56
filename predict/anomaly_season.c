/* SPDX-License-Identifier: Apache-2.0 */
#include "anomaly_season.h"

#include <string.h>

#define DAY_S 86400
#define WEEK_S (7 * DAY_S)
#define NEWEST .2f /* weight of the newest visit */

struct profile {
	struct anomaly_visit *now;
	float *mean;
	uint8_t *visits;
	bool trusts_visit;
};

static void
finish_visit(const struct profile *p)
{
	int bin = p->now->bin;
	float rate;

	if (bin < 0 || !p->now->n)
		return;
	if (p->visits[bin] < UINT8_MAX)
		p->visits[bin]++;
	rate = 1.f / p->visits[bin];
	p->mean[bin] += (rate > NEWEST ? rate : NEWEST) *
			((float)(p->now->sum / p->now->n) - p->mean[bin]);
}

/* Learns x in the bin; what was expected of it is `otherwise` if the bin has no better. */
static double
expect(const struct profile *p, int bin, double x, double otherwise)
{
	struct anomaly_visit *now = p->now;
	double expected;

	if (bin != now->bin) {
		finish_visit(p);
		*now = (struct anomaly_visit){.bin = (int16_t)bin};
	}
	expected = otherwise;
	if (p->visits[bin])
		expected = p->mean[bin];
	else if (p->trusts_visit && now->n)
		expected = now->sum / now->n;
	now->sum += x;
	now->n++;
	return expected;
}

void
anomaly_season_init(struct anomaly_season *s, bool trusts_visit)
{
	memset(s, 0, sizeof(*s));
	s->day_now.bin = -1;
	s->week_now.bin = -1;
	s->trusts_visit = trusts_visit;
}

struct anomaly_expected
anomaly_season_expect(struct anomaly_season *s, double x, int64_t seconds, double otherwise)
{
	int at = (int)((seconds % WEEK_S + WEEK_S) % WEEK_S), hour = at / 3600;
	struct profile day = {&s->day_now, s->day, s->day_visits, s->trusts_visit};
	struct profile week = {&s->week_now, s->week, s->week_visits, s->trusts_visit};
	struct anomaly_expected e;

	e.day = expect(&day, at % DAY_S * ANOMALY_DAY_BINS / DAY_S, x, otherwise);
	e.week = expect(&week, hour, x, otherwise);
	if (!s->week_visits[hour])
		e.week = e.day;
	return e;
}
