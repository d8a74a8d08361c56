/* SPDX-License-Identifier: Apache-2.0 */
/* What the predictor says: GET /v1/risk. Control thread. */
#pragma once

#include "api_request.h"

void api_risk_list(struct api_request *rq);
