/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tick walks the services; of each, first the medians of its peers, then endpoint after endpoint. What one turn has
 * no time for goes on a millisecond later:
 *
 *   tick --> batch: service 0 .. n --> per endpoint: which traffic speaks for it, facts -> risk_observe() -> history
 *              ^        | PREDICTOR_TURN_MS over
 *              +- 1 ms -+
 *
 * Passed over are endpoints against which nothing speaks, if nothing was ever measured of them, or nothing for an hour.
 * The first have no model, and share one risk, that it is not known; the others keep what was said of them.
 *
 * A reload ends the batch: the next tick begins a new one.
 */
#include "predictor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collect.h"
#include "health.h"
#include "history.h"
#include "load_forecast.h"
#include "measure.h"
#include "owner.h"
#include "predictor_peers.h"

#define MODEL_NAME "risk/model"
#define ENDPOINT_NAME "risk/endpoint/"
#define MODEL_SAVE_S 60
#define ENDPOINT_SAVE_S 600 /* one after the other within it */
#define LOAD_QUANTILE 0.9 /* of the load to come that is held against the capacity */
#define REST_MS 1 /* between the turns of a batch */
#define RELIEF (SHARE_ONE / 4) /* a canary less is still what it was */
#define STILL_S 3600 /* six times the memory of an endpoint's past (risk_feature.c) */
#define QUIET_S 5 /* without a request: nothing would be seen of a failure */

/* One endpoint. */
struct guess {
	uint64_t owner; /* hash of its names: an eid may get a new owner */
	uint64_t generation; /* of the configuration at which owner and metrics were compared */
	struct risk_endpoint *state;
	struct risk risk;
	bool known; /* risk is */
	bool by_copies;
	uint32_t quiet_s;
	double peer[METRICS_MAX];
	const double *value;
	const struct metric *metric;
	size_t count;
	struct history_series *series[RISK_HORIZONS]; /* NULL until there is something to keep */
	bool alarmed;
};

struct predictor {
	struct gateway *g;
	struct risk_model model;
	struct risk unknown; /* of all without a model */
	struct peers *peers;
	uint32_t limit;
	struct guess **guess; /* by eid; NULL: unknown */
	uint64_t endpoints;

	/* The batch. */
	uint64_t generation; /* of the configuration in force when it began */
	size_t at_service, at_endpoint;
	bool running;
	bool at_peers; /* those of the service were collected */
	bool peers_known;
	uint64_t now_ms;
	double work_ms, last_work_ms;
	uint64_t late;
	struct loop_watch *turn;

	uint32_t ticks, save_eid;
};

/*
 * Endpoints
 */

static void
guess_free(struct guess *s)
{
	if (s)
		risk_endpoint_free(s->state);
	free(s);
}

static struct guess *
guess_create(const struct endpoint *e, const struct metric *metric, size_t count)
{
	struct guess *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->owner = owner_of(e);
	s->quiet_s = QUIET_S; /* nothing was seen of it so far */
	s->count = count;
	s->state = risk_endpoint_create(metric, count);
	if (!s->state) {
		free(s);
		return NULL;
	}
	return s;
}

/* The endpoint's state, begun anew if the id has another owner or other metrics now. NULL when out of memory. */
static struct guess *
guess_or_null(struct predictor *p, const struct endpoint *e, const struct metric *metric,
		size_t count)
{
	struct guess *s;

	if (e->eid >= p->limit)
		return NULL;
	s = p->guess[e->eid];
	if (s && s->generation == registry_config_generation(p->g->registry))
		return s;
	if (!s || s->owner != owner_of(e) || !risk_endpoint_fits(s->state, metric, count)) {
		guess_free(s);
		p->endpoints -= s != NULL;
		s = p->guess[e->eid] = guess_create(e, metric, count);
		p->endpoints += s != NULL;
	}
	if (s)
		s->generation = registry_config_generation(p->g->registry);
	return s;
}

/*
 * Facts
 */

static void
counts_take(const struct leg_interval *in, struct risk_facts *f)
{
	const struct leg_counters *d = &in->delta;
	double begun = (double)(d->requests + d->handshakes + d->connects_refused +
			d->connects_unanswered);

	f->seconds = in->seconds;
	f->requests = (double)d->requests;
	f->replies = (double)d->replies;
	f->failed = (double)in->failed;
	f->tried = fmax(begun, f->failed);
	f->waiting = (double)in->requests_waiting;
}

