/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config *
load(const char *file)
{
	struct config_errors errors = {0};
	struct config *config;
	char path[512];
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".",
			file);
	config = config_load(path, &errors);
	for (i = 0; i < errors.count; i++)
		print_message("%s\n", errors.line[i]);
	assert_non_null(config);
	assert_int_equal(errors.count, 0);
	config_errors_free(&errors);
	return config;
}

static struct config *
print_and_parse(const struct config *config)
{
	struct config_errors errors = {0};
	struct config *again;
	char *text = NULL;
	size_t size = 0, i;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(config_print(config, out), 0);
	fclose(out);
	again = config_parse(text, size, "printed", &errors);
	for (i = 0; i < errors.count; i++)
		print_message("%s\n", errors.line[i]);
	if (!again)
		print_message("%s\n", text);
	free(text);
	config_errors_free(&errors);
	return again;
}

static void
what_is_shipped_loads_and_prints_to_the_same(void **state)
{
	static const char *const files[] = {"config/example.yaml", "config/minimal.yaml"};
	struct config *config, *again;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		config = load(files[i]);
		again = print_and_parse(config);
		assert_non_null(again);
		assert_true(config_equal(config, again));
		config_free(config);
		config_free(again);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(what_is_shipped_loads_and_prints_to_the_same),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
