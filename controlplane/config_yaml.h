/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML file as a tree that remembers the line of everything, and complaints about places in it. Anchors, aliases
 * and tags are refused: nobody needs them here, and a file then means what it says. Control thread.
 */
#pragma once

#include "config.h"

#define YAML_DEPTH_MAX 16 /* the schema needs 7 */
#define YAML_SIZE_MAX \
	(64u * 1024 * 1024) /* bytes; 100,000 endpoints with everything printed are 30 MiB */

enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

struct yaml {
	enum yaml_kind kind;
	int line; /* from 1 */
	bool bad; /* complained about */
	bool tainted; /* it, or something below it, is bad */
	bool plain; /* a scalar without quotes */
	char *key; /* in its parent, if that is a map; else NULL */
	char *text; /* scalars only: no NUL inside */
	struct yaml *parent;
	struct yaml **child;
	size_t count;
};

struct complaints {
	const char *file;
	struct config_errors *errors;
	size_t found; /* errors, without warnings */
};

/* The tree of a text of `len` bytes; NULL if it is no YAML (which was complained about) or has no content. What
 * can be read is returned even if some of it was complained about. */
struct yaml *yaml_parse(const char *text, size_t len, struct complaints *c);
void yaml_free(struct yaml *node);

struct yaml *yaml_child(const struct yaml *map_or_null, const char *key);
bool yaml_is_empty(const struct yaml *node); /* "key:" without a value */

/* Adds "FILE:LINE: PATH: 'VALUE': ..." once. yaml_complain_key is about a key of `map`, which may be absent. */
void yaml_complain(struct complaints *c, struct yaml *node, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
void yaml_complain_key(struct complaints *c, struct yaml *map, const char *key, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* The same, but the file can still be used. */
void yaml_warn_key(struct complaints *c, struct yaml *map, const char *key, const char *format, ...)
		__attribute__((format(printf, 4, 5)));
