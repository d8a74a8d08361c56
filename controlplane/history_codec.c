/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob, in bits from the least significant one of each byte:
 *
 *   8 version   8 first place   8 places (n)   1 are all there?   [n: which are]
 *   stream of the samples; or of a step's counts, means, minima and maxima
 *
 *   stream:  1 are zeros apart?   [which are not]   2 method   5 shift   30 first value   each further one: Rice code
 */
#include "history_codec.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define VERSION 1
#define DROPPED_BITS 36 /* of a double's 52 of mantissa */
#define COARSE_BITS 8 /* of the 16 left */
#define VALUE_BITS 30 /* of a quantised number with its sign; 28 are used */
#define INFINITE (0x7ff << 16)
#define WHOLE_MAX (1 << 24) /* greater ones are no longer exact to a unit */
/* A code of so many ones says that VALUE_BITS + 2 bits follow as they are. */
#define UNARY_MAX 20
#define ADAPT_AFTER 16 /* differences after which older ones count half */

enum method {
	METHOD_LAST = 0, /* predict the value before */
	METHOD_MEAN = 1, /* or a moving mean */
	METHOD_WHOLE = 2, /* of values instead of ordered integers */
	METHODS = 4,
};

int32_t
history_quantise(double value)
{
	uint64_t bits;
	int32_t q;

	if (isnan(value))
		return HISTORY_GAP;
	memcpy(&bits, &value, sizeof(bits));
	bits &= INT64_MAX;
	q = (int32_t)((bits + (1ull << (DROPPED_BITS - 1))) >> DROPPED_BITS);
	if (q >= INFINITE)
		q = isinf(value) ? INFINITE : INFINITE - 1;
	return value < 0 ? -q : q;
}

double
history_dequantise(int32_t q)
{
	uint64_t bits;
	double value;

	if (q == HISTORY_GAP)
		return NAN;
	bits = (uint64_t)(q < 0 ? -(int64_t)q : q) << DROPPED_BITS;
	memcpy(&value, &bits, sizeof(value));
	return q < 0 ? -value : value;
}

/* The ordered integer without rounding: `more` says whether something was cut off. */
static int32_t
cut(double value, bool *more)
{
	uint64_t bits;
	int32_t q;

	memcpy(&bits, &value, sizeof(bits));
	bits &= INT64_MAX;
	q = (int32_t)(bits >> (DROPPED_BITS + COARSE_BITS)) << COARSE_BITS;
	*more = (bits & ((1ull << (DROPPED_BITS + COARSE_BITS)) - 1)) != 0;
	return q;
}

int32_t
history_quantise_down(double value)
{
	bool more;
	int32_t q;

	if (isnan(value))
		return HISTORY_GAP;
	q = cut(value, &more);
	if (value >= 0)
		return q;
	return -(q + (more ? 1 << COARSE_BITS : 0));
}

int32_t
history_quantise_up(double value)
{
	if (isnan(value))
		return HISTORY_GAP;
	return -history_quantise_down(-value);
}

struct writer {
	uint8_t *out; /* NULL: only counts */
	size_t bits;
};

static void
put(struct writer *w, uint64_t value, unsigned n)
{
	unsigned i;

	if (!w->out) {
		w->bits += n;
		return;
	}
	for (i = 0; i < n; i++, w->bits++) {
		if (w->bits % 8 == 0)
			w->out[w->bits / 8] = 0;
		w->out[w->bits / 8] |= (uint8_t)(((value >> i) & 1) << (w->bits % 8));
	}
}

struct reader {
	const uint8_t *in;
	size_t bits, end;
	bool bad; /* more was asked for than there is */
};

static uint64_t
get(struct reader *r, unsigned n)
{
	uint64_t value = 0;
	unsigned i;

	if (r->bits + n > r->end) {
		r->bad = true;
		return 0;
	}
	for (i = 0; i < n; i++, r->bits++)
		value |= (uint64_t)((r->in[r->bits / 8] >> (r->bits % 8)) & 1) << i;
	return value;
}

/* What encoder and decoder know of the values so far. */
struct model {
	enum method method;
	int64_t predicted;
	uint32_t sum, count; /* of differences' magnitudes */
};

static unsigned
rice_bits(const struct model *m)
{
	unsigned k = 0;

	while (k < VALUE_BITS && ((uint64_t)m->count << k) < m->sum)
		k++;
	return k;
}

