/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOWS 4096u
#define BUCKETS 4096u

static struct flow flows[FLOWS + 1];
static struct flow6 flows6[FLOWS + 1];
static uint32_t free_numbers[FLOWS];
static struct flow_bucket buckets[BUCKETS];

static struct flow_table
fresh(void)
{
	struct flow_table t = {
			.index = {.bucket = buckets, .mask = BUCKETS - 1},
			.flow = flows,
			.flow6 = flows6,
			.free = free_numbers,
			.limit = FLOWS,
			.seed = {0x0123456789abcdefu, 0xfedcba9876543211u},
	};
	uint32_t i;

	memset(flows, 0, sizeof(flows));
	memset(buckets, 0, sizeof(buckets));
	for (i = FLOWS; i; i--)
		t.free[t.free_count++] = i;
	return t;
}

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

static struct flow_key
key_of(const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	return (struct flow_key){.src = addr(src),
			.dst = addr(dst),
			.src_port_be = htobe16(sport),
			.dst_port_be = htobe16(dport),
			.protocol = IPPROTO_TCP};
}

/* The n-th of a series of clients, as they are in life. */
struct series {
	const char *name;
	void (*at)(struct flow_key *key, uint32_t n);
};

static void
next_port(struct flow_key *key, uint32_t n)
{
	*key = key_of("192.0.2.7", "198.51.100.1", (uint16_t)(1024 + n), 80);
}

static void
next_address(struct flow_key *key, uint32_t n)
{
	*key = key_of("10.0.0.0", "198.51.100.1", 40000, 80);
	key->src.w[3] = htobe32(0x0a000000 + n);
}

static void
next_of_both(struct flow_key *key, uint32_t n)
{
	next_address(key, n % 128);
	key->src_port_be = htobe16((uint16_t)(1024 + n / 128));
}

static void
next_port6(struct flow_key *key, uint32_t n)
{
	*key = key_of("2001:db8::7", "2001:db8::1", (uint16_t)(1024 + n), 80);
}

static void
next_address6(struct flow_key *key, uint32_t n)
{
	*key = key_of("2001:db8::", "2001:db8::1", 40000, 80);
	key->src.w[3] = htobe32(n);
}

static void
next_prefix6(struct flow_key *key, uint32_t n)
{
	*key = key_of("2001:db8::5", "2001:db8::1", 40000, 80);
	key->src.w[1] = htobe32(n);
}

static const struct series all_series[] = {
		{"ports of a client", next_port},
		{"neighbouring clients", next_address},
		{"both", next_of_both},
		{"ports of an IPv6 client", next_port6},
		{"IPv6 hosts of a network", next_address6},
		{"IPv6 networks", next_prefix6},
};

#define SERIES (sizeof(all_series) / sizeof(all_series[0]))
#define SAMPLES 16384u

static uint64_t
hash_at(const struct flow_table *t, const struct series *s, uint32_t n)
{
	struct flow_key key;
	union flow_match m;

	s->at(&key, n);
	flow_match_of(t, &key, &m);
	return flow_hash(t, &m);
}

/* Chi square of counts against an even spread, as a number of standard deviations: as if thrown by chance, between
 * -5 and 5. */
static double
unevenness(const uint32_t *count, uint32_t cells, uint32_t samples)
{
	double mean = (double)samples / cells, chi = 0;
	uint32_t i;

	for (i = 0; i < cells; i++)
		chi += (count[i] - mean) * (count[i] - mean) / mean;
	return (chi - (cells - 1)) / sqrt(2.0 * (cells - 1));
}

/* 4 per bucket on average, as in a full table: then the buckets' occupancy is Poisson's. */
static void
keys_in_a_row_spread_as_if_by_chance(void **state)
{
	static uint32_t bucket[4096], tag[65536];
	struct flow_table t = fresh();
	double by_bucket, by_tag;
	size_t s;
	uint32_t i;

	for (s = 0; s < SERIES; s++) {
		memset(bucket, 0, sizeof(bucket));
		memset(tag, 0, sizeof(tag));
		for (i = 0; i < SAMPLES; i++) {
			uint64_t h = hash_at(&t, &all_series[s], i);

			bucket[h % 4096]++;
			tag[(h >> 48) % 4096]++;
		}
		by_bucket = unevenness(bucket, 4096, SAMPLES);
		by_tag = unevenness(tag, 4096, SAMPLES);
		if (fabs(by_bucket) > 5 || fabs(by_tag) > 5)
			fail_msg("%s: %.1f by bucket, %.1f by tag", all_series[s].name, by_bucket,
					by_tag);
	}
}

static void
a_seed_makes_other_buckets(void **state)
{
	struct flow_table t = fresh(), other = fresh();
	uint32_t same = 0, i;
	size_t s;

	other.seed[0] ^= 1;
	for (s = 0; s < SERIES; s++)
		for (i = 0; i < 4096; i++)
			same += (hash_at(&t, &all_series[s], i) ^
						hash_at(&other, &all_series[s], i)) %
							4096 ==
					0;
	assert_in_range(same, 1, 30); /* 6 by chance */
}

