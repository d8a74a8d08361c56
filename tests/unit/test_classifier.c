/* SPDX-License-Identifier: Apache-2.0 */
#include "classifier.h"

#include "view.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static struct view_service *
service(uint32_t sid, const char *text, uint8_t protocol, uint16_t first, uint16_t last)
{
	struct view_service *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->sid = sid;
	s->addr = addr(text);
	s->protocol = protocol;
	s->port_first = first;
	s->port_last = last;
	return s;
}

static void
services_are_found_by_address_protocol_and_port(void **state)
{
	const struct view_service *services[] = {
			service(0, "10.0.0.100", IPPROTO_TCP, 80, 80),
			NULL,
			service(2, "10.0.0.100", IPPROTO_UDP, 1000, 1999),
			service(3, "10.0.0.100", IPPROTO_TCP, 65535, 65535),
			service(4, "10.0.0.101", IPPROTO_TCP, 80, 80),
			service(5, "10.0.0.100", IPPROTO_UDP, 2000, 2000),
			service(6, "fd00::100", IPPROTO_UDP, 1, 65535),
			service(7, "10.0.0.100", IPPROTO_UDP, 53, 53),
	};
	static const struct {
		const char *addr;
		uint8_t protocol;
		uint16_t port;
		int64_t sid;
	} cases[] = {
			{"10.0.0.100", IPPROTO_TCP, 80, 0},
			{"10.0.0.100", IPPROTO_TCP, 81, -1},
			{"10.0.0.100", IPPROTO_TCP, 79, -1},
			{"10.0.0.100", IPPROTO_UDP, 80, -1},
			{"10.0.0.100", IPPROTO_UDP, 52, -1},
			{"10.0.0.100", IPPROTO_UDP, 53, 7},
			{"10.0.0.100", IPPROTO_UDP, 999, -1},
			{"10.0.0.100", IPPROTO_UDP, 1000, 2},
			{"10.0.0.100", IPPROTO_UDP, 1500, 2},
			{"10.0.0.100", IPPROTO_UDP, 1999, 2},
			{"10.0.0.100", IPPROTO_UDP, 2000, 5},
			{"10.0.0.100", IPPROTO_UDP, 2001, -1},
			{"10.0.0.100", IPPROTO_TCP, 65535, 3},
			{"10.0.0.100", IPPROTO_TCP, 0, -1},
			{"10.0.0.100", IPPROTO_ICMP, 80, -1},
			{"10.0.0.101", IPPROTO_TCP, 80, 4},
			{"10.0.0.102", IPPROTO_TCP, 80, -1},
			{"fd00::100", IPPROTO_UDP, 1, 6},
			{"fd00::100", IPPROTO_UDP, 65535, 6},
			{"fd00::100", IPPROTO_UDP, 0, -1},
			{"fd00::101", IPPROTO_UDP, 1, -1},
	};
	struct classifier_input in = {.services = services, .service_count = 8};
	struct classifier *c = classifier_build(&in);
	struct ip_addr a;
	size_t i;

	assert_non_null(c);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = addr(cases[i].addr);
		if (classifier_service(c, &a, cases[i].protocol, cases[i].port) != cases[i].sid)
			fail_msg("%s protocol %u port %u is not %d", cases[i].addr,
					cases[i].protocol, cases[i].port, (int)cases[i].sid);
	}
	classifier_free(c);
	for (i = 0; i < 8; i++)
		free((void *)services[i]);
}

static void
addresses_are_what_they_are(void **state)
{
	struct view_service *s = service(0, "10.0.0.100", IPPROTO_TCP, 80, 80);
	const struct view_service *services[] = {s};
	struct ip_addr local4[] = {
			addr("10.0.0.3"), {.q = {0, 0}}, addr("10.0.0.100"), addr("10.0.0.2")};
	struct ip_addr local6[] = {addr("fd00::3")};
	struct ip_addr own[] = {addr("10.0.0.2"), addr("fd00::2"), addr("10.0.1.2")};
	uint32_t own_port[] = {0, 0, 5};
	struct classifier_input in = {
			.services = services,
			.service_count = 1,
			.local4 = local4,
			.local4_count = 4,
			.local6 = local6,
			.local6_count = 1,
			.own = own,
			.own_port = own_port,
			.own_count = 3,
	};
	static const struct {
		const char *addr;
		enum address_kind kind;
		uint32_t index;
	} cases[] = {
			{"10.0.0.3", ADDRESS_LOCAL, 0},
			{"fd00::3", ADDRESS_LOCAL, 0},
			{"10.0.0.100", ADDRESS_SERVICE, 0}, /* before local */
			{"10.0.0.2", ADDRESS_LOCAL, 3}, /* before own */
			{"fd00::2", ADDRESS_OWN, 0},
			{"10.0.1.2", ADDRESS_OWN, 5},
			{"10.0.0.1", ADDRESS_FOREIGN, 0},
			{"0.0.0.0", ADDRESS_FOREIGN, 0},
			{"::", ADDRESS_FOREIGN, 0},
	};
	struct classifier *c = classifier_build(&in);
	struct address_entry e;
	struct ip_addr a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = addr(cases[i].addr);
		e = classifier_address(c, &a);
		if (e.kind != cases[i].kind || e.index != cases[i].index)
			fail_msg("%s is %d, %u", cases[i].addr, e.kind, e.index);
	}
	classifier_free(c);
	free(s);
}

