/* SPDX-License-Identifier: Apache-2.0 */
#include "health_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_NAME "gateway"
#define QUEUE_LEN 1000 /* packets; checks of a thousand endpoints at once must fit */

struct health_namespace {
	int outside, inside; /* descriptors of the namespaces */
	int tun;
};

static int
enter(int fd)
{
	return setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

/* Staying inside would silently take the host's network from everything that this thread does later. */
static void
leave(const struct health_namespace *n)
{
	if (enter(n->outside) < 0) {
		perror("cannot return to the host's network namespace");
		abort();
	}
}

struct request {
	struct nlmsghdr head;
	union {
		struct ifaddrmsg addr;
		struct rtmsg route;
	};
	uint8_t attributes[128];
};

static void
attribute_add(struct request *r, unsigned short type, const void *data, unsigned short len)
{
	struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* Sends the request and waits for the kernel's word, which it gives before send returns. */
static int
request_run(int fd, struct request *r)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		uint8_t rest[256];
	} answer;

	r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		return -errno;
	return answer.head.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

static int
address_add(int fd, unsigned index, const struct ip_addr *addr)
{
	bool v4 = ip_is_v4(addr);
	const uint8_t *bytes = v4 ? addr->b + 12 : addr->b;
	unsigned short len = v4 ? 4 : 16;
	struct request r = {.head = {.nlmsg_type = RTM_NEWADDR,
					    .nlmsg_len = NLMSG_LENGTH(sizeof(r.addr))},
			.addr = {.ifa_family = v4 ? AF_INET : AF_INET6,
					.ifa_prefixlen = (uint8_t)(len * 8),
					.ifa_flags = IFA_F_NODAD,
					.ifa_index = index}};

	attribute_add(&r, IFA_LOCAL, bytes, len);
	attribute_add(&r, IFA_ADDRESS, bytes, len);
	return request_run(fd, &r);
}

static int
default_route_add(int fd, unsigned index, uint8_t family)
{
	struct request r = {.head = {.nlmsg_type = RTM_NEWROUTE,
					    .nlmsg_len = NLMSG_LENGTH(sizeof(r.route))},
			.route = {.rtm_family = family,
					.rtm_table = RT_TABLE_MAIN,
					.rtm_protocol = RTPROT_STATIC,
					.rtm_scope = RT_SCOPE_LINK,
					.rtm_type = RTN_UNICAST}};

	attribute_add(&r, RTA_OIF, &index, sizeof(index));
	return request_run(fd, &r);
}

static int
addresses_set(unsigned index, const struct ip_addr *own, size_t own_count)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int rc = fd < 0 ? -errno : 0;
	bool any6 = false;
	size_t i;

	for (i = 0; i < own_count && rc == 0; i++) {
		any6 |= !ip_is_v4(&own[i]);
		rc = address_add(fd, index, &own[i]);
		if (rc == -EEXIST)
			rc = 0;
	}
	if (rc == 0)
		rc = default_route_add(fd, index, AF_INET);
	if (rc == 0 && any6)
		rc = default_route_add(fd, index, AF_INET6);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* A setting of the namespace that we are in. One that does not exist here is one that is not needed. */
static void
setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		errno = 0;
	close(fd);
}

static int
link_set(const struct ifreq *name, uint16_t mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = *name;
	int rc = fd < 0 ? -errno : 0;

	r.ifr_mtu = mtu;
	if (rc == 0 && ioctl(fd, SIOCSIFMTU, &r) < 0)
		rc = -errno;
	r.ifr_qlen = QUEUE_LEN;
	if (rc == 0 && ioctl(fd, SIOCSIFTXQLEN, &r) < 0)
		rc = -errno;
	r.ifr_flags = IFF_UP;
	if (rc == 0 && ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
tun_open(struct health_namespace *n, struct ifreq *name)
{
	memset(name, 0, sizeof(*name));
	strcpy(name->ifr_name, TUN_NAME);
	name->ifr_flags = IFF_TUN | IFF_NO_PI;
	n->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (n->tun < 0 || ioctl(n->tun, TUNSETIFF, name) < 0)
		return -errno;
	return 0;
}

/* Inside. */
static int
furnish(struct health_namespace *n, const struct ip_addr *own, size_t own_count, uint16_t mtu)
{
	struct ifreq name;
	int rc;

	n->inside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (n->inside < 0)
		return -errno;
	/* ICMP echo sockets are for groups; ours is not known, and nobody else is in here. */
	setting("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	setting("/proc/sys/net/ipv6/conf/default/accept_ra", "0");
	setting("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
	setting("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
	setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
	rc = tun_open(n, &name);
	if (rc == 0)
		rc = link_set(&name, mtu);
	if (rc == 0)
		rc = addresses_set(if_nametoindex(TUN_NAME), own, own_count);
	return rc;
}

struct health_namespace *
health_namespace_create(const struct ip_addr *own, size_t own_count, uint16_t mtu)
{
	struct health_namespace *n = calloc(1, sizeof(*n));
	int rc;

	if (!n)
		return NULL;
	n->inside = n->tun = -1;
	n->outside = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	rc = n->outside < 0 || unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	if (rc == 0) {
		rc = furnish(n, own, own_count, mtu);
		leave(n);
	}
	if (rc == 0)
		return n;
	health_namespace_free(n);
	errno = -rc;
	return NULL;
}

void
health_namespace_free(struct health_namespace *n)
{
	if (!n)
		return;
	if (n->tun >= 0)
		close(n->tun);
	if (n->inside >= 0)
		close(n->inside);
	if (n->outside >= 0)
		close(n->outside);
	free(n);
}

int
health_namespace_tun(const struct health_namespace *n)
{
	return n->tun;
}

int
health_namespace_socket(const struct health_namespace *n, int family, int type, int protocol)
{
	int rc = enter(n->inside);

	if (rc < 0)
		return rc;
	rc = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (rc < 0)
		rc = -errno;
	leave(n);
	return rc;
}
