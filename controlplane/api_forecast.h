/* SPDX-License-Identifier: Apache-2.0 */
/* What load is expected: GET /v1/forecast. Control thread. */
#pragma once

#include "api_request.h"

void api_forecast_list(struct api_request *rq);
