/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a load client, each told of in a line when it is done:
 *
 *     KIND START_US LATENCY_US OUTCOME SERVER
 *
 * START_US: CLOCK_MONOTONIC. OUTCOME: ok, or what went wrong. SERVER: the body's first word; of DNS the last byte of the
 * address; - if none. One thread, and one set of exchanges.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
	EXCHANGES_MAX = 8192, /* open at a time: 2 s of timeout at 4,000/s */
	EXCHANGE_REPLY_MAX = 1024,
};

enum exchange_protocol {
	EXCHANGE_HTTP,
	EXCHANGE_REDIS,
	EXCHANGE_DNS
};

struct exchange {
	enum exchange_protocol protocol;
	char kind; /* as it is printed */
	bool stays; /* its connection or socket serves the next request too */
	bool anew; /* but not after one that failed */
	bool waiting; /* a request is open; one that stays may be idle */
	bool sent;
	int fd; /* -1: none */
	uint16_t id;
	uint64_t start_us;
	size_t got;
	char reply[EXCHANGE_REPLY_MAX];
};

/* `staying` of them, from the first on, are the caller's to set up and are never taken. Exits if it cannot. */
struct exchange *exchanges_init(unsigned staying, FILE *out);

/* An unused one, which is given back when it is done; NULL if all are open. */
struct exchange *exchange_take_or_null(void);

/* Sends a request, over a new connection if there is none. */
void exchange_begin(struct exchange *x, const struct sockaddr_storage *to, socklen_t len);
void exchange_event(struct exchange *x, uint32_t events); /* of epoll */
void exchanges_give_up(uint64_t timeout_us); /* those that are open for longer */
unsigned exchanges_open(void);
int exchanges_epoll(void); /* its events have the exchange as data; the caller may add others */
/* Exits with `program`'s name if it cannot. */
void exchanges_watch(int fd, void *what);

uint64_t exchange_now_us(void);
