/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program per interface, one address map and one endpoint map for all of them. A reload must not lose a packet of
 * the old configuration or of the new one, so the maps first hold both, and shrink once the new view is in force:
 *
 *     maps:   old  --sync_add-->  old + new  --(view published)--  --sync_remove-->  new
 */
#include "filter.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filter_hook.h"
#include "filter_set.h"
#include "host_watch.h"

struct filter {
	struct gateway *gateway;
	struct filter_hook hook[DATAPLANE_PORTS_MAX];
	size_t hook_count;
	struct filter_set current; /* what the maps hold at least */
	struct host_watch *watch; /* NULL without hooks */
};

/* The kernel's interface behind a device of DPDK; false if there is none. */
static bool
interface_of(const char *device, char out[IF_NAMESIZE], enum filter_hook_kind *kind)
{
	const char *at = strstr(device, ",iface=");

	if (strncmp(device, "net_af_xdp", 10) == 0)
		*kind = FILTER_HOOK_XDP;
	else if (strncmp(device, "net_af_packet", 13) == 0)
		*kind = FILTER_HOOK_TC;
	else
		return false;
	if (at == NULL)
		return false;
	at += strlen(",iface=");
	snprintf(out, IF_NAMESIZE, "%.*s", (int)strcspn(at, ","), at);
	return true;
}

/* Does the kernel take part in any port? */
static bool
any_with_kernel(const struct config *config)
{
	char interface[IF_NAMESIZE];
	enum filter_hook_kind kind;

	for (size_t i = 0; i < config->port_count; i++)
		if (config->port[i].kernel ||
				interface_of(config->port[i].device, interface, &kind))
			return true;
	return false;
}

