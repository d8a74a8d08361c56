/* SPDX-License-Identifier: Apache-2.0 */
/* What the predictor says: GET /v1/risk. Control thread. */
#pragma once

#include "api_request.h"

void api_risk_list(struct api_request *rq);

/* {probability: {"30": ...}, state, why, reasons, ...} of one endpoint, null if nothing is known of it; for decisions and
 * failures that are kept. New reference. */
json_t *api_risk_json(struct gateway *g, const struct endpoint *e);
