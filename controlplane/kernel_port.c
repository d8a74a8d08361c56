/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "neighbour_own.h"
#include "neighbour_packet.h"

#define TUN_DEVICE "/dev/net/tun"
#define QUEUE_LEN 1000 /* packets from the kernel that wait for us */
#define READ_BURST 64 /* then others have their turn */
/* Each costs the control thread the kernel's whole receive path, some microseconds: checks and the API come first. */
#define FRAMES_PER_MS 64
#define ETHER_LEN 14
#define ETHER_FRAME_MIN 60 /* without FCS; not every driver pads */
#define VLAN_LEN 4

/* X(name) */
#define COUNTER_LIST(X)                                           \
	X(to_kernel)                                              \
	X(to_kernel_limited) /* more than FRAMES_PER_MS */        \
	X(to_kernel_refused) /* the interface is down, or full */ \
	X(from_kernel)                                            \
	X(from_kernel_dropped) /* no buffer, or ring full */      \
	X(from_kernel_too_big) /* its MTU was raised over the port's */

struct counters {
#define X(name) uint64_t name;
	COUNTER_LIST(X)
#undef X
};

struct kernel_port {
	struct kernel_ports *all;
	struct loop_watch *watch;
	char name[IF_NAMESIZE]; /* empty: the port has none; a copy, for the configuration changes */
	uint16_t port;
	int tap;
	struct counters count;
};

struct kernel_ports {
	struct gateway *g;
	struct kernel_port port[DATAPLANE_PORTS_MAX];
	uint64_t budget_ms; /* what `budget` is of */
	uint32_t budget;
};

/* The interface */

static int
tap_open(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, name, strnlen(name, IF_NAMESIZE - 1));
	/* Frames with checksums, and no larger than the MTU. */
	if (ioctl(fd, TUNSETIFF, &request) == 0 && ioctl(fd, TUNSETOFFLOAD, 0) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* `fd` is any socket; the interface is named by `r`. */
static int
tap_furnish(int fd, struct ifreq *r, const struct view_port *port)
{
	r->ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r->ifr_hwaddr.sa_data, port->mac.b, sizeof(port->mac.b));
	if (ioctl(fd, SIOCSIFHWADDR, r) < 0)
		return -errno;
	r->ifr_mtu = port->mtu;
	if (ioctl(fd, SIOCSIFMTU, r) < 0)
		return -errno;
	r->ifr_qlen = QUEUE_LEN;
	if (ioctl(fd, SIOCSIFTXQLEN, r) < 0 || ioctl(fd, SIOCGIFFLAGS, r) < 0)
		return -errno;
	r->ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, r) < 0 ? -errno : 0;
}

static int
tap_set_up(const char *name, const struct view_port *port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;
	struct ifreq r = {0};

	if (fd < 0)
		return -errno;
	memcpy(r.ifr_name, name, strnlen(name, IF_NAMESIZE - 1));
	rc = tap_furnish(fd, &r, port);
	close(fd);
	return rc;
}

static const char *
open_advice(int error)
{
	switch (-error) {
	case EPERM:
	case EACCES:
		return "no permission; run as root, or with CAP_NET_ADMIN";
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "there is no " TUN_DEVICE "; load the kernel's module `tun`";
	case EBUSY:
	case EINVAL:
	case EEXIST:
		return "the name is taken; choose another, or remove that interface";
	}
	return strerror(-error);
}

/* From the kernel */

/* False if there was none. */
static bool
frame_read(struct kernel_port *p)
{
	const struct gateway *g = p->all->g;
	struct rte_mbuf *m = dataplane_mbuf_or_null(g->dataplane);
	size_t most = g->port[p->port].mtu + ETHER_LEN + VLAN_LEN, room = most + 1;
	uint8_t scratch[1]; /* without a buffer the frame is still to be taken out */
	ssize_t n;

	if (m && rte_pktmbuf_tailroom(m) < room)
		room = rte_pktmbuf_tailroom(m);
	n = read(p->tap, m ? rte_pktmbuf_mtod(m, void *) : scratch, m ? room : sizeof(scratch));
	if (n < ETHER_LEN || (size_t)n > most) {
		rte_pktmbuf_free(m);
		p->count.from_kernel_too_big += n > (ssize_t)most;
		p->count.from_kernel_dropped += !m && n > 0;
		return n > 0;
	}
	if (n < ETHER_FRAME_MIN) {
		memset(rte_pktmbuf_mtod(m, uint8_t *) + n, 0, (size_t)(ETHER_FRAME_MIN - n));
		n = ETHER_FRAME_MIN;
	}
	rte_pktmbuf_append(m, (uint16_t)n);
	if (dataplane_inject(g->dataplane, m, p->port))
		p->count.from_kernel++;
	else
		p->count.from_kernel_dropped++;
	return true;
}

static void
tap_ready(void *arg)
{
	unsigned i;

	for (i = 0; i < READ_BURST && frame_read(arg); i++)
		continue;
}