/* Which traffic speaks for the endpoint: what it serves, or the copies if they are more. */
static enum leg
side_choose(const struct predictor *p, struct guess *s, const struct endpoint *e,
		struct leg_interval *in)
{
	struct leg_interval copies;

	collector_interval(p->g->collector, e->eid, LEG_SERVER, in);
	collector_interval(p->g->collector, e->eid, LEG_SHADOW, &copies);
	s->by_copies = copies.delta.requests > in->delta.requests ||
			(s->by_copies && copies.delta.requests > 0 &&
					in->delta.requests <= copies.delta.requests);
	if (!s->by_copies)
		return LEG_SERVER;
	*in = copies;
	return LEG_SHADOW;
}

/* Who waits long for a connection waits long for the reply as well. */
static double
slow_of(const struct predictor *p, const struct endpoint *e, enum leg leg, double limit_us)
{
	struct histogram reply, handshake;

	collector_interval_histogram(p->g->collector, e->eid, leg, HISTOGRAM_REPLY, &reply);
	collector_interval_histogram(p->g->collector, e->eid, leg, HISTOGRAM_HANDSHAKE, &handshake);
	return collector_above(&reply, limit_us) + collector_above(&handshake, limit_us);
}

static void
objective_take(const struct service *service, struct risk_facts *f)
{
	const struct policy_objective *o = &service->config->objective;

	f->slow_allowed = o->latency_us ? 1 - o->quantile_permille / 1000.0 : NAN;
	f->failed_allowed = o->errors > 0 ? o->errors : NAN;
}

/* Of its traffic, by more than a canary, and copies do not bring it back. */
static bool
is_relieved(const struct endpoint *e)
{
	uint32_t copied = registry_gets_copies(e) ? e->mirror.share : 0;

	return e->shift > e->config->shift + RELIEF + copied;
}

static void
facts_of(struct predictor *p, struct guess *s, const struct endpoint *e, struct risk_facts *f)
{
	struct leg_interval in;
	char factor[64];
	enum leg leg;
	unsigned k;

	*f = (struct risk_facts){.slow = NAN};
	leg = side_choose(p, s, e, &in);
	counts_take(&in, f);
	objective_take(e->service, f);
	if (f->slow_allowed > 0)
		f->slow = slow_of(p, e, leg, e->service->config->objective.latency_us);
	for (k = 0; k < RISK_HORIZONS; k++)
		f->load[k] = load_forecast_share_of_capacity(
				p->g->load_forecasts, e, risk_horizon_s[k], LOAD_QUANTILE);
	f->outside = measurements_outside(p->g->measurements, e, factor, sizeof(factor));
	f->down = e->health == HEALTH_DOWN;
	f->suspect = e->suspect;
	f->checks_failing = p->g->health ? health_failing(p->g->health, e) : 0;
	s->quiet_s = f->requests > 0 || f->tried > 0 ? 0 : s->quiet_s + 1;
	f->observed = s->quiet_s < QUIET_S;
	f->relieved = is_relieved(e);
}

/*
 * What becomes of the risk
 */

static void
failure_record(struct predictor *p, const struct guess *s, const struct endpoint *e)
{
	char why[512];
	json_t *record;

	risk_text(&s->risk, s->metric, why, sizeof(why));
	record = json_pack("{s:s s:b s:b}", "why", why, "observed", s->risk.observed, "down",
			e->health == HEALTH_DOWN);
	history_record(p->g->history, "failure", e->service->config->name, e->config->name,
			loop_wall_ms(), record);
	json_decref(record);
}

/* One line when it becomes likely, one when it is over: the threshold's half, so that it does not chatter. */
static void
alarm_tell(struct predictor *p, struct guess *s, const struct endpoint *e)
{
	double probability = s->risk.probability[1];
	char why[512];

	if (!s->alarmed && probability >= p->model.threshold) {
		s->alarmed = true;
		risk_text(&s->risk, s->metric, why, sizeof(why));
		journal_add(p->g->journal, JOURNAL_NOTICE, "risk", e->service->config->name,
				e->config->name, "%s %.0f %%: %s",
				s->risk.failing ? "fails its objective: risk"
						: "risk of failing within 60 s:",
				probability * 100, why);
	} else if (s->alarmed && probability < p->model.threshold / 2) {
		s->alarmed = false;
		journal_add(p->g->journal, JOURNAL_NOTICE, "risk", e->service->config->name,
				e->config->name, "risk of failing within 60 s is back at %.0f %%",
				probability * 100);
	}
}

