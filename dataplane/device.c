/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)
#define ROOM_MIN 2048u /* what most drivers demand of a receive buffer */
#define ROOM_MIN_PCAP 256u /* a million packets of a file must fit into memory */
#define SPARE_MBUFS 8192u /* beyond the rings: held by stages, caches, copies and punted packets */
#define POOL_CACHE 256u
#define DESCRIPTORS 1024u /* where the driver has no preference */
#define XDP_DESCRIPTORS 2048u
#define XDP_HEADROOM 256u /* XDP_PACKET_HEADROOM: the kernel keeps it before each frame */
#define XDP_FRAME_MAX 4096u /* a frame of the UMEM is at most a page */
/* What a mempool and an mbuf put before a frame's data. */
#define MBUF_OVERHEAD (RTE_CACHE_LINE_SIZE + sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM)
#define XDP_ROOM (XDP_FRAME_MAX - RTE_CACHE_LINE_SIZE - sizeof(struct rte_mbuf))
#define XDP_MTU_MAX ((uint16_t)(XDP_FRAME_MAX - MBUF_OVERHEAD - XDP_HEADROOM - FRAME_OVERHEAD))
#define RSS_WANTED (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

/* What all steps of an opening need. */
struct opening {
	const struct device_config *config;
	struct device *device;
	char *error;
	unsigned error_size;
	char name[RTE_DEV_NAME_MAX_LEN]; /* args up to the first comma */
	struct rte_eth_dev_info info; /* of the DPDK port being set up */
};

static int __attribute__((format(printf, 3, 4)))
fail(struct opening *o, int error, const char *format, ...)
{
	va_list args;
	int n = snprintf(o->error, o->error_size, "port '%s': ", o->config->name);

	if (n >= 0 && (unsigned)n < o->error_size) {
		va_start(args, format);
		vsnprintf(o->error + n, o->error_size - (unsigned)n, format, args);
		va_end(args);
	}
	return error < 0 ? error : -error;
}

static bool
is_driver(const struct opening *o, const char *driver)
{
	return strncmp(o->config->args, driver, strlen(driver)) == 0;
}

static bool
is_pci(const char *args)
{
	unsigned domain, bus, slot, function;

	return sscanf(args, "%4x:%2x:%2x.%1u", &domain, &bus, &slot, &function) == 4 ||
			sscanf(args, "%2x:%2x.%1u", &bus, &slot, &function) == 3;
}

/* The value of the n-th `key=` in the device's arguments; false if there are fewer. */
static bool
argument(const char *args, const char *key, unsigned n, char *out, size_t out_size)
{
	size_t key_len = strlen(key);
	const char *at = args;

	while ((at = strchr(at, ',')) != NULL) {
		at++;
		if (strncmp(at, key, key_len) != 0 || at[key_len] != '=' || n-- > 0)
			continue;
		at += key_len + 1;
		snprintf(out, out_size, "%.*s", (int)strcspn(at, ","), at);
		return true;
	}
	return false;
}

static bool
has_argument(const char *args, const char *key)
{
	char value[1];

	return argument(args, key, 0, value, sizeof(value));
}

/* Receive queues that the kernel's interface uses now, or 0 if it does not say. */
static unsigned
interface_queues(const char *interface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return 0;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	request.ifr_data = (void *)&channels;
	ret = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return ret == 0 ? channels.rx_count + channels.combined_count : 0;
}

static int
check_queues(struct opening *o, const char *interface)
{
	unsigned queues = interface_queues(interface), wanted = o->config->queues;

	if (queues == 0 || queues == wanted || has_argument(o->config->args, "start_queue"))
		return 0;
	return fail(o, EINVAL,
			"interface '%s' has %u receive queue(s), `queues` says %u: what arrives on "
			"the others would be missed; "
			"set `queues: %u`, or the interface with `ethtool -L %s rx %u` (or "
			"`combined %u`)",
			interface, queues, wanted, queues, interface, wanted, wanted);
}

