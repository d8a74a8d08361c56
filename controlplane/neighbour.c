/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives, what is due and what is to be sent meet here; the states are in neighbour_table.c, the bytes in
 * neighbour_packet.c, the question of which addresses are ours in neighbour_own.c.
 *
 * hop[eid] is the entry that an endpoint's frames go to; it is pinned. When an entry's address comes, changes or goes,
 * every endpoint behind it is told to the registry, and one gateway_apply() follows a moment later, so that the answers
 * of a thousand endpoints after a start do not make a thousand views.
 */
#include "neighbour.h"

#include "neighbour_own.h"
#include "neighbour_packet.h"
#include "neighbour_table.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdlib.h>

#define TICK_MS 100
#define APPLY_MS 1 /* answers that come together are published together */
#define ASKS_PER_TICK \
	128 /* a start with thousands of endpoints must not flood the link, nor the inject ring */
#define ANNOUNCEMENTS \
	3 /* RFC 5227, 2.3 has 2, 2 s apart; the first may be too early for a link coming up */
#define ANNOUNCE_MS 2000
#define ECHO_PER_SECOND 1000 /* answers to pings must not displace the control thread's work */
#define NEW_PER_SECOND \
	100 /* neighbours that packets ask for: endpoints' have entries already, so more is a scan */
#define DEFEND_MS 10000 /* RFC 5227, 2.4: DEFEND_INTERVAL */
#define ETHER_LEN 14
#define MAC_TEXT 18 /* bytes, "02:00:00:00:00:01" */

#define COUNTER_LIST(X)                                                             \
	X(answered) /* requests for our addresses */                                \
	X(asked) /* requests sent */                                                \
	X(announced) /* gratuitous ARP, unsolicited advertisements */               \
	X(echoes_answered)                                                          \
	X(echoes_limited) /* not answered: more than 1,000 a second */              \
	X(malformed)                                                                \
	X(foreign_sender) /* ARP, ND from an address outside the port's prefixes */ \
	X(conflicts) /* another host claims an address of ours */                   \
	X(failed) /* neighbours that stopped answering, or never did */             \
	X(table_full)                                                               \
	X(unresolved_dropped) /* packets that waited for a neighbour in vain */     \
	X(no_buffer) /* frames not sent: no buffer, or ring full */

struct counters {
#define X(name) uint64_t name;
	COUNTER_LIST(X)
#undef X
};

struct neighbours {
	struct gateway *g;
	struct neighbour_table *table;
	struct neighbour **hop;
	uint32_t hop_count;
	struct neighbour_own *own;
	uint32_t own_count;
	struct loop_watch *tick, *apply;
	uint64_t echo_second, new_second, defended_ms;
	uint32_t echoes, news;
	struct counters count;
};

static const struct config *
config_of(const struct neighbours *n)
{
	return registry_config(n->g->registry);
}

/* Sending */

static bool
send_bytes(struct neighbours *n, uint16_t port, const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *m = dataplane_mbuf_or_null(n->g->dataplane);
	char *data = m ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (data) {
		memcpy(data, bytes, len);
		if (dataplane_inject(n->g->dataplane, m, port))
			return true;
	} else {
		rte_pktmbuf_free(m);
	}
	n->count.no_buffer++;
	return false;
}

static void
ask(struct neighbours *n, const struct neighbour *e, enum neighbour_action how)
{
	struct neighbour_message message = {.our_mac = n->g->port[e->port].mac,
			.our_addr = route_source(config_of(n), e->port, &e->addr),
			.mac = e->mac,
			.addr = e->addr};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	size_t len;

	/* A solicitation without a source would be duplicate address detection. */
	if (ip_is_none(&message.our_addr) && !ip_is_v4(&e->addr))
		return;
	len = how == NEIGHBOUR_ASK_ONE ? neighbour_ask_one(frame, &message)
				       : neighbour_ask_all(frame, &message);
	if (send_bytes(n, e->port, frame, len))
		n->count.asked++;
}

