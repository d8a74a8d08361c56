/* SPDX-License-Identifier: Apache-2.0 */
#include "health_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The status is what is asked for; of a longer page we do not wait for the end. */
#define BODY_MAX 65536

struct health_http {
	struct loop *loop;
	struct health_namespace *namespace;
	CURLM *multi;
	struct loop_watch *timer;
};

struct health_get {
	struct health_http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct health_target target;
	health_probe_fn fn;
	void *arg;
	size_t body;
};

/* A descriptor of libcurl's as the loop sees it. */
struct socket_watch {
	struct health_http *http;
	curl_socket_t fd;
	uint32_t events;
	struct loop_watch *watch;
};

static void
result_of(struct health_get *g, CURLcode code, struct health_result *r)
{
	const struct config_check *check = g->target.check;
	curl_off_t total_us = 0;
	long status = 0, os_errno = 0;

	memset(r, 0, sizeof(*r));
	curl_easy_getinfo(g->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(g->easy, CURLINFO_OS_ERRNO, &os_errno);
	curl_easy_getinfo(g->easy, CURLINFO_STARTTRANSFER_TIME_T, &total_us);
	if (code == CURLE_WRITE_ERROR && g->body >= BODY_MAX)
		code = CURLE_OK;
	if (code != CURLE_OK) {
		r->refused = code == CURLE_COULDNT_CONNECT &&
				(os_errno == ECONNREFUSED || os_errno == EHOSTUNREACH ||
						os_errno == ENETUNREACH);
		snprintf(r->reason, sizeof(r->reason), "http: %s",
				code == CURLE_COULDNT_CONNECT && os_errno
						? strerror((int)os_errno)
						: curl_easy_strerror(code));
		return;
	}
	r->rtt_us = (uint32_t)total_us;
	r->ok = status >= check->expect_first && status <= check->expect_last;
	snprintf(r->reason, sizeof(r->reason), "http: status %ld", status);
}

/* Tells of what has ended. A callback may free any transfer, so the queue is asked anew each time. */
static void
report(struct health_http *h)
{
	struct health_result result;
	struct health_get *g;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&g);
		result_of(g, message->data.result, &result);
		g->fn(g->arg, &result);
	}
}

static void
act(struct health_http *h, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(h->multi, fd, what, &running);
	report(h);
}

static void
socket_ready(void *arg)
{
	struct socket_watch *w = arg;

	/* What is not ready libcurl finds out by itself; errors come with reading. */
	act(w->http, w->fd,
			(w->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
					(w->events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
}

static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct socket_watch *w = socket_arg;
	struct health_http *h = arg;

	if (what == CURL_POLL_REMOVE) {
		if (w)
			loop_unwatch(w->watch);
		free(w);
		curl_multi_assign(h->multi, fd, NULL);
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -1;
		w->http = h;
		w->fd = fd;
		curl_multi_assign(h->multi, fd, w);
	}
	w->events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (w->watch)
		loop_watch_modify(w->watch, w->events);
	else
		w->watch = loop_watch_events(h->loop, fd, w->events, socket_ready, w);
	return w->watch ? 0 : -1;
}

static void
timer_due(void *arg)
{
	struct health_http *h = arg;

	h->timer = NULL;
	act(h, CURL_SOCKET_TIMEOUT, 0);
}

static int
timer_changed(CURLM *multi, long timeout_ms, void *arg)
{
	struct health_http *h = arg;

	loop_unwatch(h->timer);
	h->timer = timeout_ms < 0 ? NULL
				  : loop_timer(h->loop, (uint32_t)timeout_ms, 0, timer_due, h);
	return 0;
}

static curl_socket_t
socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct health_get *g = arg;
	int fd = health_probe_socket(
			g->http->namespace, &g->target, addr->socktype, addr->protocol);

	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static size_t
body_take(char *data, size_t size, size_t count, void *arg)
{
	struct health_get *g = arg;

	g->body += size * count;
	return g->body >= BODY_MAX ? 0 : size * count;
}

static void
request_describe(struct health_get *g, const char *url)
{
	curl_easy_setopt(g->easy, CURLOPT_URL, url);
	curl_easy_setopt(g->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(g->easy, CURLOPT_HTTPHEADER, g->headers);
	curl_easy_setopt(g->easy, CURLOPT_USERAGENT, "understudy/" UNDERSTUDY_VERSION);
	curl_easy_setopt(g->easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(g->easy, CURLOPT_PROXY, ""); /* not even one that the environment names */
	curl_easy_setopt(g->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(g->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(g->easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(g->easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	curl_easy_setopt(g->easy, CURLOPT_OPENSOCKETDATA, g);
	curl_easy_setopt(g->easy, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(g->easy, CURLOPT_WRITEDATA, g);
	curl_easy_setopt(g->easy, CURLOPT_PRIVATE, g);
}

static char *
url_of(const struct health_target *t)
{
	const char *path = t->check->path ? t->check->path : "/";
	char host[IP_TEXT_SIZE], *url;

	ip_port_format(&t->dst, t->port, host);
	return asprintf(&url, "http://%s%s%s", host, path[0] == '/' ? "" : "/", path) < 0 ? NULL
											  : url;
}

/* Not the URL's: that may be an alias. */
static int
headers_add(struct health_get *g)
{
	const char *host = g->target.check->host;
	char text[IP_TEXT_SIZE], *line;

	if (!host || !host[0])
		host = ip_port_format(&g->target.host, g->target.port, text);
	if (asprintf(&line, "Host: %s", host) < 0)
		return -ENOMEM;
	g->headers = curl_slist_append(NULL, line);
	free(line);
	return g->headers ? 0 : -ENOMEM;
}

struct health_get *
health_get_start(
		struct health_http *h, const struct health_target *t, health_probe_fn fn, void *arg)
{
	struct health_get *g = calloc(1, sizeof(*g));
	char *url = url_of(t);

	if (!g || !url)
		goto fail;
	*g = (struct health_get){
			.http = h, .target = *t, .fn = fn, .arg = arg, .easy = curl_easy_init()};
	if (!g->easy || headers_add(g) < 0)
		goto fail;
	request_describe(g, url);
	if (curl_multi_add_handle(h->multi, g->easy) != CURLM_OK)
		goto fail;
	free(url);
	return g;
fail:
	free(url);
	health_get_free(g);
	return NULL;
}

void
health_get_free(struct health_get *g)
{
	if (!g)
		return;
	if (g->easy) {
		curl_multi_remove_handle(g->http->multi, g->easy);
		curl_easy_cleanup(g->easy);
	}
	curl_slist_free_all(g->headers);
	free(g);
}

struct health_http *
health_http_create(struct loop *loop, struct health_namespace *n)
{
	struct health_http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->loop = loop;
	h->namespace = n;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		h->multi = curl_multi_init();
	if (!h->multi) {
		free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	return h;
}

void
health_http_free(struct health_http *h)
{
	if (!h)
		return;
	curl_multi_cleanup(h->multi);
	loop_unwatch(h->timer);
	free(h);
}
