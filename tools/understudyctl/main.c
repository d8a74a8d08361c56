/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backtest.h"
#include "command.h"
#include "units.h"

const char *argp_program_version = "understudyctl " UNDERSTUDY_VERSION;

enum option_key {
	OPTION_SOCKET = 0x100,
	OPTION_JSON,
	OPTION_SHADOWS,
	OPTION_PPS,
	OPTION_BPS,
	OPTION_UNDO,
	OPTION_EXPLAIN,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_STEP,
	OPTION_CSV,
	OPTION_PLOT,
};

static const struct argp_option no_options[] = {{0}};
static const struct argp_option events_options[] = {
		{"follow", 'f', NULL, 0, "Wait for more events", 0}, {0}};
static const struct argp_option risk_options[] = {
		{"explain", OPTION_EXPLAIN, NULL, 0, "Every reason, and what is measured", 0}, {0}};
static const struct argp_option decisions_options[] = {{"follow", 'f', NULL, 0, "Wait for more", 0},
		{"since", OPTION_SINCE, "DURATION", 0, "Of the last 15m, 2h, 1d", 0}, {0}};
static const struct argp_option simulate_options[] = {
		{"since", OPTION_SINCE, "TIME", 0,
				"From then on: 15m, 1h, 7d ago (default: 1d), or 2026-11-21T04:00",
				0},
		{"until", OPTION_UNTIL, "TIME", 0, "Up to then (default: now)", 0}, {0}};
static const struct argp_option history_options[] = {
		{"since", OPTION_SINCE, "TIME", 0,
				"From then on: 15m, 1h, 7d ago (default: 1h), or 2026-11-21T04:00",
				0},
		{"until", OPTION_UNTIL, "TIME", 0, "Up to then (default: now)", 0},
		{"step", OPTION_STEP, "DURATION", 0, "Sum up so much: 1s to 1d", 0},
		{"csv", OPTION_CSV, NULL, 0, "Print CSV", 0},
		{"plot", OPTION_PLOT, NULL, 0, "Draw it", 0}, {0}};
static const struct argp_option drain_options[] = {
		{"undo", OPTION_UNDO, NULL, 0, "Take new flows again", 0}, {0}};
static const struct argp_option mirror_options[] = {
		{"shadows", OPTION_SHADOWS, "N", 0, "Copy to the first N shadows", 0},
		{"pps", OPTION_PPS, "N", 0, "Copies per second at most (0: no limit)", 0},
		{"bps", OPTION_BPS, "N", 0, "Bits per second at most (0: no limit)", 0}, {0}};

