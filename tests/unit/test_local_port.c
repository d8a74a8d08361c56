/* SPDX-License-Identifier: Apache-2.0 */
#include "local_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LCORES 1008u /* of which each has 64 ports of an address */
#define PORTS (LOCAL_PORTS / LCORES)
#define ADDRESSES 3u

static struct local_slot slots[ADDRESSES * PORTS];
static uint32_t used_up[ADDRESSES];
static const struct local_memory memory = {slots, used_up};
static const uint8_t all[ADDRESSES] = {1, 1, 1};

static struct local_ports
fresh(void)
{
	struct local_ports l;

	memset(slots, 0, sizeof(slots));
	memset(used_up, 0, sizeof(used_up));
	local_ports_init(&l, &memory, ADDRESSES, LCORES, 2);
	return l;
}

static void
slots_come_in_order_and_tell_their_port(void **state)
{
	struct local_ports l = fresh();
	uint32_t i, slot;

	for (i = 0; i < ADDRESSES * PORTS; i++) {
		slot = local_port_get(&l, all, ADDRESSES, 100 + i, 0);
		assert_int_equal(slot, i);
		assert_int_equal(l.slot[slot].flow, 100 + i);
		assert_int_equal(local_port_address(&l, slot), i / PORTS);
		assert_int_equal(local_port_number(&l, slot), 1024 + 2 * PORTS + i % PORTS);
		assert_int_equal(local_port_slot(&l, i / PORTS, local_port_number(&l, slot)), slot);
	}
	assert_int_equal(l.used, ADDRESSES * PORTS);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 1, 0), LOCAL_NONE);
	assert_int_equal(l.used, ADDRESSES * PORTS);
}

/* A reload put it in the place of another, of which almost no port was ever used. */
static void
a_new_address_serves_at_once(void **state)
{
	static const uint8_t first[] = {1}, second[] = {0, 1}, both[] = {1, 1};
	struct local_ports l = fresh();

	assert_int_equal(local_port_get(&l, first, 1, 1, 0), 0);
	assert_int_equal(local_port_get(&l, second, 2, 2, 0), PORTS);
	assert_int_equal(local_port_get(&l, second, 2, 3, 0), PORTS + 1);
	assert_int_equal(l.parked.head, LOCAL_NONE);
	/* and what the old one has left is there when it comes back */
	assert_int_equal(local_port_get(&l, both, 2, 4, 0), PORTS + 2);
	while (local_port_get(&l, second, 2, 5, 0) != LOCAL_NONE)
		;
	assert_int_equal(local_port_get(&l, both, 2, 6, 0), 1);
}

static void
ports_of_other_lcores_are_no_slots(void **state)
{
	struct local_ports l = fresh();

	assert_int_equal(local_port_slot(&l, 0, 1024 + 2 * PORTS - 1), LOCAL_NONE);
	assert_int_equal(local_port_slot(&l, 0, 1024 + 3 * PORTS), LOCAL_NONE);
	assert_int_equal(local_port_slot(&l, 0, 80), LOCAL_NONE);
	assert_int_equal(local_port_slot(&l, ADDRESSES, 1024 + 2 * PORTS), LOCAL_NONE);
	assert_int_equal(local_port_slot(&l, 0, 1024 + 2 * PORTS), 0);
}

/* All taken; then slots 5 and 9 given back. */
static struct local_ports
exhausted(void)
{
	struct local_ports l = fresh();

	while (local_port_get(&l, all, ADDRESSES, 1, 0) != LOCAL_NONE)
		;
	return l;
}

struct rest_case {
	const char *name;
	bool tcp;
	uint32_t put_ms, rest_ms, early_ms, ready_ms;
};

static const struct rest_case rests[] = {
		{"TCP", true, 1000, 60000, 60999, 61000},
		{"UDP", false, 1000, 5000, 5999, 6000},
		{"no rest", false, 1000, 0, 999, 1000},
		{"the clock wraps while it rests", true, UINT32_MAX - 1000, 60000, 58998, 58999},
		{"it is ready as the clock wraps", true, UINT32_MAX - 59999, 60000, UINT32_MAX, 0},
		{"an hour", true, 7, 3600000, 3600006, 3600007},
};

static void
a_slot_rests_before_it_is_used_again(void **state)
{
	struct local_ports l;
	size_t i;

	for (i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		const struct rest_case *c = &rests[i];

		l = exhausted();
		local_port_put(&l, 5, c->tcp, c->put_ms, c->rest_ms);
		local_port_put(&l, 9, c->tcp, c->put_ms, c->rest_ms);
		if (c->rest_ms && local_port_get(&l, all, ADDRESSES, 2, c->early_ms) != LOCAL_NONE)
			fail_msg("%s: too early", c->name);
		if (local_port_get(&l, all, ADDRESSES, 2, c->ready_ms) != 5)
			fail_msg("%s: not when it is ready, or not the first freed", c->name);
		assert_int_equal(local_port_get(&l, all, ADDRESSES, 2, c->ready_ms), 9);
		assert_int_equal(local_port_get(&l, all, ADDRESSES, 2, c->ready_ms), LOCAL_NONE);
	}
}

