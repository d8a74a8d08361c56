/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by libmicrohttpd, without a thread of its own: its epoll descriptor is one of the loop's, and a timer runs it
 * when it says that something is due. A request that must wait is suspended:
 *
 *   connection --headers, body--> api_route() --reply--> queued
 *                                     \--waiting--> suspended --finished--> resumed, reply queued
 */
#include "api.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api_events.h"
#include "api_route.h"

#define CONNECTIONS_MAX 64
#define CONNECTION_TIMEOUT_S 30

struct exchange {
	struct api *api;
	struct MHD_Connection *connection;
	struct api_request request;
	bool routed, too_long, suspended, too_many;
	size_t body_size;
	char *body;
	LIST_ENTRY(exchange) link;
};

struct api {
	struct gateway *g;
	struct MHD_Daemon *http;
	struct loop_watch *watch, *timer;
	struct api_request_list event_waiters;
	LIST_HEAD(, exchange) exchanges;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool bound;
};

static void timer_fired(void *arg);

/* The timer follows what libmicrohttpd asks for after each run. */
static void
rearm(struct api *a)
{
	MHD_UNSIGNED_LONG_LONG ms;

	loop_unwatch(a->timer);
	a->timer = NULL;
	if (MHD_get_timeout(a->http, &ms) == MHD_YES)
		a->timer = loop_timer(
				a->g->loop, ms > 60000 ? 60000 : (uint32_t)ms, 0, timer_fired, a);
}

static void
run(void *arg)
{
	struct api *a = arg;

	MHD_run(a->http);
	rearm(a);
}

static void
timer_fired(void *arg)
{
	struct api *a = arg;

	a->timer = NULL; /* it ends by itself */
	run(a);
}

static void
journal_has_news(void *arg)
{
	struct api *a = arg;

	api_events_wake(&a->event_waiters);
}

static struct exchange *
exchange_create(struct api *a, struct MHD_Connection *connection)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->api = a;
	x->connection = connection;
	x->request.g = a->g;
	x->request.event_waiters = &a->event_waiters;
	LIST_INSERT_HEAD(&a->exchanges, x, link);
	return x;
}

static void
exchange_free(struct exchange *x)
{
	LIST_REMOVE(x, link);
	api_request_fini(&x->request);
	free(x->body);
	free(x);
}

static void
completed(void *arg, struct MHD_Connection *connection, void **state,
		enum MHD_RequestTerminationCode code)
{
	if (*state)
		exchange_free(*state);
	*state = NULL;
}

/* Resumed connections are served by the next run, which nothing else may cause. */
static void
resume(void *arg)
{
	struct exchange *x = arg;
	struct api *a = x->api;

	x->suspended = false;
	MHD_resume_connection(x->connection);
	loop_unwatch(a->timer);
	a->timer = loop_timer(a->g->loop, 0, 0, timer_fired, a);
}

static enum MHD_Result
add_arg(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct exchange *x = arg;
	struct api_request *rq = &x->request;

	if (rq->arg_count == API_ARGS_MAX) {
		x->too_many = true;
		return MHD_NO;
	}
	rq->arg[rq->arg_count++] = (struct api_arg){key, value ? value : ""};
	return MHD_YES;
}

static void
body_add(struct exchange *x, const char *data, size_t size)
{
	char *grown;

	if (x->body_size + size > API_BODY_MAX) {
		x->too_long = true;
		return;
	}
	grown = realloc(x->body, x->body_size + size);
	if (!grown) {
		x->too_long = true;
		return;
	}
	x->body = grown;
	memcpy(x->body + x->body_size, data, size);
	x->body_size += size;
}

static void
route(struct exchange *x, const char *method, const char *path)
{
	struct api_request *rq = &x->request;

	x->routed = true;
	MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, add_arg, x);
	if (x->too_long)
		api_reply_fault(rq,
				&(struct api_fault){.status = 413,
						.message = "the body is too long",
						.hint = "64 KiB at most"});
	else if (x->too_many)
		api_reply_fault(rq,
				&(struct api_fault){
						.status = 400, .message = "too many parameters"});
	else if (api_route_body(rq, x->body, x->body_size) == 0)
		api_route(rq, method, path);
}

