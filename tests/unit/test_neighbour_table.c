/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct neighbour_evidence answer = {
		.mac = {{2, 0, 0, 0, 0, 1}}, .confirms = true, .override = true};
static const struct neighbour_evidence seen = {.mac = {{2, 0, 0, 0, 0, 1}}, .override = true};
static const struct neighbour_evidence moved = {.mac = {{2, 0, 0, 0, 0, 2}}, .override = true};
static const struct neighbour_evidence doubtful = {.mac = {{2, 0, 0, 0, 0, 2}}, .confirms = true};

static struct ip_addr
host(uint32_t i)
{
	return ip_from_v4_be(__builtin_bswap32(0x0a000000u + i));
}

static struct neighbour
fresh(void)
{
	struct neighbour n = {.addr = host(1), .pinned = true};

	return n;
}

static void
one_that_never_answers_is_asked_three_times_and_then_with_backoff(void **state)
{
	static const struct {
		uint64_t ms;
		enum neighbour_action action;
	} want[] = {
			{0, NEIGHBOUR_ASK_ALL},
			{999, NEIGHBOUR_NOTHING},
			{1000, NEIGHBOUR_ASK_ALL},
			{2000, NEIGHBOUR_ASK_ALL},
			{3000, NEIGHBOUR_GIVE_UP},
			{3999, NEIGHBOUR_NOTHING},
			{4000, NEIGHBOUR_ASK_ALL},
			{5000, NEIGHBOUR_ASK_ALL},
			{6999, NEIGHBOUR_NOTHING},
			{7000, NEIGHBOUR_ASK_ALL},
			{11000, NEIGHBOUR_ASK_ALL},
			{18999, NEIGHBOUR_NOTHING},
			{19000, NEIGHBOUR_ASK_ALL},
			{27000, NEIGHBOUR_ASK_ALL},
			{34999, NEIGHBOUR_NOTHING},
			{35000, NEIGHBOUR_ASK_ALL},
	};
	struct neighbour n = fresh();
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(neighbour_step(&n, want[i].ms), want[i].action);
		assert_false(neighbour_usable(&n));
	}
	assert_true(neighbour_learn(&n, &answer, 35001));
	assert_int_equal(n.state, NEIGHBOUR_REACHABLE);
}

static void
one_that_answers_is_asked_again_itself_before_it_expires(void **state)
{
	struct neighbour n = fresh();
	uint64_t due;

	neighbour_step(&n, 0);
	assert_true(neighbour_learn(&n, &answer, 5));
	due = n.next_ms;
	assert_in_range(due, 25000, 30005);
	assert_int_equal(neighbour_step(&n, due - 1), NEIGHBOUR_NOTHING);
	assert_int_equal(neighbour_step(&n, due), NEIGHBOUR_ASK_ONE);
	assert_true(neighbour_usable(&n));
	assert_false(neighbour_learn(&n, &answer, due + 1));
	assert_int_equal(n.state, NEIGHBOUR_REACHABLE);
	assert_true(n.next_ms > due + 25000);
}

static void
one_that_stops_answering_fails_three_seconds_later(void **state)
{
	struct neighbour n = fresh();
	uint64_t due;

	neighbour_step(&n, 0);
	neighbour_learn(&n, &answer, 5);
	due = n.next_ms;
	assert_int_equal(neighbour_step(&n, due), NEIGHBOUR_ASK_ONE);
	assert_int_equal(neighbour_step(&n, due + 1000), NEIGHBOUR_ASK_ONE);
	/* It may be somewhere else by now. */
	assert_int_equal(neighbour_step(&n, due + 2000), NEIGHBOUR_ASK_ALL);
	assert_true(neighbour_usable(&n));
	assert_int_equal(neighbour_step(&n, due + 3000), NEIGHBOUR_GIVE_UP);
	assert_false(neighbour_usable(&n));
}

