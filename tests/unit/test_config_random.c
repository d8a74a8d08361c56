/* SPDX-License-Identifier: Apache-2.0 */
/* Random configurations that are valid by construction, from a fixed seed: each must load, and print to what loads
 * to the same. Then the same texts with random damage, which may load or not but must not do harm. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONFIGURATIONS 1000
#define DAMAGES 20 /* of each */

static uint64_t random_state;

static uint32_t
below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((random_state >> 33) % n);
}

static bool
chance(uint32_t percent)
{
	return below(100) < percent;
}

static const char *
one_of(const char *const *word, uint32_t count)
{
	return word[below(count)];
}

#define PICK(...)                                  \
	one_of((const char *const[]){__VA_ARGS__}, \
			sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static void
write_gateway(FILE *out)
{
	if (chance(50))
		fprintf(out,
				"gateway:\n  lcores: [%u, %u]\n  main_lcore: %u\n  idle_sleep: "
				"%uus\n  hugepages: %s\n"
				"  memory: %uM\n  file_prefix: p%u\n  state_file: \"%s\"\n  "
				"hash_seed: %u\n",
				1 + below(10), 11 + below(10), 21 + below(9), below(10000),
				PICK("true", "false"), below(5000), below(9),
				PICK("", "/tmp/a b\\\"c\\\\d", "/s"), below(1000000));
	if (chance(50))
		fprintf(out, "limits: {flows: %u, endpoints: %uk, fragments: %u, events: 1Ki}\n",
				1024 + below(1 << 20), 5 + below(5), 16 + below(100));
	if (chance(30))
		fprintf(out,
				"history: {file: %s, size: %uM, keep: {1s: %um, 10s: %uh}, queue: "
				"%uk}\n",
				PICK("\"\"", "/h.db"), 32 + below(5000), 15 + below(100),
				2 + below(100), 2 + below(1000));
	if (chance(50))
		fprintf(out,
				"timeouts:\n  tcp_half_open: %ums\n  udp: %us\n  rest_tcp: %s\n  "
				"fragment: %ums\n",
				100 + below(100000), 1 + below(1000), PICK("0", "1m", "5s", "1h"),
				10 + below(1000));
}

/* Port n has 10.n.0.0/16 and fd00:n::/32, or a VLAN of the device before. */
static void
write_ports(FILE *out, uint32_t count)
{
	uint32_t i;

	fprintf(out, "ports:\n");
	for (i = 0; i < count; i++) {
		fprintf(out,
				"  - name: p%u\n    device: \"0000:%02x:00.%u\"\n    vlan: %u\n    "
				"mtu: %u\n",
				i, i / 2, i % 2, 1 + below(4094), 1280 + below(7721));
		if (chance(30))
			fprintf(out, "    kernel: host%u\n", i);
		fprintf(out, "    addresses: [10.%u.0.%u/16, fd00:%u::%x/32]\n", i, 1 + below(9), i,
				1 + below(9));
		if (chance(30))
			fprintf(out,
					"    routes: [{to: 172.%u.0.0/16, via: 10.%u.8.%u}, {to: "
					"\"fd%02u::/%u\", via: fe80::1}]\n",
					16 + i, i, 1 + below(200), 10 + i, 16 + below(20));
	}
	if (chance(50))
		fprintf(out, "    gateways: [%s10.%u.9.9]\n", PICK("", "fe80::9, "), count - 1);
	fprintf(out, "local_addresses: [10.0.1.1, fd00:0:1::1");
	for (i = below(4); i > 0; i--)
		fprintf(out, ", 10.0.2.%u", i);
	fprintf(out, "]\n");
}

static void
write_check(FILE *out)
{
	fprintf(out, "check: {interval: %ums, timeout: %ums, rise: %u, fall: %u, ",
			500 + below(5000), 1 + below(500), 1 + below(9), 1 + below(9));
	if (chance(25))
		fprintf(out, "type: tcp, port: %u}", 1 + below(65535));
	else if (chance(33))
		fprintf(out, "type: http, path: \"%s\", host: %s, status: %u-%u, port: 8080}",
				PICK("/", "/a?b=\\\"c\\\"", "/#"), PICK("a.example", "b"),
				100 + below(100), 200 + below(300));
	else if (chance(50))
		fprintf(out, "type: udp, port: 53, payload: \"%s\", expect: \"%s\"}",
				PICK("ping", "hex:00ff", "a: 'b', {}"),
				PICK("hex:6865783a", "x", " "));
	else
		fprintf(out, "type: icmp}");
}

struct shape {
	bool v6, udp, range;
	const char *forward;
	uint32_t primaries, service;
};

static void
write_primary(FILE *out, const struct shape *s, uint32_t i)
{
	fprintf(out, ", shadows: [s%u%s], shift: %u.%03u%%, drain: %s", i, i ? ", s0" : "",
			below(100), below(1000), PICK("true", "false"));
	if (s->udp && chance(50))
		fprintf(out,
				", mirror: {fraction: %u.%u%%, shadows: %u, packets_per_second: "
				"%u%s, bits_per_second: %uM}",
				below(100), below(100), 1 + below(3), below(1000), PICK("", "k"),
				below(100000));
	if (chance(20)) {
		fprintf(out, ", ");
		write_check(out);
	}
}

static void
write_endpoint(FILE *out, const struct shape *s, uint32_t i, bool shadow)
{
	fprintf(out, "      - {name: %s%u, address: ", shadow ? "s" : "e", i);
	fprintf(out, s->v6 ? "\"fd00:0:%x:%u::%x\"" : "10.0.%u.%u%02u", 100 + s->service,
			shadow ? 2 : 1, 1 + i);
	if (!s->range && s->forward[0] != 'd' && chance(50))
		fprintf(out, ", port: %u", 1 + below(65535));
	if (chance(50))
		fprintf(out, ", weight: %u", 1 + below(65535));
	if (chance(50))
		fprintf(out, ", zone: z.%u-%u_", below(9), below(9));
	if (!shadow && chance(60))
		write_primary(out, s, i);
	fprintf(out, "}\n");
}

static void
write_policy(FILE *out)
{
	fprintf(out, "    objective: {latency: %ums, quantile: %u.%u%%, errors: %u.%u%%}\n",
			below(10000), 50 + below(50), below(10), below(100), below(1000));
	fprintf(out, "    policy:\n      mode: observe\n      horizon: %s\n      enter: %u%%\n",
			PICK("30s", "60s", "300s", "5m"), 50 + below(50));
	fprintf(out, "      steps: %s\n      enter_n: %u\n      soak: %ums\n",
			PICK("by_risk", "[100%]", "[0.5%, 7%, 100%]"), 1 + below(3), below(9999));
	fprintf(out, "      verify: {latency_ratio: %u.%u, answers: %u%%, min_requests: %u}\n",
			1 + below(9), below(100), below(101), 1 + below(100));
	if (chance(50))
		fprintf(out, "      rules: [\"cpu > %u%%\", \"bytes < %u%s for 30s\"]\n",
				below(100), below(1000), PICK("", "k", "M"));
}

static void
write_forecast(FILE *out)
{
	fprintf(out, "    forecast:\n      load: %s\n      interval: %us\n      capacity: %u.%u\n",
			PICK("requests", "flows", "bytes"), 1 + below(30), below(100000),
			below(10));
	if (chance(50))
		fprintf(out, "      seasons: [%uh, %s]\n", 1 + below(24), PICK("7d", "2d", "30d"));
	if (chance(50))
		fprintf(out,
				"      when: [\"%u.%u%% chance of %u%% %s load within %um\", "
				"\"80%%  "
				"chance of 20%% less load within 30s\"]\n",
				1 + below(98), below(10), 1 + below(99), PICK("more", "less"),
				1 + below(6));
}

static void
write_calendar(FILE *out)
{
	fprintf(out,
			"calendar:\n  - {name: sale, from: 20%02u-11-27, to: \"20%02u-11-27 "
			"%02u:00\", repeat: %s}\n"
			"  - {name: e%u, from: 2026-01-01 00:00:00, to: 2026-01-02}\n",
			27 + below(9), 36 + below(3), 1 + below(23), "never", below(9));
}

static void
write_service(FILE *out, uint32_t n)
{
	struct shape s = {.v6 = chance(50),
			.udp = chance(50),
			.range = chance(20),
			.primaries = 1 + below(5),
			.service = n};
	uint32_t i, first = 1 + below(60000);

	s.forward = PICK("nat", "fullnat", "dsr-l2");
	fprintf(out, "  - name: svc%u\n    address: ", n);
	fprintf(out, s.v6 ? "fd00:0:9::%u\n" : "10.0.9.%u\n", 1 + n);
	fprintf(out, "    protocol: %s\n    forward: %s\n    hash: %s\n    port: %u",
			s.udp ? "udp" : "tcp", s.forward, PICK("5-tuple", "source"), first);
	fprintf(out, s.range ? "-%u\n" : "\n", first + below(5000));
	fprintf(out, "    %s: true\n",
			s.udp				      ? "per_request"
					: s.forward[0] == 'f' ? "# adopt"
							      : "adopt");
	fprintf(out, "    replies: %s\n",
			s.forward[0] == 'd'	? "none"
					: s.udp ? PICK("none", "dns")
						: PICK("http", "dns"));
	if (!s.udp)
		fprintf(out, "    established: %s\n    down: %s\n", PICK("keep", "reset_after"),
				PICK("keep", "reset"));
	if (chance(40)) {
		fprintf(out, "    ");
		write_check(out);
		fprintf(out, "\n");
	}
	if (chance(30))
		fprintf(out, "    cohorts: [{source: %s, side: primary}]\n",
				s.v6 ? "\"fd00::/16\"" : "10.128.0.0/9");
	if (chance(40))
		write_policy(out);
	if (chance(50))
		write_forecast(out);
	fprintf(out, "    endpoints:\n");
	for (i = 0; i < s.primaries; i++)
		write_endpoint(out, &s, i, false);
	for (i = 0; i < s.primaries; i++)
		write_endpoint(out, &s, i, true);
}

static char *
random_text(uint64_t seed, size_t *size)
{
	uint32_t i, ports, services;
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	assert_non_null(out);
	random_state = seed;
	write_gateway(out);
	if (chance(30))
		write_calendar(out);
	ports = 1 + below(4);
	write_ports(out, ports);
	services = below(8);
	fprintf(out, "services:\n");
	for (i = 0; i < services; i++)
		write_service(out, i);
	fclose(out);
	return text;
}

static struct config *
parse_or_tell(const char *text, size_t size)
{
	struct config_errors errors = {0};
	struct config *config = config_parse(text, size, "random", &errors);
	size_t i;

	for (i = 0; i < errors.count && !config; i++)
		print_message("%s\n", errors.line[i]);
	if (!config)
		print_message("%s\n", text);
	config_errors_free(&errors);
	assert_non_null(config);
	return config;
}

static void
valid_configurations_print_to_themselves(void **state)
{
	struct config *config, *again;
	char *text, *printed;
	uint64_t seed;
	size_t size;
	FILE *out;

	for (seed = 0; seed < CONFIGURATIONS; seed++) {
		text = random_text(seed, &size);
		config = parse_or_tell(text, size);
		free(text);
		printed = NULL;
		out = open_memstream(&printed, &size);
		assert_int_equal(config_print(config, out), 0);
		fclose(out);
		again = parse_or_tell(printed, size);
		if (!config_equal(config, again))
			fail_msg("seed %u: not the same after printing:\n%s", (unsigned)seed,
					printed);
		free(printed);
		config_free(config);
		config_free(again);
	}
}

static void
damage(char *text, size_t size)
{
	static const char bytes[] = "{}[],:#-&*!|>'\"%@`?\n\t \\/09azAZ~\x80\xff\x01";
	uint32_t n = 1 + below(4);

	for (; n > 0; n--)
		text[below((uint32_t)size)] = bytes[below(sizeof(bytes) - 1)];
}

static void
damaged_configurations_load_or_say_why(void **state)
{
	struct config_errors errors;
	struct config *config;
	unsigned i, loaded = 0;
	char *text, *copy;
	uint64_t seed;
	size_t size;

	for (seed = 0; seed < CONFIGURATIONS / 10; seed++) {
		text = random_text(seed, &size);
		for (i = 0; i < DAMAGES; i++) {
			copy = strndup(text, size);
			assert_non_null(copy);
			damage(copy, size);
			memset(&errors, 0, sizeof(errors));
			config = config_parse(copy, chance(20) ? below((uint32_t)size) : size,
					"damaged", &errors);
			loaded += config != NULL;
			assert_true(config || errors.count > 0);
			config_errors_free(&errors);
			config_free(config);
			free(copy);
		}
		free(text);
	}
	/* Neither is all damage seen, nor none: some of it falls into names. */
	assert_in_range(loaded, 1, CONFIGURATIONS / 10 * DAMAGES - 1);
}

static void
configurations_that_differ_are_not_equal(void **state)
{
	struct config *config[20];
	unsigned i, k;
	size_t size;
	char *text;

	for (i = 0; i < 20; i++) {
		text = random_text(i, &size);
		config[i] = parse_or_tell(text, size);
		free(text);
	}
	for (i = 0; i < 20; i++) {
		for (k = 0; k < 20; k++)
			assert_int_equal(config_equal(config[i], config[k]), i == k);
	}
	for (i = 0; i < 20; i++)
		config_free(config[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(valid_configurations_print_to_themselves),
			cmocka_unit_test(damaged_configurations_load_or_say_why),
			cmocka_unit_test(configurations_that_differ_are_not_equal),
	};

	return cmocka_run_group_tests_name("config_random", tests, NULL, NULL);
}
