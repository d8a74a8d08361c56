/* SPDX-License-Identifier: Apache-2.0 */
#include "silence.h"

#include <math.h>
#include <string.h>

#define SEEN_MIN 20
#define RATE 0.02 /* of one interval's gaps in mean and variance: about a minute */
#define SD_MIN_S 0.25 /* a garbage collection, a lost packet */

void
silence_init(struct silence *s)
{
	memset(s, 0, sizeof(*s));
}

static void
learn(struct silence *s, double gap)
{
	double rate = fmax(RATE, 1.0 / (s->seen + 1)), d = gap - (double)s->mean_s;

	s->mean_s += (float)(rate * d);
	s->var = (float)((1 - rate) * ((double)s->var + rate * d * d));
	s->seen += s->seen < UINT32_MAX;
}

static double
phi_of(const struct silence *s)
{
	double sd = fmax(sqrt((double)s->var), fmax(SD_MIN_S, (double)s->mean_s / 2));
	double later = 0.5 * erfc(((double)s->quiet_s - (double)s->mean_s) / sd * M_SQRT1_2);

	return fmin(fmax(-log10(later), 0), SILENCE_PHI_MAX);
}

double
silence_update(struct silence *s, const struct silence_sample *in)
{
	if (in->replies > 0 && in->seconds > 0) {
		learn(s, (double)s->quiet_s + in->seconds / in->replies);
		s->quiet_s = 0;
		return 0;
	}
	if (!(in->replies == 0) || !(in->seconds > 0))
		return 0;
	if (!(in->requests > 0) && !(in->waiting > 0)) { /* nobody asks */
		s->quiet_s = 0;
		return 0;
	}
	s->quiet_s += (float)in->seconds;
	return s->seen < SEEN_MIN ? 0 : phi_of(s);
}
