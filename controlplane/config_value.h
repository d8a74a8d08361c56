/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as people write them. Parsers want the whole text, and return 0 or -EINVAL, -ERANGE; formatters write what
 * the parser of the same name reads back to the same value. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VALUE_TEXT_SIZE 32

/* "100", with k M G T (powers of 1000) or Ki Mi Gi (of 1024). value_rate_format uses k M G. */
int value_count_parse(const char *text, uint64_t *out);
const char *value_count_format(uint64_t value, char buf[VALUE_TEXT_SIZE]);
const char *value_rate_format(uint64_t value, char buf[VALUE_TEXT_SIZE]);

/* "20us", "500ms", "1s", "15m", "1h", "1d", "0"; in microseconds. */
int value_duration_parse(const char *text, uint64_t *us);
const char *value_duration_format(uint64_t us, char buf[VALUE_TEXT_SIZE]);

/* "10%", "0.5%" or "0"; in parts of SHARE_ONE, rounded to the nearest. */
int value_share_parse(const char *text, uint32_t *share);
const char *value_share_format(uint32_t share, char buf[VALUE_TEXT_SIZE]);

/* "12.5%" or "0"; as 0.125, to a billionth of a percent. */
int value_fraction_parse(const char *text, double *out);
const char *value_fraction_format(double fraction, char buf[VALUE_TEXT_SIZE]);

/* "2" or "0.25": at most six decimals, below ten billion. */
int value_real_parse(const char *text, double *out);
const char *value_real_format(double value, char buf[VALUE_TEXT_SIZE]);

/* "80" or "5000-5010". */
int value_range_parse(const char *text, uint16_t *first, uint16_t *last);
const char *value_range_format(uint16_t first, uint16_t last, char buf[VALUE_TEXT_SIZE]);

/* "512M", "2G" or "0"; in MiB. */
int value_mib_parse(const char *text, uint64_t *mib);
const char *value_mib_format(uint64_t mib, char buf[VALUE_TEXT_SIZE]);

/* Text, or "hex:0a1b". The result is allocated, and never NULL on success; also -ENOMEM. */
int value_bytes_parse(const char *text, uint8_t **out, size_t *len);
char *value_bytes_format(const uint8_t *bytes, size_t len); /* allocated; NULL without memory */
