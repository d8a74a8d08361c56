/* SPDX-License-Identifier: Apache-2.0 */
/* Registries of configurations made by hand, with all neighbours resolved. Included by one file of a test. */
#pragma once

#include "config_fixture.h"
#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Configurations that stay where a test has put them; as an allocator may give the address of one that was freed. */
static struct config registry_fixture_place[2];

void
config_free(struct config *config)
{
	struct config *moved;

	if (config != &registry_fixture_place[0] && config != &registry_fixture_place[1]) {
		fixture_free(config);
		return;
	}
	moved = malloc(sizeof(*moved));
	assert_non_null(moved);
	*moved = *config;
	fixture_free(moved);
}

static inline struct config *
registry_fixture_put(struct config *c, size_t place)
{
	registry_fixture_place[place] = *c;
	free(c);
	return &registry_fixture_place[place];
}

static const struct view_l2 somewhere = {
		.dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}, .port = 0};

/* web: a (shadows as, at), b (shadow bs); dns: a. */
static inline struct config *
two_services(void)
{
	struct config *c = fixture_config(16, 256);
	struct config_service *s = fixture_service(c, "web", "10.0.0.100", 80);
	struct config_endpoint *e;

	e = fixture_endpoint(s, "a", "10.0.0.11", "as");
	fixture_shadow(e, "at");
	fixture_endpoint(s, "b", "10.0.0.12", "bs");
	fixture_endpoint(s, "as", "10.0.0.21", NULL)->weight = 0;
	fixture_endpoint(s, "at", "10.0.0.31", NULL)->weight = 0;
	fixture_endpoint(s, "bs", "10.0.0.22", NULL)->weight = 0;
	s = fixture_service(c, "dns", "10.0.0.100", 53);
	s->protocol = IPPROTO_UDP;
	fixture_endpoint(s, "a", "10.0.0.41", NULL);
	return c;
}

static inline struct registry *
registry_of(struct config *c)
{
	struct registry *r = registry_create(c, 2);
	struct service *s;
	size_t i, j;

	assert_non_null(r);
	for (i = 0; i < registry_service_count(r); i++) {
		s = registry_service_at(r, i);
		for (j = 0; j < s->endpoint_count; j++)
			registry_set_neighbour(r, s->endpoint[j], &somewhere, 1500);
	}
	return r;
}

/* The view that replaces `*v`, which is released; the same one if nothing changed. */
static inline const struct view *
next_view(struct registry *r, const struct view **v)
{
	const struct view *fresh = registry_build_view(r);

	if (!fresh)
		return *v;
	if (*v)
		registry_release_view(r, *v);
	return *v = fresh;
}

static inline void
finish(struct registry *r, const struct view *v)
{
	if (v)
		registry_release_view(r, v);
	registry_free(r);
}

/* 20 services of 10 endpoints with a shadow each: ids 0 to 399. */
static inline struct config *
many(uint32_t services, uint32_t endpoints)
{
	struct config *c = fixture_config(services, services * endpoints);
	char name[32], shadow[32], addr[32];
	struct config_service *s;
	uint32_t i, j;

	for (i = 0; i < services; i++) {
		snprintf(name, sizeof(name), "service-%u", i);
		snprintf(addr, sizeof(addr), "10.1.%u.%u", i >> 8, i & 255);
		s = fixture_service(c, name, addr, 80);
		for (j = 0; j < endpoints; j++) {
			snprintf(name, sizeof(name), "endpoint-%u", j);
			snprintf(shadow, sizeof(shadow), "endpoint-%u", j + 1);
			snprintf(addr, sizeof(addr), "10.%u.%u.%u", 16 + (i >> 8), i & 255, j);
			fixture_endpoint(s, name, addr, j % 2 ? NULL : shadow);
		}
	}
	return c;
}