static struct history_series *
series_of(const struct predictor *p, const struct endpoint *e, unsigned horizon)
{
	char name[16];

	snprintf(name, sizeof(name), "risk_%us", risk_horizon_s[horizon]);
	return history_series(p->g->history, e->service->config->name, e->config->name, name);
}

static void
risk_keep(struct predictor *p, struct guess *s, const struct endpoint *e, bool was_failing)
{
	uint64_t wall_ms = loop_wall_ms();
	unsigned k;

	for (k = 0; k < RISK_HORIZONS && p->g->history; k++) {
		if (isnan(s->risk.probability[k]))
			continue;
		if (!s->series[k])
			s->series[k] = series_of(p, e, k);
		history_sample(p->g->history, s->series[k], wall_ms, s->risk.probability[k]);
	}
	if (s->risk.failing && !was_failing)
		failure_record(p, s, e);
	alarm_tell(p, s, e);
}

/*
 * The batch
 */

static bool
stands_by(const struct endpoint *e)
{
	return e->weight == 0;
}

static void
peers_collect(struct predictor *p, const struct service *service, size_t count)
{
	const struct endpoint *e;
	size_t i;

	p->peers_known = peers_begin(p->peers, count, service->endpoint_count);
	for (i = 0; p->peers_known && i < service->endpoint_count; i++) {
		e = service->endpoint[i];
		peers_add(p->peers,
				measurements_values(p->g->measurements, e,
						e->eid < p->limit && p->guess[e->eid] &&
								p->guess[e->eid]->by_copies),
				stands_by(e));
	}
	if (p->peers_known)
		peers_order(p->peers);
}

static void
endpoint_run(struct predictor *p, const struct endpoint *e)
{
	struct risk_facts facts;
	struct risk_input in = {.now_ms = p->now_ms, .facts = &facts};
	struct guess *s;
	bool was_failing;

	in.metric = measurements_metrics(p->g->measurements, e->service, &in.count);
	s = in.metric ? guess_or_null(p, e, in.metric, in.count) : NULL;
	if (!s)
		return;
	facts_of(p, s, e, &facts);
	in.value = measurements_values(
			p->g->measurements, e, s->by_copies ? MEASURE_COPIES : MEASURE_SERVING);
	if (p->peers_known)
		peers_medians(p->peers, in.value, stands_by(e), s->peer);
	in.peer = p->peers_known ? s->peer : NULL;
	was_failing = s->known && s->risk.failing;
	risk_observe(&p->model, s->state, &in, &s->risk);
	s->known = true;
	s->metric = in.metric;
	s->value = in.value;
	risk_keep(p, s, e, was_failing);
}

/* Its past is zeros, which more of them would not change. A load to come may speak before it is there. */
static bool
rests(const struct predictor *p, const struct guess *s, const struct endpoint *e)
{
	return s->known && s->generation == registry_config_generation(p->g->registry) &&
			measurements_still(p->g->measurements, e) >= STILL_S && !s->risk.failing &&
			!s->alarmed && s->risk.reason_count == 0 &&
			!(e->service->config->forecast.capacity > 0);
}

static bool
is_passed_over(const struct predictor *p, const struct endpoint *e)
{
	const struct guess *s = e->eid < p->limit ? p->guess[e->eid] : NULL;
	char factor[64];

	if (s ? !rests(p, s, e) : measurements_any(p->g->measurements, e))
		return false;
	return e->health != HEALTH_DOWN && !e->suspect &&
			!(p->g->health && health_failing(p->g->health, e) > 0) &&
			!(measurements_outside(p->g->measurements, e, factor, sizeof(factor)) > 0);
}

/* From where the batch is; NULL at the service's end. */
static const struct endpoint *
next_to_run_or_null(struct predictor *p, const struct service *service)
{
	const struct endpoint *e;

	while (p->at_endpoint < service->endpoint_count) {
		e = service->endpoint[p->at_endpoint++];
		if (!is_passed_over(p, e))
			return e;
	}
	return NULL;
}

