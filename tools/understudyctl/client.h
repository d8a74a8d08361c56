/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's API over its UNIX socket. */
#pragma once

#include <jansson.h>

#define CLIENT_SOCKET "/run/understudy/api.sock"

/* Exit codes of the program, and how a request went. */
enum client_result {
	CLIENT_OK = 0,
	CLIENT_REFUSED = 1, /* the daemon says no; `client_error` has why */
	CLIENT_USAGE = 2,
	CLIENT_UNREACHABLE = 3,
};

struct client;

struct client *client_create(const char *socket_path); /* exits when out of memory */
void client_free(struct client *c);

/* Path and query ("/v1/flows?limit=3"). `reply` is only set with CLIENT_OK; the caller's reference. */
enum client_result client_get(struct client *c, const char *path, json_t **reply);
enum client_result client_post(
		struct client *c, const char *path, const json_t *body, json_t **reply);
/* The same for what is not JSON; malloc'ed. */
enum client_result client_get_text(struct client *c, const char *path, char **reply);

/* Why the last request failed, for people: one or more lines without the last newline. */
const char *client_error(const struct client *c);

/* The same as an object like the API's: {"error": {...}}; the caller's reference. */
json_t *client_error_json(const struct client *c);

/* Appends KEY=VALUE to a path, escaped, with ? or &. Exits when out of memory. */
char *client_query(char *path, const char *key, const char *value);
