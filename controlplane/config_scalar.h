/* SPDX-License-Identifier: Apache-2.0 */
/* One value of the file and its field: read, printed and compared by what the schema says of it. */
#pragma once

#include "config_schema.h"
#include "config_yaml.h"

/* Reads the text of `node` into the field; complains about the node and leaves the field alone if it is wrong. */
void scalar_read(const struct key *key, struct yaml *node, void *base, struct complaints *c);

/* As YAML, quoted where it must be. */
void scalar_print(const struct key *key, const void *base, FILE *out);

bool scalar_equal(const struct key *key, const void *a, const void *b);

/* Zero, NULL or an empty text. */
bool scalar_is_none(const struct key *key, const void *base);
