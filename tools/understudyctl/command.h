/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: each asks the daemon, and prints a table, or the reply with --json. */
#pragma once

#include <stdbool.h>

#include "client.h"

#define COMMAND_ARGS_MAX 16

/* What the command line says. */
struct request {
	struct client *client;
	bool json;
	bool follow; /* events -f */
	bool undo; /* drain --undo */
	bool explain; /* risk --explain */
	const char *since, *until, *step; /* history; NULL: as usual */
	bool csv, plot;
	const char *shadows, *pps, *bps; /* mirror; NULL: as it is */
	const char *arg[COMMAND_ARGS_MAX];
	int arg_count;
};

typedef enum client_result (*command_fn)(struct request *rq);

enum client_result show_status(struct request *rq);
enum client_result show_services(struct request *rq);
enum client_result show_endpoints(struct request *rq);
enum client_result show_flows(struct request *rq);
enum client_result show_lcores(struct request *rq);
enum client_result show_ports(struct request *rq);
enum client_result show_drops(struct request *rq);
enum client_result show_events(struct request *rq);
enum client_result show_explain(struct request *rq);
enum client_result show_neighbours(struct request *rq);
enum client_result show_config(struct request *rq);
enum client_result show_risk(struct request *rq);
enum client_result show_forecast(struct request *rq);
enum client_result show_history(struct request *rq);
enum client_result show_models(struct request *rq);
enum client_result show_measurements(struct request *rq);

/* A time of the clock, or so long ago; ms since 1970, NAN if it is neither. */
double command_moment(const char *text, double now_ms);

enum client_result simulate_run(struct request *rq);
enum client_result show_decisions(struct request *rq);

enum client_result change_policy(struct request *rq);
enum client_result change_approve(struct request *rq);
enum client_result change_shift(struct request *rq);
enum client_result change_mirror(struct request *rq);
enum client_result change_drain(struct request *rq);
enum client_result change_failover(struct request *rq);
enum client_result change_weight(struct request *rq);
enum client_result change_reload(struct request *rq);

enum client_result top_run(struct request *rq);

/* "understudyctl: " and the client's error (with --json, as an object on standard output), or the text given; returns the result given, resp. CLIENT_USAGE. */
enum client_result command_failed(const struct request *rq, enum client_result result);
enum client_result command_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* GET, and with --json also printed: then true is in `done`. */
enum client_result command_get(struct request *rq, const char *path, json_t **reply, bool *done);
/* The same by POST; takes the body's reference. */
enum client_result command_post(
		struct request *rq, const char *path, json_t *body, json_t **reply, bool *done);
void command_print_json(const json_t *value);

/* Readers of replies: "" resp. NAN for what is not there. */
const char *command_text(const json_t *row, const char *key);
double command_number(const json_t *row, const char *key);
