/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one configuration to the next.
 *
 *   prepare  new structs for everything in the new configuration, and their ids: all that can fail
 *   adopt    what was there before moves into its old struct, with its health and settings: cannot fail
 *   retire   what is left over loses its struct, and its ids begin to rest
 *
 * The first configuration goes the same way, from nothing.
 */
#include "registry_model.h"

#include "registry_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The new services and endpoints, and for each the old one that it replaces. */
struct pair {
	struct service *now, *was; /* was: NULL if new */
	struct endpoint **endpoint_was;
};

struct plan {
	struct registry *r;
	struct config *config;
	struct pair *pair;
	struct service **service; /* becomes the registry's */
	size_t count;
	uint32_t eid_next, sid_next; /* where to look for the next free id */
};

static void
endpoint_free(struct endpoint *e)
{
	if (e)
		free(e->shadow);
	free(e);
}

/* Frees the struct alone. */
static void
service_free(struct service *s)
{
	if (s)
		free(s->endpoint);
	free(s);
}

static bool
eid_is_free(const struct registry *r, uint32_t eid)
{
	const struct eid_slot *slot = &r->eid[eid];

	if (slot->endpoint)
		return false;
	if (!slot->retired)
		return true;
	if (slot->retired_at == r->builds)
		return false;
	return !r->active_flows || r->active_flows(r->active_flows_arg, eid) == 0;
}

static int
eid_take(struct plan *p, uint32_t *eid)
{
	for (; p->eid_next < p->r->eid_limit; p->eid_next++) {
		if (!eid_is_free(p->r, p->eid_next))
			continue;
		*eid = p->eid_next++;
		return 0;
	}
	return -ENOSPC;
}

/* A removed service's id may be named by flows of its endpoints: it rests as long as they do. */
static bool
sid_is_free(const struct registry *r, uint32_t sid)
{
	const struct sid_slot *slot = &r->sid[sid];
	uint32_t i;

	if (slot->service)
		return false;
	if (!slot->used_before)
		return true;
	if (slot->retired_at == r->builds)
		return false;
	for (i = 0; i < r->eid_end; i++)
		if (r->eid[i].retired && r->eid[i].sid == sid && !eid_is_free(r, i))
			return false;
	return true;
}

static int
sid_take(struct plan *p, uint32_t *sid)
{
	for (; p->sid_next < p->r->sid_limit; p->sid_next++) {
		if (!sid_is_free(p->r, p->sid_next))
			continue;
		*sid = p->sid_next++;
		return 0;
	}
	return -ENOSPC;
}

static struct endpoint *
old_endpoint_or_null(const struct pair *pair, const char *name)
{
	return pair->was ? registry_names_endpoint_or_null(pair->was, name) : NULL;
}

static bool
is_same_server(const struct endpoint *was, const struct endpoint *now)
{
	const struct config_service *a = was->service->config, *b = now->service->config;

	return ip_equal(&was->config->addr, &now->config->addr) &&
			was->config->port == now->config->port && a->protocol == b->protocol &&
			a->forward == b->forward;
}

static struct endpoint *
endpoint_create(struct service *s, const struct config_endpoint *config)
{
	struct endpoint *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->shadow = calloc(config->shadow_count + 1, sizeof(struct endpoint *));
	if (!e->shadow) {
		free(e);
		return NULL;
	}
	e->service = s;
	e->config = config;
	e->weight = config->weight;
	e->shift = config->shift;
	e->mirror = config->mirror;
	e->drain = config->drain;
	return e;
}

static int
prepare_endpoint(struct plan *p, struct pair *pair, size_t i)
{
	const struct config_endpoint *config = &pair->now->config->endpoint[i];
	struct endpoint *e = endpoint_create(pair->now, config);
	struct endpoint *was = old_endpoint_or_null(pair, config->name);

	if (!e)
		return -ENOMEM;
	pair->now->endpoint[pair->now->endpoint_count++] = e;
	pair->endpoint_was[i] = was;
	if (was && is_same_server(was, e)) {
		e->eid = was->eid;
		return 0;
	}
	return eid_take(p, &e->eid);
}

