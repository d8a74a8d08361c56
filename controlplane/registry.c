/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_model.h"

#include "registry_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static uint64_t
wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool
registry_mirror_equal(const struct config_mirror *a, const struct config_mirror *b)
{
	return a->share == b->share && a->shadows == b->shadows && a->pps == b->pps &&
			a->bps == b->bps;
}

bool
registry_endpoint_is_up(const struct endpoint *e)
{
	bool unchecked = e->health == HEALTH_UNKNOWN && e->config->check.kind == CHECK_NONE;

	return e->resolved && (e->health == HEALTH_UP || unchecked);
}

bool
registry_gets_copies(const struct endpoint *e)
{
	return e->shift == SHARE_ONE && e->mirror.share > 0 && e->config->mirror.to_primary &&
			e->shadow_count > 0 && !e->drain;
}

static bool
can_take(const struct endpoint *e)
{
	return registry_endpoint_is_up(e) && !e->drain;
}

struct endpoint *
registry_standby_or_null(const struct endpoint *e)
{
	struct endpoint *suspect = NULL;
	size_t i;

	for (i = 0; i < e->shadow_count; i++) {
		if (!can_take(e->shadow[i]))
			continue;
		if (!e->shadow[i]->suspect)
			return e->shadow[i];
		suspect = suspect ? suspect : e->shadow[i];
	}
	if (suspect)
		return suspect;
	return e->shadow_count ? e->shadow[0] : NULL;
}

void
registry_page_changed(struct registry *r, uint32_t eid)
{
	r->page_dirty[eid >> VIEW_PAGE_SHIFT] = true;
	r->dirty = true;
}

void
registry_service_changed(struct registry *r, const struct service *s)
{
	r->sid[s->sid].dirty = true;
	r->dirty = true;
}

/* A shift of 100 % is complete once a standby takes all; with reset_after this ends the flows that stayed, once. */
static void
settle_shift(struct registry *r, struct endpoint *e)
{
	const struct endpoint *standby = registry_standby_or_null(e);
	struct eid_slot *slot = &r->eid[e->eid];

	if (e->shift < SHARE_ONE && !e->drain)
		slot->failed_over = false;
	if (e->shift < SHARE_ONE) {
		slot->shift_complete = false;
		return;
	}
	if (slot->shift_complete || !standby || !can_take(standby))
		return;
	slot->shift_complete = true;
	if (e->service->config->established == ESTABLISHED_RESET_AFTER)
		e->epoch++;
}

static bool
has_shadow(const struct endpoint *e, const struct endpoint *shadow)
{
	size_t i;

	for (i = 0; i < e->shadow_count; i++)
		if (e->shadow[i] == shadow)
			return true;
	return false;
}

void
registry_endpoint_settle(struct registry *r, struct endpoint *e)
{
	settle_shift(r, e);
	registry_page_changed(r, e->eid);
}

void
registry_endpoint_changed(struct registry *r, struct endpoint *e, bool was_up)
{
	struct endpoint *other;
	size_t i;

	if (was_up && !registry_endpoint_is_up(e))
		e->epoch++;
	registry_endpoint_settle(r, e);
	for (i = 0; i < e->service->endpoint_count; i++) {
		other = e->service->endpoint[i];
		if (has_shadow(other, e))
			registry_endpoint_settle(r, other);
	}
}

const struct config *
registry_config(const struct registry *r)
{
	return r->config;
}

uint64_t
registry_config_generation(const struct registry *r)
{
	return r->reloads + 1;
}

size_t
registry_service_count(const struct registry *r)
{
	return r->service_count;
}

struct service *
registry_service_at(struct registry *r, size_t i)
{
	return i < r->service_count ? r->service[i] : NULL;
}

struct service *
registry_service_by_name(struct registry *r, const char *name)
{
	return registry_names_service_or_null(r->service_by_name, r->service_count, name);
}

struct endpoint *
registry_endpoint_by_name(struct registry *r, const char *service, const char *endpoint)
{
	const struct service *s = registry_service_by_name(r, service);

	return s ? registry_names_endpoint_or_null(s, endpoint) : NULL;
}

struct endpoint *
registry_endpoint_by_id(struct registry *r, uint32_t eid)
{
	return eid < r->eid_end ? r->eid[eid].endpoint : NULL;
}

struct service *
registry_service_by_id(struct registry *r, uint32_t sid)
{
	return sid < r->sid_end ? r->sid[sid].service : NULL;
}

uint32_t
registry_endpoint_limit(const struct registry *r)
{
	return r->eid_limit;
}

