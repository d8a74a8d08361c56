/* SPDX-License-Identifier: Apache-2.0 */
#include "config_value.h"
#include "view.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef int (*parse_fn)(const char *text, uint64_t *out);

static int
share_parse(const char *text, uint64_t *out)
{
	uint32_t share;
	int err = value_share_parse(text, &share);

	if (!err)
		*out = share;
	return err;
}

static void
values_parse_to_their_unit(void **state)
{
	static const struct {
		parse_fn parse;
		const char *text;
		int err;
		uint64_t value;
	} cases[] = {
			{value_duration_parse, "0", 0, 0},
			{value_duration_parse, "20us", 0, 20},
			{value_duration_parse, "500ms", 0, 500000},
			{value_duration_parse, "1s", 0, 1000000},
			{value_duration_parse, "15m", 0, 900000000},
			{value_duration_parse, "2h", 0, 7200000000},
			{value_duration_parse, "1d", 0, 86400000000},
			{value_duration_parse, "15", -EINVAL, 0},
			{value_duration_parse, "1.5s", -EINVAL, 0},
			{value_duration_parse, "-1s", -EINVAL, 0},
			{value_duration_parse, " 1s", -EINVAL, 0},
			{value_duration_parse, "1 s", -EINVAL, 0},
			{value_duration_parse, "s", -EINVAL, 0},
			{value_duration_parse, "", -EINVAL, 0},
			{value_duration_parse, "18446744073709551616s", -ERANGE, 0},
			{value_duration_parse, "18446744073709551615d", -ERANGE, 0},
			{value_count_parse, "0", 0, 0},
			{value_count_parse, "1k", 0, 1000},
			{value_count_parse, "1Ki", 0, 1024},
			{value_count_parse, "500k", 0, 500000},
			{value_count_parse, "100M", 0, 100000000},
			{value_count_parse, "1G", 0, 1000000000},
			{value_count_parse, "1T", 0, 1000000000000},
			{value_count_parse, "18446744073709551615", 0, UINT64_MAX},
			{value_count_parse, "18446744073709551616", -ERANGE, 0},
			{value_count_parse, "1K", -EINVAL, 0},
			{value_count_parse, "0x10", -EINVAL, 0},
			{value_count_parse, "+1", -EINVAL, 0},
			{value_mib_parse, "512M", 0, 512},
			{value_mib_parse, "2G", 0, 2048},
			{value_mib_parse, "0", 0, 0},
			{value_mib_parse, "512", -EINVAL, 0},
			{share_parse, "0", 0, 0},
			{share_parse, "0%", 0, 0},
			{share_parse, "100%", 0, 65536},
			{share_parse, "50%", 0, 32768},
			{share_parse, "10%", 0, 6554}, /* 6553.6 */
			{share_parse, "0.5%", 0, 328}, /* 327.68 */
			{share_parse, "0.000762939%", 0, 0}, /* just under half a part */
			{share_parse, "0.000762940%", 0, 1},
			{share_parse, "99.9999%", 0, 65536},
			{share_parse, "33.3333333333333333333%", 0, 21845},
			{share_parse, "100.1%", -ERANGE, 0},
			{share_parse, "101%", -ERANGE, 0},
			{share_parse, "10", -EINVAL, 0},
			{share_parse, "0.5", -EINVAL, 0},
			{share_parse, "10 %", -EINVAL, 0},
			{share_parse, "1.%", -EINVAL, 0},
			{share_parse, ".5%", -EINVAL, 0},
			{share_parse, "%", -EINVAL, 0},
			{share_parse, "-1%", -EINVAL, 0},
	};
	uint64_t value;
	size_t i;
	int err;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = 0;
		err = cases[i].parse(cases[i].text, &value);
		if (err != cases[i].err || (!err && value != cases[i].value))
			fail_msg("'%s': %d, %llu", cases[i].text, err, (unsigned long long)value);
	}
}

static void
every_share_prints_to_what_reads_back_the_same(void **state)
{
	char buf[VALUE_TEXT_SIZE];
	uint32_t share, again;

	for (share = 0; share <= SHARE_ONE; share++) {
		assert_int_equal(value_share_parse(value_share_format(share, buf), &again), 0);
		if (again != share)
			fail_msg("%u prints as '%s', which reads as %u", share, buf, again);
	}
}

static void
numbers_print_in_the_largest_unit_that_is_exact(void **state)
{
	char buf[VALUE_TEXT_SIZE];

	assert_string_equal(value_duration_format(0, buf), "0");
	assert_string_equal(value_duration_format(20, buf), "20us");
	assert_string_equal(value_duration_format(1500000, buf), "1500ms");
	assert_string_equal(value_duration_format(60000000, buf), "1m");
	assert_string_equal(value_duration_format(90000000, buf), "90s");
	assert_string_equal(value_rate_format(1000000000, buf), "1G");
	assert_string_equal(value_rate_format(1001, buf), "1001");
	assert_string_equal(value_rate_format(2500000, buf), "2500k");
	assert_string_equal(value_count_format(1000000, buf), "1000000");
	assert_string_equal(value_mib_format(1536, buf), "1536M");
	assert_string_equal(value_mib_format(2048, buf), "2G");
	assert_string_equal(value_share_format(6554, buf), "10%");
	assert_string_equal(value_share_format(328, buf), "0.5%");
}

static void
ranges_are_two_ports_in_order(void **state)
{
	static const char *const bad[] = {
			"", "-", "1-", "-1", "2-1", "1-65536", "65536", "1-2-3", "1 - 2", "a"};
	uint16_t first = 7, last = 7;
	char buf[VALUE_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(value_range_parse(bad[i], &first, &last), 0);
	assert_int_equal(first, 7);
	assert_int_equal(value_range_parse("80", &first, &last), 0);
	assert_string_equal(value_range_format(first, last, buf), "80");
	assert_int_equal(value_range_parse("5000-65535", &first, &last), 0);
	assert_string_equal(value_range_format(first, last, buf), "5000-65535");
}

static void
bytes_are_text_or_hexadecimal(void **state)
{
	static const struct {
		const char *text, *printed;
		size_t len;
	} cases[] = {
			{"ping", "ping", 4},
			{"hex:0aFF", "hex:0aff", 2},
			{"hex:70696e67", "ping", 4},
			{"hex:6865783a3031", "hex:6865783a3031", 6}, /* the text "hex:01" */
			{"hex:", "", 0},
			{"", "", 0},
			{"h\xc3\xa9", "hex:68c3a9", 3},
	};
	uint8_t *bytes;
	char *printed;
	size_t i, len;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(value_bytes_parse(cases[i].text, &bytes, &len), 0);
		assert_int_equal(len, cases[i].len);
		printed = value_bytes_format(bytes, len);
		assert_string_equal(printed, cases[i].printed);
		free(printed);
		free(bytes);
	}
	assert_int_equal(value_bytes_parse("hex:123", &bytes, &len), -EINVAL);
	assert_int_equal(value_bytes_parse("hex:1x", &bytes, &len), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(values_parse_to_their_unit),
			cmocka_unit_test(every_share_prints_to_what_reads_back_the_same),
			cmocka_unit_test(numbers_print_in_the_largest_unit_that_is_exact),
			cmocka_unit_test(ranges_are_two_ports_in_order),
			cmocka_unit_test(bytes_are_text_or_hexadecimal),
	};

	return cmocka_run_group_tests_name("config_value", tests, NULL, NULL);
}
