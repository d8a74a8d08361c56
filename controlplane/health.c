/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One monitor per endpoint, also for one without check, which passive signals alone speak for.
 *
 *   tick, 10 ms --> due: probe started ---> result -+-> health_record -> registry, journal, view 1 ms later
 *                   too late: probe freed -> failed +
 *   signal -------> suspect: no new flows; probe started at once (a confirmation; each 20 ms at most)
 *                   -> failed: down without `fall`; good: no suspect any more
 *
 *   probe's sockets <-> kernel's stack in the private namespace <-> TUN <-> tun_ready(), health_input() <-> lcores
 *
 * A result that is a definite no (refused, unreachable) counts as a signal too.
 */
#include "health.h"

#include "eid_set.h"
#include "health_alias.h"
#include "health_clock.h"
#include "health_door.h"
#include "health_namespace.h"
#include "health_probe.h"
#include "health_record.h"
#include "neighbour.h"
#include "owner.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 10
#define STARTS_PER_TICK 64 /* 6,400 checks a second; more wait their turn */
#define SPREAD_MS 250 /* first checks after a start; later ones drift apart by their jitter */
#define CONFIRM_MS 20
#define APPLY_MS 1 /* endpoints that fail together are published together */
#define TUN_BURST 64
#define PACKET_MAX 65535
#define ETHER_LEN sizeof(struct rte_ether_hdr)
#define OWN_PORTS 65536

struct monitor {
	struct health *h;
	struct endpoint *e; /* valid between two syncs */
	uint64_t owner;
	struct health_record record;
	struct health_probe *probe;
	bool checked; /* had a check at the last sync */
	bool confirming; /* the probe is a confirmation */
	bool wanted; /* a confirmation, as soon as it may be */
	bool present; /* during a sync */
	uint64_t next_ms, confirm_ms, last_ms;
	uint64_t deadline_ms; /* of the probe, by health.clock */
	uint32_t rtt_us;
	uint64_t checks, failures, confirmations, refused, unreachable;
	char reason[96]; /* of the last result */
};

struct health {
	struct gateway *g;
	struct health_namespace *namespace;
	struct health_prober *prober;
	struct loop_watch *tun, *tick, *apply;
	struct monitor **monitor; /* by eid */
	struct eid_set checked, held; /* whom a tick looks at; held: without a check, suspect */
	struct health_clock clock;
	uint32_t next; /* in `checked`: who is first to start a check in the next tick */
	uint32_t limit;
	uint32_t *alias_eid; /* endpoint by protocol and own port of a check to a dsr service */
	uint64_t random;
	struct health_door *door;
	uint64_t tun_dropped, unasked;
	uint8_t scratch[PACKET_MAX];
};

/* xorshift64: spreads checks, protects nothing. */
static uint32_t
random_below(struct health *h, uint32_t n)
{
	h->random ^= h->random << 13;
	h->random ^= h->random >> 7;
	h->random ^= h->random << 17;
	return n ? (uint32_t)(h->random >> 32) % n : 0;
}

static const struct config_check *
check_of(const struct monitor *m)
{
	return &m->e->config->check;
}

static bool
is_checked(const struct monitor *m)
{
	return check_of(m)->kind != CHECK_NONE;
}

static bool
is_dsr(const struct monitor *m)
{
	return m->e->service->config->forward == FORWARD_DSR_L2;
}

/* Deciding */

static void
apply_now(void *arg)
{
	struct health *h = arg;

	h->apply = NULL;
	gateway_apply(h->g);
}

static void
apply_soon(struct health *h)
{
	if (h->apply)
		return;
	h->apply = loop_timer(h->g->loop, APPLY_MS, 0, apply_now, h);
	if (!h->apply)
		apply_now(h);
}

static const char *
kind_of(enum health_state state)
{
	switch (state) {
	case HEALTH_UNKNOWN:
		return "endpoint-unknown";
	case HEALTH_UP:
		return "endpoint-up";
	case HEALTH_DOWN:
		return "endpoint-down";
	}
	return "endpoint";
}

