/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about the load: what parses must print and parse again to the same. */
#include "load_statement.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static void
try_text(const char *text)
{
	char error[256], printed[LOAD_STATEMENT_TEXT_MAX];
	struct load_statement s, again;

	if (load_statement_parse(text, &s, error, sizeof(error)) < 0) {
		expect(strlen(error) > 0);
		return;
	}
	expect(s.probability > 0 && s.probability < 1 && s.change > 0 && s.window_s > 0);
	expect(load_statement_format(&s, printed, sizeof(printed)) < (int)sizeof(printed));
	expect(load_statement_parse(printed, &again, error, sizeof(error)) == 0);
	expect(again.window_s == s.window_s && again.less == s.less);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	try_text(text);
	free(text);
	return 0;
}
