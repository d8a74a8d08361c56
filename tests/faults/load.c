/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of the fault suite: an open loop. Requests begin at random (Poisson) times at a rate that a schedule gives,
 * whatever becomes of the ones before; so a slow server cannot slow its clients and hide how long they would have waited.
 * Same seed and schedule: the same times. Most requests have a connection and a source port of their own; a share goes
 * over connections that stay.
 *
 *     load --target ADDRESS:PORT --protocol http|redis|dns --schedule FILE --out FILE
 *          [--begin-us N] [--seed N] [--long N] [--long-share X] [--timeout-ms N]
 *
 * The schedule has lines of SECONDS RATE, in order; between them the rate is linear, and with the last it ends. Of every
 * request there is a line in --out when it is done:
 *
 *     KIND START_US LATENCY_US OUTCOME SERVER
 *
 * KIND: s (short), l (long-lived). START_US: CLOCK_MONOTONIC. OUTCOME: ok, or what went wrong. SERVER: the body's first
 * word; of DNS the last byte of the address; - if none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EXCHANGES_MAX = 8192, /* open at a time: 3 s of timeout at 2,000/s */
	REPLY_MAX = 1024,
	LONG_MAX = 64, /* the first exchanges are the long-lived ones */
	POINTS_MAX = 4096,
	EVENTS_MAX = 64,
	LOOK_US = 10000, /* how often timeouts are looked for */
};

enum protocol {
	HTTP,
	REDIS,
	DNS
};

struct exchange {
	bool waiting, sent;
	int fd;
	uint16_t id;
	uint64_t start_us;
	size_t got;
	char reply[REPLY_MAX];
};

struct point {
	double at, rate;
};

static struct exchange exchanges[EXCHANGES_MAX];
static unsigned unused[EXCHANGES_MAX], unused_count, open_count, long_count, long_next;
static struct sockaddr_in target;
static enum protocol protocol;
static struct point schedule[POINTS_MAX];
static size_t points, point_now;
static uint64_t timeout_us = 2000000, begin_us, seed = 1;
static double long_share;
static FILE *out;
static uint16_t next_id;
static int epoll_fd;
static volatile sig_atomic_t ending;

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Uniform in (0, 1]: splitmix64. */
static double
uniform(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return ((double)((z ^ (z >> 31)) >> 11) + 1) / 9007199254740992.0;
}

static bool
is_long(const struct exchange *x)
{
	return x < exchanges + long_count;
}

static void
disconnect(struct exchange *x)
{
	if (x->fd >= 0)
		close(x->fd);
	x->fd = -1;
}

static void
finish(struct exchange *x, const char *outcome, const char *server)
{
	fprintf(out, "%c %llu %llu %s %s\n", is_long(x) ? 'l' : 's',
			(unsigned long long)x->start_us,
			(unsigned long long)(now_us() - x->start_us), outcome, server);
	x->waiting = false;
	open_count--;
	if (is_long(x) && !strcmp(outcome, "ok"))
		return;
	disconnect(x);
	if (is_long(x))
		return;
	unused[unused_count++] = (unsigned)(x - exchanges);
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
connect_target(struct exchange *x)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = x};

	x->fd = socket(AF_INET,
			(protocol == DNS ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	if (x->fd < 0)
		return -errno;
	if (connect(x->fd, (struct sockaddr *)&target, sizeof(target)) < 0 && errno != EINPROGRESS)
		return -errno;
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, x->fd, &event) < 0 ? -errno : 0;
}

