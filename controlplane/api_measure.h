/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/measurements: what is measured of endpoints, on both sides, and how the scrapes and feeds go. */
#pragma once

#include "api_request.h"

void api_measure_list(struct api_request *rq);
