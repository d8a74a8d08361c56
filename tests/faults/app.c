/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application server as many are: HTTP/1.1, a pool of so many workers, and a queue in front of it.
 *
 *     acceptor: epoll over the listening socket and idle connections -> queue -> workers
 *
 * A connection with a request waits in the queue for a worker, which answers and gives it back to the acceptor. What a
 * request does is told by the panel: CPU work, a call to a dependency over the worker's own connection, writes that are
 * synced, memory that leaks. So it fails as such servers do: by latency, by a full pool, killed for its memory.
 *
 *     app NAME PORT WORKERS PANEL DISK-FILE [DEPENDENCY-PORT]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "panel.h"

enum {
	QUEUE_MAX = 4096,
	REQUEST_MAX = 2048,
	BLOCK = 4096,
	DISK_BLOCKS = 256,
	STUCK_LOOK_US = 50000,
	DRAIN_MS = 500,
};

static struct panel *panel;
static const char *name, *disk_path;
static uint16_t dependency_port;
static int epoll_fd, listen_fd;
static volatile sig_atomic_t ending;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static int queue[QUEUE_MAX];
static unsigned queue_head, queue_count;
static unsigned io_open;
static uint64_t io_since_us;

struct worker {
	uint64_t seed;
	int dependency_fd, disk_fd;
	unsigned block;
	char *data; /* a block on its own page */
};

static uint64_t
clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* xorshift64*: uniform in 0..999999. */
static uint32_t
draw_ppm(struct worker *w)
{
	w->seed ^= w->seed >> 12;
	w->seed ^= w->seed << 25;
	w->seed ^= w->seed >> 27;
	return (uint32_t)((w->seed * 0x2545f4914f6cdd1dULL >> 33) % 1000000);
}

static void
enqueue(int fd)
{
	pthread_mutex_lock(&lock);
	if (queue_count == QUEUE_MAX) {
		close(fd);
	} else {
		queue[(queue_head + queue_count++) % QUEUE_MAX] = fd;
		atomic_store(&panel->queue, queue_count);
		pthread_cond_signal(&filled);
	}
	pthread_mutex_unlock(&lock);
}

static int
dequeue(void)
{
	int fd;

	pthread_mutex_lock(&lock);
	while (!queue_count)
		pthread_cond_wait(&filled, &lock);
	fd = queue[queue_head];
	queue_head = (queue_head + 1) % QUEUE_MAX;
	atomic_store(&panel->queue, --queue_count);
	pthread_mutex_unlock(&lock);
	return fd;
}

/* Between half and one and a half times what the panel says: requests differ. */
static void
work(struct worker *w)
{
	uint64_t mean = panel->cpu_us, end;

	if (!mean)
		return;
	end = clock_us(CLOCK_THREAD_CPUTIME_ID) + mean / 2 + mean * draw_ppm(w) / 1000000;
	while (clock_us(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

/* The blocks are kept in a list, so that the compiler cannot leave them out. */
static void
leak(void)
{
	static _Atomic(char *) last;
	uint64_t bytes = panel->leak_bytes;
	char *p = bytes > sizeof(p) ? malloc(bytes) : NULL;

	if (!p)
		return;
	memset(p, 1, bytes);
	*(char **)p = atomic_exchange(&last, p);
}

static void
stick(struct worker *w)
{
	if (draw_ppm(w) >= panel->stuck_ppm)
		return;
	while (panel->stuck_ppm)
		usleep(STUCK_LOOK_US);
}

static int
dependency_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(dependency_port)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Is there an answer? True without a dependency. */
static bool
ask_dependency(struct worker *w)
{
	char byte = 'q';

	if (!dependency_port)
		return true;
	if (w->dependency_fd < 0)
		w->dependency_fd = dependency_connect();
	if (w->dependency_fd >= 0 && send(w->dependency_fd, &byte, 1, MSG_NOSIGNAL) == 1 &&
			recv(w->dependency_fd, &byte, 1, 0) == 1)
		return true;
	if (w->dependency_fd >= 0)
		close(w->dependency_fd);
	w->dependency_fd = -1;
	return false;
}

/* The time in which at least one write is under way: what a disk calls busy. */
static void
io_count(int change)
{
	uint64_t now = clock_us(CLOCK_MONOTONIC);

	pthread_mutex_lock(&lock);
	if (io_open)
		atomic_fetch_add(&panel->io_busy_us, now - io_since_us);
	io_since_us = now;
	io_open += (unsigned)change;
	pthread_mutex_unlock(&lock);
}

static bool
write_synced(struct worker *w)
{
	uint64_t count = panel->write_blocks, begin, i;
	bool ok = true;

	for (i = 0; i < count && ok; i++) {
		begin = clock_us(CLOCK_MONOTONIC);
		io_count(1);
		ok = pwrite(w->disk_fd, w->data, BLOCK,
				     (off_t)BLOCK * (w->block++ % DISK_BLOCKS)) == BLOCK &&
				fdatasync(w->disk_fd) == 0;
		io_count(-1);
		atomic_fetch_add(&panel->writes, 1);
		atomic_fetch_add(&panel->write_us, clock_us(CLOCK_MONOTONIC) - begin);
	}
	return ok;
}

static bool
answer(int fd, bool ok, bool keep)
{
	char out[256];
	int len = snprintf(out, sizeof(out),
			"HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n%s\n",
			ok ? "200 OK" : "500 Internal Server Error", strlen(name) + 1,
			keep ? "keep-alive" : "close", name);

	return send(fd, out, (size_t)len, MSG_NOSIGNAL) == len && keep;
}

/* Should the connection stay? */
static bool
serve(struct worker *w, int fd)
{
	char request[REQUEST_MAX + 1];
	ssize_t got = recv(fd, request, REQUEST_MAX, MSG_DONTWAIT);
	uint64_t begin = clock_us(CLOCK_MONOTONIC);
	bool ok, keep;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	request[got] = '\0';
	keep = !strstr(request, "Connection: close");
	leak();
	work(w);
	ok = ask_dependency(w) && write_synced(w) && draw_ppm(w) >= panel->error_ppm;
	atomic_fetch_add(&panel->requests, 1);
	atomic_fetch_add(&panel->errors, !ok);
	keep = answer(fd, ok, keep);
	atomic_fetch_add(&panel->request_us, clock_us(CLOCK_MONOTONIC) - begin);
	return keep;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		struct epoll_event again = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT};
		int fd = dequeue();

		atomic_fetch_add(&panel->busy, 1);
		again.data.fd = fd;
		if (!serve(w, fd) || epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &again) < 0)
			close(fd);
		stick(w);
		atomic_fetch_sub(&panel->busy, 1);
	}
	return NULL;
}