static void
a_slot_that_rested_for_weeks_is_ready(void **state)
{
	struct local_ports l = exhausted();

	local_port_put(&l, 5, true, 1000, 60000);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 2, 1000 + (1u << 31) + 70000), 5);
}

static void
tcp_does_not_hold_up_udp(void **state)
{
	struct local_ports l = exhausted();

	local_port_put(&l, 5, true, 0, 60000);
	local_port_put(&l, 9, false, 0, 5000);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 2, 5000), 9);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 2, 5000), LOCAL_NONE);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 2, 60000), 5);
}

static void
new_flows_take_active_addresses_alone(void **state)
{
	static const uint8_t second[ADDRESSES] = {0, 1, 0};
	struct local_ports l = fresh();
	uint32_t i;

	for (i = 0; i < PORTS; i++)
		assert_int_equal(local_port_get(&l, second, ADDRESSES, 1, 0), PORTS + i);
	assert_int_equal(local_port_get(&l, second, ADDRESSES, 1, 0), LOCAL_NONE);
	/* An address beyond those that the view has is not active either. */
	assert_int_equal(local_port_get(&l, all, 0, 1, 0), LOCAL_NONE);
	/* The others, once they are active: each slot once. */
	for (i = 0; i < 2 * PORTS; i++)
		assert_int_not_equal(local_port_get(&l, all, ADDRESSES, 1, 0) / PORTS, 1);
	assert_int_equal(l.used, 3 * PORTS);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 1, 0), LOCAL_NONE);
}

/* Those of a retired address are at the head of the queue, and do not hide what is behind them. */
static void
a_retired_address_is_not_in_the_way(void **state)
{
	static const uint8_t without_first[ADDRESSES] = {0, 1, 1};
	struct local_ports l = exhausted();
	uint32_t i;

	for (i = 0; i < 2 * PORTS; i++)
		local_port_put(&l, i, false, 0, 5000);
	for (i = 0; i < PORTS; i++)
		assert_int_equal(local_port_get(&l, without_first, ADDRESSES, 1, 5000), PORTS + i);
	assert_int_equal(local_port_get(&l, without_first, ADDRESSES, 1, 5000), LOCAL_NONE);
	for (i = 0; i < PORTS; i++)
		assert_in_range(local_port_get(&l, all, ADDRESSES, 1, 5000), 0, PORTS - 1);
	assert_int_equal(local_port_get(&l, all, ADDRESSES, 1, 5000), LOCAL_NONE);
}

/* A slot is in use, or in one queue, and never given out twice or early. */
static void
random_use_agrees_with_a_model(void **state)
{
	static uint32_t free_at[ADDRESSES * PORTS];
	static bool used[ADDRESSES * PORTS];
	struct local_ports l = fresh();
	uint32_t now = UINT32_MAX - 100000, in_use = 0, i, slot;

	memset(used, 0, sizeof(used));
	for (i = 0; i < ADDRESSES * PORTS; i++)
		free_at[i] = now;
	srand(1);
	for (i = 0; i < 200000; i++) {
		now += (uint32_t)rand() % 20;
		slot = (uint32_t)rand() % (ADDRESSES * PORTS);
		if (rand() % 2 && used[slot]) {
			bool tcp = rand() % 2;

			local_port_put(&l, slot, tcp, now, tcp ? 600 : 50);
			free_at[slot] = now + (tcp ? 600 : 50);
			used[slot] = false;
			in_use--;
			continue;
		}
		slot = local_port_get(&l, all, ADDRESSES, 1, now);
		if (slot == LOCAL_NONE)
			continue;
		assert_false(used[slot]);
		assert_true((int32_t)(now - free_at[slot]) >= 0);
		used[slot] = true;
		in_use++;
		assert_int_equal(l.used, in_use);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(slots_come_in_order_and_tell_their_port),
			cmocka_unit_test(a_new_address_serves_at_once),
			cmocka_unit_test(ports_of_other_lcores_are_no_slots),
			cmocka_unit_test(a_slot_rests_before_it_is_used_again),
			cmocka_unit_test(a_slot_that_rested_for_weeks_is_ready),
			cmocka_unit_test(tcp_does_not_hold_up_udp),
			cmocka_unit_test(new_flows_take_active_addresses_alone),
			cmocka_unit_test(a_retired_address_is_not_in_the_way),
			cmocka_unit_test(random_use_agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
