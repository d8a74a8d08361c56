/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Frames that scapy made: us 02:..:01, 10.0.0.2, fd00::2; them 02:..:11, 10.0.0.11, fd00::11. */
#define ARP_REQUEST \
	"ffffffffffff020000000001080600010800060400010200000000010a0000020000000000000a00000b"
#define ARP_REPLY \
	"020000000001020000000011080600010800060400020200000000110a00000b0200000000010a000002"
#define SOLICITATION                                                                               \
	"3333ff00001102000000000186dd6000000000203afffd000000000000000000000000000002ff0200000000" \
	"00000000"                                                                                 \
	"0001ff00001187007d7800000000fd0000000000000000000000000000110101020000000001"
#define ADVERTISEMENT                                                                              \
	"02000000000102000000001186dd6000000000203afffd000000000000000000000000000011fd0000000000" \
	"00000000"                                                                                 \
	"00000000000288001c6c60000000fd0000000000000000000000000000110201020000000011"
#define DETECTION                                                                                  \
	"3333ff00000202000000001186dd6000000000183aff00000000000000000000000000000000ff0200000000" \
	"00000000"                                                                                 \
	"0001ff00000287007da300000000fd000000000000000000000000000002"
#define UNSOLICITED                                                                                \
	"33330000000102000000000186dd6000000000203afffd000000000000000000000000000002ff0200000000" \
	"00000000"                                                                                 \
	"00000000000188005a9920000000fd0000000000000000000000000000020201020000000001"
#define ECHO4                                                                                      \
	"02000000000102000000001108004500001f000700000301a3cb0a00000b0a00000208003392000500066162" \
	"63"
#define ECHO6                                                                                      \
	"02000000000102000000001186dd60000000000b3a03fd000000000000000000000000000011fd0000000000" \
	"00000000"                                                                                 \
	"0000000000028000c13700050006616263"
#define ECHO_REPLY4                                                                                \
	"02000000001102000000000108004500001f00070000400166cb0a0000020a00000b00003b92000500066162" \
	"63"
#define ECHO_REPLY6                                                                                \
	"02000000001102000000000186dd60000000000b3a40fd000000000000000000000000000002fd0000000000" \
	"00000000"                                                                                 \
	"0000000000118100c03700050006616263"

static const struct ether_mac us = {{2, 0, 0, 0, 0, 1}}, them = {{2, 0, 0, 0, 0, 0x11}};

static size_t
unhex(const char *hex, uint8_t *out)
{
	size_t n;
	unsigned byte;

	for (n = 0; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}

/* Decodes a copy of exactly `len` bytes, so that reading beyond it shows. */
static enum neighbour_kind
decode(const uint8_t *bytes, size_t len, struct neighbour_packet *p)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum neighbour_kind kind;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	kind = neighbour_decode(copy, len, p);
	free(copy);
	return kind;
}

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static void
good_frames_say_what_they_say(void **state)
{
	static const struct {
		const char *hex;
		enum neighbour_kind kind;
		const char *sender, *target; /* sender NULL: none */
		bool has_mac, solicited, override;
		uint8_t mac_last;
	} cases[] = {
			{ARP_REQUEST, NEIGHBOUR_REQUEST, "10.0.0.2", "10.0.0.11", true, false, true,
					0x01},
			{ARP_REPLY, NEIGHBOUR_REPLY, "10.0.0.11", "10.0.0.11", true, true, true,
					0x11},
			{SOLICITATION, NEIGHBOUR_REQUEST, "fd00::2", "fd00::11", true, false, false,
					0x01},
			{ADVERTISEMENT, NEIGHBOUR_REPLY, "fd00::11", "fd00::11", true, true, true,
					0x11},
			{DETECTION, NEIGHBOUR_REQUEST, NULL, "fd00::2", false, false, false, 0},
			{UNSOLICITED, NEIGHBOUR_REPLY, "fd00::2", "fd00::2", true, false, true,
					0x01},
			{ECHO4, NEIGHBOUR_ECHO, "10.0.0.11", "10.0.0.2", false, false, false, 0},
			{ECHO6, NEIGHBOUR_ECHO, "fd00::11", "fd00::2", false, false, false, 0},
	};
	struct neighbour_packet p;
	char text[IP_TEXT_SIZE];
	uint8_t frame[128];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = unhex(cases[i].hex, frame);
		assert_int_equal(decode(frame, n, &p), cases[i].kind);
		assert_int_equal(ip_is_none(&p.sender), !cases[i].sender);
		if (cases[i].sender)
			assert_string_equal(ip_format(&p.sender, text), cases[i].sender);
		assert_string_equal(ip_format(&p.target, text), cases[i].target);
		assert_int_equal(p.has_mac, cases[i].has_mac);
		assert_int_equal(p.solicited, cases[i].solicited);
		assert_int_equal(p.override, cases[i].override);
		if (p.has_mac)
			assert_int_equal(p.mac.b[5], cases[i].mac_last);
	}
}