/* The next endpoint, and its service's peers before its first; false at the end. */
static bool
batch_step(struct predictor *p)
{
	const struct service *service;
	const struct endpoint *e;
	size_t count;

	if (p->at_service >= registry_service_count(p->g->registry))
		return false;
	service = registry_service_at(p->g->registry, p->at_service);
	e = next_to_run_or_null(p, service);
	if (e && !p->at_peers) {
		measurements_metrics(p->g->measurements, service, &count);
		peers_collect(p, service, count);
	}
	p->at_peers = e != NULL;
	if (e)
		endpoint_run(p, e);
	p->at_endpoint = e ? p->at_endpoint : 0;
	p->at_service += !e;
	return true;
}

static double
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
batch_run(struct predictor *p, double budget_ms)
{
	double begun = clock_ms(), now = begun;

	if (p->generation != registry_config_generation(p->g->registry))
		p->running = false;
	while (p->running && now - begun < budget_ms) {
		p->running = batch_step(p);
		now = clock_ms();
	}
	p->work_ms += now - begun;
	if (!p->running)
		p->last_work_ms = p->work_ms;
}

static void
on_turn(void *arg)
{
	struct predictor *p = arg;

	batch_run(p, REST_MS);
	p->turn = p->running ? loop_timer(p->g->loop, REST_MS, 0, on_turn, p) : NULL;
}

/*
 * Keeping
 */

static void
endpoint_save(struct predictor *p, const struct endpoint *e, const struct guess *s)
{
	char name[256];

	snprintf(name, sizeof(name), ENDPOINT_NAME "%s/%s", e->service->config->name,
			e->config->name);
	history_model_save(
			p->g->history, name, RISK_VERSION, s->state, risk_endpoint_size(s->count));
}

static void
save_some(struct predictor *p, uint32_t some)
{
	const struct endpoint *e;

	for (; some > 0; some--) {
		p->save_eid = (p->save_eid + 1) % p->limit;
		e = p->guess[p->save_eid] ? registry_endpoint_by_id(p->g->registry, p->save_eid)
					  : NULL;
		if (e && p->guess[p->save_eid]->owner == owner_of(e))
			endpoint_save(p, e, p->guess[p->save_eid]);
	}
}

static void
save_turn(struct predictor *p)
{
	if (!p->g->history)
		return;
	if (p->ticks % MODEL_SAVE_S == 0)
		history_model_save(p->g->history, MODEL_NAME, RISK_VERSION, &p->model,
				sizeof(p->model));
	save_some(p, p->limit / ENDPOINT_SAVE_S + 1);
}

static void
restore_model(struct predictor *p, const void *state, size_t size)
{
	struct risk_model model;

	if (size != sizeof(model))
		return;
	memcpy(&model, state, sizeof(model));
	if (!risk_model_valid(&model))
		return;
	p->model = model;
	risk_model_scores_clear(&p->model);
}

static void
restore_endpoint(struct predictor *p, const char *names, const void *state, size_t size)
{
	const struct metric *metric;
	char service[128];
	const char *slash = strchr(names, '/');
	struct endpoint *e;
	struct guess *s;
	size_t count;

	if (!slash || (size_t)(slash - names) >= sizeof(service))
		return;
	snprintf(service, sizeof(service), "%.*s", (int)(slash - names), names);
	e = registry_endpoint_by_name(p->g->registry, service, slash + 1);
	if (!e)
		return;
	metric = measurements_metrics(p->g->measurements, e->service, &count);
	s = metric ? guess_or_null(p, e, metric, count) : NULL;
	if (s)
		risk_endpoint_restore(s->state, state, size);
}

static void
restore(void *arg, const char *name, uint32_t version, const void *state, size_t size)
{
	struct predictor *p = arg;

	if (version != RISK_VERSION)
		return;
	if (!strcmp(name, MODEL_NAME))
		restore_model(p, state, size);
	else if (!strncmp(name, ENDPOINT_NAME, strlen(ENDPOINT_NAME)))
		restore_endpoint(p, name + strlen(ENDPOINT_NAME), state, size);
}

static bool
is_prefix(const char *prefix, const char *of)
{
	return !strncmp(prefix, of, strlen(prefix));
}

