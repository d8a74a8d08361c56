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
 * request there is a line in --out when it is done (tests/lab/exchange.h). KIND: s (short), l (long-lived).
 */
#include "exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	LONG_MAX = 64, /* the first exchanges are the long-lived ones */
	POINTS_MAX = 4096,
	EVENTS_MAX = 64,
	LOOK_US = 10000, /* how often timeouts are looked for */
};

struct point {
	double at, rate;
};

static struct exchange *exchanges;
static unsigned long_count, long_next;
static struct sockaddr_storage target;
static enum exchange_protocol protocol;
static struct point schedule[POINTS_MAX];
static size_t points, point_now;
static uint64_t timeout_us = 2000000, begin_us, seed = 1;
static double long_share;
static FILE *out;
static volatile sig_atomic_t ending;

/* Uniform in (0, 1]: splitmix64. */
static double
uniform(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return ((double)((z ^ (z >> 31)) >> 11) + 1) / 9007199254740992.0;
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

	if (!x) {
		x = exchange_take_or_null();
		if (!x) {
			fprintf(stderr, "load: more than %d requests open\n", EXCHANGES_MAX);
			exit(1);
		}
		x->kind = 's';
		x->protocol = protocol;
	}
	exchange_begin(x, &target, sizeof(struct sockaddr_in));
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
	int i, n = epoll_wait(exchanges_epoll(), events, EVENTS_MAX, -1);

	for (i = 0; i < n; i++)
		if (events[i].data.ptr) /* NULL: the timer */
			exchange_event(events[i].data.ptr, events[i].events);
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
		while ((now = exchange_now_us()) < due_us) {
			if (now - looked > LOOK_US) {
				exchanges_give_up(timeout_us);
				looked = now;
			}
			wait_until(timer_fd, due_us < now + LOOK_US ? due_us : now + LOOK_US);
		}
		if (rate > 0)
			begin_request();
	}
	while (exchanges_open()) {
		wait_until(timer_fd, exchange_now_us() + LOOK_US);
		exchanges_give_up(timeout_us);
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
	struct sockaddr_in *addr = (struct sockaddr_in *)&target;
	char host[64] = "";
	unsigned port;

	if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 ||
			inet_pton(AF_INET, host, &addr->sin_addr) != 1)
		bad("not ADDRESS:PORT", text);
	addr->sin_family = AF_INET;
	addr->sin_port = htons((uint16_t)port);
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

static enum exchange_protocol
protocol_of(const char *text)
{
	static const char *const names[] = {"http", "redis", "dns"};
	size_t i;

	for (i = 0; i < 3; i++)
		if (!strcmp(text, names[i]))
			return (enum exchange_protocol)i;
	bad("no such protocol", text);
	return EXCHANGE_HTTP;
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
	if (!points || !out || !target.ss_family || long_count > LONG_MAX)
		bad("needs --target, --schedule, --out; at most 64 --long", argv[0]);
}

static void
on_signal(int number)
{
	ending = 1;
}

static void
make_long(void)
{
	unsigned i;

	for (i = 0; i < long_count; i++)
		exchanges[i] = (struct exchange){.protocol = protocol,
				.kind = 'l',
				.stays = true,
				.anew = true,
				.fd = -1};
}

int
main(int argc, char **argv)
{
	struct rlimit files = {EXCHANGES_MAX + 64, EXCHANGES_MAX + 64};
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	parse_options(argc, argv);
	if (!begin_us)
		begin_us = exchange_now_us();
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGTERM, on_signal);
	exchanges = exchanges_init(long_count, out);
	make_long();
	exchanges_watch(timer_fd, NULL);
	run(timer_fd);
	return fclose(out) ? 1 : 0;
}
