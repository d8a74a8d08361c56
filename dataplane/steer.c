/* SPDX-License-Identifier: Apache-2.0 */
#include "steer.h"

#include "hash.h"

/* Looks through the table before the service's list is searched: with half of the endpoints down, all eight
 * fail once in 256 times. */
#define RETRIES 8

static const char *const reasons[] = {
		[STEER_NO_WEIGHT] = "no endpoint of the service has weight",
		[STEER_COHORT] = "a cohort rule chose the side",
		[STEER_SHIFT] = "the shift took it to the shadow",
		[STEER_PRIMARY] = "the bucket's own endpoint",
		[STEER_STANDBY] = "the bucket's endpoint cannot take it, its shadow can",
		[STEER_OTHER] = "neither it nor its shadow can take it, another can",
		[STEER_NONE_UP] = "no endpoint of the service can take it",
};

/* Keys 1 to 3 of the seed; the last step is a bijection with full avalanche, so that the three draws
 * taken from the result are independent of each other. */
uint64_t
steer_hash(uint64_t seed, const struct flow_key *key, enum hash_input input)
{
	uint64_t k1 = hash_key(seed, 1), k2 = hash_key(seed, 2), k3 = hash_key(seed, 3);
	uint64_t h = hash_fold(hash_load64(&key->src.b[0]) ^ k1, hash_load64(&key->src.b[8]) ^ k2);
	uint64_t ports;

	if (input == HASH_SOURCE)
		return hash_avalanche(h ^ k3);
	ports = be16toh(key->src_port_be) | (uint64_t)be16toh(key->dst_port_be) << 16 |
			(uint64_t)key->protocol << 32;
	h ^= hash_avalanche(hash_fold(hash_load64(&key->dst.b[0]) ^ k2,
					    hash_load64(&key->dst.b[8]) ^ k3) +
			k1);
	return hash_avalanche(hash_fold(h ^ k2, ports ^ k1) ^ k3);
}

static bool
can_take(const struct view_endpoint *e)
{
	const uint16_t needed = ENDPOINT_PRESENT | ENDPOINT_UP | ENDPOINT_RESOLVED;

	return (e->flags & (needed | ENDPOINT_DRAIN)) == needed;
}

static bool
can_take_eid(const struct view *v, uint32_t eid)
{
	return eid != ENDPOINT_NONE && can_take(view_endpoint(v, eid));
}

static const struct view_cohort *
cohort_of(const struct view_service *s, const struct ip_addr *client)
{
	uint32_t i;

	for (i = 0; i < s->cohort_count; i++)
		if (ip_prefix_contains(&s->cohort[i].source, client))
			return &s->cohort[i];
	return NULL;
}

/* The first that can take a flow, from a place on that differs by flow: the load of many endpoints that are
 * down does not fall on one. */
static uint32_t
scan(const struct view *v, const struct view_service *s, uint64_t hash, bool with_weight)
{
	uint32_t start = steer_bucket(hash, s->endpoint_count);
	const struct view_endpoint *e;
	uint32_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		e = view_endpoint(v, s->endpoint[(start + i) % s->endpoint_count]);
		if (can_take(e) && (e->weight || !with_weight))
			return e->eid;
	}
	return ENDPOINT_NONE;
}

static uint32_t
another(const struct view *v, const struct view_service *s, uint64_t hash)
{
	uint32_t i, eid;

	for (i = 1; i <= RETRIES; i++) {
		eid = s->maglev->eid[steer_bucket(hash_key(hash, i), s->maglev->size)];
		if (can_take_eid(v, eid))
			return eid;
	}
	eid = scan(v, s, hash_key(hash, i), true);
	return eid != ENDPOINT_NONE ? eid : scan(v, s, hash_key(hash, i), false);
}

static struct steer_result
chosen(struct steer_result r, uint32_t eid, enum steer_side side, enum steer_reason reason)
{
	r.eid = eid;
	r.side = side;
	r.reason = reason;
	return r;
}

struct steer_result
steer(const struct view *v, const struct view_service *s, const struct ip_addr *client,
		uint64_t hash)
{
	struct steer_result r = {
			.eid = ENDPOINT_NONE, .primary = ENDPOINT_NONE, .reason = STEER_NO_WEIGHT};
	const struct view_cohort *cohort;
	const struct view_endpoint *p;
	bool primary_can, standby_can;

	if (!s->maglev)
		return r;
	r.bucket = steer_bucket(hash, s->maglev->size);
	r.primary = s->maglev->eid[r.bucket];
	p = view_endpoint(v, r.primary);
	primary_can = can_take(p);
	standby_can = can_take_eid(v, p->standby);
	cohort = cohort_of(s, client);
	if (cohort) {
		r.cohort = cohort->rule;
		if (cohort->side == COHORT_SHADOW && standby_can)
			return chosen(r, p->standby, SIDE_SHADOW, STEER_COHORT);
		if (cohort->side == COHORT_PRIMARY && primary_can)
			return chosen(r, p->eid, SIDE_PRIMARY, STEER_COHORT);
	}
	if (standby_can && steer_shift_draw(hash) < p->shift)
		return chosen(r, p->standby, SIDE_SHADOW, STEER_SHIFT);
	if (primary_can)
		return chosen(r, p->eid, SIDE_PRIMARY, STEER_PRIMARY);
	if (standby_can)
		return chosen(r, p->standby, SIDE_SHADOW, STEER_STANDBY);
	r.eid = another(v, s, hash);
	return chosen(r, r.eid, SIDE_PRIMARY, r.eid == ENDPOINT_NONE ? STEER_NONE_UP : STEER_OTHER);
}

const char *
steer_reason_text(enum steer_reason reason)
{
	return reasons[reason];
}
