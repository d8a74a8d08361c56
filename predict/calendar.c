/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define YEAR_MIN 1970
#define YEAR_MAX 9999

/* As many digits as asked for, and no more. */
static bool
read_digits(const char **at, unsigned digits, int *out)
{
	int value = 0;

	for (; digits > 0; digits--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return true;
}

static bool
read_part(const char **at, char before, int *out)
{
	if (**at != before)
		return false;
	(*at)++;
	return read_digits(at, 2, out);
}

/* mktime would turn February 30 into March 2: what comes back must be what went in. */
static bool
exists(const struct tm *t)
{
	struct tm back = *t;

	timegm(&back);
	return back.tm_year == t->tm_year && back.tm_mon == t->tm_mon &&
			back.tm_mday == t->tm_mday && back.tm_hour == t->tm_hour &&
			back.tm_min == t->tm_min && back.tm_sec == t->tm_sec;
}

int
calendar_time_parse(const char *text, int64_t *out)
{
	struct tm t = {0};
	int year;

	if (!read_digits(&text, 4, &year) || !read_part(&text, '-', &t.tm_mon) ||
			!read_part(&text, '-', &t.tm_mday))
		return -EINVAL;
	if (*text && (!read_part(&text, ' ', &t.tm_hour) || !read_part(&text, ':', &t.tm_min)))
		return -EINVAL;
	if (*text && !read_part(&text, ':', &t.tm_sec))
		return -EINVAL;
	t.tm_year = year - 1900;
	t.tm_mon--;
	if (*text || year < YEAR_MIN || !exists(&t))
		return -EINVAL;
	*out = timegm(&t);
	return 0;
}

int64_t
calendar_period(enum calendar_repeat repeat)
{
	switch (repeat) {
	case CALENDAR_DAILY:
		return DAY_S;
	case CALENDAR_WEEKLY:
		return 7 * DAY_S;
	case CALENDAR_YEARLY:
		return 365 * DAY_S;
	case CALENDAR_ONCE:
		break;
	}
	return INT64_MAX;
}

/* The event's beginning in another year. */
static int64_t
in_year(const struct calendar_event *e, int year)
{
	time_t from = (time_t)e->from_s;
	struct tm t;

	gmtime_r(&from, &t);
	t.tm_year = year;
	return timegm(&t);
}

static bool
lasts_yearly(const struct calendar_event *e, int64_t civil_s)
{
	time_t now = (time_t)civil_s;
	int64_t since;
	struct tm t;
	int back;

	if (civil_s < 0 || !gmtime_r(&now, &t) || t.tm_year + 1900 > YEAR_MAX)
		return false;
	for (back = 0; back < 2; back++) {
		since = civil_s - in_year(e, t.tm_year - back);
		if (since >= 0 && since < e->to_s - e->from_s)
			return true;
	}
	return false;
}

bool
calendar_lasts(const struct calendar_event *e, int64_t civil_s)
{
	int64_t period = calendar_period(e->repeat), since = civil_s - e->from_s;

	if (e->repeat == CALENDAR_YEARLY)
		return lasts_yearly(e, civil_s);
	if (e->repeat != CALENDAR_ONCE) {
		since %= period;
		since += since < 0 ? period : 0;
	}
	return since >= 0 && since < e->to_s - e->from_s;
}
