/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's one epoll loop: file descriptors and timers. Nothing in it may block. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;

typedef void (*loop_fn)(void *arg);

struct loop *loop_create(void); /* NULL with errno */
void loop_free(struct loop *l); /* frees what is still watched */

/* Calls fn when fd is readable (or, for loop_watch_events, for any of the EPOLL* bits). The fd stays the caller's. */
struct loop_watch *loop_watch(struct loop *l, int fd, loop_fn fn, void *arg);
struct loop_watch *loop_watch_events(
		struct loop *l, int fd, uint32_t events, loop_fn fn, void *arg);
void loop_watch_modify(struct loop_watch *w, uint32_t events);
void loop_unwatch(struct loop_watch *w); /* NULL is fine; safe inside any callback */

/* A timer, first after first_ms, then every period_ms (0: once, and the watch is gone by itself after fn). */
struct loop_watch *loop_timer(
		struct loop *l, uint32_t first_ms, uint32_t period_ms, loop_fn fn, void *arg);

/* A signal, blocked for the calling thread (and those it makes later) and delivered here. */
struct loop_watch *loop_signal(struct loop *l, int signo, loop_fn fn, void *arg);

/* Runs until loop_stop(). 0 or -errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Periods of timers that passed before the one before them was served. */
uint64_t loop_overruns(const struct loop *l);

uint64_t loop_now_ms(void); /* monotonic */
uint64_t loop_wall_ms(void); /* since 1970 */