static int
check_xdp(struct opening *o, const char *interface)
{
	if (o->config->mtu > XDP_MTU_MAX)
		return fail(o, EINVAL,
				"mtu %u is more than net_af_xdp can take (%u); set `mtu` to %u or "
				"less",
				o->config->mtu, XDP_MTU_MAX, XDP_MTU_MAX);
	if (o->config->queues > 1 && has_argument(o->config->args, "start_queue"))
		return fail(o, EINVAL,
				"start_queue and `queues: %u` exclude each other; leave "
				"start_queue out",
				o->config->queues);
	return check_queues(o, interface);
}

/* What can be told before the driver fails with less to say. */
static int
check(struct opening *o)
{
	const struct device_config *c = o->config;
	bool xdp = is_driver(o, "net_af_xdp"), packet = is_driver(o, "net_af_packet");
	char interface[IF_NAMESIZE];

	if (c->queues < 1 || c->queues > DEVICE_LANES_MAX)
		return fail(o, EINVAL, "`queues` is %u; it must be 1 to %u", c->queues,
				DEVICE_LANES_MAX);
	if (!xdp && !packet)
		return 0;
	if (!argument(c->args, "iface", 0, interface, sizeof(interface)))
		return fail(o, EINVAL, "device '%s' names no interface; add ',iface=NAME'",
				c->args);
	if (if_nametoindex(interface) == 0)
		return fail(o, ENODEV,
				"interface '%s' does not exist in this network namespace; create "
				"it, or correct `device`",
				interface);
	return xdp ? check_xdp(o, interface) : 0;
}

/* Arguments of the lane-th vdev of an AF_XDP device: one queue each, for a driver with several queues wants combined
 * channels, which veth does not have. busy_budget=0: the preferred busy polling costs more than it brings. */
