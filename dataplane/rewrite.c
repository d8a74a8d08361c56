/* SPDX-License-Identifier: Apache-2.0 */
#include "rewrite.h"

#include "checksum.h"

/* Sum of 16-bit words as they lie in memory; the one's complement sum does not care for byte order (RFC 1071, 2). */
static uint32_t
sum_words(const void *data, size_t words)
{
	const uint8_t *p = data;
	uint32_t sum = 0;
	uint16_t w;
	size_t i;

	for (i = 0; i < words; i++) {
		memcpy(&w, p + 2 * i, sizeof(w));
		sum += w;
	}
	return sum;
}

/* The delta of checksum.h, from the sums of what was and what will be. */
static uint16_t
delta_of(uint32_t from, uint32_t to)
{
	return checksum_fold((uint32_t)(uint16_t)~checksum_fold(from) + checksum_fold(to));
}

static uint32_t
sum_addresses(const struct rewrite_tuple *t)
{
	if (ip_is_v4(&t->src))
		return sum_words(&t->src.w[3], 2) + sum_words(&t->dst.w[3], 2);
	return sum_words(t->src.b, 8) + sum_words(t->dst.b, 8);
}

void
rewrite_prepare(struct flow_line *line, const struct rewrite_tuple *from,
		const struct rewrite_tuple *to, uint8_t ttl_step)
{
	uint32_t old = sum_addresses(from), new = sum_addresses(to);

	line->out.q[0] = line->out.q[1] = 0;
	line->out.ttl = ttl_step;
	line->out.protocol = line->match.protocol;
	line->out.src_port_be = to->src_port_be;
	line->out.dst_port_be = to->dst_port_be;
	if (ip_is_v4(&to->src)) {
		line->out.src_be = ip_v4_be(&to->src);
		line->out.dst_be = ip_v4_be(&to->dst);
	}
	line->ip_delta = delta_of(old, new);
	if (ttl_step)
		line->ip_delta = checksum_delta_add(line->ip_delta, checksum_delta_ttl());
	line->l4_delta = delta_of(old + from->src_port_be + from->dst_port_be,
			new + to->src_port_be + to->dst_port_be);
}

static void
apply_at(uint8_t *at, uint16_t delta)
{
	uint16_t checksum;

	memcpy(&checksum, at, sizeof(checksum));
	checksum = checksum_apply(checksum, delta);
	memcpy(at, &checksum, sizeof(checksum));
}

static void
apply_l4(uint8_t *l4, uint8_t protocol, uint16_t delta)
{
	uint8_t *at = l4 + (protocol == IPPROTO_UDP ? L4_CHECKSUM_UDP : L4_CHECKSUM_TCP);
	uint16_t checksum;

	memcpy(&checksum, at, sizeof(checksum));
	checksum = protocol == IPPROTO_UDP ? checksum_apply_udp(checksum, delta)
					   : checksum_apply(checksum, delta);
	memcpy(at, &checksum, sizeof(checksum));
}

static void
write_tuple(uint8_t *frame, const struct packet *p, const struct rewrite_tuple *to)
{
	uint8_t *ip = frame + p->l3;

	if (p->family == 4) {
		memcpy(ip + 12, &to->src.w[3], 4);
		memcpy(ip + 16, &to->dst.w[3], 4);
	} else {
		memcpy(ip + 8, to->src.b, 16);
		memcpy(ip + 24, to->dst.b, 16);
	}
	memcpy(frame + p->l4, &to->src_port_be, 2);
	memcpy(frame + p->l4 + 2, &to->dst_port_be, 2);
}

void
rewrite_parsed(uint8_t *frame, const struct packet *p, const struct flow_line *line,
		const struct rewrite_tuple *to6)
{
	uint8_t *ip = frame + p->l3;
	struct rewrite_tuple to = {
			.src_port_be = line->out.src_port_be,
			.dst_port_be = line->out.dst_port_be,
	};

	if (p->family == 4) {
		to.src = ip_from_v4_be(line->out.src_be);
		to.dst = ip_from_v4_be(line->out.dst_be);
		ip[8] = (uint8_t)(ip[8] + line->out.ttl);
		apply_at(ip + 10, line->ip_delta);
	} else {
		to.src = to6->src;
		to.dst = to6->dst;
		ip[7] = (uint8_t)(ip[7] + line->out.ttl);
	}
	write_tuple(frame, p, &to);
	apply_l4(frame + p->l4, p->protocol, line->l4_delta);
}

void
rewrite_tuple(uint8_t *frame, const struct packet *p, const struct rewrite_tuple *to)
{
	uint8_t *ip = frame + p->l3;
	uint32_t old = p->family == 4 ? sum_words(ip + 12, 4) : sum_words(ip + 8, 16);
	uint32_t new = sum_addresses(to);
	uint32_t old_ports = sum_words(frame + p->l4, 2);

	if (p->family == 4)
		apply_at(ip + 10, delta_of(old, new));
	apply_l4(frame + p->l4, p->protocol,
			delta_of(old + old_ports, new + to->src_port_be + to->dst_port_be));
	write_tuple(frame, p, to);
}
