/* SPDX-License-Identifier: Apache-2.0 */
#include "eal.h"
#include "eal_runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct argument_case {
	const char *name;
	const char *devices[2];
	bool hugepages;
	uint32_t memory_mb;
	const char *arguments; /* joined by spaces */
};

static const struct argument_case cases[] = {
		{"virtual devices need no bus", {"net_af_xdp0,iface=gw0", "net_tap0"}, true, 0,
				"understudyd --lcores=0@0,1@4,2@6 --main-lcore=0 --no-pci "
				"--file-prefix=usf --telemetry "
				"--log-level=warning --log-level=lib.telemetry:error"},
		{"PCI devices are allowed by address", {"0000:01:00.0", "net_tap0"}, true, 2048,
				"understudyd --lcores=0@0,1@4,2@6 --main-lcore=0 "
				"--allow=0000:01:00.0 --file-prefix=usf -m2048 "
				"--telemetry --log-level=warning --log-level=lib.telemetry:error"},
		{"without hugepages memory is plain", {"net_tap0", "net_tap1"}, false, 512,
				"understudyd --lcores=0@0,1@4,2@6 --main-lcore=0 --no-pci "
				"--file-prefix=usf --no-huge --no-shconf "
				"-m512 --telemetry --log-level=warning "
				"--log-level=lib.telemetry:error"},
		/* 128 MB, and 2 x (26,624 + 16,384) buffers of 4,096 bytes */
		{"plain memory is estimated from the limits", {"net_tap0", "net_tap1"}, false, 0,
				"understudyd --lcores=0@0,1@4,2@6 --main-lcore=0 --no-pci "
				"--file-prefix=usf --no-huge --no-shconf "
				"-m464 --telemetry --log-level=warning "
				"--log-level=lib.telemetry:error"},
};

static void
join(const struct eal_arguments *a, char *out, size_t size)
{
	out[0] = '\0';
	for (int i = 0; i < a->count; i++) {
		strncat(out, i > 0 ? " " : "", size - strlen(out) - 1);
		strncat(out, a->argument[i], size - strlen(out) - 1);
	}
}

static void
arguments_follow_the_configuration(void **state)
{
	static struct eal_arguments arguments;
	unsigned lcores[] = {4, 6};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct argument_case *c = &cases[i];
		struct config_port ports[2] = {{.device = (char *)c->devices[0], .queues = 1},
				{.device = (char *)c->devices[1], .queues = 1}};
		struct config config = {
				.gateway = {.lcore = lcores,
						.lcore_count = 2,
						.file_prefix = "usf",
						.memory_mb = c->memory_mb},
				.limits = {.flows = 100000, .endpoints = 100},
				.port = ports,
				.port_count = 2,
		};
		char joined[1024];

		assert_int_equal(eal_arguments_build(&config, c->hugepages, &arguments), 0);
		join(&arguments, joined, sizeof(joined));
		assert_string_equal(joined, c->arguments);
		assert_null(arguments.argument[arguments.count]);
	}
}

static void
too_many_devices_are_refused(void **state)
{
	static struct eal_arguments arguments;
	static struct config_port ports[EAL_ARGUMENTS_MAX];
	unsigned lcore = 1;
	struct config config = {
			.gateway = {.lcore = &lcore, .lcore_count = 1},
			.port = ports,
			.port_count = EAL_ARGUMENTS_MAX,
	};

	for (size_t i = 0; i < EAL_ARGUMENTS_MAX; i++)
		ports[i] = (struct config_port){.device = "0000:01:00.0", .queues = 1};
	assert_int_equal(eal_arguments_build(&config, true, &arguments), -E2BIG);
}

static void
dpdk_starts_without_hugepages_and_says_what_is_lost(void **state)
{
	unsigned lcore = 0;
	struct config config = {.gateway = {.lcore = &lcore,
						.lcore_count = 1,
						.file_prefix = "usf-test-eal",
						.memory_mb = 64}};
	struct journal *journal = journal_create(4);
	char error[256] = "";
	json_t *events;

	if (eal_start(&config, journal, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	events = journal_since(journal, 0, 4);
	assert_int_equal(json_array_size(events), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "text")),
			"`hugepages: false`: DPDK uses plain memory: packets cost more, and "
			"dpdk-dumpcap and dpdk-proc-info cannot "
			"attach");
	json_decref(events);
	journal_free(journal);
	eal_stop(config.gateway.file_prefix);
}

/* As the child that holds a prefix: DPDK's primary keeps a write lock on its configuration. */
static pid_t
hold_prefix(const char *directory)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 64, .l_len = 64};
	char path[300], told = 0;
	int ready[2], fd;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	snprintf(path, sizeof(path), "%s/config", directory);
	child = fork();
	if (child == 0) {
		alarm(30);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || write(ready[1], "y", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &told, 1), 1);
	close(ready[0]);
	return child;
}

static void
a_prefix_of_a_running_process_is_refused(void **state)
{
	unsigned lcore = 0;
	struct config config = {.gateway = {.lcore = &lcore,
						.lcore_count = 1,
						.file_prefix = "usf-test-held"}};
	struct journal *journal = journal_create(4);
	char directory[256], error[256] = "", wanted[64];
	const char *root = getenv("XDG_RUNTIME_DIR");
	pid_t holder;

	root = getuid() == 0 ? "/var/run" : root ? root : "/tmp";
	snprintf(directory, sizeof(directory), "%s/dpdk", root);
	(void)mkdir(directory, 0700);
	snprintf(directory, sizeof(directory), "%s/dpdk/usf-test-held", root);
	(void)mkdir(directory, 0700);
	holder = hold_prefix(directory);
	assert_int_equal(eal_start(&config, journal, error, sizeof(error)), -EBUSY);
	snprintf(wanted, sizeof(wanted), "another process (%d) uses the same", (int)holder);
	assert_non_null(strstr(error, wanted));
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	assert_int_equal(eal_runtime_holder("usf-test-held"), 0);
	eal_runtime_clean("usf-test-held");
	assert_int_equal(rmdir(directory), 0);
	journal_free(journal);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(arguments_follow_the_configuration),
			cmocka_unit_test(too_many_devices_are_refused),
			cmocka_unit_test(a_prefix_of_a_running_process_is_refused),
			cmocka_unit_test(dpdk_starts_without_hugepages_and_says_what_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