/* The record's state has changed. */
static void
tell(struct monitor *m, const char *reason)
{
	enum health_state state = m->record.state;

	registry_set_health(m->h->g->registry, m->e, state, reason);
	journal_add(m->h->g->journal, state == HEALTH_DOWN ? JOURNAL_WARNING : JOURNAL_NOTICE,
			kind_of(state), m->e->service->config->name, m->e->config->name, "%s",
			reason);
	apply_soon(m->h);
}

static void probe(struct monitor *m, bool confirming);

/* While the evidence is being confirmed, which takes milliseconds, nobody else need run into it. */
static void
suspect(struct monitor *m, bool is)
{
	if (m->e->suspect == is)
		return;
	registry_set_suspect(m->h->g->registry, m->e, is);
	apply_soon(m->h);
}

/* A confirmation now, or when the last one is long enough ago. */
static void
confirm(struct monitor *m)
{
	uint64_t now_ms = loop_now_ms();

	if (m->record.state == HEALTH_DOWN || m->confirming)
		return;
	suspect(m, true);
	if (now_ms - m->confirm_ms < CONFIRM_MS) {
		m->wanted = true;
		return;
	}
	m->wanted = false;
	m->confirm_ms = now_ms;
	m->confirmations++;
	/* One under way may have begun before the trouble. */
	health_probe_free(m->probe);
	m->probe = NULL;
	probe(m, true);
}

static void
conclude(struct monitor *m, const struct health_result *r)
{
	bool confirmed = m->confirming, changed;

	m->probe = NULL;
	m->confirming = false;
	suspect(m, m->wanted);
	m->checks++;
	m->failures += !r->ok;
	m->last_ms = loop_now_ms();
	if (r->rtt_us)
		m->rtt_us = r->rtt_us;
	else if (!r->ok && !r->refused)
		neighbours_question(m->h->g->neighbours, m->e);
	snprintf(m->reason, sizeof(m->reason), "%s%s", r->reason,
			confirmed && !r->ok ? " (confirmed)" : "");
	if (confirmed && !r->ok)
		changed = health_record_confirmed(&m->record);
	else
		changed = health_record_result(
				&m->record, r->ok, check_of(m)->rise, check_of(m)->fall);
	if (changed)
		tell(m, m->reason);
	else if (!r->ok && r->refused)
		confirm(m);
}

static void
probe_ended(void *arg, const struct health_result *r)
{
	conclude(arg, r);
}

/* Where to, and from where. 0, or -errno with the reason in *failure. */
static int
target_of(const struct monitor *m, struct health_target *t, struct health_result *failure)
{
	const struct config_service *service = m->e->service->config;
	const struct config_endpoint *endpoint = m->e->config;
	struct route_result route;

	memset(failure, 0, sizeof(*failure));
	if (!neighbours_route(m->h->g->neighbours, &endpoint->addr, &route)) {
		strcpy(failure->reason, "no route");
		return -ENETUNREACH;
	}
	if (ip_is_none(&route.source)) {
		strcpy(failure->reason, "no address of its family on the port towards it");
		return -EADDRNOTAVAIL;
	}
	*t = (struct health_target){.check = &endpoint->check,
			.source = route.source,
			.dst = endpoint->addr,
			.host = endpoint->addr,
			.port = endpoint->port ? endpoint->port : service->port_first};
	if (is_dsr(m)) {
		t->dst = health_alias_of(m->e->eid, ip_is_v4(&service->addr));
		t->host = service->addr;
		t->own_port = true;
		t->port = service->port_first;
	}
	if (endpoint->check.port)
		t->port = endpoint->check.port;
	return 0;
}

static void
probe(struct monitor *m, bool confirming)
{
	struct health_listener listener = {.fn = probe_ended, .arg = m};
	struct health_result failure;
	struct health_target target;

	m->confirming = confirming;
	/* The clock is a tick behind at most. */
	m->deadline_ms = m->h->clock.ms + TICK_MS + check_of(m)->timeout_ms;
	if (target_of(m, &target, &failure) == 0)
		m->probe = health_probe_start(m->h->prober, &target, &listener, &failure);
	if (!m->probe)
		conclude(m, &failure);
}

/* Time */

