/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds of what threatens places for reasons that no endpoint knows of: weather, power, works. Fetched now and then;
 * a document that is late, too large or wrong is told of, and leaves those factors in force that have not ended.
 * Control thread.
 */
#pragma once

#include <jansson.h>

#include "gateway.h"

struct outside;

struct outside *outside_create(struct gateway *g); /* NULL when out of memory */
void outside_free(struct outside *o);

/* Takes over the configuration in force; feeds that it keeps keep their factors. */
void outside_sync(struct outside *o);

/* Worst factor in force at a zone: severity times the feed's weight for it, 0 to 1, and its name ("" if none). */
double outside_at(const struct outside *o, const char *zone, char *name, size_t size);

/* Array of feeds: {url, state, reason, age_ms, factors}. New reference. */
json_t *outside_json(const struct outside *o);
