/* SPDX-License-Identifier: Apache-2.0 */
#include "outside_text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define UNTIL_MAX 253402300800.0 /* the year 10000 */
#define ERROR_SIZE 128

/* "Z", "+01:00" or "-01:00", in seconds; false if it is neither. */
static bool
offset_parse(const char *text, int *seconds)
{
	int hours, minutes, used = 0;

	*seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if ((*text != '+' && *text != '-') ||
			sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 ||
			text[6] != '\0' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return false;
	*seconds = (hours * 60 + minutes) * 60 * (*text == '-' ? -1 : 1);
	return true;
}

int
outside_time_parse(const char *text, uint64_t *wall_ms)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t seconds;
	int offset;

	if (!rest)
		return -EINVAL;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!offset_parse(rest, &offset))
		return -EINVAL;
	seconds = timegm(&tm) - offset;
	if (seconds < 0)
		return -EINVAL;
	*wall_ms = (uint64_t)seconds * 1000;
	return 0;
}

static bool
until_parse(const json_t *value, uint64_t *wall_ms)
{
	double seconds = json_number_value(value);

	if (json_is_string(value))
		return outside_time_parse(json_string_value(value), wall_ms) == 0;
	if (!json_is_number(value) || !(seconds >= 0 && seconds < UNTIL_MAX))
		return false;
	*wall_ms = (uint64_t)(seconds * 1000);
	return true;
}

/* Names come from outside and end on terminals: C0 and C1 of Unicode, the latter as UTF-8 (jansson has seen to that). */
static bool
has_control(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	for (; *c; c++) {
		if (*c < ' ' || *c == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0))
			return true;
	}
	return false;
}

static bool
name_copy(const json_t *value, char out[OUTSIDE_NAME_MAX])
{
	const char *text = json_string_value(value);

	if (!text || !text[0] || strlen(text) >= OUTSIDE_NAME_MAX || has_control(text))
		return false;
	strcpy(out, text);
	return true;
}

static const char *
factor_fault_or_null(const json_t *item, struct outside_factor *out)
{
	const json_t *region = json_object_get(item, "region"),
		     *zone = json_object_get(item, "zone");
	const json_t *severity = json_object_get(item, "severity");

	if (!json_is_object(item))
		return "is not an object";
	out->region = region != NULL;
	if (region && zone)
		return "has both zone and region";
	if (!name_copy(region ? region : zone, out->place))
		return "has neither zone nor region, a name of 1 to 63 bytes";
	if (!name_copy(json_object_get(item, "factor"), out->name))
		return "has no factor, a name of 1 to 63 bytes";
	out->severity = json_number_value(severity);
	if (!json_is_number(severity) || !(out->severity >= 0 && out->severity <= 1))
		return "has no severity from 0 to 1";
	if (!until_parse(json_object_get(item, "until"), &out->until_ms))
		return "has no until, seconds since 1970 or a time such as 2026-01-31T12:00:00Z";
	return NULL;
}

static int
factors_parse(const json_t *list, struct outside_factor *out, char *error)
{
	const char *fault;
	size_t i, n = json_array_size(list);

	if (!json_is_array(list) || n > OUTSIDE_FACTORS_MAX) {
		snprintf(error, ERROR_SIZE, "not an array of at most %d factors",
				OUTSIDE_FACTORS_MAX);
		return -EINVAL;
	}
	for (i = 0; i < n; i++) {
		fault = factor_fault_or_null(json_array_get(list, i), &out[i]);
		if (fault) {
			snprintf(error, ERROR_SIZE, "item %zu %s", i, fault);
			return -EINVAL;
		}
	}
	return (int)n;
}

int
outside_parse(const char *text, size_t len, struct outside_factor out[OUTSIDE_FACTORS_MAX],
		char error[128])
{
	json_error_t fault;
	json_t *list = json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault);
	int n;

	if (!list) {
		/* jansson quotes what it met. */
		snprintf(error, ERROR_SIZE, "line %d: %.80s", fault.line,
				has_control(fault.text) ? "no JSON" : fault.text);
		return -EINVAL;
	}
	n = factors_parse(list, out, error);
	json_decref(list);
	return n;
}

bool
outside_is_at(const struct outside_factor *f, const char *zone)
{
	size_t n = strlen(f->place);

	if (strcmp(f->place, zone) == 0)
		return true;
	return f->region && strncmp(f->place, zone, n) == 0 && strchr("-._", zone[n]);
}
