/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each tick walks the endpoints of the registry. Of one that moved no packet and no flow since the tick before,
 * only the first cache line of its legs is read; the rest is read, and memory for it kept, for legs that were
 * ever used, and told again only of what moved in this tick or the one before:
 *
 *   now (lcores) ──minus previous──> delta, quantiles        previous := now
 *        └───────minus base───────> totals told              base: what an earlier owner of the id counted
 */
#include "collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint_walk.h"
#include "owner.h"

#define LEG_WORDS (sizeof(struct leg_counters) / sizeof(uint64_t))
#define SEEN_WORDS 8
#define PREFETCH_AHEAD 8 /* endpoints: their counters are cold, and a page or two apart */
#define LCORE_WORDS (sizeof(struct lcore_counters) / sizeof(uint64_t))
#define PORT_WORDS (sizeof(struct port_counters) / sizeof(uint64_t))

struct leg_state {
	struct leg_counters base, previous;
	struct histogram histogram_previous[HISTOGRAM_COUNT];
	struct histogram_total total[HISTOGRAM_COUNT]; /* up to the last tick */
	struct leg_interval interval;
	struct histogram gained[HISTOGRAM_COUNT]; /* in the interval, if `moved` */
	bool moved;
};

struct slot {
	uint64_t owner; /* hash of service and endpoint name; 0: none yet */
	uint32_t still; /* ticks in a row in which nothing moved */
	uint64_t seen[2][SEEN_WORDS]; /* of the server's and the shadow's leg, as it stands */
	struct leg_state *leg[LEG_COUNT]; /* NULL: never used */
};

struct service_state {
	uint64_t owner; /* hash of its name; 0: none yet */
	bool answers;
};

struct lcore_state {
	struct lcore_counters previous, delta;
};

struct port_state {
	struct port_counters previous, delta;
};

struct collector {
	struct gateway *g;
	uint64_t tick_ms; /* monotonic, of the last tick; 0: none yet */
	double seconds;
	uint64_t generation; /* of the configuration, at which the slots' owners were looked up */
	uint32_t lcores;
	uint32_t slot_count;
	struct slot *slot; /* by eid */
	struct service_state *service; /* by sid */
	struct lcore_state lcore[DATAPLANE_LCORES_MAX];
	struct port_state port[DATAPLANE_PORTS_MAX];
};

/* A struct that is nothing but single-writer counters, added to `sum`. */
static void
words_add(void *sum, const void *counters, size_t words)
{
	const uint64_t *from = counters;
	uint64_t *to = sum;
	size_t i;

	for (i = 0; i < words; i++)
		to[i] += counter_read(&from[i]);
}

static void
words_subtract(void *out, const void *a, const void *b, size_t words)
{
	const uint64_t *x = a, *y = b;
	uint64_t *to = out;
	size_t i;

	for (i = 0; i < words; i++)
		to[i] = x[i] - y[i];
}

static void
leg_now(const struct collector *c, uint32_t eid, enum leg leg, struct leg_counters *out)
{
	struct leg_counters one = {0};
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->lcores; i++) {
		leg_read(dataplane_endpoint_counters(c->g->dataplane, i, eid), leg, &one);
		words_add(out, &one, LEG_WORDS);
	}
}

static void
histogram_now(const struct collector *c, uint32_t eid, enum leg leg, enum leg_histogram kind,
		struct histogram *out)
{
	const struct histogram *h;
	uint32_t i, b;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->lcores; i++) {
		h = &dataplane_endpoint_counters(c->g->dataplane, i, eid)->histogram[leg][kind];
		for (b = 0; b < HISTOGRAM_BUCKETS; b++)
			out->count[b] += __atomic_load_n(&h->count[b], __ATOMIC_RELAXED);
	}
}

/* Flows, packets and bytes: the first cache line. Everything else that a leg counts moves along with one of them, at
 * the latest when its flow ends; and the client's leg moves with the server's. */
