/* SPDX-License-Identifier: Apache-2.0 */
#include "fragment.h"

#include "frame.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define A4 "10.0.0.1"
#define B4 "10.0.0.2"
#define A6 "2001:db8::1"
#define B6 "2001:db8::2"
#define POOL_SIZE 255
#define WHOLE_MAX 3
#define PACKETS 20

static struct rte_mempool *pool;
static struct lcore_counters counters;
static struct fragment_table *table;

static int
table_setup(void **state)
{
	struct fragment_config c = {.packets = PACKETS,
			.timeout_ms = 1000,
			.whole_max = WHOLE_MAX,
			.socket = SOCKET_ID_ANY,
			.pool = pool,
			.counters = &counters};

	memset(&counters, 0, sizeof(counters));
	table = fragment_table_create("fragments", &c);
	return table ? 0 : -1;
}

/* Every test must have given back every buffer. */
static int
table_teardown(void **state)
{
	fragment_table_free(table);
	return rte_mempool_avail_count(pool) == POOL_SIZE ? 0 : -1;
}

static void
make(bool six, uint16_t payload_len, struct frame *f)
{
	struct frame_spec s = {.src = six ? A6 : A4,
			.dst = six ? B6 : B4,
			.protocol = IPPROTO_UDP,
			.sport = 1000,
			.dport = 53,
			.payload_len = payload_len};

	frame_make(&s, f);
}

static struct rte_mbuf *
mbuf_of(const uint8_t *bytes, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	m->port = 7;
	return m;
}

struct piece {
	uint16_t offset, len;
	bool more;
	uint16_t id;
};

/* A fragment of `f`, cut the obvious way. */
static uint32_t
cut(const struct frame *f, const struct piece *c, uint8_t *out)
{
	bool six = f->b[14] >> 4 == 6;
	uint32_t at = six ? 62 : 34;

	memcpy(out, f->b, at);
	memcpy(out + at, f->b + (six ? 54 : 34) + c->offset, c->len);
	if (six) {
		out[20] = IPPROTO_FRAGMENT;
		frame_put16(out + 18, c->len + 8u);
		frame_put32(out + 54, (uint32_t)IPPROTO_UDP << 24 | c->offset | c->more);
		frame_put32(out + 58, c->id);
		return at + c->len;
	}
	frame_put16(out + 16, c->len + 20u);
	frame_put16(out + 18, c->id);
	frame_put16(out + 20, (c->more ? 0x2000u : 0) | c->offset / 8);
	frame_put16(out + 24, 0);
	frame_put16(out + 24, frame_fold(frame_sum(out + 14, 20, 0)));
	return at + c->len;
}

static struct rte_mbuf *
add_bytes(const uint8_t *bytes, uint32_t len, uint64_t tsc)
{
	struct packet p;

	assert_int_equal(parse_frame(bytes, len, &p), PARSE_FRAGMENT);
	return fragment_add(table, mbuf_of(bytes, len), &p, tsc);
}

static struct rte_mbuf *
add(const struct frame *f, struct piece c, uint64_t tsc)
{
	uint8_t out[FRAME_MAX];

	return add_bytes(out, cut(f, &c, out), tsc);
}

/* The IPv4 identification and DF may differ from the original's. */
static void
assert_is_whole(const struct rte_mbuf *m, const struct frame *f)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct frame same = *f;

	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->port, 7);
	assert_int_equal(m->ol_flags, 0);
	assert_int_equal(m->pkt_len, f->len);
	assert_true(frame_sums_right(frame));
	if (frame[14] >> 4 == 4) {
		memcpy(same.b + 18, frame + 18, 4);
		memcpy(same.b + 24, frame + 24, 2);
	}
	assert_memory_equal(frame, same.b, f->len);
}

static void
fragments_make_a_packet_in_any_order(void **state)
{
	static const struct piece pieces[] = {
			{0, 1400, true, 5}, {1400, 1400, true, 5}, {2800, 208, false, 5}};
	static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}};
	struct rte_mbuf *m = NULL;
	struct frame f;
	size_t i;
	int k;

	for (i = 0; i < 2 * COUNT(orders); i++) {
		make(i % 2, 3000, &f);
		for (k = 0; k < 3; k++) {
			assert_null(m);
			m = add(&f, pieces[orders[i / 2][k]], 1);
		}
		assert_non_null(m);
		assert_is_whole(m, &f);
		rte_pktmbuf_free(m);
		m = NULL;
	}
	assert_int_equal(counters.reassembled, 8);
	assert_int_equal(counters.end[END_fragment_held], 16);
}

static void
padding_of_short_frames_is_no_part_of_the_packet(void **state)
{
	uint8_t out[FRAME_MAX] = {0};
	struct frame f;
	struct rte_mbuf *m;

	make(false, 24, &f);
	cut(&f, &(struct piece){0, 16, true, 1}, out);
	assert_null(add_bytes(out, 60, 1));
	cut(&f, &(struct piece){16, 16, false, 1}, out);
	m = add_bytes(out, 60, 1);
	assert_non_null(m);
	assert_is_whole(m, &f);
	rte_pktmbuf_free(m);
}

