/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config *
load(const char *file)
{
	struct config_errors errors = {0};
	struct config *config;
	char path[512];
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".",
			file);
	config = config_load(path, &errors);
	for (i = 0; i < errors.count; i++)
		print_message("%s\n", errors.line[i]);
	assert_non_null(config);
	assert_int_equal(errors.count, 0);
	config_errors_free(&errors);
	return config;
}

static struct config *
print_and_parse(const struct config *config)
{
	struct config_errors errors = {0};
	struct config *again;
	char *text = NULL;
	size_t size = 0, i;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(config_print(config, out), 0);
	fclose(out);
	again = config_parse(text, size, "printed", &errors);
	for (i = 0; i < errors.count; i++)
		print_message("%s\n", errors.line[i]);
	if (!again)
		print_message("%s\n", text);
	free(text);
	config_errors_free(&errors);
	return again;
}

static void
what_is_shipped_loads_and_prints_to_the_same(void **state)
{
	static const char *const files[] = {"config/example.yaml", "config/minimal.yaml"};
	struct config *config, *again;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		config = load(files[i]);
		again = print_and_parse(config);
		assert_non_null(again);
		assert_true(config_equal(config, again));
		config_free(config);
		config_free(again);
	}
}

static char *
read_file_or_null(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (in && getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		text = NULL;
	}
	if (in)
		fclose(in);
	return text;
}

/* UPDATE_GOLDEN=1 writes what is instead of comparing; look at the difference before it is kept. */
static void
expect_golden(const char *path, const char *text)
{
	char *expected;
	FILE *out;

	if (getenv("UPDATE_GOLDEN")) {
		out = fopen(path, "w");
		assert_non_null(out);
		fputs(text, out);
		fclose(out);
		return;
	}
	expected = read_file_or_null(path);
	if (!expected)
		fail_msg("'%s' is missing; run with UPDATE_GOLDEN=1", path);
	if (strcmp(text, expected) != 0)
		print_message("'%s' differs; now it is:\n%s", path, text);
	assert_string_equal(text, expected);
	free(expected);
}

/* Both a list of errors and a printed configuration, so that a file that became good is seen as well. */
static char *
outcome_of(const char *text, const char *name)
{
	struct config_errors errors = {0};
	struct config *config = config_parse(text, strlen(text), name, &errors);
	char *outcome = NULL;
	size_t size = 0, i;
	FILE *out = open_memstream(&outcome, &size);

	assert_non_null(out);
	for (i = 0; i < errors.count; i++)
		fprintf(out, "%s\n", errors.line[i]);
	if (config)
		config_print(config, out);
	fclose(out);
	config_free(config);
	config_errors_free(&errors);
	return outcome;
}

static int
is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

/* Warnings may stand before a printed configuration. */
static bool
is_printed(const char *outcome)
{
	return strncmp(outcome, "gateway:\n", 9) == 0 || strstr(outcome, "\ngateway:\n");
}

static void
expect_file(const char *folder, const char *name, const char *golden)
{
	char path[1024], *text, *outcome;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	text = read_file_or_null(path);
	assert_non_null(text);
	outcome = outcome_of(text, name);
	assert_non_null(outcome);
	/* A name that begins with "bad-" is a promise. */
	assert_int_equal(strncmp(name, "bad-", 4) != 0, is_printed(outcome));
	expect_golden(golden, outcome);
	free(outcome);
	free(text);
}

static const char *
source_root(void)
{
	return getenv("SOURCE_ROOT") ? getenv("SOURCE_ROOT") : ".";
}

static void
what_is_shipped_prints_as_recorded(void **state)
{
	static const char *const files[] = {"example", "minimal"};
	char folder[512], name[64], golden[1024];
	size_t i;

	snprintf(folder, sizeof(folder), "%s/config", source_root());
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "%s.yaml", files[i]);
		snprintf(golden, sizeof(golden), "%s/tests/data/config/printed-%s.out",
				source_root(), files[i]);
		expect_file(folder, name, golden);
	}
}

static void
bad_files_are_refused_as_recorded(void **state)
{
	struct dirent **entry;
	char folder[512], golden[1024];
	int i, n;

	snprintf(folder, sizeof(folder), "%s/tests/data/config", source_root());
	n = scandir(folder, &entry, is_yaml, alphasort);
	assert_true(n > 20);
	for (i = 0; i < n; i++) {
		snprintf(golden, sizeof(golden), "%s/%.*s.out", folder,
				(int)strlen(entry[i]->d_name) - 5, entry[i]->d_name);
		expect_file(folder, entry[i]->d_name, golden);
		free(entry[i]);
	}
	free(entry);
}

