/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples as few bytes. Pure; any bytes may be given to the decoders.
 *
 * A sample is a double whose mantissa is rounded to 16 bits, which is an error of at most 2^-17 (8 in a million), and
 * none for whole numbers to 131,072; as an integer that is ordered as the doubles are, so that a difference of
 * two samples is small if they are alike. Least and greatest of a step keep 8 bits, rounded outwards.
 *
 * A stream of samples is coded as differences to a prediction (the sample before, or a moving mean; of the ordered
 * integers, or of the values where all are whole: whichever of the four is shortest), by Golomb-Rice codes whose
 * parameter follows the mean difference (as JPEG-LS does: ITU-T T.87, A.5.1).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTORY_GAP INT32_MIN /* no sample */

int32_t history_quantise(double value); /* NAN: HISTORY_GAP; infinities stay */
int32_t history_quantise_down(double value); /* to 8 bits, at most the value */
int32_t history_quantise_up(double value);
double history_dequantise(int32_t q);

/* Samples of one slot, by their place in it, or HISTORY_GAP. */
#define HISTORY_PLACES_MAX 120

/* One step of a coarser tier; count 0: none. */
struct history_step {
	uint32_t count;
	int32_t mean, min, max; /* quantised */
};

/* Enough for any slot: what does not compress takes 53 bits for a number, and four make a step. */
#define HISTORY_BLOB_MAX (32 + HISTORY_PLACES_MAX / 8 + 4 * (HISTORY_PLACES_MAX * 53 / 8 + 8))

/* Bytes written to `out`, HISTORY_BLOB_MAX at most; 0 if there is nothing but gaps. */
size_t history_samples_encode(const int32_t *q, uint32_t places, uint8_t out[HISTORY_BLOB_MAX]);
size_t history_steps_encode(
		const struct history_step *step, uint32_t places, uint8_t out[HISTORY_BLOB_MAX]);

/* Fills all places. 0, or -EINVAL if that is not what was encoded, with that many places. */
int history_samples_decode(const uint8_t *blob, size_t size, int32_t *q, uint32_t places);
int history_steps_decode(
		const uint8_t *blob, size_t size, struct history_step *step, uint32_t places);

/* Whole numbers as one to ten bytes, small ones short. `varint_put` returns bytes written; `varint_get` bytes read, or 0
 * if there are too few. */
#define HISTORY_VARINT_MAX 10
size_t history_varint_put(int64_t value, uint8_t out[HISTORY_VARINT_MAX]);
size_t history_varint_get(const uint8_t *in, size_t size, int64_t *value);
