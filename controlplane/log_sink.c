/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_NONBLOCK belongs to the open file, which we share with whoever started us and with our children: set on fd 2 it
 * would surprise them. A pipe or terminal is therefore opened a second time; a socket (systemd's) has a flag for each
 * call; and a file takes what it is given.
 */
#include "log_sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void
log_sink_init(struct log_sink *s)
{
	struct stat st;

	*s = (struct log_sink){.fd = STDERR_FILENO};
	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	s->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		s->fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (s->fd < 0)
		s->fd = STDERR_FILENO; /* of another user: better a log that may block than none */
}

void
log_sink_fini(struct log_sink *s)
{
	if (s->fd != STDERR_FILENO)
		close(s->fd);
}

static bool
put(struct log_sink *s, const char *line, size_t size)
{
	ssize_t n = s->socket ? send(s->fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL)
			      : write(s->fd, line, size);

	if (n <= 0)
		return false;
	s->torn = (size_t)n < size;
	return true;
}

static bool
tell_lost(struct log_sink *s)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "%slog: %llu lines lost, nobody read them\n",
			s->torn ? "\n" : "", (unsigned long long)s->lost);

	if (!put(s, line, (size_t)n))
		return false;
	s->lost = 0;
	return true;
}

void
log_sink_write(struct log_sink *s, const char *line, size_t size)
{
	if ((s->lost && !tell_lost(s)) || !put(s, line, size) || s->torn)
		s->lost++;
}
