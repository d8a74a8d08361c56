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

/* One flow's question; `unwanted` are flags that keep an endpoint from taking it. */
struct question {
	const struct view *v;
	const struct view_service *s;
	uint64_t hash;
	uint16_t unwanted;
};

static bool
can_take(const struct question *q, const struct view_endpoint *e)
{
	const uint16_t needed = ENDPOINT_PRESENT | ENDPOINT_UP | ENDPOINT_RESOLVED;

	return (e->flags & (needed | q->unwanted)) == needed;
}

static bool
can_take_eid(const struct question *q, uint32_t eid)
{
	return eid != ENDPOINT_NONE && can_take(q, view_endpoint(q->v, eid));
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
scan(const struct question *q, uint64_t hash, bool with_weight)
{
	const struct view_service *s = q->s;
	uint32_t start = steer_bucket(hash, s->endpoint_count);
	const struct view_endpoint *e;
	uint32_t i;

	for (i = 0; i < s->endpoint_count; i++) {
		e = view_endpoint(q->v, s->endpoint[(start + i) % s->endpoint_count]);
		if (can_take(q, e) && (e->weight || !with_weight))
			return e->eid;
	}
	return ENDPOINT_NONE;
}

static uint32_t
another(const struct question *q)
{
	const struct maglev *maglev = q->s->maglev;
	uint32_t i, eid;

	for (i = 1; i <= RETRIES; i++) {
		eid = maglev->eid[steer_bucket(hash_key(q->hash, i), maglev->size)];
		if (can_take_eid(q, eid))
			return eid;
	}
	eid = scan(q, hash_key(q->hash, i), true);
	return eid != ENDPOINT_NONE ? eid : scan(q, hash_key(q->hash, i), false);
}

static struct steer_result
chosen(struct steer_result r, uint32_t eid, enum steer_side side, enum steer_reason reason)
{
	r.eid = eid;
	r.side = side;
	r.reason = reason;
	return r;
}

/* `r` has the bucket and the primary, `cohort` is the client's rule or NULL. */
static struct steer_result
ladder(const struct question *q, const struct view_cohort *cohort, struct steer_result r)
{
	const struct view_endpoint *p = view_endpoint(q->v, r.primary);
	bool primary_can = can_take(q, p), standby_can = can_take_eid(q, p->standby);

	if (cohort) {
		r.cohort = cohort->rule;
		if (cohort->side == COHORT_CANARY && p->shift && standby_can)
			return chosen(r, p->standby, SIDE_SHADOW, STEER_COHORT);
		if (cohort->side == COHORT_SHADOW && standby_can)
			return chosen(r, p->standby, SIDE_SHADOW, STEER_COHORT);
		if (cohort->side == COHORT_PRIMARY && primary_can)
			return chosen(r, p->eid, SIDE_PRIMARY, STEER_COHORT);
	}
	if (standby_can && steer_shift_draw(q->hash) < p->shift)
		return chosen(r, p->standby, SIDE_SHADOW, STEER_SHIFT);
	if (primary_can)
		return chosen(r, p->eid, SIDE_PRIMARY, STEER_PRIMARY);
	if (standby_can)
		return chosen(r, p->standby, SIDE_SHADOW, STEER_STANDBY);
	r.eid = another(q);
	return chosen(r, r.eid, SIDE_PRIMARY, r.eid == ENDPOINT_NONE ? STEER_NONE_UP : STEER_OTHER);
}

/* Twice down the ladder: a suspect is a guess, and better than nobody. */
struct steer_result
steer(const struct view *v, const struct view_service *s, const struct ip_addr *client,
		uint64_t hash)
{
	struct steer_result r = {
			.eid = ENDPOINT_NONE, .primary = ENDPOINT_NONE, .reason = STEER_NO_WEIGHT};
	struct question q = {v, s, hash, ENDPOINT_DRAIN | ENDPOINT_SUSPECT};
	const struct view_cohort *cohort;

	if (!s->maglev)
		return r;
	r.bucket = steer_bucket(hash, s->maglev->size);
	r.primary = s->maglev->eid[r.bucket];
	cohort = cohort_of(s, client);
	r = ladder(&q, cohort, r);
	if (r.reason != STEER_NONE_UP)
		return r;
	q.unwanted = ENDPOINT_DRAIN;
	return ladder(&q, cohort, r);
}

const char *
steer_reason_text(enum steer_reason reason)
{
	return reasons[reason];
}
