/* SPDX-License-Identifier: Apache-2.0 */
#include "backtest_output.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/backtest_output.XXXXXX";
static struct backtest_error error;

static int
create_top(void **state)
{
	return mkdtemp(top) ? 0 : -1;
}

static int
remove_top(void **state)
{
	return rmdir(top);
}

static void
path_of(const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", top, name);
}

static int
write_word(const char *path, const char *word, bool keep)
{
	struct backtest_output o;
	int rc = backtest_output_open(&o, path, &error);

	if (rc)
		return rc;
	backtest_output_text(&o, word);
	return backtest_output_close(&o, keep, &error);
}

static void
assert_holds(const char *path, const char *word)
{
	char text[32] = "";
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	assert_non_null(fgets(text, sizeof(text), in));
	fclose(in);
	assert_string_equal(text, word);
}

static void
a_file_appears_when_it_is_whole(void **state)
{
	char path[PATH_MAX];

	path_of("whole", path);
	assert_int_equal(write_word(path, "first", true), 0);
	assert_int_equal(write_word(path, "second", false), 0);
	assert_holds(path, "first");
	unlink(path);
}

static void
a_link_stays_a_link(void **state)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct stat st;

	path_of("link", path);
	path_of("target", target);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(write_word(path, "word", true), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_holds(target, "word");
	unlink(path);
	unlink(target);
}

/* /dev/full itself must not be at stake if this fails: the link to it is what a rename would replace. */
static void
a_device_that_takes_nothing_is_an_error(void **state)
{
	char path[PATH_MAX];

	path_of("device", path);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_true(write_word(path, "word", true) < 0);
	assert_non_null(strstr(error.text, "No space left on device"));
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(a_file_appears_when_it_is_whole),
			cmocka_unit_test(a_link_stays_a_link),
			cmocka_unit_test(a_device_that_takes_nothing_is_an_error),
	};

	return cmocka_run_group_tests(tests, create_top, remove_top);
}
