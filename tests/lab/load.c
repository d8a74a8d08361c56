/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load client that keeps a rate whatever the answers do, and tells of every single request (exchange.h): HTTP over new
 * connections, DNS over new sockets, and with --long one connection and one socket that stay. KIND: h, d (new connection
 * or socket), H, D (the long ones). SIGTERM ends it: no new requests, and the open ones get their answer or their timeout.
 */
#include "exchange.h"

#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	TICK_US = 1000,
	EVENTS_MAX = 64,
};

struct target {
	struct sockaddr_storage addr;
	socklen_t len;
	double rate;
	double owed; /* requests due and not yet begun */
};

static struct target http, dns, long_http, long_dns;
static struct exchange *exchanges; /* the first two are the long ones */
static uint64_t timeout_us = 2000000;
static bool ending;

static void
begin_short(struct target *t, char kind, enum exchange_protocol protocol)
{
	for (; t->owed >= 1; t->owed--) {
		struct exchange *x = exchange_take_or_null();

		if (!x)
			return; /* more open than EXCHANGES_MAX: the rate suffers, and it shows */
		x->kind = kind;
		x->protocol = protocol;
		exchange_begin(x, &t->addr, t->len);
	}
}

static void
begin_long(struct target *t, struct exchange *x)
{
	if (t->owed >= 1 && !x->waiting) {
		t->owed = 0;
		exchange_begin(x, &t->addr, t->len);
	}
}

static void
tick(double seconds)
{
	static unsigned count;
	struct target *all[] = {&http, &dns, &long_http, &long_dns};
	size_t i;

	for (i = 0; i < 4; i++)
		all[i]->owed += ending ? 0 : all[i]->rate * seconds;
	begin_short(&http, 'h', EXCHANGE_HTTP);
	begin_short(&dns, 'd', EXCHANGE_DNS);
	begin_long(&long_http, &exchanges[0]);
	begin_long(&long_dns, &exchanges[1]);
	if (++count % 20 == 0) {
		exchanges_give_up(timeout_us);
		fflush(stdout);
	}
}

static void
run(int timer_fd, int signal_fd)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t last = exchange_now_us(), now, expired;
	int i, n;

	while (!ending || exchanges_open()) {
		n = epoll_wait(exchanges_epoll(), events, EVENTS_MAX, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.ptr == &ending) {
				ending = true;
				close(signal_fd);
			} else if (events[i].data.ptr == &http) {
				now = exchange_now_us();
				if (read(timer_fd, &expired, sizeof(expired)) > 0)
					tick((double)(now - last) / 1e6);
				last = now;
			} else {
				exchange_event(events[i].data.ptr, events[i].events);
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

int
main(int argc, char **argv)
{
	struct itimerspec period = {{0, TICK_US * 1000}, {0, TICK_US * 1000}};
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), signal_fd;
	sigset_t signals;

	parse_options(argc, argv);
	exchanges = exchanges_init(2, stdout);
	exchanges[0] = (struct exchange){.protocol = EXCHANGE_HTTP,
			.kind = 'H',
			.stays = true,
			.anew = true,
			.fd = -1};
	exchanges[1] = (struct exchange){
			.protocol = EXCHANGE_DNS, .kind = 'D', .stays = true, .fd = -1};
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	exchanges_watch(signal_fd, &ending);
	exchanges_watch(timer_fd, &http);
	timerfd_settime(timer_fd, 0, &period, NULL);
	run(timer_fd, signal_fd);
	return 0;
}
