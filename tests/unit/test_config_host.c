/* SPDX-License-Identifier: Apache-2.0 */
#include "config_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct host_case {
	const char *name;
	unsigned lcore, main_lcore;
	uint32_t flows;
	const char *told_or_null; /* the error begins so */
};

/* CPU 0 cannot be offline on the machines that this runs on; 1021 is on none. */
static const struct host_case cases[] = {
		{"what every machine has is fine", 0, 0, 1024, NULL},
		{"a forwarding CPU that is not there", 1021, 0, 1024,
				"gw.yaml:3: gateway.lcores: warning: CPU 1021 is not online on "
				"this machine (online: 0"},
		{"a control CPU that is not there", 0, 1021, 1024,
				"gw.yaml:4: gateway.main_lcore: warning: CPU 1021 is not online"},
		{"flow tables of a terabyte", 0, 0, UINT32_MAX,
				"gw.yaml:7: limits.flows: warning: 4294967295 flows need about "
				"1048575 MiB of memory, and "},
};

static void
what_the_machine_lacks_is_told_with_key_and_line(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct host_case *c = &cases[i];
		unsigned lcore = c->lcore;
		const struct config config = {
				.file = "gw.yaml",
				.gateway = {.lcore = &lcore,
						.lcore_count = 1,
						.lcore_line = 3,
						.main_lcore = c->main_lcore,
						.main_lcore_line = 4},
				.limits = {.flows = c->flows, .flows_line = 7},
		};
		struct config_errors errors = {0};

		print_message("%s\n", c->name);
		assert_int_equal(config_host_check(&config, "warning: ", &errors),
				c->told_or_null == NULL);
		assert_int_equal(errors.count, c->told_or_null != NULL);
		if (c->told_or_null != NULL &&
				strncmp(errors.line[0], c->told_or_null, strlen(c->told_or_null)) !=
						0)
			fail_msg("%s", errors.line[0]);
		config_errors_free(&errors);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(what_the_machine_lacks_is_told_with_key_and_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