static enum MHD_Result
reply_send(struct exchange *x)
{
	struct api_reply *reply = &x->request.reply;
	const char *type = reply->text ? reply->content_type : "application/json";
	struct MHD_Response *response;
	enum MHD_Result rc;
	char *text = reply->text;

	reply->text = NULL;
	if (!text)
		text = json_dumps(reply->body, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", type);
	rc = MHD_queue_response(x->connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return rc;
}

/* Called with the headers, with each piece of the body, without any when all is there; and again when resumed. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
		const char *version, const char *data, size_t *data_size, void **state)
{
	struct exchange *x = *state;

	if (!x) {
		*state = exchange_create(arg, connection);
		return *state ? MHD_YES : MHD_NO;
	}
	if (*data_size) {
		body_add(x, data, *data_size);
		*data_size = 0;
		return MHD_YES;
	}
	if (!x->routed)
		route(x, method, path);
	if (!x->request.waiting)
		return reply_send(x);
	x->request.finished = resume;
	x->request.finished_arg = x;
	x->suspended = true;
	MHD_suspend_connection(connection);
	return MHD_YES;
}

/* Somebody who answers on the path keeps it. */
static int
clear_stale(const struct sockaddr_un *address, char *error, size_t error_size)
{
	struct stat st;
	int fd, rc;

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(error, error_size,
				"gateway.api: \"%s\" exists and is not a socket; remove it "
				"or name another path",
				address->sun_path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof(*address));
	if (fd >= 0)
		close(fd);
	if (rc == 0) {
		snprintf(error, error_size,
				"gateway.api: another process answers on \"%s\"; stop it or "
				"name another path",
				address->sun_path);
		return -1;
	}
	unlink(address->sun_path);
	return 0;
}

/* The directory may be one that is gone after a boot (/run). One level is made. */
static void
make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return;
	*slash = '\0';
	mkdir(directory, 0755);
}

/* Mode 0660 from the first moment on: the process is still alone when it starts its API. */
static int
bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0117);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	umask(before);
	return rc;
}

/* Descriptor, or -1 with `error`. */
static int
listen_unix(struct api *a, const char *path, char *error, size_t error_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, error_size,
				"gateway.api: \"%s\" is too long for a socket (%zu bytes)", path,
				sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	make_directory(path);
	if (clear_stale(&address, error, error_size) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind_private(fd, &address) < 0 || listen(fd, CONNECTIONS_MAX) < 0) {
		snprintf(error, error_size, "gateway.api: \"%s\": %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	strcpy(a->path, path);
	a->bound = true;
	return fd;
}

static int
start_http(struct api *a, int fd)
{
	const union MHD_DaemonInfo *info;

	a->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle,
			a, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed, a,
			MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
			MHD_OPTION_END);
	if (!a->http)
		return -1;
	info = MHD_get_daemon_info(a->http, MHD_DAEMON_INFO_EPOLL_FD);
	a->watch = info ? loop_watch(a->g->loop, info->epoll_fd, run, a) : NULL;
	return a->watch ? 0 : -1;
}

struct api *
api_create(struct gateway *g, char *error, size_t error_size)
{
	struct api *a = calloc(1, sizeof(*a));
	int fd;

	if (!a) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	a->g = g;
	LIST_INIT(&a->event_waiters);
	LIST_INIT(&a->exchanges);
	fd = listen_unix(a, registry_config(g->registry)->gateway.api, error, error_size);
	if (fd < 0)
		goto fail;
	if (start_http(a, fd) < 0) {
		snprintf(error, error_size, "gateway.api: the HTTP server does not start: %s",
				strerror(errno));
		if (!a->http)
			close(fd);
		goto fail;
	}
	journal_listen(g->journal, journal_has_news, a);
	return a;
fail:
	api_free(a);
	return NULL;
}

void
api_free(struct api *a)
{
	struct exchange *x;

	if (!a)
		return;
	journal_listen(a->g->journal, NULL, NULL);
	/* libmicrohttpd wants them resumed before it stops. */
	LIST_FOREACH (x, &a->exchanges, link) {
		api_request_fini(&x->request);
		if (x->suspended)
			resume(x);
	}
	loop_unwatch(a->timer);
	loop_unwatch(a->watch);
	if (a->http)
		MHD_stop_daemon(a->http);
	if (a->bound)
		unlink(a->path);
	free(a);
}
