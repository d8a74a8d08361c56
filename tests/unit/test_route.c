/* SPDX-License-Identifier: Apache-2.0 */
#include "route.h"

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static struct ip_prefix
prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

/* Two ports; the second has the default gateway of IPv6. */
static const struct config *
two_ports(void)
{
	static struct ip_prefix address0[3], address1[2];
	static struct config_route route0[2], route1[1];
	static struct config_port port[2];
	static struct config config;

	address0[0] = prefix("10.0.0.2/24");
	address0[1] = prefix("10.7.0.2/16");
	address0[2] = prefix("fd00::2/64");
	address1[0] = prefix("192.0.2.2/24");
	address1[1] = prefix("fd01::2/64");
	route0[0] = (struct config_route){prefix("10.20.0.0/16"), addr("10.0.0.254")};
	route0[1] = (struct config_route){prefix("10.20.30.0/24"), addr("10.7.0.253")};
	route1[0] = (struct config_route){prefix("10.0.0.0/24"), addr("192.0.2.9")};
	port[0] = (struct config_port){.address = address0,
			.address_count = 3,
			.route = route0,
			.route_count = 2,
			.gateway4 = addr("10.0.0.1")};
	port[1] = (struct config_port){.address = address1,
			.address_count = 2,
			.route = route1,
			.route_count = 1,
			.gateway4 = addr("192.0.2.1"),
			.gateway6 = addr("fe80::1")};
	config.port = port;
	config.port_count = 2;
	return &config;
}

static void
the_longest_match_decides_and_connected_wins_ties(void **state)
{
	static const struct {
		const char *dst;
		uint16_t port;
		const char *next_hop, *source;
	} cases[] = {
			{"10.0.0.11", 0, "10.0.0.11",
					"10.0.0.2"}, /* connected, although port 1 has an equal route */
			{"10.7.9.9", 0, "10.7.9.9",
					"10.7.0.2"}, /* the port's second prefix, its own source */
			{"10.20.1.1", 0, "10.0.0.254", "10.0.0.2"},
			{"10.20.30.1", 0, "10.7.0.253", "10.7.0.2"}, /* the longer of two routes */
			{"8.8.8.8", 0, "10.0.0.1",
					"10.0.0.2"}, /* the first gateway of the family */
			{"192.0.2.77", 1, "192.0.2.77", "192.0.2.2"},
			{"fd01::5", 1, "fd01::5", "fd01::2"},
			{"2001:db8::1", 1, "fe80::1",
					"fd01::2"}, /* link-local gateway: any address of the family */
	};
	struct route_result r;
	char text[IP_TEXT_SIZE];
	struct ip_addr dst;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dst = addr(cases[i].dst);
		assert_true(route_lookup(two_ports(), &dst, &r));
		assert_int_equal(r.port, cases[i].port);
		assert_string_equal(ip_format(&r.next_hop, text), cases[i].next_hop);
		assert_string_equal(ip_format(&r.source, text), cases[i].source);
	}
}

static void
without_gateway_of_the_family_there_is_no_route(void **state)
{
	struct config config = *two_ports();
	struct ip_addr v6 = addr("2001:db8::1"), v4 = addr("8.8.8.8");
	struct route_result r = {.port = 77};

	config.port_count = 1;
	assert_false(route_lookup(&config, &v6, &r));
	assert_int_equal(r.port, 77);
	assert_true(route_lookup(&config, &v4, &r));
}

static void
connected_is_asked_of_one_port(void **state)
{
	struct ip_addr inside = addr("10.0.0.9"), other = addr("192.0.2.9");

	assert_true(route_connected(two_ports(), 0, &inside));
	assert_false(route_connected(two_ports(), 0, &other));
	assert_true(route_connected(two_ports(), 1, &other));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_longest_match_decides_and_connected_wins_ties),
			cmocka_unit_test(without_gateway_of_the_family_there_is_no_route),
			cmocka_unit_test(connected_is_asked_of_one_port),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
