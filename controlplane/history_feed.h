/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of every endpoint goes to the history, once a second: its metrics by their names, those of the
 * copies that it gets as a shadow by "copies/NAME", and as "shift" the share of its new flows that its shadow serves.
 * What is not measured is not kept, so an endpoint without traffic and metrics takes no room. Control thread.
 */
#pragma once

#include "gateway.h"

struct history_feed;

struct history_feed *history_feed_create(struct gateway *g); /* NULL when out of memory */
void history_feed_free(struct history_feed *f);

/* After measurements_tick(). */
void history_feed_tick(struct history_feed *f, uint64_t wall_ms);
