/* SPDX-License-Identifier: Apache-2.0 */
#include "health_alias.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Packets that scapy made: own 10.0.0.2, fd00::2, port or identifier 40000; service 10.0.0.100, fd00::100, port 80; and
 * as they are with the alias of endpoint 5. */
static const struct {
	const char *name;
	bool outbound;
	const char *before, *after;
} packets[] = {
		{"tcp out over IPv4", true,
				"4500002800010000400680c70a000002f00000069c400050000000070000000050"
				"022000f9420000",
				"45000028000100004006666a0a0000020a0000649c400050000000070000000050"
				"022000dee50000"},
		{"tcp in over IPv4", false,
				"45000028000100004006666a0a0000640a00000200509c40000000070000000050"
				"122000ded50000",
				"4500002800010000400680c7f00000060a00000200509c40000000070000000050"
				"122000f9320000"},
		{"udp out over IPv4", true,
				"4500002100010000401180c30a000002f00000069c400050000d256968656c6c6"
				"f",
				"4500002100010000401166660a0000020a0000649c400050000d0b0c68656c6c6"
				"f"},
		{"udp in over IPv4", false,
				"4500002100010000401166660a0000640a00000200509c40000d0b0c68656c6c6"
				"f",
				"4500002100010000401180c3f00000060a00000200509c40000d256968656c6c6"
				"f"},
		{"icmp out over IPv4", true,
				"4500001c00010000400180d80a000002f000000608005bbe9c400001",
				"4500001c000100004001667b0a0000020a00006408005bbe9c400001"},
		{"icmp in over IPv4", false,
				"4500001c000100004001667b0a0000640a000002000063be9c400001",
				"4500001c00010000400180d8f00000060a000002000063be9c400001"},
		{"tcp out over IPv6", true,
				"6000000000140640fd000000000000000000000000000002010000000000000000"
				"000000000000069c400050"
				"000000070000000050022000f5420000",
				"6000000000140640fd000000000000000000000000000002fd0000000000000000"
				"000000000001009c400050"
				"000000070000000050022000f8470000"},
		{"tcp in over IPv6", false,
				"6000000000140640fd000000000000000000000000000100fd0000000000000000"
				"0000000000000200509c40"
				"000000070000000050122000f8370000",
				"600000000014064001000000000000000000000000000006fd0000000000000000"
				"0000000000000200509c40"
				"000000070000000050122000f5320000"},
		{"udp out over IPv6", true,
				"60000000000d1140fd000000000000000000000000000002010000000000000000"
				"000000000000069c400050"
				"000d216968656c6c6f",
				"60000000000d1140fd000000000000000000000000000002fd0000000000000000"
				"000000000001009c400050"
				"000d246e68656c6c6f"},
		{"udp in over IPv6", false,
				"60000000000d1140fd000000000000000000000000000100fd0000000000000000"
				"0000000000000200509c40"
				"000d246e68656c6c6f",
				"60000000000d114001000000000000000000000000000006fd0000000000000000"
				"0000000000000200509c40"
				"000d216968656c6c6f"},
		{"icmp out over IPv6", true,
				"6000000000083a40fd000000000000000000000000000002010000000000000000"
				"000000000000068000e572"
				"9c400001",
				"6000000000083a40fd000000000000000000000000000002fd0000000000000000"
				"000000000001008000e877"
				"9c400001"},
		{"icmp in over IPv6", false,
				"6000000000083a40fd000000000000000000000000000100fd0000000000000000"
				"000000000000028100e777"
				"9c400001",
				"6000000000083a4001000000000000000000000000000006fd0000000000000000"
				"000000000000028100e472"
				"9c400001"},
};

/* Port unreachable, about a datagram to the service. */
static const char *const errors[] = {
		"4500003d000100004001665a0a0000640a00000203031181000000004500002100010000401166660a"
		"000002"
		"0a0000649c400050000d0b0c68656c6c6f",
		"60000000003d3a40fd000000000000000000000000000100fd00000000000000000000000000000201"
		"049251"
		"0000000060000000000d1140fd000000000000000000000000000002fd000000000000000000000000"
		"000100"
		"9c400050000d246e68656c6c6f",
};

