/* SPDX-License-Identifier: Apache-2.0 */
#include "steer.h"

#include "maglev.h"

#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UP (ENDPOINT_PRESENT | ENDPOINT_UP | ENDPOINT_RESOLVED)
#define S ENDPOINT_SUSPECT
#define D (ENDPOINT_SUSPECT | ENDPOINT_DRAIN)
#define TABLE 4099

static struct flow_key
key_of(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow_key k = {
			.src_port_be = htons(src_port),
			.dst_port_be = htons(dst_port),
			.protocol = IPPROTO_TCP,
	};

	assert_int_equal(ip_parse(src, &k.src), 0);
	assert_int_equal(ip_parse(dst, &k.dst), 0);
	return k;
}

/* Frozen: gateways of a group, and versions, must agree. */
static void
hashes_never_change(void **state)
{
	static const struct {
		uint64_t seed;
		const char *src, *dst;
		uint16_t src_port, dst_port;
		uint64_t tuple, source;
	} cases[] = {
			{1, "10.0.0.1", "10.0.0.100", 1024, 80, 0xcfd69baf0a328460,
					0xa6c1a937e2d850ab},
			{1, "10.0.0.1", "10.0.0.100", 1025, 80, 0x6039095ca30c8fc4,
					0xa6c1a937e2d850ab},
			{2, "10.0.0.1", "10.0.0.100", 1024, 80, 0x9a465e5c41f009a7,
					0x655b2b1130e01b95},
			{0, "2001:db8::1", "2001:db8::100", 65535, 443, 0x1887088c3d8e9e8f,
					0x2a56cda0aef523e4},
			{UINT64_MAX, "255.255.255.255", "0.0.0.0", 0, 0, 0xec4231048180c878,
					0xf86ee1c954146ea0},
	};
	struct flow_key k;
	uint64_t tuple, source;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		k = key_of(cases[i].src, cases[i].src_port, cases[i].dst, cases[i].dst_port);
		tuple = steer_hash(cases[i].seed, &k, HASH_5_TUPLE);
		source = steer_hash(cases[i].seed, &k, HASH_SOURCE);
		if (tuple != cases[i].tuple || source != cases[i].source)
			fail_msg("case %zu: 0x%llxULL, 0x%llxULL", i, (unsigned long long)tuple,
					(unsigned long long)source);
	}
}

static void
the_source_hash_knows_nothing_but_the_client(void **state)
{
	struct flow_key a = key_of("10.0.0.1", 1, "10.0.0.100", 80),
			b = key_of("10.0.0.1", 2, "10.0.0.101", 81);

	b.protocol = IPPROTO_UDP;
	assert_int_equal(steer_hash(1, &a, HASH_SOURCE), steer_hash(1, &b, HASH_SOURCE));
	assert_int_not_equal(steer_hash(1, &a, HASH_5_TUPLE), steer_hash(1, &b, HASH_5_TUPLE));
	assert_int_not_equal(steer_hash(1, &a, HASH_SOURCE), steer_hash(2, &a, HASH_SOURCE));
}

/* Chi-square of counts that should be equal, as deviations from its mean in units of its standard deviation. */
static double
chi_square_z(const uint32_t *count, uint32_t cells, double total)
{
	double expected = total / cells, x = 0;
	uint32_t i;

	for (i = 0; i < cells; i++)
		x += (count[i] - expected) * (count[i] - expected) / expected;
	return (x - (cells - 1)) / sqrt(2.0 * (cells - 1));
}

/* The n-th flow of a kind: clients and ports as networks number them. */
static uint64_t
sequential_hash(uint32_t n, enum hash_input input)
{
	struct flow_key k = key_of("10.0.0.0", 1024, "10.0.0.100", 80);

	if (input == HASH_SOURCE) {
		k.src.w[3] = htonl(0x0a000000 + n);
	} else {
		k.src.w[3] = htonl(0x0a000000 + (n >> 10));
		k.src_port_be = htons((uint16_t)(1024 + (n & 1023)));
	}
	return steer_hash(1, &k, input);
}

