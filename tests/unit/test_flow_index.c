/* SPDX-License-Identifier: Apache-2.0 */
/* The index against a model: an array that says which references are in it. */
#include "flow_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUCKETS 256u
#define KEYS (BUCKETS * BUCKET_SLOTS)

static struct flow_bucket buckets[BUCKETS];
static uint64_t hash[KEYS + 1]; /* by reference; 0 is nobody */
static bool present[KEYS + 1];

static uint64_t
random64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t
hash_of(void *arg, uint32_t ref)
{
	return hash[ref];
}

static struct flow_index
fresh(uint64_t seed)
{
	uint32_t i;

	memset(buckets, 0, sizeof(buckets));
	memset(present, 0, sizeof(present));
	for (i = 1; i <= KEYS; i++)
		hash[i] = random64(&seed);
	return (struct flow_index){.bucket = buckets, .mask = BUCKETS - 1};
}

/* As the flow table searches: the alternate bucket only if the home says so. */
static bool
is_found(const struct flow_index *x, uint32_t ref)
{
	const struct flow_bucket *b = flow_index_home(x, hash[ref]);
	int pass;

	for (pass = 0; pass < 2; pass++) {
		unsigned hit = flow_bucket_match(b, flow_index_tag(hash[ref]));

		for (; hit; hit &= hit - 1)
			if (b->ref[__builtin_ctz(hit)] == ref)
				return true;
		if (!b->displaced)
			return false;
		b = flow_index_alternate(x, hash[ref]);
	}
	return false;
}

static void
expect_model(const struct flow_index *x)
{
	uint32_t i;

	assert_int_equal(flow_index_check(x, hash_of, NULL), 0);
	for (i = 1; i <= KEYS; i++)
		assert_int_equal(is_found(x, i), present[i]);
}

/* Adds until so many are in; how many did not fit. */
static uint32_t
fill(struct flow_index *x, uint32_t count)
{
	uint32_t refused = 0, i;

	for (i = 1; i <= count; i++) {
		present[i] = flow_index_add(x, hash[i], i);
		refused += !present[i];
	}
	return refused;
}

struct load_case {
	const char *name;
	uint32_t percent;
	uint32_t refused_max; /* of 20 tables */
};

static const struct load_case loads[] = {
		{"a quarter", 25, 0},
		{"a half", 50, 0},
		{"two thirds", 67, 60},
		{"full", 100, 20 * KEYS / 4},
};

static void
keys_are_found_at_any_load(void **state)
{
	uint32_t refused, i;
	struct flow_index x;
	size_t c;

	for (c = 0; c < sizeof(loads) / sizeof(loads[0]); c++) {
		for (i = 0, refused = 0; i < 20; i++) {
			x = fresh(i);
			refused += fill(&x, KEYS * loads[c].percent / 100);
			expect_model(&x);
		}
		if (refused > loads[c].refused_max)
			fail_msg("%s: %u refused", loads[c].name, refused);
	}
}

static void
random_changes_agree_with_a_model(void **state)
{
	struct flow_index x = fresh(1);
	uint64_t seed = 2;
	uint32_t in = 0, ref, i;

	for (i = 0; i < 400000; i++) {
		ref = (uint32_t)(random64(&seed) % KEYS) + 1;
		if (present[ref]) {
			assert_true(flow_index_del(&x, hash[ref], ref));
			assert_false(flow_index_del(&x, hash[ref], ref));
			present[ref] = false;
			in--;
		} else if (in < KEYS * 2 / 3) {
			present[ref] = flow_index_add(&x, hash[ref], ref);
			in += present[ref];
		}
		if (i % 20000 == 0)
			expect_model(&x);
	}
	expect_model(&x);
	for (ref = 1; ref <= KEYS; ref++)
		if (present[ref])
			assert_true(flow_index_del(&x, hash[ref], ref));
	memset(present, 0, sizeof(present));
	expect_model(&x);
	for (i = 0; i < BUCKETS; i++)
		assert_int_equal(buckets[i].displaced, 0);
}

/* Two keys with all 64 bits alike: the references tell them apart. */
static void
equal_hashes_are_kept_apart(void **state)
{
	struct flow_index x = fresh(3);
	uint32_t i, fitting = 0;

	for (i = 1; i <= 40; i++)
		hash[i] = hash[1];
	for (i = 1; i <= 40; i++)
		fitting += present[i] = flow_index_add(&x, hash[i], i);
	assert_int_equal(fitting, 2 * BUCKET_SLOTS);
	expect_model(&x);
	assert_true(flow_index_del(&x, hash[3], 3));
	present[3] = false;
	expect_model(&x);
	assert_true(flow_index_add(&x, hash[30], 30));
	present[30] = true;
	expect_model(&x);
}

/* A counter at its end does not come back, so that no key that is there can be missed. */
static void
a_saturated_counter_stays(void **state)
{
	struct flow_index x = fresh(4);
	uint32_t i;

	for (i = 1; i <= 9; i++) {
		hash[i] = hash[1];
		present[i] = flow_index_add(&x, hash[i], i);
		assert_true(present[i]);
	}
	flow_index_home(&x, hash[1])->displaced = UINT8_MAX;
	for (i = 1; i <= 9; i++) {
		assert_true(flow_index_del(&x, hash[i], i));
		present[i] = false;
	}
	assert_int_equal(flow_index_home(&x, hash[1])->displaced, UINT8_MAX);
	expect_model(&x);
}

static void
the_check_sees_what_is_wrong(void **state)
{
	struct flow_index x = fresh(5);
	struct flow_bucket *b;

	fill(&x, KEYS / 2);
	b = flow_index_home(&x, hash[1]);
	b->displaced++;
	assert_int_not_equal(flow_index_check(&x, hash_of, NULL), 0);
	b->displaced--;
	b->alternate ^= 1;
	assert_int_not_equal(flow_index_check(&x, hash_of, NULL), 0);
	b->alternate ^= 1;
	b->tag[0] ^= 1;
	assert_int_not_equal(flow_index_check(&x, hash_of, NULL), 0);
}

static void
there_are_enough_buckets(void **state)
{
	uint32_t keys, n;

	for (keys = 1; keys < 5000000; keys = keys * 3 + 1) {
		n = flow_index_buckets(keys);
		assert_int_equal(n & (n - 1), 0);
		assert_true((uint64_t)n * BUCKET_SLOTS >= 2ull * keys);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(keys_are_found_at_any_load),
			cmocka_unit_test(random_changes_agree_with_a_model),
			cmocka_unit_test(equal_hashes_are_kept_apart),
			cmocka_unit_test(a_saturated_counter_stays),
			cmocka_unit_test(the_check_sees_what_is_wrong),
			cmocka_unit_test(there_are_enough_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
