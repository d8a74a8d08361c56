/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config.h"
#include "config_yaml.h"

/* Complains about what is wrong between keys. What config_read complained about is left alone. */
void config_validate(const struct config *config, struct yaml *root, struct complaints *c);