static void
time_out(struct monitor *m)
{
	struct health_result r = {.ok = false};

	snprintf(r.reason, sizeof(r.reason), "no answer within %u ms", check_of(m)->timeout_ms);
	health_probe_free(m->probe);
	m->probe = NULL;
	conclude(m, &r);
}

/* What is under way: it ends in its time however many checks are due. */
static void
monitor_follow_up(struct monitor *m)
{
	if (m->probe && m->h->clock.ms >= m->deadline_ms)
		time_out(m);
	if (m->wanted)
		confirm(m);
}

/* True if a probe was started. */
static bool
monitor_start(struct monitor *m, uint64_t now_ms)
{
	uint32_t interval_ms = check_of(m)->interval_ms;

	if (m->probe || now_ms < m->next_ms)
		return false;
	/* A tenth of jitter, so that checks that came together drift apart. */
	m->next_ms = now_ms + interval_ms - interval_ms / 20 +
			random_below(m->h, interval_ms / 10 + 1);
	probe(m, false);
	return true;
}

static void
held_run(struct health *h, uint64_t now_ms)
{
	struct monitor *m;
	uint32_t i;

	for (i = h->held.count; i-- > 0;) {
		m = h->monitor[h->held.eid[i]];
		if (!health_record_release(&m->record, now_ms))
			continue;
		suspect(m, false);
		eid_set_del(&h->held, m->e->eid);
	}
}

/* Starts go around: where one tick had to stop, the next begins. */
static void
checked_run(struct health *h, uint64_t now_ms)
{
	uint32_t i, at = h->next, left = STARTS_PER_TICK;
	struct monitor *m;

	for (i = 0; i < h->checked.count; i++, at++) {
		if (at >= h->checked.count)
			at = 0;
		m = h->monitor[h->checked.eid[at]];
		monitor_follow_up(m);
		if (left > 0 && monitor_start(m, now_ms) && --left == 0)
			h->next = at + 1;
	}
}

static void
tick(void *arg)
{
	struct health *h = arg;
	uint64_t now_ms = loop_now_ms();

	health_clock_tick(&h->clock, now_ms, TICK_MS);
	held_run(h, now_ms);
	checked_run(h, now_ms);
}

/* Packets */

static uint32_t *
alias_slot(struct health *h, const struct health_packet *p)
{
	uint32_t table = p->protocol == IPPROTO_TCP ? 0 : p->protocol == IPPROTO_UDP ? 1 : 2;

	return &h->alias_eid[table * OWN_PORTS + p->own_port];
}

/* Puts the service's address in an alias's place, and tells which endpoint it is for. False: no such endpoint. */
static bool
alias_out(struct health *h, uint8_t *packet, size_t len, struct ip_addr *next)
{
	struct health_packet p;
	struct endpoint *e;
	uint32_t eid;

	if (!health_packet_outbound(packet, len, &p) || p.dst.b[0] == 0xff)
		return false; /* nor multicast, which the stack sends by itself */
	health_door_sent(h->door, &p, loop_now_ms());
	*next = p.dst;
	if (!health_alias_eid(&p.dst, &eid))
		return true;
	e = registry_endpoint_by_id(h->g->registry, eid);
	if (!e || ip_is_v4(&e->service->config->addr) != ip_is_v4(&p.dst))
		return false;
	*alias_slot(h, &p) = eid;
	*next = e->config->addr;
	health_packet_rewrite(packet, &p, &e->service->config->addr);
	return true;
}

/* The way back: an answer of a dsr service's address to a port that a check to one of its endpoints went out from. */
static void
alias_in(struct health *h, uint8_t *packet, size_t len)
{
	struct health_packet p;
	struct ip_addr alias;
	struct endpoint *e;

	if (!health_packet_inbound(packet, len, &p))
		return;
	e = registry_endpoint_by_id(h->g->registry, *alias_slot(h, &p));
	if (!e || e->service->config->forward != FORWARD_DSR_L2 ||
			!ip_equal(&e->service->config->addr, &p.src))
		return;
	alias = health_alias_of(e->eid, ip_is_v4(&p.src));
	health_packet_rewrite(packet, &p, &alias);
}

