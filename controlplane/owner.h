/* SPDX-License-Identifier: Apache-2.0 */
/* Who has an endpoint's id: what is kept by id must notice that a reload gave it to somebody else. */
#pragma once

#include "registry.h"

/* A hash of service and endpoint name, never 0. The names are far apart in memory: ask only after a reload
 * (registry_config_generation) where many are asked for. */
uint64_t owner_of(const struct endpoint *e);

/* The same of who has a service's id: a hash of its name, never 0. */
uint64_t owner_of_service(const struct service *s);