/* understudyctl models reset: all whose name begins so. */
static void
on_forget(void *arg, const char *name_prefix)
{
	struct predictor *p = arg;
	const struct endpoint *e;
	char name[256];
	uint32_t i;

	if (is_prefix(name_prefix, MODEL_NAME))
		risk_model_init(&p->model);
	for (i = 0; i < p->limit; i++) {
		e = p->guess[i] ? registry_endpoint_by_id(p->g->registry, i) : NULL;
		if (!e)
			continue;
		snprintf(name, sizeof(name), ENDPOINT_NAME "%s/%s", e->service->config->name,
				e->config->name);
		if (!is_prefix(name_prefix, name))
			continue;
		guess_free(p->guess[i]);
		p->guess[i] = NULL;
		p->endpoints--;
	}
}

/*
 * Public
 */

void
predictor_tick_at(struct predictor *p, uint64_t now_ms)
{
	if (p->running && p->generation == registry_config_generation(p->g->registry))
		p->late++; /* goes on where it is */
	else
		p->at_service = p->at_endpoint = p->at_peers = 0;
	p->running = true;
	risk_of_unknown(&p->model, &p->unknown);
	p->generation = registry_config_generation(p->g->registry);
	p->now_ms = now_ms;
	p->work_ms = 0;
	p->ticks++;
	batch_run(p, PREDICTOR_TURN_MS);
	if (p->running && !p->turn)
		p->turn = loop_timer(p->g->loop, REST_MS, 0, on_turn, p);
	save_turn(p);
}

void
predictor_tick(struct predictor *p)
{
	predictor_tick_at(p, loop_now_ms());
}

static const struct guess *
known_or_null(const struct predictor *p, const struct endpoint *e)
{
	const struct guess *s = p && e->eid < p->limit ? p->guess[e->eid] : NULL;

	return s && s->known && s->owner == owner_of(e) ? s : NULL;
}

static bool
has_no_model(const struct predictor *p, const struct endpoint *e)
{
	return p && p->ticks > 0 && e->eid < p->limit && !p->guess[e->eid];
}

const struct risk *
predictor_risk_or_null(const struct predictor *p, const struct endpoint *e)
{
	const struct guess *s = known_or_null(p, e);

	if (has_no_model(p, e))
		return &p->unknown;
	return s ? &s->risk : NULL;
}

static void
view_of_unknown(const struct predictor *p, const struct endpoint *e, struct predictor_view *out)
{
	static const double no_peer[METRICS_MAX] = {[0 ... METRICS_MAX - 1] = NAN};
	static const struct hazard_input no_features;

	*out = (struct predictor_view){.risk = &p->unknown,
			.value = measurements_values(p->g->measurements, e, MEASURE_SERVING),
			.peer = no_peer,
			.features = &no_features};
}

static void
view_of(const struct guess *s, struct predictor_view *out)
{
	*out = (struct predictor_view){.risk = &s->risk,
			.value = s->value,
			.peer = s->peer,
			.features = risk_endpoint_features(s->state),
			.by_copies = s->by_copies};
}

void
predictor_view(const struct predictor *p, const struct endpoint *e, struct predictor_view *out)
{
	const struct guess *s = known_or_null(p, e);

	memset(out, 0, sizeof(*out));
	if (has_no_model(p, e))
		view_of_unknown(p, e, out);
	else if (s)
		view_of(s, out);
	if (out->risk)
		out->metric = measurements_metrics(p->g->measurements, e->service, &out->count);
}

const struct risk_model *
predictor_model(const struct predictor *p)
{
	return &p->model;
}

void
predictor_stats(const struct predictor *p, struct predictor_stats *out)
{
	*out = (struct predictor_stats){
			.endpoints = p->endpoints, .tick_ms = p->last_work_ms, .late = p->late};
}

struct predictor *
predictor_create(struct gateway *g)
{
	struct predictor *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->g = g;
	p->limit = registry_endpoint_limit(g->registry);
	p->guess = calloc(p->limit + 1, sizeof(struct guess *));
	p->peers = peers_create();
	if (!p->guess || !p->peers) {
		predictor_free(p);
		return NULL;
	}
	risk_model_init(&p->model);
	history_models(g->history, "risk/", restore, p);
	history_model_listen(g->history, on_forget, p);
	return p;
}

void
predictor_free(struct predictor *p)
{
	uint32_t i;

	if (!p)
		return;
	if (p->guess && p->peers && p->g->history) {
		p->ticks = 0;
		save_turn(p);
		save_some(p, p->limit);
	}
	loop_unwatch(p->turn);
	for (i = 0; p->guess && i < p->limit; i++)
		guess_free(p->guess[i]);
	free(p->guess);
	peers_free(p->peers);
	free(p);
}
