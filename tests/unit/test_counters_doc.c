/* SPDX-License-Identifier: Apache-2.0 */
/* Every counter has its row in the guide for operators. */
#include "counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *
read_guide(void)
{
	const char *root = getenv("SOURCE_ROOT");
	char path[512], *text = NULL;
	size_t size = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/docs/operations.md", root ? root : ".");
	in = fopen(path, "r");
	if (!in || getdelim(&text, &size, '\0', in) < 0)
		fail_msg("'%s' cannot be read", path);
	fclose(in);
	return text;
}

/* Ends have a row of their own; other counters may share one. */
static void
the_guide_has_a_row_for_every_end_of_a_packet(void **state)
{
	char *guide = read_guide(), row[64];
	enum packet_end e;

	for (e = 0; e < PACKET_END_COUNT; e++) {
		snprintf(row, sizeof(row), "\n| `%s` | ", packet_end_name(e));
		if (!strstr(guide, row))
			fail_msg("no row that begins with '%s'", row + 1);
	}
	free(guide);
}

static void
the_guide_names_every_counter_of_a_core(void **state)
{
	static const char *const names[] = {
#define X(name, text) "`" #name "`",
			LCORE_COUNTER_LIST(X)
#undef X
	};
	char *guide = read_guide();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strstr(guide, names[i]))
			fail_msg("%s is not explained", names[i]);
	}
	free(guide);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_guide_has_a_row_for_every_end_of_a_packet),
			cmocka_unit_test(the_guide_names_every_counter_of_a_core),
	};

	return cmocka_run_group_tests_name("counters_doc", tests, NULL, NULL);
}