static void
announce(struct neighbours *n, uint16_t port, const struct ip_addr *addr)
{
	struct neighbour_message message = {.our_mac = n->g->port[port].mac, .our_addr = *addr};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];

	if (send_bytes(n, port, frame, neighbour_announce(frame, &message)))
		n->count.announced++;
}

static void
send_to(struct neighbours *n, const struct neighbour *e, struct rte_mbuf *frame)
{
	uint8_t *data = rte_pktmbuf_mtod(frame, uint8_t *);
	uint16_t type = data[ETHER_LEN] >> 4 == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6;

	memcpy(data, e->mac.b, 6);
	memcpy(data + 6, n->g->port[e->port].mac.b, 6);
	data[12] = (uint8_t)(type >> 8);
	data[13] = (uint8_t)type;
	if (!dataplane_inject(n->g->dataplane, frame, e->port))
		n->count.no_buffer++;
}

static void
waiting_send(struct neighbours *n, struct neighbour *e)
{
	uint32_t i;

	for (i = 0; i < e->waiting_count; i++)
		send_to(n, e, e->waiting[i]);
	e->waiting_count = 0;
}

static void
waiting_drop(struct neighbours *n, struct neighbour *e)
{
	n->count.unresolved_dropped += e->waiting_count;
	rte_pktmbuf_free_bulk(e->waiting, e->waiting_count);
	e->waiting_count = 0;
}

static void
waiting_add(struct neighbours *n, struct neighbour *e, struct rte_mbuf *frame)
{
	if (e->waiting_count == NEIGHBOUR_WAITING_MAX) {
		/* RFC 4861, 7.2.2: the newest are worth more. */
		rte_pktmbuf_free(e->waiting[0]);
		n->count.unresolved_dropped++;
		memmove(&e->waiting[0], &e->waiting[1], sizeof(e->waiting) - sizeof(e->waiting[0]));
		e->waiting_count--;
	}
	e->waiting[e->waiting_count++] = frame;
}

/* Endpoints behind an entry */

static void
apply_now(void *arg)
{
	struct neighbours *n = arg;

	n->apply = NULL;
	gateway_apply(n->g);
}

static void
apply_soon(struct neighbours *n)
{
	if (n->apply)
		return;
	n->apply = loop_timer(n->g->loop, APPLY_MS, 0, apply_now, n);
	if (!n->apply)
		apply_now(n);
}

static void
endpoint_set(struct neighbours *n, struct endpoint *e, const struct neighbour *hop)
{
	struct view_l2 l2 = {.port = hop ? hop->port : 0};

	if (!hop || !neighbour_usable(hop)) {
		if (e->resolved) {
			registry_set_neighbour(n->g->registry, e, NULL, 0);
			apply_soon(n);
		}
		return;
	}
	memcpy(l2.dst, hop->mac.b, 6);
	memcpy(l2.src, n->g->port[hop->port].mac.b, 6);
	if (e->resolved && memcmp(&e->l2, &l2, sizeof(l2)) == 0)
		return;
	registry_set_neighbour(n->g->registry, e, &l2, n->g->port[hop->port].mtu);
	apply_soon(n);
}

static void
endpoints_set(struct neighbours *n, const struct neighbour *hop)
{
	struct endpoint *e;
	uint32_t eid;

	for (eid = 0; eid < n->hop_count; eid++) {
		if (n->hop[eid] != hop)
			continue;
		e = registry_endpoint_by_id(n->g->registry, eid);
		if (e)
			endpoint_set(n, e, hop);
	}
}

static const char *
mac_text(const struct ether_mac *mac, char text[MAC_TEXT])
{
	const uint8_t *m = mac->b;

	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
			m[5]);
	return text;
}

static void
tell_up(struct neighbours *n, enum journal_level level, const struct neighbour *e)
{
	char addr[IP_TEXT_SIZE], mac[MAC_TEXT];

	journal_add(n->g->journal, level, "neighbour-up", NULL, NULL,
			"neighbour %s on port \"%s\" is at %s", ip_format(&e->addr, addr),
			config_of(n)->port[e->port].name, mac_text(&e->mac, mac));
}

