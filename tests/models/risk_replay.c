/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays recorded samples through the risk model: what tools/fit_hazard and the tests of calibration stand on. Reads
 * from standard input, writes a line for each sample: endpoint, time, the three probabilities, failing, features.
 *
 *   metric NAME UNIT SHAPE WORSE FLOOR LIMIT SCRAPED     layout, once per metric ("-" for no unit)
 *   run                                                  everything begins anew but the scores
 *   sample ENDPOINT MS SECONDS REQUESTS REPLIES SLOW FAILED TRIED WAITING SLOW_ALLOWED FAILED_ALLOWED DOWN OBSERVED
 *          VALUE... PEER...                              one line; "nan" where nothing is known
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "risk.h"

#define ENDPOINTS 16

static struct metric metric[METRICS_MAX];
static size_t metric_count;
static struct risk_endpoint *endpoint[ENDPOINTS];
static struct risk_model model;

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "risk_replay: %s\n", what);
	exit(1);
}

static void
read_metric(void)
{
	struct metric *m = &metric[metric_count];
	int shape, scraped;

	if (metric_count == METRICS_MAX ||
			scanf("%47s %7s %d %d %lf %lf %d", m->name, m->unit, &shape, &m->worse,
					&m->floor, &m->limit, &scraped) != 7)
		die("bad metric");
	m->shape = (enum metric_shape)shape;
	m->scraped = scraped;
	metric_count++;
}

static void
begin_run(void)
{
	struct risk_model fresh;
	size_t i;

	/* A new daemon; what was said before still counts. */
	risk_model_init(&fresh);
	model.hazard = fresh.hazard;
	memcpy(model.map, fresh.map, sizeof(model.map));
	for (i = 0; i < ENDPOINTS; i++) {
		risk_endpoint_free(endpoint[i]);
		endpoint[i] = risk_endpoint_create(metric, metric_count);
	}
	puts("run");
}

static void
print(unsigned n, uint64_t ms, const struct risk *r)
{
	const struct hazard_input *x = risk_endpoint_features(endpoint[n]);
	unsigned k, f;

	printf("%u %llu %g %g %g %d", n, (unsigned long long)ms, r->probability[0],
			r->probability[1], r->probability[2], r->failing);
	for (k = 0; k < HAZARD_INTERVALS; k++) {
		for (f = 0; f < HAZARD_FEATURES; f++)
			printf(" %g", x->x[k][f]);
	}
	putchar('\n');
}

static void
read_sample(bool explain)
{
	double value[METRICS_MAX], peer[METRICS_MAX];
	struct risk_facts f = {.load = {NAN, NAN, NAN}};
	struct risk_input in = {.metric = metric,
			.value = value,
			.peer = peer,
			.count = metric_count,
			.facts = &f};
	unsigned long long ms;
	struct risk out;
	char why[1024];
	int down, observed;
	unsigned n;
	size_t i;

	if (scanf("%u %llu %lf %lf %lf %lf %lf %lf %lf %lf %lf %d %d", &n, &ms, &f.seconds,
			    &f.requests, &f.replies, &f.slow, &f.failed, &f.tried, &f.waiting,
			    &f.slow_allowed, &f.failed_allowed, &down, &observed) != 13 ||
			n >= ENDPOINTS || !endpoint[n])
		die("bad sample");
	for (i = 0; i < 2 * metric_count; i++) {
		if (scanf("%lf", i < metric_count ? &value[i] : &peer[i - metric_count]) != 1)
			die("bad value");
	}
	in.now_ms = ms;
	f.down = down;
	f.observed = observed;
	risk_observe(&model, endpoint[n], &in, &out);
	print(n, ms, &out);
	if (!explain)
		return;
	risk_text(&out, metric, why, sizeof(why));
	fprintf(stderr, "%u %7.1f %.3f %.3f %.3f %s%s\n", n, (double)ms / 1000, out.probability[0],
			out.probability[1], out.probability[2], out.failing ? "FAILING " : "", why);
}

static void
print_quality(void)
{
	struct calibration_report r;
	unsigned k;

	for (k = 0; k < RISK_HORIZONS; k++) {
		calibration_report(&model.score[k], &r);
		fprintf(stderr, "%us: %llu statements, %llu true, brier %.4f skill %.3f ece %.4f\n",
				risk_horizon_s[k], (unsigned long long)r.statements,
				(unsigned long long)r.came_true, r.brier, r.skill,
				r.calibration_error);
	}
	fprintf(stderr, "failures %llu, seen %llu, lead %.1f s; alarms %llu, true %llu\n",
			(unsigned long long)model.failures, (unsigned long long)model.failures_seen,
			risk_model_lead_median(&model), (unsigned long long)model.alarms,
			(unsigned long long)model.alarms_true);
}

int
main(int argc, char **argv)
{
	bool explain = argc > 1 && !strcmp(argv[1], "--explain");
	char word[16];
	size_t i;

	risk_model_init(&model);
	while (scanf("%15s", word) == 1) {
		if (!strcmp(word, "metric"))
			read_metric();
		else if (!strcmp(word, "run"))
			begin_run();
		else if (!strcmp(word, "sample"))
			read_sample(explain);
		else
			die("unknown word");
	}
	print_quality();
	for (i = 0; i < ENDPOINTS; i++)
		risk_endpoint_free(endpoint[i]);
	return 0;
}
