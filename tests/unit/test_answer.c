/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "flow.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADERS 42

#define OK "\0\1\x81\x80\0\1\0\1\0\0\0\0"
#define SERVFAIL "\0\1\x81\x82\0\1\0\0\0\0\0\0"
#define NXDOMAIN "\0\1\x81\x83\0\1\0\0\0\0\0\0"
#define REFUSED "\0\1\x81\x85\0\1\0\0\0\0\0\0"
#define QUERY_5 "\0\1\x01\x05\0\1\0\0\0\0\0\0"
#define TEXT(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	const char *data;
	uint32_t len;
	uint8_t protocol;
	unsigned flags;
	bool failure;
} cases[] = {
		{"status 200", TEXT("HTTP/1.1 200 OK\r\n"), IPPROTO_TCP, FLOW_REPLIES_HTTP, false},
		{"status 500", TEXT("HTTP/1.1 500 Oh"), IPPROTO_TCP, FLOW_REPLIES_HTTP, true},
		{"status 503 of 1.0", TEXT("HTTP/1.0 503 "), IPPROTO_TCP, FLOW_REPLIES_HTTP, true},
		{"status 404", TEXT("HTTP/1.1 404 No"), IPPROTO_TCP, FLOW_REPLIES_HTTP, false},
		{"just enough", TEXT("HTTP/1.1 5"), IPPROTO_TCP, FLOW_REPLIES_HTTP, true},
		{"one byte less", TEXT("HTTP/1.1 "), IPPROTO_TCP, FLOW_REPLIES_HTTP, false},
		{"another protocol", TEXT("SSH-2.0 x 5"), IPPROTO_TCP, FLOW_REPLIES_HTTP, false},
		{"nothing", TEXT(""), IPPROTO_TCP, FLOW_REPLIES_HTTP, false},
		{"500 that nobody asked to look for", TEXT("HTTP/1.1 500 "), IPPROTO_TCP, 0, false},
		{"a DNS answer", TEXT(OK), IPPROTO_UDP, FLOW_REPLIES_DNS, false},
		{"SERVFAIL", TEXT(SERVFAIL), IPPROTO_UDP, FLOW_REPLIES_DNS, true},
		{"REFUSED", TEXT(REFUSED), IPPROTO_UDP, FLOW_REPLIES_DNS, true},
		{"NXDOMAIN", TEXT(NXDOMAIN), IPPROTO_UDP, FLOW_REPLIES_DNS, false},
		{"a query", TEXT(QUERY_5), IPPROTO_UDP, FLOW_REPLIES_DNS, false},
		{"a cut header", TEXT("\0\1\x81\x82\0\1\0\0\0\0\0"), IPPROTO_UDP, FLOW_REPLIES_DNS,
				false},
		{"SERVFAIL over TCP", TEXT("\0\14" SERVFAIL), IPPROTO_TCP, FLOW_REPLIES_DNS, true},
		{"an answer over TCP", TEXT("\0\14" OK), IPPROTO_TCP, FLOW_REPLIES_DNS, false},
		{"SERVFAIL that nobody asked to look for", TEXT(SERVFAIL), IPPROTO_UDP, 0, false},
};

static void
failures_are_told_from_the_first_bytes(void **state)
{
	struct packet p = {.payload = HEADERS};
	uint8_t *frame;
	uint32_t len;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = HEADERS + cases[i].len;
		frame = calloc(1, len); /* exact: a look behind it is found by the sanitizer */
		memcpy(frame + HEADERS, cases[i].data, cases[i].len);
		p.protocol = cases[i].protocol;
		p.payload_len = (uint16_t)cases[i].len;
		if (answer_is_failure(frame, len, &p, cases[i].flags) != cases[i].failure)
			fail_msg("%s", cases[i].name);
		free(frame);
	}
}

/* What was put together from fragments is a chain, of which the first piece alone is looked at. */
static void
no_more_is_looked_at_than_is_in_the_first_piece(void **state)
{
	uint8_t *frame = calloc(1, HEADERS + 4);
	struct packet p = {.payload = HEADERS, .payload_len = 1400, .protocol = IPPROTO_UDP};

	memcpy(frame + HEADERS, SERVFAIL, 4);
	assert_false(answer_is_failure(frame, HEADERS + 4, &p, FLOW_REPLIES_DNS));
	assert_false(answer_is_failure(frame, HEADERS - 1, &p, FLOW_REPLIES_DNS));
	free(frame);
}

static void
equal_answers_have_equal_digests_and_others_do_not(void **state)
{
	static const char *const answer[] = {"", "1", "12345678", "123456789", "123456780",
			"12345678123456789", "12345679123456789"};
	struct packet p = {.payload = HEADERS};
	uint16_t digest[sizeof(answer) / sizeof(answer[0])];
	size_t i, j;

	for (i = 0; i < sizeof(answer) / sizeof(answer[0]); i++) {
		uint32_t len = HEADERS + (uint32_t)strlen(answer[i]);
		uint8_t *frame = calloc(1, len + 4);

		strcpy((char *)frame + HEADERS, answer[i]);
		p.payload_len = (uint16_t)strlen(answer[i]);
		digest[i] = answer_digest(frame, len, &p);
		assert_int_equal(answer_digest(frame, len + 2, &p), digest[i]); /* padding */
		for (j = 0; j < i; j++)
			assert_int_not_equal(digest[i], digest[j]);
		free(frame);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(failures_are_told_from_the_first_bytes),
			cmocka_unit_test(no_more_is_looked_at_than_is_in_the_first_piece),
			cmocka_unit_test(equal_answers_have_equal_digests_and_others_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
