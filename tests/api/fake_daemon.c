/* SPDX-License-Identifier: Apache-2.0 */
/* The API over the fake gateway, for the tests of understudyctl: `fake_daemon SOCKET`; says "ready", and ends with
 * its standard input. */
#include <math.h>
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api.h"
#include "collect.h"
#include "fake_gateway.h"
#include "flow_lister.h"
#include "history.h"
#include "load_forecast.h"
#include "measure.h"
#include "predictor.h"
#include "steering.h"

#define REMEMBERED_S 1767225600ull /* 2026-01-01 UTC */

#define FAKE_WALL_S INT64_C(1800000000) /* a model goes by the clock on the wall */

static void
poll_flows(void *arg)
{
	struct fake *f = arg;

	flow_lister_poll(f->g.flows);
}

static void
input(void *arg)
{
	struct fake *f = arg;
	char byte;

	if (read(0, &byte, 1) <= 0)
		loop_stop(f->g.loop);
	else if (byte == 't') /* another second of traffic */
		fake_traffic(f);
}

static void
tick_live(void *arg)
{
	struct fake *f = arg;

	fake_traffic(f);
	collector_tick(f->g.collector);
}

/* On what the service is not asked for: no connection is made in UDP. */
static void
add_rule(struct fake *f)
{
	const struct config_service *c = fake_endpoint(f, "dns", "dns1")->service->config;
	struct policy_config *p = (struct policy_config *)(uintptr_t)&c->policy;

	p->rule = calloc(1, sizeof(*p->rule));
	if (!p->rule || policy_rule_parse("handshake_p99 > 10ms for 5s", p->rule))
		exit(1);
	p->rule_count = 1;
}

/* Long enough for the models to have a past. */
static void
predict(struct fake *f)
{
	uint64_t ms;

	measurements_tick(f->g.measurements);
	for (ms = 2000; ms < 72000; ms += 1000) {
		load_forecasts_tick_at(f->g.load_forecasts, FAKE_WALL_S + (int64_t)ms / 1000, 0);
		predictor_tick_at(f->g.predictor, ms);
	}
	add_rule(f);
	for (; ms < 172000; ms += 1000)
		steering_tick_at(f->g.steering, ms);
}

/* Of an earlier run. */
static const char decision[] =
		"{\"number\": 3, \"run\": 1, \"time\": 1767225600000, \"service\": \"web\", "
		"\"endpoint\": \"web1\", \"rung\": \"objective\", \"text\": \"the objective is "
		"breached\", \"outcome\": \"done\", \"state_was\": \"watch\", \"state\": "
		"\"shift\", "
		"\"shift_was\": 0, \"shift\": 0.25, \"inputs\": {\"risk\": {\"30s\": 0.1, \"60s\": "
		"0.2, "
		"\"300s\": 0.3}, \"requests_per_second\": 120, \"comparison\": {\"verdict\": "
		"\"unsure\", \"requests\": 0}}}";

/* An hour of the past, and a model, in a database beside the socket. */
static void
remember(struct fake *f, const char *socket_path)
{
	struct config *c = (struct config *)(uintptr_t)registry_config(f->g.registry);
	json_t *record = json_loads(decision, 0, NULL);
	struct history_series *s;
	uint64_t t;

	free(c->history.file);
	if (asprintf(&c->history.file, "%s.history", socket_path) < 0)
		exit(1);
	f->g.history = history_create(&f->g);
	s = history_series(f->g.history, "web", "web1", "reply_p99");
	for (t = 0; t < 3600; t++)
		history_sample(f->g.history, s, (REMEMBERED_S + t) * 1000,
				1000 + 250 * sin((double)t / 300));
	history_record(f->g.history, "decision", "web", "web1", REMEMBERED_S * 1000, record);
	history_model_save(f->g.history, "anomaly/web/web1/reply_p99", 2, "state", 5);
	history_sync(f->g.history);
	json_decref(record);
}

int
main(int argc, char **argv)
{
	struct fake *f = fake_create(argc > 1 ? argv[1] : "/tmp/understudy-fake.sock");
	char error[256];

	f->g.flows = flow_lister_create(&f->g);
	collector_tick_at(f->g.collector, 1000);
	fake_traffic(f);
	collector_tick_at(f->g.collector, 2000);
	predict(f);
	remember(f, argc > 1 ? argv[1] : "/tmp/understudy-fake.sock");
	f->g.api = api_create(&f->g, error, sizeof(error));
	if (!f->g.api) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	loop_timer(f->g.loop, 1, 1, poll_flows, f);
	loop_watch(f->g.loop, 0, input, f);
	if (argc > 2) /* keeps moving, to look at `top` */
		loop_timer(f->g.loop, 1000, 1000, tick_live, f);
	puts("ready");
	fflush(stdout);
	loop_run(f->g.loop);
	api_free(f->g.api);
	flow_lister_free(f->g.flows);
	history_free(f->g.history);
	f->g.history = NULL;
	fake_free(f);
	return 0;
}
