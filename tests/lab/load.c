/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load client that keeps a rate whatever the answers do, and tells of every single request: HTTP over new
 * connections, DNS over new sockets, and with --long one connection and one socket that stay. One line per request:
 *
 *     KIND START_US LATENCY_US OUTCOME SERVER
 *
 * KIND: h, d (new connection or socket), H, D (the long ones). START_US: CLOCK_MONOTONIC. OUTCOME: ok, or what went
 * wrong. SERVER: the body's first word; of DNS the last byte of the address; - if none. SIGTERM ends it: no new requests,
 * and the open ones get their answer or their timeout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EXCHANGES_MAX = 8192, /* open at a time: 2 s of timeout at 4,000/s */
	REPLY_MAX = 1024,
	TICK_US = 1000,
	EVENTS_MAX = 64,
};

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
	double rate;
	double owed; /* requests due and not yet begun */
};

struct exchange {
	char kind; /* 0: slot unused */
	bool waiting; /* a request is open; a long one may be idle */
	bool sent;
	int fd;
	uint16_t id;
	uint64_t start_us;
	size_t got;
	char reply[REPLY_MAX];
};

static struct target http, dns, long_http, long_dns;
static struct exchange exchanges[EXCHANGES_MAX];
static unsigned unused[EXCHANGES_MAX], unused_count, open_count;
static uint64_t timeout_us = 2000000;
static uint16_t next_id;
static int epoll_fd;
static bool ending;

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool
is_long(const struct exchange *x)
{
	return x->kind == 'H' || x->kind == 'D';
}

static bool
is_http(const struct exchange *x)
{
	return x->kind == 'h' || x->kind == 'H';
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

	printf("%c %llu %llu %s %s\n", x->kind, (unsigned long long)x->start_us,
			(unsigned long long)(now_us() - x->start_us), outcome, server);
	x->waiting = false;
	open_count--;
	if (!is_long(x) || (x->kind == 'H' && !ok))
		disconnect(x);
	if (!is_long(x)) {
		x->kind = 0;
		unused[unused_count++] = (unsigned)(x - exchanges);
	}
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
connect_to(struct exchange *x, const struct target *t, int type)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = x};

	x->fd = socket(t->addr.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return -errno;
	if (connect(x->fd, (const struct sockaddr *)&t->addr, t->len) < 0 && errno != EINPROGRESS)
		return -errno;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, x->fd, &event) < 0 ? -errno : 0;
}

static size_t
http_request(const struct exchange *x, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "GET / HTTP/1.1\r\nHost: lab\r\n%s\r\n",
			is_long(x) ? "" : "Connection: close\r\n");
}

static size_t
dns_request(const struct exchange *x, char *out)
{
	static const char question[] = "\1\0\0\1\0\0\0\0\0\0\2id\3lab\0\0\1\0\1";

	out[0] = (char)(x->id >> 8);
	out[1] = (char)x->id;
	memcpy(out + 2, question, sizeof(question) - 1);
	return 2 + sizeof(question) - 1;
}

static void
send_request(struct exchange *x)
{
	char data[128];
	size_t len = is_http(x) ? http_request(x, data, sizeof(data)) : dns_request(x, data);

	if (send(x->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len)
		x->sent = true;
	else if (errno != EAGAIN && errno != ENOTCONN)
		fail(x, errno);
}

static void
begin(struct exchange *x, const struct target *t)
{
	int error = 0;

	x->waiting = true;
	x->sent = false;
	x->got = 0;
	x->id = next_id++;
	x->start_us = now_us();
	open_count++;
	if (x->fd < 0)
		error = connect_to(x, t, is_http(x) ? SOCK_STREAM : SOCK_DGRAM);
	if (error)
		fail(x, -error);
	else
		send_request(x); /* while the connection is being made, EPOLLOUT sends it */
}

/* An HTTP reply that is complete: its status is 200 and its body as long as it says. The body's first word to `server`. */
static bool
http_complete(struct exchange *x, char *server, size_t size)
{
	const char *length, *body;
	size_t i;

	x->reply[x->got] = '\0';
	body = strstr(x->reply, "\r\n\r\n");
	length = strstr(x->reply, "Content-Length: ");
	if (!body || !length || strncmp(x->reply, "HTTP/1.1 200", 12))
		return false;
	body += 4;
	if (x->got - (size_t)(body - x->reply) < strtoul(length + 16, NULL, 10))
		return false;
	for (i = 0; i + 1 < size && body[i] > ' '; i++)
		server[i] = body[i];
	server[i] = '\0';
	return true;
}

static void
read_http(struct exchange *x)
{
	char server[32];
	ssize_t n;

	while ((n = recv(x->fd, x->reply + x->got, REPLY_MAX - 1 - x->got, 0)) > 0)
		x->got += (size_t)n;
	if (n < 0 && errno != EAGAIN && x->waiting) {
		fail(x, errno);
		return;
	}
	if (x->waiting && http_complete(x, server, sizeof(server)))
		finish(x, "ok", server);
	else if (n == 0 && x->waiting)
		finish(x, "closed", "-");
	else if (n == 0 || (n < 0 && errno != EAGAIN))
		disconnect(x); /* a long connection ended while idle: the next request makes a new one */
}

static void
read_dns(struct exchange *x)
{
	char server[8];
	uint8_t reply[REPLY_MAX];
	ssize_t n;

	while ((n = recv(x->fd, reply, sizeof(reply), 0)) >= 0) {
		if (!x->waiting || n < 16 || reply[0] != x->id >> 8 || reply[1] != (x->id & 0xff))
			continue; /* late, or not an answer to this one */
		if (!reply[7]) {
			finish(x, "no-answer", "-");
			return;
		}
		snprintf(server, sizeof(server), "%u", reply[n - 1]);
		finish(x, "ok", server);
		if (x->fd < 0)
			return;
	}
	if (errno != EAGAIN && x->waiting)
		fail(x, errno);
}

static void
on_event(struct exchange *x, uint32_t events)
{
	if (x->fd < 0)
		return;
	if (x->waiting && !x->sent && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP)))
		send_request(x);
	if (x->fd >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
		if (is_http(x))
			read_http(x);
		else
			read_dns(x);
	}
}

