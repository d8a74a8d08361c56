/* SPDX-License-Identifier: Apache-2.0 */
#include "state_file.h"

#include "fake_gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void
what_could_not_be_written_is_written_when_it_can(void **state)
{
	char directory[] = "/tmp/understudy-test-state-XXXXXX", file[96];
	struct fake *f = fake_create("/nonexistent");
	json_t *last = NULL;
	struct stat st;

	assert_non_null(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/b", directory);
	assert_true(state_file_save("/proc/none/of/this", f->g.registry, &last) < 0);
	assert_null(last);
	assert_int_equal(state_file_save(file, f->g.registry, &last), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(state_file_sync(file), 0);
	unlink(file);
	assert_int_equal(state_file_save(file, f->g.registry, &last), 0); /* nothing is new */
	assert_true(stat(file, &st) < 0);
	assert_int_equal(state_file_sync(file), 0);
	rmdir(directory);
	json_decref(last);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(what_could_not_be_written_is_written_when_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
