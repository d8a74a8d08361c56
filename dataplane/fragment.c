/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rte_ip_frag keeps the fragments and hands back a chain; drivers may not take chains, so a whole packet
 * leaves here as one segment, in the first fragment's own buffer if there is room, else in one of 64 KiB.
 *
 * What rte_ip_frag gives up it puts on the death row without a word why; the reason is told apart like this:
 *     the new fragment is not on it            other packets timed out
 *     the new fragment is alone on it          no room in the table
 *     eight or more fragments are on it        more fragments than a packet may have
 *     else                                     overlap, duplicate, or beyond the packet's end
 * Overlaps cannot get through: a packet is complete only if the fragments' sizes add up to its own and each
 * begins where another ends.
 */
#include "fragment.h"

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_random.h>

#define ETHER_LEN RTE_ETHER_HDR_LEN
#define V6_LEN ((uint32_t)sizeof(struct rte_ipv6_hdr))
#define V6_FRAGMENT_LEN ((uint32_t)sizeof(struct rte_ipv6_fragment_ext))
#define MTU_MIN 68 /* RFC 791 */
#define BUCKET_ENTRIES 16 /* as many as the table looks through for one packet */
#define TX_FLAGS (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)

struct fragment_table {
	struct rte_ip_frag_tbl *table;
	struct rte_mempool *whole; /* buffers for packets of up to 64 KiB */
	struct rte_mempool *pool;
	struct lcore_counters *counters;
	uint32_t next_id; /* of packets split here: never two alike at once between the same addresses */
	struct rte_ip_frag_death_row row;
};

struct fragment_table *
fragment_table_create(const char *name, const struct fragment_config *c)
{
	struct fragment_table *t =
			rte_zmalloc_socket(name, sizeof(*t), RTE_CACHE_LINE_SIZE, c->socket);
	uint64_t cycles = rte_get_tsc_hz() / 1000 * c->timeout_ms;

	if (!t)
		return NULL;
	t->pool = c->pool;
	t->counters = c->counters;
	t->next_id = (uint32_t)rte_rand();
	t->table = rte_ip_frag_table_create(c->packets / BUCKET_ENTRIES + 1, BUCKET_ENTRIES,
			c->packets, cycles, c->socket);
	t->whole = rte_pktmbuf_pool_create(name, c->whole_max, 0, 0, UINT16_MAX, c->socket);
	if (t->table && t->whole)
		return t;
	fragment_table_free(t);
	return NULL;
}

void
fragment_table_free(struct fragment_table *t)
{
	if (!t)
		return;
	if (t->table)
		rte_ip_frag_table_destroy(t->table);
	rte_mempool_free(t->whole);
	rte_free(t);
}

static void
bury(struct fragment_table *t, enum packet_end reason)
{
	counter_add(&t->counters->end[reason], t->row.cnt);
	rte_ip_frag_free_death_row(&t->row, 3);
}

static void
drop(struct fragment_table *t, struct rte_mbuf *m, enum packet_end reason)
{
	counter_add(&t->counters->end[reason], m->nb_segs);
	rte_pktmbuf_free(m);
}

void
fragment_expire(struct fragment_table *t, uint64_t tsc)
{
	rte_ip_frag_table_del_expired_entries(t->table, &t->row, tsc);
	bury(t, END_fragment_timeout);
}

/* See the head of the file. `m` is compared, not read: it may be freed next. */
static enum packet_end
reason_of(const struct rte_ip_frag_death_row *row, const struct rte_mbuf *m)
{
	uint32_t i;

	for (i = 0; i < row->cnt && row->row[i] != m; i++)
		;
	if (i == row->cnt)
		return END_fragment_timeout;
	if (row->cnt == 1 || row->cnt >= RTE_LIBRTE_IP_FRAG_MAX_FRAG)
		return END_fragment_limit;
	return END_bad_fragment;
}

static struct rte_mbuf *
reassemble(struct fragment_table *t, struct rte_mbuf *m, const struct packet *p, uint64_t tsc)
{
	void *ip = rte_pktmbuf_mtod_offset(m, void *, p->l3);

	m->l2_len = p->l3;
	m->l3_len = (uint64_t)(p->l4 - p->l3);
	if (p->family == 4)
		return rte_ipv4_frag_reassemble_packet(t->table, &t->row, m, tsc, ip);
	return rte_ipv6_frag_reassemble_packet(t->table, &t->row, m, tsc, ip,
			rte_pktmbuf_mtod_offset(m, struct rte_ipv6_fragment_ext *,
					p->l4 - V6_FRAGMENT_LEN));
}

/* The chain as one segment, or NULL (the chain is then untouched). */
static struct rte_mbuf *
linear_or_null(struct fragment_table *t, struct rte_mbuf *chain)
{
	struct rte_mbuf *whole, *m;

	if (rte_pktmbuf_linearize(chain) == 0)
		return chain;
	whole = rte_pktmbuf_alloc(t->whole);
	if (!whole)
		return NULL;
	for (m = chain; m; m = m->next)
		memcpy(rte_pktmbuf_append(whole, m->data_len), rte_pktmbuf_mtod(m, void *),
				m->data_len);
	whole->port = chain->port;
	rte_pktmbuf_free(chain);
	return whole;
}

/* Lengths and checksum, which rte_ip_frag leaves to the hardware. */
static void
seal(struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct rte_ipv4_hdr *v4 = (void *)(frame + ETHER_LEN);
	struct rte_ipv6_hdr *v6 = (void *)v4;

	m->ol_flags &= ~TX_FLAGS;
	if (v4->version_ihl >> 4 == 4) {
		v4->total_length = rte_cpu_to_be_16((uint16_t)(m->pkt_len - ETHER_LEN));
		v4->hdr_checksum = 0;
		v4->hdr_checksum = rte_ipv4_cksum(v4);
	} else {
		v6->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - ETHER_LEN - V6_LEN));
	}
}