static void
model_init(struct model *m, enum method method, int64_t first)
{
	*m = (struct model){.method = method, .predicted = first, .sum = 4, .count = 1};
}

static void
model_learn(struct model *m, int64_t value, uint64_t code)
{
	if (m->method & METHOD_MEAN)
		m->predicted += (value - m->predicted) / 4;
	else
		m->predicted = value;
	m->sum += (uint32_t)(code < UINT32_MAX / 64 ? code : UINT32_MAX / 64);
	if (++m->count == ADAPT_AFTER) {
		m->sum /= 2;
		m->count /= 2;
	}
}

static uint64_t
fold(int64_t d)
{
	return ((uint64_t)d << 1) ^ (uint64_t)(d >> 63);
}

static int64_t
unfold(uint64_t code)
{
	return (int64_t)(code >> 1) ^ -(int64_t)(code & 1);
}

static void
put_value(struct writer *w, struct model *m, int64_t value)
{
	uint64_t code = fold(value - m->predicted);
	unsigned k = rice_bits(m);

	if (code >> k < UNARY_MAX) {
		put(w, (1ull << (code >> k)) - 1, (unsigned)(code >> k) + 1);
		put(w, code, k);
	} else {
		put(w, (1ull << UNARY_MAX) - 1, UNARY_MAX);
		put(w, code, VALUE_BITS + 2);
	}
	model_learn(m, value, code);
}

static int64_t
get_value(struct reader *r, struct model *m)
{
	unsigned k = rice_bits(m), ones = 0;
	uint64_t code;
	int64_t value;

	while (ones < UNARY_MAX && get(r, 1))
		ones++;
	code = ones < UNARY_MAX ? (uint64_t)ones << k | get(r, k) : get(r, VALUE_BITS + 2);
	value = m->predicted + unfold(code);
	model_learn(m, value, code);
	return value;
}

static int64_t
sign_extend(uint64_t value)
{
	return (int64_t)(value << (64 - VALUE_BITS)) >> (64 - VALUE_BITS);
}

/* Values in the domain of the method; false if they cannot be in it. */
static bool
domain_of(const int32_t *q, uint32_t n, enum method method, int64_t *out)
{
	double value;
	uint32_t i;

	for (i = 0; i < n; i++) {
		out[i] = q[i];
		if (!(method & METHOD_WHOLE))
			continue;
		value = history_dequantise(q[i]);
		if (!(fabs(value) < WHOLE_MAX) || value != floor(value))
			return false;
		out[i] = (int64_t)value;
	}
	return true;
}

static unsigned
common_shift(const int64_t *value, uint32_t n)
{
	uint64_t all = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		all |= (uint64_t)value[i];
	return all ? (unsigned)__builtin_ctzll(all) : 0;
}

/* All alike end after the first value: the method's bits say METHOD_MEAN with a shift of 31. */
#define ALIKE_SHIFT 31

static bool
put_stream_by(struct writer *w, const int32_t *q, uint32_t n, enum method method)
{
	int64_t value[HISTORY_PLACES_MAX];
	unsigned shift;
	struct model m;
	uint32_t i;

	if (n == 0 || !domain_of(q, n, method, value))
		return false;
	shift = common_shift(value, n);
	put(w, method, 2);
	put(w, shift, 5);
	put(w, (uint64_t)(value[0] >> shift), VALUE_BITS);
	model_init(&m, method, value[0] >> shift);
	for (i = 1; i < n; i++)
		put_value(w, &m, value[i] >> shift);
	return true;
}

static bool
all_alike(const int32_t *q, uint32_t n)
{
	uint32_t i;

	for (i = 1; i < n; i++) {
		if (q[i] != q[0])
			return false;
	}
	return true;
}

static void
put_numbers(struct writer *w, const int32_t *q, uint32_t n)
{
	enum method method, best = METHOD_LAST;
	size_t shortest = SIZE_MAX;
	struct writer trial;

	if (all_alike(q, n)) {
		put(w, METHOD_MEAN, 2);
		put(w, ALIKE_SHIFT, 5);
		put(w, (uint64_t)(int64_t)q[0], VALUE_BITS);
		return;
	}
	for (method = 0; method < METHODS; method++) {
		trial = (struct writer){0};
		if (put_stream_by(&trial, q, n, method) && trial.bits < shortest) {
			shortest = trial.bits;
			best = method;
		}
	}
	put_stream_by(w, q, n, best);
}

