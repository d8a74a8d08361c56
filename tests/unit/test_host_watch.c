/* SPDX-License-Identifier: Apache-2.0 */
#include "host_watch.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static int calls;

static void
changed(void *arg)
{
	calls++;
	loop_stop(loop);
}

static void
addresses_that_change_together_are_told_of_once(void **state)
{
	struct host_watch *w;

	if (unshare(CLONE_NEWNET) < 0)
		skip(); /* needs root */
	loop = loop_create();
	w = host_watch_create(loop, changed, NULL);
	assert_non_null(w);
	assert_int_equal(system("ip address add 192.0.2.1/32 dev lo && "
				"ip address add 192.0.2.2/32 dev lo"),
			0);
	alarm(10); /* instead of waiting for ever */
	loop_run(loop);
	alarm(0);
	assert_int_equal(calls, 1);
	host_watch_free(w);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(addresses_that_change_together_are_told_of_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