/* False: nothing more to read. */
static bool
tun_read(struct health *h)
{
	struct rte_mbuf *frame = dataplane_mbuf_or_null(h->g->dataplane);
	size_t space = frame ? rte_pktmbuf_tailroom(frame) : PACKET_MAX;
	uint8_t *data = frame ? rte_pktmbuf_mtod(frame, uint8_t *) : h->scratch;
	struct route_result route;
	struct ip_addr next;
	ssize_t n;

	n = read(health_namespace_tun(h->namespace), data + ETHER_LEN, space - ETHER_LEN);
	if (n <= 0) {
		rte_pktmbuf_free(frame);
		return false;
	}
	if (!frame || !alias_out(h, data + ETHER_LEN, (size_t)n, &next) ||
			!neighbours_route(h->g->neighbours, &next, &route)) {
		h->tun_dropped++;
		rte_pktmbuf_free(frame);
		return true;
	}
	rte_pktmbuf_append(frame, (uint16_t)(ETHER_LEN + (size_t)n));
	neighbours_send(h->g->neighbours, route.port, &route.next_hop, frame);
	return true;
}

static void
tun_ready(void *arg)
{
	unsigned i;

	for (i = 0; i < TUN_BURST && tun_read(arg); i++)
		continue;
}

static bool
is_own(const struct health *h, const struct ip_addr *addr)
{
	const struct config *c = registry_config(h->g->registry);
	size_t i, j;

	for (i = 0; i < c->port_count; i++) {
		for (j = 0; j < c->port[i].address_count; j++) {
			if (ip_equal(&c->port[i].address[j].addr, addr))
				return true;
		}
	}
	return false;
}

bool
health_input(struct health *h, struct rte_mbuf *frame)
{
	size_t len = rte_pktmbuf_pkt_len(frame);
	struct ip_addr dst;
	const void *data;

	if (len <= ETHER_LEN || len - ETHER_LEN > PACKET_MAX)
		return false;
	len -= ETHER_LEN;
	data = rte_pktmbuf_read(frame, ETHER_LEN, (uint32_t)len, h->scratch);
	if (!data || !health_packet_dst(data, len, &dst) || !is_own(h, &dst))
		return false;
	if (!health_door_admits(h->door, data, len, loop_now_ms())) {
		h->unasked++;
		rte_pktmbuf_free(frame);
		return true;
	}
	if (data != h->scratch)
		memcpy(h->scratch, data, len);
	alias_in(h, h->scratch, len);
	if (write(health_namespace_tun(h->namespace), h->scratch, len) < 0)
		h->tun_dropped++;
	rte_pktmbuf_free(frame);
	return true;
}

/* Signals */

static void
signal_count(struct monitor *m, const struct event *event)
{
	switch ((enum event_type)event->type) {
	case EVENT_REFUSED:
		m->refused++;
		break;
	case EVENT_UNREACHABLE:
		m->unreachable++;
		break;
	}
}

/* Nobody can confirm it, and any client can provoke it: others are preferred for a while, no more. */
static void
hold(struct monitor *m, const char *why)
{
	suspect(m, true);
	eid_set_add(&m->h->held, m->e->eid);
	journal_add(m->h->g->journal, JOURNAL_WARNING, "endpoint-suspect",
			m->e->service->config->name, m->e->config->name,
			"%s; it has no check, so new flows go to others for 5 s", why);
}

void
health_event(struct health *h, const struct event *event)
{
	struct monitor *m = event->eid < h->limit ? h->monitor[event->eid] : NULL;

	if (!m)
		return;
	signal_count(m, event);
	if (is_checked(m))
		confirm(m);
	else if (health_record_signal(&m->record, loop_now_ms()))
		hold(m, event->type == EVENT_REFUSED ? "refused connections" : "unreachable");
}

/* The registry's part */

static void
monitor_free(struct monitor *m)
{
	if (!m)
		return;
	health_probe_free(m->probe);
	free(m);
}

