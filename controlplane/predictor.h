/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The risk of every endpoint that does anything, each second: models per metric and endpoint, peers, outcomes and
 * calibration around predict/risk.h. Control thread.
 */
#pragma once

#include "gateway.h"
#include "registry.h"
#include "risk.h"

struct predictor;

/* After history and measurements, from which it restores its models. NULL when out of memory. */
struct predictor *predictor_create(struct gateway *g);
void predictor_free(struct predictor *p); /* saves the models; before history_free */

/* Once a second, after measurements_tick(). Takes PREDICTOR_TURN_MS at most; what is left then follows in turns of 1 ms
 * by the loop, within the second. */
#define PREDICTOR_TURN_MS 5
void predictor_tick(struct predictor *p);
void predictor_tick_at(struct predictor *p, uint64_t now_ms); /* the same, at a monotonic time */

/* Of an endpoint of which nothing was ever measured: a risk that says so, the same for all of them. NULL before the first
 * tick, and of one that was not looked at since its model was read. Valid until the next tick. */
const struct risk *predictor_risk_or_null(const struct predictor *p, const struct endpoint *e);

/* The same with what it was made of, and of which traffic; `risk` NULL as above. */
struct predictor_view {
	const struct risk *risk;
	const struct metric *metric;
	const double *value, *peer;
	size_t count;
	const struct hazard_input *features;
	bool by_copies; /* measured on the copies that it gets, as it serves less itself */
};
void predictor_view(
		const struct predictor *p, const struct endpoint *e, struct predictor_view *out);

/* Weights, calibration, and how good the statements were since the start. */
const struct risk_model *predictor_model(const struct predictor *p);

struct predictor_stats {
	uint64_t endpoints; /* with a model */
	double tick_ms; /* work of the last whole tick */
	uint64_t late; /* ticks whose work was not done within the second */
};
void predictor_stats(const struct predictor *p, struct predictor_stats *out);
