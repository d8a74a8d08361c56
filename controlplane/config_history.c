/* SPDX-License-Identifier: Apache-2.0 */
#include "config_history.h"

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define MINUTE_MS (60 * 1000ull)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define YEARS_MS (3650 * DAY_MS)

/* At least what unfinished slots of the next tier are made again from after a start, and a bit (history_writer.c). */
static const struct key keep_keys[] = {
		{"1s", KEY_MS, KEY_RESTART, FIELD(struct config_history_keep, second_ms),
				.min = 15 * MINUTE_MS, .max = YEARS_MS, .fallback = "1h"},
		{"10s", KEY_MS, KEY_RESTART, FIELD(struct config_history_keep, ten_seconds_ms),
				.min = 2 * HOUR_MS, .max = YEARS_MS, .fallback = "1d"},
		{"1m", KEY_MS, KEY_RESTART, FIELD(struct config_history_keep, minute_ms),
				.min = 2 * HOUR_MS, .max = YEARS_MS, .fallback = "90d"},
		{"records", KEY_MS, KEY_RESTART, FIELD(struct config_history_keep, records_ms),
				.min = HOUR_MS, .max = YEARS_MS, .fallback = "365d"},
};
static const struct key_group keep_group = {"", sizeof(struct config_history_keep), .flow = true,
		.key = keep_keys, .key_count = sizeof(keep_keys) / sizeof(keep_keys[0])};

static const struct key history_keys[] = {
		{"file", KEY_TEXT, KEY_RESTART, FIELD(struct config_history, file), .max = 4000,
				.fallback = "/var/lib/understudy/history.db"},
		{"size", KEY_MIB, KEY_RESTART, FIELD(struct config_history, size_mib), .min = 32,
				.max = 1 << 20, .fallback = "2G"},
		{"keep", KEY_MAP, KEY_RESTART, FIELD(struct config_history, keep),
				.group = &keep_group},
		{"queue", KEY_COUNT, KEY_RESTART, FIELD(struct config_history, queue), .min = 1024,
				.max = 1 << 24, .fallback = "131072"},
};
const struct key_group config_history_group = {"", sizeof(struct config_history),
		.key = history_keys, .key_count = sizeof(history_keys) / sizeof(history_keys[0])};