static void
sequential_flows_spread_evenly_in_all_draws(void **state)
{
	static const enum hash_input inputs[] = {HASH_5_TUPLE, HASH_SOURCE};
	static uint32_t bucket[251], shift[256], mirror[256], both[16 * 16], other[16 * 16];
	const uint32_t total = 1 << 20;
	uint32_t i, n;
	uint64_t h;

	for (i = 0; i < 2; i++) {
		memset(bucket, 0, sizeof(bucket));
		memset(shift, 0, sizeof(shift));
		memset(mirror, 0, sizeof(mirror));
		memset(both, 0, sizeof(both));
		memset(other, 0, sizeof(other));
		for (n = 0; n < total; n++) {
			h = sequential_hash(n, inputs[i]);
			bucket[steer_bucket(h, 251)]++;
			shift[steer_shift_draw(h) >> 8]++;
			mirror[steer_mirror_draw(h) >> 8]++;
			both[steer_bucket(h, 16) * 16 + (steer_shift_draw(h) >> 12)]++;
			other[(steer_mirror_draw(h) >> 12) * 16 + (steer_shift_draw(h) >> 12)]++;
		}
		assert_true(fabs(chi_square_z(bucket, 251, total)) < 4);
		assert_true(fabs(chi_square_z(shift, 256, total)) < 4);
		assert_true(fabs(chi_square_z(mirror, 256, total)) < 4);
		/* Independent: the pairs are even as well. */
		assert_true(fabs(chi_square_z(both, 256, total)) < 4);
		assert_true(fabs(chi_square_z(other, 256, total)) < 4);
	}
}

/* Every bit of the input that differs between flows moves every bit of the hash half of the time. */
static void
every_input_bit_moves_every_output_bit(void **state)
{
	/* IPv4 source, IPv6 source, destination, ports, protocol: bit ranges of struct flow_key. */
	static const struct {
		uint32_t first, last;
	} bits[] = {{96, 127}, {0, 127}, {128, 255}, {256, 287}, {288, 295}};
	const uint32_t rounds = 4096;
	uint32_t i, bit, n, out, moved[64];
	struct flow_key k, l;
	uint64_t x;

	srand48(1);
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		for (bit = bits[i].first; bit <= bits[i].last; bit++) {
			memset(moved, 0, sizeof(moved));
			for (n = 0; n < rounds; n++) {
				k = key_of("10.0.0.0", (uint16_t)lrand48(), "10.0.0.100", 80);
				k.src.w[3] = (uint32_t)mrand48();
				l = k;
				((uint8_t *)&l)[bit / 8] ^= (uint8_t)(1 << (bit % 8));
				x = steer_hash(1, &k, HASH_5_TUPLE) ^
						steer_hash(1, &l, HASH_5_TUPLE);
				for (out = 0; out < 64; out++)
					moved[out] += x >> out & 1;
			}
			for (out = 0; out < 64;
					out++) /* 5.5 standard deviations, of 21,000 draws */
				if (fabs(moved[out] - rounds / 2.0) > 5.5 * sqrt(rounds / 4.0))
					fail_msg("bit %u moves bit %u %u times of %u", bit, out,
							moved[out], rounds);
		}
	}
}

/* A service of endpoints 0 and 1 with weight and their shadows 2 and 3, and 4 with weight and no shadow. */
struct world {
	struct view view;
	struct view_page page;
	const struct view_page *pages[1];
	struct view_cohort cohort[2];
	struct view_service *service;
};

static struct world *
world_create(void)
{
	struct world *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
	struct maglev_entry entry[5];
	uint32_t i;

	assert_non_null(w);
	memset(w, 0, sizeof(*w));
	w->service = calloc(1, sizeof(*w->service) + 5 * sizeof(uint32_t));
	w->service->endpoint_count = 5;
	w->pages[0] = &w->page;
	w->view.page = w->pages;
	w->view.page_count = 1;
	for (i = 0; i < 5; i++) {
		w->service->endpoint[i] = i;
		w->page.endpoint[i].eid = i;
		w->page.endpoint[i].flags = UP;
		w->page.endpoint[i].standby = i < 2 ? i + 2 : ENDPOINT_NONE;
		w->page.endpoint[i].weight = i < 2 || i == 4 ? 100 : 0;
		entry[i] = (struct maglev_entry){
				.eid = i, .weight = w->page.endpoint[i].weight, .name_hash = i};
	}
	w->service->maglev = maglev_build(entry, 5, TABLE);
	return w;
}

