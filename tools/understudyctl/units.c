/* SPDX-License-Identifier: Apache-2.0 */
#include "units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three significant digits, no decimals on whole small numbers. */
static const char *
three_digits(double n, const char *suffix, char buf[UNIT_TEXT])
{
	int decimals = n >= 99.95 || (n == floor(n) && !*suffix) ? 0 : n >= 9.995 ? 1 : 2;

	snprintf(buf, UNIT_TEXT, "%.*f%s", decimals, n, suffix);
	return buf;
}

const char *
unit_count(double n, char buf[UNIT_TEXT])
{
	static const char *const suffix[] = {"", "k", "M", "G", "T", "P"};
	size_t i;

	if (!(n >= 0))
		return strcpy(buf, "-");
	for (i = 0; n >= 999.5 && i < 5; i++)
		n /= 1000;
	return three_digits(n, suffix[i], buf);
}

const char *
unit_us(double us, char buf[UNIT_TEXT])
{
	if (!(us >= 0))
		return strcpy(buf, "-");
	if (us < 999.5)
		snprintf(buf, UNIT_TEXT, "%.0fus", us);
	else if (us < 999500)
		return three_digits(us / 1000, "ms", buf);
	else
		return three_digits(us / 1e6, "s", buf);
	return buf;
}

const char *
unit_share(double share, char buf[UNIT_TEXT])
{
	double percent = share * 100;

	if (!(percent >= 0))
		return strcpy(buf, "-");
	if (percent == 0 || percent >= 99.95)
		snprintf(buf, UNIT_TEXT, "%.0f%%", percent);
	else if (percent >= 9.95)
		snprintf(buf, UNIT_TEXT,
				fabs(percent - round(percent)) < 0.05 ? "%.0f%%" : "%.1f%%",
				percent);
	else
		snprintf(buf, UNIT_TEXT, "%.2g%%", percent);
	return buf;
}

const char *
unit_age(double seconds, char buf[UNIT_TEXT])
{
	unsigned long s = seconds > 0 ? (unsigned long)seconds : 0;

	if (s < 60)
		snprintf(buf, UNIT_TEXT, "%lus", s);
	else if (s < 3600)
		snprintf(buf, UNIT_TEXT, "%lum%02lus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, UNIT_TEXT, "%luh%02lum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, UNIT_TEXT, "%lud%02luh", s / 86400, s / 3600 % 24);
	return buf;
}

double
unit_number(const json_t *value)
{
	return json_is_number(value) ? json_number_value(value) : NAN;
}

int
unit_parse_share(const char *text, double *share)
{
	double value;
	char *end;

	value = strtod(text, &end);
	if (end == text)
		return -1;
	if (!strcmp(end, "%"))
		value /= 100;
	else if (*end || (value != 0 && !strchr(text, '.')))
		return -1; /* is 1 one percent, or all? */
	if (!(value >= 0 && value <= 1))
		return -1;
	*share = value;
	return 0;
}

int
unit_parse_count(const char *text, uint64_t *n)
{
	double value, factor = 1;
	char *end;

	value = strtod(text, &end);
	if (end == text || !(value >= 0))
		return -1;
	if (*end == 'k' || *end == 'K')
		factor = 1e3;
	else if (*end == 'M')
		factor = 1e6;
	else if (*end == 'G')
		factor = 1e9;
	else if (*end)
		return -1;
	if ((factor > 1 && end[1]) || value * factor > 9e18)
		return -1;
	*n = (uint64_t)llround(value * factor);
	return 0;
}
