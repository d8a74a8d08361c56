/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config_schema.h"
#include "config_yaml.h"

/* Fills a zeroed struct config from the file's tree, defaults included; complains about all that is wrong with single
 * keys. Lists have an element for every item of the file, in its order, even for those that were complained about. */
void config_read(struct config *config, struct yaml *root, struct complaints *c);

/* The node of `key` in the map, or in the service's template of the same name as the map (`check`, `mirror`). NULL if
 * it stands in neither. */
struct yaml *config_read_inherited(const struct yaml *endpoint, const char *map, const char *key);