static void
world_free(struct world *w)
{
	maglev_free((struct maglev *)w->service->maglev);
	free(w->service);
	free(w);
}

/* A hash that falls on a bucket of endpoint `eid`, with the shift draw given. */
static uint64_t
hash_of(const struct world *w, uint32_t eid, uint32_t draw)
{
	uint64_t h = 0;

	while (w->service->maglev->eid[steer_bucket(h, TABLE)] != eid)
		h += UINT32_MAX / TABLE;
	return h | (uint64_t)draw << 32;
}

enum {
	C_NONE,
	C_PRIMARY,
	C_SHADOW,
	C_CANARY
};
static const enum cohort_side side_of[] = {[C_SHADOW] = COHORT_SHADOW, [C_CANARY] = COHORT_CANARY};

static const struct {
	const char *name;
	uint16_t flags[5]; /* flipped in UP */
	uint32_t primary, shift, draw, cohort;
	int64_t eid; /* -1: anyone with weight that is up */
	enum steer_reason reason;
	enum steer_side side;
} ladder[] = {
		{"all well", {0}, 0, 0, 0, 0, 0, STEER_PRIMARY, SIDE_PRIMARY},
		{"drawn by the shift", {0}, 0, 1, 0, 0, 2, STEER_SHIFT, SIDE_SHADOW},
		{"not drawn by the shift", {0}, 0, 1, 1, 0, 0, STEER_PRIMARY, SIDE_PRIMARY},
		{"all is shifted", {0}, 1, SHARE_ONE, 0xffff, 0, 3, STEER_SHIFT, SIDE_SHADOW},
		{"shifted to one that is down", {[2] = UP}, 0, SHARE_ONE, 0, 0, 0, STEER_PRIMARY,
				SIDE_PRIMARY},
		{"shifted to one that drains", {[2] = ENDPOINT_DRAIN}, 0, SHARE_ONE, 0, 0, 0,
				STEER_PRIMARY, SIDE_PRIMARY},
		{"primary down", {ENDPOINT_UP}, 0, 0, 0, 0, 2, STEER_STANDBY, SIDE_SHADOW},
		{"primary drains", {ENDPOINT_DRAIN}, 0, 0, 0, 0, 2, STEER_STANDBY, SIDE_SHADOW},
		{"primary without neighbour", {ENDPOINT_RESOLVED}, 0, 0, 0, 0, 2, STEER_STANDBY,
				SIDE_SHADOW},
		{"primary removed", {ENDPOINT_PRESENT}, 0, 0, 0, 0, 2, STEER_STANDBY, SIDE_SHADOW},
		{"primary and shadow down", {[0] = UP, [2] = UP}, 0, 0, 0, 0, -1, STEER_OTHER,
				SIDE_PRIMARY},
		{"no shadow, and down", {[4] = UP}, 4, 0, 0, 0, -1, STEER_OTHER, SIDE_PRIMARY},
		{"only one shadow of another is up", {UP, UP, UP, 0, UP}, 0, 0, 0, 0, 3,
				STEER_OTHER, SIDE_PRIMARY},
		{"nobody", {UP, UP, UP, UP, UP}, 0, 0, 0, 0, ENDPOINT_NONE, STEER_NONE_UP,
				SIDE_PRIMARY},
		{"primary suspect", {S}, 0, 0, 0, 0, 2, STEER_STANDBY, SIDE_SHADOW},
		{"shifted to a suspect", {[2] = S}, 0, SHARE_ONE, 0, 0, 0, STEER_PRIMARY,
				SIDE_PRIMARY},
		{"primary suspect, shadow down", {S, [2] = UP}, 0, 0, 0, 0, -1, STEER_OTHER,
				SIDE_PRIMARY},
		{"primary and shadow suspect", {[0] = S, [2] = S}, 0, 0, 0, 0, -1, STEER_OTHER,
				SIDE_PRIMARY},
		{"all suspect", {S, S, S, S, S}, 0, 0, 0, 0, 0, STEER_PRIMARY, SIDE_PRIMARY},
		{"all suspect, drawn by the shift", {S, S, S, S, S}, 0, 1, 0, 0, 2, STEER_SHIFT,
				SIDE_SHADOW},
		{"all suspect, cohort to the shadow", {S, S, S, S, S}, 0, 0, 0, C_SHADOW, 2,
				STEER_COHORT, SIDE_SHADOW},
		{"suspect or down", {UP, UP, S, UP, UP}, 0, 0, 0, 0, 2, STEER_STANDBY, SIDE_SHADOW},
		{"the last one is suspect", {UP, UP, UP, S, UP}, 0, 0, 0, 0, 3, STEER_OTHER,
				SIDE_PRIMARY},
		{"all suspect and drain", {D, D, D, D, D}, 0, 0, 0, 0, ENDPOINT_NONE, STEER_NONE_UP,
				SIDE_PRIMARY},
		{"cohort to a suspect shadow", {[2] = S}, 0, 0, 0, C_SHADOW, 0, STEER_PRIMARY,
				SIDE_PRIMARY},
		{"cohort to a suspect primary", {S}, 0, 0, 0, C_PRIMARY, 2, STEER_STANDBY,
				SIDE_SHADOW},
		{"cohort to the shadow", {0}, 0, 0, 0, C_SHADOW, 2, STEER_COHORT, SIDE_SHADOW},
		{"canary while nothing is shifted", {0}, 0, 0, 0, C_CANARY, 0, STEER_PRIMARY,
				SIDE_PRIMARY},
		{"canary with the least shift, not drawn by it", {0}, 0, 1, 1, C_CANARY, 2,
				STEER_COHORT, SIDE_SHADOW},
		{"canary to a shadow that is down", {[2] = UP}, 0, 1, 1, C_CANARY, 0, STEER_PRIMARY,
				SIDE_PRIMARY},
		{"cohort to a shadow that is down", {[2] = UP}, 0, 0, 0, C_SHADOW, 0, STEER_PRIMARY,
				SIDE_PRIMARY},
		{"cohort to no shadow", {0}, 4, 0, 0, C_SHADOW, 4, STEER_PRIMARY, SIDE_PRIMARY},
		{"cohort to the primary", {0}, 0, SHARE_ONE, 0, C_PRIMARY, 0, STEER_COHORT,
				SIDE_PRIMARY},
		{"cohort to a primary that is down", {UP}, 0, 0, 0, C_PRIMARY, 2, STEER_STANDBY,
				SIDE_SHADOW},
};

