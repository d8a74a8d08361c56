/* SPDX-License-Identifier: Apache-2.0 */
#include "health_door.h"

#include "hash.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#define PORTS 65536
#define OPEN_S 120 /* a check, and its connection's end: longer than any timeout but an odd one */
#define TCP_FLAGS 13

struct health_door {
	struct ip_addr *far; /* open addressing, half full at most; none: free */
	size_t mask;
	uint32_t sent_s[3][PORTS]; /* by protocol and own port, when last; 0: never */
};

struct health_door *
health_door_create(void)
{
	struct health_door *d = calloc(1, sizeof(*d));

	if (d && health_door_follow(d, NULL, 0) < 0) {
		free(d);
		return NULL;
	}
	return d;
}

void
health_door_free(struct health_door *d)
{
	if (!d)
		return;
	free(d->far);
	free(d);
}

/* Its place, or the free one where it would be. */
static struct ip_addr *
place_of(const struct health_door *d, const struct ip_addr *addr)
{
	size_t i = (size_t)hash_16(0, addr->b) & d->mask;

	while (!ip_is_none(&d->far[i]) && !ip_equal(&d->far[i], addr))
		i = (i + 1) & d->mask;
	return &d->far[i];
}

int
health_door_follow(struct health_door *d, const struct ip_addr *far, size_t count)
{
	size_t i, size = 2;
	struct ip_addr *place;

	while (size < 2 * count)
		size *= 2;
	place = calloc(size, sizeof(*place));
	if (!place)
		return -ENOMEM;
	free(d->far);
	d->far = place;
	d->mask = size - 1;
	for (i = 0; i < count; i++)
		*place_of(d, &far[i]) = far[i];
	return 0;
}

static uint32_t
table_of(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? 0 : protocol == IPPROTO_UDP ? 1 : 2;
}

void
health_door_sent(struct health_door *d, const struct health_packet *out, uint64_t now_ms)
{
	d->sent_s[table_of(out->protocol)][out->own_port] = (uint32_t)(now_ms / 1000) + 1;
}

static bool
knows(const struct health_door *d, const struct ip_addr *addr)
{
	return !ip_is_none(addr) && !ip_is_none(place_of(d, addr));
}

static bool
is_connect(const uint8_t *packet, const struct health_packet *p)
{
	const uint8_t flags = packet[p->l4_at + TCP_FLAGS];

	return (flags & (TH_SYN | TH_ACK)) == TH_SYN;
}

static struct ip_addr
source_of(const uint8_t *packet)
{
	uint32_t be;

	if (packet[0] >> 4 == 6)
		return ip_from_v6(packet + 8);
	memcpy(&be, packet + 12, sizeof(be));
	return ip_from_v4_be(be);
}

bool
health_door_admits(const struct health_door *d, const uint8_t *packet, size_t len, uint64_t now_ms)
{
	struct health_packet p;
	struct ip_addr source;
	uint32_t sent_s;

	if (!health_packet_inbound(packet, len, &p)) {
		if (len < 20 || (packet[0] >> 4 == 6 && len < 40))
			return false;
		source = source_of(packet);
		return knows(d, &source);
	}
	sent_s = d->sent_s[table_of(p.protocol)][p.own_port];
	if (!sent_s || now_ms / 1000 + 1 - sent_s > OPEN_S || !knows(d, &p.src))
		return false;
	return p.error_at || p.protocol != IPPROTO_TCP || !is_connect(packet, &p);
}
