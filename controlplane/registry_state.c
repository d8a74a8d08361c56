/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime settings as JSON:
 *
 *   {"version": 1, "services": {"web": {"web1": {
 *       "shift": {"value": 32768, "file": 0}, "drain": {...}, "mirror": {"value": {...}, "file": {...}},
 *       "policy": {"mode": "act", "hold": false, "steers": true, "mirrors": false, "state": "rollback",
 *           "backoff": 1, "home_since_ms": 0, "cooling_until_ms": 0, "cooling_facts_until_ms": 0}}}}}
 *
 * "file" is what the configuration said when the setting was made: if it says something else by now, the
 * file was changed later and wins, as in a reload.
 *
 * The policy's memory, from "state" on, is left out where it says nothing, and in files of before there was one.
 */
#include "registry_model.h"

#include <errno.h>
#include <string.h>

#define VERSION 1

/* Adds {"value": value, "file": file}; takes both references. */
static int
add_setting(json_t *to, const char *key, json_t *value, json_t *file)
{
	return json_object_set_new(to, key, json_pack("{s:o, s:o}", "value", value, "file", file));
}

static json_t *
mirror_pack(const struct config_mirror *m)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "share", (json_int_t)m->share, "shadows",
			(json_int_t)m->shadows, "pps", (json_int_t)m->pps, "bps",
			(json_int_t)m->bps);
}

static bool
policy_is_none(const struct policy_setting *p)
{
	return !p->has_mode && !p->hold && !p->steers && !p->mirrors &&
			policy_memory_is_none(&p->memory);
}

static json_t *
memory_pack(const struct policy_memory *m)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "state", policy_state_name(m->state),
			"backoff", (json_int_t)m->backoff, "home_since_ms",
			(json_int_t)m->home_since_ms, "cooling_until_ms",
			(json_int_t)m->cooling_until_ms, "cooling_facts_until_ms",
			(json_int_t)m->cooling_facts_until_ms);
}

static json_t *
policy_pack(const struct policy_setting *p)
{
	json_t *o = json_pack("{s:s?, s:b, s:b, s:b}", "mode",
			p->has_mode ? policy_mode_name(p->mode) : NULL, "hold", p->hold, "steers",
			p->steers, "mirrors", p->mirrors);
	json_t *memory =
			policy_memory_is_none(&p->memory) ? json_object() : memory_pack(&p->memory);

	if (json_object_update(o, memory) == 0) {
		json_decref(memory);
		return o;
	}
	json_decref(memory);
	json_decref(o);
	return NULL;
}

/* New reference; NULL when out of memory. */
static json_t *
endpoint_state(const struct endpoint *e)
{
	json_t *o = json_object();
	int failed = 0;

	if (e->shift_source == SETTING_RUNTIME)
		failed |= add_setting(
				o, "shift", json_integer(e->shift), json_integer(e->config->shift));
	if (e->drain_source == SETTING_RUNTIME)
		failed |= add_setting(
				o, "drain", json_boolean(e->drain), json_boolean(e->config->drain));
	if (e->mirror_source == SETTING_RUNTIME)
		failed |= add_setting(o, "mirror", mirror_pack(&e->mirror),
				mirror_pack(&e->config->mirror));
	if (!policy_is_none(&e->policy))
		failed |= json_object_set_new(o, "policy", policy_pack(&e->policy));
	if (!failed)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
service_state(const struct service *s)
{
	json_t *o = json_object(), *endpoint;
	int failed = !o;
	size_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		endpoint = endpoint_state(s->endpoint[i]);
		if (endpoint && json_object_size(endpoint))
			failed |= json_object_set(o, s->endpoint[i]->config->name, endpoint);
		failed |= !endpoint;
		json_decref(endpoint);
	}
	if (!failed)
		return o;
	json_decref(o);
	return NULL;
}

json_t *
registry_state(const struct registry *r)
{
	json_t *services = json_object(), *service;
	int failed = !services;
	size_t i;

	for (i = 0; i < r->service_count; i++) {
		service = service_state(r->service[i]);
		if (service && json_object_size(service))
			failed |= json_object_set(services, r->service[i]->config->name, service);
		failed |= !service;
		json_decref(service);
	}
	if (!failed)
		return json_pack("{s:i, s:o}", "version", VERSION, "services", services);
	json_decref(services);
	return NULL;
}

/* What was read for one endpoint; `has_` says which of it is there and still applies. */
struct saved {
	struct endpoint *endpoint;
	bool has_shift, has_drain, has_mirror;
	struct policy_setting policy;
	uint32_t shift;
	bool drain;
	struct config_mirror mirror;
};

static int
number_unpack(const json_t *o, json_int_t max, json_int_t *out)
{
	if (!json_is_integer(o) || json_integer_value(o) < 0 || json_integer_value(o) > max)
		return -EINVAL;
	*out = json_integer_value(o);
	return 0;
}

static int
mirror_unpack(const json_t *o, struct config_mirror *m)
{
	json_int_t share, shadows, pps, bps;

	if (number_unpack(json_object_get(o, "share"), SHARE_ONE, &share) < 0 ||
			number_unpack(json_object_get(o, "shadows"), UINT32_MAX, &shadows) < 0 ||
			number_unpack(json_object_get(o, "pps"), UINT32_MAX, &pps) < 0 ||
			number_unpack(json_object_get(o, "bps"), INT64_MAX, &bps) < 0)
		return -EINVAL;
	m->share = (uint32_t)share;
	m->shadows = (uint32_t)shadows;
	m->pps = (uint32_t)pps;
	m->bps = (uint64_t)bps;
	return 0;
}

