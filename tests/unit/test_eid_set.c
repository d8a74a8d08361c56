/* SPDX-License-Identifier: Apache-2.0 */
#include "eid_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIMIT 100

static void
it_holds_what_was_added_and_not_removed(void **state)
{
	bool in[LIMIT] = {false};
	uint32_t count = 0, eid, i;
	struct eid_set s;

	assert_int_equal(eid_set_init(&s, LIMIT), 0);
	srand(1);
	for (i = 0; i < 10000; i++) {
		eid = (uint32_t)rand() % LIMIT;
		if (rand() % 2) {
			eid_set_add(&s, eid);
			count += !in[eid];
			in[eid] = true;
		} else {
			eid_set_del(&s, eid);
			count -= in[eid];
			in[eid] = false;
		}
		assert_int_equal(s.count, count);
		assert_int_equal(eid_set_has(&s, eid), in[eid]);
	}
	for (i = 0; i < s.count; i++)
		assert_true(in[s.eid[i]]);
	eid_set_fini(&s);
}

static void
a_walk_from_the_end_may_remove(void **state)
{
	uint32_t eid, i, walked = 0;
	struct eid_set s;

	assert_int_equal(eid_set_init(&s, LIMIT), 0);
	for (eid = 0; eid < LIMIT; eid++)
		eid_set_add(&s, eid);
	for (i = s.count; i-- > 0; walked++) {
		if (s.eid[i] % 3)
			eid_set_del(&s, s.eid[i]);
	}
	assert_int_equal(walked, LIMIT);
	assert_int_equal(s.count, (LIMIT + 2) / 3);
	eid_set_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(it_holds_what_was_added_and_not_removed),
			cmocka_unit_test(a_walk_from_the_end_may_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
