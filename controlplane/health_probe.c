/* SPDX-License-Identifier: Apache-2.0 */
#include "health_probe.h"

#include "health_http.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct health_prober {
	struct loop *loop;
	struct health_namespace *namespace;
	struct health_http *http;
	uint16_t sequence; /* of echo requests */
};

struct health_probe {
	struct health_prober *prober;
	struct health_target target;
	struct health_listener listener;
	struct health_get *get; /* http */
	int fd; /* the others */
	struct loop_watch *watch;
	uint64_t start_us;
	uint16_t sequence;
};

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

union any_sockaddr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
sockaddr_of(union any_sockaddr *out, const struct ip_addr *addr, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	if (ip_is_v4(addr)) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		out->v4.sin_addr.s_addr = ip_v4_be(addr);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(out->v6.sin6_addr.s6_addr, addr->b, 16);
	return sizeof(out->v6);
}

int
health_probe_socket(
		struct health_namespace *n, const struct health_target *t, int type, int protocol)
{
	static const struct linger reset = {.l_onoff = 1};
	union any_sockaddr source;
	socklen_t len = sockaddr_of(&source, &t->source, 0);
	int fd = health_namespace_socket(n, source.any.sa_family, type, protocol);
	int one = 1, rc;

	if (fd < 0)
		return fd;
	if (type == SOCK_STREAM && t->own_port)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	else if (type == SOCK_STREAM)
		/* Else each port rests a minute for all endpoints, and a thousand checks a second use them up. */
		setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, &source.any, len) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void
failed(const struct health_probe *p, int error, struct health_result *r)
{
	memset(r, 0, sizeof(*r));
	r->refused = error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
	snprintf(r->reason, sizeof(r->reason), "%s: %s", config_check_name(p->target.check->kind),
			strerror(error));
}

static void
answered(const struct health_probe *p, struct health_result *r, const char *text)
{
	memset(r, 0, sizeof(*r));
	r->ok = true;
	r->rtt_us = (uint32_t)(now_us() - p->start_us);
	snprintf(r->reason, sizeof(r->reason), "%s: %s", config_check_name(p->target.check->kind),
			text);
}

/* Whoever hears of the end may start the next probe: this one is gone by then. */
static void
end(struct health_probe *p, const struct health_result *r)
{
	struct health_listener listener = p->listener;

	health_probe_free(p);
	listener.fn(listener.arg, r);
}

static void
http_ended(void *arg, const struct health_result *r)
{
	end(arg, r);
}

static void
tcp_ready(void *arg)
{
	struct health_probe *p = arg;
	struct health_result r;
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		failed(p, error, &r);
	else
		answered(p, &r, "connected");
	end(p, &r);
}

static void
udp_ready(void *arg)
{
	struct health_probe *p = arg;
	const struct config_check *check = p->target.check;
	struct health_result r;
	uint8_t buffer[2048];
	ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		failed(p, errno, &r);
	} else {
		answered(p, &r, "answered");
		r.ok = (size_t)n >= check->expect_len &&
				(check->expect_len == 0 ||
						memcmp(buffer, check->expect, check->expect_len) ==
								0);
		if (!r.ok)
			snprintf(r.reason, sizeof(r.reason),
					"udp: reply of %zd bytes is not the expected one", n);
	}
	end(p, &r);
}

static void
icmp_ready(void *arg)
{
	struct health_probe *p = arg;
	struct health_result r;
	struct icmphdr reply; /* echo replies of both families are laid out alike */
	ssize_t n = recv(p->fd, &reply, sizeof(reply), 0);
	uint8_t want = ip_is_v4(&p->target.dst) ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n == sizeof(reply) &&
			(reply.type != want || ntohs(reply.un.echo.sequence) != p->sequence))
		return;
	if (n < 0)
		failed(p, errno, &r);
	else
		answered(p, &r, "echo answered");
	end(p, &r);
}

/* Opens, binds, connects and watches. 0 or -errno. */
static int
ask(struct health_probe *p, int type, int protocol, loop_fn ready)
{
	union any_sockaddr dst;
	socklen_t len = sockaddr_of(&dst, &p->target.dst, p->target.port);

	p->fd = health_probe_socket(p->prober->namespace, &p->target, type, protocol);
	if (p->fd < 0)
		return p->fd;
	if (connect(p->fd, &dst.any, len) < 0 && errno != EINPROGRESS)
		return -errno;
	p->watch = loop_watch_events(
			p->prober->loop, p->fd, type == SOCK_STREAM ? EPOLLOUT : EPOLLIN, ready, p);
	return p->watch ? 0 : -errno;
}

static int
ask_udp(struct health_probe *p)
{
	const struct config_check *check = p->target.check;
	int rc = ask(p, SOCK_DGRAM, IPPROTO_UDP, udp_ready);

	if (rc < 0)
		return rc;
	return send(p->fd, check->payload ? (const void *)check->payload : "", check->payload_len,
			       0) < 0
			? -errno
			: 0;
}

static int
ask_icmp(struct health_probe *p)
{
	bool v4 = ip_is_v4(&p->target.dst);
	struct icmphdr echo = {.type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST};
	int rc;

	p->target.port = 0;
	p->sequence = ++p->prober->sequence;
	echo.un.echo.sequence = htons(p->sequence);
	rc = ask(p, SOCK_DGRAM, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, icmp_ready);
	if (rc < 0)
		return rc;
	return send(p->fd, &echo, sizeof(echo), 0) < 0 ? -errno : 0;
}

static int
ask_http(struct health_probe *p)
{
	p->get = health_get_start(p->prober->http, &p->target, http_ended, p);
	return p->get ? 0 : -ENOMEM;
}

static int
ask_kind(struct health_probe *p)
{
	switch (p->target.check->kind) {
	case CHECK_NONE:
		return -EINVAL;
	case CHECK_TCP:
		return ask(p, SOCK_STREAM, IPPROTO_TCP, tcp_ready);
	case CHECK_HTTP:
		return ask_http(p);
	case CHECK_UDP:
		return ask_udp(p);
	case CHECK_ICMP:
		return ask_icmp(p);
	}
	return -EINVAL;
}

struct health_probe *
health_probe_start(struct health_prober *prober, const struct health_target *t,
		const struct health_listener *listener, struct health_result *failure)
{
	struct health_probe *p = calloc(1, sizeof(*p));
	int rc;

	if (!p) {
		memset(failure, 0, sizeof(*failure));
		strcpy(failure->reason, "out of memory");
		return NULL;
	}
	*p = (struct health_probe){.prober = prober,
			.target = *t,
			.listener = *listener,
			.fd = -1,
			.start_us = now_us()};
	rc = ask_kind(p);
	if (rc == 0)
		return p;
	failed(p, -rc, failure);
	health_probe_free(p);
	return NULL;
}

void
health_probe_free(struct health_probe *p)
{
	if (!p)
		return;
	health_get_free(p->get);
	loop_unwatch(p->watch);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

struct health_prober *
health_prober_create(struct loop *loop, struct health_namespace *n)
{
	struct health_prober *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->namespace = n;
	p->http = health_http_create(loop, n);
	if (p->http)
		return p;
	free(p);
	return NULL;
}

void
health_prober_free(struct health_prober *p)
{
	if (!p)
		return;
	health_http_free(p->http);
	free(p);
}