static bool
leg_moved(const struct collector *c, uint32_t eid, enum leg leg, uint64_t seen[SEEN_WORDS])
{
	uint64_t sum[SEEN_WORDS] = {0};
	uint32_t i;

	for (i = 0; i < c->lcores; i++)
		words_add(sum, &dataplane_endpoint_counters(c->g->dataplane, i, eid)->leg[leg],
				SEEN_WORDS);
	if (!memcmp(sum, seen, sizeof(sum)))
		return false;
	memcpy(seen, sum, sizeof(sum));
	return true;
}

/* The two counters are read one after the other while an lcore writes both. */
static uint64_t
active_of(const struct leg_counters *now)
{
	return now->flows_new > now->flows_closed ? now->flows_new - now->flows_closed : 0;
}

static uint64_t
waiting_of(const struct leg_counters *now)
{
	uint64_t ended = now->replies + now->unanswered;

	return now->requests > ended ? now->requests - ended : 0;
}

static double
ratio_or_nan(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

double
collector_quantile(const struct histogram *h, double q)
{
	double total = 0, below = 0, rank, lower;
	uint32_t b;

	for (b = 0; b < HISTOGRAM_BUCKETS; b++)
		total += h->count[b];
	if (!(total > 0))
		return NAN;
	rank = q * total;
	for (b = 0; b < HISTOGRAM_BUCKETS - 1; b++) {
		if (h->count[b] && below + h->count[b] >= rank)
			break;
		below += h->count[b];
	}
	lower = (double)histogram_lower(b);
	return lower + (rank - below) / h->count[b] * ((double)histogram_lower(b + 1) - lower);
}

double
collector_above(const struct histogram *h, double us)
{
	double above = 0, lower, upper;
	uint32_t b;

	for (b = HISTOGRAM_BUCKETS; b-- > 0;) {
		lower = (double)histogram_lower(b);
		upper = b + 1 < HISTOGRAM_BUCKETS ? (double)histogram_lower(b + 1) : 2 * lower;
		if (upper <= us)
			break;
		above += h->count[b] * (lower >= us ? 1 : (upper - us) / (upper - lower));
	}
	return above;
}

static void
interval_clear(struct leg_interval *interval, double seconds)
{
	*interval = (struct leg_interval){
			.used = interval->used,
			.seconds = seconds,
			.flows_active = interval->flows_active,
			.requests_waiting = interval->requests_waiting,
			.handshake_p50 = NAN,
			.handshake_p99 = NAN,
			.reply_p50 = NAN,
			.reply_p90 = NAN,
			.reply_p99 = NAN,
			.reply_mean = NAN,
			.reply_jitter = NAN,
			.loss_to = NAN,
			.loss_from = NAN,
	};
}

/* What the buckets gained since the last tick, mod 2^32. */
static struct histogram
histogram_take(const struct collector *c, uint32_t eid, enum leg leg, enum leg_histogram kind,
		struct leg_state *s) /* five: the state would be looked up twice otherwise */
{
	struct histogram now, delta;
	uint32_t b;

	histogram_now(c, eid, leg, kind, &now);
	for (b = 0; b < HISTOGRAM_BUCKETS; b++) {
		delta.count[b] = now.count[b] - s->histogram_previous[kind].count[b];
		s->total[kind].count[b] += delta.count[b];
	}
	s->histogram_previous[kind] = now;
	return delta;
}

static void
interval_times(struct leg_interval *in, const struct histogram *handshake,
		const struct histogram *reply)
{
	const struct leg_counters *d = &in->delta;

	in->handshake_p50 = collector_quantile(handshake, 0.50);
	in->handshake_p99 = collector_quantile(handshake, 0.99);
	in->reply_p50 = collector_quantile(reply, 0.50);
	in->reply_p90 = collector_quantile(reply, 0.90);
	in->reply_p99 = collector_quantile(reply, 0.99);
	in->reply_mean = ratio_or_nan(d->reply_us, d->replies_timed);
	in->reply_jitter = ratio_or_nan(d->jitter_us, d->replies_timed);
	in->loss_to = ratio_or_nan(d->retransmitted_to, d->segments_to);
	in->loss_from = ratio_or_nan(d->gaps_from, d->segments_from + d->gaps_from);
}

static void
leg_take(struct collector *c, uint32_t eid, enum leg leg, struct leg_state *s)
{
	struct leg_counters now, told;
	int kind;

	leg_now(c, eid, leg, &now);
	words_subtract(&told, &now, &s->base, LEG_WORDS);
	interval_clear(&s->interval, c->seconds);
	s->interval.used = true;
	s->interval.flows_active = active_of(&told);
	s->interval.requests_waiting = waiting_of(&told);
	words_subtract(&s->interval.delta, &now, &s->previous, LEG_WORDS);
	for (kind = 0; kind < HISTOGRAM_COUNT; kind++)
		s->gained[kind] = histogram_take(c, eid, leg, kind, s);
	interval_times(&s->interval, &s->gained[HISTOGRAM_HANDSHAKE], &s->gained[HISTOGRAM_REPLY]);
	s->moved = true;
	s->previous = now;
}

static void
leg_rest(struct collector *c, struct leg_state *s)
{
	if (!s)
		return;
	interval_clear(&s->interval, c->seconds);
	s->moved = false;
}

static void
leg_tick(struct collector *c, uint32_t eid, enum leg leg, struct slot *slot)
{
	if (!slot->leg[leg]) {
		slot->leg[leg] = aligned_alloc(64, sizeof(*slot->leg[leg]));
		if (!slot->leg[leg])
			return; /* what it counted is told with the next movement */
		memset(slot->leg[leg], 0, sizeof(*slot->leg[leg]));
	}
	leg_take(c, eid, leg, slot->leg[leg]);
}

/* An id is reused only when no flow names it any more, so what was counted up to the last tick is all that the
 * earlier endpoint will ever have counted. */
static void
slot_take_over(struct slot *slot, uint64_t owner)
{
	struct leg_state *s;
	int leg;

	for (leg = 0; leg < LEG_COUNT; leg++) {
		s = slot->leg[leg];
		if (!s)
			continue;
		s->base = s->previous;
		memset(s->total, 0, sizeof(s->total));
		s->interval = (struct leg_interval){.used = true};
	}
	slot->still = 0;
	slot->owner = owner;
}

static void
owner_look_up(struct collector *c, const struct endpoint *e)
{
	struct slot *slot;
	uint64_t owner = owner_of(e);

	if (e->eid >= c->slot_count)
		return;
	slot = &c->slot[e->eid];
	if (slot->owner && slot->owner != owner)
		slot_take_over(slot, owner);
	slot->owner = owner;
}

static void
service_look_up(struct collector *c, const struct service *s)
{
	struct service_state *state = &c->service[s->sid];
	uint64_t owner = owner_of_service(s);

	if (state->owner != owner)
		*state = (struct service_state){.owner = owner};
}

/* Names are far apart in memory, and change with a reload alone. */
static void
owners_look_up(struct collector *c)
{
	const struct endpoint *e;
	struct endpoint_walk walk;
	size_t i;

	if (c->generation == registry_config_generation(c->g->registry))
		return;
	c->generation = registry_config_generation(c->g->registry);
	for (i = 0; i < registry_service_count(c->g->registry); i++)
		service_look_up(c, registry_service_at(c->g->registry, i));
	endpoint_walk_init(&walk, c->g->registry, NULL);
	while ((e = endpoint_walk_next_or_null(&walk)))
		owner_look_up(c, e);
}

static uint64_t
failed_of(const struct leg_counters *d, bool answers)
{
	return d->connects_refused + d->connects_unanswered + d->replies_failed +
			(answers ? d->unanswered : 0);
}

/* After the endpoint's legs. Of the service, not of the leg: a shadow that never answers where others do is no good
 * one. */
static void
failures_take(struct collector *c, const struct endpoint *e, const struct slot *slot)
{
	bool *answers = &c->service[e->service->sid].answers;
	struct leg_interval *in;
	int leg;

	for (leg = 0; leg < LEG_COUNT; leg++)
		*answers |= slot->leg[leg] && slot->leg[leg]->interval.delta.replies > 0;
	for (leg = 0; leg < LEG_COUNT; leg++) {
		in = slot->leg[leg] ? &slot->leg[leg]->interval : NULL;
		if (in)
			in->failed = failed_of(&in->delta, *answers);
	}
}

static void
endpoint_tick(struct collector *c, const struct endpoint *e)
{
	struct slot *slot;
	bool server, shadow;
	int leg;

	if (e->eid >= c->slot_count)
		return;
	slot = &c->slot[e->eid];
	server = leg_moved(c, e->eid, LEG_SERVER, slot->seen[0]);
	shadow = leg_moved(c, e->eid, LEG_SHADOW, slot->seen[1]);
	slot->still = server || shadow ? 0 : slot->still + (slot->still < UINT32_MAX);
	if (slot->still > 1)
		return; /* as it was */
	for (leg = 0; leg < LEG_COUNT; leg++)
		leg_rest(c, slot->leg[leg]);
	if (server) {
		leg_tick(c, e->eid, LEG_SERVER, slot);
		leg_tick(c, e->eid, LEG_CLIENT, slot);
	}
	if (shadow)
		leg_tick(c, e->eid, LEG_SHADOW, slot);
	failures_take(c, e, slot);
}

static void
counters_prefetch(const struct collector *c, const struct service *s, size_t j)
{
	const struct endpoint_counters *counters;
	uint32_t i;

	if (j >= s->endpoint_count)
		return;
	for (i = 0; i < c->lcores; i++) {
		counters = dataplane_endpoint_counters(c->g->dataplane, i, s->endpoint[j]->eid);
		__builtin_prefetch(&counters->leg[LEG_SERVER]);
		__builtin_prefetch(&counters->leg[LEG_SHADOW]);
	}
}

static void
endpoints_tick(struct collector *c)
{
	struct registry *r = c->g->registry;
	struct service *s;
	size_t i, j;

	for (i = 0; i < registry_service_count(r); i++) {
		s = registry_service_at(r, i);
		for (j = 0; j < s->endpoint_count; j++) {
			counters_prefetch(c, s, j + PREFETCH_AHEAD);
			endpoint_tick(c, s->endpoint[j]);
		}
	}
}

static void
lcores_tick(struct collector *c)
{
	struct lcore_counters now;
	uint32_t i;

	for (i = 0; i < c->lcores; i++) {
		memset(&now, 0, sizeof(now));
		words_add(&now, dataplane_lcore_counters(c->g->dataplane, i), LCORE_WORDS);
		words_subtract(&c->lcore[i].delta, &now, &c->lcore[i].previous, LCORE_WORDS);
		c->lcore[i].previous = now;
	}
}

static void
ports_tick(struct collector *c)
{
	struct port_counters now;
	uint32_t i;

	for (i = 0; i < c->g->port_count; i++) {
		collector_port(c, i, &now);
		words_subtract(&c->port[i].delta, &now, &c->port[i].previous, PORT_WORDS);
		c->port[i].previous = now;
	}
}

struct collector *
collector_create(struct gateway *g)
{
	struct collector *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);

	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->g = g;
	c->lcores = dataplane_lcore_count(g->dataplane);
	c->slot_count = registry_endpoint_limit(g->registry);
	c->slot = calloc(c->slot_count ? c->slot_count : 1, sizeof(*c->slot));
	c->service = calloc(registry_config(g->registry)->limits.services + 1, sizeof(*c->service));
	if (!c->slot || !c->service) {
		c->slot_count = 0;
		collector_free(c);
		return NULL;
	}
	return c;
}