/* A complete chain: one segment, counted. */
static struct rte_mbuf *
finish(struct fragment_table *t, struct rte_mbuf *chain)
{
	uint32_t fragments = chain->nb_segs;
	struct rte_mbuf *whole;

	if (chain->pkt_len > UINT16_MAX - RTE_PKTMBUF_HEADROOM) {
		drop(t, chain, END_bad_fragment);
		return NULL;
	}
	whole = linear_or_null(t, chain);
	if (!whole) {
		drop(t, chain, END_no_mbuf);
		return NULL;
	}
	seal(whole);
	counter_add(&t->counters->end[END_fragment_held], fragments - 1);
	counter_add(&t->counters->reassembled, 1);
	return whole;
}

struct rte_mbuf *
fragment_add(struct fragment_table *t, struct rte_mbuf *m, const struct packet *p, uint64_t tsc)
{
	struct rte_mbuf *chain;

	if (p->family == 6 && (uint32_t)(p->l4 - p->l3) != V6_LEN + V6_FRAGMENT_LEN) {
		drop(t, m, END_bad_fragment);
		return NULL;
	}
	fragment_expire(t, tsc);
	chain = reassemble(t, m, p, tsc);
	if (t->row.cnt)
		bury(t, reason_of(&t->row, m));
	return chain ? finish(t, chain) : NULL;
}

/* rte_ip_frag wants the packet without Ethernet header and DF. */
static uint32_t
split_ipv4(struct fragment_table *t, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out)
{
	const uint8_t *ether = rte_pktmbuf_mtod(m, const uint8_t *);
	struct rte_ipv4_hdr *ip = (void *)rte_pktmbuf_adj(m, ETHER_LEN);
	struct rte_ipv4_hdr kept = *ip;
	int32_t n, i;

	ip->fragment_offset &= ~rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
	ip->packet_id = rte_cpu_to_be_16((uint16_t)t->next_id++);
	n = rte_ipv4_fragment_copy_nonseg_packet(m, out, FRAGMENT_OUT_MAX, mtu, t->pool);
	rte_pktmbuf_prepend(m, ETHER_LEN);
	if (n <= 0) {
		*ip = kept;
		return 0;
	}
	for (i = 0; i < n; i++) {
		memcpy(rte_pktmbuf_prepend(out[i], ETHER_LEN), ether, ETHER_LEN);
		seal(out[i]);
	}
	return (uint32_t)n;
}

/* One IPv6 fragment: `len` bytes from `offset` of what follows the IPv6 header of the packet at `frame`. */
struct v6_piece {
	const uint8_t *frame;
	uint32_t offset, len, id;
	bool more;
};

static void
put_v6_piece(struct rte_mbuf *m, const struct v6_piece *piece)
{
	const struct rte_ipv6_hdr *ip = (const void *)(piece->frame + ETHER_LEN);
	struct rte_ipv6_fragment_ext header = {
			.next_header = ip->proto,
			.frag_data = rte_cpu_to_be_16((uint16_t)(piece->offset | piece->more)),
			.id = rte_cpu_to_be_32(piece->id),
	};
	uint32_t before = ETHER_LEN + V6_LEN;
	uint8_t *to = (void *)rte_pktmbuf_append(
			m, (uint16_t)(before + sizeof(header) + piece->len));

	memcpy(to, piece->frame, before);
	to[ETHER_LEN + offsetof(struct rte_ipv6_hdr, proto)] = IPPROTO_FRAGMENT;
	memcpy(to + before, &header, sizeof(header));
	memcpy(to + before + sizeof(header), piece->frame + before + piece->offset, piece->len);
	seal(m);
}

/* By hand: rte_ipv6_fragment_packet makes chains, and gives all of them the same identification. */
static uint32_t
split_ipv6(struct fragment_table *t, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out)
{
	uint32_t room = RTE_ALIGN_FLOOR(mtu - V6_LEN - V6_FRAGMENT_LEN, 8);
	uint32_t total = m->pkt_len - ETHER_LEN - V6_LEN;
	uint32_t n = (total + room - 1) / room;
	struct v6_piece piece = {.frame = rte_pktmbuf_mtod(m, uint8_t *), .id = t->next_id++};
	uint32_t i;

	if (n > FRAGMENT_OUT_MAX || rte_pktmbuf_alloc_bulk(t->pool, out, n) != 0)
		return 0;
	for (i = 0; i < n; i++) {
		piece.offset = i * room;
		piece.more = i + 1 < n;
		piece.len = piece.more ? room : total - piece.offset;
		put_v6_piece(out[i], &piece);
	}
	return n;
}

uint32_t
fragment_split(struct fragment_table *t, struct rte_mbuf *m, uint16_t mtu, struct rte_mbuf **out)
{
	bool v4 = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER_LEN)[0] >> 4 == 4;
	uint32_t room = rte_pktmbuf_data_room_size(t->pool) - RTE_PKTMBUF_HEADROOM;
	uint32_t n, i;

	if (mtu < MTU_MIN || (uint32_t)mtu + ETHER_LEN > room)
		return 0;
	n = v4 ? split_ipv4(t, m, mtu, out) : split_ipv6(t, m, mtu, out);
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++)
		out[i]->port = m->port;
	rte_pktmbuf_free(m);
	return n;
}
