/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GET "GET /v1/"

/* Longer than the longest wait for events. */
#define TIMEOUT_S 90L

struct client {
	CURL *curl;
	char *socket_path;
	char *body;
	size_t size;
	char error[2048];
};

static void
out_of_memory(void)
{
	fputs("understudyctl: out of memory\n", stderr);
	exit(CLIENT_REFUSED);
}

struct client *
client_create(const char *socket_path)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		out_of_memory();
	c->curl = curl_easy_init();
	c->socket_path = strdup(socket_path);
	if (!c->curl || !c->socket_path)
		out_of_memory();
	return c;
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c->socket_path);
	free(c->body);
	free(c);
}

json_t *
client_error_json(const struct client *c)
{
	json_t *reply = json_loads(c->body ? c->body : "", 0, NULL);

	if (json_is_object(json_object_get(reply, "error")))
		return reply;
	json_decref(reply);
	return json_pack("{s:{s:s s:n s:n s:n}}", "error", "message", c->error, "field", "value",
			"hint");
}

const char *
client_error(const struct client *c)
{
	return c->error;
}

static void __attribute__((format(printf, 2, 3)))
error_add(struct client *c, const char *format, ...)
{
	size_t used = strlen(c->error);
	va_list args;

	va_start(args, format);
	vsnprintf(c->error + used, sizeof(c->error) - used, format, args);
	va_end(args);
}

static size_t
receive(char *data, size_t size, size_t n, void *arg)
{
	struct client *c = arg;
	char *grown = realloc(c->body, c->size + size * n + 1);

	if (!grown)
		return 0;
	c->body = grown;
	memcpy(c->body + c->size, data, size * n);
	c->size += size * n;
	c->body[c->size] = '\0';
	return size * n;
}

/* curl only says that it could not connect. */
static int
connect_errno(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, saved = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		saved = errno;
	if (fd >= 0)
		close(fd);
	return saved;
}

static enum client_result
unreachable(struct client *c, CURLcode code)
{
	int why = connect_errno(c->socket_path);

	error_add(c, "cannot reach understudyd at %s: %s", c->socket_path,
			why ? strerror(why) : curl_easy_strerror(code));
	if (why == ENOENT || why == ECONNREFUSED)
		error_add(c,
				"\nIs it running? `gateway.api` of its configuration names the "
				"socket; "
				"--socket PATH or $UNDERSTUDY_SOCKET tells me another.");
	else if (why == EACCES)
		error_add(c, "\nRun as root, or as a member of the socket's group.");
	return CLIENT_UNREACHABLE;
}

static const char *
text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* {"error": {message, field, value, hint, errors}} as a sentence. */
static enum client_result
refused(struct client *c, long status)
{
	json_t *reply = json_loads(c->body ? c->body : "", 0, NULL), *line;
	const json_t *e = json_object_get(reply, "error");
	const char *hint;
	size_t i;

	if (!text_of(e, "message"))
		error_add(c, "understudyd answered with status %ld", status);
	else
		error_add(c, "%s", text_of(e, "message"));
	if (text_of(e, "field"))
		error_add(c, ": %s", text_of(e, "field"));
	if (text_of(e, "value"))
		error_add(c, " \"%s\"", text_of(e, "value"));
	hint = text_of(e, "hint");
	if (hint && !strncmp(hint, GET, strlen(GET))) /* resources are named as our commands are */
		error_add(c, " (understudyctl %s)", hint + strlen(GET));
	else if (hint)
		error_add(c, " (%s)", hint);
	json_array_foreach(json_object_get(e, "errors"), i, line)
			error_add(c, "\n%s", json_string_value(line));
	json_decref(reply);
	return CLIENT_REFUSED;
}

static enum client_result
perform(struct client *c, const char *path)
{
	char url[4096];
	long status = 0;
	CURLcode code;

	if ((size_t)snprintf(url, sizeof(url), "http://understudy%s", path) >= sizeof(url)) {
		error_add(c, "the request is too long");
		return CLIENT_USAGE;
	}
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket_path);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	code = curl_easy_perform(c->curl);
	if (code != CURLE_OK)
		return unreachable(c, code);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 ? CLIENT_OK : refused(c, status);
}

static void
begin(struct client *c)
{
	curl_easy_reset(c->curl);
	free(c->body);
	c->body = NULL;
	c->size = 0;
	c->error[0] = '\0';
}

static enum client_result
take_json(struct client *c, json_t **reply)
{
	json_error_t error;

	*reply = json_loads(c->body ? c->body : "", 0, &error);
	if (*reply)
		return CLIENT_OK;
	error_add(c, "the answer is not JSON: %s; is this understudyd's socket?", error.text);
	return CLIENT_REFUSED;
}

enum client_result
client_get(struct client *c, const char *path, json_t **reply)
{
	enum client_result rc;

	begin(c);
	rc = perform(c, path);
	return rc == CLIENT_OK ? take_json(c, reply) : rc;
}

enum client_result
client_get_text(struct client *c, const char *path, char **reply)
{
	enum client_result rc;

	begin(c);
	rc = perform(c, path);
	if (rc != CLIENT_OK)
		return rc;
	*reply = c->body;
	c->body = NULL;
	return CLIENT_OK;
}

enum client_result
client_post(struct client *c, const char *path, const json_t *body, json_t **reply)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *text = json_dumps(body, JSON_COMPACT);
	enum client_result rc;

	if (!text || !headers)
		out_of_memory();
	begin(c);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, text);
	rc = perform(c, path);
	curl_slist_free_all(headers);
	free(text);
	return rc == CLIENT_OK ? take_json(c, reply) : rc;
}

char *
client_query(char *path, const char *key, const char *value)
{
	char *escaped = curl_easy_escape(NULL, value, 0), *longer = NULL;

	if (!escaped ||
			asprintf(&longer, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', key,
					escaped) < 0)
		out_of_memory();
	curl_free(escaped);
	free(path);
	return longer;
}
