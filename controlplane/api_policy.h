/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/policy, /v1/approve: how the policy stands, and orders to it. Control thread. */
#pragma once

#include "api_request.h"

void api_policy_list(struct api_request *rq);
void api_policy_change(struct api_request *rq);
void api_policy_approve(struct api_request *rq);
