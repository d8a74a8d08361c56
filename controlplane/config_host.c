/* SPDX-License-Identifier: Apache-2.0 */
#include "config_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FLOW_BYTES 256u /* three cache lines, and its part of the index */
#define MIB (1u << 20)

/* As DPDK asks: a CPU that is offline has no topology. */
static bool
is_online(unsigned cpu)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/core_id", cpu);
	return access(path, F_OK) == 0;
}

/* "0-3,6", as the kernel writes it. */
static void
online_cpus(char *out, size_t size)
{
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");

	snprintf(out, size, "unknown");
	if (f == NULL)
		return;
	if (fgets(out, (int)size, f) != NULL)
		out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

struct check {
	const struct config *config;
	const char *grade;
	struct config_errors *errors;
	bool good;
};

static void
check_cpu(struct check *c, int line, const char *key, unsigned cpu)
{
	char online[128];

	if (is_online(cpu))
		return;
	c->good = false;
	online_cpus(online, sizeof(online));
	config_errors_add(c->errors,
			"%s:%d: %s: %sCPU %u is not online on this machine (online: %s); choose "
			"another",
			c->config->file, line, key, c->grade, cpu, online);
}

/* 0: the kernel does not tell. */
static uint64_t
available_bytes(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kib = 0;
	char line[128];

	if (f == NULL)
		return 0;
	while (kib == 0 && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "MemAvailable: %" SCNu64 " kB", &kib);
	fclose(f);
	return kib * 1024;
}

uint64_t
config_host_flow_bytes(uint32_t flows)
{
	return (uint64_t)flows * FLOW_BYTES;
}

/* The tables are touched at the start: too large ones end the process much later, without a word. */
static void
check_flows(struct check *c)
{
	uint64_t needed = config_host_flow_bytes(c->config->limits.flows);
	uint64_t available = available_bytes();

	if (available == 0 || needed <= available)
		return;
	c->good = false;
	config_errors_add(c->errors,
			"%s:%d: limits.flows: %s%u flows need about %" PRIu64
			" MiB of memory, and %" PRIu64 " MiB are available; lower it",
			c->config->file, c->config->limits.flows_line, c->grade,
			c->config->limits.flows, needed / MIB, available / MIB);
}

bool
config_host_check(const struct config *config, const char *grade, struct config_errors *errors)
{
	const struct config_gateway *g = &config->gateway;
	struct check c = {config, grade, errors, true};
	size_t i;

	for (i = 0; i < g->lcore_count; i++)
		check_cpu(&c, g->lcore_line, "gateway.lcores", g->lcore[i]);
	check_cpu(&c, g->main_lcore_line, "gateway.main_lcore", g->main_lcore);
	check_flows(&c);
	return c.good;
}