static void
one_that_is_questioned_is_asked_at_once_but_not_each_time(void **state)
{
	static const struct {
		const char *name;
		enum neighbour_state state;
		uint64_t since_ms, next_ms, then_ms;
	} cases[] = {
			{"reachable", NEIGHBOUR_REACHABLE, 1000, 30000, 5000},
			{"confirmed just now", NEIGHBOUR_REACHABLE, 4500, 30000, 30000},
			{"stale", NEIGHBOUR_STALE, 4500, 5500, 5000},
			{"due already", NEIGHBOUR_STALE, 3500, 4500, 4500},
			{"asked already", NEIGHBOUR_PROBE, 1000, 5500, 5500},
			{"never answered", NEIGHBOUR_INCOMPLETE, 1000, 5500, 5500},
			{"failed", NEIGHBOUR_FAILED, 1000, 9000, 9000},
			{"configured", NEIGHBOUR_STATIC, 1000, 0, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct neighbour n = fresh();

		n.state = cases[i].state;
		n.since_ms = cases[i].since_ms;
		n.next_ms = cases[i].next_ms;
		neighbour_question(&n, 5000);
		if (n.next_ms != cases[i].then_ms || n.state != cases[i].state)
			fail_msg("%s: %u ms", cases[i].name, (unsigned)n.next_ms);
	}
}

static void
what_was_only_seen_is_used_and_confirmed_soon(void **state)
{
	struct neighbour n = fresh();

	neighbour_step(&n, 0);
	assert_true(neighbour_learn(&n, &seen, 10));
	assert_true(neighbour_usable(&n));
	assert_int_equal(n.state, NEIGHBOUR_STALE);
	assert_int_equal(neighbour_step(&n, 1010), NEIGHBOUR_ASK_ONE);
}

static void
a_move_is_followed_but_not_faster_than_once_a_second(void **state)
{
	struct neighbour n = fresh();

	neighbour_learn(&n, &answer, 10);
	assert_false(neighbour_learn(&n, &moved, 500));
	assert_int_equal(n.mac.b[5], 1);
	assert_int_equal(n.state, NEIGHBOUR_STALE);
	assert_true(neighbour_learn(&n, &moved, 1010));
	assert_int_equal(n.mac.b[5], 2);
	assert_true(neighbour_learn(&n, &answer, 9000));
	assert_false(neighbour_learn(&n, &doubtful, 90000));
	assert_int_equal(n.mac.b[5], 1);
}

static void
one_that_nobody_needs_is_forgotten(void **state)
{
	struct neighbour n = fresh();

	n.pinned = false;
	neighbour_learn(&n, &answer, 100000);
	n.used_ms = 100000;
	assert_int_equal(neighbour_step(&n, 130000), NEIGHBOUR_ASK_ONE);
	neighbour_learn(&n, &answer, 200000);
	assert_int_equal(neighbour_step(&n, 230000), NEIGHBOUR_FORGET);
	n = fresh();
	n.pinned = false;
	n.state = NEIGHBOUR_FAILED;
	assert_int_equal(neighbour_step(&n, 1000), NEIGHBOUR_FORGET);
}

static void
the_table_is_bounded_and_finds_what_it_holds(void **state)
{
	struct neighbour_table *t = neighbour_table_create(100);
	struct ip_addr a;
	uint32_t i;

	for (i = 0; i < 100; i++) {
		a = host(i);
		assert_non_null(neighbour_add(t, (uint16_t)(i % 2), &a, 1000 - i));
	}
	a = host(100);
	assert_null(neighbour_add(t, 0, &a, 0));
	for (i = 0; i < 100; i++) {
		a = host(i);
		assert_non_null(neighbour_lookup(t, (uint16_t)(i % 2), &a));
		assert_null(neighbour_lookup(t, (uint16_t)(1 - i % 2), &a));
	}
	a = host(99);
	assert_ptr_equal(neighbour_oldest(t), neighbour_lookup(t, 1, &a));
	neighbour_oldest(t)->pinned = true;
	a = host(98);
	assert_ptr_equal(neighbour_oldest(t), neighbour_lookup(t, 0, &a));
	neighbour_del(t, neighbour_oldest(t));
	assert_null(neighbour_lookup(t, 0, &a));
	assert_non_null(neighbour_add(t, 0, &a, 5));
	neighbour_table_free(t);
	neighbour_table_free(NULL);
}

static void
a_static_one_is_neither_asked_nor_corrected(void **state)
{
	struct neighbour n = fresh();

	assert_true(neighbour_fix(&n, &answer.mac, 0));
	assert_false(neighbour_fix(&n, &answer.mac, 10));
	assert_int_equal(neighbour_step(&n, 1000000), NEIGHBOUR_NOTHING);
	assert_false(neighbour_learn(&n, &moved, 1000000));
	assert_memory_equal(&n.mac, &answer.mac, sizeof(n.mac));
	assert_true(neighbour_usable(&n));
	neighbour_doubt(&n, 2000000);
	assert_true(neighbour_usable(&n));
	assert_int_equal(neighbour_step(&n, 2001000), NEIGHBOUR_ASK_ONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(
					one_that_never_answers_is_asked_three_times_and_then_with_backoff),
			cmocka_unit_test(one_that_answers_is_asked_again_itself_before_it_expires),
			cmocka_unit_test(one_that_stops_answering_fails_three_seconds_later),
			cmocka_unit_test(one_that_is_questioned_is_asked_at_once_but_not_each_time),
			cmocka_unit_test(what_was_only_seen_is_used_and_confirmed_soon),
			cmocka_unit_test(a_move_is_followed_but_not_faster_than_once_a_second),
			cmocka_unit_test(one_that_nobody_needs_is_forgotten),
			cmocka_unit_test(a_static_one_is_neither_asked_nor_corrected),
			cmocka_unit_test(the_table_is_bounded_and_finds_what_it_holds),
	};

	return cmocka_run_group_tests_name("neighbour_table", tests, NULL, NULL);
}