static void
tell_down(struct neighbours *n, const struct neighbour *e)
{
	static const struct ether_mac never;
	bool known = memcmp(&e->mac, &never, sizeof(never)) != 0;
	char addr[IP_TEXT_SIZE], mac[MAC_TEXT];

	journal_add(n->g->journal, JOURNAL_WARNING, "neighbour-down", NULL, NULL,
			"neighbour %s on port \"%s\" does not answer; %s%s",
			ip_format(&e->addr, addr), config_of(n)->port[e->port].name,
			known ? "last known at " : "it never has",
			known ? mac_text(&e->mac, mac) : "");
}

static void
learn(struct neighbours *n, struct neighbour *e, const struct neighbour_evidence *evidence)
{
	bool news = e->state != NEIGHBOUR_INCOMPLETE;

	if (neighbour_learn(e, evidence, loop_now_ms())) {
		/* A thousand first answers after a start are none. */
		if (e->pinned)
			tell_up(n, news ? JOURNAL_NOTICE : JOURNAL_DEBUG, e);
		endpoints_set(n, e);
	}
	if (neighbour_usable(e))
		waiting_send(n, e);
}

/* Timers */

static void
forget(struct neighbours *n, struct neighbour *e)
{
	waiting_drop(n, e);
	neighbour_del(n->table, e);
}

/* True if a frame was sent. */
static bool
step(struct neighbours *n, struct neighbour *e, uint64_t now_ms)
{
	enum neighbour_action action = neighbour_step(e, now_ms);

	switch (action) {
	case NEIGHBOUR_NOTHING:
		return false;
	case NEIGHBOUR_ASK_ALL:
	case NEIGHBOUR_ASK_ONE:
		ask(n, e, action);
		return true;
	case NEIGHBOUR_GIVE_UP:
		n->count.failed++;
		waiting_drop(n, e);
		if (e->pinned)
			tell_down(n, e);
		endpoints_set(n, e);
		return false;
	case NEIGHBOUR_FORGET:
		forget(n, e);
		return false;
	}
	return false;
}

static void
tick(void *arg)
{
	struct neighbours *n = arg;
	uint32_t i, left = ASKS_PER_TICK, limit = neighbour_table_limit(n->table);
	uint64_t now_ms = loop_now_ms();

	for (i = 0; i < limit && left > 0; i++) {
		struct neighbour *e = neighbour_at(n->table, i);

		if (e && step(n, e, now_ms))
			left--;
	}
	for (i = 0; i < n->own_count && left > 0; i++) {
		struct neighbour_own *o = &n->own[i];

		if (o->left == 0 || now_ms < o->next_ms)
			continue;
		announce(n, o->port, &o->addr);
		o->left--;
		o->next_ms = now_ms + ANNOUNCE_MS;
		left--;
	}
}

/* An entry to be used now; NULL if the table is full of pinned ones. */
static struct neighbour *
entry_of(struct neighbours *n, uint16_t port, const struct ip_addr *addr)
{
	struct neighbour *e = neighbour_lookup(n->table, port, addr);
	struct neighbour *oldest;

	if (e)
		return e;
	e = neighbour_add(n->table, port, addr, loop_now_ms());
	if (e)
		return e;
	n->count.table_full++;
	oldest = neighbour_oldest(n->table);
	if (!oldest)
		return NULL;
	forget(n, oldest);
	return neighbour_add(n->table, port, addr, loop_now_ms());
}

/* Input */

static bool
on_link(const struct neighbours *n, uint16_t port, const struct ip_addr *addr)
{
	bool link_local = addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;

	return link_local || route_connected(config_of(n), port, addr);
}