static void
cut_frames_are_never_taken(void **state)
{
	static const char *const hex[] = {ARP_REQUEST, ARP_REPLY, SOLICITATION, ADVERTISEMENT,
			DETECTION, ECHO4, ECHO6};
	struct neighbour_packet p;
	uint8_t frame[128];
	size_t i, n, len;

	for (i = 0; i < sizeof(hex) / sizeof(hex[0]); i++) {
		n = unhex(hex[i], frame);
		for (len = 0; len < n; len++)
			assert_true(decode(frame, len, &p) < NEIGHBOUR_REQUEST);
	}
}

/* Each changes one byte; where the checksum covers it, that is not what refuses it: the sum is put right by `sum`. */
static void
frames_with_one_thing_wrong_are_malformed(void **state)
{
	static const struct {
		const char *what, *hex;
		size_t at;
		uint8_t value;
		int sum; /* offset of the ICMPv6 checksum to adjust, or 0 */
	} cases[] = {
			{"ARP hardware type", ARP_REQUEST, 15, 6, 0},
			{"ARP address length", ARP_REQUEST, 18, 8, 0},
			{"ARP operation", ARP_REQUEST, 21, 3, 0},
			{"ARP sender of many", ARP_REQUEST, 22, 1, 0},
			{"ARP sender address multicast", ARP_REQUEST, 28, 224, 0},
			{"ARP for loopback", ARP_REQUEST, 38, 127, 0},
			{"frame from a group", ARP_REQUEST, 6, 3, 0},
			{"solicitation that was forwarded", SOLICITATION, 21, 254, 0},
			{"solicitation with wrong sum", SOLICITATION, 57, 0, 0},
			{"solicitation with code", SOLICITATION, 55, 1, 56},
			{"solicitation for a group", SOLICITATION, 62, 0xff, 56},
			{"solicitation from a group", SOLICITATION, 22, 0xff, 56},
			{"option of length 0", SOLICITATION, 79, 0, 56},
			{"option beyond the end", SOLICITATION, 79, 2, 56},
			{"option with a group's address", SOLICITATION, 80, 3, 56},
			{"advertisement of a group", ADVERTISEMENT, 62, 0xff, 56},
			{"solicited advertisement to a group", ADVERTISEMENT, 38, 0xff, 56},
			{"detection not to the solicited node", DETECTION, 39, 5, 56},
			{"echo with wrong sum", ECHO4, 42, 0, 0},
			{"echo with wrong header sum", ECHO4, 22, 9, 0},
			{"echo6 with wrong sum", ECHO6, 62, 0, 0},
			{"echo6 from a group", ECHO6, 22, 0xff, 56},
	};
	struct neighbour_packet p;
	uint8_t frame[128];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t before, after, sum;
		size_t even = cases[i].at & ~(size_t)1;

		n = unhex(cases[i].hex, frame);
		before = (uint32_t)(frame[even] << 8 | frame[even + 1]);
		assert_int_not_equal(frame[cases[i].at], cases[i].value);
		frame[cases[i].at] = cases[i].value;
		after = (uint32_t)(frame[even] << 8 | frame[even + 1]);
		if (cases[i].sum) {
			/* RFC 1624, equation 3 */
			sum = (uint32_t)(frame[cases[i].sum] << 8 | frame[cases[i].sum + 1]);
			sum = (~sum & 0xffff) + (~before & 0xffff) + after;
			sum = (sum & 0xffff) + (sum >> 16);
			sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
			frame[cases[i].sum] = (uint8_t)(sum >> 8);
			frame[cases[i].sum + 1] = (uint8_t)sum;
		}
		if (decode(frame, n, &p) != NEIGHBOUR_MALFORMED)
			fail_msg("%s was taken", cases[i].what);
	}
}