static int
prepare_service(struct plan *p, size_t i)
{
	const struct config_service *config = &p->config->service[i];
	struct pair *pair = &p->pair[i];
	int ret = 0;
	size_t j;

	pair->now = calloc(1, sizeof(*pair->now));
	if (!pair->now)
		return -ENOMEM;
	pair->was = registry_service_by_name(p->r, config->name);
	pair->now->config = config;
	pair->now->endpoint = calloc(2 * config->endpoint_count + 1, sizeof(struct endpoint *));
	pair->endpoint_was = calloc(config->endpoint_count + 1, sizeof(struct endpoint *));
	if (!pair->now->endpoint || !pair->endpoint_was)
		return -ENOMEM;
	pair->now->by_name = pair->now->endpoint + config->endpoint_count;
	if (pair->was)
		pair->now->sid = pair->was->sid;
	else
		ret = sid_take(p, &pair->now->sid);
	for (j = 0; !ret && j < config->endpoint_count; j++)
		ret = prepare_endpoint(p, pair, j);
	return ret;
}

static int
local_index(const struct local_addresses *l, const struct ip_addr *addr)
{
	uint32_t i;

	for (i = 0; i < l->count; i++)
		if (ip_equal(&l->addr[i], addr))
			return (int)i;
	return -1;
}

static int
local_room(const struct local_addresses *l, const struct config *config, bool v4)
{
	uint32_t fresh = 0;
	size_t i;

	for (i = 0; i < config->local_count; i++)
		if (ip_is_v4(&config->local[i]) == v4 && local_index(l, &config->local[i]) < 0)
			fresh++;
	return l->count + fresh > l->limit ? -ENOSPC : 0;
}

static int
prepare(struct plan *p)
{
	int ret;
	size_t i;

	p->count = p->config->service_count;
	p->pair = calloc(p->count + 1, sizeof(*p->pair));
	p->service = calloc(2 * p->count + 1, sizeof(struct service *));
	if (!p->pair || !p->service)
		return -ENOMEM;
	for (i = 0; i < p->count; i++) {
		ret = prepare_service(p, i);
		if (ret < 0)
			return ret;
	}
	ret = local_room(&p->r->local4, p->config, true);
	return ret < 0 ? ret : local_room(&p->r->local6, p->config, false);
}

/* Frees the plan, and the new structs unless they were taken over. */
static void
plan_fini(struct plan *p)
{
	struct service *s;
	size_t i, j;

	for (i = 0; p->pair && i < p->count; i++) {
		s = p->pair[i].now;
		for (j = 0; s && j < s->endpoint_count; j++)
			endpoint_free(s->endpoint[j]);
		service_free(s);
		free(p->pair[i].endpoint_was);
	}
	free(p->pair);
	free(p->service);
}

/* What was set at run time stays if the file says of that key what it said before. */
static void
keep_settings(struct endpoint *now, const struct endpoint *was)
{
	const struct config_endpoint *a = was->config, *b = now->config;

	now->policy = was->policy;
	now->policy.steers = false;
	now->policy.mirrors = false;
	if (a->shift == b->shift && (b->shadow_count || !was->shift)) {
		now->policy.steers = was->policy.steers;
		now->shift = was->shift;
		now->shift_source = was->shift_source;
	}
	if (registry_mirror_equal(&a->mirror, &b->mirror) &&
			(b->shadow_count || !was->mirror.share)) {
		now->policy.mirrors = was->policy.mirrors;
		now->mirror = was->mirror;
		now->mirror_source = was->mirror_source;
	}
	if (a->drain == b->drain) {
		now->drain = was->drain;
		now->drain_source = was->drain_source;
	}
}

/* Health follows the server. One that counted as up without a check stays up until its new check has failed; one that
 * lost its check has no health to speak of. */