static size_t
request_text(const struct exchange *x, char *text, size_t size)
{
	static const char question[] = "\1\0\0\1\0\0\0\0\0\0\2id\3lab\0\0\1\0\1";

	switch (protocol) {
	case HTTP:
		return (size_t)snprintf(text, size, "GET / HTTP/1.1\r\nHost: lab\r\n%s\r\n",
				is_long(x) ? "" : "Connection: close\r\n");
	case REDIS:
		return (size_t)snprintf(text, size, "GET name\r\n");
	case DNS:
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

	while ((n = recv(x->fd, x->reply + x->got, REPLY_MAX - 1 - x->got, 0)) > 0)
		x->got += (size_t)n;
	x->reply[x->got] = '\0';
	if (n < 0 && errno != EAGAIN && x->waiting) {
		fail(x, errno);
		return;
	}
	outcome = protocol == HTTP ? http_outcome(x, server, sizeof(server))
				   : redis_outcome(x, server, sizeof(server));
	if (x->waiting && outcome)
		finish(x, outcome, server);
	else if (n == 0 && x->waiting)
		finish(x, "closed", "-");
	else if (n == 0 || (n < 0 && errno != EAGAIN))
		disconnect(x); /* a long connection ended while idle: the next request makes a new one */
}

static void
read_dns(struct exchange *x)
{
	uint8_t reply[REPLY_MAX];
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

static void
on_event(struct exchange *x, uint32_t events)
{
	if (x->fd < 0)
		return;
	if (x->waiting && !x->sent && (events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP)))
		send_request(x);
	if (x->fd < 0 || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	if (protocol == DNS)
		read_dns(x);
	else
		read_stream(x);
}

static struct exchange *
idle_long_or_null(void)
{
	unsigned i;

	for (i = 0; i < long_count; i++) {
		struct exchange *x = &exchanges[long_next++ % long_count];

		if (!x->waiting)
			return x;
	}
	return NULL;
}

static void
begin_request(void)
{
	struct exchange *x = uniform() <= long_share ? idle_long_or_null() : NULL;
	int error = 0;

	if (!x && unused_count) {
		x = &exchanges[unused[--unused_count]];
	}
	if (!x) {
		fprintf(stderr, "load: more than %d requests open\n", EXCHANGES_MAX);
		exit(1);
	}
	x->waiting = true;
	x->sent = false;
	x->got = 0;
	x->reply[0] = '\0';
	x->id = next_id++;
	x->start_us = now_us();
	open_count++;
	if (x->fd < 0)
		error = connect_target(x);
	if (error)
		fail(x, -error);
	else
		send_request(x); /* while the connection is being made, EPOLLOUT sends it */
}

static void
give_up_late(uint64_t now)
{
	unsigned i;

	for (i = 0; i < EXCHANGES_MAX; i++)
		if (exchanges[i].waiting && now - exchanges[i].start_us > timeout_us)
			fail(&exchanges[i], ETIMEDOUT);
}

/* Requests per second at a time of the schedule; negative when it has ended. */
static double
rate_at(double at)
{
	const struct point *a, *b;

	while (point_now + 1 < points && schedule[point_now + 1].at <= at)
		point_now++;
	if (point_now + 1 >= points)
		return -1;
	a = &schedule[point_now];
	b = a + 1;
	return at <= a->at ? a->rate
			   : a->rate + (b->rate - a->rate) * (at - a->at) / (b->at - a->at);
}

static void
handle_events(void)
{
	struct epoll_event events[EVENTS_MAX];
	int i, n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

	for (i = 0; i < n; i++)
		if (events[i].data.ptr) /* NULL: the timer */
			on_event(events[i].data.ptr, events[i].events);
}

/* Waits for events, and no longer than until `until_us`. */
static void
wait_until(int timer_fd, uint64_t until_us)
{
	struct itimerspec when = {.it_value = {(time_t)(until_us / 1000000),
						  (long)(until_us % 1000000) * 1000}};
	uint64_t expired;

	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	handle_events();
	if (read(timer_fd, &expired, sizeof(expired)) < 0 && errno != EAGAIN)
		exit(1);
}

static void
run(int timer_fd)
{
	double due = 0, rate;
	uint64_t now, looked = 0, due_us;

	while ((rate = rate_at(due)) >= 0 && !ending) {
		due += rate > 0 ? -log(uniform()) / rate : 0.1;
		due_us = begin_us + (uint64_t)(due * 1e6);
		while ((now = now_us()) < due_us) {
			if (now - looked > LOOK_US) {
				give_up_late(now);
				looked = now;
			}
			wait_until(timer_fd, due_us < now + LOOK_US ? due_us : now + LOOK_US);
		}
		if (rate > 0)
			begin_request();
	}
	while (open_count) {
		wait_until(timer_fd, now_us() + LOOK_US);
		give_up_late(now_us());
	}
}

static void
bad(const char *what, const char *value)
{
	fprintf(stderr, "load: %s: '%s'\n", what, value);
	exit(2);
}

static void
parse_target(const char *text)
{
	char host[64] = "";
	unsigned port;

	if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 ||
			inet_pton(AF_INET, host, &target.sin_addr) != 1)
		bad("not ADDRESS:PORT", text);
	target.sin_family = AF_INET;
	target.sin_port = htons((uint16_t)port);
}

static void
read_schedule(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		bad(strerror(errno), path);
	while (points < POINTS_MAX &&
			fscanf(f, "%lf %lf", &schedule[points].at, &schedule[points].rate) == 2)
		points++;
	fclose(f);
	if (points < 2)
		bad("a schedule has two lines at least", path);
}

static enum protocol
protocol_of(const char *text)
{
	static const char *const names[] = {"http", "redis", "dns"};
	size_t i;

	for (i = 0; i < 3; i++)
		if (!strcmp(text, names[i]))
			return (enum protocol)i;
	bad("no such protocol", text);
	return HTTP;
}

static void
parse_options(int argc, char **argv)
{
	static const struct option options[] = {{"target", 1, NULL, 't'},
			{"protocol", 1, NULL, 'p'}, {"schedule", 1, NULL, 's'},
			{"out", 1, NULL, 'o'}, {"begin-us", 1, NULL, 'b'}, {"seed", 1, NULL, 'r'},
			{"long", 1, NULL, 'l'}, {"long-share", 1, NULL, 'S'},
			{"timeout-ms", 1, NULL, 'T'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			parse_target(optarg);
		else if (c == 'p')
			protocol = protocol_of(optarg);
		else if (c == 's')
			read_schedule(optarg);
		else if (c == 'o')
			out = fopen(optarg, "w");
		else if (c == 'b')
			begin_us = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 10);
		else if (c == 'l')
			long_count = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'S')
			long_share = strtod(optarg, NULL);
		else if (c == 'T')
			timeout_us = strtoull(optarg, NULL, 10) * 1000;
		else
			exit(2);
	}
	if (!points || !out || !target.sin_port || long_count > LONG_MAX)
		bad("needs --target, --schedule, --out; at most 64 --long", argv[0]);
}

static void
on_signal(int number)
{
	ending = 1;
}

int
main(int argc, char **argv)
{
	struct epoll_event timer = {.events = EPOLLIN, .data.ptr = NULL};
	struct rlimit files = {EXCHANGES_MAX + 64, EXCHANGES_MAX + 64};
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	unsigned i;

	parse_options(argc, argv);
	if (!begin_us)
		begin_us = now_us();
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGTERM, on_signal);
	for (i = EXCHANGES_MAX; i > long_count; i--)
		unused[unused_count++] = i - 1;
	for (i = 0; i < EXCHANGES_MAX; i++)
		exchanges[i].fd = -1;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (timer_fd < 0 || epoll_fd < 0 ||
			epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &timer) < 0) {
		perror("load");
		return 1;
	}
	run(timer_fd);
	return fclose(out) ? 1 : 0;
}
