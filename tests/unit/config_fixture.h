/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations made by hand, for tests of what comes after the parser. Out of memory ends the test. */
#pragma once

#include "config.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static inline void *
fixture_grow(void *array, size_t count, size_t size)
{
	char *grown = realloc(array, (count + 1) * size);

	assert(grown);
	memset(grown + count * size, 0, size);
	return grown;
}

static inline struct ip_addr
fixture_addr(const char *text)
{
	struct ip_addr a = {0};
	int ret = ip_parse(text, &a);

	assert(ret == 0);
	(void)ret;
	return a;
}

static inline struct config *
fixture_config(uint32_t services, uint32_t endpoints)
{
	struct config *c = calloc(1, sizeof(*c));

	assert(c);
	c->gateway.hash_seed = 1;
	c->limits.services = services;
	c->limits.endpoints = endpoints;
	c->limits.local_addresses = 4;
	return c;
}

/* The pointer is good until the next service. */
static inline struct config_service *
fixture_service(struct config *c, const char *name, const char *addr, uint16_t port)
{
	struct config_service *s;

	c->service = fixture_grow(c->service, c->service_count, sizeof(*s));
	s = &c->service[c->service_count++];
	s->name = strdup(name);
	s->addr = fixture_addr(addr);
	s->protocol = IPPROTO_TCP;
	s->forward = FORWARD_FULLNAT;
	s->port_first = s->port_last = port;
	return s;
}

/* `shadow` may be NULL. The pointer is good until the service's next endpoint. */
static inline struct config_endpoint *
fixture_endpoint(struct config_service *s, const char *name, const char *addr, const char *shadow)
{
	struct config_endpoint *e;

	s->endpoint = fixture_grow(s->endpoint, s->endpoint_count, sizeof(*e));
	e = &s->endpoint[s->endpoint_count++];
	e->name = strdup(name);
	e->zone = strdup("");
	e->addr = fixture_addr(addr);
	e->weight = 100;
	if (shadow) {
		e->shadow = fixture_grow(NULL, 0, sizeof(char *));
		e->shadow[0] = strdup(shadow);
		e->shadow_count = 1;
	}
	return e;
}

static inline void
fixture_shadow(struct config_endpoint *e, const char *shadow)
{
	e->shadow = fixture_grow(e->shadow, e->shadow_count, sizeof(char *));
	e->shadow[e->shadow_count++] = strdup(shadow);
}

static inline void
fixture_local(struct config *c, const char *addr)
{
	c->local = fixture_grow(c->local, c->local_count, sizeof(*c->local));
	c->local[c->local_count++] = fixture_addr(addr);
}

static inline void
fixture_service_free(struct config_service *s)
{
	size_t i, j;

	for (i = 0; i < s->endpoint_count; i++) {
		for (j = 0; j < s->endpoint[i].shadow_count; j++)
			free(s->endpoint[i].shadow[j]);
		free(s->endpoint[i].shadow);
		free(s->endpoint[i].zone);
		free(s->endpoint[i].name);
	}
	free(s->endpoint);
	free(s->cohort);
	free(s->name);
}

/* For the test's own config_free(). */
static inline void
fixture_free(struct config *c)
{
	size_t i;

	for (i = 0; c && i < c->service_count; i++)
		fixture_service_free(&c->service[i]);
	if (c) {
		free(c->service);
		free(c->local);
	}
	free(c);
}
