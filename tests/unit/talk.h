/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients and endpoints that talk through a rig:
 *
 *   client --- port out (device 0) --- gateway --- port in (device 1) --- endpoints
 */
#pragma once

#include "rig.h"

#include <rte_tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S RTE_TCP_SYN_FLAG
#define A RTE_TCP_ACK_FLAG
#define R RTE_TCP_RST_FLAG
#define F RTE_TCP_FIN_FLAG
#define OUT 0
#define IN 1

static const char HEAD[] __attribute__((unused)) =
		"gateway: {lcores: [1], main_lcore: 0, hugepages: false, hash_seed: 1}\n"
		"limits: {flows: 4096, endpoints: 128, services: 64, local_addresses: 2}\n"
		"ports:\n"
		"  - {name: out, device: \"net_null0\", addresses: [192.0.2.2/24, "
		"\"2001:db8:1::2/64\"],\n"
		"     gateways: [192.0.2.1, \"2001:db8:1::1\"]}\n"
		"  - {name: in, device: \"net_null1\", addresses: [10.0.0.2/24, \"fd00::2/64\"]}\n"
		"local_addresses: [10.0.0.3, \"fd00::3\"]\n"
		"services:\n";

/* A service in each mode, family and protocol. */
struct mode {
	const char *name;
	const char *forward;
	bool v6;
	uint8_t protocol;
};

static struct rig rig;
static char yaml[8192];

static inline const char *
client(bool v6)
{
	return v6 ? "2001:db8:ffff::5" : "203.0.113.5";
}

static inline const char *
service(bool v6)
{
	return v6 ? "2001:db8::1" : "198.51.100.1";
}

static inline const char *
local(bool v6)
{
	return v6 ? "fd00::3" : "10.0.0.3";
}

static inline bool
is_dsr(const struct mode *m)
{
	return m->forward[0] == 'd';
}

static inline bool
is_fullnat(const struct mode *m)
{
	return m->forward[0] == 'f';
}

/* web: a, with shadow s, at port 8080 but for dsr-l2. `more` are further keys of the service, `of_a` of endpoint a. */
static inline const char *
config_of(const struct mode *m, const char *more, const char *of_a)
{
	const char *port = is_dsr(m) ? "" : ", port: 8080";

	snprintf(yaml, sizeof(yaml),
			"%s  - name: web\n"
			"    address: \"%s\"\n"
			"    protocol: %s\n"
			"    port: 80\n"
			"    forward: %s\n"
			"    %s\n"
			"    endpoints:\n"
			"      - {name: a, address: \"%s\"%s, shadows: [s] %s}\n"
			"      - {name: s, address: \"%s\"%s, weight: 0}\n",
			HEAD, service(m->v6), m->protocol == IPPROTO_TCP ? "tcp" : "udp",
			m->forward, more, m->v6 ? "fd00::11" : "10.0.0.11", port, of_a,
			m->v6 ? "fd00::21" : "10.0.0.21", port);
	return yaml;
}

static inline void
start(const struct mode *m, const char *more, const char *of_a)
{
	rig_start(&rig, &(struct rig_options){.yaml = config_of(m, more, of_a)});
}

/* A sent frame, taken apart the slow way. */
struct seen {
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	uint16_t sport, dport, device;
	uint8_t protocol, ttl, flags;
	uint32_t seq, ack, len;
	const uint8_t *frame, *l4;
};

static inline void
seen_of(const struct rig_sent *sent, struct seen *s)
{
	const uint8_t *ip = sent->frame + 14;
	bool v6 = frame_get16(sent->frame + 12) == 0x86dd;

	memset(s, 0, sizeof(*s));
	s->frame = sent->frame;
	s->len = sent->len;
	s->device = sent->device;
	inet_ntop(v6 ? AF_INET6 : AF_INET, ip + (v6 ? 8 : 12), s->src, sizeof(s->src));
	inet_ntop(v6 ? AF_INET6 : AF_INET, ip + (v6 ? 24 : 16), s->dst, sizeof(s->dst));
	s->protocol = ip[v6 ? 6 : 9];
	s->ttl = ip[v6 ? 7 : 8];
	s->l4 = ip + (v6 ? 40 : (ip[0] & 15) * 4);
	s->sport = frame_get16(s->l4);
	s->dport = frame_get16(s->l4 + 2);
	if (s->protocol != IPPROTO_TCP)
		return;
	s->seq = frame_get32(s->l4 + 4);
	s->ack = frame_get32(s->l4 + 8);
	s->flags = s->l4[13];
}