/* What differs in one field is another match. */
static void
every_field_of_a_key_counts(void **state)
{
	struct flow_key k4 = key_of("192.0.2.7", "198.51.100.1", 1000, 80);
	struct flow_key k6 = key_of("2001:db8::7", "2001:db8::1", 1000, 80);
	struct flow_table t = fresh();
	union flow_match m[12];
	size_t i, j, n = 0;

	for (i = 0; i < 2; i++) {
		struct flow_key base = i ? k6 : k4, k;

		flow_match_of(&t, &base, &m[n++]);
		k = base;
		k.src.b[15]++;
		flow_match_of(&t, &k, &m[n++]);
		k = base;
		k.dst.b[15]++;
		flow_match_of(&t, &k, &m[n++]);
		k = base;
		k.src_port_be++;
		flow_match_of(&t, &k, &m[n++]);
		k = base;
		k.dst_port_be++;
		flow_match_of(&t, &k, &m[n++]);
		k = base;
		k.protocol = IPPROTO_UDP;
		flow_match_of(&t, &k, &m[n++]);
	}
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			assert_int_equal(flow_match_equal(&m[i], &m[j]), i == j);
}

/* A flow from client to service and on from local to endpoint, in the index in both directions. */
static uint32_t
add(struct flow_table *t, const struct flow_key *key, bool v6)
{
	uint32_t number = flow_take(t);
	struct flow *f = &t->flow[number];
	struct flow_key reply = {.src = addr(v6 ? "fd00::11" : "10.0.0.11"),
			.dst = key->src,
			.src_port_be = htobe16(8080),
			.dst_port_be = key->src_port_be,
			.protocol = key->protocol};

	f->forward.flags = v6 ? FLOW_IPV6 : 0;
	flow_match_of(t, key, &f->forward.match);
	flow_match_of(t, &reply, &f->reverse.match);
	f->forward.out = f->reverse.match;
	t->flow6[number] = (struct flow6){key->src, key->dst, key->src, reply.src};
	assert_true(flow_index_add(&t->index, flow_hash(t, &f->forward.match),
			flow_ref(number, FLOW_FORWARD)));
	assert_true(flow_index_add(&t->index, flow_hash(t, &f->reverse.match),
			flow_ref(number, FLOW_REVERSE)));
	return number;
}

static uint32_t
look_up(const struct flow_table *t, const struct flow_key *key)
{
	union flow_match m;

	flow_match_of(t, key, &m);
	return flow_lookup(t, &m, flow_hash(t, &m), ip_is_v4(&key->src) ? NULL : key);
}

static void
flows_are_found_in_both_directions(void **state)
{
	struct flow_table t = fresh();
	struct flow_key key, reply, back;
	uint32_t number, i;

	for (i = 0; i < FLOWS; i++) {
		all_series[i % SERIES].at(&key, i);
		assert_int_equal(look_up(&t, &key), 0);
		number = add(&t, &key, !ip_is_v4(&key.src));
		assert_int_equal(number, i + 1);
	}
	assert_int_equal(flow_take(&t), 0);
	for (i = 0; i < FLOWS; i++) {
		all_series[i % SERIES].at(&key, i);
		assert_int_equal(look_up(&t, &key), flow_ref(i + 1, FLOW_FORWARD));
		flow_client_key(&t, i + 1, &back);
		assert_memory_equal(&back, &key, sizeof(key));
		flow_reply_key(&t, i + 1, &reply);
		assert_int_equal(look_up(&t, &reply), flow_ref(i + 1, FLOW_REVERSE));
	}
	flow_give_back(&t, 7);
	assert_int_equal(flow_take(&t), 7);
}

/* One bucket's worth of keys and more: the alternate bucket is looked through as well. */
static void
a_full_bucket_hides_nothing(void **state)
{
	struct flow_table t = fresh();
	struct flow_key key;
	uint32_t n, i, displaced = 0;

	t.index.mask = 3;
	for (n = 0; n < 14; n++) {
		next_port(&key, n);
		add(&t, &key, false);
	}
	for (i = 0; i < 4; i++)
		displaced += buckets[i].displaced;
	assert_int_not_equal(displaced, 0);
	for (n = 0; n < 14; n++) {
		next_port(&key, n);
		assert_int_equal(look_up(&t, &key), flow_ref(n + 1, FLOW_FORWARD));
	}
}

/* Addresses of IPv6 are compared, not their digest alone. */
static void
a_digest_is_not_believed(void **state)
{
	struct flow_table t = fresh();
	struct flow_key key, other;
	union flow_match m;

	next_port6(&key, 0);
	add(&t, &key, true);
	flow_match_of(&t, &key, &m);
	other = key;
	other.src.b[15] ^= 1;
	assert_int_equal(flow_lookup(&t, &m, flow_hash(&t, &m), &key), flow_ref(1, FLOW_FORWARD));
	assert_int_equal(flow_lookup(&t, &m, flow_hash(&t, &m), &other), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(keys_in_a_row_spread_as_if_by_chance),
			cmocka_unit_test(a_seed_makes_other_buckets),
			cmocka_unit_test(every_field_of_a_key_counts),
			cmocka_unit_test(flows_are_found_in_both_directions),
			cmocka_unit_test(a_full_bucket_hides_nothing),
			cmocka_unit_test(a_digest_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
