/* SPDX-License-Identifier: Apache-2.0 */
/* The resources that change something: applied at once, answered with the new state. Control thread. */
#pragma once

#include "api_request.h"

void api_change_shift(struct api_request *rq);
void api_change_mirror(struct api_request *rq);
void api_change_drain(struct api_request *rq);
void api_change_failover(struct api_request *rq);
void api_change_weight(struct api_request *rq);
void api_change_reload(struct api_request *rq);
