/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the file, once: what it is called, what it may hold, its default, where it goes in struct config, and
 * whether it can change without a restart. Reading, printing, comparing and freeing walk these tables.
 */
#pragma once

#include "config.h"

#include <stddef.h>

enum key_type {
	KEY_COUNT,
	KEY_RATE,
	KEY_BOOL,
	KEY_NAME, /* letters, digits, "_", "-", "."; at most 63 */
	KEY_TEXT, /* printable ASCII */
	KEY_ADDRESS,
	KEY_MAC, /* of a host: neither a group's nor zero */
	KEY_PREFIX, /* an address with its prefix length: host bits are kept */
	KEY_NETWORK, /* a prefix: host bits are refused */
	KEY_MS,
	KEY_US,
	KEY_MIB,
	KEY_SHARE,
	KEY_FRACTION, /* a percentage into a double, 0 to 1; min and max in percent */
	KEY_PERMILLE, /* a percentage in tenths; min and max in percent */
	KEY_REAL, /* a decimal number into a double */
	KEY_STEPS, /* struct policy_steps: config_policy.c */
	KEY_RULE, /* struct policy_rule: config_policy.c */
	KEY_CHOICE,
	KEY_RANGE, /* two uint16_t */
	KEY_BYTES, /* uint8_t *, and a size_t at `count` */
	KEY_GATEWAYS, /* list of at most one address per family, into two struct ip_addr */
	KEY_MAP,
	KEY_LIST, /* of maps or scalars: pointer, and a size_t at `count` */
	KEY_TEMPLATE, /* of a service: stands in for the same key of each of its endpoints; stored there */
};

enum key_flag {
	KEY_REQUIRED = 1 << 0,
	KEY_RESTART = 1 << 1, /* fixed from start to stop */
	KEY_COMPUTED = 1 << 2, /* its default depends on others: config_load.c */
	KEY_OMITTED = 1 << 3, /* not printed if zero or empty: then it means "none" */
	KEY_INHERITED = 1
			<< 4, /* the service's KEY_TEMPLATE of that name stands in for what is missing */
};

struct key_choice {
	const char *name;
	unsigned value;
	const char *refusal; /* known, but not to be had: why, and what to do */
};

struct key_group;

struct key {
	const char *name;
	enum key_type type;
	unsigned flags;
	size_t offset, size; /* of the field */
	size_t count; /* offset of the number of elements */
	uint64_t min, max; /* of the value, or of the number of elements or bytes; max 0: the type's own */
	const char *fallback;
	const struct key_choice *choice; /* ends with a NULL name */
	const struct key_group
			*group; /* of a map, or of each element; NULL: the element is `item` */
	const struct key *item;
};

struct key_group {
	const char *what; /* "a port" */
	size_t size;
	size_t line; /* offset of an int; 0: has none */
	bool flow; /* printed in one line */
	const struct key *key;
	size_t key_count;
};

extern const struct key_group config_schema;

/* NULL if there is none of that name. */
const struct key *key_group_find(const struct key_group *group, const char *name);

/* Frees what the fields of a struct own, not the struct. */
void key_group_fini(const struct key_group *group, void *base);

/* Do the fields of two structs have the same value? config_compare.c */
bool config_key_equal(const struct key *key, const void *a, const void *b);

static inline void *
key_field(const struct key *key, const void *base)
{
	return (char *)(uintptr_t)base + key->offset;
}

static inline size_t *
key_count_of(const struct key *key, const void *base)
{
	return (size_t *)(void *)((char *)(uintptr_t)base + key->count);
}

static inline size_t
key_element_size(const struct key *key)
{
	return key->group ? key->group->size : key->item->size;
}

/* Unsigned fields of 1, 2, 4 or 8 bytes. */
uint64_t key_number(const struct key *key, const void *base);
void key_set_number(const struct key *key, void *base, uint64_t value);