/* RFC 5227, 2.4: somebody else uses an address of ours; we say once in a while that it is ours. */
static void
conflict(struct neighbours *n, uint16_t port, const struct ip_addr *addr,
		const struct ether_mac *mac)
{
	uint64_t now_ms = loop_now_ms();
	char text[IP_TEXT_SIZE], who[MAC_TEXT];

	if (memcmp(mac, &n->g->port[port].mac, sizeof(*mac)) == 0)
		return; /* our own frame come back */
	n->count.conflicts++;
	if (n->defended_ms && now_ms - n->defended_ms < DEFEND_MS)
		return;
	n->defended_ms = now_ms;
	journal_add(n->g->journal, JOURNAL_WARNING, "address-conflict", NULL, NULL,
			"%s on port \"%s\" claims our address %s", mac_text(mac, who),
			config_of(n)->port[port].name, ip_format(addr, text));
	if (neighbour_own_answered(config_of(n), port, addr))
		announce(n, port, addr);
}

/* May what the packet says of `addr` be believed? */
static bool
credible(struct neighbours *n, uint16_t port, const struct ip_addr *addr,
		const struct neighbour_packet *p)
{
	if (neighbour_own_any(config_of(n), addr)) {
		conflict(n, port, addr, p->has_mac ? &p->mac : &p->frame_src);
		return false;
	}
	if (on_link(n, port, addr))
		return true;
	n->count.foreign_sender++;
	return false;
}

static void
request_input(struct neighbours *n, uint16_t port, const struct neighbour_packet *p)
{
	struct neighbour_evidence evidence = {.mac = p->mac, .override = true};
	struct neighbour_message message = {.our_mac = n->g->port[port].mac,
			.our_addr = p->target,
			.mac = p->has_mac ? p->mac : p->frame_src,
			.addr = p->sender};
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	struct neighbour *e;

	if (!ip_is_none(&p->sender)) {
		if (!credible(n, port, &p->sender, p))
			return;
		e = p->has_mac ? neighbour_lookup(n->table, port, &p->sender) : NULL;
		if (e)
			learn(n, e, &evidence);
	}
	if (!neighbour_own_answered(config_of(n), port, &p->target))
		return;
	if (send_bytes(n, port, frame, neighbour_tell(frame, &message)))
		n->count.answered++;
}

static void
reply_input(struct neighbours *n, uint16_t port, const struct neighbour_packet *p)
{
	struct neighbour_evidence evidence = {
			.mac = p->mac, .confirms = p->solicited, .override = p->override};
	struct neighbour *e;

	if (!credible(n, port, &p->target, p))
		return;
	e = neighbour_lookup(n->table, port, &p->target);
	if (!e)
		return;
	if (!p->has_mac) {
		/* RFC 4861, 7.2.5: the answer to a unicast question may leave it out. */
		if (!neighbour_usable(e))
			return;
		evidence.mac = e->mac;
	}
	learn(n, e, &evidence);
}

static bool
echo_allowed(struct neighbours *n)
{
	uint64_t second = loop_now_ms() / 1000;

	if (second != n->echo_second) {
		n->echo_second = second;
		n->echoes = 0;
	}
	return n->echoes++ < ECHO_PER_SECOND;
}

static void
echo_input(struct neighbours *n, uint16_t port, struct rte_mbuf *frame)
{
	size_t len;

	if (!echo_allowed(n)) {
		n->count.echoes_limited++;
		rte_pktmbuf_free(frame);
		return;
	}
	len = neighbour_echo_reply(rte_pktmbuf_mtod(frame, uint8_t *), &n->g->port[port].mac);
	rte_pktmbuf_trim(frame, (uint16_t)(rte_pktmbuf_data_len(frame) - len));
	if (dataplane_inject(n->g->dataplane, frame, port))
		n->count.echoes_answered++;
	else
		n->count.no_buffer++;
}