/* Name of the host's interface that has the address, or NULL. */
static const char *
host_interface(const struct ifaddrs *all, const struct ip_addr *addr)
{
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		struct ip_addr a = {0};

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			a = ip_from_v4_be(
					((const struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr);
		if (i->ifa_addr->sa_family == AF_INET6)
			a = ip_from_v6(&((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr);
		if (!ip_is_none(&a) && ip_equal(&a, addr))
			return i->ifa_name;
	}
	return NULL;
}

struct check {
	const struct config *config;
	struct config_errors *errors;
	struct ifaddrs *host;
	bool good;
};

static void
check_address(struct check *c, int line, const char *key, const struct ip_addr *addr)
{
	const char *interface = host_interface(c->host, addr);
	char text[IP_TEXT_SIZE];

	if (interface == NULL)
		return;
	c->good = false;
	ip_format(addr, text);
	config_errors_add(c->errors,
			"%s:%d: %s: %s: also an address of the host's interface '%s', which would "
			"take its packets; choose "
			"another, or remove it there with `ip address del %s dev %s`",
			c->config->file, line, key, text, interface, text, interface);
}

bool
filter_check(const struct config *config, struct config_errors *errors)
{
	struct check c = {.config = config, .errors = errors, .good = true};

	if (!any_with_kernel(config) || getifaddrs(&c.host) < 0)
		return true;
	for (size_t i = 0; i < config->port_count; i++)
		for (size_t j = 0; j < config->port[i].address_count; j++)
			check_address(&c, config->port[i].line, "addresses",
					&config->port[i].address[j].addr);
	for (size_t i = 0; i < config->local_count; i++)
		check_address(&c, 1, "local_addresses", &config->local[i]);
	for (size_t i = 0; i < config->service_count; i++)
		check_address(&c, config->service[i].line, "address", &config->service[i].addr);
	freeifaddrs(c.host);
	return c.good;
}

static struct filter_hook *
find_hook(struct filter *f, const char *interface, enum filter_hook_kind kind)
{
	for (size_t i = 0; i < f->hook_count; i++)
		if (f->hook[i].kind == kind && strcmp(f->hook[i].interface, interface) == 0)
			return &f->hook[i];
	return NULL;
}

/* Does the interface take VLAN tags off before XDP sees the frame? */
static bool
strips_vlan(const char *interface)
{
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq request = {.ifr_data = (void *)&flags};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	ret = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return ret == 0 && (flags.data & ETH_FLAG_RXVLAN);
}

static int
add_hook(struct filter *f, const struct config_port *port, char *error, size_t error_size)
{
	char interface[IF_NAMESIZE], why[512];
	struct filter_hook *h = &f->hook[f->hook_count];
	enum filter_hook_kind kind;
	int ret;

	if (!interface_of(port->device, interface, &kind))
		return 0;
	if (port->vlan && kind == FILTER_HOOK_XDP && strips_vlan(interface)) {
		snprintf(error, error_size,
				"port '%s': vlan: %u: interface '%s' takes the tags off, so its "
				"frames could not be told from untagged ones; keep them with "
				"`ethtool -K %s rxvlan off`",
				port->name, port->vlan, interface, interface);
		return -EINVAL;
	}
	/* Ports on VLANs share a device. */
	if (find_hook(f, interface, kind) != NULL)
		return 0;
	if (f->hook_count == DATAPLANE_PORTS_MAX)
		return -E2BIG;
	h->kind = kind;
	memcpy(h->interface, interface, sizeof(h->interface));
	ret = filter_hook_load(h, f->hook_count++ > 0 ? &f->hook[0] : NULL, why, sizeof(why));
	if (ret == 0)
		ret = filter_hook_attach(h, why, sizeof(why));
	if (ret < 0)
		snprintf(error, error_size, "port '%s': %s", port->name, why);
	return ret;
}

static void
warn_generic(const struct filter *f)
{
	for (size_t i = 0; i < f->hook_count; i++)
		if (f->hook[i].generic)
			journal_add(f->gateway->journal, JOURNAL_WARNING, "filter", NULL, NULL,
					"the driver of interface '%s' has no XDP: its packets go "
					"through the kernel's slow generic XDP",
					f->hook[i].interface);
}

struct filter *
filter_create(struct gateway *g, char *error, size_t error_size)
{
	const struct config *config = registry_config(g->registry);
	struct filter *f = calloc(1, sizeof(*f));
	int ret = 0;

	if (f == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	f->gateway = g;
	for (size_t i = 0; i < config->port_count && ret == 0; i++)
		ret = add_hook(f, &config->port[i], error, error_size);
	if (ret < 0) {
		filter_free(f);
		return NULL;
	}
	warn_generic(f);
	return f;
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	host_watch_free(f->watch);
	/* The first one holds the maps that the others share. */
	while (f->hook_count > 0)
		filter_hook_close(&f->hook[--f->hook_count]);
	filter_set_fini(&f->current);
	free(f);
}

static int
build_set(const struct filter *f, struct filter_set *s)
{
	int ret = filter_set_add_registry(s, f->gateway->registry);

	if (ret == 0)
		ret = filter_set_add_host(s);
	filter_set_sort(s);
	return ret;
}

static int
write_address(const struct filter *f, const struct filter_set_address *a)
{
	return bpf_map_update_elem(f->hook[0].addresses, &a->key, &a->flags, BPF_ANY);
}

static int
write_endpoint(const struct filter *f, const struct filter_set_endpoint *e)
{
	return bpf_map_update_elem(f->hook[0].endpoints, &e->key, &e->ports, BPF_ANY);
}

/* Of the addresses, what differs from what the map holds. */
static int
write_changed(const struct filter *f, const struct filter_set *s)
{
	const struct filter_set_address *a, *old;
	int ret = 0;

	for (size_t i = 0; i < s->address_count && ret == 0; i++) {
		a = &s->address[i];
		old = filter_set_address_or_null(&f->current, &a->key);
		if (old == NULL || old->flags != a->flags)
			ret = write_address(f, a);
	}
	return ret;
}

static int
write_all(const struct filter *f, const struct filter_set *s)
{
	int ret = 0;

	for (size_t i = 0; i < s->address_count && ret == 0; i++)
		ret = write_address(f, &s->address[i]);
	for (size_t i = 0; i < s->endpoint_count && ret == 0; i++)
		ret = write_endpoint(f, &s->endpoint[i]);
	return ret;
}

static int
append(struct filter_set *to, const struct filter_set *from)
{
	size_t a = to->address_count + from->address_count,
	       e = to->endpoint_count + from->endpoint_count;
	struct filter_set_address *address = realloc(to->address, (a + 1) * sizeof(*address));
	struct filter_set_endpoint *endpoint = realloc(to->endpoint, (e + 1) * sizeof(*endpoint));

	if (address != NULL)
		to->address = address;
	if (endpoint != NULL)
		to->endpoint = endpoint;
	if (address == NULL || endpoint == NULL)
		return -ENOMEM;
	if (from->address_count > 0)
		memcpy(address + to->address_count, from->address,
				from->address_count * sizeof(*address));
	if (from->endpoint_count > 0)
		memcpy(endpoint + to->endpoint_count, from->endpoint,
				from->endpoint_count * sizeof(*endpoint));
	to->address_room = to->address_count = a;
	to->endpoint_room = to->endpoint_count = e;
	filter_set_sort(to);
	return 0;
}

static void
replace_current(struct filter *f, struct filter_set *with)
{
	filter_set_fini(&f->current);
	f->current = *with;
}

int
filter_sync_add(struct filter *f)
{
	struct filter_set both = {0};
	int ret;

	if (f->hook_count == 0)
		return 0;
	ret = build_set(f, &both);
	if (ret == 0)
		ret = append(&both, &f->current);
	if (ret == 0)
		ret = write_all(f, &both);
	/* Also after a failure: what was written must be removable. */
	if (both.address_count >= f->current.address_count)
		replace_current(f, &both);
	else
		filter_set_fini(&both);
	return ret;
}

static void
remove_stale(const struct filter *f, const struct filter_set *wanted)
{
	const struct filter_set *c = &f->current;

	for (size_t i = 0; i < c->address_count; i++)
		if (filter_set_address_or_null(wanted, &c->address[i].key) == NULL)
			bpf_map_delete_elem(f->hook[0].addresses, &c->address[i].key);
	for (size_t i = 0; i < c->endpoint_count; i++)
		if (filter_set_endpoint_or_null(wanted, &c->endpoint[i].key) == NULL)
			bpf_map_delete_elem(f->hook[0].endpoints, &c->endpoint[i].key);
}

int
filter_sync_remove(struct filter *f)
{
	struct filter_set wanted = {0};
	int ret;

	if (f->hook_count == 0)
		return 0;
	ret = build_set(f, &wanted);
	if (ret < 0) {
		filter_set_fini(&wanted);
		return ret;
	}
	remove_stale(f, &wanted);
	ret = write_all(f, &wanted);
	replace_current(f, &wanted);
	return ret;
}

static int
follow_host(struct filter *f)
{
	struct filter_set wanted = {0};
	int ret = build_set(f, &wanted);

	if (ret == 0)
		ret = write_changed(f, &wanted);
	if (ret < 0) {
		filter_set_fini(&wanted);
		return ret;
	}
	remove_stale(f, &wanted);
	replace_current(f, &wanted);
	return 0;
}

static void
host_changed(void *arg)
{
	struct filter *f = arg;
	int ret = follow_host(f);

	if (ret < 0)
		journal_add(f->gateway->journal, JOURNAL_ERR, "filter", NULL, NULL,
				"addresses of this host changed, and the filter could not follow: "
				"%s; it is tried again at the next change or reload",
				strerror(-ret));
}

int
filter_follow_host(struct filter *f)
{
	if (f->hook_count == 0)
		return 0;
	f->watch = host_watch_create(f->gateway->loop, host_changed, f);
	if (f->watch == NULL)
		return -errno;
	return follow_host(f); /* what changed before there was a watch */
}

static json_t *
verdicts_json(const struct filter_hook *h)
{
	static const char *const names[] = {
#define X(name, text) #name,
			FILTER_VERDICT_LIST(X)
#undef X
	};
	uint64_t n[FILTER_VERDICT_COUNT];
	json_t *out = json_object();

	if (filter_hook_verdicts(h, n) < 0)
		return out;
	for (size_t i = 0; i < FILTER_VERDICT_COUNT; i++)
		json_object_set_new(out, names[i], json_integer((json_int_t)n[i]));
	return out;
}

static const char *
mode_name(const struct filter_hook *h)
{
	if (h->kind == FILTER_HOOK_TC)
		return "ingress";
	return h->generic ? "generic" : "native";
}

json_t *
filter_json(const struct filter *f)
{
	json_t *out = json_array();

	for (size_t i = 0; i < f->hook_count; i++) {
		const struct filter_hook *h = &f->hook[i];

		json_array_append_new(out,
				json_pack("{s:s, s:s, s:s, s:o}", "interface", h->interface,
						"program",
						h->kind == FILTER_HOOK_XDP ? "xdp" : "tc", "mode",
						mode_name(h), "verdicts", verdicts_json(h)));
	}
	return out;
}
