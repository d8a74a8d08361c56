/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 5
#define HOLD_MAX_S 86400.0
#define VALUE_MAX 1e15 /* beyond it whole numbers are not told apart */

struct unit {
	const char *name;
	double factor;
};

/* Of values: metrics of time are in microseconds. */
static const struct unit value_units[] = {{"", 1}, {"%", 0.01}, {"us", 1}, {"ms", 1e3}, {"s", 1e6},
		{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct unit hold_units[] = {
		{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {NULL, 0}};

static const struct {
	const char *sign;
	enum policy_operator op;
} operators[] = {{">", POLICY_ABOVE}, {">=", POLICY_AT_LEAST}, {"<", POLICY_BELOW},
		{"<=", POLICY_AT_MOST}};

/* Digits with at most one point, then a unit; false if it is anything else. */
static bool
number_parse(const char *text, const struct unit *unit, double *out)
{
	size_t n = strspn(text, "0123456789.");
	char digits[32];
	char *end;

	if (n == 0 || n >= sizeof(digits) || text[0] == '.')
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	*out = strtod(digits, &end);
	if (*end)
		return false;
	for (; unit->name; unit++) {
		if (strcmp(text + n, unit->name) == 0) {
			*out *= unit->factor;
			return *out <= VALUE_MAX;
		}
	}
	return false;
}

/* Splits at spaces in place; more words than `max` count as one too many. */
static size_t
split(char *text, char *word[], size_t max)
{
	char *rest = NULL, *w;
	size_t n = 0;

	for (w = strtok_r(text, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		if (n == max)
			return max + 1;
		word[n++] = w;
	}
	return n;
}

static void
join(char *const word[], size_t count, char *out, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i ? " " : "", word[i]);
}

static bool
is_metric_name(const char *word)
{
	size_t n = strlen(word);

	return n < METRIC_NAME_MAX &&
			strspn(word,
					"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345"
					"6789_.:-") == n;
}

static bool
operator_parse(const char *word, enum policy_operator *op)
{
	size_t i;

	for (i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (strcmp(word, operators[i].sign) == 0) {
			*op = operators[i].op;
			return true;
		}
	}
	return false;
}

static const char *
hold_parse(char *const word[], size_t count, uint32_t *hold_ms)
{
	double ms;

	*hold_ms = 0;
	if (count == 0)
		return NULL;
	if (count != 2 || strcmp(word[0], "for") != 0)
		return "only 'for' and a duration may follow the value, such as 'for 30s'";
	if (!number_parse(word[1], hold_units, &ms) || ms > HOLD_MAX_S * 1e3)
		return "the time after 'for' is no duration of up to a day; write one such as 30s";
	*hold_ms = (uint32_t)ms;
	return NULL;
}

const char *
policy_rule_parse(const char *text, struct policy_rule *out)
{
	struct policy_rule rule;
	char copy[POLICY_RULE_TEXT_MAX], *word[WORDS_MAX];
	const char *wrong;
	size_t n;

	memset(&rule, 0, sizeof(rule));
	if (strlen(text) >= sizeof(copy))
		return "longer than a rule is; write one such as 'cpu > 95% for 30s'";
	strcpy(copy, text);
	n = split(copy, word, WORDS_MAX);
	if (n < 3 || n > WORDS_MAX)
		return "not a rule; write a metric, an operator and a value with spaces between "
		       "them, such as 'cpu > 95% for 30s'";
	join(word, n, rule.text, sizeof(rule.text));
	if (!is_metric_name(word[0]))
		return "does not begin with the name of a metric; see docs/measurements.md";
	snprintf(rule.metric, sizeof(rule.metric), "%s", word[0]);
	if (!operator_parse(word[1], &rule.op))
		return "the operator is unknown; choose one of: >, >=, <, <=";
	if (!number_parse(word[2], value_units, &rule.value))
		return "the value is not a number with a known unit; write one such as 95%, 200ms "
		       "or 10k";
	wrong = hold_parse(word + 3, n - 3, &rule.hold_ms);
	if (!wrong)
		*out = rule;
	return wrong;
}

bool
policy_rule_is_true(const struct policy_rule *rule, double value)
{
	switch (rule->op) {
	case POLICY_ABOVE:
		return value > rule->value;
	case POLICY_AT_LEAST:
		return value >= rule->value;
	case POLICY_BELOW:
		return value < rule->value;
	case POLICY_AT_MOST:
		return value <= rule->value;
	}
	return false;
}
