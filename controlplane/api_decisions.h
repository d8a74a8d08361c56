/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/decisions: what the policy decided, since the start and before. Control thread. */
#pragma once

#include "api_request.h"

void api_decisions_list(struct api_request *rq);
