/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health of endpoints: active checks, which leave through the data plane, and passive signals from it.
 *
 * Checks use the kernel's TCP and libcurl's HTTP in a private network namespace whose only link is a TUN device; the
 * control thread carries its packets to and from the lcores (inject, punt), so a check sees what the traffic sees
 * whatever the port is.
 */
#pragma once

#include "gateway.h"

struct rte_mbuf;

struct health *health_create(struct gateway *g); /* NULL with errno */
void health_free(struct health *h);

/* Follows the registry after a start or reload: starts, changes and stops checks. */
void health_sync(struct health *h);

/* A passive signal: evidence at once, confirmed by an immediate check where there is one. */
void health_event(struct health *h, const struct event *event);

/* A punted IP packet to one of our own addresses; takes ownership. False if it is none: the caller keeps it. */
bool health_input(struct health *h, struct rte_mbuf *frame);

/* Consecutive failures of its check, as a share of those that make it down: 0 to 1; 0 without a check. */
double health_failing(const struct health *h, const struct endpoint *e);

/* {state, reason, since, checks, failures, last_ms, rtt_us ...} of one endpoint. New reference. */
json_t *health_json(const struct health *h, const struct endpoint *e);
