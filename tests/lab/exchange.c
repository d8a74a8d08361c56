/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static struct exchange all[EXCHANGES_MAX];
static unsigned unused[EXCHANGES_MAX], unused_count, open_count;
static uint16_t next_id;
static int epoll_fd;
static FILE *told;

uint64_t
exchange_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
disconnect(struct exchange *x)
{
	if (x->fd >= 0)
		close(x->fd);
	x->fd = -1;
}

/* Ends the open request: `outcome` is "ok" or what went wrong. */
static void
finish(struct exchange *x, const char *outcome, const char *server)
{
	bool ok = !strcmp(outcome, "ok");

	fprintf(told, "%c %llu %llu %s %s\n", x->kind, (unsigned long long)x->start_us,
			(unsigned long long)(exchange_now_us() - x->start_us), outcome, server);
	x->waiting = false;
	open_count--;
	if (!x->stays || (x->anew && !ok))
		disconnect(x);
	if (!x->stays)
		unused[unused_count++] = (unsigned)(x - all);
}

static void
fail(struct exchange *x, int error)
{
	switch (error) {
	case ECONNREFUSED:
		finish(x, "refused", "-");
		break;
	case ECONNRESET:
	case EPIPE:
		finish(x, "reset", "-");
		break;
	case ETIMEDOUT:
		finish(x, "timeout", "-");
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
		finish(x, "unreachable", "-");
		break;
	default:
		finish(x, "error", "-");
	}
}

static int
connect_to(struct exchange *x, const struct sockaddr_storage *to, socklen_t len)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = x};
	int type = x->protocol == EXCHANGE_DNS ? SOCK_DGRAM : SOCK_STREAM;

	x->fd = socket(to->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return -errno;
	if (connect(x->fd, (const struct sockaddr *)to, len) < 0 && errno != EINPROGRESS)
		return -errno;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, x->fd, &event) < 0 ? -errno : 0;
}

static size_t
request_text(const struct exchange *x, char *text, size_t size)
{
	static const char question[] = "\1\0\0\1\0\0\0\0\0\0\2id\3lab\0\0\1\0\1";

	switch (x->protocol) {
	case EXCHANGE_HTTP:
		return (size_t)snprintf(text, size, "GET / HTTP/1.1\r\nHost: lab\r\n%s\r\n",
				x->stays ? "" : "Connection: close\r\n");
	case EXCHANGE_REDIS:
		return (size_t)snprintf(text, size, "GET name\r\n");
	case EXCHANGE_DNS:
		text[0] = (char)(x->id >> 8);
		text[1] = (char)x->id;
		memcpy(text + 2, question, sizeof(question) - 1);
		return 2 + sizeof(question) - 1;
	}
	return 0;
}

static void
send_request(struct exchange *x)
{
	char text[128];
	size_t len = request_text(x, text, sizeof(text));

	if (send(x->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len)
		x->sent = true;
	else if (errno != EAGAIN && errno != ENOTCONN)
		fail(x, errno);
}

void
exchange_begin(struct exchange *x, const struct sockaddr_storage *to, socklen_t len)
{
	int error = 0;

	x->waiting = true;
	x->sent = false;
	x->got = 0;
	x->reply[0] = '\0';
	x->id = next_id++;
	x->start_us = exchange_now_us();
	open_count++;
	if (x->fd < 0)
		error = connect_to(x, to, len);
	if (error)
		fail(x, -error);
	else
		send_request(x); /* while the connection is being made, EPOLLOUT sends it */
}

static void
word(const char *text, char *server, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && text[i] > ' '; i++)
		server[i] = text[i];
	server[i] = '\0';
}

/* NULL while the reply is not complete; else its outcome, and who gave it. */
static const char *
http_outcome(const struct exchange *x, char *server, size_t size)
{
	const char *length = strstr(x->reply, "Content-Length: "),
		   *body = strstr(x->reply, "\r\n\r\n");

	if (!body || !length ||
			x->got - (size_t)(body + 4 - x->reply) < strtoul(length + 16, NULL, 10))
		return NULL;
	word(body + 4, server, size);
	return x->got > 9 && x->reply[9] < '5' ? "ok" : "status-5xx";
}

/* "$4\r\nweb1\r\n" */
static const char *
redis_outcome(const struct exchange *x, char *server, size_t size)
{
	const char *body = strstr(x->reply, "\r\n");

	if (x->reply[0] != '$')
		return body ? "status-5xx" : NULL;
	if (!body || !strstr(body + 2, "\r\n"))
		return NULL;
	word(body + 2, server, size);
	return "ok";
}

static void
read_stream(struct exchange *x)
{
	char server[32] = "-";
	const char *outcome;
	ssize_t n;

	while ((n = recv(x->fd, x->reply + x->got, EXCHANGE_REPLY_MAX - 1 - x->got, 0)) > 0)
		x->got += (size_t)n;
	x->reply[x->got] = '\0';
	if (n < 0 && errno != EAGAIN && x->waiting) {
		fail(x, errno);
		return;
	}
	outcome = x->protocol == EXCHANGE_HTTP ? http_outcome(x, server, sizeof(server))
					       : redis_outcome(x, server, sizeof(server));
	if (x->waiting && outcome)
		finish(x, outcome, server);
	else if (n == 0 && x->waiting)
		finish(x, "closed", "-");
	else if (n == 0 || (n < 0 && errno != EAGAIN))
		disconnect(x); /* one that stays ended while idle: the next request makes a new one */
}

static void
read_dns(struct exchange *x)
{
	uint8_t reply[EXCHANGE_REPLY_MAX];
	char server[8];
	ssize_t n;

	while ((n = recv(x->fd, reply, sizeof(reply), 0)) >= 0) {
		if (!x->waiting || n < 16 || reply[0] != x->id >> 8 || reply[1] != (x->id & 0xff))
			continue; /* late, or not an answer to this one */
		snprintf(server, sizeof(server), "%u", reply[n - 1]);
		finish(x, reply[7] ? "ok" : "no-answer", server);
		if (x->fd < 0)
			return;
	}
	if (errno != EAGAIN && x->waiting)
		fail(x, errno);
}

void
exchange_event(struct exchange *x, uint32_t events)
{
	if (x->fd < 0)
		return;
	if (x->waiting && !x->sent && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP)))
		send_request(x);
	if (x->fd < 0 || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	if (x->protocol == EXCHANGE_DNS)
		read_dns(x);
	else
		read_stream(x);
}

struct exchange *
exchange_take_or_null(void)
{
	struct exchange *x;

	if (!unused_count)
		return NULL;
	x = &all[unused[--unused_count]];
	x->stays = false;
	x->fd = -1;
	return x;
}

void
exchanges_give_up(uint64_t timeout_us)
{
	uint64_t now = exchange_now_us();
	unsigned i;

	for (i = 0; i < EXCHANGES_MAX; i++)
		if (all[i].waiting && now - all[i].start_us > timeout_us)
			fail(&all[i], ETIMEDOUT);
}

unsigned
exchanges_open(void)
{
	return open_count;
}

int
exchanges_epoll(void)
{
	return epoll_fd;
}

void
exchanges_watch(int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		perror("load");
		exit(1);
	}
}

struct exchange *
exchanges_init(unsigned staying, FILE *out)
{
	unsigned i;

	told = out;
	for (i = EXCHANGES_MAX; i > staying; i--)
		unused[unused_count++] = i - 1;
	for (i = 0; i < EXCHANGES_MAX; i++)
		all[i].fd = -1;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return all;
}
