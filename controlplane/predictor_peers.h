/* SPDX-License-Identifier: Apache-2.0 */
/* The median of an endpoint's peers: the others of its service with the same role. Control thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "metric.h"

struct peers;

struct peers *peers_create(void); /* NULL when out of memory */
void peers_free(struct peers *p);

/* Of a service: begin, add each endpoint's values (as many as `metrics`), order; then ask. `standby`: stands by as a
 * shadow, which is another role. False when out of memory: nobody has peers then. */
bool peers_begin(struct peers *p, size_t metrics, size_t endpoints);
void peers_add(struct peers *p, const double *value, bool standby);
void peers_order(struct peers *p);

/* Medians over the others: one's own `value`, where it is finite, is left out. If it changed since it was added, they
 * are off by a place at most. NAN where there are no others. */
void peers_medians(const struct peers *p, const double *value, bool standby, double *out);
