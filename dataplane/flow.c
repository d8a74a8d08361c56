/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

static uint64_t
fold(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t
flow_digest6(const struct flow_table *t, const struct ip_addr *src, const struct ip_addr *dst)
{
	uint64_t h = fold(src->q[0] ^ t->seed[0], src->q[1] ^ t->seed[1]);

	return fold(dst->q[0] ^ h ^ t->seed[1], dst->q[1] ^ t->seed[0]) ^ h;
}

void
flow_match_of(const struct flow_table *t, const struct flow_key *key, union flow_match *m)
{
	m->q[0] = m->q[1] = 0;
	m->protocol = key->protocol;
	m->src_port_be = key->src_port_be;
	m->dst_port_be = key->dst_port_be;
	if (ip_is_v4(&key->src)) {
		m->src_be = ip_v4_be(&key->src);
		m->dst_be = ip_v4_be(&key->dst);
		return;
	}
	m->ttl = 1;
	m->digest = flow_digest6(t, &key->src, &key->dst);
}

bool
flow_is_key6(const struct flow_table *t, uint32_t ref, const struct flow_key *key)
{
	const struct flow6 *f6 = &t->flow6[ref >> 1];

	if ((ref & 1) == FLOW_FORWARD)
		return ip_equal(&f6->client, &key->src) && ip_equal(&f6->service, &key->dst);
	return ip_equal(&f6->endpoint, &key->src) && ip_equal(&f6->local, &key->dst);
}

static uint32_t
bucket_lookup(const struct flow_table *t, const struct flow_bucket *b, const union flow_match *m,
		uint64_t hash, const struct flow_key *key6)
{
	unsigned hit = flow_bucket_match(b, flow_index_tag(hash));

	for (; hit; hit &= hit - 1) {
		uint32_t ref = b->ref[__builtin_ctz(hit)];
		const struct flow_line *l = flow_line(&t->flow[ref >> 1], ref & 1);

		if (flow_match_equal(&l->match, m) && (!key6 || flow_is_key6(t, ref, key6)))
			return ref;
	}
	return 0;
}

uint32_t
flow_lookup(const struct flow_table *t, const union flow_match *m, uint64_t hash,
		const struct flow_key *key6)
{
	const struct flow_bucket *home = flow_index_home(&t->index, hash);
	uint32_t ref = bucket_lookup(t, home, m, hash, key6);

	if (ref || !home->displaced)
		return ref;
	return bucket_lookup(t, flow_index_alternate(&t->index, hash), m, hash, key6);
}

uint32_t
flow_take(struct flow_table *t)
{
	uint32_t number;

	if (!t->free_count)
		return 0;
	number = t->free[t->free_count - 1];
	gauge_add(&t->free_count, -1);
	if (number > t->high)
		t->high = number;
	return number;
}

void
flow_give_back(struct flow_table *t, uint32_t number)
{
	t->free[t->free_count] = number;
	gauge_add(&t->free_count, 1);
}

/* Ports and IPv4 addresses of a match or of what is to be written; IPv6 addresses are the caller's to fill in. */
static void
key_of(const union flow_match *m, uint8_t protocol, struct flow_key *key)
{
	*key = (struct flow_key){
			.src = ip_from_v4_be(m->src_be),
			.dst = ip_from_v4_be(m->dst_be),
			.src_port_be = m->src_port_be,
			.dst_port_be = m->dst_port_be,
			.protocol = protocol,
	};
}

static bool
is_v6(const struct flow_table *t, uint32_t number)
{
	return t->flow[number].forward.flags & FLOW_IPV6;
}

void
flow_client_key(const struct flow_table *t, uint32_t number, struct flow_key *key)
{
	const struct flow_line *l = &t->flow[number].forward;

	key_of(&l->match, l->match.protocol, key);
	if (is_v6(t, number)) {
		key->src = t->flow6[number].client;
		key->dst = t->flow6[number].service;
	}
}

void
flow_reply_key(const struct flow_table *t, uint32_t number, struct flow_key *key)
{
	const struct flow_line *l = &t->flow[number].reverse;

	key_of(&l->match, l->match.protocol, key);
	if (is_v6(t, number)) {
		key->src = t->flow6[number].endpoint;
		key->dst = t->flow6[number].local;
	}
}

void
flow_out_key(const struct flow_table *t, uint32_t ref, struct flow_key *key)
{
	const struct flow_line *l = flow_line(&t->flow[ref >> 1], ref & 1);
	const struct flow6 *f6 = &t->flow6[ref >> 1];

	key_of(&l->out, l->match.protocol, key);
	if (is_v6(t, ref >> 1)) {
		key->src = (ref & 1) == FLOW_FORWARD ? f6->local : f6->service;
		key->dst = (ref & 1) == FLOW_FORWARD ? f6->endpoint : f6->client;
	}
}
