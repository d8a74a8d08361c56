/* SPDX-License-Identifier: Apache-2.0 */
#include "health_door.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_MS 1000000
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static size_t
ip_header(uint8_t *at, const struct ip_addr *src, uint8_t protocol)
{
	if (ip_is_v4(src)) {
		at[0] = 0x45;
		at[9] = protocol;
		memcpy(at + 12, src->b + 12, 4);
		return 20;
	}
	at[0] = 0x60;
	at[6] = protocol;
	memcpy(at + 8, src->b, 16);
	return 40;
}

static void
answers_to_what_was_sent_come_in_and_nothing_else(void **state)
{
	static const struct {
		const char *name, *src;
		uint16_t port;
		uint8_t protocol, flags;
		uint32_t later_ms;
		bool in;
	} cases[] = {
			{"a connection's answer", "10.0.0.11", 40000, IPPROTO_TCP, SYN | ACK, 0,
					true},
			{"over IPv6", "fd00::11", 40000, IPPROTO_TCP, ACK, 0, true},
			{"a refusal", "10.0.0.11", 40000, IPPROTO_TCP, RST | ACK, 0, true},
			{"an attempt to connect", "10.0.0.11", 40000, IPPROTO_TCP, SYN, 0, false},
			{"a stranger's", "10.0.0.12", 40000, IPPROTO_TCP, SYN | ACK, 0, false},
			{"to a port that nothing came from", "10.0.0.11", 22, IPPROTO_TCP, ACK, 0,
					false},
			{"to another protocol's port", "10.0.0.11", 40000, IPPROTO_UDP, 0, 0,
					false},
			{"udp", "10.0.0.11", 40001, IPPROTO_UDP, 0, 0, true},
			{"udp of a stranger", "10.0.0.12", 40001, IPPROTO_UDP, 0, 0, false},
			{"at the last moment", "10.0.0.11", 40000, IPPROTO_TCP, ACK, 120000, true},
			{"too late", "10.0.0.11", 40000, IPPROTO_TCP, ACK, 121000, false},
			{"an unknown protocol", "10.0.0.11", 0, 99, 0, 0, true},
			{"a stranger's unknown protocol", "10.0.0.12", 0, 99, 0, 0, false},
	};
	struct ip_addr far[] = {addr("10.0.0.11"), addr("fd00::11"), addr("10.0.0.11")};
	struct health_packet tcp = {.protocol = IPPROTO_TCP, .own_port = 40000},
			     udp = {.protocol = IPPROTO_UDP, .own_port = 40001};
	struct health_door *d = health_door_create();
	size_t i;

	assert_int_equal(health_door_follow(d, far, 3), 0);
	health_door_sent(d, &tcp, NOW_MS);
	health_door_sent(d, &udp, NOW_MS);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip_addr src = addr(cases[i].src);
		uint8_t packet[80] = {0};
		size_t at = ip_header(packet, &src, cases[i].protocol);

		packet[at + 2] = (uint8_t)(cases[i].port >> 8);
		packet[at + 3] = (uint8_t)cases[i].port;
		packet[at + 13] = cases[i].flags;
		if (health_door_admits(d, packet, at + 20, NOW_MS + cases[i].later_ms) !=
				cases[i].in)
			fail_msg("%s", cases[i].name);
	}
	health_door_free(d);
}

/* The router that tells of it is nobody we know. */
static void
an_error_is_judged_by_the_packet_that_it_is_about(void **state)
{
	static const char *const about[] = {"10.0.0.11", "10.0.0.12"};
	struct ip_addr far = addr("10.0.0.11"), router = addr("10.9.9.9"), dst;
	struct health_packet tcp = {.protocol = IPPROTO_TCP, .own_port = 40000};
	struct health_door *d = health_door_create();
	size_t i;

	assert_int_equal(health_door_follow(d, &far, 1), 0);
	health_door_sent(d, &tcp, NOW_MS);
	for (i = 0; i < 2; i++) {
		uint8_t packet[80] = {0};

		ip_header(packet, &router, IPPROTO_ICMP);
		packet[20] = 3;
		packet[21] = 1;
		ip_header(packet + 28, &router, IPPROTO_TCP);
		dst = addr(about[i]);
		memcpy(packet + 28 + 16, dst.b + 12, 4);
		packet[48] = 40000 >> 8;
		packet[49] = 40000 & 255;
		assert_int_equal(health_door_admits(d, packet, 56, NOW_MS), i == 0);
	}
	health_door_free(d);
}

static void
what_is_cut_short_stays_out(void **state)
{
	struct ip_addr src = addr("10.0.0.11"), src6 = addr("fd00::11"), far[] = {src, src6};
	struct health_door *d = health_door_create();
	uint8_t *packet;
	size_t len;

	assert_int_equal(health_door_follow(d, far, 2), 0);
	for (len = 1; len < 40; len++) {
		packet = calloc(1, len);
		packet[0] = len < 20 ? 0x45 : 0x60;
		assert_false(health_door_admits(d, packet, len, NOW_MS));
		free(packet);
	}
	health_door_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(answers_to_what_was_sent_come_in_and_nothing_else),
			cmocka_unit_test(an_error_is_judged_by_the_packet_that_it_is_about),
			cmocka_unit_test(what_is_cut_short_stays_out),
	};

	return cmocka_run_group_tests_name("health_door", tests, NULL, NULL);
}