bool
neighbours_input(struct neighbours *n, struct rte_mbuf *frame)
{
	uint16_t port = frame->port;
	struct neighbour_packet p;

	if (port >= n->g->port_count)
		return false;
	switch (neighbour_decode(
			rte_pktmbuf_mtod(frame, uint8_t *), rte_pktmbuf_data_len(frame), &p)) {
	case NEIGHBOUR_OTHER:
		return false;
	case NEIGHBOUR_MALFORMED:
		n->count.malformed++;
		break;
	case NEIGHBOUR_REQUEST:
		request_input(n, port, &p);
		break;
	case NEIGHBOUR_REPLY:
		reply_input(n, port, &p);
		break;
	case NEIGHBOUR_ECHO:
		if (!neighbour_own_any(config_of(n), &p.target) ||
				neighbour_own_any(config_of(n), &p.sender))
			return false;
		echo_input(n, port, frame);
		return true;
	}
	rte_pktmbuf_free(frame);
	return true;
}

/* The registry's part */

static void
endpoint_follow(struct neighbours *n, struct endpoint *e)
{
	struct neighbour *hop = NULL;
	struct route_result route;

	if (e->eid >= n->hop_count)
		return;
	if (route_lookup(config_of(n), &e->config->addr, &route))
		hop = entry_of(n, route.port, &route.next_hop);
	if (hop)
		hop->pinned = true;
	n->hop[e->eid] = hop;
	endpoint_set(n, e, hop);
}

static void
unpin_all(struct neighbours *n)
{
	uint64_t now_ms = loop_now_ms();
	struct neighbour *e;
	uint32_t i;

	memset(n->hop, 0, n->hop_count * sizeof(n->hop[0]));
	for (i = 0; i < neighbour_table_limit(n->table); i++) {
		e = neighbour_at(n->table, i);
		if (!e || !e->pinned)
			continue;
		e->pinned = false;
		e->used_ms = now_ms;
	}
}

/* Neighbours that the configuration names; those that it names no more are asked for like any other. */
static void
static_follow(struct neighbours *n)
{
	const struct config *config = config_of(n);
	uint64_t now_ms = loop_now_ms();
	struct neighbour *e;
	size_t i, j;

	for (i = 0; i < neighbour_table_limit(n->table); i++) {
		e = neighbour_at(n->table, (uint32_t)i);
		if (e && e->state == NEIGHBOUR_STATIC)
			neighbour_doubt(e, now_ms);
	}
	for (i = 0; i < config->port_count; i++)
		for (j = 0; j < config->port[i].neighbour_count; j++) {
			e = entry_of(n, (uint16_t)i, &config->port[i].neighbour[j].addr);
			if (e && neighbour_fix(e, &config->port[i].neighbour[j].mac, now_ms))
				waiting_send(n, e);
		}
}

/* New addresses are announced; known ones keep what is left of theirs. */
static void
own_follow(struct neighbours *n)
{
	struct neighbour_own *list;
	uint32_t count, i, j;

	if (neighbour_own_list(config_of(n), &list, &count) < 0)
		return; /* announcing helps others forget an old owner; without it they find out */
	for (i = 0; i < count; i++) {
		list[i].left = ANNOUNCEMENTS;
		for (j = 0; j < n->own_count; j++) {
			if (n->own[j].port == list[i].port &&
					ip_equal(&n->own[j].addr, &list[i].addr))
				list[i] = n->own[j];
		}
	}
	free(n->own);
	n->own = list;
	n->own_count = count;
}

/* What stays is held before anything new makes itself room. */
static void
endpoint_hold(struct neighbours *n, struct endpoint *e)
{
	struct neighbour *hop = NULL;
	struct route_result route;

	if (route_lookup(config_of(n), &e->config->addr, &route))
		hop = neighbour_lookup(n->table, route.port, &route.next_hop);
	if (hop)
		hop->pinned = true;
}

static void
endpoints_each(struct neighbours *n, void (*fn)(struct neighbours *n, struct endpoint *e))
{
	size_t i, j;

	for (i = 0; i < registry_service_count(n->g->registry); i++) {
		struct service *s = registry_service_at(n->g->registry, i);

		for (j = 0; j < s->endpoint_count; j++)
			fn(n, s->endpoint[j]);
	}
}

