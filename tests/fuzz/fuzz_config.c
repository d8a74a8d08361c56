/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what loads must print to what loads to the same; what does not must say why. */
#include "config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* config_yaml.c knows of a leak in the library; ours are still seen. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static void
expect_same_after_printing(const struct config *config)
{
	struct config_errors errors = {0};
	struct config *again;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	expect(out && config_print(config, out) == 0);
	fclose(out);
	again = config_parse(text, size, "printed", &errors);
	expect(again && config_equal(config, again));
	config_free(again);
	config_errors_free(&errors);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = {0};
	struct config *config = config_parse((const char *)data, size, "input", &errors);

	if (config)
		expect_same_after_printing(config);
	else
		expect(errors.count > 0);
	config_free(config);
	config_errors_free(&errors);
	return 0;
}
