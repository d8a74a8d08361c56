/* SPDX-License-Identifier: Apache-2.0 */
/* The events that people are told of: `understudyctl events`, and the log. A ring of the newest. Control thread. */
#pragma once

#include <jansson.h>
#include <stdint.h>

enum journal_level {
	JOURNAL_ERR, /* an operator must act */
	JOURNAL_WARNING, /* we went on with less */
	JOURNAL_NOTICE, /* the service changed state */
	JOURNAL_DEBUG,
};

struct journal;

struct journal *journal_create(uint32_t limit);
void journal_free(struct journal *j);

/* Records an event of a kind ("endpoint-down", "reload", "shift", ...), about service and endpoint (either may be
 * NULL), with a sentence; also written to the log (stderr, with syslog priority prefixes under systemd;
 * lines that it does not take at once are lost and counted there). */
void journal_add(struct journal *j, enum journal_level level, const char *kind, const char *service,
		const char *endpoint, const char *format, ...)
		__attribute__((format(printf, 6, 7)));

/* Events with a number greater than `after`, oldest first, at most `max`: array of {number, time, level, kind, service,
 * endpoint, text}; time in ms since 1970, level "error" to "debug". New reference. */
json_t *journal_since(const struct journal *j, uint64_t after, uint32_t max);
uint64_t journal_last(const struct journal *j);

/* Calls fn after each added event (one listener; for waiting API requests). */
void journal_listen(struct journal *j, void (*fn)(void *arg), void *arg);
