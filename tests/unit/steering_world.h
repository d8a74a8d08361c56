/* SPDX-License-Identifier: Apache-2.0 */
/* A steered pair over a data plane of counters: what the packets would say is written into them. */
#pragma once

#include "steering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect.h"
#include "fake_gateway.h"
#include "measure.h"
#include "predictor.h"
#include "registry.h"
#include "steering_record.h"
#include "steering_rules.h"

#define REQUESTS 100 /* per second, of the pair */

struct world {
	struct fake *f;
	struct endpoint *primary, *shadow, *other; /* web1, web1s, web2 */
	struct policy_config *policy;
	uint64_t now_ms;
	double primary_errors, shadow_errors, other_errors; /* shares */
	double different; /* share of the copies that the shadow answers otherwise */
	uint32_t most; /* the largest shift seen */
};

static inline struct world *
world_of(const char *service, const char *const name[3], enum policy_mode mode)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->f = fake_create("/run/fake.sock");
	w->primary = fake_endpoint(w->f, service, name[0]);
	w->shadow = fake_endpoint(w->f, service, name[1]);
	w->other = fake_endpoint(w->f, service, name[2]);
	/* The configuration is only read; this is the test's own. */
	w->policy = (struct policy_config *)(uintptr_t)&w->primary->service->config->policy;
	w->policy->mode = mode;
	w->policy->prediction = false;
	w->policy->enter_n = w->policy->enter_m = 1;
	w->policy->soak_ms = 2000;
	w->policy->dwell_ms = 5000;
	w->policy->cooldown_ms = 10000;
	w->now_ms = 1000000;
	w->f->lcore[0].view_generation = w->f->lcore[1].view_generation = 1;
	return w;
}

static inline struct world *
world_create(enum policy_mode mode)
{
	return world_of("web", (const char *[]){"web1", "web1s", "web2"}, mode);
}

/* Over UDP, with all requests copied. */
static inline struct world *
world_create_mirrored(void)
{
	struct world *w = world_of("dns", (const char *[]){"dns1", "dns1s", "dns2"}, POLICY_ACT);
	struct config_mirror all = {.share = SHARE_ONE, .shadows = 1};

	assert_int_equal(registry_set_mirror(w->f->g.registry, w->primary, &all, SETTING_RUNTIME),
			0);
	return w;
}

static inline void
world_free(struct world *w)
{
	fake_free(w->f);
	free(w);
}

static inline void
serve_on(struct world *w, const struct endpoint *e, enum leg leg, double requests, double errors)
{
	struct endpoint_counters *c = &w->f->endpoint[0][e->eid];
	uint64_t n = (uint64_t)(requests + 0.5), failed = (uint64_t)(requests * errors + 0.5), i;

	c->leg[leg].flows_new += n;
	c->leg[leg].flows_closed += n;
	c->leg[leg].requests += n;
	c->leg[leg].replies += n - failed;
	c->leg[leg].replies_timed += n - failed;
	c->leg[leg].unanswered += failed;
	for (i = failed; i < n; i++)
		c->histogram[leg][HISTOGRAM_REPLY].count[histogram_bucket(300)]++;
}

static inline void
serve(struct world *w, const struct endpoint *e, double requests, double errors)
{
	serve_on(w, e, LEG_SERVER, requests, errors);
}

/* The shadow's answers to copies of what the primary serves. */
static inline void
serve_copies(struct world *w, double requests)
{
	struct leg_counters *l = &w->f->endpoint[0][w->shadow->eid].leg[LEG_SHADOW];
	uint64_t n = (uint64_t)(requests * (1 - w->primary_errors) + 0.5),
		 different = (uint64_t)((double)n * w->different + 0.5);

	serve_on(w, w->shadow, LEG_SHADOW, requests, w->shadow_errors);
	l->answers_different += different;
	l->answers_same += n - different;
}

/* The old primary's answers to copies of what the shadow serves. */
static inline void
serve_home(struct world *w, double requests)
{
	struct leg_counters *l = &w->f->endpoint[0][w->primary->eid].leg[LEG_SHADOW];
	uint64_t n = (uint64_t)(requests * (1 - w->primary_errors) + 0.5),
		 different = (uint64_t)((double)n * w->different + 0.5);

	serve_on(w, w->primary, LEG_SHADOW, requests, w->primary_errors);
	l->answers_different += different;
	l->answers_same += n - different;
}

/* A second: clients go where the shift sends them. */
static inline void
second(struct world *w)
{
	double shifted = w->primary->shift / (double)SHARE_ONE;
	double others = 1 - w->other->shift / (double)SHARE_ONE;

	serve(w, w->primary, REQUESTS * (1 - shifted), w->primary_errors);
	serve(w, w->shadow, REQUESTS * shifted, w->shadow_errors);
	serve(w, w->other, REQUESTS * others, w->other_errors);
	if (w->primary->mirror.share)
		serve_copies(w, REQUESTS * (1 - shifted));
	if (registry_gets_copies(w->primary))
		serve_home(w, REQUESTS);
	w->now_ms += 1000;
	collector_tick_at(w->f->g.collector, w->now_ms);
	measurements_tick(w->f->g.measurements);
	steering_tick_at(w->f->g.steering, w->now_ms);
	if (w->primary->shift > w->most)
		w->most = w->primary->shift;
}

static inline void
seconds(struct world *w, int n)
{
	while (n-- > 0)
		second(w);
}

/* True if the shift came to be that within n seconds. */
static inline bool
becomes(struct world *w, uint32_t shift, int n)
{
	while (n-- > 0 && w->primary->shift != shift)
		second(w);
	return w->primary->shift == shift;
}

/* By that rung, with `seen` in its text. */
static inline bool
was_decided_because(const struct world *w, const char *rung, const char *seen)
{
	struct steering_query q = {.max = 1000};
	json_t *decisions = steering_record_list(steering_record_of(w->f->g.steering), &q), *d;
	bool found = false;
	size_t i;

	json_array_foreach(decisions, i, d) found |=
			!strcmp(json_string_value(json_object_get(d, "rung")), rung) &&
			strstr(json_string_value(json_object_get(d, "text")), seen);
	json_decref(decisions);
	return found;
}

static inline bool
was_decided(const struct world *w, const char *rung)
{
	return was_decided_because(w, rung, "");
}
