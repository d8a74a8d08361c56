/* SPDX-License-Identifier: Apache-2.0 */
/* When results and signals change the state of an endpoint. Pure: time is an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry.h"

/* Without a check: so many signals within a second keep new flows off an endpoint for a while. */
#define HEALTH_SIGNALS 3
#define HEALTH_SIGNALS_MS 1000
#define HEALTH_HOLD_MS 5000

struct health_record {
	enum health_state state;
	bool decided; /* a check has had its first result */
	uint32_t good, bad; /* consecutive */
	uint64_t signal_ms[HEALTH_SIGNALS]; /* the newest, in turn; 0: none */
	uint32_t signal_next;
	uint64_t hold_until_ms; /* 0: not held */
};

/* A check's result. The first decides at once; later `rise` good or `fall` bad ones in a row do. True: state changed. */
bool health_record_result(struct health_record *r, bool ok, uint32_t rise, uint32_t fall);

/* A check that was asked for because of a signal failed: two witnesses, no more are needed. True: state changed. */
bool health_record_confirmed(struct health_record *r);

/* A signal about an endpoint without check, and the end of what it led to. True: the endpoint is a suspect from now on,
 * or no longer. The state stays: a client can bring signals about, and must not end the flows of others. */
bool health_record_signal(struct health_record *r, uint64_t now_ms);
bool health_record_release(struct health_record *r, uint64_t now_ms);