static void
accept_all(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT};
	int one = 1;

	while ((event.data.fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
			close(event.data.fd);
	}
}

static void
handle_events(int timeout_ms)
{
	struct epoll_event events[64];
	int i, n = epoll_wait(epoll_fd, events, 64, timeout_ms);

	for (i = 0; i < n; i++) {
		if (events[i].data.fd == listen_fd)
			accept_all();
		else
			enqueue(events[i].data.fd);
	}
}

static void
accept_run(void)
{
	uint64_t until;

	while (!ending)
		handle_events(-1);
	accept_all();
	close(listen_fd);
	until = clock_us(CLOCK_MONOTONIC) + DRAIN_MS * 1000;
	while (clock_us(CLOCK_MONOTONIC) < until)
		handle_events(10);
}

static void
on_signal(int number)
{
	ending = 1;
}

/* Threads that are made now never see SIGTERM: the acceptor must. */
static void
keep_signal(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(how, &set, NULL);
}

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void
start_worker(unsigned number)
{
	struct worker *w = calloc(1, sizeof(*w));
	pthread_t thread;

	must(w, "memory");
	w->seed = 0x9e3779b97f4a7c15ULL * (number + 1);
	w->dependency_fd = -1;
	w->disk_fd = open(disk_path, O_CREAT | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	must(w->disk_fd >= 0, disk_path);
	must(posix_memalign((void **)&w->data, BLOCK, BLOCK) == 0, "memory");
	memset(w->data, 'x', BLOCK);
	must(pthread_create(&thread, NULL, worker_run, w) == 0, "thread");
}

static void
fill_disk(void)
{
	static char block[BLOCK];
	int fd = open(disk_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int i;

	must(fd >= 0, disk_path);
	for (i = 0; i < DISK_BLOCKS; i++)
		must(pwrite(fd, block, BLOCK, (off_t)BLOCK * i) == BLOCK, disk_path);
	must(fsync(fd) == 0, disk_path);
	close(fd);
}

static void
listen_on(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event event = {.events = EPOLLIN};
	int one = 1;

	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	must(bind(listen_fd, (struct sockaddr *)&at, sizeof(at)) == 0, "bind");
	must(listen(listen_fd, 4096) == 0, "listen");
	event.data.fd = listen_fd;
	must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) == 0, "epoll");
}

int
main(int argc, char **argv)
{
	unsigned i;

	if (argc < 6) {
		fprintf(stderr, "app NAME PORT WORKERS PANEL DISK-FILE [DEPENDENCY-PORT]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	name = argv[1];
	panel = panel_map(argv[4]);
	disk_path = argv[5];
	dependency_port = argc > 6 ? (uint16_t)atoi(argv[6]) : 0;
	atomic_store(&panel->workers, strtoul(argv[3], NULL, 10));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fill_disk();
	keep_signal(SIG_BLOCK);
	for (i = 0; i < panel->workers; i++)
		start_worker(i);
	signal(SIGTERM, on_signal);
	keep_signal(SIG_UNBLOCK);
	listen_on((uint16_t)atoi(argv[2]));
	accept_run();
	return 0;
}
