/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one endpoint, over sockets of the private namespace. Control thread; nothing blocks. */
#pragma once

#include "config.h"
#include "health_namespace.h"
#include "loop.h"

struct health_prober;
struct health_probe;

struct health_prober *health_prober_create(struct loop *loop, struct health_namespace *n);
void health_prober_free(struct health_prober *p); /* all probes must have ended */

/* What to ask, and from where. `check` must live until the probe ends. */
struct health_target {
	const struct config_check *check;
	struct ip_addr source, dst;
	struct ip_addr host; /* http: for the Host header, where the check names none */
	uint16_t port;
	bool own_port; /* local port shared with no other socket, and free again at once */
};

struct health_result {
	bool ok;
	bool refused; /* a definite no: connection refused, port or host unreachable */
	uint32_t rtt_us; /* to the answer; 0 if there was none */
	char reason[80];
};
typedef void (*health_probe_fn)(void *arg, const struct health_result *result);

/* Asks; fn is called once, later, unless the probe is freed before; the probe is then gone. NULL: it could not even be
 * asked; the reason is in *failure. There is no timeout: the caller frees a probe that takes too long. */
struct health_listener {
	health_probe_fn fn;
	void *arg;
};
struct health_probe *health_probe_start(struct health_prober *p, const struct health_target *t,
		const struct health_listener *listener, struct health_result *failure);
void health_probe_free(struct health_probe *p);
