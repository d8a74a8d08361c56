/* SPDX-License-Identifier: Apache-2.0 */
#include "config_value.h"

#include "config.h"
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest last: formatters take the last that divides. */
static const struct unit counts[] = {
		{"", 1},
		{"k", 1000},
		{"Ki", 1024},
		{"M", 1000000},
		{"Mi", 1 << 20},
		{"G", 1000000000},
		{"Gi", 1 << 30},
		{"T", 1000000000000},
};
static const struct unit rates[] = {
		{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {"T", 1000000000000}};
static const struct unit durations[] = {
		{"us", 1},
		{"ms", 1000},
		{"s", 1000000},
		{"m", 60 * 1000000ull},
		{"h", 3600 * 1000000ull},
		{"d", 86400 * 1000000ull},
};
static const struct unit sizes[] = {{"M", 1}, {"G", 1024}};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int
digits_parse(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
				__builtin_add_overflow(value, *p - '0', &value))
			return -ERANGE;
	}
	*text = p;
	*out = value;
	return 0;
}

static int
unit_parse(const char *text, const struct unit *unit, size_t count, uint64_t *out)
{
	uint64_t value;
	size_t i;
	int err;

	err = digits_parse(&text, &value);
	if (err)
		return err;
	for (i = 0; i < count; i++) {
		if (strcmp(text, unit[i].name) == 0)
			return __builtin_mul_overflow(value, unit[i].factor, out) ? -ERANGE : 0;
	}
	return -EINVAL;
}

static const char *
unit_format(uint64_t value, const struct unit *unit, size_t count, char *buf)
{
	size_t i = count - 1;

	while (i > 0 && value % unit[i].factor != 0)
		i--;
	snprintf(buf, VALUE_TEXT_SIZE, "%" PRIu64 "%s", value / unit[i].factor, unit[i].name);
	return buf;
}

static const char *
zero_format(char *buf)
{
	return strcpy(buf, "0");
}

int
value_count_parse(const char *text, uint64_t *out)
{
	return unit_parse(text, counts, LENGTH(counts), out);
}

const char *
value_count_format(uint64_t value, char buf[VALUE_TEXT_SIZE])
{
	snprintf(buf, VALUE_TEXT_SIZE, "%" PRIu64, value);
	return buf;
}

const char *
value_rate_format(uint64_t value, char buf[VALUE_TEXT_SIZE])
{
	return value ? unit_format(value, rates, LENGTH(rates), buf) : zero_format(buf);
}

int
value_duration_parse(const char *text, uint64_t *us)
{
	if (strcmp(text, "0") == 0) {
		*us = 0;
		return 0;
	}
	return unit_parse(text, durations, LENGTH(durations), us);
}

const char *
value_duration_format(uint64_t us, char buf[VALUE_TEXT_SIZE])
{
	return us ? unit_format(us, durations, LENGTH(durations), buf) : zero_format(buf);
}

int
value_mib_parse(const char *text, uint64_t *mib)
{
	if (strcmp(text, "0") == 0) {
		*mib = 0;
		return 0;
	}
	return unit_parse(text, sizes, LENGTH(sizes), mib);
}

const char *
value_mib_format(uint64_t mib, char buf[VALUE_TEXT_SIZE])
{
	return mib ? unit_format(mib, sizes, LENGTH(sizes), buf) : zero_format(buf);
}

/* "N.DDDD": digits after the point beyond the ninth would not change the result. */
static int
decimal_parse(const char **text, uint64_t *billionths)
{
	uint64_t whole, unit = 100000000;
	int err;

	err = digits_parse(text, &whole);
	if (err)
		return err;
	if (whole > 100)
		return -ERANGE;
	*billionths = whole * 1000000000;
	if (**text != '.')
		return 0;
	if ((*text)[1] < '0' || (*text)[1] > '9')
		return -EINVAL;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		*billionths += (uint64_t)(**text - '0') * unit;
	return 0;
}

int
value_share_parse(const char *text, uint32_t *share)
{
	const uint64_t all = 100 * 1000000000ull;
	uint64_t billionths;
	int err;

	if (strcmp(text, "0") == 0) {
		*share = 0;
		return 0;
	}
	err = decimal_parse(&text, &billionths);
	if (err)
		return err;
	if (strcmp(text, "%") != 0)
		return -EINVAL;
	if (billionths > all)
		return -ERANGE;
	*share = (uint32_t)((billionths * SHARE_ONE + all / 2) / all);
	return 0;
}

