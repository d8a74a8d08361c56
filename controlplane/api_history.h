/* SPDX-License-Identifier: Apache-2.0 */
/* The resources that come from the history: answered when its reader has. Control thread. */
#pragma once

#include "api_request.h"

void api_history_show(struct api_request *rq); /* GET /v1/history */
void api_history_records(struct api_request *rq); /* GET /v1/records */
void api_history_models(struct api_request *rq); /* GET /v1/models */
void api_history_model(struct api_request *rq); /* GET /v1/models/state */
void api_history_models_reset(struct api_request *rq); /* POST /v1/models/reset */

/* The request waits for the answer to the ticket; NULL: it is refused, with the reason. */
struct history_ticket;
void api_history_wait(struct api_request *rq, struct history_ticket *ticket);