/* From zero to the smallest number that is measured is a long way, in ordered integers: zeros among others are told by
 * a bit each if that is shorter. */
static void
put_stream_apart(struct writer *w, const int32_t *q, uint32_t n)
{
	int32_t other[HISTORY_PLACES_MAX];
	uint32_t i, others = 0;

	put(w, 1, 1);
	for (i = 0; i < n; i++) {
		put(w, q[i] != 0, 1);
		if (q[i] != 0)
			other[others++] = q[i];
	}
	put_numbers(w, other, others);
}

static void
put_stream(struct writer *w, const int32_t *q, uint32_t n)
{
	struct writer together = {0}, apart = {0};
	uint32_t i, zeros = 0;

	for (i = 0; i < n; i++)
		zeros += q[i] == 0;
	if (zeros > 0 && zeros < n) {
		put_numbers(&together, q, n);
		put_stream_apart(&apart, q, n);
	}
	if (apart.bits < together.bits) {
		put_stream_apart(w, q, n);
		return;
	}
	put(w, 0, 1);
	put_numbers(w, q, n);
}

static bool
value_back(int64_t value, unsigned shift, enum method method, int32_t *q)
{
	if (value > INT32_MAX || value < -INT32_MAX)
		return false;
	value = (int64_t)((uint64_t)value << shift);
	if (method & METHOD_WHOLE)
		value = value < WHOLE_MAX && value > -WHOLE_MAX ? history_quantise((double)value)
								: INT64_MAX;
	if (value > INFINITE || value < -INFINITE)
		return false;
	*q = (int32_t)value;
	return true;
}

static int
get_numbers(struct reader *r, int32_t *q, uint32_t n)
{
	enum method method = (enum method)get(r, 2);
	unsigned shift = (unsigned)get(r, 5);
	int64_t value = sign_extend(get(r, VALUE_BITS));
	bool alike = shift == ALIKE_SHIFT && method == METHOD_MEAN;
	struct model m;
	uint32_t i;

	model_init(&m, method, value);
	for (i = 0; i < n; i++) {
		if (i && !alike)
			value = get_value(r, &m);
		if (r->bad || !value_back(value, alike ? 0 : shift, method, &q[i]))
			return -EINVAL;
	}
	return 0;
}

static int
get_stream(struct reader *r, int32_t *q, uint32_t n)
{
	int32_t other[HISTORY_PLACES_MAX];
	uint32_t i, others = 0, k = 0;
	bool is_other[HISTORY_PLACES_MAX];

	if (!get(r, 1))
		return get_numbers(r, q, n);
	for (i = 0; i < n; i++) {
		is_other[i] = get(r, 1);
		others += is_other[i];
	}
	if (get_numbers(r, other, others) < 0)
		return -EINVAL;
	for (i = 0; i < n; i++)
		q[i] = is_other[i] ? other[k++] : 0;
	return 0;
}

/* The places from the first to the last that hold something. */
struct span {
	uint32_t first, n;
	bool gaps;
};

static struct span
span_of(const bool *held, uint32_t places)
{
	struct span s = {0};
	uint32_t i;

	while (places > 0 && !held[places - 1])
		places--;
	while (s.first < places && !held[s.first])
		s.first++;
	s.n = places - s.first;
	for (i = s.first; i < places; i++)
		s.gaps |= !held[i];
	return s;
}

static void
put_head(struct writer *w, const struct span *s, const bool *held)
{
	uint32_t i;

	put(w, VERSION, 8);
	put(w, s->first, 8);
	put(w, s->n, 8);
	put(w, s->gaps, 1);
	for (i = 0; s->gaps && i < s->n; i++)
		put(w, held[s->first + i], 1);
}

/* Number of places held, or -EINVAL. */
static int
get_head(struct reader *r, bool *held, uint32_t places)
{
	unsigned version = (unsigned)get(r, 8);
	uint32_t first = (uint32_t)get(r, 8), n = (uint32_t)get(r, 8), i;
	bool gaps = get(r, 1);
	int count = 0;

	if (r->bad || version != VERSION || n == 0 || first + n > places)
		return -EINVAL;
	memset(held, 0, places);
	for (i = first; i < first + n; i++) {
		held[i] = gaps ? get(r, 1) : true;
		count += held[i];
	}
	return r->bad || count == 0 ? -EINVAL : count;
}