const char *
value_share_format(uint32_t share, char buf[VALUE_TEXT_SIZE])
{
	uint32_t again;
	int decimals;

	/* Neighbours are 0.0015 % apart, so three decimals always tell them apart. */
	for (decimals = 0; decimals <= 3; decimals++) {
		snprintf(buf, VALUE_TEXT_SIZE, "%.*f%%", decimals, share * 100.0 / SHARE_ONE);
		if (value_share_parse(buf, &again) == 0 && again == share)
			break;
	}
	return buf;
}

int
value_fraction_parse(const char *text, double *out)
{
	uint64_t billionths;
	int err;

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return 0;
	}
	err = decimal_parse(&text, &billionths);
	if (err)
		return err;
	if (strcmp(text, "%") != 0)
		return -EINVAL;
	if (billionths > 100 * 1000000000ull)
		return -ERANGE;
	*out = (double)billionths / 1e11;
	return 0;
}

const char *
value_fraction_format(double fraction, char buf[VALUE_TEXT_SIZE])
{
	double again;
	int decimals;

	for (decimals = 0; decimals <= 9; decimals++) {
		snprintf(buf, VALUE_TEXT_SIZE, "%.*f%%", decimals, fraction * 100);
		if (value_fraction_parse(buf, &again) == 0 && again == fraction)
			break;
	}
	return buf;
}

int
value_real_parse(const char *text, double *out)
{
	size_t whole = strspn(text, "0123456789"), decimals = 0;

	if (text[whole] == '.') {
		decimals = strspn(text + whole + 1, "0123456789");
		if (decimals == 0)
			return -EINVAL;
	}
	if (whole == 0 || text[whole + (decimals ? decimals + 1 : 0)] != '\0')
		return -EINVAL;
	if (whole > 10 || decimals > 6)
		return -ERANGE;
	*out = strtod(text, NULL);
	return 0;
}

const char *
value_real_format(double value, char buf[VALUE_TEXT_SIZE])
{
	int decimals;

	for (decimals = 0; decimals <= 6; decimals++) {
		snprintf(buf, VALUE_TEXT_SIZE, "%.*f", decimals, value);
		if (strtod(buf, NULL) == value)
			break;
	}
	return buf;
}

int
value_range_parse(const char *text, uint16_t *first, uint16_t *last)
{
	uint64_t a, b;
	int err;

	err = digits_parse(&text, &a);
	if (err)
		return err;
	b = a;
	if (*text == '-') {
		text++;
		err = digits_parse(&text, &b);
		if (err)
			return err;
	}
	if (*text != '\0')
		return -EINVAL;
	if (a > UINT16_MAX || b > UINT16_MAX || b < a)
		return -ERANGE;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return 0;
}

const char *
value_range_format(uint16_t first, uint16_t last, char buf[VALUE_TEXT_SIZE])
{
	if (first == last)
		snprintf(buf, VALUE_TEXT_SIZE, "%u", first);
	else
		snprintf(buf, VALUE_TEXT_SIZE, "%u-%u", first, last);
	return buf;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int
hex_parse(const char *text, uint8_t *out, size_t len)
{
	int high, low;
	size_t i;

	for (i = 0; i < len; i++) {
		high = hex_digit(text[2 * i]);
		low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int
value_bytes_parse(const char *text, uint8_t **out, size_t *len)
{
	bool hex = strncmp(text, "hex:", 4) == 0;
	size_t n = hex ? strlen(text + 4) : strlen(text);
	uint8_t *bytes;

	if (hex && n % 2 != 0)
		return -EINVAL;
	bytes = malloc(n + 1);
	if (!bytes)
		return -ENOMEM;
	if (!hex)
		memcpy(bytes, text, n);
	else if (hex_parse(text + 4, bytes, n / 2) < 0) {
		free(bytes);
		return -EINVAL;
	}
	*out = bytes;
	*len = hex ? n / 2 : n;
	return 0;
}

static bool
is_text(const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			return false;
	}
	return len < 4 || memcmp(bytes, "hex:", 4) != 0;
}

char *
value_bytes_format(const uint8_t *bytes, size_t len)
{
	char *text;
	size_t i;

	if (is_text(bytes, len))
		return strndup((const char *)bytes, len);
	text = malloc(2 * len + 5);
	if (!text)
		return NULL;
	strcpy(text, "hex:");
	for (i = 0; i < len; i++)
		sprintf(text + 4 + 2 * i, "%02x", bytes[i]);
	return text;
}

const char *
config_check_name(enum check_kind kind)
{
	switch (kind) {
	case CHECK_NONE:
		return "none";
	case CHECK_TCP:
		return "tcp";
	case CHECK_HTTP:
		return "http";
	case CHECK_UDP:
		return "udp";
	case CHECK_ICMP:
		return "icmp";
	}
	return "";
}
