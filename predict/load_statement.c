/* SPDX-License-Identifier: Apache-2.0 */
#include "load_statement.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORM "write as \"80% chance of 20% more load within 5m\""
#define PERCENT_MIN 0.1
#define WORD_MAX 24
#define WINDOW_MAX_S (7 * 86400)

/* The words of a sentence: letters, digits, point and %; anything else is a word of its own that nothing expects. */
static const char *
next_word(const char *at, char word[WORD_MAX])
{
	size_t len = 0;

	while (*at == ' ')
		at++;
	while (at[len] && at[len] != ' ' && len < WORD_MAX - 1) {
		word[len] = at[len];
		len++;
	}
	word[len] = '\0';
	return at + len;
}

static int
refuse(char *error, size_t size, const char *what, const char *word)
{
	snprintf(error, size, "%s, not \"%s\"; %s", what, word, FORM);
	return -EINVAL;
}

/* Digits with at most one point, then the suffix. */
static bool
read_number(const char *word, double *out, const char **suffix)
{
	char *end;

	if (!isdigit((unsigned char)word[0]) || word[strspn(word, "0123456789.")] == '\0')
		return false;
	*out = strtod(word, &end);
	*suffix = end;
	return end == word + strspn(word, "0123456789.");
}

static bool
read_percent(const char *word, double max, double *out)
{
	const char *suffix;
	double number;

	if (!read_number(word, &number, &suffix) || strcmp(suffix, "%") ||
			!(number >= PERCENT_MIN) || !(number <= max))
		return false;
	*out = number / 100;
	return true;
}

static bool
read_window(const char *word, uint32_t *out)
{
	const char *suffix;
	double number;

	if (!read_number(word, &number, &suffix))
		return false;
	if (!strcmp(suffix, "m"))
		number *= 60;
	else if (!strcmp(suffix, "h"))
		number *= 3600;
	else if (strcmp(suffix, "s"))
		return false;
	if (!(number >= 1 && number <= WINDOW_MAX_S) || number != floor(number))
		return false;
	*out = (uint32_t)number;
	return true;
}

static int
expect_words(const char **at, const char *const *words, char *error, size_t size)
{
	char word[WORD_MAX], what[64];

	for (; *words; words++) {
		*at = next_word(*at, word);
		if (!strcmp(word, *words))
			continue;
		snprintf(what, sizeof(what), "expected the word \"%s\"", *words);
		return refuse(error, size, what, word);
	}
	return 0;
}

int
load_statement_parse(const char *text, struct load_statement *out, char *error, size_t size)
{
	static const char *const chance[] = {"chance", "of", NULL};
	static const char *const within[] = {"load", "within", NULL};
	struct load_statement s = {0};
	char word[WORD_MAX];
	const char *at = next_word(text, word);

	if (!read_percent(word, 99.9, &s.probability))
		return refuse(error, size, "expected a chance of 0.1% to 99.9%", word);
	if (expect_words(&at, chance, error, size) < 0)
		return -EINVAL;
	at = next_word(at, word);
	if (!read_percent(word, 10000, &s.change))
		return refuse(error, size, "expected a change of 0.1% to 10000%", word);
	at = next_word(at, word);
	s.less = !strcmp(word, "less");
	if (!s.less && strcmp(word, "more"))
		return refuse(error, size, "expected \"more\" or \"less\"", word);
	if (s.less && s.change >= 1)
		return refuse(error, size, "expected less than 100% less load", "100%");
	if (expect_words(&at, within, error, size) < 0)
		return -EINVAL;
	at = next_word(at, word);
	if (!read_window(word, &s.window_s))
		return refuse(error, size, "expected 1s to 168h in whole seconds, as 30s, 5m, 2h",
				word);
	next_word(at, word);
	if (*word)
		return refuse(error, size, "expected nothing behind the window", word);
	*out = s;
	return 0;
}

int
load_statement_format(const struct load_statement *s, char *out, size_t size)
{
	uint32_t window = s->window_s;
	char unit = 's';

	if (window % 3600 == 0) {
		window /= 3600;
		unit = 'h';
	} else if (window % 60 == 0) {
		window /= 60;
		unit = 'm';
	}
	return snprintf(out, size, "%.10g%% chance of %.10g%% %s load within %u%c",
			s->probability * 100, s->change * 100, s->less ? "less" : "more", window,
			unit);
}