static int
xdp_arguments(const struct opening *o, uint16_t lane, char *out, size_t size)
{
	const char *args = o->config->args, *rest = args + strcspn(args, ",");
	char suffix[16] = "", queue[32] = "";
	int n;

	if (lane > 0)
		snprintf(suffix, sizeof(suffix), "_q%u", lane);
	if (!has_argument(args, "start_queue"))
		snprintf(queue, sizeof(queue), ",start_queue=%u", lane);
	n = snprintf(out, size, "%s%s%s%s%s", o->name, suffix, rest, queue,
			has_argument(args, "busy_budget") ? "" : ",busy_budget=0");
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int
packet_arguments(const struct opening *o, char *out, size_t size)
{
	const char *args = o->config->args;
	char pairs[32] = "", frames[64] = "";
	unsigned frame = rte_align32pow2(o->config->mtu + FRAME_OVERHEAD + 128);
	int n;

	if (!has_argument(args, "qpairs"))
		snprintf(pairs, sizeof(pairs), ",qpairs=%u", o->config->queues);
	if (!has_argument(args, "framesz") && !has_argument(args, "blocksz") && frame > 2048)
		snprintf(frames, sizeof(frames), ",blocksz=%u,framesz=%u",
				frame < 4096 ? 4096 : frame, frame);
	n = snprintf(out, size, "%s%s%s%s", args, pairs, frames,
			has_argument(args, "qdisc_bypass") ? "" : ",qdisc_bypass=1");
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int
device_arguments(const struct opening *o, uint16_t lane, char *out, size_t size)
{
	if (is_driver(o, "net_af_xdp"))
		return xdp_arguments(o, lane, out, size);
	if (is_driver(o, "net_af_packet"))
		return packet_arguments(o, out, size);
	return (size_t)snprintf(out, size, "%s", o->config->args) < size ? 0 : -ENAMETOOLONG;
}

/* What to do about a device that the bus could not attach. */
static const char *
attach_advice(const struct opening *o, int error)
{
	if (error == -EPERM || error == -EACCES)
		return "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF";
	if (is_pci(o->config->args))
		return "check the address with `lspci -D`, and that `dpdk-devbind.py --status` "
		       "shows it bound to vfio-pci";
	if (error == -EEXIST)
		return "the device's name is taken; give each port's device a number of its own";
	return "check the driver's name and arguments (net_af_xdp0,iface=NAME; "
	       "net_af_packet0,iface=NAME; net_tap0,...; "
	       "net_pcap0,rx_pcap=FILE), and that its package (librte-net-*) is installed";
}

/* The bus says 'bad address' when no driver claims the name. */
static const char *
attach_reason(int error)
{
	return error == -EFAULT ? "no driver knows it" : rte_strerror(-error);
}

static int
attach(struct opening *o, uint16_t lane, uint16_t *port)
{
	char args[384], name[RTE_DEV_NAME_MAX_LEN];
	int ret = device_arguments(o, lane, args, sizeof(args));

	if (ret < 0)
		return fail(o, ret, "device '%s' is too long; shorten its arguments",
				o->config->args);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(args, ","), args);
	/* PCI devices were attached by rte_eal_init() already. */
	if (is_pci(args) && rte_eth_dev_get_port_by_name(name, port) == 0)
		return 0;
	if (rte_eth_dev_get_port_by_name(name, port) == 0)
		return fail(o, EEXIST, "device '%s' is in use; %s", name,
				attach_advice(o, -EEXIST));
	ret = rte_dev_probe(args);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(name, port);
	if (ret < 0)
		return fail(o, ret, "cannot attach device '%s': %s; %s", args, attach_reason(ret),
				attach_advice(o, ret));
	return 0;
}

static uint32_t
swap_if(uint32_t value, bool swap)
{
	return swap ? __builtin_bswap32(value) : value;
}

/* Packets in a pcap file (draft-ietf-opsawg-pcap), 0 if it cannot be read: the driver will say so. */
static uint32_t
count_packets(const char *file)
{
	uint32_t magic, record[4], packets = 0;
	FILE *f = fopen(file, "re");
	bool swap;

	if (f == NULL)
		return 0;
	if (fread(&magic, sizeof(magic), 1, f) == 1 && fseek(f, 20, SEEK_CUR) == 0) {
		swap = magic == 0xd4c3b2a1u || magic == 0x4d3cb2a1u;
		while (fread(record, sizeof(record), 1, f) == 1 &&
				fseek(f, (long)swap_if(record[2], swap), SEEK_CUR) == 0)
			packets++;
	}
	fclose(f);
	return packets;
}

/* With infinite_rx the driver keeps a copy of every packet, and with too few buffers it receives nothing, silently. */
static uint32_t
resident_packets(const struct opening *o, uint16_t queue)
{
	char value[256];

	if (!argument(o->config->args, "infinite_rx", 0, value, sizeof(value)) ||
			strcmp(value, "1") != 0 ||
			!argument(o->config->args, "rx_pcap", queue, value, sizeof(value)))
		return 0;
	return count_packets(value);
}

static uint16_t
data_room(const struct opening *o)
{
	uint32_t frame = o->config->mtu + FRAME_OVERHEAD;

	if (is_driver(o, "net_pcap")) {
		frame = RTE_MAX(frame, ROOM_MIN_PCAP) + RTE_PKTMBUF_HEADROOM;
		return (uint16_t)RTE_ALIGN(frame, 128);
	}
	if (is_driver(o, "net_af_xdp"))
		return XDP_ROOM;
	frame = RTE_MAX(frame, ROOM_MIN) + RTE_PKTMBUF_HEADROOM;
	return RTE_MIN(frame, (uint32_t)UINT16_MAX);
}

static void
pool_name(char out[RTE_MEMPOOL_NAMESIZE], const struct lane *lane)
{
	snprintf(out, RTE_MEMPOOL_NAMESIZE, "rx_%u_%u", lane->dpdk_port, lane->queue);
}

/* As rte_pktmbuf_pool_create(), but one buffer fills one page. The driver takes buffers to stand side by side
 * (`size * frame` bytes from the first are its UMEM), while a pool leaves out what would cross a page: behind the gaps
 * the last buffers would be outside, and a packet in one of them neither be received nor sent, nor come back. */
static struct rte_mempool *
create_xdp_pool(const char *name, uint32_t n, int socket)
{
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = XDP_ROOM};
	struct rte_mempool *pool = rte_mempool_create_empty(name, n,
			sizeof(struct rte_mbuf) + XDP_ROOM, POOL_CACHE, sizeof(private), socket,
			RTE_MEMPOOL_F_NO_SPREAD);
	int ret;

	if (pool == NULL)
		return NULL;
	ret = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	rte_pktmbuf_pool_init(pool, &private);
	if (ret == 0)
		ret = rte_mempool_populate_default(pool);
	if (ret < 0) {
		rte_mempool_free(pool);
		rte_errno = -ret;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

static struct rte_mempool *
create_pool(struct opening *o, const struct lane *lane, uint32_t descriptors)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t n = o->config->mbufs;
	uint16_t room = data_room(o);
	struct rte_mempool *pool;

	if (n == 0)
		n = descriptors + SPARE_MBUFS + resident_packets(o, lane->queue);
	pool_name(name, lane);
	if (is_driver(o, "net_af_xdp"))
		pool = create_xdp_pool(name, n, o->device->socket);
	else
		pool = rte_pktmbuf_pool_create(name, n, POOL_CACHE, 0, room, o->device->socket);
	if (pool == NULL)
		fail(o, rte_errno,
				"no memory for %u packet buffers of %u bytes (%u MB): %s; provide "
				"more hugepages (`dpdk-hugepages.py "
				"-p 2M --setup 2G`), raise `memory`, or lower `mbufs` or `mtu`",
				n, room, (uint32_t)(((uint64_t)n * (room + 192u)) >> 20),
				rte_strerror(rte_errno));
	return pool;
}

static uint16_t
descriptors(uint16_t configured, uint16_t preferred, bool xdp)
{
	if (configured != 0)
		return configured;
	if (xdp)
		return XDP_DESCRIPTORS;
	return preferred != 0 ? preferred : DESCRIPTORS;
}

static int
setup_queue(struct opening *o, const struct lane *lane)
{
	bool xdp = is_driver(o, "net_af_xdp");
	uint16_t rx = descriptors(
			o->config->rx_descriptors, o->info.default_rxportconf.ring_size, xdp);
	uint16_t tx = descriptors(
			o->config->tx_descriptors, o->info.default_txportconf.ring_size, xdp);
	struct rte_eth_txconf txconf = o->info.default_txconf;
	struct rte_mempool *pool;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(lane->dpdk_port, &rx, &tx);

	if (ret < 0)
		return fail(o, ret, "driver '%s' refuses %u and %u descriptors: %s",
				o->info.driver_name, rx, tx, rte_strerror(-ret));
	/* AF_XDP keeps its fill ring filled beside the receive ring. */
	pool = create_pool(o, lane, xdp ? 3 * XDP_DESCRIPTORS : (uint32_t)rx + tx);
	if (pool == NULL)
		return -rte_errno;
	txconf.offloads = o->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	ret = rte_eth_tx_queue_setup(
			lane->dpdk_port, lane->queue, tx, (unsigned)o->device->socket, &txconf);
	if (ret < 0)
		return fail(o, ret, "driver '%s' refuses transmit queue %u: %s",
				o->info.driver_name, lane->queue, rte_strerror(-ret));
	ret = rte_eth_rx_queue_setup(
			lane->dpdk_port, lane->queue, rx, (unsigned)o->device->socket, NULL, pool);
	if (ret < 0 && xdp)
		return fail(o, ret,
				"cannot open an AF_XDP socket on queue %u of device '%s': %s; "
				"another program may use the queue (see `bpftool "
				"net`, `ss --xdp`), or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF are "
				"missing",
				(unsigned)(lane - o->device->lane), o->config->args,
				rte_strerror(-ret));
	if (ret < 0)
		return fail(o, ret, "driver '%s' refuses receive queue %u: %s", o->info.driver_name,
				lane->queue, rte_strerror(-ret));
	return 0;
}

static int
check_limits(struct opening *o, uint16_t queues)
{
	const struct rte_eth_dev_info *i = &o->info;
	uint16_t most = RTE_MIN(i->max_rx_queues, i->max_tx_queues);
	uint16_t mtu = o->config->mtu;

	if (most < queues)
		return fail(o, EINVAL,
				"driver '%s' offers %u receive and %u transmit queue(s) here, "
				"`queues` says %u; lower it",
				i->driver_name, i->max_rx_queues, i->max_tx_queues, queues);
	if (mtu < i->min_mtu || mtu > i->max_mtu)
		return fail(o, EINVAL, "driver '%s' takes an mtu of %u to %u, `mtu` says %u",
				i->driver_name, i->min_mtu, i->max_mtu, mtu);
	return 0;
}

/* Some devices drop tagged frames unless they are told the tags: virtio, virtual functions. */
static bool
filters_vlans(const struct opening *o)
{
	return o->config->vlan_count > 0 &&
			(o->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
}

static int
pass_vlans(struct opening *o, uint16_t port)
{
	uint32_t i;
	int ret = 0;

	if (!filters_vlans(o))
		return 0;
	(void)rte_eth_dev_vlan_filter(port, 0, 1); /* priority tags, where that is a question */
	for (i = 0; i < o->config->vlan_count && ret == 0; i++)
		ret = rte_eth_dev_vlan_filter(port, o->config->vlan[i], 1);
	if (ret < 0)
		return fail(o, ret, "driver '%s' does not let VLAN %u in: %s", o->info.driver_name,
				o->config->vlan[i - 1], rte_strerror(-ret));
	return 0;
}

static int
configure(struct opening *o, uint16_t port, uint16_t queues)
{
	struct rte_eth_conf conf = {.rxmode.mtu = o->config->mtu};
	uint64_t rss = o->info.flow_type_rss_offloads & RSS_WANTED;
	int ret;

	if (queues > 1 && rss != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = rss;
	}
	if (filters_vlans(o))
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	conf.txmode.offloads = o->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	ret = rte_eth_dev_configure(port, queues, queues, &conf);
	if (ret < 0)
		return fail(o, ret, "driver '%s' refuses %u queue(s) with an mtu of %u: %s",
				o->info.driver_name, queues, o->config->mtu, rte_strerror(-ret));
	ret = rte_eth_dev_set_mtu(port, o->config->mtu);
	if (ret < 0 && ret != -ENOTSUP)
		return fail(o, ret, "driver '%s' cannot set an mtu of %u: %s; lower `mtu`",
				o->info.driver_name, o->config->mtu, rte_strerror(-ret));
	return 0;
}

static int
start(struct opening *o, uint16_t port)
{
	int ret = rte_eth_dev_start(port);

	if (ret < 0)
		return fail(o, ret, "driver '%s' cannot start the device '%s': %s",
				o->info.driver_name, o->config->args, rte_strerror(-ret));
	/* For neighbour solicitations; drivers over a kernel interface need and have it not. */
	(void)rte_eth_allmulticast_enable(port);
	return pass_vlans(o, port);
}

/* Opens one DPDK port and makes `queues` lanes of it; the lanes are recorded before they are set up, so that
 * device_close() finds what a failure leaves behind. */
static int
open_port(struct opening *o, uint16_t queues)
{
	struct device *d = o->device;
	uint16_t port, first = d->lane_count, i;
	int ret = attach(o, first, &port);

	if (ret < 0)
		return ret;
	for (i = 0; i < queues; i++)
		d->lane[d->lane_count++] = (struct lane){.dpdk_port = port, .queue = i};
	ret = rte_eth_dev_info_get(port, &o->info);
	if (ret < 0)
		return fail(o, ret, "the driver of '%s' does not describe it: %s", o->name,
				rte_strerror(-ret));
	if (d->socket < 0)
		d->socket = RTE_MAX(rte_eth_dev_socket_id(port), 0);
	ret = check_limits(o, queues);
	if (ret == 0)
		ret = configure(o, port, queues);
	for (i = 0; i < queues && ret == 0; i++)
		ret = setup_queue(o, &d->lane[first + i]);
	return ret == 0 ? start(o, port) : ret;
}

static int
describe(struct opening *o)
{
	struct device *d = o->device;
	uint16_t port = d->lane[0].dpdk_port;
	struct rte_ether_addr mac;
	int ret = rte_eth_macaddr_get(port, &mac);

	if (ret < 0)
		return fail(o, ret, "the driver of '%s' tells no MAC address: %s", o->name,
				rte_strerror(-ret));
	memcpy(d->mac.b, mac.addr_bytes, sizeof(d->mac.b));
	d->mtu = o->config->mtu;
	d->promiscuous = rte_eth_promiscuous_get(port) == 1;
	snprintf(d->driver, sizeof(d->driver), "%s", o->info.driver_name);
	snprintf(d->args, sizeof(d->args), "%s", o->config->args);
	return 0;
}

int
device_open(const struct device_config *config, struct device *device, char *error,
		unsigned error_size)
{
	struct opening o = {.config = config,
			.device = device,
			.error = error,
			.error_size = error_size};
	bool vdev_per_queue = is_driver(&o, "net_af_xdp");
	uint16_t ports = vdev_per_queue ? config->queues : 1;
	int ret;

	*device = (struct device){.socket = -1};
	snprintf(o.name, sizeof(o.name), "%.*s", (int)strcspn(config->args, ","), config->args);
	ret = check(&o);
	for (uint16_t i = 0; i < ports && ret == 0; i++)
		ret = open_port(&o, vdev_per_queue ? 1 : config->queues);
	if (ret == 0)
		ret = describe(&o);
	if (ret < 0)
		device_close(device);
	return ret;
}

static void
close_port(uint16_t port)
{
	struct rte_eth_dev_info info;
	struct rte_device *dev = NULL;

	if (rte_eth_dev_info_get(port, &info) == 0)
		dev = info.device;
	/* It then tries to detach the XDP program, which is not its own, and complains. */
	(void)rte_log_set_level_pattern("pmd.net.af_xdp", RTE_LOG_CRIT);
	(void)rte_eth_dev_stop(port);
	(void)rte_eth_dev_close(port);
	if (dev != NULL)
		(void)rte_dev_remove(dev);
}

/* Also takes a device of which only some lanes were opened. */
void
device_close(struct device *device)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint16_t i;

	for (i = 0; i < device->lane_count; i++)
		if (device->lane[i].queue == 0)
			close_port(device->lane[i].dpdk_port);
	for (i = 0; i < device->lane_count; i++) {
		pool_name(name, &device->lane[i]);
		rte_mempool_free(rte_mempool_lookup(name));
	}
	device->lane_count = 0;
}

static void
add_port_stats(uint16_t port, struct device_stats *out)
{
	struct rte_eth_stats s;
	struct rte_eth_link link;

	if (rte_eth_stats_get(port, &s) == 0) {
		out->rx_packets += s.ipackets;
		out->tx_packets += s.opackets;
		out->rx_bytes += s.ibytes;
		out->tx_bytes += s.obytes;
		out->rx_missed += s.imissed;
		out->rx_errors += s.ierrors;
		out->rx_no_mbuf += s.rx_nombuf;
		out->tx_errors += s.oerrors;
	}
	if (rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP) {
		out->link_up = true;
		out->link_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	}
}

void
device_stats(const struct device *device, struct device_stats *out)
{
	*out = (struct device_stats){0};
	for (uint16_t i = 0; i < device->lane_count; i++)
		if (device->lane[i].queue == 0)
			add_port_stats(device->lane[i].dpdk_port, out);
}