static const struct command {
	const char *name, *args, *doc;
	int args_min, args_max;
	command_fn run;
	const struct argp_option *options;
	int (*alone)(int argc, char **argv); /* instead: parses its own line, asks no daemon */
} commands[] = {
		{"status", "", "How the gateway is", 0, 0, show_status, no_options},
		{"services", "", "Services: states and rates", 0, 0, show_services, no_options},
		{"endpoints", "[SERVICE[/ENDPOINT]]",
				"Endpoints: states, rates, times, settings (* set at run time)", 0,
				1, show_endpoints, no_options},
		{"flows", "[KEY=VALUE...]",
				"Live flows; keys: service, endpoint, client, destination, "
				"protocol, "
				"state, limit",
				0, COMMAND_ARGS_MAX, show_flows, no_options},
		{"lcores", "", "Forwarding cores: load, rates, tables", 0, 0, show_lcores,
				no_options},
		{"ports", "", "Ports: links and rates", 0, 0, show_ports, no_options},
		{"drops", "", "Packets that were not sent on, and why", 0, 0, show_drops,
				no_options},
		{"events", "[-f]", "What happened", 0, 0, show_events, events_options},
		{"explain", "SRC DST [tcp|udp]", "Where a flow goes, and why", 2, 3, show_explain,
				no_options},
		{"forecast", "[SERVICE[/ENDPOINT]]",
				"Load to come, and how often what was said of it came true", 0, 2,
				show_forecast, no_options},
		{"risk", "[SERVICE|ENDPOINT|SERVICE/ENDPOINT]",
				"Risk of failing within 30, 60 and 300 s, and why", 0, 1, show_risk,
				risk_options},
		{"decisions", "[-f] [--since DURATION]",
				"What the policy decided: inputs, reason, outcome", 0, 0,
				show_decisions, decisions_options},
		{"policy", "[SERVICE [ENDPOINT] ORDER]",
				"How the pairs stand; orders: observe, advise, act, file, hold, "
				"release",
				0, 3, change_policy, no_options},
		{"approve", "NUMBER|SERVICE ENDPOINT", "Let the shift begin that was asked for", 1,
				2, change_approve, no_options},
		{"simulate", "CONFIG [SERVICE]",
				"What the policies of another configuration would have done", 1, 2,
				simulate_run, simulate_options},
		{"history", "[SERVICE [ENDPOINT [METRIC]]]",
				"What was measured; without METRIC and options: what is kept", 0, 3,
				show_history, history_options},
		{"models", "list|export NAME FILE|reset [PREFIX]",
				"What was learned: list it, save one, begin anew", 0, 3,
				show_models, no_options},
		{"measurements", "[SERVICE [ENDPOINT]]",
				"What is measured and scraped of endpoints, and outside factors", 0,
				2, show_measurements, no_options},
		{"neighbours", "", "Link-layer neighbours", 0, 0, show_neighbours, no_options},
		{"config", "", "The configuration in force", 0, 0, show_config, no_options},
		{"shift", "SERVICE ENDPOINT SHARE",
				"Give a share (25% or 0.25) of its new flows to its shadow", 2, 3,
				change_shift, no_options},
		{"mirror", "SERVICE ENDPOINT SHARE", "Copy a share of its flows to its shadows", 2,
				3, change_mirror, mirror_options},
		{"drain", "SERVICE ENDPOINT", "Give it no new flows", 1, 2, change_drain,
				drain_options},
		{"failover", "SERVICE ENDPOINT",
				"Move all its flows to its shadow (or drain it) until undone; "
				"resets TCP",
				1, 2, change_failover, no_options},
		{"weight", "SERVICE ENDPOINT WEIGHT", "Change its weight until the next reload", 2,
				3, change_weight, no_options},
		{"reload", "", "Read the configuration file again", 0, 0, change_reload,
				no_options},
		{"top", "", "A live display", 0, 0, top_run, no_options},
		{.name = "backtest",
				.args = "SUBCOMMAND ...",
				.doc = "Run the models over files: anomaly, forecast, risk",
				.alone = backtest_run},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

struct line {
	struct request request;
	const char *socket_path;
	const struct command *command;
	int command_at; /* in argv */
};

enum client_result
command_failed(const struct request *rq, enum client_result result)
{
	json_t *error;

	if (!rq->json) {
		fprintf(stderr, "understudyctl: %s\n", client_error(rq->client));
		return result;
	}
	error = client_error_json(rq->client);
	command_print_json(error);
	json_decref(error);
	return result;
}

enum client_result
command_misused(const char *format, ...)
{
	va_list args;

	fputs("understudyctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return CLIENT_USAGE;
}

void
command_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	putchar('\n');
}

static enum client_result
take(struct request *rq, enum client_result rc, json_t *const *reply, bool *done)
{
	*done = rq->json;
	if (rc != CLIENT_OK)
		return command_failed(rq, rc);
	if (rq->json) {
		command_print_json(*reply);
		json_decref(*reply);
	}
	return CLIENT_OK;
}

enum client_result
command_get(struct request *rq, const char *path, json_t **reply, bool *done)
{
	return take(rq, client_get(rq->client, path, reply), reply, done);
}

enum client_result
command_post(struct request *rq, const char *path, json_t *body, json_t **reply, bool *done)
{
	enum client_result rc = client_post(rq->client, path, body, reply);

	json_decref(body);
	return take(rq, rc, reply, done);
}

const char *
command_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

double
command_number(const json_t *row, const char *key)
{
	return unit_number(json_object_get(row, key));
}

static const struct command *
command_or_null(const char *name)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static error_t
take_option(int key, char *arg, struct line *l)
{
	switch (key) {
	case OPTION_SOCKET:
		l->socket_path = arg;
		return 0;
	case OPTION_JSON:
		l->request.json = true;
		return 0;
	case 'f':
		l->request.follow = true;
		return 0;
	case OPTION_UNDO:
		l->request.undo = true;
		return 0;
	case OPTION_EXPLAIN:
		l->request.explain = true;
		return 0;
	case OPTION_SINCE:
		l->request.since = arg;
		return 0;
	case OPTION_UNTIL:
		l->request.until = arg;
		return 0;
	case OPTION_STEP:
		l->request.step = arg;
		return 0;
	case OPTION_CSV:
		l->request.csv = true;
		return 0;
	case OPTION_PLOT:
		l->request.plot = true;
		return 0;
	case OPTION_SHADOWS:
		l->request.shadows = arg;
		return 0;
	case OPTION_PPS:
		l->request.pps = arg;
		return 0;
	case OPTION_BPS:
		l->request.bps = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* The options that stand everywhere. */
static const struct argp_option global_options[] = {
		{"socket", OPTION_SOCKET, "PATH", 0,
				"The daemon's socket (default: $UNDERSTUDY_SOCKET or " CLIENT_SOCKET
				")",
				-1},
		{"json", OPTION_JSON, NULL, 0, "Print JSON for programs", -1}, {0}};

static error_t
parse_global(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG || key == ARGP_KEY_INIT)
		return key == ARGP_KEY_INIT ? 0 : ARGP_ERR_UNKNOWN;
	return take_option(key, arg, state->input);
}

static const struct argp global_argp = {global_options, parse_global, NULL, NULL, NULL, NULL, NULL};
static const struct argp_child global_child[] = {{&global_argp, 0, NULL, 0}, {0}};

static error_t
parse_command_line(int key, char *arg, struct argp_state *state)
{
	struct line *l = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = l;
		return 0;
	case ARGP_KEY_ARG:
		if (l->request.arg_count == l->command->args_max)
			argp_error(state, "too many arguments: \"%s\"", arg);
		l->request.arg[l->request.arg_count++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (l->request.arg_count < l->command->args_min)
			argp_error(state, "too few arguments");
		return 0;
	}
	return take_option(key, arg, l);
}

static error_t
parse_main(int key, char *arg, struct argp_state *state)
{
	struct line *l = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = l;
		return 0;
	case ARGP_KEY_ARG:
		l->command = command_or_null(arg);
		if (!l->command)
			argp_error(state, "no command \"%s\"", arg);
		l->command_at = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* The list of commands, behind the options. */
static char *
main_help(void)
{
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("Inspects and steers understudyd.\v", out);
	fputs("Commands:\n", out);
	for (i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-13s%s%s%s\n", commands[i].name, commands[i].args,
				*commands[i].args ? ": " : "", commands[i].doc);
	fputs("An endpoint can also be named SERVICE/ENDPOINT. Exit status: 0 done, 1 refused, "
	      "2 wrong usage, 3 no daemon.",
			out);
	fclose(out);
	return text;
}

/* getopt would call -1 an unknown option. */
static void
refuse_negative(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1] >= '0' && argv[i][1] <= '9')
			exit(command_misused("\"%s\" is less than 0", argv[i]));
	}
}