/* The next that was sent. */
static inline bool
take(struct seen *s)
{
	const struct rig_sent *sent = rig_take(&rig);

	if (sent)
		seen_of(sent, s);
	return sent;
}

static inline void
feed(uint16_t device, const struct frame_spec *spec)
{
	static struct frame f;

	frame_make(spec, &f);
	rig_feed(&rig, device, 0, f.b, f.len);
}

static inline struct frame_spec
from_client(const struct mode *m, uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct frame_spec){.src = client(m->v6),
			.dst = service(m->v6),
			.protocol = m->protocol,
			.sport = sport,
			.dport = 80,
			.flags = flags,
			.seq = seq,
			.ack = ack,
			.payload_len = flags & (S | R | F) ? 0 : 32};
}

/* What the endpoint answers to what it saw. */
static inline struct frame_spec
answer_to(const struct seen *s, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct frame_spec){.src = s->dst,
			.dst = s->src,
			.protocol = s->protocol,
			.sport = s->dport,
			.dport = s->sport,
			.flags = flags,
			.seq = seq,
			.ack = ack,
			.payload_len = flags & (S | R | F) ? 0 : 48};
}

static inline void
send_in(uint16_t device, const struct frame_spec *spec)
{
	feed(device, spec);
	rig_run(&rig);
}

/* The first packet of a flow; what the endpoint sees. */
static inline struct seen
begin(const struct mode *m, uint16_t sport)
{
	struct frame_spec f = from_client(m, sport, S, 1000, 0);
	struct seen s;

	if (m->protocol == IPPROTO_UDP)
		f.payload_len = 32;
	send_in(OUT, &f);
	assert_true(take(&s));
	return s;
}

/* TCP: up to and with the client's ACK. What the endpoint saw. */
static inline struct seen
establish(const struct mode *m, uint16_t sport)
{
	struct seen s = begin(m, sport), out;
	struct frame_spec f = answer_to(&s, S | A, 5000, 1001);

	if (m->protocol == IPPROTO_UDP)
		return s;
	if (!is_dsr(m)) {
		send_in(IN, &f);
		assert_true(take(&out));
	}
	f = from_client(m, sport, A, 1001, 5001);
	send_in(OUT, &f);
	assert_true(take(&out));
	return s;
}

static inline uint8_t
eid_seen(const struct seen *s)
{
	return s->frame[5];
}

static inline bool
went_to(const struct seen *s, const char *endpoint)
{
	return s->device == IN && s->frame[1] == 0xee &&
			eid_seen(s) == rig_endpoint(&rig, "web", endpoint)->eid;
}

/* An ICMP error about the frame at `ip`, as a router on its way would send it. */
struct icmp_spec {
	const char *src, *dst;
	uint8_t type, code;
	uint32_t second; /* MTU */
	const uint8_t *ip;
	uint16_t quoted;
};

static inline void
feed_icmp(uint16_t device, const struct icmp_spec *i)
{
	struct frame_spec f = {.src = i->src,
			.dst = i->dst,
			.protocol = strchr(i->src, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
			.sport = (uint16_t)(i->type << 8 | i->code),
			.seq = i->second,
			.payload = i->ip,
			.payload_len = i->quoted};

	send_in(device, &f);
}

/* What an ICMP error that was sent quotes. */
static inline void
quoted(const struct seen *s, bool v6, struct seen *in)
{
	const uint8_t *ip = s->l4 + 8;

	memset(in, 0, sizeof(*in));
	inet_ntop(v6 ? AF_INET6 : AF_INET, ip + (v6 ? 8 : 12), in->src, sizeof(in->src));
	inet_ntop(v6 ? AF_INET6 : AF_INET, ip + (v6 ? 24 : 16), in->dst, sizeof(in->dst));
	in->sport = frame_get16(ip + (v6 ? 40 : 20));
	in->dport = frame_get16(ip + (v6 ? 42 : 22));
}
