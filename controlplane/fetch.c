/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define HTTP_OK 200
#define KEEP_MIN 16
#define DESCRIPTORS_OTHER 512 /* of the daemon, at most */
#define FILE_SCHEME "file://"

struct fetcher {
	struct loop *loop;
	CURLM *multi;
	struct loop_watch *timer;
};

struct fetch {
	struct fetcher *fetcher;
	struct fetch_request request; /* its texts are libcurl's own by now, but `file` */
	CURL *easy;
	struct curl_slist *headers;
	char *file; /* path of a file: URL */
	bool busy, stopped;
};

/* A descriptor of libcurl's as the loop sees it. */
struct socket_watch {
	struct fetcher *fetcher;
	curl_socket_t fd;
	uint32_t events;
	struct loop_watch *watch;
};

static enum fetch_outcome
outcome_of(const struct fetch *f, CURLcode code, long status)
{
	bool http = !f->file;

	if (f->stopped)
		return FETCH_STOPPED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return FETCH_LATE;
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return FETCH_REFUSED;
	if (http && status && status != HTTP_OK)
		return FETCH_STATUS;
	return code == CURLE_OK ? FETCH_OK : FETCH_BROKEN;
}

static void
finish(struct fetch *f, CURLcode code)
{
	long status = 0, os_errno = 0;
	enum fetch_outcome outcome;
	char reason[96];

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &os_errno);
	outcome = outcome_of(f, code, status);
	if (outcome == FETCH_STATUS)
		snprintf(reason, sizeof(reason), "status %ld", status);
	else
		snprintf(reason, sizeof(reason), "%s",
				outcome == FETCH_REFUSED && os_errno ? strerror((int)os_errno)
								     : curl_easy_strerror(code));
	curl_multi_remove_handle(f->fetcher->multi, f->easy);
	f->busy = false;
	f->request.done(f->request.arg, outcome, reason);
}

/* A callback may start or free any fetch but its own, so the queue is asked anew each time. */
static void
report(struct fetcher *fetcher)
{
	CURLMsg *message;
	struct fetch *f;
	int left;

	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
		finish(f, message->data.result);
	}
}

static void
act(struct fetcher *fetcher, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(fetcher->multi, fd, what, &running);
	report(fetcher);
}

static void
socket_ready(void *arg)
{
	struct socket_watch *w = arg;

	/* What is not ready libcurl finds out by itself; errors come with reading. */
	act(w->fetcher, w->fd,
			(w->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
					(w->events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
}

static struct socket_watch *
socket_add(struct fetcher *fetcher, curl_socket_t fd)
{
	struct socket_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->fetcher = fetcher;
	w->fd = fd;
	curl_multi_assign(fetcher->multi, fd, w);
	return w;
}

static void
socket_remove(struct fetcher *fetcher, curl_socket_t fd, struct socket_watch *w)
{
	if (w)
		loop_unwatch(w->watch);
	free(w);
	curl_multi_assign(fetcher->multi, fd, NULL);
}

static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct socket_watch *w = socket_arg;
	struct fetcher *fetcher = arg;

	if (what == CURL_POLL_REMOVE) {
		socket_remove(fetcher, fd, w);
		return 0;
	}
	w = w ? w : socket_add(fetcher, fd);
	if (!w)
		return -1;
	w->events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (w->watch)
		loop_watch_modify(w->watch, w->events);
	else
		w->watch = loop_watch_events(fetcher->loop, fd, w->events, socket_ready, w);
	return w->watch ? 0 : -1;
}

static void
timer_due(void *arg)
{
	struct fetcher *fetcher = arg;

	fetcher->timer = NULL;
	act(fetcher, CURL_SOCKET_TIMEOUT, 0);
}

static int
timer_changed(CURLM *multi, long timeout_ms, void *arg)
{
	struct fetcher *fetcher = arg;

	loop_unwatch(fetcher->timer);
	fetcher->timer = NULL;
	if (timeout_ms >= 0)
		fetcher->timer = loop_timer(
				fetcher->loop, (uint32_t)timeout_ms, 0, timer_due, fetcher);
	return 0;
}

static size_t
body_take(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;
	long status = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!f->file && status != HTTP_OK)
		return 0; /* a page that tells of an error, however long */
	if (f->request.data(f->request.arg, data, size * count))
		return size * count;
	f->stopped = true;
	return 0;
}

static void
describe(struct fetch *f, const struct fetch_request *r)
{
	curl_easy_setopt(f->easy, CURLOPT_URL, r->url);
	curl_easy_setopt(f->easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers);
	curl_easy_setopt(f->easy, CURLOPT_USERAGENT, "understudy/" UNDERSTUDY_VERSION);
	curl_easy_setopt(f->easy, CURLOPT_PROTOCOLS_STR, r->protocols);
	curl_easy_setopt(f->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
	/* The thread that asks a silent name server is left to its end, not waited for. */
	curl_easy_setopt(f->easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, body_take);
	curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
}

static int
headers_add(struct fetch *f, const char *accept)
{
	char *line;

	if (asprintf(&line, "Accept: %s", accept) < 0)
		return -ENOMEM;
	f->headers = curl_slist_append(NULL, line);
	free(line);
	return f->headers ? 0 : -ENOMEM;
}

struct fetch *
fetch_create(struct fetcher *fetcher, const struct fetch_request *request)
{
	bool file = strncmp(request->url, FILE_SCHEME, strlen(FILE_SCHEME)) == 0;
	struct fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fetcher = fetcher;
	f->request = *request;
	f->easy = curl_easy_init();
	if (file)
		f->file = strdup(request->url + strlen(FILE_SCHEME));
	if (!f->easy || (file && !f->file) || headers_add(f, request->accept) < 0) {
		fetch_free(f);
		return NULL;
	}
	describe(f, request);
	f->request.url = f->request.protocols = f->request.accept = NULL;
	return f;
}

void
fetch_free(struct fetch *f)
{
	if (!f)
		return;
	fetch_stop(f);
	curl_easy_cleanup(f->easy);
	curl_slist_free_all(f->headers);
	free(f->file);
	free(f);
}

/* Opening a FIFO would wait for its writer: libcurl opens what it is given. */
static bool
is_openable(const struct fetch *f)
{
	struct stat st;

	return !f->file || stat(f->file, &st) < 0 || S_ISREG(st.st_mode);
}

int
fetch_start(struct fetch *f)
{
	if (f->busy)
		return -EBUSY;
	if (!is_openable(f))
		return -EINVAL;
	f->stopped = false;
	if (curl_multi_add_handle(f->fetcher->multi, f->easy) != CURLM_OK)
		return -ENOMEM;
	f->busy = true;
	return 0;
}

void
fetch_stop(struct fetch *f)
{
	if (f->busy)
		curl_multi_remove_handle(f->fetcher->multi, f->easy);
	f->busy = false;
}

bool
fetch_is_busy(const struct fetch *f)
{
	return f->busy;
}

/* The usual limit is 1024 descriptors, and the hard one is there to be used. */
static void
descriptors_allow(size_t connections)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
			limit.rlim_cur >= connections + DESCRIPTORS_OTHER)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void
fetcher_keep(struct fetcher *f, size_t connections)
{
	descriptors_allow(connections);
	curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS,
			(long)(connections < KEEP_MIN ? KEEP_MIN : connections));
}

struct fetcher *
fetcher_create(struct loop *loop)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->loop = loop;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		f->multi = curl_multi_init();
	if (!f->multi) {
		free(f);
		return NULL;
	}
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	return f;
}

void
fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	curl_multi_cleanup(f->multi);
	loop_unwatch(f->timer);
	free(f);
}
