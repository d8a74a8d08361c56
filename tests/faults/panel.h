/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that the application server, its dependency and the fault suite map: the suite turns the knobs while the server
 * runs, and the exporter reads the gauges. Each field has one writer; all are of 8 bytes, in the order of panel.py.
 */
#pragma once

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef _Atomic uint64_t panel_field;

struct panel {
	/* Knobs: what one request does. */
	panel_field cpu_us; /* CPU time */
	panel_field dependency_us; /* how long the dependency takes to answer */
	panel_field leak_bytes; /* memory taken and never given back */
	panel_field stuck_ppm; /* requests after which their worker never comes back, until this is 0 */
	panel_field write_blocks; /* of 4 KiB, each written and synced */
	panel_field error_ppm; /* requests answered with 500 */

	/* Gauges and counters. */
	panel_field workers, busy, queue;
	panel_field requests, errors, request_us;
	panel_field writes, write_us, io_busy_us;
};

/* The mapped file, which exists; ends the program where it cannot. */
static inline struct panel *
panel_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(struct panel), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					   0);

	if (p == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	return p;
}