/* The file has changed under it. */
static void
monitor_follow(struct monitor *m, struct endpoint *e)
{
	bool was_checked = m->checked;

	m->e = e;
	m->present = true;
	m->record.state = e->health;
	m->checked = is_checked(m);
	if (m->probe)
		m->next_ms = loop_now_ms(); /* asked anew, as the file now says */
	health_probe_free(m->probe);
	m->probe = NULL;
	m->confirming = false;
	if (m->checked == was_checked)
		return;
	suspect(m, false);
	m->record = (struct health_record){.state = m->checked ? HEALTH_UP : HEALTH_UNKNOWN};
	if (m->record.state != e->health) {
		/* It serves; a check that is new must not end that before it was ever asked. */
		registry_set_health(m->h->g->registry, e, m->record.state,
				m->checked ? "not checked yet" : "not checked");
		apply_soon(m->h);
	}
}

static struct monitor *
monitor_add(struct health *h, struct endpoint *e)
{
	struct monitor *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->h = h;
	m->e = e;
	m->owner = owner_of(e);
	m->checked = is_checked(m);
	m->next_ms = loop_now_ms() + random_below(h, SPREAD_MS);
	h->monitor[e->eid] = m;
	return m;
}

static void
sets_follow(struct health *h, uint32_t eid)
{
	const struct monitor *m = h->monitor[eid];

	if (m && m->checked)
		eid_set_add(&h->checked, eid);
	else
		eid_set_del(&h->checked, eid);
	if (!m || !m->record.hold_until_ms)
		eid_set_del(&h->held, eid);
}

static void
endpoint_follow(struct health *h, struct endpoint *e)
{
	struct monitor *m;

	if (e->eid >= h->limit)
		return;
	m = h->monitor[e->eid];
	if (m && m->owner != owner_of(e)) {
		monitor_free(m);
		m = h->monitor[e->eid] = NULL;
	}
	if (!m)
		m = monitor_add(h, e);
	if (m)
		monitor_follow(m, e);
	else
		journal_add(h->g->journal, JOURNAL_ERR, "health", e->service->config->name,
				e->config->name, "out of memory: it is not checked");
	sets_follow(h, e->eid);
}

/* Of endpoints, and of dsr services, which answer for theirs. If memory is short, checks of new ones fail. */
static void
door_follow(struct health *h)
{
	size_t i, j, count = 0, services = registry_service_count(h->g->registry);
	struct ip_addr *far;

	for (i = 0; i < services; i++)
		count += registry_service_at(h->g->registry, i)->endpoint_count + 1;
	far = calloc(count + 1, sizeof(*far));
	for (i = 0, count = 0; far && i < services; i++) {
		const struct service *s = registry_service_at(h->g->registry, i);

		if (s->config->forward == FORWARD_DSR_L2)
			far[count++] = s->config->addr;
		for (j = 0; j < s->endpoint_count; j++)
			far[count++] = s->endpoint[j]->config->addr;
	}
	if (!far || health_door_follow(h->door, far, count) < 0)
		journal_add(h->g->journal, JOURNAL_ERR, "health", NULL, NULL,
				"out of memory: answers of new endpoints are not let in");
	free(far);
}

void
health_sync(struct health *h)
{
	size_t i, j;
	uint32_t eid;

	door_follow(h);
	for (eid = 0; eid < h->limit; eid++) {
		if (h->monitor[eid])
			h->monitor[eid]->present = false;
	}
	for (i = 0; i < registry_service_count(h->g->registry); i++) {
		struct service *s = registry_service_at(h->g->registry, i);

		for (j = 0; j < s->endpoint_count; j++)
			endpoint_follow(h, s->endpoint[j]);
	}
	for (eid = 0; eid < h->limit; eid++) {
		if (!h->monitor[eid] || h->monitor[eid]->present)
			continue;
		monitor_free(h->monitor[eid]);
		h->monitor[eid] = NULL;
		sets_follow(h, eid);
	}
}

static const char *
state_name(enum health_state state)
{
	switch (state) {
	case HEALTH_UNKNOWN:
		return "unknown";
	case HEALTH_UP:
		return "up";
	case HEALTH_DOWN:
		return "down";
	}
	return "unknown";
}

