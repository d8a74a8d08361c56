/* SPDX-License-Identifier: Apache-2.0 */
/* The log, stderr, written so that nobody who does not read it can hold us up: lines that it does not take are lost and
 * counted. Control thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_sink {
	int fd;
	bool socket;
	bool torn; /* the last line was cut short */
	uint64_t lost; /* lines since the last one that was written */
};

void log_sink_init(struct log_sink *s);
void log_sink_fini(struct log_sink *s);

/* One line with its newline. Never waits. If lines were lost before it, a line tells how many. */
void log_sink_write(struct log_sink *s, const char *line, size_t size);
