/* SPDX-License-Identifier: Apache-2.0 */
#include "eal.h"

#include "eal_runtime.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_pdump.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MBUFS_PER_LCORE 26624u /* made, copied, injected packets, and reassembled ones of 64 KiB */
#define BYTES_PER_MBUF 2560u /* data room, headroom, headers */
#define BYTES_PER_PLAIN_MBUF 4096u /* without hugepages DPDK gives each a page */
#define MBUFS_PER_LANE 16384u /* where `mbufs` leaves it to the driver */
#define MEMORY_BASE_MB 128u /* rings, drivers, views' messages */
#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages"

unsigned
eal_lcore(unsigned n)
{
	return n + 1;
}

static unsigned
lane_count(const struct config *config)
{
	unsigned n = 0;

	for (size_t i = 0; i < config->port_count; i++)
		n += config->port[i].queues;
	return n;
}

unsigned
eal_memory_mb(const struct config *config, bool hugepages)
{
	const struct config_limits *l = &config->limits;
	uint64_t mbufs, bytes;

	if (config->gateway.memory_mb != 0)
		return config->gateway.memory_mb;
	mbufs = (uint64_t)config->gateway.lcore_count * MBUFS_PER_LCORE;
	mbufs += (uint64_t)lane_count(config) * (l->mbufs != 0 ? l->mbufs : MBUFS_PER_LANE);
	bytes = mbufs * (hugepages ? BYTES_PER_MBUF : BYTES_PER_PLAIN_MBUF);
	return MEMORY_BASE_MB + (unsigned)(bytes >> 20);
}

static bool
is_vdev(const char *device)
{
	return strncmp(device, "net_", 4) == 0 || strncmp(device, "eth_", 4) == 0;
}

static bool
any_pci(const struct config *config)
{
	for (size_t i = 0; i < config->port_count; i++)
		if (!is_vdev(config->port[i].device))
			return true;
	return false;
}

