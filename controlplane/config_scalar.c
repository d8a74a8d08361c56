/* SPDX-License-Identifier: Apache-2.0 */
#include "config_scalar.h"

#include "config_policy.h"
#include "config_value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 63
#define TEXT_MAX_LEN 4095

static uint64_t
max_of(const struct key *key)
{
	if (key->max)
		return key->max;
	return key->size >= 8 ? UINT64_MAX : (1ull << (8 * key->size)) - 1;
}

/* A number of the type as it is written in the file. */
static const char *
number_format(const struct key *key, uint64_t value, char *buf)
{
	if (key->type == KEY_MS)
		return value_duration_format(value * 1000, buf);
	if (key->type == KEY_US)
		return value_duration_format(value, buf);
	if (key->type == KEY_MIB)
		return value_mib_format(value, buf);
	if (key->type == KEY_RATE)
		return value_rate_format(value, buf);
	return value_count_format(value, buf);
}

static int
number_parse(const struct key *key, const char *text, uint64_t *value)
{
	int err;

	if (key->type == KEY_MIB)
		return value_mib_parse(text, value);
	if (key->type != KEY_MS && key->type != KEY_US)
		return value_count_parse(text, value);
	err = value_duration_parse(text, value);
	if (err || key->type == KEY_US)
		return err;
	if (*value % 1000 != 0)
		return -EDOM;
	*value /= 1000;
	return 0;
}

static const char *
number_hint(const struct key *key)
{
	if (key->type == KEY_MS || key->type == KEY_US)
		return "not a duration; write a whole number with us, ms, s, m, h or d, such as "
		       "500ms";
	if (key->type == KEY_MIB)
		return "not a size of memory; write a whole number with M or G, such as 512M";
	if (key->type == KEY_RATE)
		return "not a rate; write a whole number, with k, M or G if you like, such as 100k";
	return "not a number; write a whole number without sign, such as 16";
}

static void
read_number(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	char low[VALUE_TEXT_SIZE], high[VALUE_TEXT_SIZE];
	uint64_t value = 0;
	int err = number_parse(key, node->text, &value);

	if (err == -EINVAL)
		yaml_complain(c, node, "%s", number_hint(key));
	else if (err == -EDOM)
		yaml_complain(c, node, "finer than a millisecond; write whole milliseconds");
	else if (err || value < key->min || value > max_of(key))
		yaml_complain(c, node, "out of range; write %s to %s",
				number_format(key, key->min, low),
				number_format(key, max_of(key), high));
	else
		key_set_number(key, base, value);
}

static void
read_bool(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	if (strcmp(node->text, "true") == 0)
		key_set_number(key, base, true);
	else if (strcmp(node->text, "false") == 0)
		key_set_number(key, base, false);
	else
		yaml_complain(c, node, "neither yes nor no; write true or false");
}

