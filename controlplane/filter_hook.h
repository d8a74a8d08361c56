/* SPDX-License-Identifier: Apache-2.0 */
/* One filter program on one interface: loaded, attached, counted. Control thread. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/filter.h"

struct bpf_link;
struct bpf_object;

enum filter_hook_kind {
	FILTER_HOOK_XDP,
	FILTER_HOOK_TC,
};

struct filter_hook {
	enum filter_hook_kind kind;
	char interface[IF_NAMESIZE];
	unsigned ifindex;
	struct bpf_object *object;
	struct bpf_link *
			link; /* XDP: the kernel detaches it when the process ends, however it ends */
	bool tc_attached;
	bool tc_created; /* the clsact qdisc is ours to remove */
	bool generic; /* XDP: the driver has none of its own, which is slow */
	int addresses, endpoints, verdicts; /* file descriptors of the maps, the object's */
};

/* Where the installed or built program is: UNDERSTUDY_BPF_DIR, beside the build, or the installed place. */
const char *filter_hook_path(char *out, size_t size);

/* Loads the program for h->kind. Later ones share the address and endpoint maps of `first`, unless it is NULL. 0 or
 * -errno with `error`; filter_hook_close() in any case. */
int filter_hook_load(struct filter_hook *h, const struct filter_hook *first, char *error,
		size_t error_size);

/* Attaches it to h->interface. */
int filter_hook_attach(struct filter_hook *h, char *error, size_t error_size);

void filter_hook_close(struct filter_hook *h);

/* Sums over CPUs. 0 or -errno. */
int filter_hook_verdicts(const struct filter_hook *h, uint64_t out[FILTER_VERDICT_COUNT]);