void
collector_free(struct collector *c)
{
	uint32_t i;
	int leg;

	if (!c)
		return;
	for (i = 0; i < c->slot_count; i++) {
		for (leg = 0; leg < LEG_COUNT; leg++)
			free(c->slot[i].leg[leg]);
	}
	free(c->slot);
	free(c->service);
	free(c);
}

void
collector_tick_at(struct collector *c, uint64_t now_ms)
{
	c->seconds = c->tick_ms ? (double)(now_ms - c->tick_ms) / 1000 : 0;
	c->tick_ms = now_ms;
	lcores_tick(c);
	ports_tick(c);
	owners_look_up(c);
	endpoints_tick(c);
}

void
collector_tick(struct collector *c)
{
	collector_tick_at(c, loop_now_ms());
}

double
collector_seconds(const struct collector *c)
{
	return c->seconds;
}

void
collector_totals(const struct collector *c, struct lcore_counters *out)
{
	const struct lcore_counters *from;
	uint64_t oldest = UINT64_MAX, seen;
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->lcores; i++) {
		from = dataplane_lcore_counters(c->g->dataplane, i);
		words_add(out, from, LCORE_WORDS);
		seen = counter_read(&from->view_generation);
		oldest = seen < oldest ? seen : oldest;
	}
	out->view_generation = c->lcores ? oldest : 0;
}

