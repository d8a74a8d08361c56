/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as scripts, for tests of track. */
#pragma once

#include "track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Scripts. One segment per word:
 *
 *	[+US]<DIR><FLAGS>[seq][:len][/ack][!window]
 *
 * DIR is > (from the client) or < (from the server). FLAGS are of S A R F, and none in a datagram. seq and
 * ack are relative to the initial numbers of their side. +US lets time pass first. A leading ~ adopts the
 * flow in mid-stream.
 */
struct script {
	struct track t;
	struct endpoint_counters c;
	uint32_t isn_client, isn_server;
	uint64_t us;
	unsigned news; /* of the last packet */
	uint8_t protocol;
	bool begun, adopted;
};

static inline struct track_time
now_of(const struct script *s)
{
	return (struct track_time){.ms = (uint32_t)(s->us / 1000), .us = (uint32_t)s->us};
}

static inline uint8_t
flags_of(const char **p)
{
	static const char names[] = "FSR A";
	uint8_t flags = 0;
	const char *f;

	for (; **p && (f = strchr(names, **p)); (*p)++)
		flags |= 1u << (f - names);
	return flags;
}

static inline uint32_t
number_after(const char *word, char mark, uint32_t fallback)
{
	const char *p = strchr(word, mark);

	return p ? (uint32_t)strtol(p + 1, NULL, 10) : fallback;
}

static inline void
step(struct script *s, const char *word)
{
	struct track_packet p = {.protocol = s->protocol, .frame_len = 60};
	bool from_client;
	const char *at = word;

	if (*at == '~') {
		s->adopted = true;
		return;
	}
	if (*at == '+')
		s->us += strtoul(at + 1, (char **)&at, 10);
	from_client = *at++ == '>';
	p.tcp_flags = flags_of(&at);
	p.seq = (from_client ? s->isn_client : s->isn_server) + (uint32_t)strtol(at, NULL, 10);
	p.ack = (from_client ? s->isn_server : s->isn_client) + number_after(at, '/', 0);
	p.payload_len = number_after(at, ':', 0);
	p.window = (uint16_t)number_after(at, '!', 1000);
	if (!s->begun) {
		track_begin(&s->t, s->protocol, s->adopted, now_of(s), &s->c);
		s->begun = true;
	}
	s->news = (from_client ? track_from_client : track_from_server)(
			&s->t, &p, now_of(s), &s->c);
}

static inline void
play(struct script *s, const char *text)
{
	char copy[1024], *save, *word;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		step(s, word);
}
