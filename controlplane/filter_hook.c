/* SPDX-License-Identifier: Apache-2.0 */
#include "filter_hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECT_NAME "filter.bpf.o"
#define XDP_PROGRAM "xsk_def_prog"
#define TC_PROGRAM "filter_tc"
/* Fixed, so that what a killed process left behind is replaced and not doubled. */
#define TC_HANDLE 1
#define TC_PRIORITY 49

#ifndef UNDERSTUDY_BPF_INSTALLED
#define UNDERSTUDY_BPF_INSTALLED "/usr/local/lib/understudy"
#endif

/* The last thing that libbpf complained of: its return value alone says little. */
static char complaint[256];

static int __attribute__((format(printf, 2, 0)))
keep_complaint(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN)
		vsnprintf(complaint, sizeof(complaint), format, args);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

static bool
executable_dir(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

const char *
filter_hook_path(char *out, size_t size)
{
	static const char *const beside[] = {"bpf", "../bpf", "../../bpf"};
	const char *dir = getenv("UNDERSTUDY_BPF_DIR");
	char self[512];

	if (dir != NULL) {
		snprintf(out, size, "%s/" OBJECT_NAME, dir);
		return out;
	}
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]) &&
			executable_dir(self, sizeof(self));
			i++) {
		snprintf(out, size, "%s/%s/" OBJECT_NAME, self, beside[i]);
		if (access(out, R_OK) == 0)
			return out;
	}
	snprintf(out, size, UNDERSTUDY_BPF_INSTALLED "/" OBJECT_NAME);
	return out;
}

static int
share_map(struct bpf_object *object, const char *name, int fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	return map == NULL ? -ENOENT : bpf_map__reuse_fd(map, fd);
}

static const char *
program_name(const struct filter_hook *h)
{
	return h->kind == FILTER_HOOK_XDP ? XDP_PROGRAM : TC_PROGRAM;
}

static void
load_only(struct bpf_object *object, const char *name)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, object)
			bpf_program__set_autoload(p, strcmp(bpf_program__name(p), name) == 0);
}

static int
load(struct filter_hook *h, const struct filter_hook *first)
{
	int ret = 0;

	load_only(h->object, program_name(h));
	if (first != NULL)
		ret = share_map(h->object, "addresses", first->addresses);
	if (first != NULL && ret == 0)
		ret = share_map(h->object, "endpoints", first->endpoints);
	if (ret == 0)
		ret = bpf_object__load(h->object);
	if (ret < 0)
		return ret;
	h->addresses = bpf_object__find_map_fd_by_name(h->object, "addresses");
	h->endpoints = bpf_object__find_map_fd_by_name(h->object, "endpoints");
	h->verdicts = bpf_object__find_map_fd_by_name(h->object, "verdicts");
	return h->addresses < 0 || h->endpoints < 0 || h->verdicts < 0 ? -ENOENT : 0;
}

static const char *
load_advice(int error)
{
	if (error == -EPERM || error == -EACCES)
		return "run as root, or with CAP_BPF and CAP_NET_ADMIN";
	if (error == -ENOENT)
		return "build it, or set UNDERSTUDY_BPF_DIR to its directory";
	return "see `dmesg`, and the kernel's version: 5.9 or later is needed";
}

int
filter_hook_load(struct filter_hook *h, const struct filter_hook *first, char *error,
		size_t error_size)
{
	char path[600];
	int ret;

	complaint[0] = '\0';
	libbpf_set_print(keep_complaint);
	filter_hook_path(path, sizeof(path));
	h->object = bpf_object__open_file(path, NULL);
	ret = h->object == NULL ? -errno : load(h, first);
	if (ret < 0)
		snprintf(error, error_size, "cannot load the filter '%s': %s%s%s; %s", path,
				strerror(-ret), complaint[0] != '\0' ? ": " : "", complaint,
				load_advice(ret));
	return ret;
}

static uint32_t
attached_program(unsigned ifindex)
{
	uint32_t id = 0;

	return bpf_xdp_query_id((int)ifindex, 0, &id) == 0 ? id : 0;
}

static bool
is_generic(unsigned ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	return bpf_xdp_query((int)ifindex, 0, &query) == 0 && query.attach_mode == XDP_ATTACHED_SKB;
}

#define MAPS_MAX 16

static bool
is_map_named(uint32_t id, const char *name)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);
	bool is = fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
			strcmp(info.name, name) == 0;

	if (fd >= 0)
		close(fd);
	return is;
}

