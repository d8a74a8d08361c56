/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets to our own addresses reach the stack of the checks: those that may answer it. Everything else would
 * cost a write, the stack's refusal, and a question for the sender's link address. Pure: time is an argument.
 */
#pragma once

#include "health_alias.h"

struct health_door;

struct health_door *health_door_create(void); /* NULL: out of memory */
void health_door_free(struct health_door *d);

/* The addresses that checks are for, in any order, some more than once; replaces those before. -ENOMEM: they stay. */
int health_door_follow(struct health_door *d, const struct ip_addr *far, size_t count);

/* A packet of the stack goes out: answers to its port are let in from now on, for two minutes. */
void health_door_sent(struct health_door *d, const struct health_packet *out, uint64_t now_ms);

/* An IP packet whose destination is ours. From a far address (an ICMP error: about one), to a port that was sent from,
 * and in TCP no attempt to connect. Packets whose ports cannot be read, fragments say, are judged by their source. */
bool health_door_admits(
		const struct health_door *d, const uint8_t *packet, size_t len, uint64_t now_ms);
