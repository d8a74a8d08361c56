/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The risk of every endpoint, each second: models per metric and endpoint, peers, outcomes and calibration around
 * predict/risk.h. Control thread.
 */
#pragma once

#include "gateway.h"
#include "registry.h"
#include "risk.h"

struct predictor;

struct predictor *predictor_create(struct gateway *g); /* NULL when out of memory */
void predictor_free(struct predictor *p);

/* Once a second, after measurements_tick(). */
void predictor_tick(struct predictor *p);

/* NULL for an endpoint of which nothing is known. Valid until the next tick. */
const struct risk *predictor_risk_or_null(const struct predictor *p, const struct endpoint *e);
