/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an application server waits for (a database, another service): answers each byte on a connection with a byte,
 * after the time that the panel says, give or take half of it.
 *
 *     dependency PORT PANEL
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "panel.h"

static struct panel *panel;

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	unsigned seed = (unsigned)fd;
	char byte;

	while (recv(fd, &byte, 1, 0) == 1) {
		uint64_t us = panel->dependency_us;

		if (us)
			usleep((useconds_t)(us / 2 + us * ((uint64_t)rand_r(&seed) % 1000) / 1000));
		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	close(fd);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	if (argc != 3) {
		fprintf(stderr, "dependency PORT PANEL\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	panel = panel_map(argv[2]);
	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 256) < 0) {
		perror("dependency");
		return 1;
	}
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)client) == 0)
			pthread_detach(thread);
		else
			close(client);
	}
}
