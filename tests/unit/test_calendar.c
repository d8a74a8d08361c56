/* SPDX-License-Identifier: Apache-2.0 */
#include "calendar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t
at(const char *text)
{
	int64_t time;

	if (calendar_time_parse(text, &time) < 0)
		fail_msg("\"%s\" was refused", text);
	return time;
}

static void
times_are_read(void **state)
{
	assert_int_equal(at("1970-01-01"), 0);
	assert_int_equal(at("1970-01-02 00:00"), 86400);
	assert_int_equal(at("2024-02-29 12:34:56"), 1709210096);
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const text[] = {"", "2026", "2026-1-1", "2026-01-32", "2026-02-29",
			"2026-13-01", "2026-00-01", "2026-01-00", "1969-12-31", "2026-01-01 ",
			"2026-01-01 8:00", "2026-01-01 24:00", "2026-01-01 08:60",
			"2026-01-01 08:00:61", "2026-01-01T08:00", "2026-01-01 08:00 ",
			"2026-01-01 08:00:00Z", "+026-01-01"};
	int64_t time = 77;
	size_t i;

	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		if (calendar_time_parse(text[i], &time) != -EINVAL)
			fail_msg("\"%s\" was taken", text[i]);
	}
	assert_int_equal(time, 77);
}

static void
events_last_when_they_should(void **state)
{
	static const struct {
		const char *from, *to;
		enum calendar_repeat repeat;
		const char *time;
		bool lasts;
	} cases[] = {
			{"2026-11-27", "2026-11-28", CALENDAR_ONCE, "2026-11-27", true},
			{"2026-11-27", "2026-11-28", CALENDAR_ONCE, "2026-11-27 23:59:59", true},
			{"2026-11-27", "2026-11-28", CALENDAR_ONCE, "2026-11-28", false},
			{"2026-11-27", "2026-11-28", CALENDAR_ONCE, "2026-11-26 23:59:59", false},
			{"2026-11-27", "2026-11-28", CALENDAR_ONCE, "2027-11-27", false},
			{"2026-11-27", "2026-11-28", CALENDAR_YEARLY, "2031-11-27 10:00", true},
			{"2026-11-27", "2026-11-28", CALENDAR_YEARLY, "2020-11-27 10:00", true},
			{"2026-11-27", "2026-11-28", CALENDAR_YEARLY, "2031-11-28 00:00", false},
			{"2026-12-30", "2027-01-03", CALENDAR_YEARLY, "2030-01-02 23:00", true},
			{"2026-12-30", "2027-01-03", CALENDAR_YEARLY, "2030-01-03 00:00", false},
			{"2024-02-29", "2024-03-01", CALENDAR_YEARLY, "2025-03-01 05:00", true},
			{"2026-11-23 22:00", "2026-11-24 02:00", CALENDAR_WEEKLY,
					"2026-12-08 01:59:59", true},
			{"2026-11-23 22:00", "2026-11-24 02:00", CALENDAR_WEEKLY,
					"2026-12-08 02:00", false},
			{"2026-11-23 22:00", "2026-11-24 02:00", CALENDAR_WEEKLY,
					"2026-11-10 01:00", true},
			{"2026-11-23 22:00", "2026-11-24 02:00", CALENDAR_DAILY, "2027-05-05 23:00",
					true},
			{"2026-11-23 22:00", "2026-11-24 02:00", CALENDAR_DAILY, "2027-05-05 12:00",
					false},
	};
	struct calendar_event e;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e = (struct calendar_event){at(cases[i].from), at(cases[i].to), cases[i].repeat};
		if (calendar_lasts(&e, at(cases[i].time)) != cases[i].lasts)
			fail_msg("%s to %s, repeat %d: at %s", cases[i].from, cases[i].to,
					cases[i].repeat, cases[i].time);
	}
}

static void
times_far_away_do_no_harm(void **state)
{
	struct calendar_event e = {0, 86400, CALENDAR_YEARLY};

	assert_false(calendar_lasts(&e, -1));
	assert_false(calendar_lasts(&e, INT64_MAX / 4));
	e.repeat = CALENDAR_DAILY;
	assert_true(calendar_lasts(&e, -1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(times_are_read),
			cmocka_unit_test(what_is_no_time_is_refused),
			cmocka_unit_test(events_last_when_they_should),
			cmocka_unit_test(times_far_away_do_no_harm),
	};

	return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