double
health_failing(const struct health *h, const struct endpoint *e)
{
	const struct monitor *m;
	uint32_t fall;

	if (e->eid >= h->limit || !eid_set_has(&h->checked, e->eid))
		return 0;
	m = h->monitor[e->eid];
	fall = e->config->check.fall;
	if (fall == 0)
		return 0;
	return m->record.bad < fall ? (double)m->record.bad / fall : 1;
}

json_t *
health_json(const struct health *h, const struct endpoint *e)
{
	const struct monitor *m = e->eid < h->limit ? h->monitor[e->eid] : NULL;
	json_t *o = json_pack("{s:s s:s s:I}", "state", state_name(e->health), "reason",
			e->health_reason, "since", (json_int_t)e->health_since_ms);

	if (!m)
		return o;
	json_object_set_new(o, "checks", json_integer((json_int_t)m->checks));
	json_object_set_new(o, "failures", json_integer((json_int_t)m->failures));
	json_object_set_new(o, "confirmations", json_integer((json_int_t)m->confirmations));
	json_object_set_new(o, "refused", json_integer((json_int_t)m->refused));
	json_object_set_new(o, "unreachable", json_integer((json_int_t)m->unreachable));
	json_object_set_new(o, "last_reason", json_string(m->reason));
	json_object_set_new(o, "last_ms",
			m->last_ms ? json_integer((json_int_t)(loop_now_ms() - m->last_ms))
				   : json_null());
	json_object_set_new(o, "rtt_us", m->rtt_us ? json_integer(m->rtt_us) : json_null());
	return o;
}

/* All ports' addresses, and the smallest MTU, for the one link inside. */
static struct health_namespace *
namespace_create(const struct config *c)
{
	struct health_namespace *n;
	struct ip_addr *own;
	size_t i, j, count = 0;
	uint16_t mtu = UINT16_MAX;

	for (i = 0; i < c->port_count; i++)
		count += c->port[i].address_count;
	own = calloc(count + 1, sizeof(own[0]));
	if (!own)
		return NULL;
	for (i = 0, count = 0; i < c->port_count; i++) {
		for (j = 0; j < c->port[i].address_count; j++)
			own[count++] = c->port[i].address[j].addr;
		mtu = c->port[i].mtu < mtu ? c->port[i].mtu : mtu;
	}
	n = health_namespace_create(own, count, mtu);
	free(own);
	return n;
}

struct health *
health_create(struct gateway *g)
{
	struct health *h = calloc(1, sizeof(*h));
	int saved;

	if (!h)
		return NULL;
	h->g = g;
	h->random = loop_wall_ms() | 1;
	h->limit = registry_endpoint_limit(g->registry);
	h->monitor = calloc(h->limit + 1, sizeof(h->monitor[0]));
	h->alias_eid = malloc(3 * OWN_PORTS * sizeof(h->alias_eid[0]));
	if (!h->monitor || !h->alias_eid || eid_set_init(&h->checked, h->limit) < 0 ||
			eid_set_init(&h->held, h->limit) < 0)
		goto fail;
	memset(h->alias_eid, 0xff, 3 * OWN_PORTS * sizeof(h->alias_eid[0]));
	h->door = health_door_create();
	if (!h->door)
		goto fail;
	h->namespace = namespace_create(registry_config(g->registry));
	if (!h->namespace)
		goto fail;
	h->prober = health_prober_create(g->loop, h->namespace);
	h->tun = loop_watch(g->loop, health_namespace_tun(h->namespace), tun_ready, h);
	h->tick = loop_timer(g->loop, TICK_MS, TICK_MS, tick, h);
	if (h->prober && h->tun && h->tick)
		return h;
fail:
	saved = errno;
	health_free(h);
	errno = saved;
	return NULL;
}

void
health_free(struct health *h)
{
	uint32_t eid;

	if (!h)
		return;
	for (eid = 0; h->monitor && eid < h->limit; eid++)
		monitor_free(h->monitor[eid]);
	health_prober_free(h->prober);
	loop_unwatch(h->tun);
	loop_unwatch(h->tick);
	loop_unwatch(h->apply);
	health_namespace_free(h->namespace);
	health_door_free(h->door);
	free(h->alias_eid);
	eid_set_fini(&h->checked);
	eid_set_fini(&h->held);
	free(h->monitor);
	free(h);
}
