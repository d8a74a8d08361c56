/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A steady stream of datagrams, from so many ports in turn: flood ADDRESS PORT PACKETS_PER_SECOND SOURCE_PORTS. Ends
 * with SIGTERM and prints how many the kernel took. Sent in small groups at fixed times, so that a late group does not
 * make the next one larger.
 */
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define GROUP 4
#define FIRST_PORT 20000
#define PAYLOAD 18 /* a frame of 60 bytes */

static volatile sig_atomic_t stop; /* by a signal handler of the same thread */

static void
on_term(int number)
{
	(void)number;
	stop = 1;
}

static int
open_socket(const struct sockaddr_in *to, unsigned n)
{
	struct sockaddr_in from = {
			.sin_family = AF_INET, .sin_port = htons((uint16_t)(FIRST_PORT + n))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
			connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		err(1, "socket %u", n);
	return fd;
}

static unsigned
send_group(int fd)
{
	static char payload[PAYLOAD];
	struct iovec iov = {payload, sizeof(payload)};
	struct mmsghdr message[GROUP] = {0};
	int i, n;

	for (i = 0; i < GROUP; i++) {
		message[i].msg_hdr.msg_iov = &iov;
		message[i].msg_hdr.msg_iovlen = 1;
	}
	n = sendmmsg(fd, message, GROUP, 0);
	return n > 0 ? (unsigned)n : 0;
}

static void
advance(struct timespec *t, long ns)
{
	t->tv_nsec += ns;
	t->tv_sec += t->tv_nsec / 1000000000;
	t->tv_nsec %= 1000000000;
}

static uint64_t
run(const int *fd, unsigned count, long gap_ns)
{
	struct timespec next, now;
	uint64_t sent = 0;
	unsigned i;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (i = 0; !stop; i = (i + 1) % count) {
		sent += send_group(fd[i]);
		advance(&next, gap_ns);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > next.tv_sec ||
				(now.tv_sec == next.tv_sec && now.tv_nsec > next.tv_nsec))
			next = now;
		else
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return sent;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	unsigned i, count;
	int *fd;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		errx(2, "flood ADDRESS PORT PACKETS_PER_SECOND SOURCE_PORTS");
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	count = (unsigned)atoi(argv[4]);
	fd = calloc(count, sizeof(*fd));
	if (!fd || !count || atol(argv[3]) <= 0)
		errx(2, "a rate and a number of ports above 0");
	for (i = 0; i < count; i++)
		fd[i] = open_socket(&to, i);
	signal(SIGTERM, on_term);
	printf("%llu\n", (unsigned long long)run(fd, count, 1000000000L * GROUP / atol(argv[3])));
	free(fd);
	return 0;
}
