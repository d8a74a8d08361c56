/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a service's `forecast` and of the `calendar`. */
#pragma once

#include "config_schema.h"
#include "config_validate.h"

extern const struct key_group config_forecast_group, config_event_group;

void validate_forecast(
		const struct validation *v, const struct config_service *s, struct yaml *node);
void validate_calendar(const struct validation *v);