#define PORTS                                                                 \
	"ports: [{name: lan, device: net_null0, addresses: [10.0.0.2/24]}]\n" \
	"local_addresses: [10.0.0.3]\n"

static struct config *
parse(const char *text)
{
	struct config_errors errors = {0};
	struct config *config = config_parse(text, strlen(text), "test", &errors);
	size_t i;

	for (i = 0; i < errors.count; i++)
		print_message("%s\n", errors.line[i]);
	config_errors_free(&errors);
	assert_non_null(config);
	return config;
}

static void
endpoints_take_from_their_service_what_they_do_not_say(void **state)
{
	struct config *config = parse(
			PORTS "services:\n"
			      "  - name: dns\n"
			      "    address: 10.0.0.100\n"
			      "    protocol: udp\n"
			      "    port: 53\n"
			      "    check: {type: udp, payload: ping, interval: 400ms, fall: 5}\n"
			      "    mirror: {fraction: 50%, packets_per_second: 10k}\n"
			      "    endpoints:\n"
			      "      - {name: a, address: 10.0.0.11, shadows: [b], check: {fall: "
			      "7}, mirror: {fraction: 25%}}\n"
			      "      - {name: b, address: 10.0.0.12, check: {type: icmp}}\n"
			      "      - {name: c, address: 10.0.0.13, check: {type: none}, shadows: "
			      "[b]}\n");
	const struct config_endpoint *e = config->service[0].endpoint;

	assert_int_equal(e[0].weight, 100);
	assert_int_equal(e[0].check.kind, CHECK_UDP);
	assert_int_equal(e[0].check.interval_ms, 400);
	assert_int_equal(e[0].check.timeout_ms, 400);
	assert_int_equal(e[0].check.fall, 7);
	assert_memory_equal(e[0].check.payload, "ping", 4);
	assert_int_equal(e[0].mirror.share, SHARE_ONE / 4);
	assert_int_equal(e[0].mirror.pps, 10000);
	assert_int_equal(e[1].weight, 0);
	assert_int_equal(e[1].check.kind, CHECK_ICMP);
	assert_int_equal(e[1].check.interval_ms, 1000);
	assert_int_equal(e[1].mirror.share, 0);
	assert_int_equal(e[2].check.kind, CHECK_NONE);
	assert_int_equal(e[2].mirror.share, SHARE_ONE / 2);
	assert_string_equal(e[2].zone, "");
	config_free(config);
}

static void
texts_may_have_any_number_of_escapes(void **state)
{
	struct config *config = parse(PORTS "services:\n"
					    "  - name: udp\n"
					    "    address: 10.0.0.100\n"
					    "    protocol: udp\n"
					    "    port: 53\n"
					    "    check: {type: udp, payload: "
					    "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\n\\x41"
					    "\", expect: ''''''''''''''''''''}\n"
					    "    endpoints: [{name: a, address: 10.0.0.11}]\n");
	const struct config_check *check = &config->service[0].endpoint[0].check;

	assert_int_equal(check->payload_len, 13);
	assert_memory_equal(check->payload, "\"\"\"\"\"\"\"\"\"\"\"\nA", 13);
	assert_int_equal(check->expect_len, 9);
	assert_memory_equal(check->expect, "'''''''''", 9);
	config_free(config);
}

