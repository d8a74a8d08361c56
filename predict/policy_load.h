/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the load of a pair unusual? A primary that fails under more load than it is used to is not cured by a shadow of
 * the same size that gets all of it: the two must share it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct policy_load {
	double now, usual; /* requests per second: mean of some 5 s, and while all was well of some 2 minutes */
	uint32_t seen; /* intervals */
};

/* An interval of a second: what was begun of the pair, wherever it is served; NAN is left out. `well`: the primary
 * serves it and does well; otherwise what is usual follows five times as slowly. */
void policy_load_update(struct policy_load *l, double requests, bool well);

/* Half more than usual, and not by the chance of few requests. False in the first 30 intervals. */
bool policy_load_is_unusual(const struct policy_load *l);