static bool
is_name(const char *text)
{
	size_t n = strspn(
			text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n >= 1 && n <= NAME_MAX_LEN && text[n] == '\0';
}

static bool
is_printable(const char *text)
{
	while (*text >= 0x20 && *text <= 0x7e)
		text++;
	return *text == '\0';
}

static void
keep_text(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	char **field = key_field(key, base);

	*field = strdup(node->text);
	if (!*field)
		yaml_complain(c, node, "out of memory");
}

static void
read_name(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	if (!is_name(node->text))
		yaml_complain(c, node, "not a name; use 1 to %d letters, digits, '_', '-' and '.'",
				NAME_MAX_LEN);
	else
		keep_text(key, node, base, c);
}

static void
read_text(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	uint64_t max = key->max ? key->max : TEXT_MAX_LEN;
	size_t len = strlen(node->text);

	if (!is_printable(node->text))
		yaml_complain(c, node, "has characters that are not printable ASCII; remove them");
	else if (len < key->min)
		yaml_complain(c, node, "is empty; give a value or remove the key");
	else if (len > max)
		yaml_complain(c, node, "has %zu characters; shorten it to %" PRIu64, len, max);
	else
		keep_text(key, node, base, c);
}

static void
read_address(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	struct ip_addr addr;

	if (strchr(node->text, '/') && strlen(node->text) < IP_TEXT_SIZE)
		yaml_complain(c, node,
				"a prefix where an address belongs; remove the '/' and what "
				"follows");
	else if (ip_parse(node->text, &addr) < 0 || ip_is_none(&addr))
		yaml_complain(c, node,
				"not an IP address; write one such as 10.0.0.1 or 2001:db8::1");
	else
		memcpy(key_field(key, base), &addr, sizeof(addr));
}

static void
read_mac(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	static const struct ether_mac none;
	struct ether_mac mac;
	char more;

	/* sscanf alone takes spaces and signs. */
	if (strspn(node->text, "0123456789abcdefABCDEF:") != strlen(node->text) ||
			sscanf(node->text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac.b[0],
					&mac.b[1], &mac.b[2], &mac.b[3], &mac.b[4], &mac.b[5],
					&more) != 6)
		yaml_complain(c, node, "not a MAC address; write one such as 02:00:00:00:00:01");
	else if ((mac.b[0] & 1) || memcmp(&mac, &none, sizeof(mac)) == 0)
		yaml_complain(c, node, "not the MAC address of one host; write its own");
	else
		memcpy(key_field(key, base), &mac, sizeof(mac));
}

/* The prefix without its host bits. */
static struct ip_prefix
network_of(const struct ip_prefix *p)
{
	unsigned bits = p->len + (ip_is_v4(&p->addr) ? 96u : 0u), i;
	struct ip_prefix out = *p;

	for (i = bits; i < 128; i++)
		out.addr.b[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
	return out;
}

static void
read_prefix(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	struct ip_prefix prefix = {0}, network;
	char text[IP_TEXT_SIZE];

	if (ip_prefix_parse(node->text, &prefix) < 0) {
		yaml_complain(c, node,
				"not an IP prefix; write one such as 10.0.0.0/24 or 2001:db8::/64");
		return;
	}
	network = network_of(&prefix);
	if (!strchr(node->text, '/') && key->type == KEY_PREFIX)
		yaml_complain(c, node,
				"lacks its prefix length; write it behind the address, such as "
				"%s/%d",
				ip_format(&prefix.addr, text), ip_is_v4(&prefix.addr) ? 24 : 64);
	else if (key->type == KEY_NETWORK && !ip_equal(&network.addr, &prefix.addr))
		yaml_complain(c, node, "has bits set behind its prefix; write %s",
				ip_prefix_format(&network, text));
	else
		memcpy(key_field(key, base), &prefix, sizeof(prefix));
}

static void
read_share(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	uint32_t share = 0;
	int err = value_share_parse(node->text, &share);

	if (err == -EINVAL)
		yaml_complain(c, node, "not a share; write a percentage such as 10%% or 0.5%%");
	else if (err)
		yaml_complain(c, node, "out of range; write 0%% to 100%%");
	else
		key_set_number(key, base, share);
}

static void
read_fraction(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	double fraction = 0;
	int err = value_fraction_parse(node->text, &fraction);

	if (err == -EINVAL)
		yaml_complain(c, node, "not a share; write a percentage such as 10%% or 0.5%%");
	else if (err || fraction * 100 < (double)key->min || fraction * 100 > (double)key->max)
		yaml_complain(c, node, "out of range; write %" PRIu64 "%% to %" PRIu64 "%%",
				key->min, key->max);
	else if (key->type == KEY_FRACTION)
		memcpy(key_field(key, base), &fraction, sizeof(fraction));
	else if (fabs(fraction * 1000 - round(fraction * 1000)) > 1e-6)
		yaml_complain(c, node, "finer than a tenth of a percent; write one such as 99.9%%");
	else
		key_set_number(key, base, (uint64_t)(fraction * 1000 + 0.5));
}

static void
read_real(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	double value = 0;
	int err = value_real_parse(node->text, &value);

	if (err == -EINVAL)
		yaml_complain(c, node, "not a number; write one such as 2 or 0.5");
	else if (err || value < (double)key->min || value > (double)key->max)
		yaml_complain(c, node,
				"out of range; write %" PRIu64 " to %" PRIu64
				", with up to six decimals",
				key->min, key->max);
	else
		memcpy(key_field(key, base), &value, sizeof(value));
}

static void
choices_format(const struct key_choice *choice, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (; choice->name; choice++) {
		if (!choice->refusal && n < size)
			n += (size_t)snprintf(
					buf + n, size - n, "%s%s", n ? ", " : "", choice->name);
	}
}

static void
read_choice(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	const struct key_choice *choice = key->choice;
	char known[128];

	while (choice->name && strcmp(choice->name, node->text) != 0)
		choice++;
	choices_format(key->choice, known, sizeof(known));
	if (!choice->name)
		yaml_complain(c, node, "unknown; choose one of: %s", known);
	else if (choice->refusal)
		yaml_complain(c, node, "%s", choice->refusal);
	else
		key_set_number(key, base, choice->value);
}

static void
read_range(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	uint16_t *field = key_field(key, base), first = 0, last = 0;
	int err = value_range_parse(node->text, &first, &last);

	if (err == -EINVAL)
		yaml_complain(c, node,
				"neither a number nor a range; write %" PRIu64 " or %" PRIu64
				"-%" PRIu64,
				key->min, key->min, key->max);
	else if (err || first < key->min || last > key->max)
		yaml_complain(c, node,
				"out of range; write numbers from %" PRIu64 " to %" PRIu64
				", the smaller first",
				key->min, key->max);
	else {
		field[0] = first;
		field[1] = last;
	}
}

static void
read_bytes(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	uint8_t **field = key_field(key, base), *bytes;
	size_t len;
	int err = value_bytes_parse(node->text, &bytes, &len);

	if (err) {
		yaml_complain(c, node,
				err == -ENOMEM ? "out of memory"
					       : "not bytes; write a text, or 'hex:' and an even "
						 "number of hexadecimal digits");
	} else if (len == 0 || len > key->max) {
		yaml_complain(c, node, "has %zu bytes; write 1 to %" PRIu64, len, key->max);
		free(bytes);
	} else {
		*field = bytes;
		*key_count_of(key, base) = len;
	}
}

void
scalar_read(const struct key *key, struct yaml *node, void *base, struct complaints *c)
{
	switch (key->type) {
	case KEY_COUNT:
	case KEY_RATE:
	case KEY_MS:
	case KEY_US:
	case KEY_MIB:
		read_number(key, node, base, c);
		break;
	case KEY_BOOL:
		read_bool(key, node, base, c);
		break;
	case KEY_NAME:
		read_name(key, node, base, c);
		break;
	case KEY_TEXT:
		read_text(key, node, base, c);
		break;
	case KEY_ADDRESS:
		read_address(key, node, base, c);
		break;
	case KEY_MAC:
		read_mac(key, node, base, c);
		break;
	case KEY_PREFIX:
	case KEY_NETWORK:
		read_prefix(key, node, base, c);
		break;
	case KEY_SHARE:
		read_share(key, node, base, c);
		break;
	case KEY_FRACTION:
	case KEY_PERMILLE:
		read_fraction(key, node, base, c);
		break;
	case KEY_REAL:
		read_real(key, node, base, c);
		break;
	case KEY_STEPS:
		config_policy_steps_read(key, node, base, c);
		break;
	case KEY_RULE:
		config_policy_rule_read(key, node, base, c);
		break;
	case KEY_CHOICE:
		read_choice(key, node, base, c);
		break;
	case KEY_RANGE:
		read_range(key, node, base, c);
		break;
	case KEY_BYTES:
		read_bytes(key, node, base, c);
		break;
	case KEY_GATEWAYS:
	case KEY_MAP:
	case KEY_LIST:
	case KEY_TEMPLATE:
		break;
	}
}

/* Texts are printable ASCII, so that a quoted one needs no more than this. */
static void
print_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_bytes(const struct key *key, const void *base, FILE *out)
{
	char *text = value_bytes_format(
			*(uint8_t **)key_field(key, base), *key_count_of(key, base));

	print_quoted(text ? text : "", out);
	free(text);
}

static const char *
choice_format(const struct key *key, const void *base)
{
	const struct key_choice *choice = key->choice;

	while (choice->name && (choice->refusal || choice->value != key_number(key, base)))
		choice++;
	return choice->name ? choice->name : "";
}

static void
print_mac(const struct ether_mac *mac, FILE *out)
{
	const uint8_t *m = mac->b;

	fprintf(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", m[0], m[1], m[2], m[3], m[4], m[5]);
}

void
scalar_print(const struct key *key, const void *base, FILE *out)
{
	const uint16_t *range = key_field(key, base);
	char value[VALUE_TEXT_SIZE], address[IP_TEXT_SIZE];
	char **text = key_field(key, base);

	switch (key->type) {
	case KEY_COUNT:
	case KEY_RATE:
	case KEY_MS:
	case KEY_US:
	case KEY_MIB:
		fputs(number_format(key, key_number(key, base), value), out);
		break;
	case KEY_BOOL:
		fputs(key_number(key, base) ? "true" : "false", out);
		break;
	case KEY_NAME:
	case KEY_TEXT:
		print_quoted(*text ? *text : "", out);
		break;
	case KEY_ADDRESS:
		fputs(ip_format(key_field(key, base), address), out);
		break;
	case KEY_MAC:
		print_mac(key_field(key, base), out);
		break;
	case KEY_PREFIX:
	case KEY_NETWORK:
		fputs(ip_prefix_format(key_field(key, base), address), out);
		break;
	case KEY_SHARE:
		fputs(value_share_format((uint32_t)key_number(key, base), value), out);
		break;
	case KEY_FRACTION:
		fputs(value_fraction_format(*(const double *)key_field(key, base), value), out);
		break;
	case KEY_PERMILLE:
		fputs(value_fraction_format((double)key_number(key, base) / 1000, value), out);
		break;
	case KEY_REAL:
		fputs(value_real_format(*(const double *)key_field(key, base), value), out);
		break;
	case KEY_STEPS:
		config_policy_steps_print(key_field(key, base), out);
		break;
	case KEY_RULE:
		print_quoted(((const struct policy_rule *)key_field(key, base))->text, out);
		break;
	case KEY_CHOICE:
		fputs(choice_format(key, base), out);
		break;
	case KEY_RANGE:
		fputs(value_range_format(range[0], range[1], value), out);
		break;
	case KEY_BYTES:
		print_bytes(key, base, out);
		break;
	case KEY_GATEWAYS:
	case KEY_MAP:
	case KEY_LIST:
	case KEY_TEMPLATE:
		break;
	}
}

static bool
text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
bytes_equal(const struct key *key, const void *a, const void *b)
{
	size_t n = *key_count_of(key, a);

	return n == *key_count_of(key, b) &&
			(n == 0 ||
					memcmp(*(void **)key_field(key, a),
							*(void **)key_field(key, b), n) == 0);
}

static bool
prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_equal(&a->addr, &b->addr);
}

bool
scalar_equal(const struct key *key, const void *a, const void *b)
{
	switch (key->type) {
	case KEY_NAME:
	case KEY_TEXT:
		return text_equal(*(char **)key_field(key, a), *(char **)key_field(key, b));
	case KEY_BYTES:
		return bytes_equal(key, a, b);
	case KEY_PREFIX:
	case KEY_NETWORK:
		return prefix_equal(key_field(key, a), key_field(key, b));
	case KEY_RANGE:
		return memcmp(key_field(key, a), key_field(key, b), 2 * sizeof(uint16_t)) == 0;
	case KEY_GATEWAYS:
		return memcmp(key_field(key, a), key_field(key, b), 2 * sizeof(struct ip_addr)) ==
				0;
	case KEY_TEMPLATE:
		return true;
	case KEY_ADDRESS:
	case KEY_MAC:
	case KEY_COUNT:
	case KEY_RATE:
	case KEY_BOOL:
	case KEY_MS:
	case KEY_US:
	case KEY_MIB:
	case KEY_SHARE:
	case KEY_FRACTION:
	case KEY_PERMILLE:
	case KEY_REAL:
	case KEY_STEPS:
	case KEY_RULE:
	case KEY_CHOICE:
	case KEY_MAP:
	case KEY_LIST:
		break;
	}
	return memcmp(key_field(key, a), key_field(key, b), key->size) == 0;
}

bool
scalar_is_none(const struct key *key, const void *base)
{
	char **text = key_field(key, base);

	if (key->type == KEY_NAME || key->type == KEY_TEXT || key->type == KEY_BYTES)
		return !*text || (key->type != KEY_BYTES && **text == '\0');
	if (key->type == KEY_ADDRESS)
		return ip_is_none(key_field(key, base));
	return key_number(key, base) == 0;
}