int
registry_set_shift(
		struct registry *r, struct endpoint *e, uint32_t shift, enum setting_source source)
{
	if (shift > SHARE_ONE)
		return -EINVAL;
	if (shift && !e->shadow_count)
		return -ENOENT;
	e->shift_source = shift == e->config->shift ? SETTING_FILE : source;
	if (e->shift == shift)
		return 0;
	e->shift = shift;
	settle_shift(r, e);
	registry_page_changed(r, e->eid);
	return 0;
}

int
registry_set_mirror(struct registry *r, struct endpoint *e, const struct config_mirror *mirror,
		enum setting_source source)
{
	if (mirror->share > SHARE_ONE)
		return -EINVAL;
	if (mirror->share && !e->shadow_count)
		return -ENOENT;
	e->mirror_source =
			registry_mirror_equal(mirror, &e->config->mirror) ? SETTING_FILE : source;
	if (registry_mirror_equal(mirror, &e->mirror))
		return 0;
	e->mirror = *mirror;
	registry_page_changed(r, e->eid);
	return 0;
}

int
registry_set_drain(struct registry *r, struct endpoint *e, bool drain, enum setting_source source)
{
	e->drain_source = drain == e->config->drain ? SETTING_FILE : source;
	if (e->drain == drain)
		return 0;
	e->drain = drain;
	registry_endpoint_changed(r, e, false);
	return 0;
}

void
registry_set_policy(struct endpoint *e, const struct policy_setting *setting)
{
	e->policy = *setting;
}

int
registry_set_weight(struct registry *r, struct endpoint *e, uint32_t weight)
{
	if (weight > UINT16_MAX)
		return -EINVAL;
	if (e->weight == weight)
		return 0;
	e->weight = weight;
	registry_page_changed(r, e->eid);
	registry_service_changed(r, e->service);
	return 0;
}

void
registry_set_health(struct registry *r, struct endpoint *e, enum health_state health,
		const char *reason)
{
	bool was_up = registry_endpoint_is_up(e);

	snprintf(e->health_reason, sizeof(e->health_reason), "%s", reason ? reason : "");
	if (e->health == health)
		return;
	e->health = health;
	e->health_since_ms = wall_clock_ms();
	if (registry_endpoint_is_up(e) != was_up)
		registry_endpoint_changed(r, e, was_up);
}

void
registry_set_neighbour(struct registry *r, struct endpoint *e, const struct view_l2 *l2_or_null,
		uint16_t mtu)
{
	bool was_up = registry_endpoint_is_up(e);
	struct view_l2 l2 = {0};

	if (l2_or_null) {
		memcpy(l2.dst, l2_or_null->dst, sizeof(l2.dst));
		memcpy(l2.src, l2_or_null->src, sizeof(l2.src));
		l2.port = l2_or_null->port;
	}
	if (e->resolved == !!l2_or_null && e->mtu == mtu && memcmp(&e->l2, &l2, sizeof(l2)) == 0)
		return;
	e->resolved = l2_or_null;
	e->l2 = l2;
	e->mtu = mtu;
	registry_endpoint_changed(r, e, was_up);
}

static bool
others_can_take(const struct endpoint *e)
{
	const struct service *s = e->service;
	size_t i;

	for (i = 0; i < s->endpoint_count; i++)
		if (s->endpoint[i] != e && can_take(s->endpoint[i]))
			return true;
	return false;
}

void
registry_set_suspect(struct registry *r, struct endpoint *e, bool suspect)
{
	if (suspect == e->suspect)
		return;
	e->suspect = suspect;
	registry_endpoint_changed(r, e, false);
}

int
registry_fail_over(struct registry *r, struct endpoint *e)
{
	const struct endpoint *standby = registry_standby_or_null(e);

	if (!others_can_take(e))
		return -EHOSTUNREACH;
	if (standby && can_take(standby))
		registry_set_shift(r, e, SHARE_ONE, SETTING_RUNTIME);
	else
		registry_set_drain(r, e, true, SETTING_RUNTIME);
	r->eid[e->eid].failed_over = true;
	e->epoch++;
	registry_page_changed(r, e->eid);
	return 0;
}

void
registry_set_active_flows(struct registry *r, registry_active_flows fn, void *arg)
{
	r->active_flows = fn;
	r->active_flows_arg = arg;
}

int
registry_set_ports(struct registry *r, const struct view_port *ports, uint32_t count)
{
	struct view_port *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	memcpy(copy, ports, count * sizeof(*copy));
	free(r->port);
	r->port = copy;
	r->port_count = count;
	r->dirty = true;
	return 0;
}

size_t
registry_local_count(const struct registry *r, int family)
{
	return family == AF_INET ? r->local4.count : r->local6.count;
}

struct ip_addr
registry_local_at(const struct registry *r, int family, size_t index, bool *active)
{
	const struct local_addresses *l = family == AF_INET ? &r->local4 : &r->local6;

	*active = l->active[index];
	return l->addr[index];
}
