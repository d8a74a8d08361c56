/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the lcores for flows, page by page, between bursts. Control thread. */
#pragma once

#include "gateway.h"

struct flow_lister *flow_lister_create(struct gateway *g);
void flow_lister_free(struct flow_lister *l); /* after the lcores stopped */

/* Called once: rows are valid during the call; `complete` is false if `max` cut the list. */
typedef void (*flow_list_fn)(void *arg, const struct flow_row *rows, uint32_t count, bool complete);

/* Lists at most `max` matching flows of all lcores. -EBUSY if too many lists run. fn is called from a later
 * flow_lister_poll. */
int flow_list(struct flow_lister *l, const struct flow_filter *filter, uint32_t max,
		flow_list_fn fn, void *arg);

/* Forgets a list: fn is not called. */
void flow_list_cancel(struct flow_lister *l, void *arg);

/* When an lcore last answered for the list (or it was begun), monotonic; 0 if there is none such. */
uint64_t flow_list_progress_ms(const struct flow_lister *l, const void *arg);

/* Every millisecond while lists run. */
void flow_lister_poll(struct flow_lister *l);
