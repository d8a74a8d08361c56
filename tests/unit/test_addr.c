/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"
#include "counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
addresses_print_as_they_parse(void **state)
{
	static const char *const texts[] = {
			"10.0.0.1", "255.255.255.255", "::", "2001:db8::1", "fe80::1:2"};
	char buf[IP_TEXT_SIZE];
	struct ip_addr a;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(ip_parse(texts[i], &a), 0);
		assert_string_equal(ip_format(&a, buf), texts[i]);
	}
}

static void
malformed_text_is_refused(void **state)
{
	static const char *const bad[] = {"", "10.0.0", "10.0.0.256", "1::2::3", "10.0.0.1 ", "x"};
	static const char *const bad_prefix[] = {
			"10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "::/129", "/8", "10.0.0.1/8x"};
	static const char *const bad_port[] = {"10.0.0.1", "10.0.0.1:", "10.0.0.1:65536", "::1:80",
			"[10.0.0.1]:80", ":80"};
	struct ip_prefix p;
	struct ip_addr a;
	uint16_t port;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(ip_parse(bad[i], &a), 0);
	for (i = 0; i < sizeof(bad_prefix) / sizeof(bad_prefix[0]); i++)
		assert_int_not_equal(ip_prefix_parse(bad_prefix[i], &p), 0);
	for (i = 0; i < sizeof(bad_port) / sizeof(bad_port[0]); i++)
		assert_int_not_equal(ip_port_parse(bad_port[i], &a, &port), 0);
}

static void
prefixes_contain_what_they_cover(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {
			{"10.0.0.0/8", "10.255.0.1", true},
			{"10.0.0.0/8", "11.0.0.1", false},
			{"10.1.2.3/32", "10.1.2.3", true},
			{"10.1.2.3/32", "10.1.2.2", false},
			{"0.0.0.0/0", "1.2.3.4", true},
			{"0.0.0.0/0", "::1", false},
			{"::/0", "::1", true},
			{"::/0", "1.2.3.4", false},
			{"2001:db8::/33", "2001:db8:7fff::", true},
			{"2001:db8::/33", "2001:db8:8000::", false},
	};
	struct ip_prefix p;
	struct ip_addr a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ip_prefix_parse(cases[i].prefix, &p), 0);
		assert_int_equal(ip_parse(cases[i].addr, &a), 0);
		assert_int_equal(ip_prefix_contains(&p, &a), cases[i].inside);
	}
}

static void
histogram_buckets_are_ordered_and_tight(void **state)
{
	uint32_t i;

	for (i = 0; i < 124; i++) {
		assert_int_equal(histogram_bucket((uint32_t)histogram_lower(i)), i);
		if (i)
			assert_int_equal(histogram_bucket((uint32_t)histogram_lower(i) - 1), i - 1);
	}
	assert_true(histogram_bucket(UINT32_MAX) < HISTOGRAM_BUCKETS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(addresses_print_as_they_parse),
			cmocka_unit_test(malformed_text_is_refused),
			cmocka_unit_test(prefixes_contain_what_they_cover),
			cmocka_unit_test(histogram_buckets_are_ordered_and_tight),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