static void
fragments_of_different_packets_do_not_mix(void **state)
{
	struct frame f;

	make(false, 40, &f);
	assert_null(add(&f, (struct piece){0, 24, true, 1}, 1));
	assert_null(add(&f, (struct piece){24, 24, false, 2}, 1));
	fragment_expire(table, 3 * rte_get_tsc_hz());
	assert_int_equal(counters.end[END_fragment_timeout], 2);
}

/* All fragments of each case end as bad_fragment, and no packet comes of them. */
static void
overlapping_fragments_drop_the_packet(void **state)
{
	static const struct {
		const char *what;
		struct piece piece[3];
	} cases[] = {
			{"the same first fragment twice", {{0, 16, true, 1}, {0, 16, true, 1}}},
			{"the same last fragment twice", {{24, 24, false, 2}, {24, 24, false, 2}}},
			{"a middle overwrites the first's end",
					{{0, 24, true, 3}, {16, 16, true, 3}, {32, 16, false, 3}}},
			{"a hole, made up for by an overlap",
					{{0, 16, true, 4}, {8, 16, true, 4}, {32, 16, false, 4}}},
			{"a last one that ends before another",
					{{0, 40, true, 5}, {16, 16, false, 5}}},
			{"a middle one beyond the last's end",
					{{24, 8, false, 6}, {32, 16, true, 6}, {0, 24, true, 6}}},
	};
	struct frame f;
	size_t i, k;

	for (i = 0; i < 2 * COUNT(cases); i++) {
		uint64_t expected = 0;

		memset(&counters, 0, sizeof(counters));
		make(i % 2, 40, &f);
		for (k = 0; k < 3 && cases[i / 2].piece[k].len; k++, expected++)
			assert_null(add(&f, cases[i / 2].piece[k], 1));
		fragment_expire(table, 3 * rte_get_tsc_hz());
		if (counters.end[END_bad_fragment] == 0)
			fail_msg("%s: not bad", cases[i / 2].what);
		assert_int_equal(
				counters.end[END_bad_fragment] + counters.end[END_fragment_timeout],
				expected);
	}
}

static void
an_incomplete_packet_times_out(void **state)
{
	uint64_t hz = rte_get_tsc_hz();
	struct frame f;

	make(true, 40, &f);
	assert_null(add(&f, (struct piece){0, 24, true, 1}, 1));
	assert_null(add(&f, (struct piece){24, 8, true, 1}, hz / 2));
	fragment_expire(table, hz / 2);
	assert_int_equal(counters.end[END_fragment_timeout], 0);
	assert_null(add(&f, (struct piece){0, 24, true, 2}, 2 * hz));
	assert_int_equal(counters.end[END_fragment_timeout], 2);
	fragment_expire(table, 4 * hz);
	assert_int_equal(counters.end[END_fragment_timeout], 3);
}

static void
the_table_has_a_limit(void **state)
{
	struct frame f;
	uint16_t i;

	make(false, 40, &f);
	for (i = 0; i < PACKETS + 5; i++)
		assert_null(add(&f, (struct piece){0, 24, true, i}, 1));
	assert_int_equal(counters.end[END_fragment_limit], 5);
	fragment_expire(table, 3 * rte_get_tsc_hz());
	assert_int_equal(counters.end[END_fragment_timeout], PACKETS);
}

static void
a_packet_of_more_than_eight_fragments_is_dropped(void **state)
{
	struct frame f;
	uint16_t i;

	make(false, 80, &f);
	for (i = 0; i < 8; i++)
		assert_null(add(&f, (struct piece){(uint16_t)(i * 8), 8, true, 1}, 1));
	assert_int_equal(counters.end[END_fragment_limit], 8);
}

static void
whole_packets_beyond_the_pool_are_counted(void **state)
{
	struct rte_mbuf *m[WHOLE_MAX];
	struct frame f;
	uint16_t i;

	make(false, 3000, &f);
	for (i = 0; i < WHOLE_MAX + 1; i++) {
		struct rte_mbuf *whole;

		assert_null(add(&f, (struct piece){0, 1600, true, i}, 1));
		whole = add(&f, (struct piece){1600, 1408, false, i}, 1);
		assert_int_equal(whole != NULL, i < WHOLE_MAX);
		if (whole)
			m[i] = whole;
	}
	assert_int_equal(counters.end[END_no_mbuf], 2);
	assert_int_equal(counters.end[END_fragment_held], WHOLE_MAX);
	rte_pktmbuf_free_bulk(m, WHOLE_MAX);
}