static void
other_packets_are_left_alone(void **state)
{
	struct neighbour_packet p;
	uint8_t frame[128];
	size_t n = unhex(ECHO4, frame);

	frame[34] = 0; /* echo reply */
	assert_int_equal(decode(frame, n, &p), NEIGHBOUR_OTHER);
	frame[23] = 6; /* TCP */
	assert_int_equal(decode(frame, n, &p), NEIGHBOUR_OTHER);
	frame[12] = 0x88;
	assert_int_equal(decode(frame, n, &p), NEIGHBOUR_OTHER);
}

static void
assert_frame(const uint8_t *frame, size_t len, const char *hex)
{
	uint8_t want[128] = {0};
	size_t n = unhex(hex, want);

	assert_int_equal(len, n < 60 ? 60 : n);
	assert_memory_equal(frame, want, len);
}

static void
frames_made_here_are_as_others_make_them(void **state)
{
	struct neighbour_message ask4 = {
			.our_mac = us, .our_addr = addr("10.0.0.2"), .addr = addr("10.0.0.11")};
	struct neighbour_message ask6 = {
			.our_mac = us, .our_addr = addr("fd00::2"), .addr = addr("fd00::11")};
	struct neighbour_message tell4 = {.our_mac = them,
			.our_addr = addr("10.0.0.11"),
			.mac = us,
			.addr = addr("10.0.0.2")};
	struct neighbour_message tell6 = {.our_mac = them,
			.our_addr = addr("fd00::11"),
			.mac = us,
			.addr = addr("fd00::2")};
	struct neighbour_message detected = {
			.our_mac = us, .our_addr = addr("fd00::2"), .mac = them};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];

	assert_frame(frame, neighbour_ask_all(frame, &ask4), ARP_REQUEST);
	assert_frame(frame, neighbour_ask_all(frame, &ask6), SOLICITATION);
	assert_frame(frame, neighbour_tell(frame, &tell4), ARP_REPLY);
	assert_frame(frame, neighbour_tell(frame, &tell6), ADVERTISEMENT);
	assert_frame(frame, neighbour_tell(frame, &detected), UNSOLICITED);
	assert_frame(frame, neighbour_announce(frame, &detected), UNSOLICITED);
}

static void
questions_to_one_go_to_its_address_and_decode(void **state)
{
	struct neighbour_message ask[] = {
			{.our_mac = us,
					.our_addr = addr("10.0.0.2"),
					.mac = them,
					.addr = addr("10.0.0.11")},
			{.our_mac = us,
					.our_addr = addr("fd00::2"),
					.mac = them,
					.addr = addr("fd00::11")},
	};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	struct neighbour_packet p;
	size_t i, n;

	for (i = 0; i < 2; i++) {
		n = neighbour_ask_one(frame, &ask[i]);
		assert_memory_equal(frame, them.b, 6);
		assert_int_equal(decode(frame, n, &p), NEIGHBOUR_REQUEST);
		assert_true(ip_equal(&p.target, &ask[i].addr));
		assert_true(ip_equal(&p.sender, &ask[i].our_addr));
	}
}

static void
an_echo_is_turned_into_its_reply(void **state)
{
	uint8_t frame[128] = {0};

	unhex(ECHO4, frame);
	assert_frame(frame, neighbour_echo_reply(frame, &us) < 60 ? 60 : 0, ECHO_REPLY4);
	unhex(ECHO6, frame);
	assert_frame(frame, neighbour_echo_reply(frame, &us), ECHO_REPLY6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(good_frames_say_what_they_say),
			cmocka_unit_test(cut_frames_are_never_taken),
			cmocka_unit_test(frames_with_one_thing_wrong_are_malformed),
			cmocka_unit_test(other_packets_are_left_alone),
			cmocka_unit_test(frames_made_here_are_as_others_make_them),
			cmocka_unit_test(questions_to_one_go_to_its_address_and_decode),
			cmocka_unit_test(an_echo_is_turned_into_its_reply),
	};

	return cmocka_run_group_tests_name("neighbour_packet", tests, NULL, NULL);
}