static int
shift_unpack(const json_t *o, struct saved *s)
{
	json_int_t value, file;

	if (!o)
		return 0;
	if (number_unpack(json_object_get(o, "value"), SHARE_ONE, &value) < 0 ||
			number_unpack(json_object_get(o, "file"), SHARE_ONE, &file) < 0)
		return -EINVAL;
	s->shift = (uint32_t)value;
	s->has_shift = s->endpoint->config->shift == file;
	return 0;
}

static int
drain_unpack(const json_t *o, struct saved *s)
{
	const json_t *value = json_object_get(o, "value"), *file = json_object_get(o, "file");

	if (!o)
		return 0;
	if (!json_is_boolean(value) || !json_is_boolean(file))
		return -EINVAL;
	s->drain = json_is_true(value);
	s->has_drain = s->endpoint->config->drain == json_is_true(file);
	return 0;
}

static int
mirror_setting_unpack(const json_t *o, struct saved *s)
{
	struct config_mirror file;

	if (!o)
		return 0;
	if (mirror_unpack(json_object_get(o, "value"), &s->mirror) < 0 ||
			mirror_unpack(json_object_get(o, "file"), &file) < 0)
		return -EINVAL;
	s->has_mirror = registry_mirror_equal(&s->endpoint->config->mirror, &file);
	return 0;
}

static int
time_unpack(const json_t *memory, const char *key, uint64_t *out)
{
	json_int_t ms;

	if (number_unpack(json_object_get(memory, key), INT64_MAX, &ms) < 0)
		return -EINVAL;
	*out = (uint64_t)ms;
	return 0;
}

static int
memory_unpack(const json_t *o, struct policy_memory *m)
{
	const json_t *state = json_object_get(o, "state");
	json_int_t backoff;
	unsigned i;

	if (!state)
		return 0;
	for (i = 0; json_is_string(state) && i < POLICY_STATES; i++) {
		if (!strcmp(json_string_value(state), policy_state_name((enum policy_state)i)))
			break;
	}
	if (!json_is_string(state) || i == POLICY_STATES ||
			number_unpack(json_object_get(o, "backoff"), UINT32_MAX, &backoff) < 0 ||
			time_unpack(o, "home_since_ms", &m->home_since_ms) < 0 ||
			time_unpack(o, "cooling_until_ms", &m->cooling_until_ms) < 0)
		return -EINVAL;
	m->state = (enum policy_state)i;
	m->backoff = (uint32_t)backoff;
	return time_unpack(o, "cooling_facts_until_ms", &m->cooling_facts_until_ms);
}

static int
policy_unpack(const json_t *o, struct saved *s)
{
	const char *mode = json_string_value(json_object_get(o, "mode"));
	unsigned m;

	if (!o)
		return 0;
	if (!json_is_object(o))
		return -EINVAL;
	for (m = 0; mode && m < POLICY_MODES && strcmp(mode, policy_mode_name(m)) != 0; m++)
		;
	if (mode && m == POLICY_MODES)
		return -EINVAL;
	s->policy = (struct policy_setting){.has_mode = mode != NULL,
			.mode = mode ? (enum policy_mode)m : POLICY_OBSERVE,
			.hold = json_is_true(json_object_get(o, "hold")),
			.steers = json_is_true(json_object_get(o, "steers")),
			.mirrors = json_is_true(json_object_get(o, "mirrors"))};
	return memory_unpack(o, &s->policy.memory);
}

static int
saved_unpack(const json_t *o, struct saved *s)
{
	int ret;

	if (!json_is_object(o))
		return -EINVAL;
	ret = shift_unpack(json_object_get(o, "shift"), s);
	if (ret == 0)
		ret = drain_unpack(json_object_get(o, "drain"), s);
	if (ret == 0)
		ret = mirror_setting_unpack(json_object_get(o, "mirror"), s);
	return ret < 0 ? ret : policy_unpack(json_object_get(o, "policy"), s);
}

/* What an endpoint can no longer do, a shift without a shadow, is left out. */
static void
saved_apply(struct registry *r, const struct saved *s)
{
	if (s->has_shift)
		(void)registry_set_shift(r, s->endpoint, s->shift, SETTING_RUNTIME);
	if (s->has_drain)
		(void)registry_set_drain(r, s->endpoint, s->drain, SETTING_RUNTIME);
	if (s->has_mirror)
		(void)registry_set_mirror(r, s->endpoint, &s->mirror, SETTING_RUNTIME);
	registry_set_policy(s->endpoint, &s->policy);
}

/* One pass over all names; `apply` only after a pass without has found nothing wrong. */
typedef void (*saved_fn)(struct registry *r, const struct saved *s);

static void
saved_ignore(struct registry *r, const struct saved *s)
{
}

static int
endpoints_walk(struct registry *r, const char *service, json_t *endpoints, saved_fn fn)
{
	const char *name;
	json_t *o;

	if (!json_is_object(endpoints))
		return -EINVAL;
	json_object_foreach(endpoints, name, o)
	{
		struct saved s = {.endpoint = registry_endpoint_by_name(r, service, name)};

		if (!s.endpoint)
			continue;
		if (saved_unpack(o, &s) < 0)
			return -EINVAL;
		fn(r, &s);
	}
	return 0;
}

static int
services_walk(struct registry *r, json_t *services, saved_fn fn)
{
	const char *name;
	json_t *endpoints;

	json_object_foreach(services, name,
			endpoints) if (endpoints_walk(r, name, endpoints, fn) < 0) return -EINVAL;
	return 0;
}

int
registry_restore(struct registry *r, const json_t *state)
{
	json_t *services = json_object_get(state, "services");

	if (json_integer_value(json_object_get(state, "version")) != VERSION ||
			!json_is_object(services))
		return -EINVAL;
	if (services_walk(r, services, saved_ignore) < 0)
		return -EINVAL;
	return services_walk(r, services, saved_apply);
}