static void
parse(int argc, char **argv, struct line *l)
{
	char *help = main_help(), name[64], *doc;
	struct argp main_argp = {
			NULL, parse_main, "COMMAND [ARGUMENT...]", help, global_child, NULL, NULL};
	struct argp command_argp = {.parser = parse_command_line, .children = global_child};

	argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, l);
	if (l->command->alone) {
		free(help);
		return;
	}
	refuse_negative(argc - l->command_at, argv + l->command_at);
	snprintf(name, sizeof(name), "understudyctl %s", l->command->name);
	doc = strdup(l->command->doc);
	command_argp.options = l->command->options;
	command_argp.args_doc = l->command->args;
	command_argp.doc = doc;
	argv[l->command_at] = name;
	argp_parse(&command_argp, argc - l->command_at, argv + l->command_at, 0, NULL, l);
	free(doc);
	free(help);
}

/* A reply that a full disk swallowed is no reply. */
static int
finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "understudyctl: standard output: cannot write: %s\n", strerror(errno));
	return status ? status : CLIENT_REFUSED;
}

int
main(int argc, char **argv)
{
	struct line l = {.socket_path = getenv("UNDERSTUDY_SOCKET")};
	enum client_result rc;

	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C"); /* 0.25 everywhere */
	argp_err_exit_status = CLIENT_USAGE;
	parse(argc, argv, &l);
	if (l.command->alone)
		return finish(l.command->alone(argc - l.command_at, argv + l.command_at));
	if (!l.socket_path || !*l.socket_path)
		l.socket_path = CLIENT_SOCKET;
	l.request.client = client_create(l.socket_path);
	rc = l.command->run(&l.request);
	client_free(l.request.client);
	return finish(rc);
}
