/* SPDX-License-Identifier: Apache-2.0 */
/* Every key that the parser knows is in the documents, with its default and whether it can change at run time. */
#include "config_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *
read_document(const char *name)
{
	char path[512], *text = NULL;
	size_t size = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/docs/%s",
			getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".", name);
	in = fopen(path, "r");
	if (!in || getdelim(&text, &size, '\0', in) < 0)
		fail_msg("'%s' cannot be read", path);
	fclose(in);
	return text;
}

/* The text between the heading and the next one. */
static char *
section_of(const char *document, const char *heading)
{
	const char *from = strstr(document, heading), *to;

	if (!from)
		fail_msg("no section '%s'", heading);
	to = strstr(from + strlen(heading) - 1, "\n## ");
	return to ? strndup(from, (size_t)(to - from)) : strdup(from);
}

static void
expect_row(const char *section, const struct key *key)
{
	const char *change = key->flags & KEY_RESTART ? "restart" : "reload";
	char row[256];

	if (key->fallback)
		snprintf(row, sizeof(row), "\n| `%s` | `%s` | %s | ", key->name, key->fallback,
				change);
	else if (key->flags & KEY_REQUIRED)
		snprintf(row, sizeof(row), "\n| `%s` | required | %s | ", key->name, change);
	else
		snprintf(row, sizeof(row), "\n| `%s` | ", key->name);
	if (!strstr(section, row))
		fail_msg("no row that begins with '%s' in:\n%s", row + 1, section);
}

static void
expect_group(const char *document, const char *name, const struct key_group *group)
{
	char heading[64], *section;
	size_t i;

	snprintf(heading, sizeof(heading), "\n## `%s`\n", name);
	section = section_of(document, heading);
	for (i = 0; i < group->key_count; i++) {
		expect_row(section, &group->key[i]);
		if (group->key[i].group && group->key[i].type != KEY_TEMPLATE)
			expect_group(document, group->key[i].name, group->key[i].group);
	}
	free(section);
}

static void
the_guide_has_a_row_for_every_key(void **state)
{
	char *document = read_document("configuration.md");
	const struct key *key;
	size_t i;

	for (i = 0; i < config_schema.key_count; i++) {
		key = &config_schema.key[i];
		if (key->group)
			expect_group(document, key->name, key->group);
		else
			free(section_of(document, "\n## `local_addresses`\n"));
	}
	free(document);
}

static void
expect_items(const char *page, const struct key_group *group)
{
	char item[64];
	size_t i;

	for (i = 0; i < group->key_count; i++) {
		snprintf(item, sizeof(item), "\n.It Cm %s\n", group->key[i].name);
		if (!strstr(page, item))
			fail_msg("no '%s' in the manual page", item);
		if (group->key[i].group)
			expect_items(page, group->key[i].group);
	}
}

static void
the_manual_page_has_an_item_for_every_key(void **state)
{
	char *page = read_document("man/understudyd.yaml.5");

	expect_items(page, &config_schema);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_guide_has_a_row_for_every_key),
			cmocka_unit_test(the_manual_page_has_an_item_for_every_key),
	};

	return cmocka_run_group_tests_name("config_doc", tests, NULL, NULL);
}
