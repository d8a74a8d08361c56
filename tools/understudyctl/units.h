/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read and write them. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#define UNIT_TEXT 24

/* Three digits and a letter: 950, 1.23k, 45.6M. "-" for NAN. Each returns `buf`. */
const char *unit_count(double n, char buf[UNIT_TEXT]);
const char *unit_us(double us, char buf[UNIT_TEXT]); /* 240us, 1.20ms, 3.4s */
const char *unit_share(double share, char buf[UNIT_TEXT]); /* 0.25: 25% */
const char *unit_age(double seconds, char buf[UNIT_TEXT]); /* 45s, 3m12s, 2h05m, 3d04h */

/* NAN for null and for what is missing. */
double unit_number(const json_t *value);

/* "25%" or "0.25"; "100k", "1.5G". 0, or -1. */
int unit_parse_share(const char *text, double *share);
int unit_parse_count(const char *text, uint64_t *n);
