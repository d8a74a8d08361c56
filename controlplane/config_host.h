/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration asks of the machine that it is started on: apart from config_validate, because a file may be
 * checked elsewhere. */
#pragma once

#include "config.h"

/* Adds "FILE:LINE: KEY: ..." for each CPU that is not online, and for flow tables that do not fit into the memory
 * that is free; `grade` stands before what is wrong ("warning: " or ""). True if all is there. */
bool config_host_check(
		const struct config *config, const char *grade, struct config_errors *errors);

/* The memory of the flow tables, in bytes, to within a tenth. */
uint64_t config_host_flow_bytes(uint32_t flows);
