/* SPDX-License-Identifier: Apache-2.0 */
/* The resources that ask the lcores: flows, and explain. Answered when the lcores have. Control thread. */
#pragma once

#include "api_request.h"

void api_flows_list(struct api_request *rq);
void api_flows_explain(struct api_request *rq);

/* One flow as the API tells it. New reference. */
json_t *api_flow_row(struct gateway *g, const struct flow_row *row);

/* The parts that api_flows.c and api_explain.c share. Each returns 0, or -1 with the reply made. */
int api_arg_protocol(struct api_request *rq, uint8_t *out); /* tcp or udp; untouched if not given */
int api_flows_ask(struct api_request *rq, const struct flow_filter *filter, uint32_t max,
		void (*fn)(void *rq, const struct flow_row *rows, uint32_t count, bool complete));
void api_flow_filter_init(struct flow_filter *f); /* matches all */