/* Is the program one of an understudyd? libxdp's has its name, but not its maps. */
static bool
is_ours(uint32_t id)
{
	uint32_t map[MAPS_MAX] = {0};
	struct bpf_prog_info info = {.map_ids = (uintptr_t)map, .nr_map_ids = MAPS_MAX};
	uint32_t size = sizeof(info), i;
	int fd = bpf_prog_get_fd_by_id(id);
	bool has = false;

	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && strcmp(info.name, XDP_PROGRAM) == 0)
		for (i = 0; i < info.nr_map_ids && i < MAPS_MAX && !has; i++)
			has = is_map_named(map[i], "verdicts");
	close(fd);
	return has;
}

/* Advice to remove the program of a gateway that runs would stop it. */
static int
refuse_other(const struct filter_hook *h, uint32_t other, char *error, size_t error_size)
{
	if (is_ours(other))
		snprintf(error, error_size,
				"interface '%s' has the XDP program of an understudyd already (id "
				"%u); is another one running there? Stop it, or choose another "
				"interface",
				h->interface, other);
	else
		snprintf(error, error_size,
				"interface '%s' has an XDP program of another already (id %u); see "
				"`bpftool prog show id %u`, and "
				"remove it with `ip link set dev %s xdp off`",
				h->interface, other, other, h->interface);
	return -EBUSY;
}

static int
attach_xdp(struct filter_hook *h, char *error, size_t error_size)
{
	struct bpf_program *program = bpf_object__find_program_by_name(h->object, XDP_PROGRAM);
	uint32_t other = attached_program(h->ifindex);

	if (other == 0)
		h->link = bpf_program__attach_xdp(program, (int)h->ifindex);
	if (h->link != NULL) {
		h->generic = is_generic(h->ifindex);
		return 0;
	}
	if (other != 0)
		return refuse_other(h, other, error, error_size);
	snprintf(error, error_size,
			"cannot attach the XDP filter to interface '%s': %s; its MTU may be too "
			"large for XDP (about 3,500 bytes), or "
			"CAP_NET_ADMIN is missing",
			h->interface, strerror(errno));
	return -errno;
}

static int
attach_tc(struct filter_hook *h, char *error, size_t error_size)
{
	struct bpf_program *program = bpf_object__find_program_by_name(h->object, TC_PROGRAM);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)h->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY,
			.flags = BPF_TC_F_REPLACE, .prog_fd = bpf_program__fd(program));
	int ret = bpf_tc_hook_create(&hook);

	h->tc_created = ret == 0;
	if (ret == 0 || ret == -EEXIST)
		ret = bpf_tc_attach(&hook, &opts);
	h->tc_attached = ret == 0;
	if (ret < 0)
		snprintf(error, error_size,
				"cannot attach the filter to the ingress of interface '%s': %s; is "
				"CAP_NET_ADMIN missing, or the "
				"kernel's sch_clsact or cls_bpf?",
				h->interface, strerror(-ret));
	return ret;
}

int
filter_hook_attach(struct filter_hook *h, char *error, size_t error_size)
{
	h->ifindex = if_nametoindex(h->interface);
	if (h->ifindex == 0) {
		snprintf(error, error_size,
				"interface '%s' does not exist in this network namespace; create "
				"it, or correct `device`",
				h->interface);
		return -ENODEV;
	}
	return h->kind == FILTER_HOOK_XDP ? attach_xdp(h, error, error_size)
					  : attach_tc(h, error, error_size);
}

static void
detach_tc(struct filter_hook *h)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)h->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);

	if (h->tc_attached)
		bpf_tc_detach(&hook, &opts);
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (h->tc_created)
		bpf_tc_hook_destroy(&hook);
}

void
filter_hook_close(struct filter_hook *h)
{
	detach_tc(h);
	if (h->link != NULL)
		bpf_link__destroy(h->link);
	bpf_object__close(h->object);
	*h = (struct filter_hook){0};
}

static int
sum_verdict(int fd, uint32_t verdict, int cpus, uint64_t *out)
{
	uint64_t *each = calloc((size_t)cpus, sizeof(*each));
	int ret = each == NULL ? -ENOMEM : bpf_map_lookup_elem(fd, &verdict, each);

	for (int i = 0; i < cpus && ret == 0; i++)
		*out += each[i];
	free(each);
	return ret;
}

int
filter_hook_verdicts(const struct filter_hook *h, uint64_t out[FILTER_VERDICT_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	int ret = cpus < 0 ? cpus : 0;

	memset(out, 0, FILTER_VERDICT_COUNT * sizeof(*out));
	for (uint32_t v = 0; v < FILTER_VERDICT_COUNT && ret == 0; v++)
		ret = sum_verdict(h->verdicts, v, cpus, &out[v]);
	return ret;
}
