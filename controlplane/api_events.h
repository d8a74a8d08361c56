/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/events: the journal, at once or when something happens. Control thread. */
#pragma once

#include "api_request.h"

void api_events_list(struct api_request *rq);

/* The journal has a new entry: answers all that wait. */
void api_events_wake(struct api_request_list *waiters);
