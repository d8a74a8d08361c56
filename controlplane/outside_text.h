/* SPDX-License-Identifier: Apache-2.0 */
/* The document of an outside feed: which places are in danger, of what, and until when. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTSIDE_FACTORS_MAX 256 /* of one document */
#define OUTSIDE_NAME_MAX 64

struct outside_factor {
	char place[OUTSIDE_NAME_MAX]; /* of endpoints' `zone` */
	bool region; /* a zone, or also all zones "place-...", "place....", "place_..." */
	char name[OUTSIDE_NAME_MAX];
	double severity; /* 0 to 1 */
	uint64_t until_ms; /* wall clock */
};

/* A JSON array of {zone or region, factor, severity, until}: `until` in seconds since 1970, or as RFC 3339 has it.
 * The number of factors, or -EINVAL with what is wrong in `error`: then none is kept. */
int outside_parse(const char *text, size_t len, struct outside_factor out[OUTSIDE_FACTORS_MAX],
		char error[128]);

/* "2026-01-31T12:00:00Z", "...+01:00"; -EINVAL. */
int outside_time_parse(const char *text, uint64_t *wall_ms);

bool outside_is_at(const struct outside_factor *f, const char *zone);