void
collector_leg(const struct collector *c, uint32_t eid, enum leg leg, struct leg_counters *out)
{
	leg_now(c, eid, leg, out);
	if (eid < c->slot_count && c->slot[eid].leg[leg])
		words_subtract(out, out, &c->slot[eid].leg[leg]->base, LEG_WORDS);
}

void
collector_port(const struct collector *c, uint32_t port, struct port_counters *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->lcores; i++)
		words_add(out, dataplane_port_counters(c->g->dataplane, i, port), PORT_WORDS);
}

void
collector_delta(const struct collector *c, struct lcore_counters *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->lcores; i++)
		words_add(out, &c->lcore[i].delta, LCORE_WORDS);
}

void
collector_lcore_delta(const struct collector *c, uint32_t lcore, struct lcore_counters *out)
{
	*out = c->lcore[lcore].delta;
}

void
collector_port_delta(const struct collector *c, uint32_t port, struct port_counters *out)
{
	*out = c->port[port].delta;
}

void
collector_interval(const struct collector *c, uint32_t eid, enum leg leg, struct leg_interval *out)
{
	if (eid < c->slot_count && c->slot[eid].leg[leg]) {
		*out = c->slot[eid].leg[leg]->interval;
		return;
	}
	*out = (struct leg_interval){0};
	interval_clear(out, c->seconds);
}