static void
begin_short(struct target *t, char kind)
{
	for (; t->owed >= 1; t->owed--) {
		struct exchange *x;

		if (!unused_count)
			return; /* more open than EXCHANGES_MAX: the rate suffers, and it shows */
		x = &exchanges[unused[--unused_count]];
		x->kind = kind;
		x->fd = -1;
		begin(x, t);
	}
}

static void
begin_long(struct target *t, struct exchange *x)
{
	if (t->owed >= 1 && !x->waiting) {
		t->owed = 0;
		begin(x, t);
	}
}

static void
give_up_late(void)
{
	uint64_t now = now_us();
	unsigned i;

	for (i = 0; i < EXCHANGES_MAX; i++)
		if (exchanges[i].waiting && now - exchanges[i].start_us > timeout_us)
			fail(&exchanges[i], ETIMEDOUT);
}

static void
tick(double seconds)
{
	static unsigned count;
	struct target *all[] = {&http, &dns, &long_http, &long_dns};
	size_t i;

	for (i = 0; i < 4; i++)
		all[i]->owed += ending ? 0 : all[i]->rate * seconds;
	begin_short(&http, 'h');
	begin_short(&dns, 'd');
	begin_long(&long_http, &exchanges[0]);
	begin_long(&long_dns, &exchanges[1]);
	if (++count % 20 == 0) {
		give_up_late();
		fflush(stdout);
	}
}

static void
run(int timer_fd, int signal_fd)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t last = now_us(), now, expired;
	int i, n;

	while (!ending || open_count) {
		n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr == &ending) {
				ending = true;
				close(signal_fd);
			} else if (events[i].data.ptr == &http) {
				now = now_us();
				if (read(timer_fd, &expired, sizeof(expired)) > 0)
					tick((double)(now - last) / 1e6);
				last = now;
			} else {
				on_event(events[i].data.ptr, events[i].events);
			}
		}
	}
}

/* "10.0.0.1:80" or "[fd00::1]:80" */
static void
parse_target(struct target *t, const char *text)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t skip = text[0] == '[', len;

	len = colon ? (size_t)(colon - text) - 2 * skip : 0;
	snprintf(host, sizeof(host), "%.*s", (int)len, text + skip);
	if (!colon || getaddrinfo(host, colon + 1, &hints, &found)) {
		fprintf(stderr, "load: %s: not ADDRESS:PORT\n", text);
		exit(2);
	}
	memcpy(&t->addr, found->ai_addr, found->ai_addrlen);
	t->len = found->ai_addrlen;
	freeaddrinfo(found);
}

static void
parse_options(int argc, char **argv)
{
	static const struct option options[] = {{"http", 1, NULL, 'h'}, {"http-rate", 1, NULL, 'H'},
			{"dns", 1, NULL, 'd'}, {"dns-rate", 1, NULL, 'D'},
			{"long-rate", 1, NULL, 'l'}, {"timeout-ms", 1, NULL, 't'}, {0}};
	double long_rate = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			parse_target(&http, optarg);
		else if (c == 'd')
			parse_target(&dns, optarg);
		else if (c == 'H')
			http.rate = strtod(optarg, NULL);
		else if (c == 'D')
			dns.rate = strtod(optarg, NULL);
		else if (c == 'l')
			long_rate = strtod(optarg, NULL);
		else if (c == 't')
			timeout_us = strtoull(optarg, NULL, 10) * 1000;
		else
			exit(2);
	}
	long_http = http;
	long_dns = dns;
	long_http.rate = http.len ? long_rate : 0;
	long_dns.rate = dns.len ? long_rate : 0;
	http.rate = http.len ? http.rate : 0;
	dns.rate = dns.len ? dns.rate : 0;
}

static void
watch(int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		perror("load");
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct itimerspec period = {{0, TICK_US * 1000}, {0, TICK_US * 1000}};
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), signal_fd;
	sigset_t signals;
	unsigned i;

	parse_options(argc, argv);
	for (i = EXCHANGES_MAX - 1; i >= 2; i--)
		unused[unused_count++] = i;
	exchanges[0] = (struct exchange){.kind = 'H', .fd = -1};
	exchanges[1] = (struct exchange){.kind = 'D', .fd = -1};
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch(signal_fd, &ending);
	watch(timer_fd, &http);
	timerfd_settime(timer_fd, 0, &period, NULL);
	run(timer_fd, signal_fd);
	return 0;
}