static void
the_ladder_decides_in_its_order(void **state)
{
	struct ip_addr client = ip_from_v4_be(htonl(0x0a000001));
	struct steer_result r;
	struct world *w;
	size_t i, j;

	for (i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
		w = world_create();
		for (j = 0; j < 5; j++)
			w->page.endpoint[j].flags ^= ladder[i].flags[j];
		w->page.endpoint[ladder[i].primary].shift = ladder[i].shift;
		w->cohort[0].source.addr = client;
		w->cohort[0].source.len = 32;
		w->cohort[0].side = side_of[ladder[i].cohort];
		w->cohort[0].rule = 7;
		w->service->cohort = w->cohort;
		w->service->cohort_count = ladder[i].cohort != C_NONE;
		r = steer(&w->view, w->service, &client,
				hash_of(w, ladder[i].primary, ladder[i].draw));
		if (r.reason != ladder[i].reason || r.side != ladder[i].side ||
				r.primary != ladder[i].primary ||
				(ladder[i].eid >= 0 && r.eid != ladder[i].eid))
			fail_msg("%s: endpoint %d, %s", ladder[i].name, (int)r.eid,
					steer_reason_text(r.reason));
		if (ladder[i].eid < 0)
			assert_true(r.eid != ladder[i].primary && w->page.endpoint[r.eid].weight &&
					w->page.endpoint[r.eid].flags == UP);
		if (r.reason == STEER_COHORT)
			assert_int_equal(r.cohort, 7);
		world_free(w);
	}
}

static void
the_first_cohort_that_matches_counts(void **state)
{
	struct ip_addr inside = ip_from_v4_be(htonl(0x0a000001)),
		       beside = ip_from_v4_be(htonl(0x0a000101));
	struct world *w = world_create();
	uint64_t hash = hash_of(w, 0, 0);

	ip_prefix_parse("10.0.0.0/24", &w->cohort[0].source);
	w->cohort[0].side = COHORT_SHADOW;
	ip_prefix_parse("10.0.0.0/16", &w->cohort[1].source);
	w->cohort[1].side = COHORT_PRIMARY;
	w->cohort[1].rule = 1;
	w->service->cohort = w->cohort;
	w->service->cohort_count = 2;
	assert_int_equal(steer(&w->view, w->service, &inside, hash).eid, 2);
	assert_int_equal(steer(&w->view, w->service, &beside, hash).cohort, 1);
	world_free(w);
}