static void
an_extension_before_the_fragment_header_is_refused(void **state)
{
	uint8_t out[FRAME_MAX];
	struct frame f;
	uint32_t len;

	make(true, 40, &f);
	len = cut(&f, &(struct piece){0, 24, true, 1}, out);
	memmove(out + 62, out + 54, len - 54);
	memset(out + 54, 0, 8);
	out[54] = IPPROTO_FRAGMENT;
	out[56] = 1;
	out[57] = 4;
	out[20] = IPPROTO_HOPOPTS;
	frame_put16(out + 18, frame_get16(out + 18) + 8u);
	assert_null(add_bytes(out, len + 8, 1));
	assert_int_equal(counters.end[END_bad_fragment], 1);
}

/* Splits `f` and puts it together again. Returns the number of fragments. */
static uint32_t
there_and_back(const struct frame *f, uint16_t mtu)
{
	struct rte_mbuf *out[FRAGMENT_OUT_MAX], *whole = NULL;
	uint32_t n = fragment_split(table, mbuf_of(f->b, f->len), mtu, out);
	struct packet p;
	uint32_t i;

	assert_int_not_equal(n, 0);
	for (i = 0; i < n; i++) {
		assert_null(whole);
		assert_int_equal(out[i]->nb_segs, 1);
		assert_true(out[i]->pkt_len <= mtu + 14u);
		parse_frame(rte_pktmbuf_mtod(out[i], uint8_t *), out[i]->pkt_len, &p);
		assert_int_equal(p.verdict, PARSE_FRAGMENT);
		assert_int_equal(p.ip_len, out[i]->pkt_len - 14);
		whole = fragment_add(table, out[i], &p, 1);
	}
	assert_non_null(whole);
	assert_is_whole(whole, f);
	rte_pktmbuf_free(whole);
	return n;
}

static void
what_is_split_can_be_put_together(void **state)
{
	static const struct {
		bool six;
		uint16_t payload_len, mtu;
		uint32_t fragments;
	} cases[] = {
			{false, 1473, 1500, 2},
			{false, 1900, 576, 4},
			{false, 1900, 577, 4},
			{false, 200, 68, 5},
			{true, 1453, 1500, 2},
			{true, 1900, 1280, 2},
			{true, 1900, 500, 5},
	};
	struct frame f;
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		make(cases[i].six, cases[i].payload_len, &f);
		assert_int_equal(there_and_back(&f, cases[i].mtu), cases[i].fragments);
	}
}

static void
two_packets_split_do_not_share_an_identification(void **state)
{
	struct rte_mbuf *a[FRAGMENT_OUT_MAX], *b[FRAGMENT_OUT_MAX];
	struct frame f;
	int six;

	for (six = 0; six < 2; six++) {
		uint32_t at = six ? 58 : 18;

		make(six, 1600, &f);
		assert_int_equal(fragment_split(table, mbuf_of(f.b, f.len), 1500, a), 2);
		assert_int_equal(fragment_split(table, mbuf_of(f.b, f.len), 1500, b), 2);
		assert_memory_not_equal(rte_pktmbuf_mtod(a[0], uint8_t *) + at,
				rte_pktmbuf_mtod(b[0], uint8_t *) + at, six ? 4 : 2);
		rte_pktmbuf_free_bulk(a, 2);
		rte_pktmbuf_free_bulk(b, 2);
	}
}

static void
a_split_without_buffers_leaves_the_packet_alone(void **state)
{
	struct rte_mbuf *taken[POOL_SIZE], *out[FRAGMENT_OUT_MAX], *m;
	struct frame f;
	uint32_t n;
	int six;

	for (six = 0; six < 2; six++) {
		make(six, 1600, &f);
		m = mbuf_of(f.b, f.len);
		n = rte_mempool_avail_count(pool) - 1;
		assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
		assert_int_equal(fragment_split(table, m, 1500, out), 0);
		assert_int_equal(m->pkt_len, f.len);
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), f.b, f.len);
		rte_pktmbuf_free_bulk(taken, n);
		assert_int_equal(fragment_split(table, m, 9000, out), 0);
		rte_pktmbuf_free(m);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, table_setup, table_teardown)

int
main(void)
{
	char *eal[] = {"test_fragment", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
			"-m", "64", "-l", "0", "--log-level", "error", NULL};
	const struct CMUnitTest tests[] = {
			test(fragments_make_a_packet_in_any_order),
			test(padding_of_short_frames_is_no_part_of_the_packet),
			test(fragments_of_different_packets_do_not_mix),
			test(overlapping_fragments_drop_the_packet),
			test(an_incomplete_packet_times_out),
			test(the_table_has_a_limit),
			test(a_packet_of_more_than_eight_fragments_is_dropped),
			test(whole_packets_beyond_the_pool_are_counted),
			test(an_extension_before_the_fragment_header_is_refused),
			test(what_is_split_can_be_put_together),
			test(two_packets_split_do_not_share_an_identification),
			test(a_split_without_buffers_leaves_the_packet_alone),
	};

	if (rte_eal_init((int)COUNT(eal) - 1, eal) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create(
			"frames", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pool ? cmocka_run_group_tests_name("fragment", tests, NULL, NULL) : 1;
}