/* `count` addresses, neighbours or scattered over the whole space. */
static void
fill_locals(struct ip_addr *out, uint32_t count, bool scattered)
{
	uint32_t i, ip = 0x0a000001;

	for (i = 0; i < count; i++) {
		out[i] = ip_from_v4_be(htonl(ip));
		ip = scattered ? ip * 1664525 + 1013904223 : ip + 1;
	}
}

static void
local_addresses_are_found_in_one_probe(void **state)
{
	static const struct {
		uint32_t count;
		bool scattered;
	} cases[] = {{0, false}, {1, false}, {2, false}, {200, false}, {256, true}, {1000, false}};
	const struct classifier_local4 *l;
	struct ip_addr local[1000];
	struct classifier_input in = {.local4 = local};
	struct classifier *c;
	uint32_t i, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill_locals(local, cases[i].count, cases[i].scattered);
		in.local4_count = cases[i].count;
		c = classifier_build(&in);
		assert_non_null(c);
		l = classifier_local4(c);
		for (j = 0; j < cases[i].count; j++)
			assert_int_equal(classifier_local4_lookup(l, ip_v4_be(&local[j])), j);
		assert_int_equal(classifier_local4_lookup(l, 0), -1);
		assert_int_equal(classifier_local4_lookup(l, UINT32_MAX), -1);
		for (j = 0; j < 100000; j++)
			assert_int_equal(classifier_local4_lookup(l, htonl(0xc0000000 + j)), -1);
		print_message("# %u %s: %u slots\n", cases[i].count,
				cases[i].scattered ? "scattered" : "neighbours",
				1u << (32 - l->shift));
		classifier_free(c);
	}
}

static void
an_index_not_in_use_is_nobody(void **state)
{
	struct ip_addr local[] = {{.q = {0, 0}}, addr("10.0.0.3"), addr("10.0.0.3")};
	struct classifier_input in = {.local4 = local, .local4_count = 3};
	struct classifier *c = classifier_build(&in);

	assert_int_equal(classifier_local4_lookup(classifier_local4(c), 0), -1);
	assert_int_equal(classifier_local4_lookup(classifier_local4(c), ip_v4_be(&local[1])), 2);
	classifier_free(c);
}

static void
a_thousand_services_build_quickly(void **state)
{
	struct classifier_input in = {.service_count = 1000};
	struct view_service *services[1000];
	struct timespec begin, end;
	struct classifier *c;
	char text[32];
	uint32_t i;
	double ms;

	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i % 10);
		services[i] = service(i, text, i % 2 ? IPPROTO_TCP : IPPROTO_UDP,
				(uint16_t)(i * 60), (uint16_t)(i * 60 + 59));
	}
	in.services = (const struct view_service *const *)services;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	c = classifier_build(&in);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
			(double)(end.tv_nsec - begin.tv_nsec) / 1e6;
	print_message("# %.3f ms\n", ms);
	assert_true(ms < 20);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(classifier_service(c, &services[i]->addr, services[i]->protocol,
						 (uint16_t)(i * 60)),
				i);
		assert_int_equal(classifier_service(c, &services[i]->addr, services[i]->protocol,
						 (uint16_t)(i * 60 + 59)),
				i);
		assert_int_equal(classifier_service(c, &services[i]->addr, services[i]->protocol,
						 (uint16_t)(i * 60 + 60)),
				-1);
	}
	classifier_free(c);
	for (i = 0; i < 1000; i++)
		free(services[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(services_are_found_by_address_protocol_and_port),
			cmocka_unit_test(addresses_are_what_they_are),
			cmocka_unit_test(local_addresses_are_found_in_one_probe),
			cmocka_unit_test(an_index_not_in_use_is_nobody),
			cmocka_unit_test(a_thousand_services_build_quickly),
	};

	return cmocka_run_group_tests_name("classifier", tests, NULL, NULL);
}