static void
no_weight_is_told(void **state)
{
	struct world *w = world_create();
	struct maglev *m = (struct maglev *)w->service->maglev;
	struct ip_addr client = {0};
	struct steer_result r;

	w->service->maglev = NULL;
	r = steer(&w->view, w->service, &client, 1);
	assert_int_equal(r.eid, ENDPOINT_NONE);
	assert_int_equal(r.reason, STEER_NO_WEIGHT);
	maglev_free(m);
	world_free(w);
}

static void
raising_a_shift_only_adds_flows_to_the_shadow(void **state)
{
	static const uint32_t shifts[] = {0, 1, 655, 6554, 32768, 65535, SHARE_ONE};
	const uint32_t flows = 100000;
	static uint8_t on_shadow[100000];
	struct ip_addr client = {0};
	struct world *w = world_create();
	struct steer_result r;
	uint32_t i, n, of_0, shadow;

	for (i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		w->page.endpoint[0].shift = shifts[i];
		of_0 = shadow = 0;
		for (n = 0; n < flows; n++) {
			r = steer(&w->view, w->service, &client, sequential_hash(n, HASH_5_TUPLE));
			if (r.primary != 0) {
				assert_int_equal(r.eid, r.primary);
				continue;
			}
			of_0++;
			assert_true(!on_shadow[n] || r.side == SIDE_SHADOW);
			on_shadow[n] = r.side == SIDE_SHADOW;
			shadow += on_shadow[n];
		}
		assert_true(fabs((double)shadow / of_0 - shifts[i] / (double)SHARE_ONE) < 0.01);
	}
	world_free(w);
}

/* Endpoint 4 is the only one up with weight, and has next to none: rehashing does not find it. */
static void
endpoints_with_weight_come_before_those_without(void **state)
{
	const struct maglev_entry entry[] = {
			{.eid = 0, .weight = 65535}, {.eid = 4, .weight = 1, .name_hash = 1}};
	struct ip_addr client = {0};
	struct world *w = world_create();
	uint32_t n;

	maglev_free((struct maglev *)w->service->maglev);
	w->service->maglev = maglev_build(entry, 2, TABLE);
	w->page.endpoint[0].flags = w->page.endpoint[1].flags = w->page.endpoint[2].flags =
			ENDPOINT_PRESENT;
	for (n = 0; n < 100; n++)
		assert_int_equal(steer(&w->view, w->service, &client,
						 sequential_hash(n, HASH_5_TUPLE))
						 .eid,
				4);
	world_free(w);
}

static void
flows_of_endpoints_that_are_down_spread_by_weight(void **state)
{
	struct ip_addr client = {0};
	struct world *w = world_create();
	uint32_t taken[5] = {0}, n;

	w->page.endpoint[0].flags = w->page.endpoint[2].flags = ENDPOINT_PRESENT;
	for (n = 0; n < 30000; n++)
		taken[steer(&w->view, w->service, &client, sequential_hash(n, HASH_5_TUPLE)).eid]++;
	assert_int_equal(taken[0] + taken[2] + taken[3], 0);
	assert_true(fabs(taken[1] - 15000.0) < 500);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
			cmocka_unit_test(hashes_never_change),
			cmocka_unit_test(the_source_hash_knows_nothing_but_the_client),
			cmocka_unit_test(sequential_flows_spread_evenly_in_all_draws),
			cmocka_unit_test(every_input_bit_moves_every_output_bit),
			cmocka_unit_test(the_ladder_decides_in_its_order),
			cmocka_unit_test(the_first_cohort_that_matches_counts),
			cmocka_unit_test(no_weight_is_told),
			cmocka_unit_test(raising_a_shift_only_adds_flows_to_the_shadow),
			cmocka_unit_test(endpoints_with_weight_come_before_those_without),
			cmocka_unit_test(flows_of_endpoints_that_are_down_spread_by_weight),
	};

	return cmocka_run_group_tests_name("steer", tests, NULL, NULL);
}