void
neighbours_sync(struct neighbours *n)
{
	unpin_all(n);
	endpoints_each(n, endpoint_hold);
	static_follow(n);
	endpoints_each(n, endpoint_follow);
	own_follow(n);
	tick(n);
}

void
neighbours_question(struct neighbours *n, const struct endpoint *e)
{
	struct neighbour *hop = e->eid < n->hop_count ? n->hop[e->eid] : NULL;

	if (hop)
		neighbour_question(hop, loop_now_ms());
}

bool
neighbours_route(const struct neighbours *n, const struct ip_addr *dst, struct route_result *out)
{
	return route_lookup(config_of(n), dst, out);
}

/* For a packet to send; NULL if it must go without. */
static struct neighbour *
entry_to_send(struct neighbours *n, uint16_t port, const struct ip_addr *next_hop)
{
	struct neighbour *e = neighbour_lookup(n->table, port, next_hop);
	uint64_t second = loop_now_ms() / 1000;

	if (e)
		return e;
	if (second != n->new_second) {
		n->new_second = second;
		n->news = 0;
	}
	return n->news++ < NEW_PER_SECOND ? entry_of(n, port, next_hop) : NULL;
}

void
neighbours_send(struct neighbours *n, uint16_t port, const struct ip_addr *next_hop,
		struct rte_mbuf *frame)
{
	struct neighbour *e = port < n->g->port_count ? entry_to_send(n, port, next_hop) : NULL;

	if (!e || rte_pktmbuf_data_len(frame) <= ETHER_LEN) {
		n->count.unresolved_dropped++;
		rte_pktmbuf_free(frame);
		return;
	}
	e->used_ms = loop_now_ms();
	if (neighbour_usable(e)) {
		send_to(n, e, frame);
		return;
	}
	waiting_add(n, e, frame);
	step(n, e, e->used_ms);
}

static json_t *
row_json(const struct neighbours *n, const struct neighbour *e)
{
	char addr[IP_TEXT_SIZE], mac[MAC_TEXT];

	return json_pack("{s:s s:o s:s s:s s:b s:I}", "address", ip_format(&e->addr, addr), "mac",
			neighbour_usable(e) ? json_string(mac_text(&e->mac, mac)) : json_null(),
			"port", config_of(n)->port[e->port].name, "state",
			neighbour_state_name(e->state), "endpoint", e->pinned, "age_ms",
			(json_int_t)(loop_now_ms() - e->since_ms));
}

json_t *
neighbours_json(const struct neighbours *n)
{
	json_t *rows = json_array();
	uint32_t i;

	for (i = 0; i < neighbour_table_limit(n->table); i++) {
		const struct neighbour *e = neighbour_at(n->table, i);

		if (e)
			json_array_append_new(rows, row_json(n, e));
	}
	return rows;
}

json_t *
neighbours_counters_json(const struct neighbours *n)
{
	json_t *o = json_object();

#define X(name) json_object_set_new(o, #name, json_integer((json_int_t)n->count.name));
	COUNTER_LIST(X)
#undef X
	return o;
}

struct neighbours *
neighbours_create(struct gateway *g)
{
	struct neighbours *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->g = g;
	n->hop_count = registry_endpoint_limit(g->registry);
	n->hop = calloc(n->hop_count + 1, sizeof(n->hop[0]));
	n->table = neighbour_table_create(registry_config(g->registry)->limits.neighbours);
	n->tick = loop_timer(g->loop, TICK_MS, TICK_MS, tick, n);
	if (!n->hop || !n->table || !n->tick) {
		neighbours_free(n);
		return NULL;
	}
	return n;
}

void
neighbours_free(struct neighbours *n)
{
	struct neighbour *e;
	uint32_t i;

	if (!n)
		return;
	loop_unwatch(n->tick);
	loop_unwatch(n->apply);
	for (i = 0; n->table && i < neighbour_table_limit(n->table); i++) {
		e = neighbour_at(n->table, i);
		if (e)
			waiting_drop(n, e);
	}
	neighbour_table_free(n->table);
	free(n->hop);
	free(n->own);
	free(n);
}