size_t
history_samples_encode(const int32_t *q, uint32_t places, uint8_t out[HISTORY_BLOB_MAX])
{
	struct writer w = {.out = out};
	int32_t dense[HISTORY_PLACES_MAX];
	bool held[HISTORY_PLACES_MAX];
	uint32_t i, n = 0;
	struct span s;

	for (i = 0; i < places; i++) {
		held[i] = q[i] != HISTORY_GAP;
		if (held[i])
			dense[n++] = q[i];
	}
	if (n == 0)
		return 0;
	s = span_of(held, places);
	put_head(&w, &s, held);
	put_stream(&w, dense, n);
	return (w.bits + 7) / 8;
}

int
history_samples_decode(const uint8_t *blob, size_t size, int32_t *q, uint32_t places)
{
	struct reader r = {.in = blob, .end = size * 8};
	int32_t dense[HISTORY_PLACES_MAX];
	bool held[HISTORY_PLACES_MAX];
	int n = get_head(&r, held, places);
	uint32_t i, k = 0;

	if (n < 0 || get_stream(&r, dense, (uint32_t)n) < 0)
		return -EINVAL;
	for (i = 0; i < places; i++)
		q[i] = held[i] ? dense[k++] : HISTORY_GAP;
	return 0;
}

/* The four numbers of a step, in the order in which they are stored. */
static int32_t
part_of(const struct history_step *s, unsigned part)
{
	switch (part) {
	case 0:
		return history_quantise(s->count);
	case 1:
		return s->mean;
	case 2:
		return s->min;
	default:
		return s->max;
	}
}

static void
part_set(struct history_step *s, unsigned part, int32_t q)
{
	if (part == 0)
		s->count = q > 0 && q < INFINITE ? (uint32_t)history_dequantise(q) : 0;
	else if (part == 1)
		s->mean = q;
	else if (part == 2)
		s->min = q;
	else
		s->max = q;
}

size_t
history_steps_encode(
		const struct history_step *step, uint32_t places, uint8_t out[HISTORY_BLOB_MAX])
{
	struct writer w = {.out = out};
	int32_t dense[HISTORY_PLACES_MAX];
	bool held[HISTORY_PLACES_MAX];
	unsigned part;
	struct span s;
	uint32_t i, n;

	for (i = 0; i < places; i++)
		held[i] = step[i].count > 0;
	s = span_of(held, places);
	if (s.n == 0)
		return 0;
	put_head(&w, &s, held);
	for (part = 0; part < 4; part++) {
		for (i = n = 0; i < places; i++) {
			if (held[i])
				dense[n++] = part_of(&step[i], part);
		}
		put_stream(&w, dense, n);
	}
	return (w.bits + 7) / 8;
}

int
history_steps_decode(const uint8_t *blob, size_t size, struct history_step *step, uint32_t places)
{
	struct reader r = {.in = blob, .end = size * 8};
	int32_t dense[HISTORY_PLACES_MAX];
	bool held[HISTORY_PLACES_MAX];
	int n = get_head(&r, held, places);
	uint32_t i, k;
	unsigned part;

	if (n < 0)
		return -EINVAL;
	memset(step, 0, places * sizeof(*step));
	for (part = 0; part < 4; part++) {
		if (get_stream(&r, dense, (uint32_t)n) < 0)
			return -EINVAL;
		for (i = k = 0; i < places; i++) {
			if (held[i])
				part_set(&step[i], part, dense[k++]);
		}
	}
	return 0;
}

size_t
history_varint_put(int64_t value, uint8_t out[HISTORY_VARINT_MAX])
{
	uint64_t left = fold(value);
	size_t n = 0;

	for (; left >= 0x80; left >>= 7)
		out[n++] = (uint8_t)(left | 0x80);
	out[n++] = (uint8_t)left;
	return n;
}

size_t
history_varint_get(const uint8_t *in, size_t size, int64_t *value)
{
	uint64_t whole = 0;
	size_t n;

	for (n = 0; n < size && n < HISTORY_VARINT_MAX; n++) {
		whole |= (uint64_t)(in[n] & 0x7f) << (7 * n);
		if (!(in[n] & 0x80)) {
			*value = unfold(whole);
			return n + 1;
		}
	}
	return 0;
}
