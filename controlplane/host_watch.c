/* SPDX-License-Identifier: Apache-2.0 */
#include "host_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Addresses come and go in bunches: DHCP, containers. */
#define SETTLE_MS 200

struct host_watch {
	struct loop *loop;
	struct loop_watch *watch, *timer;
	loop_fn fn;
	void *arg;
	int fd;
};

static void
settled(void *arg)
{
	struct host_watch *w = arg;

	w->timer = NULL; /* it ends by itself */
	w->fn(w->arg);
}

/* What changed does not matter, nor that messages were lost (ENOBUFS): whoever hears of it reads all addresses anew. */
static void
readable(void *arg)
{
	struct host_watch *w = arg;
	char dropped[8192];
	ssize_t n;

	do
		n = recv(w->fd, dropped, sizeof(dropped), MSG_DONTWAIT);
	while (n > 0 || (n < 0 && errno == ENOBUFS));
	if (!w->timer)
		w->timer = loop_timer(w->loop, SETTLE_MS, 0, settled, w);
}

static int
open_socket(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK,
			.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

struct host_watch *
host_watch_create(struct loop *l, loop_fn fn, void *arg)
{
	struct host_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct host_watch){.loop = l, .fn = fn, .arg = arg, .fd = open_socket()};
	if (w->fd >= 0)
		w->watch = loop_watch(l, w->fd, readable, w);
	if (!w->watch) {
		host_watch_free(w);
		return NULL;
	}
	return w;
}

void
host_watch_free(struct host_watch *w)
{
	if (!w)
		return;
	loop_unwatch(w->timer);
	loop_unwatch(w->watch);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}