/* To the kernel */

static bool
budget_take(struct kernel_ports *k)
{
	uint64_t now_ms = loop_now_ms();

	if (now_ms != k->budget_ms) {
		k->budget_ms = now_ms;
		k->budget = FRAMES_PER_MS;
	}
	if (k->budget == 0)
		return false;
	k->budget--;
	return true;
}

static void
frame_write(struct kernel_port *p, const struct rte_mbuf *m)
{
	if (!budget_take(p->all))
		p->count.to_kernel_limited++;
	else if (write(p->tap, rte_pktmbuf_mtod(m, const void *), rte_pktmbuf_data_len(m)) < 0)
		p->count.to_kernel_refused++;
	else
		p->count.to_kernel++;
}

/* NULL if the kernel has no interface there, or the frame is for another host. */
static struct kernel_port *
port_of(struct kernel_ports *k, const struct rte_mbuf *m)
{
	struct kernel_port *p = m->port < k->g->port_count ? &k->port[m->port] : NULL;

	if (!p || !p->name[0] ||
			!view_port_takes(
					&k->g->port[m->port], rte_pktmbuf_mtod(m, const uint8_t *)))
		return NULL;
	return p;
}

void
kernel_ports_overhear(struct kernel_ports *k, const struct rte_mbuf *frame)
{
	struct kernel_port *p = port_of(k, frame);
	struct neighbour_packet packet;

	if (!p)
		return;
	switch (neighbour_decode(rte_pktmbuf_mtod(frame, const uint8_t *),
			rte_pktmbuf_data_len(frame), &packet)) {
	case NEIGHBOUR_REQUEST:
		/* It would answer for an address that it has elsewhere. */
		if (neighbour_own_any(registry_config(k->g->registry), &packet.target))
			return;
		frame_write(p, frame);
		return;
	case NEIGHBOUR_REPLY:
		frame_write(p, frame);
		return;
	case NEIGHBOUR_OTHER:
	case NEIGHBOUR_MALFORMED:
	case NEIGHBOUR_ECHO:
		return;
	}
}

void
kernel_ports_input(struct kernel_ports *k, struct rte_mbuf *frame)
{
	struct kernel_port *p = port_of(k, frame);

	if (p)
		frame_write(p, frame);
	rte_pktmbuf_free(frame);
}

/* All of them */

static int
port_create(struct kernel_port *p, char *error, size_t error_size)
{
	struct gateway *g = p->all->g;
	const struct config_port *config = &registry_config(g->registry)->port[p->port];
	int rc;

	p->tap = tap_open(config->kernel);
	if (p->tap < 0) {
		snprintf(error, error_size,
				"port '%s': kernel interface '%s' cannot be created: %s",
				config->name, config->kernel, open_advice(p->tap));
		return p->tap;
	}
	snprintf(p->name, sizeof(p->name), "%s", config->kernel);
	rc = tap_set_up(p->name, &g->port[p->port]);
	if (rc == 0) {
		p->watch = loop_watch(g->loop, p->tap, tap_ready, p);
		rc = p->watch ? 0 : -errno;
	}
	if (rc)
		snprintf(error, error_size,
				"port '%s': kernel interface '%s' does not take the port's MAC "
				"address and MTU: %s",
				config->name, config->kernel, strerror(-rc));
	return rc;
}

struct kernel_ports *
kernel_ports_create(struct gateway *g, char *error, size_t error_size)
{
	const struct config *config = registry_config(g->registry);
	struct kernel_ports *k = calloc(1, sizeof(*k));
	uint16_t i;

	if (!k) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	k->g = g;
	for (i = 0; i < DATAPLANE_PORTS_MAX; i++)
		k->port[i] = (struct kernel_port){.all = k, .port = i, .tap = -1};
	for (i = 0; i < config->port_count; i++) {
		if (!config->port[i].kernel || port_create(&k->port[i], error, error_size) == 0)
			continue;
		kernel_ports_free(k);
		return NULL;
	}
	return k;
}

void
kernel_ports_free(struct kernel_ports *k)
{
	uint32_t i;

	if (!k)
		return;
	for (i = 0; i < DATAPLANE_PORTS_MAX; i++) {
		loop_unwatch(k->port[i].watch);
		if (k->port[i].tap >= 0)
			close(k->port[i].tap);
	}
	free(k);
}

json_t *
kernel_port_json(const struct kernel_ports *k, uint32_t port)
{
	const struct kernel_port *p = k && port < DATAPLANE_PORTS_MAX ? &k->port[port] : NULL;
	json_t *o;

	if (!p || !p->name[0])
		return json_null();
	o = json_pack("{s:s}", "interface", p->name);
#define X(name) json_object_set_new(o, #name, json_integer((json_int_t)p->count.name));
	COUNTER_LIST(X)
#undef X
	return o;
}