static void
keep_health(struct endpoint *now, const struct endpoint *was)
{
	bool checked = now->config->check.kind != CHECK_NONE,
	     was_checked = was->config->check.kind != CHECK_NONE;

	now->resolved = was->resolved;
	now->l2 = was->l2;
	now->mtu = was->mtu;
	now->epoch = was->epoch;
	now->health_since_ms = was->health_since_ms;
	if (was_checked && !checked)
		return;
	now->health = was->health;
	memcpy(now->health_reason, was->health_reason, sizeof(now->health_reason));
	if (checked && !was_checked && was->health == HEALTH_UNKNOWN) {
		now->health = HEALTH_UP;
		snprintf(now->health_reason, sizeof(now->health_reason), "not checked before");
	}
}

static void
retire(struct registry *r, struct endpoint *e)
{
	struct eid_slot *slot = &r->eid[e->eid];

	*slot = (struct eid_slot){
			.retired = true,
			.epoch = e->epoch,
			.sid = e->service->sid,
			.retired_at = r->builds,
	};
	registry_page_changed(r, e->eid);
	endpoint_free(e);
}

/* Puts the content of `now` where `was` is, if that has the same id. The loser's memory is freed. */
static struct endpoint *
adopt_endpoint(struct registry *r, struct endpoint *now, struct endpoint *was)
{
	struct eid_slot *slot = &r->eid[now->eid];

	if (was)
		keep_settings(now, was);
	if (!was || was->eid != now->eid) {
		now->epoch = (uint16_t)(slot->epoch + 1);
		*slot = (struct eid_slot){.endpoint = now, .sid = now->service->sid};
		return now;
	}
	keep_health(now, was);
	free(was->shadow);
	*was = *now;
	free(now);
	return was;
}

/* Old endpoints that no new one has taken over. Their structs must still be as they were. */
static void
retire_leftovers(struct plan *p, struct service *was, const struct pair *pair)
{
	struct endpoint *e;
	size_t i;

	for (i = 0; i < was->endpoint_count; i++) {
		e = was->endpoint[i];
		if (!pair || registry_names_endpoint_or_null(pair->now, e->config->name) != e)
			retire(p->r, e);
	}
}

static void
resolve_shadows(struct service *s)
{
	struct endpoint *e;
	size_t i, j;

	for (i = 0; i < s->endpoint_count; i++) {
		e = s->endpoint[i];
		e->shadow_count = 0;
		for (j = 0; j < e->config->shadow_count; j++) {
			e->shadow[e->shadow_count] =
					registry_names_endpoint_or_null(s, e->config->shadow[j]);
			if (e->shadow[e->shadow_count])
				e->shadow_count++;
		}
	}
}

static void
adopt_service(struct plan *p, struct pair *pair)
{
	struct service *now = pair->now, *was = pair->was;
	struct sid_slot *slot = &p->r->sid[now->sid];
	size_t i;

	for (i = 0; i < now->endpoint_count; i++)
		now->endpoint[i] = adopt_endpoint(p->r, now->endpoint[i], pair->endpoint_was[i]);
	registry_names_sort(now);
	if (was) {
		retire_leftovers(p, was, pair);
		free(was->endpoint);
		*was = *now;
		free(now);
		now = was;
	}
	for (i = 0; i < now->endpoint_count; i++) {
		now->endpoint[i]->service = now;
		p->r->eid[now->endpoint[i]->eid].endpoint = now->endpoint[i];
	}
	resolve_shadows(now);
	slot->service = now;
	slot->used_before = true;
	pair->now = NULL;
	pair->was = now;
}

static void
retire_service(struct plan *p, struct service *s)
{
	struct sid_slot *slot = &p->r->sid[s->sid];

	retire_leftovers(p, s, NULL);
	slot->service = NULL;
	slot->retired_at = p->r->builds;
	slot->dirty = true;
	service_free(s);
}