static size_t
unhex(const char *hex, uint8_t *out)
{
	unsigned byte;
	size_t n;

	for (n = 0; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static uint32_t
sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	if (len % 2)
		sum += (uint32_t)(bytes[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void
packets_change_to_what_another_stack_would_have_made(void **state)
{
	struct health_packet p;
	uint8_t packet[256], want[256];
	struct ip_addr to;
	size_t i, n;

	for (i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		n = unhex(packets[i].before, packet);
		assert_int_equal(unhex(packets[i].after, want), n);
		if (packets[i].outbound) {
			assert_true(health_packet_outbound(packet, n, &p));
			to = addr(packet[0] >> 4 == 4 ? "10.0.0.100" : "fd00::100");
		} else {
			assert_true(health_packet_inbound(packet, n, &p));
			to = health_alias_of(5, packet[0] >> 4 == 4);
		}
		assert_int_equal(p.own_port, 40000);
		health_packet_rewrite(packet, &p, &to);
		if (memcmp(packet, want, n) != 0)
			fail_msg("%s", packets[i].name);
	}
}

static void
an_error_is_told_as_the_answer_to_the_packet_inside(void **state)
{
	struct health_packet p;
	struct ip_addr alias, seen;
	uint8_t packet[256];
	size_t n;

	n = unhex(errors[0], packet);
	assert_true(health_packet_inbound(packet, n, &p));
	seen = addr("10.0.0.100");
	assert_true(ip_equal(&p.src, &seen));
	assert_int_equal(p.protocol, 17);
	assert_int_equal(p.own_port, 40000);
	alias = health_alias_of(5, true);
	health_packet_rewrite(packet, &p, &alias);
	assert_memory_equal(packet + 28 + 16, alias.b + 12, 4);
	assert_int_equal(sum_of(packet, 20, 0), 0xffff);
	assert_int_equal(sum_of(packet + 28, 20, 0), 0xffff);
	assert_int_equal(sum_of(packet + 20, n - 20, 0), 0xffff);

	n = unhex(errors[1], packet);
	assert_true(health_packet_inbound(packet, n, &p));
	assert_int_equal(p.own_port, 40000);
	alias = health_alias_of(5, false);
	health_packet_rewrite(packet, &p, &alias);
	assert_memory_equal(packet + 48 + 24, alias.b, 16);
	/* RFC 8200, 8.1: addresses, length, next header */
	assert_int_equal(sum_of(packet + 40, n - 40,
					 sum_of(packet + 8, 32, (uint32_t)(n - 40) + 58)),
			0xffff);
}

static void
try_cuts(const char *hex)
{
	struct health_packet p;
	struct ip_addr alias;
	uint8_t packet[256], *copy;
	size_t n = unhex(hex, packet), len;

	for (len = 0; len < n; len++) {
		copy = malloc(len ? len : 1);
		assert_non_null(copy);
		memcpy(copy, packet, len);
		alias = health_alias_of(1, packet[0] >> 4 == 4);
		if (health_packet_inbound(copy, len, &p))
			health_packet_rewrite(copy, &p, &alias);
		if (health_packet_outbound(copy, len, &p))
			health_packet_rewrite(copy, &p, &alias);
		assert_false(len < 28 && health_packet_inbound(copy, len, &p));
		free(copy);
	}
}

/* Blocks of the exact length: valgrind and ASan see what is beyond. */
static void
cut_packets_are_refused_or_changed_within_their_length(void **state)
{
	size_t i;

	for (i = 0; i < 2; i++)
		try_cuts(errors[i]);
	for (i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		try_cuts(packets[i].before);
}

static void
aliases_belong_to_one_endpoint_each(void **state)
{
	static const uint32_t eids[] = {0, 1, 255, 4095, 1000000};
	static const char *const real[] = {"10.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.0",
			"fd00::1", "100::", "::1", "100:0:0:1::1"};
	struct ip_addr a;
	uint32_t eid;
	size_t i;

	for (i = 0; i < sizeof(eids) / sizeof(eids[0]); i++) {
		a = health_alias_of(eids[i], true);
		assert_true(ip_is_v4(&a) && health_alias_eid(&a, &eid) && eid == eids[i]);
		a = health_alias_of(eids[i], false);
		assert_true(!ip_is_v4(&a) && health_alias_eid(&a, &eid) && eid == eids[i]);
	}
	for (i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
		a = addr(real[i]);
		assert_false(health_alias_eid(&a, &eid));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(packets_change_to_what_another_stack_would_have_made),
			cmocka_unit_test(an_error_is_told_as_the_answer_to_the_packet_inside),
			cmocka_unit_test(cut_packets_are_refused_or_changed_within_their_length),
			cmocka_unit_test(aliases_belong_to_one_endpoint_each),
	};

	return cmocka_run_group_tests_name("health_alias", tests, NULL, NULL);
}
