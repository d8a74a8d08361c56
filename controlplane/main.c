/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "config_host.h"
#include "eal.h"
#include "gateway.h"

#define JOURNAL_BEFORE_CONFIG 1024u

struct options {
	const char *file;
	bool test;
};

const char *argp_program_version = "understudyd " UNDERSTUDY_VERSION;

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		o->file = arg;
		return 0;
	case 't':
		o->test = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': no argument is expected", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option option_list[] = {
		{"config", 'c', "FILE", 0,
				"the configuration (default: /etc/understudy/understudy.yaml)", 0},
		{"test", 't', NULL, 0, "check the configuration, print the effective one, and exit",
				0},
		{0},
};

static const struct argp parser = {
		.options = option_list,
		.parser = parse_option,
		.doc = "The Understudy gateway: forwards services to their endpoints, mirrors them "
		       "to shadows, and shifts "
		       "them there.\vSIGHUP reads the configuration again. See understudyd(8) and "
		       "understudyctl(1).",
};

static void
print_errors(const struct config_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->count; i++)
		fprintf(stderr, "%s\n", errors->line[i]);
}

static struct config *
load(const struct options *o)
{
	struct config_errors errors = {0};
	struct config *config = config_load(o->file, &errors);

	print_errors(&errors);
	config_errors_free(&errors);
	return config;
}

static int
test(struct config *config)
{
	struct config_errors missing = {0};
	int rc;

	(void)config_host_check(config, "warning: ", &missing);
	print_errors(&missing);
	config_errors_free(&missing);
	rc = config_print(config, stdout);
	config_free(config);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool
fits_host(struct gateway *g, const struct config *config)
{
	struct config_errors missing = {0};
	bool fits = config_host_check(config, "", &missing);
	size_t i;

	for (i = 0; i < missing.count; i++)
		journal_add(g->journal, JOURNAL_ERR, "start", NULL, NULL, "%s", missing.line[i]);
	config_errors_free(&missing);
	return fits;
}

/* libxdp warns at each start that it works without a feature of later versions; nobody can do anything about it. */
static int __attribute__((format(printf, 2, 0)))
print_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level != LIBXDP_WARN || strstr(format, "Another XSK socket was created"))
		return 0;
	return vfprintf(stderr, format, args);
}

static int
serve(struct gateway *g, struct config *config)
{
	char *prefix = strdup(config->gateway.file_prefix);
	char error[512] = "";
	int rc;

	if (!fits_host(g, config) || eal_start(config, g->journal, error, sizeof(error)) < 0) {
		if (error[0] != '\0')
			journal_add(g->journal, JOURNAL_ERR, "start", NULL, NULL, "%s", error);
		config_free(config);
		free(prefix);
		return EXIT_FAILURE;
	}
	rc = gateway_start(g, config);
	if (rc == 0)
		rc = loop_run(g->loop);
	eal_stopping();
	gateway_stop(g);
	eal_stop(prefix);
	journal_add(g->journal, JOURNAL_NOTICE, "stop", NULL, NULL, "stopped");
	free(prefix);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Signals are blocked before DPDK makes its threads, so that they all inherit the mask. */
int
main(int argc, char **argv)
{
	struct options o = {.file = "/etc/understudy/understudy.yaml"};
	struct gateway *g;
	struct config *config;
	int rc = EXIT_FAILURE;

	argp_parse(&parser, argc, argv, 0, NULL, &o);
	config = load(&o);
	if (!config)
		return EXIT_FAILURE;
	if (o.test)
		return test(config);
	signal(SIGPIPE, SIG_IGN);
	(void)libxdp_set_print(print_libxdp);
	g = calloc(1, sizeof(*g));
	if (!g)
		return EXIT_FAILURE;
	g->config_file = o.file;
	g->journal = journal_create(config->limits.events);
	g->loop = loop_create();
	if (g->journal && g->loop && gateway_signals(g) == 0)
		rc = serve(g, config);
	else
		perror("understudyd");
	loop_free(g->loop);
	journal_free(g->journal);
	free(g);
	return rc;
}
