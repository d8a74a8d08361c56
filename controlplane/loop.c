/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll set. The event's pointer is the watch; a callback may remove any watch, also one whose event is
 * still to come in the same batch. So removal is staged:
 *
 *   live --unwatch--> dead: out of the epoll set, its own descriptor closed, skipped for the rest of the batch
 *   dead --end of the batch--> freed
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Enough for a burst of connections; what is more comes with the next call. */
#define BATCH 64

enum watch_kind {
	WATCH_FD,
	WATCH_TIMER,
	WATCH_ONCE,
	WATCH_SIGNAL,
};

struct loop_watch {
	struct loop *loop;
	int fd;
	enum watch_kind kind;
	bool dead;
	loop_fn fn;
	void *arg;
	LIST_ENTRY(loop_watch) link;
};

LIST_HEAD(watch_list, loop_watch);

struct loop {
	int epoll_fd;
	bool stop;
	uint64_t overruns;
	struct watch_list live, dead;
};

static void
reap(struct watch_list *list)
{
	struct loop_watch *w;

	while ((w = LIST_FIRST(list))) {
		LIST_REMOVE(w, link);
		free(w);
	}
}

static struct loop_watch *
watch_add(struct loop *l, const struct loop_watch *init, uint32_t events)
{
	struct epoll_event event = {.events = events};
	struct loop_watch *w;

	w = malloc(sizeof(*w));
	if (!w)
		return NULL;
	*w = *init;
	w->loop = l;
	event.data.ptr = w;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, w->fd, &event) < 0) {
		int saved = errno;

		free(w);
		errno = saved;
		return NULL;
	}
	LIST_INSERT_HEAD(&l->live, w, link);
	return w;
}

/* As watch_add, for a descriptor that the watch owns. */
static struct loop_watch *
watch_add_owned(struct loop *l, const struct loop_watch *init)
{
	struct loop_watch *w = watch_add(l, init, EPOLLIN);
	int saved = errno;

	if (!w) {
		close(init->fd);
		errno = saved;
	}
	return w;
}

/* Takes the notice off the descriptor. False if there was none after all. */
static bool
consume(struct loop_watch *w)
{
	struct signalfd_siginfo info;
	uint64_t expirations;

	switch (w->kind) {
	case WATCH_FD:
		return true;
	case WATCH_TIMER:
		if (read(w->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
			return false;
		w->loop->overruns += expirations - 1;
		return true;
	case WATCH_ONCE:
		return read(w->fd, &expirations, sizeof(expirations)) == sizeof(expirations);
	case WATCH_SIGNAL:
		return read(w->fd, &info, sizeof(info)) == sizeof(info);
	}
	return false;
}

static void
dispatch(struct loop_watch *w)
{
	if (w->dead || !consume(w))
		return;
	w->fn(w->arg);
	if (w->kind == WATCH_ONCE)
		loop_unwatch(w);
}

struct loop *
loop_create(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	LIST_INIT(&l->live);
	LIST_INIT(&l->dead);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		int saved = errno;

		free(l);
		errno = saved;
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	struct loop_watch *w;

	if (!l)
		return;
	while ((w = LIST_FIRST(&l->live)))
		loop_unwatch(w);
	reap(&l->dead);
	close(l->epoll_fd);
	free(l);
}

struct loop_watch *
loop_watch(struct loop *l, int fd, loop_fn fn, void *arg)
{
	return loop_watch_events(l, fd, EPOLLIN, fn, arg);
}

struct loop_watch *
loop_watch_events(struct loop *l, int fd, uint32_t events, loop_fn fn, void *arg)
{
	struct loop_watch init = {.fd = fd, .kind = WATCH_FD, .fn = fn, .arg = arg};

	return watch_add(l, &init, events);
}

void
loop_watch_modify(struct loop_watch *w, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = w};
	int rc;

	if (w->dead)
		return;
	rc = epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &event);
	assert(rc == 0);
	(void)rc;
}

void
loop_unwatch(struct loop_watch *w)
{
	if (!w || w->dead)
		return;
	/* Fails only if the caller closed its descriptor first; it has then left the set by itself. */
	epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->kind != WATCH_FD)
		close(w->fd);
	w->dead = true;
	LIST_REMOVE(w, link);
	LIST_INSERT_HEAD(&w->loop->dead, w, link);
}

static struct timespec
from_ms(uint32_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	return t;
}

struct loop_watch *
loop_timer(struct loop *l, uint32_t first_ms, uint32_t period_ms, loop_fn fn, void *arg)
{
	struct itimerspec when = {.it_value = from_ms(first_ms), .it_interval = from_ms(period_ms)};
	struct loop_watch init = {
			.kind = period_ms ? WATCH_TIMER : WATCH_ONCE, .fn = fn, .arg = arg};

	/* All zero would disarm it. */
	if (first_ms == 0)
		when.it_value.tv_nsec = 1;
	init.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (init.fd < 0)
		return NULL;
	timerfd_settime(init.fd, 0, &when, NULL);
	return watch_add_owned(l, &init);
}

struct loop_watch *
loop_signal(struct loop *l, int signo, loop_fn fn, void *arg)
{
	struct loop_watch init = {.kind = WATCH_SIGNAL, .fn = fn, .arg = arg};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	errno = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (errno)
		return NULL;
	init.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (init.fd < 0)
		return NULL;
	return watch_add_owned(l, &init);
}

int
loop_run(struct loop *l)
{
	struct epoll_event event[BATCH];
	int i, n;

	while (!l->stop) {
		n = epoll_wait(l->epoll_fd, event, BATCH, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (i = 0; i < n; i++)
			dispatch(event[i].data.ptr);
		reap(&l->dead);
	}
	l->stop = false;
	return 0;
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

uint64_t
loop_overruns(const struct loop *l)
{
	return l->overruns;
}

static uint64_t
clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
loop_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

uint64_t
loop_wall_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}
