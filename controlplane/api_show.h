/* SPDX-License-Identifier: Apache-2.0 */
/* The resources that only tell. Long answers are made in turns (api_work.h). Control thread. */
#pragma once

#include "api_request.h"

void api_show_status(struct api_request *rq);
void api_show_lcores(struct api_request *rq);
void api_show_ports(struct api_request *rq);
void api_show_drops(struct api_request *rq);
void api_show_neighbours(struct api_request *rq);
void api_show_config(struct api_request *rq);

void api_show_services(struct api_request *rq);
void api_show_endpoints(struct api_request *rq);
void api_show_metrics(struct api_request *rq);

/* One row of /v1/endpoints; `counters`: with every counter, in total and of the interval. New reference. */
json_t *api_endpoint_row(struct gateway *g, const struct endpoint *e, bool counters);

/* "up", "degraded" or "down"; and "up", "down", "drain", "no-neighbour", "checking". */
enum setting_source api_weight_source(const struct endpoint *e);
const char *api_service_state(const struct service *s);
const char *api_endpoint_state(const struct endpoint *e);