void
collector_interval_histogram(const struct collector *c, uint32_t eid, enum leg leg,
		enum leg_histogram kind, struct histogram *out)
{
	const struct leg_state *s = eid < c->slot_count ? c->slot[eid].leg[leg] : NULL;

	if (s && s->moved)
		*out = s->gained[kind];
	else
		memset(out, 0, sizeof(*out));
}

bool
collector_any(const struct collector *c, uint32_t eid)
{
	const struct slot *slot = eid < c->slot_count ? &c->slot[eid] : NULL;

	return slot && (slot->leg[LEG_SERVER] || slot->leg[LEG_SHADOW]);
}

uint32_t
collector_still(const struct collector *c, uint32_t eid)
{
	return eid < c->slot_count ? c->slot[eid].still : 0;
}

bool
collector_leg_used(const struct collector *c, uint32_t eid, enum leg leg)
{
	static const struct leg_counters none;
	struct leg_counters told;

	collector_leg(c, eid, leg, &told);
	return memcmp(&told, &none, sizeof(none)) != 0;
}

void
collector_histogram(const struct collector *c, uint32_t eid, enum leg leg, enum leg_histogram kind,
		struct histogram_total *out)
{
	const struct leg_state *s = eid < c->slot_count ? c->slot[eid].leg[leg] : NULL;
	struct histogram now;
	uint32_t b;

	memset(out, 0, sizeof(*out));
	if (!s)
		return;
	histogram_now(c, eid, leg, kind, &now);
	for (b = 0; b < HISTOGRAM_BUCKETS; b++) {
		out->count[b] = s->total[kind].count[b] +
				(uint32_t)(now.count[b] - s->histogram_previous[kind].count[b]);
	}
}

void
collector_view_latency(const struct collector *c, struct histogram *out)
{
	const struct histogram *h;
	uint32_t i, b;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < c->lcores; i++) {
		h = dataplane_view_latency(c->g->dataplane, i);
		for (b = 0; b < HISTOGRAM_BUCKETS; b++)
			out->count[b] += __atomic_load_n(&h->count[b], __ATOMIC_RELAXED);
	}
}

uint64_t
collector_active_flows(void *collector, uint32_t eid)
{
	const struct collector *c = collector;
	struct leg_counters server, shadow;

	leg_now(c, eid, LEG_SERVER, &server);
	leg_now(c, eid, LEG_SHADOW, &shadow);
	return active_of(&server) + active_of(&shadow);
}