static void
a_reload_is_refused_by_name_where_it_needs_a_restart(void **state)
{
	static const struct {
		const char *to, *refusal; /* NULL: can be taken over */
	} cases[] = {
			{PORTS "timeouts: {udp: 5s}\n", NULL},
			{"ports: [{name: lan, device: net_null0, addresses: [10.0.0.2/24], "
			 "gateways: [10.0.0.1],"
			 " routes: [{to: 10.9.0.0/16, via: 10.0.0.254}]}]\nlocal_addresses: "
			 "[10.0.0.4, 10.0.0.5]\n",
					NULL},
			{PORTS "services: [{name: s, address: 10.0.0.9, protocol: udp, port: 1,"
			       " endpoints: [{name: e, address: 10.0.0.7}]}]\n",
					NULL},
			{PORTS "limits: {flows: 2048}\n",
					"limits.flows: 2048 instead of 1048576; this needs a "
					"restart"},
			{PORTS "gateway: {lcores: [2]}\n",
					"gateway.lcores: changed; this needs a restart"},
			{PORTS "gateway: {idle_sleep: 0}\n",
					"gateway.idle_sleep: 0 instead of 20us; this needs a "
					"restart"},
			{PORTS "gateway: {hash_seed: 2}\n",
					"gateway.hash_seed: 2 instead of 1; this needs a restart"},
			{PORTS "timeouts: {fragment: 2s}\n",
					"timeouts.fragment: 2s instead of 1s; this needs a "
					"restart"},
			{"ports: [{name: lan, device: net_null0, kernel: host0, addresses: "
			 "[10.0.0.2/24]}]\n",
					"ports[lan].kernel: \"host0\" instead of \"\"; this needs "
					"a restart"},
			{"ports: [{name: lan, device: net_null0, addresses: [10.0.0.2/25]}]\n",
					"ports[lan].addresses: changed; this needs a restart"},
			{"ports: [{name: wan, device: net_null0, addresses: [10.0.0.2/24]}]\n",
					"ports[lan].name: \"wan\" instead of \"lan\"; this needs a "
					"restart"},
			{"ports: [{name: lan, device: net_null0, addresses: [10.0.0.2/24]},"
			 " {name: wan, device: net_null1, addresses: [10.1.0.2/24]}]\n",
					"ports: 2 instead of 1; this needs a restart"},
			{PORTS "limits: {local_addresses: 5}\n",
					"limits.local_addresses: 5 instead of 4; this needs a "
					"restart"},
			{"ports: [{name: lan, device: net_null0, addresses: [10.0.0.2/24]}]\n"
			 "local_addresses: [10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7]\n",
					"local_addresses: 5 of one family, but there is room for "
					"4; set limits.local_addresses and "
					"restart"},
	};
	struct config *from = parse(PORTS), *to;
	struct config_errors errors;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&errors, 0, sizeof(errors));
		to = parse(cases[i].to);
		assert_int_equal(config_reloadable(from, to, &errors), cases[i].refusal == NULL);
		assert_int_equal(errors.count, cases[i].refusal != NULL);
		if (cases[i].refusal)
			assert_string_equal(errors.line[0], cases[i].refusal);
		config_errors_free(&errors);
		config_free(to);
	}
	config_free(from);
}

/* 17 endpoints, next to the gateway or behind its router, with room for 16 neighbours. */
static void
next_hops_must_fit_the_table(void **state)
{
	static const struct {
		const char *subnet, *error;
	} cases[] = {
			{"10.9.0", NULL},
			{"10.0.0",
					"17 next hops of endpoints and configured neighbours, but "
					"limits.neighbours is 16; raise it"},
	};
	size_t i, k, size;

	for (i = 0; i < 2; i++) {
		struct config_errors errors = {0};
		char *text = NULL;
		FILE *out = open_memstream(&text, &size);
		struct config *config;

		fprintf(out,
				"ports: [{name: lan, device: net_null0, addresses: [10.0.0.2/24], "
				"gateways: [10.0.0.1]}]\n"
				"local_addresses: [10.0.0.4]\nlimits: {neighbours: 16}\n"
				"services:\n- name: s\n  address: 10.0.0.9\n  protocol: udp\n"
				"  port: 1\n  endpoints:\n");
		for (k = 0; k < 17; k++)
			fprintf(out, "  - {name: e%zu, address: %s.%zu}\n", k, cases[i].subnet,
					k + 20);
		fclose(out);
		config = config_parse(text, size, "hops", &errors);
		assert_int_equal(config == NULL, cases[i].error != NULL);
		if (cases[i].error)
			assert_non_null(strstr(errors.line[0], cases[i].error));
		config_free(config);
		config_errors_free(&errors);
		free(text);
	}
}

static void
a_file_that_cannot_be_read_is_told(void **state)
{
	static const char *const files[] = {"/nonexistent/file.yaml", "/", "/dev/zero"};
	struct config_errors errors;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		memset(&errors, 0, sizeof(errors));
		assert_null(config_load(files[i], &errors));
		assert_int_equal(errors.count, 1);
		assert_memory_equal(errors.line[0], files[i], strlen(files[i]));
		config_errors_free(&errors);
	}
}

static void
a_file_that_is_not_text_is_told_as_that(void **state)
{
	static const char binary[] = "\177ELF\2\1\1\0\0\0ports: []";
	struct config_errors errors = {0};

	assert_null(config_parse(binary, sizeof(binary) - 1, "gw", &errors));
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.line[0], "gw: is not text; give the path of a YAML file");
	config_errors_free(&errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(what_is_shipped_loads_and_prints_to_the_same),
			cmocka_unit_test(what_is_shipped_prints_as_recorded),
			cmocka_unit_test(bad_files_are_refused_as_recorded),
			cmocka_unit_test(endpoints_take_from_their_service_what_they_do_not_say),
			cmocka_unit_test(texts_may_have_any_number_of_escapes),
			cmocka_unit_test(a_reload_is_refused_by_name_where_it_needs_a_restart),
			cmocka_unit_test(next_hops_must_fit_the_table),
			cmocka_unit_test(a_file_that_cannot_be_read_is_told),
			cmocka_unit_test(a_file_that_is_not_text_is_told_as_that),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