static void
adopt_locals(struct local_addresses *l, const struct config *config, bool v4)
{
	size_t i;
	int at;

	if (l->count)
		memset(l->active, 0, l->count);
	for (i = 0; i < config->local_count; i++) {
		if (ip_is_v4(&config->local[i]) != v4)
			continue;
		at = local_index(l, &config->local[i]);
		if (at < 0) {
			at = (int)l->count++;
			l->addr[at] = config->local[i];
		}
		l->active[at] = 1;
	}
}

/* Marks everything: blocks that come out as they were are kept when the view is built. */
static void
mark_all(struct registry *r)
{
	struct service *s;
	size_t i, j;

	for (i = 0; i < r->service_count; i++) {
		s = r->service[i];
		r->sid_end = s->sid >= r->sid_end ? s->sid + 1 : r->sid_end;
		registry_service_changed(r, s);
		for (j = 0; j < s->endpoint_count; j++) {
			r->eid_end = s->endpoint[j]->eid >= r->eid_end ? s->endpoint[j]->eid + 1
								       : r->eid_end;
			registry_endpoint_settle(r, s->endpoint[j]);
		}
	}
	r->addresses_dirty = true;
	r->dirty = true;
}

static void
adopt(struct plan *p)
{
	struct registry *r = p->r;
	size_t i, j;

	for (i = 0; i < r->service_count; i++) {
		for (j = 0; j < p->count; j++)
			if (p->pair[j].was == r->service[i])
				break;
		if (j == p->count)
			retire_service(p, r->service[i]);
	}
	for (i = 0; i < p->count; i++) {
		adopt_service(p, &p->pair[i]);
		p->service[i] = p->pair[i].was;
	}
	adopt_locals(&r->local4, p->config, true);
	adopt_locals(&r->local6, p->config, false);
	free(r->service);
	r->service = p->service;
	r->service_count = p->count;
	r->service_by_name = r->service + r->service_count;
	registry_names_sort_services(r->service, r->service_count, r->service_by_name);
	p->service = NULL;
	config_free(r->config);
	r->config = p->config;
	r->reloads++;
	mark_all(r);
}

int
registry_reload(struct registry *r, struct config *config)
{
	struct plan plan = {.r = r, .config = config};
	int ret = prepare(&plan);

	if (ret == 0)
		adopt(&plan);
	else
		config_free(config);
	plan_fini(&plan);
	return ret;
}

static int
local_init(struct local_addresses *l, uint32_t limit)
{
	l->limit = limit;
	l->addr = calloc(limit + 1, sizeof(*l->addr));
	l->active = calloc(limit + 1, sizeof(*l->active));
	return l->addr && l->active ? 0 : -ENOMEM;
}

static int
registry_init(struct registry *r, const struct config *config)
{
	uint32_t pages = (config->limits.endpoints >> VIEW_PAGE_SHIFT) + 1;

	r->eid_limit = config->limits.endpoints;
	r->sid_limit = config->limits.services;
	r->eid = calloc(pages * VIEW_PAGE_SIZE, sizeof(*r->eid)); /* whole pages are built */
	r->sid = calloc(r->sid_limit + 1, sizeof(*r->sid));
	r->page = calloc(pages, sizeof(struct view_page *));
	r->page_dirty = calloc(pages, sizeof(*r->page_dirty));
	if (!r->eid || !r->sid || !r->page || !r->page_dirty)
		return -ENOMEM;
	if (local_init(&r->local4, config->limits.local_addresses) < 0)
		return -ENOMEM;
	return local_init(&r->local6, config->limits.local_addresses);
}

struct registry *
registry_create(struct config *config, uint32_t lcores)
{
	struct registry *r = calloc(1, sizeof(*r));
	int ret;

	if (r && registry_init(r, config) == 0) {
		r->lcores = lcores ? lcores : 1;
		ret = registry_reload(r, config);
	} else {
		config_free(config);
		ret = -ENOMEM;
	}
	if (ret == 0)
		return r;
	registry_free(r);
	errno = -ret;
	return NULL;
}