static int __attribute__((format(printf, 2, 3)))
add(struct eal_arguments *a, const char *format, ...)
{
	size_t room = sizeof(a->text) - a->used;
	va_list args;
	int n;

	if (a->count + 1 >= EAL_ARGUMENTS_MAX)
		return -E2BIG;
	va_start(args, format);
	n = vsnprintf(a->text + a->used, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		return -E2BIG;
	a->argument[a->count++] = a->text + a->used;
	a->argument[a->count] = NULL;
	a->used += (size_t)n + 1;
	return 0;
}

/* "0@main,1@cpu,2@cpu...": DPDK's ids count up, whatever the CPUs' numbers are. */
static int
add_lcores(struct eal_arguments *a, const struct config_gateway *g)
{
	char text[1024];
	size_t used = (size_t)snprintf(text, sizeof(text), "--lcores=0@%u", g->main_lcore);

	for (unsigned i = 0; i < g->lcore_count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, ",%u@%u", eal_lcore(i),
				g->lcore[i]);
	return used < sizeof(text) ? add(a, "%s", text) : -E2BIG;
}

static int
add_devices(struct eal_arguments *a, const struct config *config)
{
	int ret = 0;

	if (!any_pci(config))
		return add(a, "--no-pci");
	for (size_t i = 0; i < config->port_count && ret == 0; i++)
		if (!is_vdev(config->port[i].device))
			ret = add(a, "--allow=%s", config->port[i].device);
	return ret;
}

/* Each process has a prefix of its own, else two gateways on a machine would share memory files. */
static int
add_prefix(struct eal_arguments *a, const char *prefix)
{
	if (prefix != NULL && prefix[0] != '\0')
		return add(a, "--file-prefix=%s", prefix);
	return add(a, "--file-prefix=understudy-%d", (int)getpid());
}

static int
add_memory(struct eal_arguments *a, const struct config *config, bool hugepages)
{
	int ret = 0;

	if (hugepages)
		return config->gateway.memory_mb != 0 ? add(a, "-m%u", config->gateway.memory_mb)
						      : 0;
	ret |= add(a, "--no-huge");
	ret |= add(a, "--no-shconf");
	ret |= add(a, "-m%u", eal_memory_mb(config, false));
	return ret == 0 ? 0 : -E2BIG;
}

int
eal_arguments_build(const struct config *config, bool hugepages, struct eal_arguments *out)
{
	int ret = 0;

	out->count = 0;
	out->used = 0;
	ret |= add(out, "understudyd");
	ret |= add_lcores(out, &config->gateway);
	ret |= add(out, "--main-lcore=0");
	ret |= add_devices(out, config);
	ret |= add_prefix(out, config->gateway.file_prefix);
	ret |= add_memory(out, config, hugepages);
	ret |= add(out, "--telemetry");
	ret |= add(out, "--log-level=warning");
	/* It warns at each start that a socket for clients of long ago is not made. */
	ret |= add(out, "--log-level=lib.telemetry:error");
	return ret == 0 ? 0 : -E2BIG;
}

/* Free hugepages of one size, in MB. `name` is "hugepages-2048kB". */
static unsigned long
free_of_size_mb(const char *name)
{
	char path[256];
	unsigned long kb = 0, pages = 0;
	FILE *f;

	if (sscanf(name, "hugepages-%lukB", &kb) != 1)
		return 0;
	snprintf(path, sizeof(path), HUGEPAGES_DIR "/%s/free_hugepages", name);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * kb / 1024;
}

static unsigned long
free_hugepages_mb(void)
{
	DIR *dir = opendir(HUGEPAGES_DIR);
	unsigned long mb = 0;
	struct dirent *e;

	if (dir == NULL)
		return 0;
	while ((e = readdir(dir)) != NULL)
		mb += free_of_size_mb(e->d_name);
	closedir(dir);
	return mb;
}

static bool
is_hugetlbfs_mounted(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	if (mounts == NULL)
		return false;
	while (!found && (m = getmntent(mounts)) != NULL)
		found = strcmp(m->mnt_type, "hugetlbfs") == 0;
	endmntent(mounts);
	return found;
}

/* Hugepages if they are wanted and enough are free; says what is given up without them. */
static bool
decide_hugepages(const struct config *config, struct journal *journal)
{
	static const char without[] = "DPDK uses plain memory: packets cost more, and dpdk-dumpcap "
				      "and dpdk-proc-info cannot attach";
	unsigned long mb = free_hugepages_mb();
	unsigned wanted = eal_memory_mb(config, true);

	if (!config->gateway.hugepages) {
		journal_add(journal, JOURNAL_WARNING, "memory", NULL, NULL,
				"`hugepages: false`: %s", without);
		return false;
	}
	if (mb >= wanted && is_hugetlbfs_mounted())
		return true;
	if (mb >= wanted) {
		journal_add(journal, JOURNAL_WARNING, "memory", NULL, NULL,
				"no hugetlbfs is mounted (mount -t hugetlbfs none /dev/hugepages): "
				"%s",
				without);
		return false;
	}
	journal_add(journal, JOURNAL_WARNING, "memory", NULL, NULL,
			"%lu MB of hugepages are free, about %u MB are needed (sysctl "
			"vm.nr_hugepages=%u): %s",
			mb, wanted, wanted / 2 + 1, without);
	return false;
}

static const char *
advice(int error)
{
	/* Without rights DPDK fails in many places, and calls some of them lack of memory. */
	if (geteuid() != 0)
		return "it does not run as root; start it as root";
	switch (error) {
	case EACCES:
	case EPERM:
		return "make the hugepage directory (/dev/hugepages) and the runtime directory "
		       "(/var/run/dpdk) writable";
	case EALREADY:
	case EAGAIN:
		return "another process uses the same `file_prefix`; set one that is unique";
	case ENOMEM:
		return "provide more hugepages (vm.nr_hugepages), or set `hugepages: false`";
	default:
		return "see the lines that begin with EAL above; check `lcores` and `main_lcore` "
		       "against `lscpu -e`, and the "
		       "devices against `dpdk-devbind.py --status`";
	}
}

/* dpdk-dumpcap asks the process whose ports they are; nothing is done to packets until it does. */
static void
allow_capture(struct journal *journal)
{
	if (rte_pdump_init() < 0)
		journal_add(journal, JOURNAL_WARNING, "start", NULL, NULL,
				"dpdk-dumpcap cannot capture: %s", rte_strerror(rte_errno));
}

/* A second one would work on the memory files of the first, and remove them in the end. */
static int
refuse_shared_prefix(const char *prefix, char *error, size_t error_size)
{
	pid_t holder = eal_runtime_holder(prefix);

	if (holder == 0)
		return 0;
	snprintf(error, error_size,
			"another process (%d) uses the same `file_prefix` '%s': is another "
			"understudyd running? Stop it, or set a `file_prefix` that is unique",
			(int)holder, prefix);
	return -EBUSY;
}

/* DPDK does not set rte_errno for all its failures. */
static int
init_dpdk(struct eal_arguments *arguments)
{
	rte_errno = 0;
	if (rte_eal_init(arguments->count, arguments->argument) >= 0)
		return 0;
	return rte_errno != 0 ? -rte_errno : -EIO;
}

int
eal_start(const struct config *config, struct journal *journal, char *error, size_t error_size)
{
	/* DPDK keeps pointers into its arguments. */
	static struct eal_arguments arguments;
	int ret = refuse_shared_prefix(config->gateway.file_prefix, error, error_size);
	bool hugepages;

	if (ret < 0)
		return ret;
	hugepages = decide_hugepages(config, journal);
	ret = eal_arguments_build(config, hugepages, &arguments);
	if (ret < 0) {
		snprintf(error, error_size,
				"DPDK: too many lcores or PCI devices for its command line");
		return ret;
	}
	eal_runtime_remove_at_exit(config->gateway.file_prefix);
	ret = init_dpdk(&arguments);
	if (ret < 0)
		snprintf(error, error_size, "DPDK cannot start: %s; %s", rte_strerror(-ret),
				advice(-ret));
	else if (hugepages)
		allow_capture(journal);
	return ret;
}

/* DPDK keeps its files of hugepages, and so the memory, for its next start; we give it back. */
static void
remove_hugepage_files(const char *prefix)
{
	char pattern[PATH_MAX];

	snprintf(pattern, sizeof(pattern), "/dev/hugepages/%smap_*", prefix);
	eal_runtime_remove(pattern);
}

void
eal_stopping(void)
{
	(void)rte_log_set_level_pattern("pmd.net.af_xdp", RTE_LOG_CRIT);
}

void
eal_stop(const char *file_prefix)
{
	(void)rte_pdump_uninit();
	(void)rte_eal_cleanup();
	remove_hugepage_files(file_prefix);
	eal_runtime_clean(file_prefix);
}
